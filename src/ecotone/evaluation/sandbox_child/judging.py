"""The process that runs the tests against the code under test, and alone gives the verdict."""

import errno
import importlib
import signal
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from .calls import Channel, Gone, Operations, Raised, Unreadable, innermost_line

_TESTS_FILE: Final = "<tests>"
_TEXT_CHARACTERS_MAX: Final = 2000
_DISK_ERRORS: Final = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class Verdict(NamedTuple):
    """`line` is where in the tests, `solution_line` where in the code under test."""

    status: str
    reason: str | None
    text: str
    line: int | None = None
    solution_line: int | None = None


class Ending(NamedTuple):
    """How the process with the code under test ended: wait status, processor seconds used and allowed."""

    status: int
    cpu_s: float
    cpu_max_s: int


class _Stopped(BaseException):
    """The code under test met a limit. No `except Exception` in a test may swallow it."""


def judge(read_fd: int, write_fd: int, source: str, tests: str, ending: Callable[[], Ending]) -> Verdict:
    """Run the code under test, then the tests. `ending` waits for the end of the other process."""
    last: list[tuple[Raised, BaseException]] = []

    def on_raised(raised: Raised, error: BaseException) -> None:
        last[:] = [(raised, error)]
        if "MemoryError" in raised.names or raised.number == errno.ENOMEM:
            raise _Stopped("memory", f"{raised.names[0]}: {raised.text or 'no memory left'}")
        if raised.number in _DISK_ERRORS:
            raise _Stopped("disk", f"{raised.names[0]}: {raised.text}")

    channel = Channel(read_fd, write_fd, _operations, _module, on_raised)
    try:
        namespace = {"__name__": "tests", **channel.ask("run", source)}
        exec(compile(tests, _TESTS_FILE, "exec", dont_inherit=True), namespace)  # noqa: S102 - what this is for
    except Gone:
        return _of_ending(ending())
    except Unreadable as error:
        return Verdict("failed", "error", f"the code under test meddled with the channel to the tests: {error}")
    except _Stopped as stopped:
        reason, text = stopped.args
        return Verdict("stopped", reason, text, None, last[0][0].line)
    except BaseException as error:  # tests may raise anything; only their end is a pass
        line = innermost_line(error, _TESTS_FILE)
        name, solution_line = type(error).__name__, None
        if last and last[0][1] is error:
            name, solution_line = last[0][0].names[0], last[0][0].line
        text = f"{name}: {error}"[:_TEXT_CHARACTERS_MAX] if str(error) else name
        return Verdict("failed", "exit" if isinstance(error, SystemExit) else "error", text, line, solution_line)
    return Verdict("passed", None, "")


def _operations(channel: Channel) -> Operations:
    """The code under test may call functions of the tests that were handed to it, and nothing else."""
    return {"call": lambda handle, args, kwargs: (channel.object(handle)(*args, **kwargs), [])}


def _module(name: str) -> Any:
    """Tests may use a module of the standard library that the code under test has imported."""
    return importlib.import_module(name) if name.partition(".")[0] in sys.stdlib_module_names else None


def _of_ending(ending: Ending) -> Verdict:
    """The verdict where the code under test ended before the tests did."""
    if ending.status >= 0:
        return Verdict("failed", "exit", f"the code ended with status {ending.status} before the tests did")
    if ending.status == -signal.SIGXCPU or ending.cpu_s >= ending.cpu_max_s:
        return Verdict("stopped", "time", f"more than {ending.cpu_max_s} s of processor time")
    return Verdict("failed", "crash", f"the code crashed with {signal.Signals(-ending.status).name}")
