"""Chat Completions streams: `CreateChatCompletionStreamResponse` of the OpenAI description, read and written.

Both sides are one-pass: each chunk becomes events, each event becomes at most one chunk.
"""

import msgspec

from ecotone.values.chat import ChatRequest, ImagePart, Json, OpaquePart, ReasoningPart, RefusalPart, TextPart, Vendor
from ecotone.values.errors import EcotoneError
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
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    merge_json,
)
from ecotone.wire.envelope import open_id, seal_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_chat.parts import (
    REASONING_FIELDS,
    decode_image,
    decode_reasoning,
    encode_part,
    encode_reasoning,
    take_arguments,
)
from ecotone.wire.openai_chat.repeats import Repeats
from ecotone.wire.openai_chat.reply import (
    encode_finish,
    encode_logprobs,
    malformed,
    take_content,
    take_finish,
    take_logprobs,
)
from ecotone.wire.openai_chat.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.openai_error import decode_error_object, encode_error_event
from ecotone.wire.openai_usage import decode_usage, encode_usage
from ecotone.wire.sse import format_event
from ecotone.wire.sse_stream import SseDecoder

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_CHOICES_MAX = 1024
# After so many chunks in a row that were not like the one before them, they are no longer compared.
_UNLIKE_MAX = 32


class EventDecoder(SseDecoder):
    """A stream of this wire, read.

    It must end with `[DONE]`: every server known to have left it out has been corrected (TGI, llama-box, mistral.rs,
    ik_llama.cpp), and without it nobody can tell whether a usage chunk or another choice was still to come.

    Fields of a choice that are not understood are gathered and come with its Finish, those of the whole reply with
    Start if they were in the first chunk and with End if later; random `obfuscation` is dropped.
    """

    ends_with = "`[DONE]`"

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._said: Json = {}
        self._rest: Json = {}
        self._choices: dict[int, _ChoiceDecoder] = {}
        self._repeats: Repeats | None = None
        self._unlike = 0

    def read(self, data: bytes, events: list[Event]) -> None:
        if self._repeats is not None and (repeated := self._repeats.read(data)) is not None:
            self._unlike = 0
            events.append(repeated)
            return
        if data == b"[DONE]":
            self.ended = True
            self._start(events, Start())
            events += [late for choice in self._choices.values() for late in choice.late()]
            events.append(End(make_vendor(self._rest)))
            return
        try:
            decoded = _decoder.decode(data)
        except (ValueError, RecursionError) as fault:
            raise malformed(f"{fault}.", "") from None
        if isinstance(decoded, dict) and decoded.get("error"):
            raise decode_error_object(decoded, raw=data)
        # A chunk counts whole or not at all.
        found: list[Event] = []
        told_all = self._read_chunk(Fields(decoded, "", malformed), found)
        events += found
        self._unlike += 1
        comparable = told_all and len(found) == 1 and self._unlike <= _UNLIKE_MAX
        self._repeats = Repeats.of(data, found[0]) if comparable else None

    def _read_chunk(self, chunk: Fields, events: list[Event]) -> bool:
        """Adds a chunk's events. Whether they tell all that was news in it: if not, some is kept for later."""
        chunk.take("object")
        chunk.take("obfuscation")
        choices = list(chunk.each("choices"))
        usage = chunk.apart("usage")
        if self._started:
            for repeated in ("id", "model", "created"):
                chunk.take(repeated)
            told_all = not self._gather(chunk.rest())
        else:
            told_all = False
            start = Start(chunk.text("id") or None, chunk.text("model") or None, chunk.time("created"))
            self._gather(chunk.rest())
            if choices or start.id is not None:
                self._start(events, start)
        finishes: list[Event] = []
        for number, fields in enumerate(choices):
            index = fields.integer("index")
            index = number if index is None else index
            choice = self._choices.get(index)
            if choice is None:
                if len(self._choices) == _CHOICES_MAX:
                    raise malformed(f"it has more than {_CHOICES_MAX} choices.", "")
                choice = self._choices[index] = _ChoiceDecoder(index)
            choice.read(fields, events, finishes)
            told_all = told_all and choice.told_all
        events += finishes
        if usage is not None:
            events.append(UsageReport(decode_usage(usage, NAME)))
        return told_all

    def _gather(self, rest: Json) -> bool:
        """Keeps what is news in a chunk's unknown fields. What every chunk repeats has been said with Start.

        Whether there was any.
        """
        news = {name: value for name, value in rest.items() if value is not None and self._said.get(name) != value}
        if news:
            merge_json(self._rest, news)
        return bool(news)

    def _start(self, events: list[Event], start: Start) -> None:
        if not self._started:
            self._started = True
            self._said, self._rest = self._rest, {}
            events.append(msgspec.structs.replace(start, vendor=make_vendor(self._said)))


