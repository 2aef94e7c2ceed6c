"""The search for faults: mutate, try, keep what is new, and make small what fails."""

import gc
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import msgspec

from tests.fuzz.bounds import GROWTH_BYTES_MAX, TooSlow, cpu_bounded, resident_bytes
from tests.fuzz.checks import Broken, Check, outcome
from tests.fuzz.mutation import Mutator

_NEW_MAX = 1000
_NEW_BYTES_MAX = 16 * 1024
_WARM_INPUTS = 500
_SMALLER_TRIES_MAX = 3000
_SMALLER_S_MAX = 20


class Fault(msgspec.Struct, frozen=True):
    """What went wrong and where, and the smallest input known that does it."""

    what: str
    where: str
    input: bytes


class Result(msgspec.Struct, frozen=True):
    """A search that is over. `cpu_s` is the process's CPU time, `outcomes` how many kinds of outcome were seen."""

    inputs: int
    cpu_s: float
    outcomes: int
    faults: tuple[Fault, ...]


def tried(check: Check, data: bytes) -> str | Fault:
    """What came of this input."""
    try:
        with cpu_bounded(len(data)):
            return check(data)
    except (Exception, TooSlow) as fault:
        # Whatever comes out of a check is a fault of what it checks.
        frames = traceback.extract_tb(fault.__traceback__)
        own = [frame for frame in frames if "ecotone" in Path(frame.filename).parts] or frames
        # Where time ran out is chance; in what was under way it is not.
        place = own[0] if isinstance(fault, TooSlow) else own[-1]
        where = f"{Path(place.filename).name}:{place.lineno} {place.name}"
        # Different properties may be broken at one place, and are told apart by what is said of them.
        particular = outcome(str(fault)) if isinstance(fault, Broken) else where
        return Fault(f"{type(fault).__name__}: {fault}"[:500], f"{type(fault).__name__} at {particular}", data)


def search(
    check: Check,
    corpus: Sequence[bytes],
    seed: str,
    *,
    cpu_s: float | None = None,
    inputs_max: int | None = None,
    progress: Callable[[int, float, int], None] | None = None,
) -> Result:
    """Try the corpus and then mutations of it, until `cpu_s` of CPU time have passed or `inputs_max` inputs were tried.

    `progress` is told inputs, seconds and faults about every five seconds.
    """
    random = Random(zlib.crc32(seed.encode()))
    known = list(corpus)
    mutator = Mutator(random, known)
    outcomes: set[int] = set()
    faults: dict[str, Fault] = {}
    started = told = time.process_time()
    inputs = held_bytes = 0
    while True:
        now = time.process_time()
        if (cpu_s is not None and now - started >= cpu_s) or (inputs_max is not None and inputs >= inputs_max):
            break
        if progress is not None and now - told > 5:
            told = now
            progress(inputs, now - started, len(faults))
        data = corpus[inputs] if inputs < len(corpus) else mutator.changed(random.choice(known))
        inputs += 1
        came = tried(check, data)
        if isinstance(came, Fault):
            _keep_smallest(faults, came)
        elif zlib.crc32(came.encode()) not in outcomes:
            outcomes.add(zlib.crc32(came.encode()))
            if inputs > len(corpus) and len(data) <= _NEW_BYTES_MAX and len(known) < len(corpus) + _NEW_MAX:
                known.append(data)
        if inputs % _WARM_INPUTS == 0:
            gc.collect()
            grown_bytes = resident_bytes() - held_bytes if held_bytes else 0
            held_bytes = held_bytes or resident_bytes()
            if grown_bytes > GROWTH_BYTES_MAX:
                _keep_smallest(faults, Fault(f"{grown_bytes:,} bytes more held after {inputs} inputs", "memory", b""))
    spent_s = time.process_time() - started
    return Result(inputs, spent_s, len(outcomes), tuple(smaller(check, fault) for fault in faults.values()))


def _keep_smallest(faults: dict[str, Fault], found: Fault) -> None:
    known = faults.get(found.where)
    if known is None or len(found.input) < len(known.input):
        faults[found.where] = found


def smaller(check: Check, fault: Fault) -> Fault:
    """The same fault with as little input as a while of cutting gives."""
    deadline_s = time.process_time() + _SMALLER_S_MAX
    tries = 0
    step = max(1, len(fault.input) // 2)
    while step and len(fault.input) > 1:
        start, cut = 0, False
        while start < len(fault.input):
            if tries == _SMALLER_TRIES_MAX or time.process_time() > deadline_s:
                return fault
            tries += 1
            came = tried(check, fault.input[:start] + fault.input[start + step :])
            if isinstance(came, Fault) and came.where == fault.where:
                fault, cut = came, True
            else:
                start += step
        if not cut or step > 1:
            step = step // 2 if not cut else min(step, max(1, len(fault.input) // 2))
    return fault
