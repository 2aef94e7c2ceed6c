"""What all commands have in common, keys, and the reference pages."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ecotone import __version__
from ecotone.cli.app import app
from ecotone.cli.output import visible
from ecotone.cli.running import RunningNote, read_note, withdraw_note, write_note
from ecotone.gateway.settings.paths import Home
from ecotone.values.sizes import in_bytes
from tests.cli.in_process import in_process
from tests.cli.terminal import Shell

ROOT = Path(__file__).parents[2]
# They work on what the home has, or on the gateway that runs.
WITHOUT_CONFIG = {
    *("console", "guard", "events", "status", "clients", "models load", "models unload", "models classify"),
    *("rules start", "catalog refresh", "battles", "chats"),
    *(f"eval {name}" for name in ("new", "add-suite", "delete-suite", "suites", "list", "show", "delete", "diff")),
    "eval report",
}


def commands(group: Any, before: str = "") -> Iterator[str]:
    """All that do something, by their words."""
    for name, child in group.commands.items():
        if getattr(child, "commands", None) is None or child.invoke_without_command:
            yield before + name
        if getattr(child, "commands", None) is not None:
            yield from commands(child, f"{before}{name} ")


COMMANDS = tuple(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    short = in_process(tmp_path, monkeypatch).run(*command.split(), "-h")
    assert short.code == 0
    assert "Usage:" in short.out
    assert ("--config" in short.out) is not (command in WITHOUT_CONFIG or command.split()[0] in WITHOUT_CONFIG)
    assert not (tmp_path / "home").exists()


async def test_help_is_shown_by_a_process_too(tmp_path: Path) -> None:
    short = await Shell(tmp_path).run("-h")
    assert short.code == 0
    assert "Usage:" in short.out


def test_every_command_and_option_has_help() -> None:
    def unexplained(command: object, name: str) -> list[str]:
        names = [] if getattr(command, "help", None) else [name]
        names += [f"{name} {param.name}" for param in getattr(command, "params", ()) if not param.help]
        for child in getattr(command, "commands", {}).values():
            names += unexplained(child, f"{name} {child.name}")
        return names

    hidden = ["ecotone up for_call"]
    assert unexplained(typer.main.get_command(app), "ecotone") == hidden


@pytest.mark.parametrize("page", ["cli", "config"])
def test_the_reference_is_current(page: str) -> None:
    script = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{page}_reference.py")], capture_output=True, text=True, check=True
    )
    file = ROOT / "docs" / "reference" / f"{page}.md"
    assert file.read_text() == script.stdout, f"renew it: python scripts/{page}_reference.py > {file.relative_to(ROOT)}"


def test_the_reference_has_every_command() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    headings = re.findall(r"^## `ecotone (.*)`$", text, re.MULTILINE)
    assert len(COMMANDS) > 50
    assert set(COMMANDS) <= set(headings)
    assert "--for-call" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nonsense",),
        ("nonsense",),
        ("ask", "x", "--max-tokens", "0"),
        ("ask", "x", "--temperature", "hot"),
        ("up", "--port", "many"),
        ("models", "nonsense"),
        ("models", "show"),
        ("models", "--open"),
        ("models", "--limit", "3"),
        ("models", "--all", "--open", "--closed"),
        ("models", "--all", "--sort", "taste"),
        ("models", "--all", "--limit", "0"),
        ("keys", "create"),
    ],
)
def test_a_command_line_that_makes_no_sense_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    done = in_process(tmp_path, monkeypatch).run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage:" in done.err


async def test_a_process_exits_with_2_too(tmp_path: Path) -> None:
    done = await Shell(tmp_path).run("--nonsense")
    assert (done.code, done.out) == (2, "")
    assert "Usage:" in done.err


async def test_version(tmp_path: Path) -> None:
    assert (await Shell(tmp_path).run("--version")).out == f"ecotone {__version__}\n"


def test_the_version_is_told_without_loading_the_gateway() -> None:
    code = "import sys; sys.argv = ['ecotone', '--version']\nfrom ecotone.cli import main\ntry:\n    main()\nfinally:\n"
    code += "    print({name.split('.')[1] for name in sys.modules if name.startswith('ecotone.')} - {'cli', 'values'})"
    script = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert script.stdout.splitlines() == [f"ecotone {__version__}", "set()"]


async def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    ecotone = Path(sys.executable).with_name("ecotone")

    async def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_ECOTONE_COMPLETE": "complete_bash"}
        async with Shell(tmp_path, words).started(command=(str(ecotone),)) as process:
            out, _ = await process.communicate()
        return out.decode().split()

    assert await completed("ecotone mo") == ["models"]
    assert await completed("ecotone keys re") == ["revoke"]
    assert await completed("ecotone ask --max") == ["--max-tokens"]


async def test_a_taken_port_is_known_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = await Shell(tmp_path).run("up", "--port", port)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ecotone: cannot listen on 127.0.0.1 port {port}: Address already in use; ")
    assert done.err.count("\n") == 1


async def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    made = json.loads((await shell.run("keys", "create", "laptop", "--json")).out)
    assert set(made) == {"name", "key"}
    assert made["name"] == "laptop"
    assert made["key"].startswith("eco_")
    second = await shell.run("keys", "create", "phone")
    assert re.fullmatch(r"eco_\S+\n", second.out)
    assert (await shell.run("keys", "create", "phone")).code == 1
    assert (await shell.run("keys", "revoke", "laptop")).code == 0
    listed = (await shell.run("keys", "list")).out.splitlines()
    assert listed[0].split() == ["NAME", "ENDS", "IN", "MADE", "STATE"]
    assert listed[1].split()[:2] == ["laptop", made["key"][-4:]] and " revoked " in listed[1]
    assert listed[2].endswith("valid")
    assert made["key"] not in "".join(listed)


async def test_a_locale_without_the_characters_is_no_stack_trace(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PYTHONIOENCODING": "ascii"})
    done = await shell.run("models")
    assert done.code == 0
    assert "smollm2-135m-instruct" in done.out


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (98_362_432, "98.4 MB"), (5_027_783_488, "5.0 GB")],
)
def test_sizes_for_people(size: int, told: str) -> None:
    assert in_bytes(size) == told


def test_control_characters_are_shown_not_obeyed() -> None:
    assert visible("a\tb\nc\x1b]0;owned\x07\r\x7f\x9b") == "a\tb\nc␛]0;owned␇␍␡\ufffd"


def test_the_note_of_a_process_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert read_note(home) is None
    gone = subprocess.Popen(["true"])
    gone.wait()
    write_note(home, RunningNote("http://127.0.0.1:1", gone.pid))
    assert read_note(home) is None
    withdraw_note(home)
    assert home.running.exists()
    for text in ("", '{"url": 1}', "[]"):
        home.running.write_text(text)
        assert read_note(home) is None
