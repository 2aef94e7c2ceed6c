"""`ecotone detect`, as a user has it."""

import json
from pathlib import Path

import pytest

from tests.cli.in_process import in_process
from tests.cli.terminal import Shell


def test_json_counts_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.txt").write_bytes("Grüße 😀\r\nan jane@example.com, 4111 1111 1111 1111\n".encode())
    done = in_process(tmp_path, monkeypatch).run("detect", "x.txt", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "findings": [
            {"kind": "email", "start": 12, "end": 28, "detector": "form"},
            {"kind": "credit_card", "start": 30, "end": 49, "detector": "luhn"},
        ]
    }


def test_the_table_shows_no_value_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.txt").write_text("one\nmail jane@example.com, password: hunter2\n")
    done = in_process(tmp_path, monkeypatch).run("detect", "x.txt")
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()] == [
        ["line", "characters", "kind", "found", "detector"],
        ["2", "9-25", "email", "ja************om", "form"],
        ["2", "37-44", "secret", "*******", "password"],
    ]


def test_the_config_says_what_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    shell.config('[data]\ncountries = []\n[data.patterns.project]\npattern = "PRJ-[0-9]{4}"\nclass = "internal"\n')
    (tmp_path / "x.txt").write_text("PRJ-1234 and 536-90-4399")
    done = shell.run("detect", "x.txt", "--json")
    assert [one["kind"] for one in json.loads(done.out)["findings"]] == ["project"]
    listed = json.loads(shell.run("detect", "--kinds", "--json").out)["kinds"]
    assert {"kind": "project", "class": "internal"} in listed
    assert {"kind": "credit_card", "class": "restricted"} in listed
    assert "us_ssn" not in [one["kind"] for one in listed]


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_process(tmp_path, monkeypatch)
    (tmp_path / "latin.txt").write_bytes(b"ok\ncaf\xe9\n")
    (tmp_path / "empty.txt").write_text("")
    for arguments, told in (
        (("missing.txt",), "missing.txt: cannot be read"),
        (("latin.txt",), "latin.txt:2: not UTF-8 text"),
    ):
        done = shell.run("detect", *arguments)
        assert (done.code, done.out) == (1, "")
        assert told in done.err
    done = shell.run("detect", "empty.txt")
    assert (done.code, done.out) == (0, "nothing found\n")
    assert json.loads(shell.run("detect", "empty.txt", "--json").out) == {"findings": []}
    assert shell.run("detect").code == 2
    assert shell.run("detect", "empty.txt", "--kinds").code == 2


async def test_standard_input(tmp_path: Path) -> None:
    done = await Shell(tmp_path).run("detect", "-", "--json", stdin="call +44 20 7946 0958")
    assert json.loads(done.out) == {"findings": [{"kind": "phone", "start": 5, "end": 21, "detector": "form"}]}
