"""A stream of one wire given on in another, with the same interface as the watch over a stream that is passed on."""

from collections.abc import Sequence

from ecotone.values.chat import ChatRequest
from ecotone.values.errors import EcotoneError, PolicyRefused, RequestError, UpstreamError, UpstreamMalformed
from ecotone.values.filters import EventFilter, close_filters, filter_events
from ecotone.values.reply import Event, Finish, PartDelta, Start, TextDelta, Usage, UsageReport
from ecotone.wire.sse import REPLY_BYTES_MAX
from ecotone.wire.wire import ClientWire, EventDecoder, EventEncoder, Wire


class StreamTranslation:
    """Bytes of an upstream's stream in, bytes of the client's wire out; `ecotone.wire.watch` tells what the attributes
    mean. What follows a fault or the terminator is not looked at; `feed` itself never raises.

    With `filters`, the client gets what they give on, `token_seen` waits for the first token that they let through,
    and a refusal of theirs is the `error`."""

    def __init__(
        self,
        upstream: Wire,
        client: ClientWire,
        request: ChatRequest,
        *,
        start: Start,
        filters: Sequence[EventFilter] = (),
    ) -> None:
        """`request` is the client's. `start` says what the upstream leaves unsaid of id, model and time."""
        self._decoder: EventDecoder = upstream.event_decoder()
        self._encoder: EventEncoder = client.event_encoder(request)
        self._unsaid = start
        self._filters = filters
        self.token_seen = False
        self.finished = False
        self.ended = False
        self.error: UpstreamError | RequestError | None = None
        self.usage: Usage | None = None
        self.model: str | None = None
        self._bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to send to the client now."""
        if self.error is not None or self.ended:
            return b""
        self._bytes += len(chunk)
        if self._bytes > REPLY_BYTES_MAX:
            # Both sides of a translation put the reply together as it goes by.
            self.error = UpstreamMalformed(f"The upstream's reply is over {REPLY_BYTES_MAX:,} bytes.")
            return b""
        events: Sequence[Event]
        try:
            events = self._decoder.feed(chunk)
            if self._filters:
                events = filter_events(events, self._filters)
        except (UpstreamError, RequestError) as fault:
            self._refused(fault)
            self.error = fault
            return b""
        self.error, self.ended = self._decoder.error, self._decoder.ended
        if not self.token_seen:
            self.token_seen = any(isinstance(event, PartDelta) for event in events)
        encode = self._encoder.encode
        try:
            return b"".join([encode(event if isinstance(event, TextDelta) else self._noted(event)) for event in events])
        except UpstreamError as fault:  # what the model said cannot be told in the client's wire
            self.error, self.ended = fault, False
            return b""

    def _refused(self, fault: EcotoneError) -> None:
        """What a refusing filter holds back stays there."""
        if isinstance(fault, PolicyRefused):
            self._filters = ()

    def _noted(self, event: Event) -> Event:
        """The event as the client is to have it, its news taken note of."""
        match event:
            case Start():
                unsaid = self._unsaid
                self.model = event.model
                return Start(
                    event.id or unsaid.id, event.model or unsaid.model, event.created or unsaid.created, event.vendor
                )
            case UsageReport():
                self.usage = event.usage
            case Finish():
                self.finished = True
        return event

    def close(self) -> None:
        """To be called at the end of the bytes. Raises `error`, and UpstreamCut without a terminator."""
        if self.error is not None:
            raise self.error
        self._decoder.close()

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last thing in this stream, after what was held back of it."""
        filters, self._filters = self._filters, ()
        try:
            held = b"".join([self._encoder.encode(event) for event in close_filters(filters)])
        except EcotoneError:  # it may not be told, or cannot; either way the stream ends here
            held = b""
        return held + self._encoder.encode_error(error)
