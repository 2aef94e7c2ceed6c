"""Codex, Claude Code and Gemini CLI, each with a model behind every wire: a file is really created."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.clis import BIN, CLAUDE_CODE, CODEX, GEMINI_CLI, Cli, run
from tests.conformance.house import WIRES, house
from tests.vendors.scripts import Reply, ToolCall

NPM = shutil.which("npm")
FOLDER = BIN.parent.parent
pytestmark = pytest.mark.skipif(NPM is None, reason="npm is not installed")

# The tool of each that writes a file or runs a command.
CASES = [
    pytest.param(CODEX, "exec_command", {"cmd": "echo hello > hello.txt"}, id="codex"),
    pytest.param(CLAUDE_CODE, "Write", {"file_path": "WORK/hello.txt", "content": "hello\n"}, id="claude"),
    pytest.param(GEMINI_CLI, "write_file", {"file_path": "WORK/hello.txt", "content": "hello\n"}, id="gemini"),
]


@pytest.fixture(scope="module")
def installed() -> None:
    """The three programs, in the locked versions."""
    if not BIN.exists():
        command = [NPM or "", "ci", "--prefix", str(FOLDER), "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, check=True, timeout=300)
        # Puts the program of this platform in its place; it fetches nothing.
        unpack = FOLDER / "node_modules" / "@anthropic-ai" / "claude-code" / "install.cjs"
        subprocess.run(["node", str(unpack)], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(("cli", "tool", "arguments"), CASES)
async def test_a_file_is_created_whichever_wire_is_behind(
    installed: None, tmp_path: Path, cli: Cli, tool: str, arguments: dict[str, str]
) -> None:
    async with house(tmp_path / "house") as home:
        for wire in WIRES:
            work = tmp_path / wire / "work"
            said = json.dumps({name: value.replace("WORK", str(work)) for name, value in arguments.items()})
            vendor = home.vendors[wire]
            before = len(vendor.requests)
            vendor.script(Reply(tool_calls=[ToolCall(tool, said)]), Reply(text="The file hello.txt is there."))
            async with asyncio.timeout(150):
                ran = await run(cli, tmp_path / wire, url=home.gate.url, model=f"{wire}-thinking")
            told = "\n".join([ran.output, *home.gate.log])
            assert ran.status == 0, told
            assert (ran.work / "hello.txt").read_text() == "hello\n", told
            assert "The file hello.txt is there." in ran.output, told
            assert len(vendor.requests) >= before + 2
