"""What the documentation shows, done.

`sh`, `python` and `js` blocks run against a gateway with the embedded model inside; `toml` blocks are read as configs;
`json` blocks are JSON. `no-run: REASON` in a block's info string says why it cannot run here. Its commands are still
checked: every `ecotone` command and option in it exists.
"""

import asyncio
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import typer.main

from ecotone.cli.app import app
from ecotone.gateway.settings.config import parse_config
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.running import RunningGateway, gateway

in_the_house = pytest.mark.asyncio(loop_scope="module")

BLOCKS = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"sh", "python", "js", "toml", "json", "text", "console"}
NODE_MODULES = ROOT / "tests" / "node" / "node_modules"
DOCUMENTED_URL = "http://127.0.0.1:4100"
_RUN_S = 120.0


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def name(block: Block) -> str:
    return block.name


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A working folder for each page: its blocks follow one another."""
    return {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway without a config, as the README starts it, with the model already in its store."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "home").mkdir()
    (folder / "home" / "models").symlink_to(smollm2_path.parent.parent)
    async with gateway(folder) as gate:
        yield gate


async def ran(command: list[str], house: RunningGateway, folder: Path) -> str:
    """Run to the end, in a process group of its own, and return what it printed; fail if it fails."""
    hidden = {"ECOTONE_URL", "ECOTONE_KEY", "PYTHONWARNINGS"}
    variables = {key: value for key, value in os.environ.items() if key not in hidden and not key.endswith("_API_KEY")}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=variables
        | {"ECOTONE_HOME": str(house.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
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
        pytest.fail(f"still running after {_RUN_S:g} s")
    assert process.returncode == 0, out.decode()
    return out.decode()


def here(block: Block, house: RunningGateway) -> str:
    """The block's text, with this test's gateway and the installed command in place of the documented ones."""
    return block.text.replace(DOCUMENTED_URL, house.url).replace("uv run ecotone", "ecotone")


@in_the_house
@pytest.mark.parametrize("block", [block for block in of("sh") if block.opt_out is None], ids=name)
async def test_commands_run(block: Block, house: RunningGateway, folders: dict[Path, Path]) -> None:
    await ran(["bash", "-euo", "pipefail", "-c", here(block, house)], house, folders[block.page])


@in_the_house
@pytest.mark.parametrize("block", [block for block in of("python") if block.opt_out is None], ids=name)
async def test_python_runs(block: Block, house: RunningGateway, folders: dict[Path, Path]) -> None:
    await ran([sys.executable, "-W", "error", "-c", here(block, house)], house, folders[block.page])


@in_the_house
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.skipif(not NODE_MODULES.exists(), reason="the Node SDK is not installed: npm ci in tests/node")
@pytest.mark.parametrize("block", [block for block in of("js") if block.opt_out is None], ids=name)
async def test_javascript_runs(block: Block, house: RunningGateway, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "snippet.mjs").write_text(here(block, house))
    await ran(["node", "snippet.mjs"], house, tmp_path)


@pytest.mark.parametrize("block", of("toml"), ids=name)
def test_configs_are_understood(block: Block, tmp_path: Path) -> None:
    parse_config(block.text, tmp_path / "ecotone.toml")


@pytest.mark.parametrize("block", of("json"), ids=name)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


def test_every_block_names_a_language_that_is_checked() -> None:
    assert [block.name for block in BLOCKS if block.language not in LANGUAGES] == []


def test_there_is_something_to_run() -> None:
    assert len([block for block in of("sh") if block.opt_out is None]) >= 5
    assert len(of("python")) >= 3
    assert len(of("toml")) >= 5


# --- commands that are only checked


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a script, as words."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        redirected = False
        for word in [*lexer, ";"]:
            if redirected:
                redirected = False
            elif word[0] in "<>":
                redirected = True
            elif word[0] in "|&;":
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def ecotone_words(words: list[str]) -> list[str] | None:
    """The arguments of an `ecotone` command, also after assignments and `uv run`; None if it is another command."""
    while words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        words = words[1:]
    if len(words) > 1 and words[0].rpartition("/")[2] == "uv" and words[1] == "run":
        words = words[2:]
    return words[1:] if words and words[0] == "ecotone" else None


def complaint(arguments: list[str]) -> str | None:
    """What is wrong with the arguments of an `ecotone` command; None if it and its options exist."""
    command: Any = typer.main.get_command(app)
    waiting = list(arguments)
    while waiting and waiting[0] in getattr(command, "commands", {}):
        command = command.commands[waiting.pop(0)]
    options = {name: option for option in command.params for name in option.opts if name.startswith("-")}
    places = sum(not any(name.startswith("-") for name in option.opts) for option in command.params)
    while waiting:
        word, equals, _ = waiting.pop(0).partition("=")
        if word == "--":
            return None
        if word in ("-h", "--help"):
            continue
        if not word.startswith("-") or word == "-":
            places -= 1
            if places < 0:
                return f"{word!r} is one word too many"
        elif word not in options:
            return f"there is no option {word}"
        elif not options[word].is_flag and not equals:
            if not waiting:
                return f"{word} needs a value"
            waiting.pop(0)
    return None


@pytest.mark.parametrize("block", of("sh"), ids=name)
def test_commands_and_options_exist(block: Block) -> None:
    for words in commands(block.text):
        arguments = ecotone_words(words)
        if arguments is not None:
            assert complaint(arguments) is None
        elif words[0].startswith("scripts/"):
            assert os.access(ROOT / words[0], os.X_OK), words[0]


@pytest.mark.parametrize("wrong", ["up --prot 1", "up x", "keys make x", "models --jsn", "ask --model", "dance"])
def test_a_command_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert complaint(shlex.split(wrong)) is not None


@pytest.mark.parametrize(
    "right", ["up --port=1 --host ::1", "models rm x --json", "ask 'a b' -m x", "--version", "up -h"]
)
def test_a_command_that_exists_is_none_of_these(right: str) -> None:
    assert complaint(shlex.split(right)) is None


def test_ecotone_is_found_in_scripts() -> None:
    script = (
        "cd x && A=1 uv run ecotone up --port 1 | cat\necotone ask 'a; b' \\\n --json # no comment\necho ecotone\n"
        "ecotone keys create x > x.key"
    )
    found = [ecotone_words(words) for words in commands(script)]
    assert found == [None, ["up", "--port", "1"], None, ["ask", "a; b", "--json"], None, ["keys", "create", "x"]]


def programs() -> dict[str, set[str]]:
    """The options that the pages show of each of our own programs (`python -m bench`, `python -m tests.vendors`)."""
    found: dict[str, set[str]] = {}
    for words in (words for block in of("sh") for words in commands(block.text)):
        module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
        if module.partition(".")[0] in ("bench", "tests"):
            shown = {word.partition("=")[0] for word in words if word.startswith("--")}
            found[module] = found.get(module, set()) | shown
    return found


def test_the_pages_show_our_own_programs() -> None:
    assert {"bench", "tests.vendors"} <= programs().keys()


@in_the_house
@pytest.mark.parametrize("module", sorted(programs()))
async def test_options_of_our_own_programs_exist(module: str, house: RunningGateway) -> None:
    help_text = await ran([sys.executable, "-m", module, "--help"], house, ROOT)
    used = programs()[module]
    assert {option for option in used if option not in help_text} == set()
