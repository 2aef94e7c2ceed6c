"""Replies of a megabyte, made to be slow to read: every scorer is done in time.

A pattern that reads such a text again for each character takes hours; the bound only tells the two apart.
"""

import asyncio
from typing import Any

import pytest

from ecotone.evaluation.cases import ScorerSpec, ScorerTools
from ecotone.evaluation.scorers import scorer_for
from ecotone.evaluation.scorers.instructions import INSTRUCTIONS
from tests.evaluation.scoring import case

_BOUND_S = 30.0

REPLIES = {
    "letters": "a" * 1_000_000,
    "stops": "." * 1_000_000 + "x",
    "spaces": "answer is" + " " * 1_000_000 + "x",
    "lines": "\n" * 1_000_000 + "x",
    "brackets": "[" * 1_000_000,
    "objects": '{"a":' * 200_000,
    "angles": "<<" * 500_000,
    "stars": "*" * 1_000_000 + "x",
    "bullets": "* " * 500_000,
    "digits": "1" * 1_000_000,
    "numbers": "1,111," * 160_000,
    "answers": "answer " * 140_000,
    "abbreviations": "e.g. " * 200_000,
    "fences": "```json\n" * 125_000,
    "choices": "((A) " * 200_000,
    "commas": ".," * 500_000,
    "hyphens": "-" * 1_000_000,
    "tex": "\\boxed{" * 140_000,
}
ARGUMENTS: dict[Any, Any] = {int: 3, str: "x", list: ["x"], ("less than", "at least"): "at least"}
INSTRUCTION = [
    {"id": name, **{key: ARGUMENTS[kind] for key, kind in instruction.arguments.items()}}
    for name, instruction in INSTRUCTIONS.items()
]
SCORERS: list[tuple[str, dict[str, Any], Any]] = [
    ("exact", {"ignore_case": True}, "x"),
    ("normalised", {}, "x"),
    ("contains", {"mode": "none"}, ["x", "aab"]),
    ("key-facts", {}, [["x"]]),
    ("numeric", {"marker": "answer"}, 3),
    ("choice", {}, "A"),
    ("label", {"labels": ["yes", "no"]}, "yes"),
    ("json", {"schema": {"type": "object"}}, {"a": 1}),
    ("instructions", {}, INSTRUCTION),
    ("refusal", {}, "safe"),
    ("regex", {}, "^x+$"),
]


@pytest.mark.parametrize(
    ("kind", "options", "reference"), SCORERS, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_a_huge_reply_is_scored_in_time(kind: str, options: dict[str, Any], reference: Any) -> None:
    scorer = scorer_for(ScorerSpec(kind, options), ScorerTools())
    async with asyncio.timeout(_BOUND_S):
        for reply in REPLIES.values():
            assert 0 <= (await scorer.score(case(reference), reply)).value <= 1
