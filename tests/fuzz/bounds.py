"""How long an input may take, in CPU time, and how much memory the process may hold."""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

CPU_S = 0.5
CPU_S_PER_KIB = 0.02
"""An input of 1 KiB takes a few milliseconds through all wires; these bounds are met unless something is quadratic."""

GROWTH_BYTES_MAX = 64 * 2**20
"""What the process may hold more after any number of inputs than after the first few hundred."""

_ADDRESS_SPACE_BYTES = 2 * 2**30
_PAGE_BYTES = resource.getpagesize()


class TooSlow(BaseException):
    """The input took more CPU time than it may. No Exception, so that nothing under test catches it."""


@contextlib.contextmanager
def cpu_bounded(input_bytes: int) -> Iterator[None]:
    """Raise TooSlow in the block once it has taken more CPU time than an input of this size may.

    For the main thread alone. A signal says so: it is seen between two instructions of Python, and within `re`.
    """
    bound_s = CPU_S + CPU_S_PER_KIB * input_bytes / 1024

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {bound_s:.1f} s of CPU time for {input_bytes:,} bytes")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, bound_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory() -> None:
    """Give this process no more than 2 GiB of address space beyond what it has: more ends in MemoryError."""
    size_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes + _ADDRESS_SPACE_BYTES, hard))


def resident_bytes() -> int:
    """The memory that the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
