"""What advice takes from runs on disk, and what it makes of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ecotone.evaluation.advice.answer import advise
from ecotone.evaluation.advice.measured import measurements, this_machine
from ecotone.evaluation.advice.options import Measurement, Speed, gather
from ecotone.evaluation.advice.question import Question, Work
from ecotone.evaluation.answers import Answered, Identity
from ecotone.evaluation.cases import Case, ScorerSpec, Suite
from ecotone.evaluation.runs import CaseResult, Machine, Run, RunSettings, RunStore, RunSuite
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import SetupError
from ecotone.values.reply import Usage
from tests.evaluation.advising import DAY

CASES = 20
OSS = "openai/gpt-oss-20b"
HAIKU = "anthropic/claude-haiku-4-5"


def measured(store: RunStore, suite: str | None) -> dict[str, Measurement]:
    """What the runs say, all of which can be read."""
    unread: list[str] = []
    found = measurements(store, suite, unread.append)
    assert unread == []
    return found


def suite(name: str = "mine") -> Suite:
    cases = tuple(Case(f"c{n}", (Message("user", (TextPart(f"{n}"),)),), "x") for n in range(CASES))
    return Suite(name, name, "general", ScorerSpec("contains"), cases, 16, 0.0, None, None, "", "", "", name)


def vendor(provider: str, name: str, *, catalog: str | None = None, called: str = "m") -> Identity:
    place = EndpointFacts(id=f"{called}@{provider}", provider=provider, hosting="vendor", name=name, catalog=catalog)
    return Identity(called, (place,))


def embedded(catalog: str, called: str = "own") -> Identity:
    place = EndpointFacts(id=f"{called}@e", provider="llama.cpp", hosting="embedded", sha256="00", catalog=catalog)
    return Identity(called, (place,))


def kept(store: RunStore, run_id: str, day: int, right: dict[Identity, int], of: str = "mine") -> None:
    """A finished run: of 20 cases so many right, each answer with its first token after 0.5 s and 40 more in 2 s."""
    asked = suite(of)
    when = datetime(2026, 11, day, 12, tzinfo=UTC)
    run = Run(
        id=run_id,
        started_at=when,
        who="tester",
        models=tuple(right),
        suites=(RunSuite(of, of, "general", of, "bundled", tuple(case.id for case in asked.cases), CASES),),
        settings=RunSettings(),
        machine=Machine("Linux", "cpu", 2, 1),
        software={},
    )
    with store.create(run, [asked]).writing() as file:
        for model, count in right.items():
            for number, case in enumerate(asked.cases):
                usage = Usage(input_tokens=9, output_tokens=41)
                answer = Answered("x", "stop", model.name, when, 2.5, 0.5, usage)
                score = 1.0 if number < count else 0.0
                file.append(CaseResult(model.name, of, case.id, "answered", when, score=score, answer=answer))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "evaluations")


def test_there_is_nothing(store: RunStore) -> None:
    assert measured(store, None) == {}
    assert this_machine({}) is None


def test_a_score_with_its_wilson_interval(store: RunStore) -> None:
    kept(store, "20261101", 1, {vendor("anthropic", "claude-haiku-4-5"): 15})
    row = measured(store, "mine")[HAIKU]
    assert (row.quality.value, row.quality.cases, row.quality.as_of) == (0.75, 20, date(2026, 11, 1))
    # Wilson for 15 of 20 at z = 1.959964: centre (0.75 + 0.0960365) / 1.1920729 = 0.709719,
    # half 1.959964 x sqrt(0.1875 / 20 + 3.841459 / 1600) / 1.1920729 = 0.178420
    assert (row.quality.low, row.quality.high) == pytest.approx((0.531, 0.888), abs=0.001)
    assert "20261101" in row.quality.source
    # 500 ms, and 40 tokens after the first in 2 s
    assert row.speed == Speed(500, 20)
    assert (row.place, row.embedded) == ("anthropic", False)


def test_the_newest_run_of_a_model_stands(store: RunStore) -> None:
    haiku = vendor("anthropic", "claude-haiku-4-5")
    kept(store, "20261102", 2, {haiku: 10})
    kept(store, "20261101", 1, {haiku: 20, vendor("groq", "openai/gpt-oss-20b", called="oss"): 5})
    found = measured(store, "mine")
    assert {model: row.quality.value for model, row in found.items()} == {HAIKU: 0.5, OSS: 0.25}


def test_only_runs_on_the_suite_count(store: RunStore) -> None:
    kept(store, "20261101", 1, {vendor("anthropic", "claude-haiku-4-5"): 10}, of="other")
    assert measured(store, "mine") == {}
    assert measured(store, None)[HAIKU].speed == Speed(500, 20)


def test_the_owners_word_for_a_model_goes_first(store: RunStore) -> None:
    kept(store, "1", 1, {vendor("vllm", "anything", catalog=OSS): 10})
    kept(store, "2", 2, {vendor("vllm", "what-nobody-knows", called="what-nobody-knows"): 10})
    assert list(measured(store, None)) == [OSS]


def test_embedded_models_make_this_machine(store: RunStore) -> None:
    kept(store, "1", 1, {embedded(OSS): 10, vendor("anthropic", "claude-haiku-4-5"): 10})
    here = this_machine(measured(store, "mine"))
    assert here is not None
    assert (here.tokens_per_s, here.throughput) == ({OSS: Decimal("20.0")}, "measured")
    assert (here.price, here.rent_per_hour) == (None, None)


def asked() -> Question:
    return Question(Work(10_000, 500, 100, suite="mine"))


def test_measurements_decide_over_votes(store: RunStore) -> None:
    """Votes have Haiku far above gpt-oss-20b; on this suite it is the other way round."""
    kept(
        store,
        "1",
        1,
        {vendor("anthropic", "claude-haiku-4-5"): 6, vendor("groq", "openai/gpt-oss-20b", called="o"): 18},
    )
    advice = advise(asked(), measured(store, "mine"), today=DAY)
    assert advice.best_rating is None
    assert {row.ranked.option.model for row in advice.placed} == {HAIKU, OSS}
    first = advice.placed[0].ranked
    assert (first.option.model, first.values["quality"]) == (OSS, 0.9)
    assert all(row.ranked.option.quality.measured for row in advice.placed)


def test_a_speed_belongs_to_the_place_where_it_was_measured(store: RunStore) -> None:
    kept(store, "1", 1, {vendor("groq", "openai/gpt-oss-20b"): 18})
    options = gather(asked(), measured(store, "mine"), today=DAY)
    assert {option.place for option in options} > {"groq", "openrouter"}
    assert {option.place for option in options if option.speed is not None} == {"groq"}


def test_without_a_measurement_there_is_no_answer_on_a_suite(store: RunStore) -> None:
    with pytest.raises(SetupError, match="ecotone eval run --suite mine"):
        advise(asked(), measured(store, "mine"), today=DAY)
