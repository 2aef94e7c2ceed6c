"""models.dev's data (https://models.dev/api.json, MIT) as a listing.

Its published form is an object of providers, each with `models`: by the name that the provider's API takes, facts and
`cost`. What a price or a limit of 0 means there is "not stated", except where a provider serves a model for nothing.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from ecotone.catalog.listing import DatedPrices, Listing, ModelRow, OfferRow, Prices, Tier, dollars
from ecotone.catalog.names import NameIndex, folded
from ecotone.values.errors import SetupError

ADDRESS = "https://models.dev/api.json"
SOURCE = "models.dev"

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "google-vertex": "vertex",
    "azure": "azure",
    "amazon-bedrock": "bedrock",
    "xai": "xai",
    "mistral": "mistral",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "groq": "groq",
    "togetherai": "together",
    "fireworks-ai": "fireworks",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "nvidia": "nvidia",
    "huggingface": "huggingface",
    "moonshotai": "moonshot",
    "alibaba": "dashscope",
    "zai": "zai",
    "minimax": "minimax",
    "stepfun": "stepfun",
    "deepinfra": "deepinfra",
    "nebius": "nebius",
    "baseten": "baseten",
    "scaleway": "scaleway",
    "ovhcloud": "ovhcloud",
    "databricks": "databricks",
    "cloudflare-workers-ai": "cloudflare",
    "siliconflow": "siliconflow",
}
"""models.dev's provider to ours. The others resell these or sell subscriptions, and are left out."""

_MAKERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "xai": "xai",
    "mistral": "mistral",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "perplexity": "perplexity",
    "moonshotai": "moonshotai",
    "alibaba": "alibaba",
    "zai": "zhipuai",
    "minimax": "minimax",
    "stepfun": "stepfun",
}
"""Providers that serve models of their own making: a name unknown so far is a new model of theirs."""


class _Limit(msgspec.Struct, frozen=True):
    context: int | None = None
    output: int | None = None


class _Modalities(msgspec.Struct, frozen=True):
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


class _TierSize(msgspec.Struct, frozen=True):
    size: int


class _CostTier(msgspec.Struct, frozen=True):
    tier: _TierSize
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    input_audio: Decimal | None = None


class _Cost(msgspec.Struct, frozen=True):
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    reasoning: Decimal | None = None
    tiers: tuple[_CostTier, ...] = ()
    context_over_200k: "_Cost | None" = None


class _Weights(msgspec.Struct, frozen=True):
    url: str


class Entry(msgspec.Struct, frozen=True):
    """A model as models.dev has it; fields that Ecotone has no use for are not read."""

    name: str | None = None
    release_date: str | None = None
    knowledge: str | None = None
    tool_call: bool | None = None
    reasoning: bool | None = None
    structured_output: bool | None = None
    open_weights: bool | None = None
    status: str | None = None
    license: str | None = None
    limit: _Limit = _Limit()
    modalities: _Modalities = _Modalities()
    weights: tuple[_Weights, ...] = ()
    cost: _Cost | None = None
    base_model: str | None = None


class _Provider(msgspec.Struct, frozen=True):
    models: dict[str, Entry]


def read_api(text: str | bytes) -> dict[str, dict[str, Entry]]:
    """The providers that Ecotone knows, under Ecotone's names, and their models. Raises SetupError for anything that
    is not models.dev's published form, or that holds less than a tenth of what it ought to."""
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        providers = {
            ours: msgspec.json.decode(raw[theirs], type=_Provider).models
            for theirs, ours in PROVIDERS.items()
            if theirs in raw
        }
    except msgspec.MsgspecError as error:
        raise SetupError(f"what came is not models.dev's api.json: {error}") from None
    if len(providers) < len(PROVIDERS) // 2 or sum(map(len, providers.values())) < 100:
        raise SetupError(
            f"what came has {len(providers)} of the {len(PROVIDERS)} providers that models.dev's api.json should have"
        )
    return providers


