"""What leaves with an answer asks the same question again."""

import shlex
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from ecotone.catalog.organisation import Organisation
from ecotone.evaluation.advice.examples import examples
from ecotone.evaluation.advice.export import as_command, as_toml
from ecotone.evaluation.advice.query import DEFAULT_WORK
from ecotone.evaluation.advice.question import (
    Assumptions,
    Limits,
    Privacy,
    Question,
    Weights,
    Work,
    read_question,
)
from tests.evaluation.advising import machine


@pytest.mark.parametrize("name", [row.name for row in examples()])
def test_a_written_question_is_the_same_when_read(name: str, tmp_path: Path) -> None:
    (question,) = [row.question for row in examples() if row.name == name]
    file = tmp_path / "question.toml"
    file.write_text(as_toml(question))
    assert read_question(file) == question


def test_the_command_says_all_that_flags_can() -> None:
    question = Question(
        Work(30_000, 6_000, 500, category="creative writing", needs=("tools", "json"), switching="hard"),
        providers=("azure",),
        models=("openai/gpt-5.1",),
        privacy=Privacy(may_leave=False, regions=("EU", "CH"), retention_days_max=0, data_class="a b"),
        limits=Limits(monthly_usd_max=Decimal("500.50"), first_token_ms_max=900, weights="open"),
        weights=Weights(quality=Decimal("2.50"), lock_in=Decimal(0)),
        assumptions=Assumptions(vendor_prices=Decimal("0.5")),
    )
    command = as_command(question)
    assert command is not None
    assert shlex.split(command) == [
        "ecotone", "advise", "--category", "creative writing", "--requests", "30000", "--input-tokens", "6000",
        "--output-tokens", "500", "--needs", "tools", "--needs", "json", "--stays", "--region", "EU", "--region", "CH",
        "--retention-days", "0", "--budget", "500.50", "--first-token-ms", "900", "--switching", "hard",
        "--data-class", "a b", "--only", "open", "--vendor", "azure", "--model", "openai/gpt-5.1",
        "--weigh", "quality=2.5", "--weigh", "lock-in=0", "--assume", "vendor-prices=0.5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"title": "Mine"},
        {"machines": (machine(),)},
        {"organisation": Organisation(commercial=True)},
        {"train_on_outputs": True},
        {"privacy": Privacy(baa_needed=True)},
        {"limits": Limits(rating_min=1400)},
        {"work": msgspec.structs.replace(DEFAULT_WORK, cached_input_share=Decimal("0.5"))},
    ],
)
def test_what_has_no_flag_takes_a_file(more: dict[str, object]) -> None:
    assert as_command(Question(DEFAULT_WORK)) is not None
    assert as_command(msgspec.structs.replace(Question(DEFAULT_WORK), **more)) is None
