"""The command line as a user has it: real processes, with or without a terminal."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ECOTONE = (sys.executable, "-m", "ecotone")
_NEVER_S = 60.0


@dataclass(frozen=True)
class Done:
    """A command that has ended: exit status, what it printed and what it said."""

    code: int
    out: str
    err: str


@dataclass
class Place:
    """Where commands run: in `folder`, with a home of their own in it, and with these variables beside others."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def config(self, text: str) -> None:
        """Write the ecotone.toml that commands find here."""
        (self.folder / "ecotone.toml").write_text(text)


@dataclass
class Shell(Place):
    """Runs commands as processes of their own, with no vendor's key in the environment."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.endswith("_API_KEY") and name not in ("ECOTONE_URL", "ECOTONE_KEY", "HF_TOKEN")
        }
        return {**kept, "ECOTONE_HOME": str(self.home), "COLUMNS": "100", **self.variables}

    @asynccontextmanager
    async def started(
        self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, command: tuple[str, ...] = ECOTONE
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command that runs; killed if it still does at the end."""
        process = await asyncio.create_subprocess_exec(
            *(*command, *arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def run(self, *arguments: str, stdin: str | None = None) -> Done:
        """Run to the end. Whatever goes wrong, nobody is shown a stack trace."""
        wanted = asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE
        async with self.started(*arguments, stdin=wanted) as process:
            return await finished(process, stdin)


async def finished(process: asyncio.subprocess.Process, stdin: str | None = None) -> Done:
    """What came of a command, once it has ended."""
    data = None if stdin is None else stdin.encode()
    out, err = await asyncio.wait_for(process.communicate(data), _NEVER_S)
    done = Done(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in done.err
    return done


class Screen:
    """A command on a pseudo-terminal, as a person sees it and types to it."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self._master = master
        self._text = ""
        self._seen = 0
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self._text += data.decode(errors="replace")
        self._more.set()

    async def shows(self, text: str) -> str:
        """Wait until `text` appears after what earlier calls have waited for; returns what came up to its end."""
        async with asyncio.timeout(_NEVER_S):
            while (place := self._text.find(text, self._seen)) < 0:
                self._more.clear()
                await self._more.wait()
        before, self._seen = self._seen, place + len(text)
        return self._text[before : self._seen]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def leaves(self) -> int:
        """Wait for its end; the exit status."""
        return await asyncio.wait_for(self.process.wait(), _NEVER_S)


@asynccontextmanager
async def screen(shell: Shell, *arguments: str) -> AsyncIterator[Screen]:
    """Start a command on a terminal of its own, where Ctrl-C reaches it and its children as it does a user's."""
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.cli.on_terminal", *arguments),
        cwd=Path(__file__).parents[2],
        env={**shell.environment, "TERM": "xterm", "PYTHONPATH": ""},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = Screen(process, master)
    try:
        yield shown
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
    assert "Traceback" not in shown._text


def processes_of(home: Path) -> list[int]:
    """Every process of this user that was started with this home."""
    wanted = f"ECOTONE_HOME={home}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in variables:
                found.append(int(folder.name))
    return found


async def until_no_process(home: Path) -> None:
    async with asyncio.timeout(_NEVER_S):
        while processes_of(home):
            await asyncio.sleep(0.05)
