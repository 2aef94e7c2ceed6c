"""The fast lane: a client of this wire and an upstream that speaks it too.

A reply's bytes are not encoded again: they are watched for usage, errors and the end.
"""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.anthropic.error import decode_error_object, encode_error_event
from ecotone.wire.anthropic.events import payload
from ecotone.wire.anthropic.usage import UsageFields
from ecotone.wire.json_body import read_reply
from ecotone.wire.watch import SseWatch

_anything = msgspec.json.Decoder()


def check_request(request: Json) -> None:
    """Make sure that a request can be passed on. Raises MalformedRequest, which names the place."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise MalformedRequest("`messages` must be a list with at least one message.", param="messages")


def prepare_request(request: Json) -> Json:
    """The request for the upstream: all that it is asked for is in every stream already."""
    return {**request}


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What is read of a whole reply."""

    content: list[msgspec.Raw] | None = None
    usage: UsageFields | None = None
    error: Any = None


_body_decoder = msgspec.json.Decoder(_Body)


def read_usage(body: bytes) -> Usage | None:
    """The token counts of a whole reply, None where it has none.

    Raises UpstreamMalformed when it is no reply, and what `decode_error_object` finds when it is an error.
    """
    reply = read_reply(_body_decoder, body)
    if reply.error is not None and reply.content is None:
        # What was not looked at may be what cannot be read.
        raise decode_error_object(read_reply(_anything, body), raw=body)
    if reply.content is None:
        raise UpstreamMalformed("The upstream's reply has no `content`.", raw=body)
    return reply.usage.usage() if reply.usage is not None else None


class _Message(msgspec.Struct, frozen=True, gc=False):
    model: str | None = None
    usage: UsageFields | None = None


class _Delta(msgspec.Struct, frozen=True, gc=False):
    stop_reason: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str | None = None
    message: _Message | None = None
    delta: _Delta | None = None
    usage: UsageFields | None = None
    error: Any = None


class _Kind(msgspec.Struct, frozen=True, gc=False):
    """An event once the first token has come: all there is to know of most."""

    type: str | None = None


_event_decoder = msgspec.json.Decoder(_Event)
_kind_decoder = msgspec.json.Decoder(_Kind)


class StreamWatch(SseWatch):
    """Watches a stream of this wire; nothing in it is held back."""

    ends_with = "`message_stop`"
    data_of = staticmethod(payload)

    def __init__(self, request: Json) -> None:
        """`request` is the client's, of which nothing needs to be known."""
        del request
        super().__init__()
        self._counts = UsageFields()

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event; without `message_stop` after it, no client can take the stream for a finished
        one."""
        return encode_error_event(error)

    def read(self, data: bytes) -> None:
        # Nearly every event of a stream is done with here.
        if self.token_seen and _kind_decoder.decode(data).type == "content_block_delta":
            return
        event = _event_decoder.decode(data)
        if event.type == "error" or event.error:
            self.error = decode_error_object(_anything.decode(data), raw=data)
            return
        counts = event.usage or (event.message.usage if event.message is not None else None)
        if counts is not None:
            self._counts = self._counts.with_later(counts)
            self.usage = self._counts.usage()
        if event.message is not None and self.model is None:
            self.model = event.message.model
        match event.type:
            case "content_block_delta":
                self.token_seen = True
            case "message_delta":
                self.finished = self.finished or (event.delta is not None and event.delta.stop_reason is not None)
            case "message_stop":
                self.ended = True
