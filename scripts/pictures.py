#!/usr/bin/env python3
"""Write the README's pictures into docs/images/, drawn from the shipped data.

python scripts/pictures.py
"""

from datetime import date
from pathlib import Path

from ecotone.evaluation.advice.answer import advise
from ecotone.evaluation.advice.pictures import (
    best_by_release,
    cost_against_volume,
    gap_by_category,
    quality_against_price,
)
from ecotone.evaluation.advice.question import Question, Work, read_question

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
QUESTION = ROOT / "src" / "ecotone" / "evaluation" / "data" / "questions" / "chatbot.toml"
EVERYTHING = Question(
    Work(requests_per_month=1_000_000, input_tokens=1_000, output_tokens=300),
    title="A million requests a month, 1,000 tokens in and 300 out",
)
DAY = date(2026, 11, 22)
"""The day on which prices are taken, so that the same data give the same pictures."""


def drawn() -> dict[str, str]:
    """The pictures by file name."""
    return {
        "quality-against-price.svg": quality_against_price(advise(EVERYTHING, {}, today=DAY)),
        "cost-against-volume.svg": cost_against_volume(advise(read_question(QUESTION), {}, today=DAY)),
        "gap-by-category.svg": gap_by_category(),
        "best-by-release.svg": best_by_release(),
    }


if __name__ == "__main__":
    for name, svg in drawn().items():
        (IMAGES / name).write_text(svg, encoding="utf-8")
        print(IMAGES / name)
