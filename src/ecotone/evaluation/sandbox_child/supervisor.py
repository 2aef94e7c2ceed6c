"""Runs code that nobody has read, in a process that can do no harm, and tells what came of it.

    main(cpu_s, memory bytes, disk bytes, wall milliseconds, output bytes)

Standard input: the length of the code under test and of the tests, eight bytes each, then both as UTF-8. It stays open
for as long as the run is wanted: when it closes, because its owner gave up or died, everything here ends. Standard
output: one Python literal, the report.

Three processes: this one, which watches; the judge, process 1 of a process namespace, so that all that lives in there
dies with it; and the one with the code under test, which shares nothing with the judge but two pipes.
"""

import _socket
import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

from . import confinement, syscalls
from .calls import read_exactly
from .judging import Ending, Verdict, judge
from .solving import solve, watch_files

_THREADS_MAX: Final = 64
_OUTPUT_FACTOR_MAX: Final = 256
_MESSAGE_BYTES_MAX: Final = 8 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_ATTEMPTS: Final = {
    "network": "tried to use the network",
    "process": "tried to start or reach another process",
    "memory": "tried to take memory past the limit",
    "system": "tried to get more rights",
}
_NOTICE: Final = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_RESPONSE: Final = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_RECEIVE_NOTICE, _SEND_RESPONSE, _GO_ON = 0xC0502100, 0xC0182101, 1


class Limits(NamedTuple):
    """As on the command line."""

    cpu_s: int
    memory_bytes: int
    disk_bytes: int
    wall_ms: int
    output_bytes: int


class _Ends(NamedTuple):
    """The ends that the processes inside keep: what the code prints, the verdict, what only the supervisor reads."""

    output: int
    verdict: int
    control: _socket.socket


def main(*numbers: int) -> None:
    """One run. Whatever happens, a report comes out."""
    sys.dont_write_bytecode = True
    try:
        report = _run(Limits(*numbers))
    except OSError as error:
        report = _report(_no_start(error))
    os.write(1, report)


def _run(limits: Limits) -> bytes:
    output_here, output_there = os.pipe()
    verdict_here, verdict_there = os.pipe()
    control_here, control_there = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    confinement.enter_namespaces()
    judge = os.fork()
    if judge == 0:
        for fd in (output_here, verdict_here, control_here.detach()):
            os.close(fd)
        _in_a_child(_judge, limits, _Ends(output_there, verdict_there, control_there))
    for fd in (output_there, verdict_there, control_there.detach()):
        os.close(fd)
    watch = _Watch(limits, output_here, verdict_here, control_here)
    verdict = watch.until_the_end()
    # Process 1 takes all others of its namespace with it, and can be waited for only after they are gone.
    os.kill(judge, signal.SIGKILL)
    _, status, usage = os.wait4(judge, 0)
    watch.read_rest()
    if verdict is None:
        code = os.waitstatus_to_exitcode(status)
        verdict = Verdict("stopped", "tests", f"the process of the tests ended without a verdict, with status {code}")
    return _report(verdict, watch.output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _report(
    verdict: Verdict | str, output: bytes | bytearray = b"", cpu_s: float = 0.0, memory_bytes: int = 0
) -> bytes:
    words = verdict if isinstance(verdict, str) else repr(tuple(verdict))
    return f"({words}, {bytes(output).decode(errors='replace')!r}, {cpu_s!r}, {memory_bytes!r})".encode()


def _no_start(error: OSError) -> Verdict:
    return Verdict("setup", None, error.strerror or str(error))


class _Watch:
    """Waits for the verdict, for an attempt at something forbidden, for the time to run out or the owner to leave."""

    def __init__(self, limits: Limits, output_fd: int, verdict_fd: int, control: _socket.socket) -> None:
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_ms / 1000
        self._output_fd, self._verdict_fd, self._control = output_fd, verdict_fd, control
        self._listener: int | None = None
        self._poll = select.poll()
        # The owner's end of standard input: only its closing counts, the judge reads what comes through it.
        self._poll.register(0, 0)
        for fd in (output_fd, verdict_fd, control.fileno()):
            self._poll.register(fd, select.POLLIN)
        self._threads = 0
        self._printed_bytes = 0
        self._verdict = b""
        self.output = bytearray()

    def until_the_end(self) -> Verdict | str | None:
        """The verdict, the judge's in its own words; None if the judge ended without one."""
        while True:
            left_ms = (self._deadline - time.monotonic()) * 1000
            ready = {fd for fd, _ in self._poll.poll(max(0.0, left_ms))} if left_ms > 0 else set()
            if not ready:
                return Verdict("stopped", "time", f"more than {self._limits.wall_ms / 1000:g} s")
            if 0 in ready:
                return Verdict("stopped", "abandoned", "its owner went away")
            # An attempt counts before a verdict: whoever is stopped ends, and that ending gets a verdict too.
            for fd, look in ((self._listener, self._attempt), (self._control.fileno(), self._told)):
                if fd in ready and (stop := look()):
                    return stop
            if self._output_fd in ready and (stop := self._printed()):
                return stop
            if self._verdict_fd in ready and self._judged():
                return self._verdict.decode() or None

    def read_rest(self) -> None:
        """What was printed before the end; every process that could print more is gone."""
        while self._printed_bytes <= self._limits.output_bytes * _OUTPUT_FACTOR_MAX:
            before = self._printed_bytes
            self._printed()
            if self._printed_bytes == before:
                return

    def _printed(self) -> Verdict | None:
        chunk = os.read(self._output_fd, _CHUNK_BYTES)
        if not chunk:
            self._forget(self._output_fd)
        self._printed_bytes += len(chunk)
        self.output += chunk
        del self.output[: -self._limits.output_bytes]
        if self._printed_bytes > self._limits.output_bytes * _OUTPUT_FACTOR_MAX:
            return Verdict("stopped", "output", f"printed more than {self._printed_bytes // 1024**2} MB")
        return None

    def _judged(self) -> bool:
        chunk = os.read(self._verdict_fd, _CHUNK_BYTES)
        self._verdict += chunk
        return not chunk

    def _told(self) -> Verdict | None:
        """The first message brings the descriptor on which the kernel asks; any later one is an attempt at a file."""
        if self._listener is None:
            _, attached, _, _ = self._control.recvmsg(1, _socket.CMSG_SPACE(4))
            if attached:
                (self._listener,) = struct.unpack("=i", attached[0][2][:4])
                self._poll.register(self._listener, select.POLLIN)
                return None
        message = self._control.recv(_MESSAGE_BYTES_MAX)
        if not message:
            self._forget(self._control.fileno())
            return None
        return Verdict("stopped", "files", message.decode(errors="replace"))

    def _attempt(self) -> Verdict | None:
        """Answer the kernel: threads may start, up to a number; anything else that it asks about ends the run."""
        assert self._listener is not None  # noqa: S101 - it is ready, so it is there
        buffer = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE_NOTICE, buffer)
        except OSError as error:
            if error.errno == errno.ENOENT:  # whoever asked is gone
                self._forget(self._listener)
                return None
            raise
        notice, _, _, call, _, _, argument, *_ = _NOTICE.unpack(buffer)
        reason = syscalls.reason_to_stop(call, argument)
        if reason is not None:
            return Verdict("stopped", reason[0], f"{_ATTEMPTS[reason[0]]} (system call {reason[1]})")
        self._threads += 1
        if self._threads > _THREADS_MAX:
            return Verdict("stopped", "process", f"started more than {_THREADS_MAX} threads")
        fcntl.ioctl(self._listener, _SEND_RESPONSE, bytearray(_RESPONSE.pack(notice, 0, 0, _GO_ON)))
        return None

    def _forget(self, fd: int) -> None:
        with contextlib.suppress(KeyError):
            self._poll.unregister(fd)


