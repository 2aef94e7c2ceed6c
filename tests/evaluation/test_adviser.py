"""Advice on an installation: kept while nothing changes, and renewed when something does."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.evaluation.advice.adviser import Adviser
from ecotone.evaluation.advice.question import Question, Work
from ecotone.gateway.listings import listing_file
from ecotone.gateway.paths import Home

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
