"""What one request wants done: how it is put to an endpoint, and how the answer is given on to the client.

A job knows formats; whom to ask, in which order, and what to record is the exchange's business.
"""

from collections.abc import Sequence
from typing import Protocol, Self

import msgspec

from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.operations import Operation
from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError
from ecotone.values.filters import EventFilter
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


class JobDefaults:
    """What holds of most jobs."""

    @property
    def json_text(self) -> bool:
        return False

    uninspected: frozenset[str] = frozenset()
    earlier_classes: frozenset[str] = frozenset()
    data_class: str | None = None


class Job(Protocol):
    """`asked` is the model or route that the client named, `streams` whether the answer is to be a stream, and
    `stream_type` that stream's media type, empty where it is the upstream's. `losses` is what the last `call` could
    not say.

    `uninspected` are kinds of content beside `said` that no detector reads: `image`, `audio`, `file`. `earlier_classes`
    are the data classes of what the gateway had kept and this request goes on with. `data_class` is the name of the
    class that the request has come to, for what is kept of it; None as long as nobody has asked.
    """

    operation: Operation
    asked: str
    streams: bool
    stream_type: str
    losses: tuple[Loss, ...]
    uninspected: frozenset[str]
    earlier_classes: frozenset[str]
    data_class: str | None

    @property
    def json_text(self) -> bool:
        """Whether the text of the reply is to be JSON."""

    @property
    def said(self) -> Json:
        """All that a model would be told, as the client wrote it: what the rules' detectors read. Not to be changed."""

    def saying(self, said: Json) -> Self:
        """The same job with other words for the model. The client's reply still speaks of the client's own.

        Raises Unredactable where its words cannot be exchanged.
        """

    def call(self, endpoint: Endpoint) -> Call:
        """The request as this endpoint takes it. Raises RequestError, UnsupportedFeature among them."""

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        """The client's reply from the whole reply to `call`, gone through `filters`. Raises what is wrong with it."""

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        """Who looks after the stream that answers `call`. Raises UnsupportedFeature where it cannot be filtered."""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` in the form that the client understands."""
