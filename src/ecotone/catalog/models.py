"""Facts of models: who made them, whether their weights are open, their licence, what they take, give and hold.

Rows come from models.dev and, for newer names, genai-prices; what the reviewed table of names says goes before both.
Nothing is guessed: what no source says is None.
"""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from ecotone.catalog.listing import Listing, ModelRow, read_listing
from ecotone.catalog.names import Name, NameIndex, folded, name_table

_NEAR_MAX = 5
# The shipped one, and refreshed ones, of which the last is asked for.
_CATALOGS_KEPT_MAX = 4


class ModelFacts(msgspec.Struct, frozen=True):
    """What is known of a model.

    `licence` is an SPDX identifier or a LicenseRef, `licence_source` says who states it. `released` and `knowledge`
    (to when its training reaches) are ISO 8601, some to the month only. Sizes are tokens. `input_kinds` and
    `output_kinds` are among `text`, `image`, `audio`, `video`, `pdf`; empty where unknown. `openness` is its name in
    the openness table. `page` is where the weights or the facts are. `status` is `alpha`, `beta` or `deprecated` where
    a source says so. `sources` say where the row is from, each with its day.
    """

    id: str
    name: str
    maker: str
    weights: Literal["open", "closed"] | None = None
    licence: str | None = None
    licence_source: str | None = None
    released: str | None = None
    knowledge: str | None = None
    context_tokens: int | None = None
    output_tokens_max: int | None = None
    input_kinds: tuple[str, ...] = ()
    output_kinds: tuple[str, ...] = ()
    tools: bool | None = None
    reasoning: bool | None = None
    structured_output: bool | None = None
    openness: str | None = None
    page: str | None = None
    status: str | None = None
    note: str | None = None
    aliases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def released_on(self) -> date | None:
        """The day of release, the first of the month where only that is known."""
        if self.released is None:
            return None
        return date.fromisoformat(self.released if len(self.released) == 10 else f"{self.released}-01")

    @property
    def answers_in_text(self) -> bool:
        """False for what makes images, sound or vectors. A row that does not say is taken to answer in text."""
        kinds_fit = not self.output_kinds or "text" in self.output_kinds
        return kinds_fit and not any(word in self.id for word in ("embed", "rerank", "whisper"))


class Catalog:
    """All models of one pair of listings and the table of names."""

    def __init__(self, listings: tuple[Listing, ...]) -> None:
        """Where listings disagree the first one's facts stand."""
        self.listings = listings
        table = name_table()
        ids = [row.id for listing in listings for row in listing.models]
        self.index = NameIndex(ids, table)
        self.providers = frozenset(offer.provider for listing in listings for offer in listing.offers)
        rows: dict[str, ModelRow] = {}
        sources: dict[str, tuple[str, ...]] = {}
        # A dated row and the undated one that means the same are one model: the undated row's facts stand.
        for listing in listings:
            for row in sorted(listing.models, key=lambda row: self.index.canonical(row.id) != row.id):
                model = self.index.canonical(row.id)
                rows.setdefault(model, row)
                source = f"{listing.source} {listing.as_of}"
                sources[model] = tuple(dict.fromkeys((*sources.get(model, ()), source)))
        self.models: Mapping[str, ModelFacts] = MappingProxyType(
            {
                model: _facts(model, rows.get(model), table.models.get(model, Name()), sources.get(model, ()))
                for model in sorted({*rows, *table.models})
            }
        )

    def find(self, text: str) -> ModelFacts | None:
        model = self.index.named(text)
        provider, slash, name_there = text.strip().partition("/")
        if model is None and slash and provider.lower() in self.providers:
            model = self.index.find(provider.lower(), name_there)
        return None if model is None else self.models.get(model)

    def near(self, text: str) -> tuple[str, ...]:
        wanted = text.strip().lower()
        by_key = {key: model for model in self.models for key in (model, folded(model.partition("/")[2]))}
        close = get_close_matches(wanted, by_key, n=2 * _NEAR_MAX) + get_close_matches(folded(wanted), by_key)
        return tuple(dict.fromkeys(by_key[key] for key in close))[:_NEAR_MAX]


def _facts(model: str, row: ModelRow | None, name: Name, sources: tuple[str, ...]) -> ModelFacts:
    row = row or ModelRow(model, model.partition("/")[2])
    licence, licence_source = name.licence, name.licence_source
    if licence is None and row.licence is not None:
        licence, licence_source = row.licence, "models-dev"
    return ModelFacts(
        id=model,
        name=name.name or row.name,
        maker=model.partition("/")[0],
        weights=name.weights or _weights(model, row),
        licence=licence,
        licence_source=name_table().sources[licence_source] if licence_source else None,
        released=name.released or row.released,
        knowledge=row.knowledge,
        context_tokens=name.context or row.context,
        output_tokens_max=row.output,
        input_kinds=row.input_kinds,
        output_kinds=row.output_kinds,
        tools=row.tools,
        reasoning=row.reasoning,
        structured_output=row.structured_output,
        openness=name.openness,
        page=name.page or row.weights_page,
        status=row.status,
        note=name.note,
        aliases=(*name.same, *name.aliases),
        sources=(*sources, "the table of names"),
    )


# Families of which no weights were ever published, for rows whose source says nothing.
_CLOSED_FAMILIES = ("anthropic/claude-", "google/gemini-", "openai/gpt-", "openai/o", "xai/grok-3", "xai/grok-4")


def _weights(model: str, row: ModelRow) -> Literal["open", "closed"] | None:
    if row.open_weights is not None:
        return "open" if row.open_weights else "closed"
    return "closed" if model.startswith(_CLOSED_FAMILIES) and "gpt-oss" not in model else None


def shipped(name: str) -> Listing:
    """One of the listings in the package: `models_dev` or `genai_prices`."""
    return read_listing(files("ecotone.catalog").joinpath(f"data/{name}.json").read_bytes())


@lru_cache(maxsize=_CATALOGS_KEPT_MAX)
def catalog(newer: str | None = None) -> Catalog:
    """The catalog. `newer` is the text of a refreshed copy of models.dev's listing, which stands in for the shipped
    one where it is not older. Raises SetupError for a text that is no listing."""
    models_dev = shipped("models_dev")
    if newer is not None:
        refreshed = read_listing(newer)
        models_dev = refreshed if refreshed.as_of >= models_dev.as_of else models_dev
    return Catalog((models_dev, shipped("genai_prices")))


def all_models(newer: str | None = None) -> tuple[ModelFacts, ...]:
    """Every model, in the order of ids. `newer`: see `catalog`."""
    return tuple(catalog(newer).models.values())


def model_facts(model_id: str, newer: str | None = None) -> ModelFacts | None:
    """The model with this id, or with one that models.dev has for it too."""
    known = catalog(newer)
    return known.models.get(known.index.canonical(model_id))


def find_model(text: str, newer: str | None = None) -> ModelFacts | None:
    """The model that a person or a config means: by id, by its maker's name for it, by a provider and its name there
    (`groq/llama-3.3-70b-versatile`), by alias, or by the name of its GGUF file. None where that is not certain."""
    return catalog(newer).find(text)


def near_models(text: str, newer: str | None = None) -> tuple[str, ...]:
    """Ids of models with a name like `text`, the likest first, at most five."""
    return catalog(newer).near(text)
