"""Running code that a model wrote: in processes that see no file of the machine, no network and no other process.

The protection is Linux's own (namespaces, a root folder in memory, limits, a seccomp filter) and needs no package and
no privileges. Where it cannot be had, nothing is run: `problem` says why. How it is made, what each attack gets and
what remains possible: docs/decisions/0011-sandbox.md.
"""

import ast
import asyncio
import contextlib
import functools
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ecotone.evaluation.sandbox_child import syscalls
from ecotone.values.errors import SetupError

_START: Final = "import sys; sys.path.append(sys.argv[1]); from sandbox_child.supervisor import main; {}"
_RUN: Final = _START.format("sys.path.pop(); main(*map(int, sys.argv[2:]))")
_GRACE_S: Final = 10.0
"""How much longer than its own deadline the supervising process gets to set up and to report."""

Status = Literal["passed", "failed", "stopped"]
Reason = Literal[
    "error", "exit", "crash", "time", "memory", "disk", "network", "process", "files", "output", "system", "tests"
]


class Limits(msgspec.Struct, frozen=True):
    """What one run may use.

    `cpu_s` bounds the code under test alone, `wall_s` everything after the set-up. `memory_mb` is address space, for
    the tests and the code under test each. `disk_mb` is the scratch folder, which lies in memory. Of what is printed
    the last `output_kb` are kept, and 256 times as much ends the run.
    """

    wall_s: float = 10.0
    cpu_s: int = 5
    memory_mb: int = 512
    disk_mb: int = 16
    output_kb: int = 64


_USUAL: Final = Limits()


class Outcome(msgspec.Struct, frozen=True):
    """What came of a run.

    "passed": the tests ran to their end. "failed": an error ("error", in the tests or in the code), or the code under
    test ended before the tests did ("exit", "crash"). "stopped": it met a limit (time, memory, disk, output) or tried
    what is forbidden (network, process, files, system); "tests" if the tests themselves did.

    `text` is what happened in one line; `line` the line of the tests and `solution_line` the line of the code under
    test where, both from 1. `output` is the end of what was printed. `memory_mb` is the largest process's peak.
    """

    status: Status
    reason: Reason | None
    text: str
    output: str
    wall_s: float
    cpu_s: float
    memory_mb: float
    line: int | None = None
    solution_line: int | None = None


class Sandbox:
    """Runs at most `parallel` at once, by default as many as there are processors; others wait their turn."""

    def __init__(self, parallel: int | None = None) -> None:
        self._turn = asyncio.Semaphore(parallel or os.cpu_count() or 1)

    async def run(self, source: str, limits: Limits = _USUAL, *, tests: str = "") -> Outcome:
        """Run `source` as a module and then `tests`, with the module's names, in a process of their own.

        The code under test cannot reach the process that says "passed". What its functions return arrives there as
        plain data. Without tests, "passed" says that the code ran to its end, and the code can pretend that.

        Raises SetupError where nothing can be run safely, or where the sandbox itself broke down.
        """
        if (reason := problem()) is not None:
            raise SetupError(reason)
        async with self._turn:
            started = time.monotonic()
            report = await _report_of(source, tests, limits)
            return _outcome(report, time.monotonic() - started)


@functools.cache
def problem() -> str | None:
    """Why no code can be run safely here, with what to do about it; None if it can. Tried once, for some 50 ms."""
    if sys.platform != "linux":
        return "Code written by models is run only on Linux, where the kernel can confine it: use Linux or WSL 2."
    if not syscalls.known_machine():
        return f"Code written by models is run only on x86_64 and aarch64, not on {os.uname().machine}."
    with subprocess.Popen(
        _command(Limits()), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
        process.stdin.write(_job("", ""))
        process.stdin.flush()
        report = process.stdout.read()  # it ends by itself, at its own deadline
    try:
        _outcome(report, 0.0)
    except SetupError as error:
        return error.message
    return None


async def _report_of(source: str, tests: str, limits: Limits) -> bytes:
    """What the supervising process writes. It never outlives this call, and all others die with it."""
    process = await asyncio.create_subprocess_exec(
        *_command(limits),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={},
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    try:
        async with asyncio.timeout(limits.wall_s + _GRACE_S):
            with contextlib.suppress(ConnectionError):  # it may end, and say why, before it has read everything
                process.stdin.write(_job(source, tests))
                await process.stdin.drain()
            report = await process.stdout.read()
            await process.wait()
            return report
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            # Not by the process's own method: that would collect its status before the event loop can.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        process.stdin.close()


def _command(limits: Limits) -> list[str]:
    numbers = (
        limits.cpu_s,
        limits.memory_mb * 1024**2,
        limits.disk_mb * 1024**2,
        round(limits.wall_s * 1000),
        limits.output_kb * 1024,
    )
    # Not the interpreter of a virtual environment but the one below it: it finds its library by itself, and nothing
    # that is installed here.
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    return [interpreter, "-I", "-S", "-u", "-c", _RUN, str(Path(__file__).parent), *map(str, numbers)]


def _job(source: str, tests: str) -> bytes:
    parts = [text.encode(errors="replace") for text in (source, tests)]
    return struct.pack(">QQ", *map(len, parts)) + b"".join(parts)


def _outcome(report: bytes, wall_s: float) -> Outcome:
    """Raises SetupError if the report says that nothing could be run, or is none."""
    if not report:
        raise SetupError(f"The sandbox ended without a verdict, after {wall_s:.1f} s: is this machine overloaded?")
    try:
        (status, reason, text, line, solution_line), output, cpu_s, memory_bytes = ast.literal_eval(report.decode())
    except (ValueError, SyntaxError, TypeError) as error:
        tail = report.decode(errors="replace")[-500:]
        raise SetupError(f"Code written by models cannot be confined here; the sandbox said: {tail}") from error
    if status == "setup":
        raise SetupError(f"Code written by models cannot be confined here ({text}). {_advice()}")
    values: dict[str, Any] = {
        "status": status,
        "reason": reason,
        "text": " ".join(text.split()),
        "output": output,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "memory_mb": memory_bytes / 1024**2,
        "line": line,
        "solution_line": solution_line,
    }
    return msgspec.convert(values, Outcome)


def _advice() -> str:
    """What to do where the kernel refuses, by its own settings."""
    for name, refusing, setting in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ):
        with contextlib.suppress(OSError):
            if Path("/proc/sys", name).read_text().strip() == refusing:
                return f"This machine keeps user namespaces from ordinary users; allow them: sudo sysctl -w {setting}"
    return (
        "It needs Linux 5.12 or newer with user namespaces and seccomp. In a container, allow both: with Docker or "
        "Podman, --security-opt seccomp=unconfined --security-opt systempaths=unconfined."
    )
