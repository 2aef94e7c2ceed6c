"""Agents for the command line that others have written, each in a scratch home of its own."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BIN = Path(__file__).parent.parent / "clis" / "node_modules" / ".bin"
PROMPT = "Create the file hello.txt with the word hello in it."


@dataclass(frozen=True)
class Cli:
    """`command` follows the program's name; `variables` and `files` (in its home) set it up for the gateway at URL and
    the model MODEL."""

    program: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    files: Mapping[str, str]


CODEX = Cli(
    "codex",
    ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", PROMPT),
    {"CODEX_HOME": "HOME/.codex", "ECOTONE_KEY": "unused"},
    {
        ".codex/config.toml": """
model = "MODEL"
model_provider = "ecotone"
web_search = "disabled"

[model_providers.ecotone]
name = "Ecotone"
base_url = "URL/v1"
wire_api = "responses"
env_key = "ECOTONE_KEY"
"""
    },
)
CLAUDE_CODE = Cli(
    "claude",
    ("-p", "--dangerously-skip-permissions", PROMPT),
    {
        "ANTHROPIC_BASE_URL": "URL",
        "ANTHROPIC_API_KEY": "unused",
        "ANTHROPIC_MODEL": "MODEL",
        "ANTHROPIC_SMALL_FAST_MODEL": "MODEL",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # It refuses to skip permissions as root unless it is told that it is shut in.
        "IS_SANDBOX": "1",
    },
    {},
)
GEMINI_CLI = Cli(
    "gemini",
    ("--yolo", "-p", PROMPT),
    {"GOOGLE_GEMINI_BASE_URL": "URL", "GEMINI_API_KEY": "unused", "GEMINI_MODEL": "MODEL"},
    {
        ".gemini/settings.json": """{
  "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}},
  "privacy": {"usageStatisticsEnabled": false},
  "general": {"disableAutoUpdate": true}
}"""
    },
)


@dataclass(frozen=True)
class Ran:
    """`work` is the folder it ran in."""

    status: int | None
    output: str
    work: Path


async def run(cli: Cli, folder: Path, *, url: str, model: str) -> Ran:
    """Run `cli` once in a home and a working folder of its own under `folder`."""
    home, work = folder / "home", folder / "work"
    home.mkdir(parents=True)
    work.mkdir()

    def filled(text: str) -> str:
        return text.replace("URL", url).replace("MODEL", model).replace("HOME", str(home))

    for name, text in cli.files.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(filled(text))
    process = await asyncio.create_subprocess_exec(
        str(BIN / cli.program),
        *cli.command,
        cwd=work,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            **{name: filled(value) for name, value in cli.variables.items()},
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
    return Ran(process.returncode, output.decode(errors="replace"), work)
