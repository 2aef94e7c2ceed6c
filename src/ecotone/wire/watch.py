"""Watching a stream of server-sent events go by: what every wire's watch has in common."""

from ecotone.values.errors import UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.sse import split_events
from ecotone.wire.sse_stream import SseStream, too_long


class SseWatch(SseStream):
    """Watches a stream go by and says what to forward.

    Only whole events are forwarded, so that an error event can follow at any moment. Nothing is forwarded from the
    first fault on, nor after the terminator; `feed` itself never raises.

    `token_seen`: some text, reasoning, refusal, tool call or audio has come. `finished`: the reason of an answer's end
    has come. `ended`: the wire's terminator has come. `error`: what went wrong, once it has: an error object in the
    stream (which is not forwarded: write your own), or an event that cannot be read. `events` counts those with data,
    the terminator included. `usage` and `model` are as last and first said, None if they were not.

    A wire says in `read` what an event means.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token_seen = False
        self.finished = False
        self.usage: Usage | None = None
        self.model: str | None = None
        self.events = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes to forward now; the same object as `chunk` where nothing is held back."""
        if self.ended or self.error is not None:
            return b""
        whole = self._whole.feed(chunk)
        forwarded = self.watch(whole) if whole else whole
        if self._whole.overflow:
            self._overflow()
        return forwarded

    def read(self, data: bytes) -> None:
        """Take note of an event's data: set the attributes, `error` or `ended` among them.

        ValueError and RecursionError mean that it cannot be read.
        """
        raise NotImplementedError

    def watch(self, whole: bytes) -> bytes:
        """What to forward of these whole events."""
        events = split_events(whole)
        for number, event in enumerate(events):
            data = self.data_of(event) if event else None
            if not data:
                continue
            self.events += 1
            self.read_safely(data)
            if self.error is not None:
                return rejoined(events[:number])
            if self.ended:
                return rejoined(events[: number + 1]) if any(events[number + 1 :]) else whole
        return whole

    def read_safely(self, data: bytes) -> None:
        """`read`, with what it cannot read as the error."""
        try:
            self.read(data)
        except (ValueError, RecursionError) as fault:
            self.error = UpstreamMalformed(f"The upstream sent an event that cannot be read: {fault}.", raw=data)

    def _overflow(self) -> None:
        if self.error is None and not self.ended:
            self.error = too_long()


def rejoined(events: list[bytes]) -> bytes:
    """These events as bytes, without the empty ones."""
    return b"".join(event + b"\n\n" for event in events if event)
