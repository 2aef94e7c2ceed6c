"""A guide, walked: its configs are written, its commands and programs run, in the order of the page."""

import asyncio
import os
import re
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.docs.pages import Block
from tests.running import RunningGateway, gateway

DOCUMENTED_URL = "http://127.0.0.1:4100"
_RUN_S = 120.0
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_RULE = re.compile(r"^\[\[rules\]\]\n(?:(?!\[).+\n)+", re.MULTILINE)
_NAME = re.compile(r'^name = "(.+)"$', re.MULTILINE)


@dataclass
class Walk:
    """A folder in which somebody does what a guide says, with a gateway from the moment that it says `ecotone up`.

    `environment` is the gateway's, beside the usual. `printed` is what each block put on the terminal, with colours, by
    the block's line.
    """

    folder: Path
    environment: dict[str, str]
    gate: RunningGateway | None = None
    printed: dict[int, str] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def config(self) -> Path:
        return self.folder / "ecotone.toml"

    async def step(self, block: Block) -> str:
        """Do what a block says, which may say `exits with N` itself; returns what it printed, without colours."""
        if block.language == "toml":
            self._write(block.text)
            return ""
        if block.language == "sh" and re.search(r"^ecotone up$", block.text, re.MULTILINE):
            text = self.config.read_text()
            self.gate = await self._stack.enter_async_context(gateway(self.folder, text, environment=self.environment))
            return ""
        expected = int(found[1]) if (found := re.search(r"exits with (\d)", block.opt_out or "")) else 0
        run = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [sys.executable, "-W", "error", "-c"]
        self.printed[block.line] = await self._ran([*run, self._here(block.text)], expected)
        return _STYLE.sub("", self.printed[block.line])

    def _write(self, text: str) -> None:
        """Put a piece of config at the file's end, or a rule in the place of that with the same name."""
        before = self.config.read_text() if self.config.exists() else ""
        named = _NAME.search(text)
        for found in _RULE.finditer(before):
            same = _NAME.search(found[0])
            if _RULE.fullmatch(text) and same is not None and named is not None and same[1] == named[1]:
                self.config.write_text(before[: found.start()] + text + before[found.end() :])
                return
        self.config.write_text(f"{before}\n{text}" if before else text)

    def _here(self, text: str) -> str:
        return text if self.gate is None else text.replace(DOCUMENTED_URL, self.gate.url)

    async def _ran(self, command: list[str], expected: int) -> str:
        hidden = {"ECOTONE_URL", "ECOTONE_KEY", "PYTHONWARNINGS", "NO_COLOR"}
        kept = {
            name: value for name, value in os.environ.items() if name not in hidden and not name.endswith("_API_KEY")
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={
                **kept,
                "ECOTONE_HOME": str(self.folder / "home"),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "FORCE_COLOR": "1",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), _RUN_S)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        assert process.returncode == expected, out.decode()
        return out.decode()
