"""Streams with an event that never ends: however it comes, no more of it is held than an event may have bytes."""

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from ecotone.values.errors import RequestError, UpstreamError, UpstreamMalformed
from ecotone.wire.sse import EVENT_BYTES_MAX
from ecotone.wire.wire import Wire
from tests.fuzz.bounds import TooSlow, cpu_bounded
from tests.fuzz.checks import Broken
from tests.fuzz.search import Fault

HELD_BYTES_MAX = 3 * EVENT_BYTES_MAX
"""What is gathered, while it is moved to where it can grow."""

_BEYOND_BYTES = 2 * 2**20
_FED_AS_BYTES = 50 * 1024
STREAMS = (
    (b"data: ", b"x" * 1024),
    (b'data: {"a":"', b"x" * 65536),
    (b": ", b"x" * 16384),
    (b"\xef\xbb\xbfdata: ", b"[" * 16384),
    (b"event: x\n", b"data: x\n" * 2048),
    (b"event: x\r\n", b"data: x\r\n" * 2048),
    (b"data: \r", b": x\r" * 4096),
)


def endless_faults(
    wire: Wire, request: dict[str, Any], streams: Sequence[tuple[bytes, bytes]] = STREAMS
) -> list[Fault]:
    """The faults of the decoder and the watch of this wire; `request` is a client's. Each stream is its beginning and
    what comes after that again and again."""
    faults = []
    for beginning, filling in streams:
        for name, read in ("decoder", _decoded), ("watch", _watched):
            try:
                # Little is to be done for each of these bytes.
                with cpu_bounded(_FED_AS_BYTES):
                    _feed(read(wire, request), beginning, filling)
            except (Broken, TooSlow) as fault:
                where = f"{name}, {beginning!r} and then pieces of {len(filling):,} bytes like {filling[:9]!r}"
                faults.append(Fault(f"{type(fault).__name__}: {fault}", where, beginning + filling))
    return faults


def _feed(refused: Callable[[bytes], bool], beginning: bytes, filling: bytes) -> None:
    """Feed until it is refused, which must be neither before the bound nor long after."""
    fed_bytes = len(beginning)
    tracemalloc.start()
    try:
        over = refused(beginning)
        while not over and fed_bytes <= EVENT_BYTES_MAX + _BEYOND_BYTES:
            over = refused(filling)
            fed_bytes += len(filling)
        held_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if not over:
        raise Broken(f"an event of {fed_bytes:,} bytes was not refused")
    if fed_bytes <= EVENT_BYTES_MAX:
        raise Broken(f"an event of {fed_bytes:,} bytes was refused")
    if held_bytes > HELD_BYTES_MAX:
        raise Broken(f"{held_bytes:,} bytes were held")


def _decoded(wire: Wire, request: dict[str, Any]) -> Callable[[bytes], bool]:
    del request
    decoder = wire.event_decoder()

    def refused(data: bytes) -> bool:
        try:
            decoder.feed(data)
        except (UpstreamError, RequestError) as fault:
            return isinstance(fault, UpstreamMalformed)
        return False

    return refused


def _watched(wire: Wire, request: dict[str, Any]) -> Callable[[bytes], bool]:
    watch = wire.stream_watch(request)

    def refused(data: bytes) -> bool:
        watch.feed(data)
        return isinstance(watch.error, UpstreamMalformed)

    return refused
