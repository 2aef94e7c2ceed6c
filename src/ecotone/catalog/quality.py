"""Public evidence of quality: LMArena's ratings, joined to the catalog by the table of names.

People ask two models the same thing without knowing which is which, and vote for the better answer. A Bradley-Terry
model of the votes gives each model a rating; 400 points are odds of ten to one. Ratings are a crowd's preference in
chat, not correctness, and those of one category compare with each other alone.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from ecotone.catalog.models import catalog
from ecotone.catalog.names import arena_models

Board = Literal["style control", "plain"]


class Snapshot(msgspec.Struct, frozen=True):
    """The day of the copy and where it is from."""

    as_of: date
    source: str


SNAPSHOT = Snapshot(date(2025, 12, 17), "LMArena text leaderboards, https://github.com/lmarena/arena-catalog")


class Rating(msgspec.Struct, frozen=True):
    """A rating on the scale of Elo with the bounds of its 95 % interval, and the setting the model was run in (None:
    as it is served by default)."""

    category: str
    rating: float
    low: float
    high: float
    variant: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """The category that speaks for a kind of work. `direct`: it is about that work; else it is the nearest there is,
    and `note` says how near."""

    category: str
    direct: bool
    note: str = ""


class Best(msgspec.Struct, frozen=True):
    model: str
    rating: Rating


WORK: Mapping[str, Evidence] = MappingProxyType(
    {
        "general": Evidence("full", True),
        "hard questions": Evidence("hard_6", True),
        "maths": Evidence("math", True),
        "coding": Evidence("coding", True),
        "instructions": Evidence("if", True),
        "creative writing": Evidence("creative_writing", True),
        "knowledge": Evidence("expert", False, "questions that experts ask; not a test of facts"),
        "expert": Evidence("expert", True),
        "law": Evidence("industry_legal_and_government", True),
        "medicine": Evidence("industry_medicine_and_healthcare", True),
        "business": Evidence("industry_business_and_management_and_financial_operations", True),
        "science": Evidence("industry_life_and_physical_and_social_science", True),
        "software": Evidence("industry_software_and_it_services", True),
        "media": Evidence("industry_entertainment_and_sports_and_media", True),
        "writing": Evidence("industry_writing_and_literature_and_language", True),
        "mathematics as a trade": Evidence("industry_mathematical", True),
        "multi-turn": Evidence("multiturn", True),
        "long prompts": Evidence("long_user", True),
        "summarising": Evidence("long_user", False, "long prompts of any kind; many, not all, ask for a summary"),
        "extraction": Evidence("if", False, "following instructions; whether fields are right is not judged"),
        "classification": Evidence("if", False, "following instructions; whether labels are right is not judged"),
        "english": Evidence("english", True),
        "chinese": Evidence("chinese", True),
        "french": Evidence("french", True),
        "german": Evidence("german", True),
        "japanese": Evidence("japanese", True),
        "korean": Evidence("korean", True),
        "russian": Evidence("russian", True),
        "spanish": Evidence("spanish", True),
    }
)
"""Words for kinds of work, and the leaderboard's category for each. `safety` has none: votes say nothing of it."""


class _Arena(msgspec.Struct, frozen=True):
    source: str
    as_of: date
    categories: tuple[str, ...]
    style_control: dict[str, tuple[tuple[float, float, float] | None, ...]] = msgspec.field(name="style control")
    plain: dict[str, tuple[tuple[float, float, float] | None, ...]]
    makers: dict[str, tuple[str, str]]

    def board(self, name: Board) -> dict[str, tuple[tuple[float, float, float] | None, ...]]:
        return self.style_control if name == "style control" else self.plain


@cache
def _arena() -> _Arena:
    return msgspec.json.decode(files("ecotone.catalog").joinpath("data/arena.json").read_bytes(), type=_Arena)


@cache
def _rated(board: Board) -> Mapping[str, Mapping[str | None, Mapping[str, Rating]]]:
    """By model, then by setting in the order of the table, then by category."""
    found: dict[str, dict[str | None, Mapping[str, Rating]]] = {}
    for arena, (model, setting) in arena_models().items():
        row = _arena().board(board).get(arena, ())
        variant = setting or None
        by_category = {
            category: Rating(category, *bounds, variant)
            for category, bounds in zip(_arena().categories, row, strict=False)
            if bounds is not None
        }
        if by_category:
            found.setdefault(model, {})[variant] = MappingProxyType(by_category)
    return MappingProxyType(found)


def categories() -> tuple[str, ...]:
    """The leaderboard's categories; `full` is all votes together."""
    return _arena().categories


def rated_models(board: Board = "style control") -> tuple[str, ...]:
    """Ids of models with any rating, in order."""
    return tuple(sorted(_rated(board)))


def variants(model_id: str, board: Board = "style control") -> tuple[str | None, ...]:
    """The settings in which a model has ratings; None is the default one."""
    return tuple(_rated(board).get(model_id, {}))


def ratings(model_id: str, board: Board = "style control", variant: str | None = None) -> Mapping[str, Rating]:
    """Ratings by category; empty where there are none. `variant` None: of the default setting, or, where only others
    were rated, of the first of these, which every rating then names. The board with style control takes out what
    length and layout of an answer add."""
    rows = _rated(board).get(model_id, {})
    if variant in rows:
        return rows[variant]
    return next(iter(rows.values()), MappingProxyType({})) if variant is None else MappingProxyType({})


def expected_wins(rating: float, other: float) -> float:
    """The share of comparisons that the first of two ratings wins, ties apart: 1 / (1 + 10^((other - rating) / 400)),
    the Bradley-Terry model on the scale of Elo (Chiang et al. 2024, "Chatbot Arena", arXiv:2403.04132). Ratings of one
    category compare with each other alone."""
    return 1 / (1 + 10 ** ((other - rating) / 400))


def ranking(category: str, board: Board = "style control") -> tuple[Best, ...]:
    """Every rated model in its best setting, the best first. Raises ValueError for an unknown category."""
    if category not in categories():
        raise ValueError(f"there is no category {category!r}; there are {', '.join(categories())}")
    rows_of = []
    for model, by_variant in _rated(board).items():
        found = [rows[category] for rows in by_variant.values() if category in rows]
        if found:
            rows_of.append(Best(model, max(found, key=lambda rating: rating.rating)))
    return tuple(sorted(rows_of, key=lambda row: (-row.rating.rating, row.model)))


def best(
    category: str,
    weights: Literal["open", "closed"],
    board: Board = "style control",
    newer: str | None = None,
) -> Best | None:
    """The open-weight or the closed model that the leaderboard's crowd prefers in a category, on the snapshot's day.
    Raises ValueError for an unknown category."""
    known = catalog(newer).models
    fitting = (row for row in ranking(category, board) if row.model in known and known[row.model].weights == weights)
    return next(fitting, None)