def _in_a_child(body: Callable[..., None], *arguments: object) -> NoReturn:
    """Run the rest of a forked process and end it without the interpreter's clean-up."""
    status = 1
    try:
        body(*arguments)
        status = 0
    except BaseException:
        traceback = sys.exc_info()[2]
        os.write(2, f"the sandbox failed: {sys.exc_info()[1]!r} at line {traceback and traceback.tb_lineno}".encode())
    finally:
        os._exit(status)


def _judge(limits: Limits, ends: _Ends) -> None:
    """Process 1: everything forbidden is set up here, before a byte of the code or the tests has been read."""
    confinement.die_with_parent()
    try:
        readable = confinement.enter_new_root(limits.disk_bytes)
        questions_read, questions_write = os.pipe()
        answers_read, answers_write = os.pipe()
        solver = os.fork()
        if solver == 0:
            for fd in (ends.verdict, questions_write, answers_read):
                os.close(fd)
            _in_a_child(_solve, limits, ends, questions_read, answers_write, readable)
        for fd in (ends.control.detach(), questions_read, answers_write):
            os.close(fd)
        _standard_streams(ends.output, keep_input=True)
        confinement.limit_resources(limits.memory_bytes, limits.disk_bytes, None)
        confinement.drop_privileges()
        confinement.stop_at_system_calls()
    except OSError as error:
        os.write(ends.verdict, repr(tuple(_no_start(error))).encode())
        return
    lengths = struct.unpack(">QQ", read_exactly(0, 16))
    source, tests = (read_exactly(0, length).decode() for length in lengths)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def ending() -> Ending:
        _, status, usage = os.wait4(solver, 0)
        cpu_s = usage.ru_utime + usage.ru_stime
        return Ending(os.waitstatus_to_exitcode(status), cpu_s, limits.cpu_s)

    verdict = judge(answers_read, questions_write, source, tests, ending)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.write(ends.verdict, repr(tuple(verdict)).encode())


def _solve(limits: Limits, ends: _Ends, read_fd: int, write_fd: int, readable: list[str]) -> None:
    """The process with the code under test."""
    _standard_streams(ends.output, keep_input=False)
    confinement.limit_resources(limits.memory_bytes, limits.disk_bytes, limits.cpu_s)
    confinement.drop_privileges()
    listener = confinement.ask_at_system_calls()
    attached = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("=i", listener))]
    ends.control.sendmsg([b"x"], attached)
    os.close(listener)
    watch_files(ends.control.send, confinement.SCRATCH, readable)
    solve(read_fd, write_fd)


def _standard_streams(output_fd: int, *, keep_input: bool) -> None:
    """Print into the captured output, and read nothing."""
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.close(output_fd)
    if not keep_input:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
