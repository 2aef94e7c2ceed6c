"""The whole catalog as rows, to choose from."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from ecotone.catalog.models import ModelFacts, all_models, catalog
from ecotone.catalog.openness import Openness, Word, known_openness
from ecotone.catalog.prices import Offer
from ecotone.catalog.quality import SNAPSHOT, WORK, Rating, ratings
from ecotone.gateway.model_facts import View, cheapest, is_served, model_word
from ecotone.values.errors import SetupError

SortKey = Literal["rating", "price", "released", "name"]

_GENERAL = WORK["general"].category


class Wanted(msgspec.Struct, frozen=True):
    """Which models to list, and in which order. `search` are words that must all occur in a model's names."""

    weights: Literal["open", "closed"] | None = None
    maker: str | None = None
    search: str | None = None
    sort: SortKey = "name"
    limit: int | None = None


class CatalogRow(msgspec.Struct, frozen=True):
    """A model of the catalog with what is known beside its facts."""

    facts: ModelFacts
    word: Word | None
    openness: Openness | None
    offer: Offer | None
    rating: Rating | None


def catalog_rows(wanted: Wanted, view: View) -> list[CatalogRow]:
    """The models that fit, in the order asked for. Raises SetupError for a maker that the catalog does not have."""
    rows = [_row(facts, view) for facts in _chosen(all_models(view.newer), wanted)]
    return sorted(rows, key=_ORDER[wanted.sort])[: wanted.limit]


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


def _row(facts: ModelFacts, view: View) -> CatalogRow:
    offer = cheapest(facts.id, view)
    word = model_word(facts, has_api=is_served(facts.id, view))
    return CatalogRow(facts, word, known_openness(facts.openness), offer, ratings(facts.id).get(_GENERAL))


def _by_rating(row: CatalogRow) -> tuple[float, str]:
    return (-row.rating.rating if row.rating is not None else 0.0), row.facts.id


def _by_price(row: CatalogRow) -> tuple[bool, Any, str]:
    """Three input tokens to one of output, as offers are ordered; without a price last."""
    if row.offer is None:
        return True, 0, row.facts.id
    return False, (row.offer.input_per_million or 0) * 3 + (row.offer.output_per_million or 0), row.facts.id


def _by_release(row: CatalogRow) -> tuple[int, str]:
    day = row.facts.released_on
    return (0 if day is None else -day.toordinal()), row.facts.id


_ORDER: dict[SortKey, Callable[[CatalogRow], Any]] = {
    "name": lambda row: row.facts.id,
    "rating": _by_rating,
    "price": _by_price,
    "released": _by_release,
}


def catalog_data(rows: list[CatalogRow], view: View) -> dict[str, Any]:
    """The rows, of how many, and where all of it is from."""
    return {"models": [*map(_data, rows)], "of": len(all_models(view.newer)), "sources": sources(view)}


def _data(row: CatalogRow) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row.facts),
        "word": row.word,
        "mof_class": None if row.openness is None else row.openness.mof_class,
        "cheapest": None if row.offer is None else msgspec.to_builtins(row.offer),
        "rating": None if row.rating is None else msgspec.to_builtins(row.rating),
    }


def sources(view: View) -> list[dict[str, str]]:
    """What the catalog is made from, and the day of each."""
    listings = [{"source": row.source, "as_of": str(row.as_of)} for row in catalog(view.newer).listings]
    return [*listings, {"source": SNAPSHOT.source, "as_of": str(SNAPSHOT.as_of)}]