def model_row(model_id: str, entry: Entry) -> ModelRow:
    return ModelRow(
        id=model_id,
        name=entry.name or model_id.rpartition("/")[2],
        released=_iso(entry.release_date),
        knowledge=_iso(entry.knowledge),
        context=entry.limit.context or None,
        output=entry.limit.output or None,
        input_kinds=entry.modalities.input,
        output_kinds=entry.modalities.output,
        tools=entry.tool_call,
        reasoning=entry.reasoning,
        structured_output=entry.structured_output,
        open_weights=entry.open_weights,
        weights_page=entry.weights[0].url if entry.weights else None,
        licence=entry.license,
        status=entry.status,
    )


def _iso(text: str | None) -> str | None:
    return text if text is not None and re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", text) else None


def prices(cost: _Cost) -> Prices | None:
    """None where nothing is charged or nothing is stated: models.dev writes 0 for both."""
    if not cost.input and not cost.output:
        return None
    tiers = [_tier(tier.tier.size, tier) for tier in cost.tiers]
    if cost.context_over_200k is not None and not tiers:
        tiers = [_tier(200_000, cost.context_over_200k)]
    return Prices(
        input=None if cost.input is None else dollars(cost.input),
        output=None if cost.output is None else dollars(cost.output),
        cached_input=_said(cost.cache_read),
        cache_write=_said(cost.cache_write),
        audio_input=_said(cost.input_audio),
        audio_output=_said(cost.output_audio),
        reasoning=_said(cost.reasoning),
        tiers=tuple(sorted(tiers, key=lambda tier: tier.above)),
    )


def _tier(above: int, cost: _Cost | _CostTier) -> Tier:
    return Tier(
        above=above,
        input=_said(cost.input),
        output=_said(cost.output),
        cached_input=_said(cost.cache_read),
        cache_write=_said(cost.cache_write),
        audio_input=_said(cost.input_audio),
    )


def _said(price: Decimal | None) -> Decimal | None:
    return dollars(price) if price else None


def offer_rows(provider: str, entries: Mapping[str, Entry], index: NameIndex) -> Iterable[OfferRow]:
    for name, entry in entries.items():
        found = prices(entry.cost) if entry.cost is not None else None
        if found is None:
            continue
        yield OfferRow(provider, name, (DatedPrices(found),), _joined(provider, name, entry, index), entry.status)


def _joined(provider: str, name: str, entry: Entry, index: NameIndex) -> str | None:
    """`base_model` says whose facts a row shares, which may be a relative's: it counts where the name agrees."""
    model = index.find(provider, name)
    if index.is_apart(provider, name):
        return None
    if model is None and entry.base_model is not None and folded(name).endswith(folded(_bare(entry.base_model))):
        return index.canonical(entry.base_model)
    return model


def _bare(model_id: str) -> str:
    return model_id.partition("/")[2]


def listing(
    providers: Mapping[str, Mapping[str, Entry]], models: Iterable[ModelRow], as_of: date, index: NameIndex
) -> Listing:
    """Offers of all providers, and `models` with those added that a maker serves and nobody has named yet. A model of
    the table of names that has no row of its own gets the facts that the first provider states."""
    rows = {row.id: row for row in models}
    index = index.extended(rows)
    rows |= {row.id: row for row in maker_rows(providers, index) if row.id not in rows}
    index = index.extended(rows)
    for provider, entries in providers.items():
        for name, entry in entries.items():
            model = index.find(provider, name)
            if model is not None and model not in rows:
                rows[model] = model_row(model, entry)
    offers = [row for provider, entries in providers.items() for row in offer_rows(provider, entries, index)]
    return Listing(SOURCE, ADDRESS, as_of, "MIT", tuple(rows.values()), tuple(offers))


def maker_rows(providers: Mapping[str, Mapping[str, Entry]], index: NameIndex) -> Iterable[ModelRow]:
    """Facts of the models that their own makers serve, those with an unknown name under an id made from it."""
    for theirs, maker in _MAKERS.items():
        ours = PROVIDERS[theirs]
        for name, entry in providers.get(ours, {}).items():
            model = index.find(ours, name)
            if model is None and entry.base_model is None and not index.is_apart(ours, name):
                model = f"{maker}/{name}".lower()
            if model is not None and model.startswith(f"{maker}/"):
                yield model_row(model, entry)
