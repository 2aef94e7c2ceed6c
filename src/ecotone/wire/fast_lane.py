"""The fast lane: a request passed on in the wire it came in, and a reply watched while its bytes go by.

The request is decoded without types and encoded again, so that unknown fields and the order stay and duplicate keys
cannot hide from whoever inspects it in between. The reply's bytes are not encoded again: they are watched for usage,
errors and the end. Serves `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`.
"""

import re
from typing import Any, Literal

import msgspec

from ecotone.values.errors import MalformedRequest, RequestError, UpstreamCut, UpstreamError, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.openai_error import decode_error_object
from ecotone.wire.openai_usage import UsageFields
from ecotone.wire.sse import EVENT_BYTES_MAX, WholeEvents, payload, split_events

_anything = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_BYTE = re.compile(r"\(byte (\d+)\)")
_HALF_PAIR = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])")
_DONE = b"[DONE]"


def decode_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a request's body holds.

    Raises MalformedRequest, which says where: for what is not JSON (NaN and Infinity included), for text that is not
    UTF-8 or has half a surrogate pair, for numbers out of range, for nesting too deep and for other values.
    """
    try:
        decoded = _anything.decode(body)
    except UnicodeDecodeError:
        raise MalformedRequest(_not_utf8(body)) from None
    except msgspec.ValidationError as fault:
        raise MalformedRequest(f"The body holds a value that cannot be passed on: {fault}.") from None
    except msgspec.DecodeError as fault:
        raise MalformedRequest(_not_json(body, str(fault))) from None
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None
    if not isinstance(decoded, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return decoded


def decode_generic(body: bytes, content: Literal["messages", "prompt", "input"] = "messages") -> dict[str, Any]:
    """A request's body, checked no further than passing it on takes: `model` is a non-empty string, and `content`
    (`messages` for chat, `prompt` for completions, `input` for embeddings) is there.

    Raises MalformedRequest, which names the place.
    """
    request = decode_json_object(body)
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise MalformedRequest("`model` must be a non-empty string: the name of a model or route.", param="model")
    value = request.get(content)
    if content == "messages" and not (isinstance(value, list) and value):
        raise MalformedRequest("`messages` must be a list with at least one message.", param="messages")
    if not isinstance(value, str | list) or value == []:
        raise MalformedRequest(f"`{content}` must be a string or a list with something in it.", param=content)
    return request


def encode_generic(request: dict[str, Any]) -> bytes:
    """The same request as bytes, in the order of its keys. Raises MalformedRequest when it is nested too deeply."""
    try:
        return _encoder.encode(request)
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None


def _not_utf8(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as fault:
        return f"The body is not UTF-8: {fault.reason} at {_place(body, fault.start)}."
    return "The body is not UTF-8."


def _not_json(body: bytes, fault: str) -> str:
    found = _BYTE.search(fault)
    half = _HALF_PAIR.search(body) if found is None or "surrogate" in fault else None
    if half:
        return f"The body is not valid JSON: half a surrogate pair at {_place(body, half.start())}."
    if found:
        reason = fault.removeprefix("JSON is malformed: ").replace(found.group(), "").strip()
        # msgspec counts one further for these than for all else.
        offset = int(found.group(1)) - (reason == "trailing characters")
        return f"The body is not valid JSON: {reason} at {_place(body, offset)}."
    return f"The body is not valid JSON: it ends too early, at {_place(body, len(body))}."


def _place(body: bytes, offset: int) -> str:
    before = body[:offset]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return f"line {line}, column {column} (byte {offset})"


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What is read of a whole reply."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    usage: UsageFields | None = None
    error: Any = None


_body_decoder = msgspec.json.Decoder(_Body)


def read_usage(body: bytes, *, endpoint: str | None = None) -> Usage | None:
    """The token counts of a whole reply (chat, completion or embeddings), None where it has none.

    Raises UpstreamMalformed when it is no such reply, and what `decode_error_object` finds when it is an error.
    """
    try:
        reply = _body_decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", endpoint=endpoint, raw=body) from None
    if reply.error is not None and reply.choices is None and reply.data is None:
        raise decode_error_object(_anything.decode(body), endpoint=endpoint, raw=body)
    if reply.choices is None and reply.data is None:
        raise UpstreamMalformed("The upstream's reply has neither `choices` nor `data`.", endpoint=endpoint, raw=body)
    return reply.usage.usage() if reply.usage is not None else None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None
    audio: Any = None


class _FirstChoice(msgspec.Struct, frozen=True, gc=False):
    delta: _Delta | None = None
    text: Any = None
    finish_reason: str | None = None

    def has_token(self) -> bool:
        delta = self.delta
        return bool(
            self.text
            or (
                delta is not None
                and (
                    delta.content
                    or delta.reasoning_content
                    or delta.reasoning
                    or delta.tool_calls
                    or delta.function_call
                    or delta.refusal
                    or delta.audio
                )
            )
        )


class _FirstChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk as long as no token has been seen."""

    choices: list[_FirstChoice] | None = None
    usage: UsageFields | None = None
    error: Any = None
    model: str | None = None


