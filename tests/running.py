"""A real gateway for tests: `ecotone up` in a process of its own, with a home and a config of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import openai

_READY_S = 60.0
_STOP_S = 20.0


@dataclass
class RunningGateway:
    """`url` is its address; `log` what it has said to the terminal so far."""

    url: str
    home: Path
    config: Path
    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def client(self, **settings: Any) -> openai.AsyncOpenAI:
        """The official SDK, without retries of its own unless asked for."""
        return openai.AsyncOpenAI(
            **{"base_url": self.base_url, "api_key": "unused", "max_retries": 0, "timeout": 60.0, **settings}
        )

    async def reconfigure(self, text: str) -> None:
        """Replace the config and wait until it is in force, or refused."""
        seen = len(self.log)
        replacement = self.config.with_suffix(".new")
        replacement.write_text(text)
        replacement.replace(self.config)
        await self.said("config reloaded", "kept as it was", since=seen)

    async def said(self, *texts: str, since: int = 0, within_s: float = 10.0) -> str:
        """The first line of its log, from line `since` on, that has one of these texts."""
        async with asyncio.timeout(within_s):
            while True:
                for line in self.log[since:]:
                    if any(text in line for text in texts):
                        return line
                await asyncio.sleep(0.02)

    async def rows(self, count: int, *, since: int = 0) -> list[dict[str, Any]]:
        """Rows of the request log in order of arrival, leaving out the first `since`, once `count` more are there."""
        connection = apsw.Connection(str(self.home / "ecotone.db"), flags=apsw.SQLITE_OPEN_READONLY)
        names = [name for _, name, *_ in connection.execute("pragma table_info(requests)")]
        async with asyncio.timeout(10):
            while True:
                found = list(connection.execute("select * from requests order by started_at_us"))[since:]
                if len(found) >= count:
                    connection.close()
                    return [dict(zip(names, row, strict=True)) for row in found]
                await asyncio.sleep(0.02)

    async def stop(self) -> int:
        """SIGTERM, and wait for it to be gone. Returns its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), _STOP_S)


@asynccontextmanager
async def gateway(
    folder: Path, config: str | None = None, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[RunningGateway]:
    """Start one on a free port; `config` is the text of its ecotone.toml, None for none."""
    home = folder / "home"
    file = folder / "ecotone.toml"
    command = [sys.executable, "-m", "ecotone", "up", "--port", "0", *arguments]
    if config is not None:
        file.write_text(config)
        command += ["--config", str(file)]
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**variables, "ECOTONE_HOME": str(home), **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = RunningGateway("", home, file, process)
    reading = asyncio.create_task(_read_log(running))
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), _READY_S)).decode()
        if not line.startswith("ready "):
            await process.wait()
            await reading
            raise AssertionError(f"the gateway did not start: {running.log}")
        running.url = line.split()[1]
        yield running
    finally:
        await running.stop()
        await reading


async def _read_log(running: RunningGateway) -> None:
    assert running.process.stderr is not None
    async for line in running.process.stderr:
        running.log.append(line.decode().rstrip())
