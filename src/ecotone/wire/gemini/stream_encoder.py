"""streamGenerateContent replies, written: one chunk for each piece of text, and whole calls."""

import msgspec

from ecotone.values.chat import ChatRequest, Json, ToolCallPart
from ecotone.values.errors import EcotoneError
from ecotone.values.reply import (
    End,
    Event,
    Finish,
    LogprobsDelta,
    PartDelta,
    ReasoningDelta,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
    merge_vendor,
)
from ecotone.wire.fields import add_rest
from ecotone.wire.gemini.error import encode_error
from ecotone.wire.gemini.parts import stand_in_missing, thought
from ecotone.wire.gemini.reply import encode_end, encode_head, encode_logprobs, encode_reply_part
from ecotone.wire.gemini.signatures import signature_for_client
from ecotone.wire.gemini.usage import encode_usage
from ecotone.wire.gemini.vendor import NAME, form_of, rest_of
from ecotone.wire.sse import format_event

_encoder = msgspec.json.Encoder()
_TEXT = b'{"candidates":[{"content":{"parts":[{"text":'
_SILENT = ("content_filter", "refusal")


class EventEncoder:
    """Events in, bytes of a stream for a client out.

    Text and thoughts go out as they come. A call goes out whole, so from the first call of an answer on its parts are
    held back until it ends. The chunk with the finish reasons is held back for the usage that it tells, until End.

    To a client that asked for no server-sent events (`alt=sse`), which its request says as the form `alt` being
    "json", the stream is one JSON array.
    """

    def __init__(self, request: ChatRequest) -> None:
        """`request` is what the client asked."""
        self._as_array = form_of(request.vendor, "alt") == "json"
        self._array_begun = False
        self._head: Json = {}
        self._tail = b"}"
        self._first_rest: Json = {}
        self._usage: Usage | None = None
        self._choices: dict[int, _ChoiceEncoder] = {}

    def encode(self, event: Event) -> bytes:
        """The bytes that say `event`, often one chunk, empty for what is said later or not at all."""
        match event:
            case TextDelta() if not event.vendor and event.choice in self._choices:
                choice = self._choices[event.choice]
                if not self._first_rest and choice.streams_text():
                    chunk = b"".join((_TEXT, _encoder.encode(event.text), choice.end, self._tail))
                    return self._framed(chunk) if self._as_array else b"data: " + chunk + b"\n\n"
                return self._parts(choice, choice.delta(event))
            case Start():
                self._start(event)
                return b""
            case UsageReport():
                self._usage = event.usage
                return b""
            case End():
                return self._last(event)
            case LogprobsDelta():
                self._choice(event.choice).logprobs += event.content or ()
                return b""
            case Finish():
                choice = self._choice(event.choice)
                choice.finish = event
                return self._parts(choice, choice.close())
            case _:
                choice = self._choice(event.choice)
                return self._parts(choice, choice.delta(event))

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last thing in this stream; without a finish reason nobody can take the answer for whole."""
        if not self._as_array:
            return format_event(encode_error(error))
        return self._framed(encode_error(error)) + b"\n]\n"

    def _choice(self, index: int) -> "_ChoiceEncoder":
        if index not in self._choices:
            self._choices[index] = _ChoiceEncoder(index)
        return self._choices[index]

    def _start(self, start: Start) -> None:
        self._head = encode_head(start.id, start.model, start.created, form_of(start.vendor, "createTime"))
        if self._head:
            self._tail = b"," + _encoder.encode(self._head)[1:]
        self._first_rest = dict(rest_of(start.vendor))

    def _framed(self, chunk: bytes) -> bytes:
        if not self._as_array:
            return format_event(chunk)
        begun, self._array_begun = self._array_begun, True
        return (b",\n" if begun else b"[") + chunk

    def _chunk(self, chunk: Json) -> bytes:
        chunk |= self._head
        add_rest(chunk, self._first_rest)
        self._first_rest = {}
        return self._framed(_encoder.encode(chunk))

    def _parts(self, choice: "_ChoiceEncoder", parts: list[Json]) -> bytes:
        if not parts:
            return b""
        choice.said = True
        candidate = {"content": {"parts": parts, "role": "model"}, "index": choice.index}
        return self._chunk({"candidates": [candidate]})

    def _last(self, end: End) -> bytes:
        late = b"".join(self._parts(choice, choice.close()) for choice in self._choices.values())
        candidates = [choice.last() for _, choice in sorted(self._choices.items()) if choice.ends]
        chunk: Json = {"candidates": candidates} if candidates else {}
        if self._usage is not None:
            usage = encode_usage(self._usage)
            if usage:
                chunk["usageMetadata"] = usage
        add_rest(chunk, rest_of(end.vendor))
        if chunk or self._first_rest:
            late += self._chunk(chunk)
        return late if not self._as_array else late + (b"\n]\n" if self._array_begun else b"[]\n")


class _ChoiceEncoder:
    """One candidate while its events arrive. `end` is what follows a plain text in a chunk."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.end = b'}],"role":"model"},"index":%d}]' % index
        self.said = False
        self.finish: Finish | None = None
        self.logprobs: tuple[TokenLogprob, ...] = ()
        self._held: list[PartDelta] = []
        self._broken: str | None = None
        self._foreign: list[ReasoningDelta] = []

    def streams_text(self) -> bool:
        """Whether text may go out now, nothing being held back before it."""
        if self._held or self._foreign:
            return False
        self.said = True
        return True

    def delta(self, event: PartDelta) -> list[Json]:
        """The parts to send now."""
        if self._held or isinstance(event, ToolCallDelta):
            self._held.append(event)
            return []
        if self._foreign and (not isinstance(event, ReasoningDelta) or event.part != self._foreign[0].part):
            return [*self._signed(), *self.delta(event)]
        if isinstance(event, ReasoningDelta) and event.wire not in (None, NAME):
            self._foreign.append(msgspec.structs.replace(event, text=""))
            return [thought(event.text, None, {})] if event.text else []
        return self._encoded([event])

    def close(self) -> list[Json]:
        """What was held back until this answer's end."""
        held, self._held = self._held, []
        signed = self._signed()
        return signed + (self._encoded(held) if held else [])

    def _signed(self) -> list[Json]:
        """Another vendor's signature of the thoughts that have been sent, as a thought without words."""
        deltas, self._foreign = self._foreign, []
        if not deltas:
            return []
        last = next((delta for delta in deltas if delta.signature is not None), deltas[-1])
        whole = msgspec.structs.replace(last, vendor=merge_vendor(delta.vendor for delta in deltas))
        signature = signature_for_client(whole)
        return [] if signature is None else [thought("", signature, {})]

    def _encoded(self, deltas: list[PartDelta]) -> list[Json]:
        encoded: list[Json] = []
        for part in fold(deltas).choices[0].parts:
            one = encode_reply_part(part)
            if one is not None:
                encoded.append(one)
            elif isinstance(part, ToolCallPart):
                self._broken = f"Malformed function call: {part.name}({part.arguments})"
        stand_in_missing(encoded)
        return encoded

    @property
    def ends(self) -> bool:
        """Whether there is anything to say of this answer's end."""
        if self.finish is None:
            return bool(self.logprobs)
        return bool(form_of(self.finish.vendor, "candidates") != "none")

    def last(self) -> Json:
        """The candidate as the last chunk has it. Clients take a content without parts for an answer gone wrong."""
        finish = self.finish or Finish(self.index, None)
        encoded: Json = {}
        if self.said or finish.reason not in _SILENT:
            encoded["content"] = {"parts": [{"text": ""}], "role": "model"}
        encoded |= encode_end(finish.reason, finish.raw, self._broken)
        if self.logprobs:
            encoded["logprobsResult"] = encode_logprobs(self.logprobs)
        encoded["index"] = self.index
        add_rest(encoded, rest_of(finish.vendor))
        return encoded
