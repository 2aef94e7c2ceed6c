"""Suites that were added: kept whole or not at all, by a name of their own."""

from pathlib import Path

import pytest

from ecotone.evaluation.added_suites import ADDED_MAX, CASES_BYTES_MAX, AddedSuites
from ecotone.evaluation.suite_list import suites_for
from ecotone.evaluation.suites import find_suite
from ecotone.values.errors import BodyTooLarge, NotFound, SetupError

SETTINGS = b'[scorer]\nkind = "contains"\n'
CASES = b"prompt,reference\nWhat is 12 plus 30?,42|forty-two\n"


@pytest.fixture
def added(tmp_path: Path) -> AddedSuites:
    return AddedSuites(tmp_path / "suites")


def test_what_was_added_is_found_by_name_from_anywhere(added: AddedSuites, tmp_path: Path) -> None:
    made = added.add(CASES, "csv", SETTINGS, "sums")
    assert (made.name, len(made.cases)) == ("sums", 1)
    assert added.names() == ["sums"]
    assert added.load("sums") == made
    assert find_suite("sums", tmp_path / "elsewhere", added.folder) == made
    with pytest.raises(SetupError, match="did you mean 'sums'"):
        find_suite("sum", tmp_path / "elsewhere", added.folder)
    # A folder that lies where the command is said comes first, as it does before a bundled suite.
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums/suite.toml").write_bytes(b'title = "Here"\n' + SETTINGS)
    (tmp_path / "sums/cases.csv").write_bytes(CASES)
    assert find_suite("sums", tmp_path, added.folder).title == "Here"


def test_it_is_readable_by_its_owner_alone(added: AddedSuites) -> None:
    added.add(CASES, "csv", SETTINGS, "sums")
    assert {path.stat().st_mode & 0o077 for path in (added.folder, added.folder / "sums")} == {0}


@pytest.mark.parametrize(
    ("cases", "form", "settings", "says"),
    [
        (b"prompt,answer\nx,y\n", "csv", SETTINGS, "sums/cases.csv:1: .*unknown column 'answer'"),
        (b"prompt,reference\nx,y\n\nx,z\n", "csv", SETTINGS, "sums/cases.csv:4: line 2 has the same prompt too"),
        (b'{"prompt": "x"}\n{"prompt": \n', "jsonl", SETTINGS, "sums/cases.jsonl:2: not JSON"),
        ("prompt\nx\ncafé\n".encode("latin-1"), "csv", SETTINGS, "sums/cases.csv:3: not UTF-8"),
        (b"", "jsonl", SETTINGS, "there are no cases"),
        (CASES, "csv", b'[scorer]\nkind = "contain"\n', "sums/suite.toml:2: .*did you mean 'contains'"),
        (CASES, "csv", b'name = "other"\n' + SETTINGS, "calls the suite 'other', not 'sums'"),
    ],
)
def test_what_is_no_suite_is_refused_with_its_line_and_nothing_kept(
    added: AddedSuites, cases: bytes, form: str, settings: bytes, says: str
) -> None:
    with pytest.raises(SetupError, match=says):
        added.add(cases, "csv" if form == "csv" else "jsonl", settings, "sums")
    assert not added.folder.exists()


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a b", "-x", "", "x" * 61, "knowledge"])
def test_names_that_could_be_taken_for_something_else_are_refused(added: AddedSuites, name: str) -> None:
    with pytest.raises(SetupError, match=r"cannot be called|comes with Ecotone"):
        added.add(CASES, "csv", SETTINGS, name)
    assert not added.folder.exists()


def test_a_name_is_given_once(added: AddedSuites) -> None:
    added.add(CASES, "csv", SETTINGS, "sums")
    with pytest.raises(SetupError, match="there is a suite 'sums' already"):
        added.add(CASES.replace(b"12", b"13"), "csv", SETTINGS, "sums")
    assert b"12" in (added.folder / "sums/cases.csv").read_bytes()


def test_what_is_too_large_is_not_looked_into(added: AddedSuites) -> None:
    with pytest.raises(BodyTooLarge, match="16,384 KiB"):
        added.add(b"x" * (CASES_BYTES_MAX + 1), "csv", SETTINGS, "sums")
    with pytest.raises(BodyTooLarge, match=r"suite\.toml is over the limit of 64 KiB"):
        added.add(CASES, "csv", b"#" * (64 * 1024 + 1), "sums")


def test_there_is_an_end_to_them(added: AddedSuites) -> None:
    for number in range(ADDED_MAX):
        (added.folder / f"s{number}").mkdir(parents=True)
        (added.folder / f"s{number}/suite.toml").touch()
    with pytest.raises(SetupError, match="100 suites have been added"):
        added.add(CASES, "csv", SETTINGS, "sums")


def test_a_deleted_one_leaves_nothing(added: AddedSuites) -> None:
    added.add(CASES, "csv", SETTINGS, "sums")
    added.delete("sums")
    assert list(added.folder.iterdir()) == []
    for name in ("sums", "..", ""):
        with pytest.raises(NotFound):
            added.delete(name)
    added.add(CASES, "csv", SETTINGS, "sums")


def test_what_a_crash_left_half_written_is_no_suite(added: AddedSuites, tmp_path: Path) -> None:
    half = added.folder / ".new-1a2b"
    half.mkdir(parents=True)
    (half / "suite.toml").touch()
    assert added.names() == []
    assert "added" not in {facts.place for facts in suites_for(tmp_path, added)}
