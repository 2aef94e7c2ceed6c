"""Runs as those see them who did not make them: while they go on, as a list, case by case."""

import fcntl
import threading
from pathlib import Path

import msgspec
import pytest

from ecotone.evaluation.added_suites import AddedSuites
from ecotone.evaluation.archive import Archive
from ecotone.evaluation.case_list import CaseRow, case_in_full, found_rows, neighbours
from ecotone.evaluation.cases import Case, ScorerSpec, Suite
from ecotone.evaluation.runs import CaseResult, Run, RunFolder, RunStore
from ecotone.evaluation.suite_list import suites_for
from ecotone.evaluation.watching import RunWatch
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import NotFound, SetupError
from tests.evaluation.made_up_runs import failed, identity, keyed, result, run_of, suite


def stored(tmp_path: Path, run: Run, *suites: Suite, rows: list[CaseResult]) -> RunFolder:
    folder = RunStore(tmp_path / "evaluations").create(run, suites)
    with folder.writing() as writer:
        for row in rows:
            writer.append(row)
    return folder


def test_a_watch_sees_each_whole_line_once(tmp_path: Path) -> None:
    small = suite("small", 4)
    run = run_of([identity("a", "vendor"), identity("b", "vendor")], [small])
    folder = stored(tmp_path, run, small, rows=[result("a", "small", 0, 1.0)])
    watch = RunWatch(folder)
    assert [row.case for row in watch.look()] == ["c0"]
    assert watch.look() == []
    line = msgspec.json.encode(result("a", "small", 1, 0.5)) + b"\n"
    with folder.results_file.open("ab") as file:
        file.write(line[:40])
    assert watch.look() == [], "half a line says nothing"
    with folder.results_file.open("ab") as file:
        file.write(line[40:] + msgspec.json.encode(failed("b", "small", 0, "timeout")) + b"\n")
    assert [(row.model, row.case) for row in watch.look()] == [("a", "c1"), ("b", "c0")]
    a, b = watch.progress()
    assert (a.model, a.cases, a.done, a.failed, a.score) == ("a", 4, 2, 0, 0.75)
    assert (b.model, b.cases, b.done, b.failed, b.score) == ("b", 4, 1, 1, None)


def test_a_watch_gets_past_a_very_long_line(tmp_path: Path) -> None:
    small = suite("small", 2)
    long = msgspec.structs.replace(result("a", "small", 0, 0.5), why="so long " * 1_250_000)
    rows = [long, result("a", "small", 1, 1.0)]
    watch = RunWatch(stored(tmp_path, run_of([identity("a", "vendor")], [small]), small, rows=rows))
    found = [*watch.look(), *watch.look()]
    assert [(row.case, len(row.why)) for row in found] == [("c0", 10_000_000), ("c1", len(rows[1].why))]


def test_who_looks_whether_a_run_goes_on_does_not_get_into_its_way(tmp_path: Path) -> None:
    small = suite("small", 1)
    folder = stored(tmp_path, run_of([identity("a", "vendor")], [small]), small, rows=[])
    assert not folder.is_being_written()
    # Locks are held by open files, so one process can be both.
    with folder.writing():
        assert folder.is_being_written()
        with pytest.raises(SetupError, match="another process"), folder.writing():
            pass
    assert not folder.is_being_written()
    # Somebody who looks holds a lock for a moment; here until the run has tried once, which this waits for no longer.
    with folder.results_file.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        letting_go = threading.Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN))
        letting_go.start()
        with folder.writing():
            assert folder.is_being_written()
        letting_go.join()


def test_the_archive_reads_again_what_has_changed(tmp_path: Path) -> None:
    small = suite("small", 2)
    folder = stored(tmp_path, run_of([identity("a", "vendor")], [small]), small, rows=[result("a", "small", 0, 1.0)])
    archive = Archive(RunStore(tmp_path / "evaluations"))
    first = archive.open(folder)
    assert archive.open(folder) is first
    (glance,) = archive.glances(count_max=10)
    assert (glance.models, glance.cases, glance.results, glance.scores) == (("a",), 2, 1, {"a": 1.0})
    with folder.writing() as writer:
        writer.append(result("a", "small", 1, 0.0))
    (glance,) = archive.glances(count_max=10)
    assert (glance.results, glance.scores) == (2, {"a": 0.5})
    assert archive.open(folder).summary.of("a", "small").scored == 2
    (folder.path / "run.json").write_text('{"format": 2}')
    (glance,) = archive.glances(count_max=10)
    assert glance.trouble is not None and "upgrade Ecotone" in glance.trouble


def test_a_glance_weighs_suites_equally(tmp_path: Path) -> None:
    small, large = suite("small", 1), suite("large", 4)
    rows = [result("a", "small", 0, 1.0), *(result("a", "large", n, 0.0) for n in range(4))]
    stored(tmp_path, run_of([identity("a", "vendor")], [small, large]), small, large, rows=rows)
    (glance,) = Archive(RunStore(tmp_path / "evaluations")).glances(count_max=10)
    assert glance.scores == {"a": 0.5}, "not one of five"


# --- cases


