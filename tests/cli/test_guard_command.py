"""`ecotone guard`: a verdict for a text, or for each of its lines."""

import json
from pathlib import Path

import pytest

from ecotone.policy.guard.categories import CATEGORIES
from tests.cli.in_process import in_process

LINES = "How do I murder my wife?\n\nWhere is the library?\r\n"


def test_each_line_gets_an_object_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = in_process(tmp_path, monkeypatch).run("guard", "-", "--lines", "--json", stdin=LINES)
    assert done.code == 0, done.err
    first, empty, last = map(json.loads, done.out.splitlines())
    assert list(first) == ["line", "verdict", "threshold", "scores"]
    assert tuple(first["scores"]) == CATEGORIES
    assert [row["line"] for row in (first, empty, last)] == [1, 2, 3]
    assert [row["verdict"] for row in (first, empty, last)] == ["flag", "allow", "allow"]
    assert first["threshold"] == 0.5


def test_a_file_gets_one_verdict_for_people_or_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text(LINES)
    shell = in_process(tmp_path, monkeypatch)
    shown = shell.run("guard", str(file))
    assert shown.out.startswith("flag (a score of 0.50 or more flags)\n")
    assert all(category in shown.out for category in CATEGORIES)
    found = json.loads(shell.run("guard", str(file), "--json").out)
    assert (found["verdict"], max(found["scores"], key=found["scores"].__getitem__)) == ("flag", "violence")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    missing = shell.run("guard", str(tmp_path / "none.txt"))
    assert missing.code == 1
    assert "none.txt" in missing.err
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"fine\ncaf\xe9\n")
    wrong = shell.run("guard", str(latin))
    assert wrong.code == 1
    assert "latin.txt:2" in wrong.err
    assert "UTF-8" in wrong.err