class _OpenCall:
    """A tool call whose deltas are arriving."""

    def __init__(self, part: int) -> None:
        self.part = part
        self.id: str | None = None
        self.name: str | None = None


class _ChoiceDecoder:
    """One choice of a stream: numbers its parts in the order they begin, and gathers what is not understood.

    `told_all`: there is nothing of that which no Finish has told.
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self._parts: dict[str, int] = {}
        self._parts_count = 0
        self._calls: dict[int, _OpenCall] = {}
        self._finish = Finish(index, None)
        self._rest: Json = {}
        self.told_all = True

    def read(self, choice: Fields, events: list[Event], finishes: list[Event]) -> None:
        """One entry of a chunk's `choices`."""
        delta = choice.child("delta")
        if delta is not None:
            self._read_delta(delta, events)
        content, refusal = take_logprobs(choice)
        if content is not None or refusal is not None:
            events.append(LogprobsDelta(self._index, content, refusal))
        reason, raw = take_finish(choice)
        rest = _without_nulls(choice.rest())
        if rest:
            self.told_all = False
            if "delta" in rest:
                merge_json(self._rest, {"message": rest.pop("delta")})
            merge_json(self._rest, rest)
        if reason is not None and raw != self._finish.raw:
            self._finish = Finish(self._index, reason, raw)
            finishes.append(self._told())

    def late(self) -> list[Event]:
        """At the end of the stream: what came without a finish reason, or after it."""
        return [] if self.told_all else [self._told()]

    def _told(self) -> Finish:
        self.told_all = True
        # What has been handed out does not change when more comes.
        so_far: Json = {}
        merge_json(so_far, self._rest)
        return msgspec.structs.replace(self._finish, vendor=make_vendor(so_far))

    def _read_delta(self, delta: Fields, events: list[Event]) -> None:
        delta.take("role")
        text = delta.only_text("content")
        if text is not None:
            # Nearly every delta is this, and the rest of this function takes most of the time of a stream.
            if text:
                events.append(TextDelta(self._index, self._part("text"), text))
            return
        events += [self._reasoning(part) for part in decode_reasoning(delta)]
        for part in take_content(delta):
            match part:
                case TextPart():
                    events.append(TextDelta(self._index, self._part("text"), part.text, part.vendor))
                case ReasoningPart():
                    events.append(self._reasoning(part))
                case RefusalPart():
                    events.append(RefusalDelta(self._index, self._part("refusal"), part.text, part.vendor))
                case ImagePart():
                    events.append(self._image(part))
                case OpaquePart():
                    events.append(OpaqueDelta(self._index, self._part(None), part.wire, part.data))
        refusal = delta.text("refusal")
        if refusal:
            events.append(RefusalDelta(self._index, self._part("refusal"), refusal))
        audio = delta.child("audio")
        if audio is not None:
            events.append(self._audio(audio))
        events += [self._image(decode_image(fields)) for fields in delta.each("images")]
        for fields in delta.each("tool_calls"):
            events += self._tool_call(fields)
        legacy = delta.child("function_call")
        if legacy is not None:
            events.append(self._function_call(legacy))

    def _part(self, key: str | None) -> int:
        """The number of the part with this key, a new one where there is none yet or the key is None."""
        if key is not None and key in self._parts:
            return self._parts[key]
        number = self._parts_count
        self._parts_count += 1
        if key is not None:
            self._parts[key] = number
        return number

    def _reasoning(self, part: ReasoningPart) -> ReasoningDelta:
        return ReasoningDelta(self._index, self._part("reasoning"), part.text, part.signature, part.vendor, part.wire)

    def _image(self, image: ImagePart) -> ImageDelta:
        return ImageDelta(self._index, self._part(None), image.source, image.detail, image.vendor)

    def _audio(self, audio: Fields) -> AudioDelta:
        return AudioDelta(
            self._index,
            self._part("audio"),
            data=audio.text("data"),
            transcript=audio.text("transcript"),
            id=audio.text("id"),
            expires_at=audio.integer("expires_at"),
        )

    def _tool_call(self, fields: Fields) -> list[Event]:
        index = fields.integer("index")
        given, attached = open_id(fields.text("id") or "")
        identity = given or None
        custom = fields.text("type") == "custom" or fields.look("custom") is not None
        call = fields.child("custom" if custom else "function")
        name = (call.text("name") or None) if call is not None else None
        arguments = "" if call is None else call.text("input") or "" if custom else take_arguments(call)
        vendor = make_vendor(fields.rest())
        open_call = self._find_call(index, identity, name)
        first = open_call is None
        if open_call is None:
            open_call = _OpenCall(self._part(None))
            self._calls[len(self._calls) if index is None else index] = open_call
        delta = ToolCallDelta(
            self._index,
            open_call.part,
            id=identity if open_call.id is None else None,
            name=name if open_call.name is None else None,
            arguments=arguments,
            kind=("custom" if custom else "function") if first else None,
            vendor=vendor | attached,
        )
        open_call.id = open_call.id or identity
        open_call.name = open_call.name or name
        silent = not (first or delta.id or delta.name or arguments or vendor)
        return [] if silent else [delta]

    def _find_call(self, index: int | None, identity: str | None, name: str | None) -> _OpenCall | None:
        """The open call that a delta continues, None where it begins one.

        Servers have sent several calls under one index (Ollama, Gemini's compatible endpoint) and deltas without any
        index: a different id together with a name begins a new call all the same.
        """
        if index is not None:
            found = self._calls.get(index)
        else:
            found = next((call for call in self._calls.values() if identity and call.id == identity), None)
            if found is None and identity is None and name is None and self._calls:
                found = list(self._calls.values())[-1]
        if found is not None and identity and name and found.id and found.id != identity:
            return None
        return found

    def _function_call(self, call: Fields) -> ToolCallDelta:
        name = call.text("name") or None
        first = "function_call" not in self._parts
        return ToolCallDelta(
            self._index,
            self._part("function_call"),
            id=f"call_0_{name or ''}" if first else None,
            name=name if first else None,
            arguments=take_arguments(call),
            kind="function" if first else None,
            vendor=make_vendor({}, at="function_call"),
        )


