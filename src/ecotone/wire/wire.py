"""What a wire format offers, in both roles: the interface that every wire, ours or a third party's, fills in."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from ecotone.values.chat import ChatRequest, Json
from ecotone.values.errors import EcotoneError, RequestError, UpstreamError
from ecotone.values.reply import Event, Reply, Usage
from ecotone.wire.losses import Encoded


class EventDecoder(Protocol):
    """Bytes of an upstream's stream in, events out; how the bytes are split makes no difference.

    A fault is raised as soon as the events before it have been handed out: by the `feed` that met it if there were
    none, else by the next `feed` or `close`. `error` shows it earlier; `ended` says that the terminator has come.
    """

    error: UpstreamError | RequestError | None
    ended: bool

    def feed(self, data: bytes) -> list[Event]: ...

    def close(self) -> None:
        """To be called at the end of the bytes. Raises a fault not raised yet; UpstreamCut without a terminator."""


class EventEncoder(Protocol):
    """Events in, bytes of a stream for a client out."""

    def encode(self, event: Event) -> bytes:
        """The bytes that say `event`, empty for what is said later or not at all."""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last thing in this stream, so that the client's SDK raises on it."""


class StreamWatch(Protocol):
    """Watches a stream of this wire pass by and says what to forward; `watch.py` has the common part and tells what
    the attributes mean."""

    token_seen: bool
    finished: bool
    ended: bool
    error: UpstreamError | RequestError | None
    usage: Usage | None
    model: str | None

    def feed(self, chunk: bytes) -> bytes: ...

    def close(self) -> None: ...

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last thing in this stream, after what has been forwarded."""


class DecodeError(Protocol):
    """What an answer with an HTTP status other than 200 means."""

    def __call__(
        self, status: int, body: bytes, *, endpoint: str | None = None, retry_after_s: float | None = None
    ) -> UpstreamError | RequestError: ...


class ClientWire(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One wire format as clients speak it. `name` is what configs call it, `title` what people do.

    `decode_request` reads a request (a decoded object that it may take apart; MalformedRequest names the place),
    `encode_reply` writes a reply, given what the client had asked, `event_encoder` a stream of `stream_type`, and
    `encode_error` the body of an error. `streams_unasked`: a request that says nothing of a stream wants one.
    """

    name: str
    title: str
    decode_request: Callable[[Json], ChatRequest]
    encode_reply: Callable[[Reply, ChatRequest], bytes]
    event_encoder: Callable[[ChatRequest], EventEncoder]
    encode_error: Callable[[EcotoneError], bytes]
    stream_type: str = "text/event-stream; charset=utf-8"
    streams_unasked: bool = False


class Wire(ClientWire, frozen=True, eq=False, kw_only=True):
    """One wire format as clients and upstreams speak it.

    `encode_request` writes a request for an upstream, without the model's name and raising UnsupportedFeature for
    what would change the meaning. `path` says where it goes, from the API's root, given the model's name and whether
    the reply is to be a stream; with `model_in_path` the body does not name the model, nor ask for a stream.
    `decode_reply` reads a reply, `event_decoder` a stream, `decode_error` an answer that is no reply.

    The fast lane, where client and upstream both speak this wire: `check_request` makes sure that a request can be
    passed on, `prepare_request` gives the copy that goes to the upstream, `read_usage` looks into a whole reply
    (raising what is wrong with it), `stream_watch` watches a stream for the client that sent this request.
    """

    path: Callable[[str, bool], str]
    encode_request: Callable[[ChatRequest], Encoded]
    decode_reply: Callable[[bytes], Reply]
    event_decoder: Callable[[], EventDecoder]
    decode_error: DecodeError
    check_request: Callable[[Json], None]
    prepare_request: Callable[[Json], Json]
    read_usage: Callable[[bytes], Usage | None]
    stream_watch: Callable[[Json], StreamWatch]
    model_in_path: bool = False
