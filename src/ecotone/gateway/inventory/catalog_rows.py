"""The whole catalog as rows, to choose from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args

import msgspec

from ecotone.catalog.models import ModelFacts, all_models, catalog
from ecotone.catalog.openness import Openness, Word, known_openness
from ecotone.catalog.prices import Offer
from ecotone.catalog.quality import SNAPSHOT, WORK, Rating, ratings
from ecotone.catalog.verdicts import Status
from ecotone.gateway.inventory.csv_text import as_csv
from ecotone.gateway.inventory.model_facts import Judgement, View, cheapest, is_served, licence_judgement, model_word
from ecotone.values.errors import SetupError

SortKey = Literal["name", "openness", "class", "licence", "verdict", "price", "output", "context", "rating", "released"]
Ability = Literal["tools", "reasoning", "structured output", "image", "pdf", "audio", "video"]

_GENERAL = WORK["general"].category
_WORDS: tuple[Word, ...] = tuple(reversed(get_args(Word)))
_VERDICTS: tuple[Status, ...] = ("allowed", "allowed with duties", "unknown", "not allowed")


class Wanted(msgspec.Struct, frozen=True):
    """Which models to list, and in which order. `search` are words that must all occur in a model's names; `can` is
    what it must be known to do or to take; `verdict` is what its licence must come to for the organisation. The order
    is the useful one, the best or cheapest or newest first, or its `reverse`; what is unknown comes last in both."""

    weights: Literal["open", "closed"] | None = None
    maker: str | None = None
    search: str | None = None
    sort: SortKey = "name"
    limit: int | None = None
    reverse: bool = False
    can: Ability | None = None
    verdict: Status | None = None


class CatalogRow(msgspec.Struct, frozen=True):
    """A model of the catalog with what is known beside its facts. `offer` is the cheapest, `judgement` what its licence
    comes to for whoever runs it; None where the weights cannot be had."""

    facts: ModelFacts
    word: Word | None
    openness: Openness | None
    offer: Offer | None
    rating: Rating | None
    judgement: Judgement | None

    @property
    def verdict(self) -> Status | None:
        return None if self.judgement is None else self.judgement.verdict.status


def catalog_rows(wanted: Wanted, view: View) -> list[CatalogRow]:
    """The models that fit, in the order asked for. Raises SetupError for a maker that the catalog does not have."""
    rows = [_row(facts, view) for facts in _chosen(all_models(view.newer), wanted)]
    return in_order([row for row in rows if wanted.verdict in (None, row.verdict)], wanted)


def in_order(rows: Iterable[CatalogRow], wanted: Wanted) -> list[CatalogRow]:
    """The rows as `wanted` orders them, as many as it wants."""
    rank, descending = _RANKS[wanted.sort]
    by_name = sorted(rows, key=lambda row: row.facts.id)
    known = [row for row in by_name if rank(row) is not None]
    known.sort(key=rank, reverse=descending != wanted.reverse)
    return [*known, *(row for row in by_name if rank(row) is None)][: wanted.limit]


def makers(view: View) -> list[str]:
    """Everybody who has made a model of the catalog."""
    return sorted({facts.maker for facts in all_models(view.newer)})


def _chosen(models: Iterable[ModelFacts], wanted: Wanted) -> list[ModelFacts]:
    models = list(models)
    known = sorted({facts.maker for facts in models})
    if wanted.maker is not None and wanted.maker.lower() not in known:
        near = get_close_matches(wanted.maker.lower(), known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"makers: {', '.join(known)}"
        raise SetupError(f"the catalog has no maker {wanted.maker!r}; {hint}")
    words = (wanted.search or "").casefold().split()
    return [
        facts
        for facts in models
        if (wanted.weights is None or facts.weights == wanted.weights)
        and (wanted.maker is None or facts.maker == wanted.maker.lower())
        and (wanted.can is None or wanted.can in abilities(facts))
        and all(word in _names(facts) for word in words)
    ]


def abilities(facts: ModelFacts) -> tuple[Ability, ...]:
    """What a model is known to do and to take beside text."""
    does: dict[Ability, bool | None] = {
        "tools": facts.tools,
        "reasoning": facts.reasoning,
        "structured output": facts.structured_output,
        "image": "image" in facts.input_kinds,
        "pdf": "pdf" in facts.input_kinds,
        "audio": "audio" in facts.input_kinds,
        "video": "video" in facts.input_kinds,
    }
    return tuple(ability for ability, known in does.items() if known)


def _names(facts: ModelFacts) -> str:
    return "\n".join((facts.id, facts.name, *facts.aliases)).casefold()


def _row(facts: ModelFacts, view: View) -> CatalogRow:
    return CatalogRow(
        facts=facts,
        word=model_word(facts, has_api=is_served(facts.id, view)),
        openness=known_openness(facts.openness),
        offer=cheapest(facts.id, view),
        rating=ratings(facts.id).get(_GENERAL),
        judgement=licence_judgement(facts, view) if facts.weights == "open" else None,
    )


def _price(row: CatalogRow) -> Any:
    """Three input tokens to one of output, as offers are ordered."""
    if row.offer is None:
        return None
    return (row.offer.input_per_million or 0) * 3 + (row.offer.output_per_million or 0)


# How rows are ranked (None is unknown), and whether the useful order has the highest first.
_RANKS: Mapping[SortKey, tuple[Callable[[CatalogRow], Any], bool]] = {
    "name": (lambda row: row.facts.id, False),
    "openness": (lambda row: None if row.word is None else _WORDS.index(row.word), False),
    "class": (lambda row: None if row.openness is None else row.openness.mof_class or 4, False),
    "licence": (lambda row: row.facts.licence, False),
    "verdict": (lambda row: None if row.verdict is None else _VERDICTS.index(row.verdict), False),
    "price": (_price, False),
    "output": (lambda row: None if row.offer is None else row.offer.output_per_million, False),
    "context": (lambda row: row.facts.context_tokens, True),
    "rating": (lambda row: None if row.rating is None else row.rating.rating, True),
    "released": (lambda row: row.facts.released_on, True),
}


# --- for programs and spreadsheets


def catalog_data(rows: Sequence[CatalogRow], view: View) -> dict[str, Any]:
    """The rows, of how many, and where all of it is from."""
    return {"models": [*map(_data, rows)], "of": len(all_models(view.newer)), "sources": sources(view)}


def _data(row: CatalogRow) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row.facts),
        "word": row.word,
        "mof_class": None if row.openness is None else row.openness.mof_class,
        "verdict": row.verdict,
        "cheapest": None if row.offer is None else msgspec.to_builtins(row.offer),
        "rating": None if row.rating is None else msgspec.to_builtins(row.rating),
    }


def sources(view: View) -> list[dict[str, str]]:
    """What the catalog is made from, and the day of each."""
    listings = [{"source": row.source, "as_of": str(row.as_of)} for row in catalog(view.newer).listings]
    return [*listings, {"source": SNAPSHOT.source, "as_of": str(SNAPSHOT.as_of)}]


def catalog_csv(rows: Iterable[CatalogRow]) -> str:
    """The rows as a table: RFC 4180, prices in US dollars per million tokens, empty where unknown."""
    return as_csv(
        (
            *("id", "name", "maker", "weights", "openness", "mof_class", "licence", "licence_verdict"),
            *("input_usd_per_million", "output_usd_per_million", "cheapest_at", "context_tokens", "output_tokens_max"),
            *("takes", "tools", "reasoning", "structured_output", "rating", "rating_low", "rating_high"),
            *("released", "page"),
        ),
        map(_cells, rows),
    )


def _cells(row: CatalogRow) -> tuple[object, ...]:
    facts, offer, rating = row.facts, row.offer, row.rating
    return (
        *(facts.id, facts.name, facts.maker, facts.weights, row.word),
        row.openness and (row.openness.mof_class or "unclassified"),
        *(facts.licence, row.verdict),
        *((offer.input_per_million, offer.output_per_million, offer.provider) if offer else (None, None, None)),
        *(facts.context_tokens, facts.output_tokens_max, " ".join(facts.input_kinds)),
        *(facts.tools, facts.reasoning, facts.structured_output),
        *((rating.rating, rating.low, rating.high) if rating else (None, None, None)),
        *(facts.released, facts.page),
    )
