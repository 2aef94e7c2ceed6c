"""streamGenerateContent replies, read: each event is a `GenerateContentResponse` with the parts that are new.

There is no terminator of its own: the chunk in which the last answer gets its finish reason ends the stream, or the one
that tells of a blocked prompt.
"""

from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    ImagePart,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    PartDelta,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    merge_json,
)
from ecotone.wire.fields import Fields
from ecotone.wire.gemini.error import decode_error_object
from ecotone.wire.gemini.finish import decode_finish
from ecotone.wire.gemini.partial_args import PartialArguments
from ecotone.wire.gemini.reply import (
    decode_reply_part,
    malformed,
    no_choice,
    take_logprobs,
    take_time,
)
from ecotone.wire.gemini.usage import decode_usage
from ecotone.wire.gemini.vendor import form_of, make_vendor
from ecotone.wire.sse_stream import SseDecoder

_decoder = msgspec.json.Decoder()
_CHOICES_MAX = 1024


class _TextPart(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    text: str
    thought: bool = False


class _TextContent(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    parts: tuple[_TextPart]
    role: str = ""


class _TextCandidate(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    content: _TextContent
    index: int = 0


class _TextChunk(msgspec.Struct, frozen=True, gc=False, rename="camel", forbid_unknown_fields=True):
    """A chunk with some text of one answer and nothing else of note, as nearly every chunk is."""

    candidates: tuple[_TextCandidate]
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str = ""
    response_id: str = ""
    create_time: str = ""


_text_decoder = msgspec.json.Decoder(_TextChunk)


class EventDecoder(SseDecoder):
    """A stream of this wire, read.

    Usage is reported once, as the last chunk has it. Fields of a candidate that are not understood are gathered and
    come with its Finish, those of the whole reply with Start if they were in the first chunk and with End if later.
    """

    ends_with = "finish reason"

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._id: str | None = None
        self._said: Json = {}
        self._rest: Json = {}
        self._choices: dict[int, _ChoiceDecoder] = {}

    def read(self, data: bytes, events: list[Event]) -> None:
        if self._started and self._read_text(data, events):
            return
        try:
            decoded = _decoder.decode(data)
        except (ValueError, RecursionError) as fault:
            raise malformed(f"{fault}.", "") from None
        if isinstance(decoded, list) or (isinstance(decoded, dict) and decoded.get("error")):
            raise decode_error_object(decoded, raw=data)
        # A chunk counts whole or not at all.
        found: list[Event] = []
        self._read_chunk(Fields(decoded, "", malformed), found)
        events += found

    def _read_text(self, data: bytes, events: list[Event]) -> bool:
        """Whether this was a plain chunk of text, which is done with here; most of the time of a stream is."""
        try:
            candidate = _text_decoder.decode(data).candidates[0]
        except (ValueError, RecursionError):
            return False
        choice = self._choices.get(candidate.index)
        if choice is None or choice.finished:
            return False
        part = candidate.content.parts[0]
        if not part.text:
            return True
        if part.thought:
            choice.thinks()
            events.append(ReasoningDelta(candidate.index, choice.part("thought"), part.text))
        else:
            events.append(TextDelta(candidate.index, choice.part("text"), part.text))
        return True

    def _read_chunk(self, chunk: Fields, events: list[Event]) -> None:
        candidates = list(chunk.each("candidates"))
        usage = chunk.apart("usageMetadata")
        blocked = no_choice(chunk) if not candidates and not self._choices else None
        self._start(chunk, events)
        finishes: list[Event] = []
        for number, fields in enumerate(candidates):
            index = fields.integer("index")
            index = number if index is None else index
            choice = self._choices.get(index)
            if choice is None:
                if len(self._choices) == _CHOICES_MAX:
                    raise malformed(f"it has more than {_CHOICES_MAX} choices.", "")
                choice = self._choices[index] = _ChoiceDecoder(index, self._id)
            choice.read(fields, events, finishes)
        if blocked is not None and blocked.finish == "content_filter":
            finishes.append(Finish(0, blocked.finish, blocked.raw_finish, blocked.vendor))
            self.ended = True
        elif self._choices and all(choice.finished for choice in self._choices.values()):
            self.ended = True
        events += finishes
        if self.ended:
            if usage is not None:
                events.append(UsageReport(decode_usage(usage)))
            events.append(End(make_vendor(self._rest)))

    def _start(self, chunk: Fields, events: list[Event]) -> None:
        """Start, with the first chunk; of later ones what is news. What every chunk repeats has been said."""
        identity, model = chunk.text("responseId") or None, chunk.text("modelVersion") or None
        created, form = take_time(chunk)
        rest = {name: value for name, value in chunk.rest().items() if value is not None}
        if self._started:
            merge_json(self._rest, {name: value for name, value in rest.items() if self._said.get(name) != value})
            return
        self._started, self._id, self._said = True, identity, rest
        events.append(Start(identity, model, created, make_vendor(rest, createTime=form)))


class _ChoiceDecoder:
    """One candidate of a stream: numbers its parts in the order they begin, and gathers what is not understood."""

    def __init__(self, index: int, reply_id: str | None) -> None:
        self.finished = False
        self._index = index
        self._reply_id = reply_id
        self._open: str | None = None
        self._parts_count = 0
        self._kinds: set[type] = set()
        self._rest: Json = {}
        self._partial: tuple[Json, PartialArguments] | None = None

    def part(self, kind: str | None) -> int:
        """The number of the part that is open, if it is of this kind, else of a new one; None is never open."""
        if kind is None or self._open != kind:
            self._open = kind
            self._parts_count += 1
        return self._parts_count - 1

    def thinks(self) -> None:
        """A thought was read: signatures from here on belong to thoughts that the client has seen."""
        self._kinds.add(ReasoningPart)

    def read(self, candidate: Fields, events: list[Event], finishes: list[Event]) -> None:
        """One entry of a chunk's `candidates`."""
        content = candidate.child("content")
        if content is not None:
            content.take("role")
            for fields in content.each("parts"):
                if not self._read_partial(fields, events):
                    self._read_part(fields, events)
        logprobs = take_logprobs(candidate)
        if logprobs is not None:
            events.append(LogprobsDelta(self._index, logprobs))
        raw = candidate.text("finishReason")
        self._gather(candidate.rest())
        if raw and not self.finished:
            self.finished = True
            called = ToolCallPart in self._kinds
            reason = decode_finish(raw, called=called)
            finishes.append(Finish(self._index, reason, raw, make_vendor(self._rest)))

    def _gather(self, rest: Json) -> None:
        """Keeps what is not understood; chunks repeat it as it stands by then, but for citations."""
        for name, value in rest.items():
            if name == "citationMetadata" and isinstance(value, dict):
                merge_json(self._rest, {name: value})
            elif value is not None:
                self._rest[name] = value

    def _read_part(self, fields: Fields, events: list[Event]) -> None:
        for part in decode_reply_part(fields, self._kinds, self._reply_id, self._index, number=self._parts_count):
            events.append(self._delta(part))
            self._kinds.add(type(part))

    def _delta(self, part: ReplyPart) -> PartDelta:
        index = self._index
        match part:
            case TextPart():
                number = self.part("text")
                if part.vendor:
                    # What is signed does not go on.
                    self._open = None
                return TextDelta(index, number, part.text, part.vendor)
            case ReasoningPart():
                whole = part.signature is not None or part.vendor
                number = self.part("thought" if form_of(part.vendor, "at") is None else None)
                if whole:
                    self._open = None
                return ReasoningDelta(index, number, part.text, part.signature, part.vendor, part.wire)
            case ToolCallPart():
                number = self.part(None)
                return ToolCallDelta(index, number, part.id, part.name, part.arguments, part.kind, part.vendor)
            case ImagePart():
                return ImageDelta(index, self.part(None), part.source, part.detail, part.vendor)
            case AudioPart():
                return AudioDelta(index, self.part("audio"), part.data, format=part.format, vendor=part.vendor)
            case OpaquePart():
                return OpaqueDelta(index, self.part(None), part.wire, part.data, part.vendor)
            case RefusalPart():
                raise AssertionError("this wire has no refusals")

    def _read_partial(self, fields: Fields, events: list[Event]) -> bool:
        """Whether this was a piece of a call whose arguments come in pieces; the call is told of once it is whole."""
        call = fields.look("functionCall")
        if not isinstance(call, dict) or not (self._partial or "partialArgs" in call or call.get("willContinue")):
            return False
        inner = fields.need_child("functionCall")
        if self._partial is None:
            self._partial = ({}, PartialArguments())
        head, arguments = self._partial
        for piece in inner.each("partialArgs"):
            arguments.add(piece)
        goes_on = inner.flag("willContinue") or False
        merge_json(head, fields.rest() | {"functionCall": inner.rest()})
        if not goes_on:
            self._partial = None
            whole: dict[str, Any] = head | {"functionCall": {"args": arguments.value} | head["functionCall"]}
            self._read_part(Fields(whole, "functionCall", fields.fault), events)
        return True
