"""Child processes on a chosen core, which can be paused while another one is measured."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

SYSTEM_CORE = 0
LOAD_CORE = 1


class Missing(Exception):
    """A system that cannot be measured here, with the reason in words."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def on_core(core: int | None, command: Sequence[str]) -> list[str]:
    return list(command) if core is None else ["taskset", "-c", str(core), *command]


class Process:
    """A running child with its own process group; its output goes to `log`."""

    def __init__(
        self, command: Sequence[str], log: Path, core: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.log = on_core(core, command), log
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                self.command, stdout=output, stderr=output, env={**os.environ, **(env or {})}, start_new_session=True
            )

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def stop(self, patience_s: float = 10) -> None:
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.child.wait(patience_s)

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_s: float = 90) -> None:
        """Poll `ready` until it holds; Missing if the child ends or the time runs out first."""
        end = time.monotonic() + timeout_s
        while not ready():
            if self.child.poll() is not None:
                raise Missing(f"{what} ended with status {self.child.returncode}: {self.last_words()}")
            if time.monotonic() > end:
                raise Missing(f"{what} did not serve within {timeout_s:.0f} s: {self.last_words()}")
            time.sleep(0.1)

    def last_words(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:]) or "no output"

    def cpu_s(self) -> float:
        """Processor time the whole group has used, user and system."""
        return sum(int(fields[11]) + int(fields[12]) for fields in self._stats()) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Resident memory of the whole group."""
        return sum(int(fields[21]) for fields in self._stats()) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _stats(self) -> list[list[str]]:
        """`/proc/PID/stat` of each process in the group, from its third field (proc(5)) on."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.child.pid:
                    found.append(fields)
        return found


def posts(url: str, body: bytes, headers: Mapping[str, str]) -> Callable[[], bool]:
    """A condition: POSTing this body is answered with 200."""

    def answered() -> bool:
        request = urllib.request.Request(url, body, dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    return answered


@contextlib.contextmanager
def only(running: Process | None, others: Sequence[Process]) -> Iterator[None]:
    """Everything else among `others` stands still meanwhile, so that it cannot take the core."""
    paused = [process for process in others if process is not running]
    for process in paused:
        process.pause()
    try:
        yield
    finally:
        for process in paused:
            process.resume()
