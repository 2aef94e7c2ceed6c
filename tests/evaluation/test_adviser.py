"""Advice on an installation: kept while nothing changes, and renewed when something does."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.evaluation.advice.adviser import Adviser
from ecotone.evaluation.advice.question import Question, Work
from ecotone.evaluation.runs import RunStore
from ecotone.gateway.inventory.listings import listing_file
from ecotone.gateway.settings.paths import Home
from tests.evaluation.test_advice_measured import HAIKU, OSS, embedded, kept, vendor

TODAY = date(2026, 11, 22)
FEW = Question(
    Work(10_000, 1_000, 300),
    models=("anthropic/claude-haiku-4-5", "openai/gpt-oss-20b"),
    providers=("anthropic", "groq"),
)
HERE = Organisation(commercial=True, territories=("DE",))


def test_an_answer_is_kept_until_the_listing_is_another(tmp_path: Path) -> None:
    home = Home(tmp_path)
    adviser = Adviser(home)
    assert not adviser.knows(FEW, organisation=HERE, today=TODAY)
    first = adviser.answer(FEW, organisation=HERE, today=TODAY)
    assert adviser.knows(FEW, organisation=HERE, today=TODAY)
    assert adviser.answer(FEW, organisation=HERE, today=TODAY) is first
    assert not adviser.knows(FEW, organisation=HERE, today=date(2026, 11, 23))
    assert not adviser.knows(FEW, organisation=None, today=TODAY)
    shipped = Path(__file__).parents[2] / "src" / "ecotone" / "catalog" / "data" / "models_dev.json"
    listing_file(home).parent.mkdir(parents=True)
    listing_file(home).write_text(shipped.read_text())
    assert not adviser.knows(FEW, organisation=HERE, today=TODAY)
    assert adviser.answer(FEW, organisation=HERE, today=TODAY) is not first


def test_who_asks_is_the_organisation_unless_the_question_says(tmp_path: Path) -> None:
    adviser = Adviser(Home(tmp_path))
    assert adviser.answer(FEW, organisation=HERE, today=TODAY).question.organisation == HERE
    own = msgspec.structs.replace(FEW, organisation=Organisation(commercial=False))
    assert adviser.answer(own, organisation=HERE, today=TODAY).question.organisation == own.organisation


def test_costs_follow_assumptions(tmp_path: Path) -> None:
    adviser = Adviser(Home(tmp_path))
    halved = msgspec.structs.replace(
        FEW, assumptions=msgspec.structs.replace(FEW.assumptions, vendor_prices=Decimal("0.5"))
    )
    plain, half = (adviser.answer(asked, organisation=None, today=TODAY) for asked in (FEW, halved))
    costs = {row.ranked.option.key: row.ranked.monthly_usd for row in plain.placed}
    assert costs
    assert {row.ranked.option.key: 2 * row.ranked.monthly_usd for row in half.placed} == costs


def test_what_was_measured_here_counts_once_it_is_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    adviser = Adviser(home)
    assert adviser.suites() == ()
    right = {vendor("anthropic", "claude-haiku-4-5", catalog=HAIKU): 20, embedded(OSS): 12}
    kept(RunStore(home.evaluations), "2026-11-01-a", 1, right)
    assert adviser.suites() == ("mine",)
    asked = msgspec.structs.replace(FEW, work=msgspec.structs.replace(FEW.work, suite="mine"))
    advice = adviser.answer(asked, organisation=HERE, today=TODAY)
    # 12 of 20 right, on the machine that was measured: 40 tokens in 2 s are 20 tokens a second.
    (own,) = [row.ranked.option for row in advice.placed if row.ranked.option.machine is not None]
    assert (own.model, own.quality.value, own.place) == (OSS, 0.6, "this machine")
    assert own.machine is not None
    assert own.machine.tokens_per_s == {OSS: Decimal("20.0")}
    # Another run is other evidence.
    kept(RunStore(home.evaluations), "2026-11-02-b", 2, {embedded(OSS): 20})
    assert not adviser.knows(asked, organisation=HERE, today=TODAY)
    again = adviser.answer(asked, organisation=HERE, today=TODAY)
    assert {row.ranked.option.quality.value for row in again.placed if row.ranked.option.model == OSS} == {1.0}


def test_a_run_that_cannot_be_read_is_left_out_and_the_answer_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    store = RunStore(home.evaluations)
    kept(store, "2026-11-01-a", 1, {embedded(OSS): 12})
    kept(store, "2026-11-02-b", 2, {embedded(OSS): 20})
    (broken,) = (home.evaluations / "2026-11-02-b" / "suites").glob("*.json")
    broken.write_text("{")
    adviser = Adviser(home)
    assert adviser.suites() == ("mine",)
    asked = msgspec.structs.replace(FEW, work=msgspec.structs.replace(FEW.work, suite="mine"))
    advice = adviser.answer(asked, organisation=HERE, today=TODAY)
    assert {row.ranked.option.quality.value for row in advice.placed} == {0.6}
    assert [note for note in advice.notes if note.startswith(f"Run 2026-11-02-b is left out: {broken} cannot be read")]
