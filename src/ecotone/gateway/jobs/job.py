"""What one request wants done: how it is put to an endpoint, and how the answer is given on to the client.

A job knows formats; whom to ask, in which order, and what to record is the exchange's business.
"""

from typing import Protocol

import msgspec

from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.operations import Operation
from ecotone.values.errors import EcotoneError
from ecotone.values.reply import Usage
from ecotone.wire.losses import Loss
from ecotone.wire.wire import StreamWatch

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"


class Answer(msgspec.Struct, frozen=True):
    """A whole reply for the client, and the tokens that it took. Without a `media_type` it is of the upstream's."""

    body: bytes
    usage: Usage | None
    media_type: str = JSON_TYPE


class Job(Protocol):
    """`asked` is the model or route that the client named, `streams` whether the answer is to be a stream, and
    `stream_type` that stream's media type, empty where it is the upstream's. `losses` is what the last `call` could
    not say."""

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
