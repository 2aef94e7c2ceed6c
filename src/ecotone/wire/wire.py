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


class Wire(msgspec.Struct, frozen=True, eq=False):
    """One wire format. `name` is what configs call it, `title` what people do.

    Requests. `decode_request` reads a client's (a decoded object that it may take apart; MalformedRequest names the
    place), `encode_request` writes one for an upstream, without the model's name and raising UnsupportedFeature for
    what would change the meaning. `path` says where it goes, from the API's root, given the model's name and whether
    the reply is to be a stream; with `model_in_path` the body does not name the model, nor ask for a stream.

    Replies. `decode_reply` reads an upstream's, `encode_reply` writes one for a client, given what that client had
    asked. `event_decoder` and `event_encoder` do the same for streams. `stream_type` is a stream's media type.

    Errors. `decode_error` reads an upstream's, `encode_error` writes the body of one for a client.

    The fast lane, where client and upstream both speak this wire: `check_request` makes sure that a request can be
    passed on, `prepare_request` gives the copy that goes to the upstream, `read_usage` looks into a whole reply
    (raising what is wrong with it), `stream_watch` watches a stream for the client that sent this request.
    """

    name: str
    title: str
    path: Callable[[str, bool], str]
    decode_request: Callable[[Json], ChatRequest]
    encode_request: Callable[[ChatRequest], Encoded]
    decode_reply: Callable[[bytes], Reply]
    encode_reply: Callable[[Reply, ChatRequest], bytes]
    event_decoder: Callable[[], EventDecoder]
    event_encoder: Callable[[ChatRequest], EventEncoder]
    decode_error: DecodeError
    encode_error: Callable[[EcotoneError], bytes]
    check_request: Callable[[Json], None]
    prepare_request: Callable[[Json], Json]
    read_usage: Callable[[bytes], Usage | None]
    stream_watch: Callable[[Json], StreamWatch]
    stream_type: str = "text/event-stream; charset=utf-8"
    model_in_path: bool = False
