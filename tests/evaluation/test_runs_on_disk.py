"""Runs on disk: what a killed process leaves, two at once, and how a run is found again."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from ecotone.evaluation.answers import AnswerCache, Answered, Identity, answer_key
from ecotone.evaluation.cases import Case, ScorerSpec, Suite
from ecotone.evaluation.runs import (
    CaseResult,
    Failure,
    Machine,
    Run,
    RunFolder,
    RunSettings,
    RunStore,
    RunSuite,
    command_of,
    new_run_id,
)
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import SetupError
from ecotone.values.reply import Usage

NOON = datetime(2026, 3, 4, 12, 0, 0, 5000, UTC)
LOCAL = EndpointFacts(id="a@embedded", provider="llama.cpp", hosting="embedded", sha256="ab" * 32, engine="engine 1")
REMOTE = EndpointFacts(id="b@openai", provider="openai", hosting="vendor", name="gpt-4o")


def a_suite(name: str = "mine", cases: int = 2) -> Suite:
    asked = tuple(Case(f"c{n}", (Message("user", (TextPart(f"case {n}"),)),), f"{n}") for n in range(cases))
    return Suite(name, "Mine", "general", ScorerSpec("contains"), asked, 16, 0.0, None, None, "CC0-1.0", "", "", "d1")


def a_run(identity: str, suite: Suite, *models: Identity, settings: RunSettings | None = None) -> Run:
    return Run(
        id=identity,
        started_at=NOON,
        who="tester",
        models=models or (Identity("a", (LOCAL,)),),
        suites=(
            RunSuite(
                suite.name,
                suite.title,
                suite.category,
                suite.digest,
                "bundled",
                tuple(case.id for case in suite.cases),
                len(suite.cases),
            ),
        ),
        settings=settings or RunSettings(),
        machine=Machine("Linux", "cpu", 2, 1),
        software={"ecotone": "0"},
    )


def a_result(case: str, **more: object) -> CaseResult:
    answer = Answered("it is 4", "stop", "a", NOON, 1.5, 0.5, Usage(input_tokens=3, output_tokens=5))
    row = CaseResult("a", "mine", case, "answered", NOON, score=1.0, why="right", answer=answer, attempts=1)
    return msgspec.structs.replace(row, **more)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path / "evaluations").create(a_run("r1", suite), [suite])
    first = a_result("c0", cost_usd=Decimal("0.00012"))
    second = a_result("c1", outcome="failed", score=None, answer=None, failure=Failure("timeout", "no", transient=True))
    with folder.writing() as writer:
        writer.append(first)
        writer.append(second)
    assert folder.results() == {("a", "mine", "c0"): first, ("a", "mine", "c1"): second}
    assert folder.suites() == {"mine": suite}
    assert folder.read() == a_run("r1", suite)
    assert folder.path.stat().st_mode & 0o077 == 0, "prompts and replies are the owner's alone"
    assert (first.settled, second.settled) == (True, False)


@pytest.mark.parametrize("torn", [b'{"model":"a","sui', b"{", b"\x00" * 100, b'{"half":"' + b"x" * 200_000])
def test_a_torn_line_is_dropped_and_writing_goes_on(tmp_path: Path, torn: bytes) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path).create(a_run("r1", suite), [suite])
    with folder.writing() as writer:
        writer.append(a_result("c0"))
    with (folder.path / "results.jsonl").open("ab") as file:
        file.write(torn)
    assert list(folder.results()) == [("a", "mine", "c0")]
    with folder.writing() as writer:
        writer.append(a_result("c1"))
    assert list(folder.results()) == [("a", "mine", "c0"), ("a", "mine", "c1")]
    assert (folder.path / "results.jsonl").read_bytes().count(b"\n") == 2


def test_a_file_that_is_nothing_but_a_torn_line(tmp_path: Path) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path).create(a_run("r1", suite), [suite])
    (folder.path / "results.jsonl").write_bytes(b'{"model"')
    with folder.writing() as writer:
        writer.append(a_result("c1"))
    assert list(folder.results()) == [("a", "mine", "c1")]


def test_a_line_that_is_damaged_within_is_named(tmp_path: Path) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path).create(a_run("r1", suite), [suite])
    (folder.path / "results.jsonl").write_bytes(b"{}\n" + msgspec.json.encode(a_result("c1")) + b"\n")
    with pytest.raises(SetupError, match=r"results.jsonl:1 cannot be read: .*`model`"):
        folder.results()


def test_the_last_result_of_a_case_counts(tmp_path: Path) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path).create(a_run("r1", suite), [suite])
    with folder.writing() as writer:
        writer.append(a_result("c0", outcome="failed", score=None, answer=None))
        writer.append(a_result("c0"))
    assert folder.results()["a", "mine", "c0"].outcome == "answered"


def test_two_processes_cannot_write_the_same_run(tmp_path: Path) -> None:
    suite = a_suite()
    folder = RunStore(tmp_path).create(a_run("r1", suite), [suite])
    with (
        folder.writing(),
        pytest.raises(SetupError, match="run r1 is going on in another process"),
        RunFolder(folder.path).writing(),
    ):
        pass
    with folder.writing():
        pass


def test_a_deleted_run_is_gone_with_the_answers_it_kept(tmp_path: Path) -> None:
    suite, store = a_suite(), RunStore(tmp_path)
    folder, other = (store.create(a_run(name, suite), [suite]) for name in ("r1", "r2"))
    secret = "the patient is called Quinlivan"
    answer = Answered(secret, "stop", "a", NOON, 1.5)
    with folder.writing() as writer:
        writer.append(a_result("c0", answer=answer))
        with pytest.raises(SetupError, match="run r1 goes on: stop it first"):
            store.delete(RunFolder(folder.path))
    with closing(store.answers()) as cache:
        cache.put("k1", "r1", answer)
        cache.put("k2", "r2", a_result("c0").answer)  # type: ignore[arg-type]  # it has one
    store.delete(folder)
    assert [run.path.name for run in store.runs()] == ["r2"]
    with closing(store.answers()) as cache:
        assert (cache.get("k1"), cache.get("k2") is not None) == (None, True)
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert other.path / "run.json" in kept
    assert not [file for file in kept if secret.encode() in file.read_bytes()]


def test_who_waits_to_write_a_run_that_is_deleted_meanwhile_is_told(tmp_path: Path) -> None:
    suite, store = a_suite(), RunStore(tmp_path)
    folder = store.create(a_run("r1", suite), [suite])
    told: list[str] = []

    def go_on() -> None:
        try:
            with RunFolder(folder.path).writing():
                pass
        except SetupError as error:
            told.append(error.message)

    with folder.writing():
        # It has the file open before the folder goes.
        waiting = threading.Thread(target=go_on)
        waiting.start()
        until = time.monotonic() + 10
        while not _opened_twice(folder.results_file) and time.monotonic() < until:
            time.sleep(0.001)
        folder.path.rename(tmp_path / "away")
    waiting.join(10)
    assert told == ["run r1 has been deleted"]


def _opened_twice(file: Path) -> bool:
    descriptors = list(Path("/proc/self/fd").iterdir())
    return sum(found.resolve() == file.resolve() for found in descriptors if found.is_symlink()) > 1


def test_runs_are_found_by_id_part_of_it_and_last(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    suite = a_suite()
    for number, suffix in ((1, "aaaa"), (2, "bbbb")):
        store.create(a_run(f"2026030{number}-120000000-{suffix}", suite), [suite])
    assert store.find("last").path.name == "20260302-120000000-bbbb"
    assert store.find("20260301").path.name == "20260301-120000000-aaaa"
    assert store.find("bbbb").path.name == "20260302-120000000-bbbb"
    with pytest.raises(SetupError, match="'2026' may be any of 2 runs: 20260301-120000000-aaaa, 20260302-"):
        store.find("2026")
    with pytest.raises(SetupError, match="there is no run 'zzz'; `ecotone eval list`"):
        store.find("zzz")
    with pytest.raises(SetupError, match="there is no run 'last'"):
        RunStore(tmp_path / "none").find("last")


def test_ids_sort_by_time() -> None:
    later = [new_run_id(NOON + timedelta(milliseconds=step)) for step in (0, 1, 994, 995, 60_000, 86_400_000)]
    assert later == sorted(later)
    assert new_run_id(NOON).startswith("20260304-120000005-")


def test_the_command_that_repeats_a_run() -> None:
    suite = a_suite()
    settings = RunSettings(seed=7, limit=0, own_temperature=True, requests_per_minute=90.0, budget_usd=Decimal("0.50"))
    run = a_run("r1", suite, Identity("a model", (LOCAL,)), settings=settings)
    assert command_of(run) == (
        "ecotone eval run --suite mine -m 'a model' --limit all --seed 7 --temperature own --rpm 90 --budget 0.50"
    )


def test_the_same_weights_under_another_name_share_answers(tmp_path: Path) -> None:
    def key(identity: Identity, **sampling: object) -> str | None:
        settings = msgspec.structs.replace(Sampling(temperature=0.0, seed=0, max_tokens=16), **sampling)
        return answer_key(identity, ChatRequest(identity.name, a_suite().cases[0].messages, sampling=settings))

    one = Identity("a", (LOCAL,))
    renamed = Identity("other", (msgspec.structs.replace(LOCAL, id="other@embedded", catalog="x/y"),), ("a",))
    assert key(one) == key(renamed)
    assert key(one) != key(Identity("a", (msgspec.structs.replace(LOCAL, sha256="cd" * 32),)))
    assert key(one) != key(Identity("a", (msgspec.structs.replace(LOCAL, engine="engine 2"),)))
    assert len({key(one), key(one, seed=1), key(one, temperature=0.5), key(one, max_tokens=17)}) == 4
    assert key(Identity("b", (REMOTE,))) != key(Identity("b", (msgspec.structs.replace(REMOTE, address="0f"),)))
    assert key(Identity("a", (msgspec.structs.replace(LOCAL, sha256=None),))) is None, "weights without a digest"

    first, second = AnswerCache(tmp_path / "answers.db"), AnswerCache(tmp_path / "answers.db")
    answer = a_result("c0").answer
    assert answer is not None
    first.put("k", "r1", answer)
    kept = second.get("k")
    assert kept is not None and (kept.run, kept.answer) == ("r1", answer)
    assert second.get("other") is None
    assert second.known(["k", "other"]) == {"k"}
    first.close()
    second.close()