class _LaterChoice(msgspec.Struct, frozen=True, gc=False):
    finish_reason: str | None = None


class _LaterChunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk after the first token: its content is no longer looked at."""

    choices: list[_LaterChoice] | None = None
    usage: UsageFields | None = None
    error: Any = None


_first_decoder = msgspec.json.Decoder(_FirstChunk)
_later_decoder = msgspec.json.Decoder(_LaterChunk)


class StreamWatch:
    """Watches a stream of chat or completion chunks go by and says what to forward.

    Only whole events are forwarded, so that an error event can follow at any moment. Nothing is forwarded from the
    first fault on, nor after `[DONE]`; `feed` itself never raises.

    `token_seen`: some text, reasoning, refusal, tool call or audio has come. `finished`: a finish reason has come.
    `ended`: `[DONE]` has come. `error`: what went wrong, once it has: an error object in the stream (which is not
    forwarded: write your own), or an event that cannot be read. `events` counts those with data, `[DONE]` included.
    `usage` and `model` are as last and first said, None if they were not.

    With `hide_usage`, the chunk that carries nothing but usage is read and not forwarded: for a client that did not
    ask for it, where Ecotone did.
    """

    def __init__(
        self, *, hide_usage: bool = False, endpoint: str | None = None, event_bytes_max: int = EVENT_BYTES_MAX
    ) -> None:
        self.token_seen = False
        self.finished = False
        self.ended = False
        self.error: UpstreamError | RequestError | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0
        self._hide_usage = hide_usage
        self._only_usage = False
        self._endpoint = endpoint
        self._whole = WholeEvents(event_bytes_max)
        self._event_bytes_max = event_bytes_max

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to forward now; the same object as `chunk` where nothing is held back."""
        if self.ended or self.error is not None:
            return b""
        whole = self._whole.feed(chunk)
        forwarded = self._watch(whole) if whole else whole
        if self._whole.overflow:
            self._overflow()
        return forwarded

    def close(self) -> None:
        """Call this when the upstream's bytes are at their end.

        Raises `error` if there was one, and UpstreamCut when there was no `[DONE]`. Every server known to have left
        it out has been corrected (TGI, llama-box, mistral.rs, ik_llama.cpp), and without it nobody can tell
        whether a usage chunk or another choice was still to come.
        """
        if self.error is not None:
            raise self.error
        if not self.ended:
            raise UpstreamCut("The upstream's stream ended before its `[DONE]`.", endpoint=self._endpoint)

    def _overflow(self) -> None:
        if self.error is None and not self.ended:
            self.error = UpstreamMalformed(
                f"The upstream sent an event of more than {self._event_bytes_max:,} bytes.", endpoint=self._endpoint
            )

    def _watch(self, whole: bytes) -> bytes:
        events = split_events(whole)
        plain = b"\r" not in whole
        dropped: list[int] = []
        for number, event in enumerate(events):
            if plain and event.startswith(b"data: {") and b"\n" not in event:
                data: bytes | None = event[6:]
            else:
                data = payload(event) if event else None
                if data == _DONE:
                    self.ended = True
                    self.events += 1
                    late = any(events[number + 1 :])
                    return _without(events[: number + 1], dropped) if late or dropped else whole
            if not data:
                continue
            self.events += 1
            try:
                if self.token_seen:
                    chunk = _later_decoder.decode(data)
                    # Nearly every event of a stream is done with here.
                    if chunk.choices and chunk.usage is None and not chunk.error:
                        for choice in chunk.choices:
                            if choice.finish_reason:
                                self.finished = True
                        continue
                self._read(_first_decoder.decode(data), data)
            except (ValueError, RecursionError) as fault:
                self.error = UpstreamMalformed(
                    f"The upstream sent an event that cannot be read: {fault}.", endpoint=self._endpoint, raw=data
                )
            if self.error is not None:
                return _without(events[:number], dropped)
            if self._hide_usage and self._only_usage:
                dropped.append(number)
        return _without(events, dropped) if dropped else whole

    def _read(self, chunk: _FirstChunk, data: bytes) -> None:
        if chunk.error:
            self.error = decode_error_object(_anything.decode(data), endpoint=self._endpoint, raw=data)
            return
        self._only_usage = chunk.usage is not None and not chunk.choices
        if chunk.usage is not None:
            self.usage = chunk.usage.usage()
        if self.model is None:
            self.model = chunk.model
        for choice in chunk.choices or ():
            self.token_seen = self.token_seen or choice.has_token()
            self.finished = self.finished or bool(choice.finish_reason)


def _without(events: list[bytes], dropped: list[int]) -> bytes:
    return b"".join(event + b"\n\n" for number, event in enumerate(events) if event and number not in dropped)
