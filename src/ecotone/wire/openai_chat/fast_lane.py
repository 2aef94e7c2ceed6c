"""The fast lane of OpenAI's older endpoints: `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`.

A reply's bytes are not encoded again: they are watched for usage, errors and the end.
"""

from typing import Any, Literal

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.json_body import read_reply
from ecotone.wire.openai_error import decode_error_object, encode_error_event
from ecotone.wire.openai_usage import UsageFields
from ecotone.wire.sse import payload, split_events
from ecotone.wire.watch import SseWatch, rejoined

_anything = msgspec.json.Decoder()
_DONE = b"[DONE]"

Content = Literal["messages", "prompt", "input"]


def check_request(request: Json, content: Content = "messages") -> None:
    """Make sure that a request can be passed on: `content` (`messages` for chat, `prompt` for completions, `input` for
    embeddings) is there, and the options of a stream are what they must be.

    Raises MalformedRequest, which names the place.
    """
    value = request.get(content)
    if content == "messages" and not (isinstance(value, list) and value):
        raise MalformedRequest("`messages` must be a list with at least one message.", param="messages")
    if not isinstance(value, str | list) or value == []:
        raise MalformedRequest(f"`{content}` must be a string or a list with something in it.", param=content)
    options = request.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise MalformedRequest("`stream_options` must be an object.", param="stream_options")


def prepare_request(request: Json) -> Json:
    """The request for the upstream, which is asked for usage at the end of a stream."""
    if not request.get("stream"):
        return {**request}
    return {**request, "stream_options": {**(request.get("stream_options") or {}), "include_usage": True}}


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What is read of a whole reply."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    usage: UsageFields | None = None
    error: Any = None


_body_decoder = msgspec.json.Decoder(_Body)


def read_usage(body: bytes) -> Usage | None:
    """The token counts of a whole reply (chat, completion or embeddings), None where it has none.

    Raises UpstreamMalformed when it is no such reply, and what `decode_error_object` finds when it is an error.
    """
    reply = read_reply(_body_decoder, body)
    if reply.error is not None and reply.choices is None and reply.data is None:
        # What was not looked at may be what cannot be read.
        raise decode_error_object(read_reply(_anything, body), raw=body)
    if reply.choices is None and reply.data is None:
        raise UpstreamMalformed("The upstream's reply has neither `choices` nor `data`.", raw=body)
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


class StreamWatch(SseWatch):
    """Watches a stream of chat or completion chunks.

    The chunk that carries nothing but usage is read and not forwarded to a client who did not ask for it: then Ecotone
    did.
    """

    ends_with = "`[DONE]`"

    def __init__(self, request: Json) -> None:
        """`request` is the client's."""
        super().__init__()
        self._hide_usage = not (request.get("stream_options") or {}).get("include_usage")
        self._only_usage = False

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event; without `[DONE]` after it, no client can take the stream for a finished one."""
        return encode_error_event(error)

    def watch(self, whole: bytes) -> bytes:
        events = split_events(whole)
        plain = b"\r" not in whole
        dropped = False
        for number, event in enumerate(events):
            if plain and event.startswith(b"data: {") and b"\n" not in event:
                data: bytes | None = event[6:]
            else:
                data = payload(event) if event else None
                if data == _DONE:
                    self.ended = True
                    self.events += 1
                    late = any(events[number + 1 :])
                    return rejoined(events[: number + 1]) if late or dropped else whole
            if not data:
                continue
            self.events += 1
            self.read_safely(data)
            if self.error is not None:
                return rejoined(events[:number])
            if self._hide_usage and self._only_usage:
                dropped = True
                # Before the first token a comment takes its place: what follows must not become the first of the
                # stream, where a byte order mark means nothing and further on hides a field's name.
                events[number] = b"" if self.token_seen else b":"
        return rejoined(events) if dropped else whole

    def read(self, data: bytes) -> None:
        if self.token_seen:
            chunk = _later_decoder.decode(data)
            # Nearly every event of a stream is done with here.
            if chunk.choices and chunk.usage is None and not chunk.error:
                self._only_usage = False
                for choice in chunk.choices:
                    if choice.finish_reason:
                        self.finished = True
                return
        self._read(_first_decoder.decode(data), data)

    def _read(self, chunk: _FirstChunk, data: bytes) -> None:
        if chunk.error:
            self.error = decode_error_object(_anything.decode(data), raw=data)
            return
        self._only_usage = chunk.usage is not None and not chunk.choices
        if chunk.usage is not None:
            self.usage = chunk.usage.usage()
        if self.model is None:
            self.model = chunk.model
        for choice in chunk.choices or ():
            self.token_seen = self.token_seen or choice.has_token()
            self.finished = self.finished or bool(choice.finish_reason)