def asked(name: str, text: str, reference: object, system: str | None = None) -> Suite:
    cases = (Case("q1", (Message("user", (TextPart(text),)),), reference, ("hard",)),)
    return Suite(name, name, "general", ScorerSpec("contains"), cases, 16, 0.0, system, None, "", "", "", name)


def test_cases_are_found_by_what_came_of_them() -> None:
    small = suite("small", 4)
    run = run_of([identity("a", "vendor"), identity("b", "vendor")], [small])
    rows = [result("a", "small", 0, 1.0), result("a", "small", 1, 0.5), result("a", "small", 2, 0.0)]
    rows += [failed("a", "small", 3, "timeout"), result("b", "small", 1, 1.0)]
    results = keyed(rows)

    def found(**wanted: str) -> list[tuple[str, str]]:
        return [(row.model, row.case) for row in found_rows(run, {"small": small}, results, **wanted)]  # type: ignore[arg-type]  # literal texts

    assert found(came="wrong") == [("a", "c1"), ("a", "c2")], "in part is not right"
    assert found(came="unanswered") == [("a", "c3")]
    assert found(came="right") == [("a", "c0"), ("b", "c1")]
    assert found(model="b") == [("b", "c1")]
    assert found(suite="other") == []
    assert found(words="C2") == [("a", "c2")]
    assert found(words="REPLY", model="a") == [("a", "c0"), ("a", "c1"), ("a", "c2")]


def test_a_case_in_full() -> None:
    tests = {"before": "import math", "tests": ["assert f(1) == 2", "assert f(2) == 3"]}
    coding = asked("coding", "Write <b>f</b>.\nIn Python.", tests, system="Be brief.")
    run = run_of([identity("a", "vendor"), identity("b", "embedded")], [coding])
    row = msgspec.structs.replace(result("b", "coding", 0, 0.0), case="q1", why="f(1) is 0")
    shown = case_in_full(run, {"coding": coding}, keyed([row]), "coding", "q1")
    assert [(part.role, part.text) for part in shown.asked] == [
        ("system", "Be brief."),
        ("user", "Write <b>f</b>.\nIn Python."),
    ]
    assert shown.reference == {"before": "import math", "tests": "assert f(1) == 2\nassert f(2) == 3"}
    (reply,) = shown.replies
    assert (reply.model, reply.hosting, reply.why, reply.reply) == ("b", "embedded", "f(1) is 0", "reply")
    assert reply.tokens_per_s == 10, "ten tokens after the first, in one second"
    assert case_in_full(run, {"coding": asked("coding", "", "42")}, {}, "coding", "q1").reference == {"": "42"}
    with pytest.raises(NotFound):
        case_in_full(run, {"coding": coding}, {}, "coding", "q2")


def test_the_case_before_and_after() -> None:
    def row(case: str, model: str) -> CaseRow:
        return CaseRow("s", case, model, "answered", 0.0, "", "", "", None, False)

    rows = [row("c1", "a"), row("c1", "b"), row("c4", "a"), row("c7", "b")]
    assert neighbours(rows, "s", "c1") == (None, ("s", "c4"), 1, 3)
    assert neighbours(rows, "s", "c4") == (("s", "c1"), ("s", "c7"), 2, 3)
    assert neighbours(rows, "s", "c7") == (("s", "c4"), None, 3, 3)
    assert neighbours(rows, "s", "c2") == (None, ("s", "c1"), 0, 3), "it is not among them, so these come next"
    assert neighbours([], "s", "c2") == (None, None, 0, 0)


# --- suites


def test_own_suites_lie_in_the_folder_and_a_broken_one_says_why(tmp_path: Path) -> None:
    for place in ("mine", "suites/yours", "suites/broken"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "suite.toml").write_text('[scorer]\nkind = "contains"\n')
        (tmp_path / place / "cases.csv").write_text("prompt,reference\n2 + 2?,4\n")
    (tmp_path / "suites/broken/suite.toml").write_text('[scorer]\nkind = "contain"\n')
    added = AddedSuites(tmp_path / "home")
    added.add(b"prompt,reference\n3 + 3?,6\n", "csv", b'[scorer]\nkind = "exact"\n', "mine")
    found = {facts.word: facts for facts in suites_for(tmp_path, added)}
    assert {"gsm8k", "knowledge", "./mine", "./suites/yours", "./suites/broken"} <= set(found)
    assert (found["gsm8k"].place, found["gsm8k"].cases, found["gsm8k"].proposed) == ("bundled", 400, 20)
    assert (found["mine"].place, found["mine"].name, found["mine"].cases) == ("added", "mine", 1)
    yours = found["./suites/yours"]
    assert (yours.place, yours.name, yours.cases, yours.problem) == ("folder", "yours", 1, None)
    problem = found["./suites/broken"].problem
    assert problem is not None and "did you mean 'contains'?" in problem
    # What is listed often is not read each time, but whenever it has changed.
    (tmp_path / "suites/broken/suite.toml").write_text('[scorer]\nkind = "contains"\n')
    (mended,) = (facts for facts in suites_for(tmp_path, added) if facts.word == "./suites/broken")
    assert (mended.problem, mended.cases) == (None, 1)
