"""Runs carried out in the background, each by a process of its own: scoring takes nothing from who serves requests.

The process is `ecotone eval run --resume`, so that a run begun here is a run like any other. It lives as long as its
standard input is open: it ends, keeping what it has, when that is closed or when this process is gone.
"""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ecotone.evaluation.runs import RunFolder
from ecotone.values.errors import SetupError

_STOP_S = 15.0
# What a process of Python needs to know of its surroundings; vendors' keys stay with the gateway.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")


class BackgroundRuns:
    """The runs that this process has under way. For one event loop."""

    def __init__(
        self, surroundings: Mapping[str, str], *, home: Path, url: str, key: str | None, at_once_max: int = 3
    ) -> None:
        """`surroundings` are this process's environment variables, of which a few are passed on. The runs are those of
        `home`, and ask the gateway at `url`, showing it `key` if there is one."""
        self._environment = {name: value for name, value in surroundings.items() if name in _KEPT}
        self._environment |= {"ECOTONE_HOME": str(home), "ECOTONE_URL": url}
        if key is not None:
            self._environment["ECOTONE_KEY"] = key
        self._at_once_max = at_once_max
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._starting: set[str] = set()

    def has(self, run: str) -> bool:
        """Is this run under way here?"""
        process = self._processes.get(run)
        return run in self._starting or (process is not None and process.returncode is None)

    def check_room(self) -> None:
        """Raise SetupError where as many runs go on as there may be at once."""
        if sum(map(self.has, {*self._processes, *self._starting})) >= self._at_once_max:
            raise SetupError(
                f"{self._at_once_max} runs go on already, and more would only slow them down: wait for one, or stop it"
            )

    async def start(self, folder: RunFolder) -> None:
        """Carry out a run, or go on with it. What its process says is kept in `folder.said`.

        Raises SetupError where it goes on already, or with as many as there may be at once.
        """
        run = folder.path.name
        if self.has(run) or folder.is_being_written():
            raise SetupError(f"run {run} goes on already")
        self.check_room()
        self._starting.add(run)
        try:
            with folder.said.open("wb") as said:
                self._processes[run] = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "ecotone", "eval", "run", "--resume", run, "--for-gateway"),
                    env=self._environment,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,
                )
        finally:
            self._starting.discard(run)

    async def stop(self, run: str) -> None:
        """Let a run end, keeping what it has, and wait for that. Does nothing where it is not under way here."""
        process = self._processes.get(run)
        if process is None:
            return
        if process.returncode is None:
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), _STOP_S)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._processes.get(run) is process:
            del self._processes[run]

    async def close(self) -> None:
        """Stop all."""
        await asyncio.gather(*map(self.stop, tuple(self._processes)))