def _without_nulls(rest: Json) -> Json:
    """The unknown fields of a choice and its delta that say something: many servers repeat nulls in each chunk."""
    kept = {name: value for name, value in rest.items() if value is not None}
    if "delta" in kept:
        kept["delta"] = {name: value for name, value in kept["delta"].items() if value is not None}
        if not kept["delta"]:
            del kept["delta"]
    return kept


class EventEncoder:
    """Events in, bytes of a stream for a client out.

    To a client that did not ask for the usage chunk nothing is said of usage, nor of what came with End, since chunks
    without choices are a surprise to many clients. Where the events do not say an id, a
    model or a time, they are empty or 0, as Azure writes them. A part that only another wire knows is left out.
    """

    def __init__(self, request: ChatRequest) -> None:
        """`request` is what the client asked."""
        self._include_usage = request.include_usage or False
        self._head: Json = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
        self._first_rest: Json = {}
        self._usage: Usage | None = None
        self._begun: set[int] = set()
        self._calls: dict[tuple[int, int], tuple[int, str]] = {}
        self._thoughts: dict[tuple[int, int], str] = {}
        self._around_text: dict[int, tuple[bytes, bytes]] = {}

    def encode(self, event: Event) -> bytes:
        """The bytes that say `event`, often one chunk, empty for what is said later or not at all."""
        if isinstance(event, TextDelta) and event.choice in self._around_text and not event.vendor:
            before, after = self._around_text[event.choice]
            return before + _encoder.encode(event.text) + after
        match event:
            case Start():
                self._start(event)
                return b""
            case UsageReport():
                self._usage = event.usage
                return b""
            case End():
                return self._usage_chunk(event.vendor) + format_event(b"[DONE]")
            case LogprobsDelta():
                return self._chunk(event.choice, {}, logprobs=encode_logprobs(event.content, event.refusal))
            case Finish():
                if event.reason is None and not rest_of(event.vendor):
                    return b""
                return self._finish(event)
            case TextDelta(choice, vendor=vendor) if not vendor:
                first = self._chunk(choice, {"content": event.text})
                before, _, after = self._chunk(choice, {"content": ""}).rpartition(b'""')
                self._around_text[choice] = before, after
                return first
            case _:
                delta = self._delta(event)
                return self._chunk(event.choice, delta) if delta is not None else b""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event; without `[DONE]` after it, no client can take the stream for a finished one."""
        return encode_error_event(error)

    def _start(self, start: Start) -> None:
        self._head["id"] = start.id or ""
        self._head["created"] = start.created or 0
        self._head["model"] = start.model or ""
        for name, value in rest_of(start.vendor).items():
            # Clients expect words such as `system_fingerprint` in every chunk; what is long goes with the first.
            target = self._first_rest if isinstance(value, list | dict) else self._head
            target.setdefault(name, value)

    def _chunk(
        self,
        choice: int,
        delta: Json,
        *,
        logprobs: Json | None = None,
        finish: str | None = None,
        rest: Json | None = None,
    ) -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant"} | delta
        encoded: Json = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        add_rest(encoded, rest or {})
        chunk = self._head | {"choices": [encoded]}
        if self._include_usage:
            chunk["usage"] = None
        if self._first_rest:
            chunk |= self._first_rest
            self._first_rest = {}
        return format_event(_encoder.encode(chunk))

    def _usage_chunk(self, vendor: Vendor) -> bytes:
        if not self._include_usage:
            return b""
        usage = encode_usage(self._usage, NAME) if self._usage is not None else None
        rest = self._first_rest | rest_of(vendor)
        if usage is None and not rest:
            return b""
        return format_event(_encoder.encode(self._head | {"choices": [], "usage": usage} | rest))

    def _finish(self, event: Finish) -> bytes:
        rest = dict(rest_of(event.vendor))
        delta = rest.pop("message", {})
        return self._chunk(event.choice, delta, finish=encode_finish(event.reason, event.raw), rest=rest)

    def _delta(self, event: PartDelta) -> Json | None:
        match event:
            case TextDelta():
                if rest_of(event.vendor):
                    return _listed(TextPart(event.text, event.vendor))
                return {"content": event.text}
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                if form_of(event.vendor, "at") == "content":
                    return _listed(RefusalPart(event.text, event.vendor))
                return {"refusal": event.text}
            case ToolCallDelta():
                return self._call(event)
            case AudioDelta():
                audio = {
                    "id": event.id,
                    "data": event.data,
                    "transcript": event.transcript,
                    "expires_at": event.expires_at,
                }
                return {"audio": {name: value for name, value in audio.items() if value is not None}}
            case ImageDelta():
                image = ImagePart(event.source, event.detail, event.vendor)
                return {"images": [encode_part(image, Losses(NAME), "images")]}
            case OpaqueDelta():
                return _listed(OpaquePart(event.wire, event.data)) if event.wire == NAME else None

    def _reasoning(self, event: ReasoningDelta) -> Json:
        """Text as it comes. Another wire's signature comes with all of the text that it signs: what the client puts
        together from the deltas is then what `decode_reasoning` reads."""
        place = (event.choice, event.part)
        part = ReasoningPart(event.text, event.signature, event.vendor, event.wire)
        if event.wire in (None, NAME):
            self._thoughts[place] = self._thoughts.get(place, "") + event.text
            if form_of(event.vendor, "at") == "content":
                return _listed(part)
            return encode_reasoning(part, to_client=True)
        whole = self._thoughts[place] = self._thoughts.get(place, "") + event.text
        said: Json = {REASONING_FIELDS[0]: event.text} if event.text else {}
        if event.signature is not None:
            signed = msgspec.structs.replace(part, text=whole)
            said |= {"reasoning_details": encode_reasoning(signed, to_client=True)["reasoning_details"]}
        return said

    def _call(self, event: ToolCallDelta) -> Json:
        if form_of(event.vendor, "at") == "function_call":
            legacy = {"arguments": event.arguments}
            return {"function_call": legacy if event.name is None else {"name": event.name} | legacy}
        place = (event.choice, event.part)
        if place not in self._calls:
            number = sum(1 for choice, _ in self._calls if choice == event.choice)
            self._calls[place] = (number, event.kind or "function")
        number, kind = self._calls[place]
        encoded: Json = {"index": number}
        if event.id is not None:
            encoded["id"] = seal_id(event.id, event.vendor, NAME)
        if event.kind is not None:
            encoded["type"] = kind
        called: Json = {} if event.name is None else {"name": event.name}
        called["input" if kind == "custom" else "arguments"] = event.arguments
        encoded[kind] = called
        add_rest(encoded, rest_of(event.vendor))
        return {"tool_calls": [encoded]}


def _listed(part: TextPart | ReasoningPart | RefusalPart | OpaquePart) -> Json:
    return {"content": [encode_part(part, Losses(NAME), "content", to_client=True)]}
