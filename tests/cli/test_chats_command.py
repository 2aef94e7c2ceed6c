"""`ecotone chats`: the chats of the console, from the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecotone.gateway.chats.attachments import Attached
from ecotone.gateway.chats.chats import MIGRATIONS, Chats
from ecotone.storage.database import Database
from tests.cli.in_process import in_process

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def test_chats_are_listed_shown_taken_along_renamed_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = in_process(tmp_path, monkeypatch)
    nothing = shell.run("chats", "list")
    assert (nothing.code, nothing.out) == (0, "") and "`ecotone console`" in nothing.err
    database = Database(shell.home / "ecotone.db", MIGRATIONS)
    chats = Chats(database)
    mine, yours = chats.create("ada", NOW), chats.create("bob", NOW, title="Other")
    _, answer = chats.ask(mine, "ada", "deep?", "assistant", NOW, attached=[Attached("a.txt", "text/plain", b"hi")])
    facts = {"model": "m1", "hosting": "embedded", "weights": "open"}
    chats.end(answer, "done", text="very\x1b[2Jdeep", now=NOW, facts=facts)
    database.close()

    listed = shell.run("chats", "list")
    assert listed.out.splitlines()[0].split() == ["ID", "CHANGED", "WHOSE", "MESSAGES", "ASKED", "LAST", "TITLE"]
    assert {line.split()[0] for line in listed.out.splitlines()[1:]} == {mine, yours}
    found = json.loads(shell.run("chats", "list", "--search", "DEEP", "--owner", "ada", "--json").out)
    assert [(row["id"], row["title"], row["messages"]) for row in found["chats"]] == [(mine, "deep?", 2)]
    assert "No chat has" in shell.run("chats", "list", "--search", "shallow").err

    shown = shell.run("chats", "show", mine)
    assert "very\u241b[2Jdeep" in shown.out, "what steers a terminal is shown, not obeyed"
    assert "*2026-03-04 05:06 UTC, answered inside Ecotone, open weights*" in shown.out
    assert json.loads(shell.run("chats", "show", mine, "--json").out)["messages"][1]["facts"] == facts
    file = tmp_path / "chat.json"
    assert (shell.run("chats", "export", mine, "--to", str(file))).code == 0
    assert json.loads(file.read_text())["messages"][0]["attachments"][0]["data"] == "aGk="
    again = shell.run("chats", "export", mine, "--to", str(file))
    assert again.code == 1 and "is there already" in again.err
    assert shell.run("chats", "export", mine, "--form", "markdown").out.startswith("# deep?\n")

    assert "'Sea'" in shell.run("chats", "rename", mine, " Sea ").err
    assert json.loads(shell.run("chats", "delete", mine, "--json").out) == {"id": mine, "deleted": True}
    gone = shell.run("chats", "show", mine)
    assert gone.code == 1 and "There is no such chat" in gone.err
    assert shell.run("chats", "list").out.count("\n") == 2
