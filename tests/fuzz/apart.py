"""A search in a process of its own, so that what kills the process is found as well."""

import mmap
import multiprocessing
import resource
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import msgspec

from tests.fuzz.checks import Check
from tests.fuzz.mutation import INPUT_BYTES_MAX
from tests.fuzz.search import Fault, Result, search

_LENGTH_BYTES = 4
# Beyond what the search may take: for its start, and for making small what it found.
_CPU_S_BEYOND = 300


def search_apart(
    check: Check,
    corpus: Sequence[bytes],
    seed: str,
    *,
    cpu_s: float | None = None,
    inputs_max: int | None = None,
    progress: Callable[[int, float, int], None] | None = None,
) -> Result:
    """`search` in a forked process. One that dies is a fault of the input that it tried last."""
    last = mmap.mmap(-1, _LENGTH_BYTES + INPUT_BYTES_MAX)

    def noted(data: bytes) -> str:
        tried = data[:INPUT_BYTES_MAX]
        last[: _LENGTH_BYTES + len(tried)] = len(tried).to_bytes(_LENGTH_BYTES, "big") + tried
        return check(data)

    def run(results: Connection) -> None:
        if cpu_s is not None:
            bound_s = int(cpu_s) + _CPU_S_BEYOND
            resource.setrlimit(resource.RLIMIT_CPU, (bound_s, bound_s))
        found = search(noted, corpus, seed, cpu_s=cpu_s, inputs_max=inputs_max, progress=progress)
        results.send_bytes(msgspec.msgpack.encode(found))

    forked = multiprocessing.get_context("fork")
    receiving, sending = forked.Pipe(duplex=False)
    process = forked.Process(target=run, args=(sending,))
    process.start()
    sending.close()
    try:
        return msgspec.msgpack.decode(receiving.recv_bytes(), type=Result)
    except EOFError:
        process.join()
        length = int.from_bytes(last[:_LENGTH_BYTES], "big")
        data = last[_LENGTH_BYTES : _LENGTH_BYTES + length]
        died = Fault(f"the process died, exit code {process.exitcode}", "the whole process", data)
        return Result(inputs=0, cpu_s=0, outcomes=0, faults=(died,))
    finally:
        process.join()
        receiving.close()
