"""What one request wants done: how it is put to an endpoint, and how the answer is given on to the client.

A job knows formats; whom to ask, in which order, and what to record is the exchange's business.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from ecotone.upstream.endpoints import Call, Endpoint, Headers, Operation
from ecotone.values.chat import ChatRequest
from ecotone.values.errors import EcotoneError, UnsupportedFeature
from ecotone.values.reply import Start, Usage
from ecotone.wire.json_body import asks_for_stream, decode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.openai_chat.fast_lane import Content, check_request, prepare_request, read_usage
from ecotone.wire.openai_chat.fast_lane import StreamWatch as OpenAIWatch
from ecotone.wire.openai_error import encode_error
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import StreamWatch, Wire

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"


class Answer(msgspec.Struct, frozen=True):
    """A whole reply for the client, and the tokens that it took."""

    body: bytes
    usage: Usage | None
    media_type: str = JSON_TYPE


class Job(Protocol):
    """`asked` is the model or route that the client named, `streams` whether the answer is to be a stream, and
    `stream_type` that stream's media type. `losses` is what the last `call` could not say."""

    operation: Operation
    asked: str
    streams: bool
    stream_type: str
    losses: tuple[Loss, ...]

    def call(self, endpoint: Endpoint) -> Call:
        """The request as this endpoint takes it. Raises RequestError, UnsupportedFeature among them."""

    def answer(self, call: Call, body: bytes) -> Answer:
        """The client's reply from the whole reply to `call`. Raises what is wrong with it."""

    def watch(self, call: Call) -> StreamWatch:
        """Who looks after the stream that answers `call`."""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` in the form that the client understands."""


class ChatJob:
    """A conversation in the client's own wire, for endpoints of any wire."""

    operation: Operation = "chat"

    def __init__(
        self,
        wires: Mapping[str, Wire],
        wire: Wire,
        body: bytes,
        *,
        model: str | None = None,
        stream: bool | None = None,
        headers: Headers = (),
        now_s: int,
        reply_id: str,
    ) -> None:
        """`model` and `stream` are what the path says on wires that say them there. `headers` go along to endpoints of
        the same wire. `now_s` (Unix seconds, UTC) and `reply_id` stand in the reply where the upstream says neither.

        Raises MalformedRequest.
        """
        self._wires = wires
        self._wire = wire
        self._body = body
        self._request = decode_json_object(body)
        self._headers = headers
        self._start = Start(id=reply_id, created=now_s)
        self._decoded: ChatRequest | None = None
        self.asked = model_named(self._request) if model is None else model
        self.streams = asks_for_stream(self._request) if stream is None else stream
        self.stream_type = wire.stream_type
        self.losses: tuple[Loss, ...] = ()
        wire.check_request(self._request)

    def call(self, endpoint: Endpoint) -> Call:
        if self._wire.name in endpoint.wires:
            self.losses = ()
            request = self._wire.prepare_request(self._request)
            return Call(self.operation, self._wire.name, request, self.streams, self._headers)
        target = self._wires[endpoint.wires[0]]
        encoded = target.encode_request(msgspec.structs.replace(self._values(), include_usage=self.streams or None))
        self.losses = encoded.losses
        return Call(self.operation, target.name, encoded.body, self.streams)

    def answer(self, call: Call, body: bytes) -> Answer:
        if call.wire == self._wire.name:
            return Answer(body, self._wire.read_usage(body))
        reply = self._wires[call.wire].decode_reply(body)
        reply = msgspec.structs.replace(
            reply, id=reply.id or self._start.id, created=reply.created or self._start.created
        )
        return Answer(self._wire.encode_reply(reply, self._values()), reply.usage)

    def watch(self, call: Call) -> StreamWatch:
        if call.wire == self._wire.name:
            return self._wire.stream_watch(self._request)
        return StreamTranslation(self._wires[call.wire], self._wire, self._values(), start=self._start)

    def encode_error(self, error: EcotoneError) -> bytes:
        return self._wire.encode_error(error)

    def _values(self) -> ChatRequest:
        """The client's request, decoded once somebody needs it in another wire."""
        if self._decoded is None:
            # Decoding takes its object apart, and an endpoint of the client's wire may yet be asked.
            decoded = self._wire.decode_request(decode_json_object(self._body))
            self._decoded = msgspec.structs.replace(decoded, model=self.asked, stream=self.streams)
        return self._decoded


class OpenAIJob:
    """A completion or an embedding in OpenAI's form, for endpoints that speak it."""

    _CONTENT: Mapping[Operation, Content] = {"completions": "prompt", "embeddings": "input"}

    def __init__(self, operation: Operation, body: bytes) -> None:
        """Raises MalformedRequest."""
        self.operation = operation
        self._request = decode_json_object(body)
        self.asked = model_named(self._request)
        self.streams = asks_for_stream(self._request) and operation != "embeddings"
        self.stream_type = STREAM_TYPE
        self.losses: tuple[Loss, ...] = ()
        check_request(self._request, self._CONTENT[operation])

    def call(self, endpoint: Endpoint) -> Call:
        if "openai-chat" not in endpoint.wires:
            raise UnsupportedFeature(
                f"{self.operation} cannot be asked of this model: its endpoint does not speak OpenAI's form of them."
            )
        request = prepare_request(self._request) if self.streams else self._request
        return Call(self.operation, "openai-chat", request, self.streams)

    def answer(self, call: Call, body: bytes) -> Answer:
        del call
        return Answer(body, read_usage(body))

    def watch(self, call: Call) -> StreamWatch:
        del call
        return OpenAIWatch(self._request)

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error)
