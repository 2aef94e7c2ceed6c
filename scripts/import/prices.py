"""Makes src/ecotone/catalog/data/genai_prices.json of the prices in the installed package genai-prices (MIT).

    python scripts/import/prices.py DAY

DAY (2026-11-22) is when the package was installed: prices that begin later do not date the copy.

The package is a development dependency: its own library, pydantic, stays out of the product. Prices by the token are
taken; prices by the hour, the search or the page, and for batches, are not. A row whose name joins no model of the
catalog is kept where the provider is the model's maker, and becomes a model of its own with its price alone.
"""

import re
import sys
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
from genai_prices.data import providers
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from ecotone.catalog.listing import (
    DatedPrices,
    Listing,
    ModelRow,
    OfferRow,
    Prices,
    Tier,
    dollars,
    read_listing,
    written,
)
from ecotone.catalog.names import NameIndex, name_table

TARGET = Path("src/ecotone/catalog/data/genai_prices.json")
MODELS_DEV = Path("src/ecotone/catalog/data/models_dev.json")

PROVIDERS = {
    "anthropic": "anthropic",
    "aws": "bedrock",
    "azure": "azure",
    "baseten": "baseten",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "google": "gemini",
    "groq": "groq",
    "minimax": "minimax",
    "mistral": "mistral",
    "moonshotai": "moonshot",
    "openai": "openai",
    "openrouter": "openrouter",
    "ovhcloud": "ovhcloud",
    "perplexity": "perplexity",
    "together": "together",
    "x-ai": "xai",
    "zai": "zai",
}
MAKERS = {
    "anthropic": ("anthropic", "claude-"),
    "cohere": ("cohere", "command-"),
    "deepseek": ("deepseek", "deepseek-"),
    "gemini": ("google", "gemini-|gemma-"),
    "minimax": ("minimax", "minimax-"),
    "mistral": ("mistral", "mistral-|ministral-|magistral-|devstral-|codestral-"),
    "moonshot": ("moonshotai", "kimi-"),
    "openai": ("openai", r"gpt-|o\d"),
    "perplexity": ("perplexity", "sonar"),
    "xai": ("xai", "grok-"),
    "zai": ("zhipuai", "glm-"),
}
"""Providers that serve models of their own making: the maker, and how the names of its language models begin."""

_NOT_LANGUAGE = "audio|embed|image|live|ocr|omni|realtime|robotics|search|transcri|translate|tts|video|vision|voice"

_KEYS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "output_reasoning_mtok": "reasoning",
}


def prices_of(price: ModelPrice) -> Prices | None:
    """The prices by the token; None where text has none."""
    base: dict[str, Decimal | None] = {}
    tiers: dict[int, dict[str, Decimal]] = {}
    for theirs, ours in _KEYS.items():
        value = getattr(price, theirs)
        if isinstance(value, TieredPrices):
            base[ours] = dollars(value.base)
            for tier in value.tiers:
                tiers.setdefault(tier.start, {})[ours] = dollars(tier.price)
        else:
            base[ours] = None if value is None else dollars(value)
    if not base["input"] and not base["output"]:
        return None
    made = tuple(Tier(above=start, **values) for start, values in sorted(tiers.items()))
    return Prices(**{key: value or None if key != "input" else value for key, value in base.items()}, tiers=made)


def dated(model: ModelInfo) -> tuple[DatedPrices, ...]:
    """In the order in which the package tries them, from last to first."""
    if isinstance(model.prices, ModelPrice):
        found = prices_of(model.prices)
        return () if found is None else (DatedPrices(found),)
    made = []
    for conditional in model.prices:
        found = prices_of(conditional.prices)
        if found is None:
            return ()
        match conditional.constraint:
            case StartDateConstraint(start_date=start):
                made.append(DatedPrices(found, start=start))
            case TimeOfDateConstraint(start_time=start, end_time=end):
                made.append(DatedPrices(found, hours=(start.replace(tzinfo=None), end.replace(tzinfo=None))))
            case None:
                made.append(DatedPrices(found))
    return tuple(made)


def provider_of(theirs: str, name: str) -> str:
    """Google's list holds what Vertex AI alone serves too."""
    on_vertex = theirs == "google" and (name.startswith("claude") or name.endswith("-maas"))
    return "vertex" if on_vertex else PROVIDERS[theirs]


def rows(index: NameIndex) -> Iterable[tuple[OfferRow, ModelInfo]]:
    for provider in providers:
        if provider.id not in PROVIDERS:
            continue
        for model in provider.models:
            ours = provider_of(provider.id, model.id)
            offered = dated(model)
            if offered:
                status = "deprecated" if model.deprecated else None
                yield OfferRow(ours, model.id, offered, index.find(ours, model.id), status), model


def own_model(offer: OfferRow, index: NameIndex) -> str | None:
    """The maker, where this is a language model that its maker serves under a name unknown so far."""
    maker, begins = MAKERS.get(offer.provider, ("", "(?!)"))
    name = offer.name_there.lower()
    fitting = re.match(begins, name) and not re.search(_NOT_LANGUAGE, name) and re.fullmatch(r"[a-z0-9.\-]+", name)
    return maker if fitting and not index.is_apart(offer.provider, name) else None


def made(known: Iterable[str], as_of: date) -> Listing:
    index = NameIndex(known, name_table())
    offers, models = [], []
    for offer, model in rows(index):
        if offer.model is None:
            maker = own_model(offer, index)
            if maker is None:
                continue
            row = ModelRow(f"{maker}/{offer.name_there}".lower(), model.name or offer.name_there)
            models.append(msgspec.structs.replace(row, context=model.context_window))
            offer = msgspec.structs.replace(offer, model=row.id)
        offers.append(offer)
    address = "https://pypi.org/project/genai-prices/"
    return Listing("genai-prices", address, as_of, "MIT", tuple(models), tuple(offers))


def newest(day: date) -> date:
    """The newest day, not after `day`, on which a price in the package starts: the data is no older."""
    starts = [
        conditional.constraint.start_date
        for provider in providers
        for model in provider.models
        if isinstance(model.prices, list)
        for conditional in model.prices
        if isinstance(conditional.constraint, StartDateConstraint)
    ]
    return max(start for start in starts if start <= day)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    known = [row.id for row in read_listing(MODELS_DEV.read_text(encoding="utf-8")).models]
    result = made(known, newest(date.fromisoformat(sys.argv[1])))
    TARGET.write_text(written(result), encoding="utf-8")
    print(f"{TARGET}: {len(result.models)} further models, {len(result.offers)} offers, as of {result.as_of}")
