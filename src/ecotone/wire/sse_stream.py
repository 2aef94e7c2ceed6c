"""Reading a stream of server-sent events: what the decoders of all wires have in common, and with watches too."""

from collections.abc import Callable

from ecotone.values.errors import RequestError, UpstreamCut, UpstreamError, UpstreamMalformed
from ecotone.values.reply import Event
from ecotone.wire.sse import EVENT_BYTES_MAX, WholeEvents, payload, split_events


class SseStream:
    """An upstream's stream, read as its bytes come.

    `ended`: the wire's terminator has come. `error`: what went wrong, once it has. `ends_with` names what must have
    come when the bytes are at their end. `data_of` gives the data of one event, None for none: a wire has its own
    where its events have more than their data.
    """

    ends_with = "end"
    data_of: Callable[[bytes], bytes | None] = staticmethod(payload)

    def __init__(self) -> None:
        self.error: UpstreamError | RequestError | None = None
        self.ended = False
        self._whole = WholeEvents(EVENT_BYTES_MAX)

    def close(self) -> None:
        """To be called at the end of the bytes. Raises `error`, and UpstreamCut where the stream has not ended."""
        if self.error is not None:
            raise self.error
        if not self.ended:
            raise UpstreamCut(f"The upstream's stream ended before its {self.ends_with}.")


class SseDecoder(SseStream):
    """Bytes of an upstream's stream in, events out; how the bytes are split makes no difference.

    A fault in the stream is raised as soon as the events before it have been handed out: by the `feed` that met it if
    there were none, else by the next `feed` or `close`. `error` shows it earlier. What follows a fault or the
    terminator is not read.
    """

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        if self.error is not None:
            raise self.error
        events: list[Event] = []
        if not self.ended:
            try:
                self._read_events(self._whole.feed(data), events)
            except (UpstreamError, RequestError) as fault:
                self.error = fault
                if not events:
                    raise
        return events

    def read(self, data: bytes, events: list[Event]) -> None:
        """Add what an event with this data says to `events`: all of it or nothing. Sets `ended` at the terminator, and
        raises UpstreamError or RequestError for what cannot be read and for an error that the event tells of."""
        raise NotImplementedError

    def _read_events(self, whole: bytes, events: list[Event]) -> None:
        data_of, read = self.data_of, self.read
        for event in split_events(whole):
            data = data_of(event) if event else None
            if data:
                read(data, events)
                if self.ended:
                    return
        if self._whole.overflow:
            raise too_long()


def too_long() -> UpstreamMalformed:
    """The error for an event over the bound."""
    return UpstreamMalformed(f"The upstream sent an event of more than {EVENT_BYTES_MAX:,} bytes.")
