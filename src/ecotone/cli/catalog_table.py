"""`ecotone models --all`: the whole catalog, to choose from."""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from ecotone.catalog.models import ModelFacts, all_models, catalog
from ecotone.catalog.openness import Openness, Word, known_openness
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.prices import Offer
from ecotone.catalog.quality import SNAPSHOT, WORK, Rating, ratings
from ecotone.cli.catalog import stored_listing
from ecotone.cli.layout import Column, fitting, put, table_lines, terminal_columns
from ecotone.cli.model_facts import View, cheapest, is_served, model_word
from ecotone.cli.model_words import class_cell, count_cell, licence_cell, openness_cell, price_cell, rating_cell
from ecotone.cli.output import print_json, say
from ecotone.gateway.paths import find_home
from ecotone.values.errors import SetupError

SortKey = Literal["rating", "price", "released", "name"]

_GENERAL = WORK["general"].category
_COLUMNS = (
    Column("MODEL"),
    Column("OPENNESS", leave_out=0),
    Column("MOF", leave_out=6),
    Column("LICENCE", leave_out=4),
    Column("PRICE IN / OUT", leave_out=1),
    Column("CHEAPEST AT", leave_out=5),
    Column("CONTEXT", leave_out=3, right=True),
    Column("RATING", leave_out=2),
    Column("RELEASED", leave_out=7),
)
_SORTED_BY: dict[SortKey, str] = {"rating": "RATING", "price": "PRICE IN / OUT", "released": "RELEASED"}


class Wanted(msgspec.Struct, frozen=True):
    """Which models to list, and in which order. `search` are words that must all occur in a model's names."""

    weights: Literal["open", "closed"] | None = None
    maker: str | None = None
    search: str | None = None
    sort: SortKey = "name"
    limit: int | None = None


class Row(msgspec.Struct, frozen=True):
    """A model of the catalog with what is known beside its facts."""

    facts: ModelFacts
    word: Word | None
    openness: Openness | None
    offer: Offer | None
    rating: Rating | None


def show(wanted: Wanted, as_json: bool) -> None:
    """Print the models that fit."""
    view = View(Organisation(), datetime.now(UTC).date(), stored_listing(find_home(os.environ)))
    found = all_models(view.newer)
    fitting_ones = [_row(facts, view) for facts in _chosen(found, wanted)]
    rows = sorted(fitting_ones, key=_ORDER[wanted.sort])[: wanted.limit]
    if as_json:
        print_json({"models": [*map(_data, rows)], "of": len(found), "sources": _sources(view)})
        return
    _print_table(rows, wanted)
    shown = f"{len(rows)} of the catalog's {len(found)} models"
    say(f"{shown}; ratings: {SNAPSHOT.source} of {SNAPSHOT.as_of}, 95 % interval; all of one: `ecotone models show ID`")


def _chosen(models: Iterable[ModelFacts], wanted: Wanted) -> list[ModelFacts]:
    models = list(models)
    makers = sorted({facts.maker for facts in models})
    if wanted.maker is not None and wanted.maker.lower() not in makers:
        near = get_close_matches(wanted.maker.lower(), makers)
        hint = f"did you mean {' or '.join(near)}?" if near else f"makers: {', '.join(makers)}"
        raise SetupError(f"the catalog has no maker {wanted.maker!r}; {hint}")
    words = (wanted.search or "").casefold().split()
    return [
        facts
        for facts in models
        if (wanted.weights is None or facts.weights == wanted.weights)
        and (wanted.maker is None or facts.maker == wanted.maker.lower())
        and all(word in _names(facts) for word in words)
    ]


def _names(facts: ModelFacts) -> str:
    return "\n".join((facts.id, facts.name, *facts.aliases)).casefold()


def _row(facts: ModelFacts, view: View) -> Row:
    offer = cheapest(facts.id, view)
    word = model_word(facts, has_api=is_served(facts.id, view))
    return Row(facts, word, known_openness(facts.openness), offer, ratings(facts.id).get(_GENERAL))


def _by_rating(row: Row) -> tuple[float, str]:
    return (-row.rating.rating if row.rating is not None else 0.0), row.facts.id


def _by_price(row: Row) -> tuple[bool, Any, str]:
    """Three input tokens to one of output, as offers are ordered; without a price last."""
    if row.offer is None:
        return True, 0, row.facts.id
    return False, (row.offer.input_per_million or 0) * 3 + (row.offer.output_per_million or 0), row.facts.id


def _by_release(row: Row) -> tuple[int, str]:
    day = row.facts.released_on
    return (0 if day is None else -day.toordinal()), row.facts.id


_ORDER: dict[SortKey, Callable[[Row], Any]] = {
    "name": lambda row: row.facts.id,
    "rating": _by_rating,
    "price": _by_price,
    "released": _by_release,
}


def _print_table(rows: list[Row], wanted: Wanted) -> None:
    kept_always = _SORTED_BY.get(wanted.sort)
    columns = [Column(row.head, None if row.head == kept_always else row.leave_out, row.right) for row in _COLUMNS]
    cells = [_cells(row) for row in rows]
    if not cells:
        return
    everything = tuple(range(len(columns)))
    kept = fitting(columns, cells, terminal_columns()) or everything[:1]
    lines = table_lines(columns, cells, kept)
    put(next(lines), "dim")
    for line in lines:
        put(line)
    missing = [columns[place].head for place in everything if place not in kept]
    if missing:
        say(f"no room here for {', '.join(missing)}: a wider terminal, or --json, has them")


def _cells(row: Row) -> tuple[str, ...]:
    facts = row.facts
    return (
        facts.id,
        openness_cell(row.word, facts.weights),
        class_cell(row.openness, facts.weights),
        licence_cell(facts.licence, facts.weights),
        price_cell(row.offer),
        "" if row.offer is None else row.offer.provider,
        count_cell(facts.context_tokens),
        rating_cell(row.rating),
        facts.released or "?",
    )


def _data(row: Row) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row.facts),
        "word": row.word,
        "mof_class": None if row.openness is None else row.openness.mof_class,
        "cheapest": None if row.offer is None else msgspec.to_builtins(row.offer),
        "rating": None if row.rating is None else msgspec.to_builtins(row.rating),
    }


def _sources(view: View) -> list[dict[str, str]]:
    listings = [{"source": row.source, "as_of": str(row.as_of)} for row in catalog(view.newer).listings]
    return [*listings, {"source": SNAPSHOT.source, "as_of": str(SNAPSHOT.as_of)}]
