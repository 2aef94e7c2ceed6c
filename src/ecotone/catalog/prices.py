"""What models cost by the token, and where: offers.

Two sources are read: models.dev and genai-prices, each a copy of one day. Where both have the same offer, the copy
made later stands, except where `data/names.toml` rules otherwise, and `Offer.disagreement` shows what the other says.
Prices are US dollars for a million tokens and never floats.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

import msgspec

from ecotone.catalog.listing import DatedPrices, Listing, OfferRow, Prices, Tier
from ecotone.catalog.models import catalog
from ecotone.catalog.names import NameIndex, folded, name_table
from ecotone.values.reply import Usage

_MILLION = 1_000_000
# A gateway that runs for months asks anew each day.
_DAYS_KEPT_MAX = 4


class Offer(msgspec.Struct, frozen=True):
    """A model at a provider, which calls it `name_there`. `model` is the catalog's id, None where it has none.

    Prices are of the day that was asked for; None where the source says nothing. `tiers` hold for requests whose input
    is longer than theirs. `as_of` is the day of the copy, `source` whose it is. `changes` are the days on which the
    source has this price change, past and to come. `peak_hours` (UTC) have `peak`'s prices instead.
    `disagreement` is what the other source says, in words.
    """

    provider: str
    name_there: str
    model: str | None
    input_per_million: Decimal | None
    output_per_million: Decimal | None
    cached_input_per_million: Decimal | None
    cache_write_per_million: Decimal | None
    audio_input_per_million: Decimal | None
    audio_output_per_million: Decimal | None
    reasoning_per_million: Decimal | None
    tiers: tuple[Tier, ...]
    as_of: date
    source: str
    changes: tuple[date, ...] = ()
    peak_hours: tuple[str, ...] = ()
    peak: Prices | None = None
    disagreement: str | None = None
    status: str | None = None

    def cost(self, usage: Usage) -> Decimal | None:
        """US dollars for this use, outside peak hours, not rounded; None where a count or a price that it takes is
        unknown.

        Input that the vendor did not tell apart counts as neither cached nor audio, so the cost is never too low for
        it. Cached tokens, cache writes and reasoning without a price of their own cost what other tokens cost. Input
        over a tier's bound puts the whole request into the tier, as vendors and genai-prices have it.
        """
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        price = self.prices_for(usage.input_tokens)
        if self.reasoning_per_million is not None and usage.reasoning_tokens is None:
            return None
        cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
        heard, spoken = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
        reasoning = usage.reasoning_tokens or 0 if price.reasoning is not None else 0
        parts = (
            (usage.input_tokens - cached - written - heard, price.input),
            (cached, price.input if price.cached_input is None else price.cached_input),
            (written, price.input if price.cache_write is None else price.cache_write),
            (heard, price.audio_input),
            (usage.output_tokens - spoken - reasoning, price.output),
            (spoken, price.audio_output),
            (reasoning, price.reasoning),
        )
        total = Decimal(0)
        for tokens, per_million in parts:
            if tokens == 0:
                continue
            if tokens < 0 or per_million is None:
                return None
            total += tokens * per_million
        return total / _MILLION

    def prices_for(self, input_tokens: int) -> Prices:
        """What a request with so much input pays, outside peak hours."""
        base = Prices(
            self.input_per_million,
            self.output_per_million,
            self.cached_input_per_million,
            self.cache_write_per_million,
            self.audio_input_per_million,
            self.audio_output_per_million,
            self.reasoning_per_million,
        )
        reached = [tier for tier in self.tiers if input_tokens > tier.above] if self.tiers else ()
        if not reached:
            return base
        stated = {name: getattr(reached[-1], name) for name in Tier.__struct_fields__ if name != "above"}
        return msgspec.structs.replace(base, **{name: price for name, price in stated.items() if price is not None})


def _in_force(prices: tuple[DatedPrices, ...], day: date) -> DatedPrices:
    """The last that has begun and holds all day; before all of them, the first."""
    begun = [row for row in prices if row.hours is None and (row.start is None or row.start <= day)]
    return begun[-1] if begun else prices[0]


def _offer(row: OfferRow, listing: Listing, index: NameIndex, day: date) -> Offer:
    held = _in_force(row.prices, day)
    prices = held.prices
    after = row.prices[row.prices.index(held) + 1 :]
    peaks = [later for later in after if later.hours is not None]
    hours = tuple(f"{start:%H:%M}-{end:%H:%M}" for start, end in (peak.hours for peak in peaks if peak.hours))
    return Offer(
        provider=row.provider,
        name_there=row.name_there,
        model=None if row.model is None else index.canonical(row.model),
        input_per_million=prices.input,
        output_per_million=prices.output,
        cached_input_per_million=prices.cached_input,
        cache_write_per_million=prices.cache_write,
        audio_input_per_million=prices.audio_input,
        audio_output_per_million=prices.audio_output,
        reasoning_per_million=prices.reasoning,
        tiers=prices.tiers,
        as_of=listing.as_of,
        source=f"{listing.source} ({listing.address})",
        changes=tuple(later.start for later in row.prices if later.start is not None),
        peak_hours=hours,
        peak=peaks[-1].prices if peaks else None,
        status=row.status,
    )


_COMPARED = {"input": "input_per_million", "output": "output_per_million", "cached input": "cached_input_per_million"}


def _merged(offer: Offer, other: Offer) -> Offer:
    """One offer of what both sources say of it."""
    rulings = name_table().prices
    ruling = rulings.get(f"{offer.provider}:{offer.name_there}") or rulings.get(offer.provider)
    best, second = sorted((offer, other), key=lambda row: (_source(row) == ruling, row.as_of), reverse=True)
    model = offer.model or other.model
    differing = [
        f"{word} ${theirs}, not ${ours}"
        for word, field in _COMPARED.items()
        if None not in (theirs := getattr(second, field), ours := getattr(best, field)) and theirs != ours
    ]
    if differing:
        said = f"{_source(second)} of {second.as_of} says {', '.join(differing)} for a million tokens"
        return msgspec.structs.replace(best, model=model, disagreement=said)
    return msgspec.structs.replace(best, model=model)


def _source(offer: Offer) -> str:
    return offer.source.partition(" ")[0]


class Offers:
    """All offers on one day."""

    def __init__(self, newer: str | None, day: date | None) -> None:
        """`day` None: each source's own day."""
        known = catalog(newer)
        models_dev, others = (
            {
                (row.provider, folded(row.name_there)): _offer(row, listing, known.index, day or listing.as_of)
                for row in listing.offers
            }
            for listing in known.listings
        )
        merged = [*_paired(models_dev, others)]
        by_model: dict[str, list[Offer]] = {}
        for offer in merged:
            if offer.model is not None:
                by_model.setdefault(offer.model, []).append(offer)
        self.by_model: Mapping[str, tuple[Offer, ...]] = MappingProxyType(
            {model: tuple(sorted(found, key=_by_price)) for model, found in by_model.items()}
        )
        self.by_place: Mapping[tuple[str, str], Offer] = MappingProxyType(
            {(offer.provider, folded(offer.name_there)): offer for offer in merged}
        )


_Places = Mapping[tuple[str, str], Offer]


def _paired(models_dev: _Places, genai_prices: _Places) -> Iterable[Offer]:
    """Both sources' offers, each once: paired by the name there, else by the model where genai-prices has a single
    row for it at the provider (it has one for a model and its snapshots; models.dev has one for each)."""
    rows: dict[tuple[str, str], list[Offer]] = {}
    for offer in genai_prices.values():
        if offer.model is not None and offer.provider not in _PRICED_BY_REGION:
            rows.setdefault((offer.provider, offer.model), []).append(offer)
    single = {place: found[0] for place, found in rows.items() if len(found) == 1}
    used = set()
    for place, offer in models_dev.items():
        other = genai_prices.get(place) or single.get((offer.provider, offer.model or ""))
        if other is not None:
            used.add(other)
            other = msgspec.structs.replace(other, name_there=offer.name_there)
        yield offer if other is None else _merged(offer, other)
    yield from (offer for offer in genai_prices.values() if offer not in used)


_PRICED_BY_REGION = ("bedrock",)


def _by_price(offer: Offer) -> tuple[bool, Decimal, str, str]:
    total = (offer.input_per_million or Decimal(0)) * 3 + (offer.output_per_million or Decimal(0))
    return offer.status == "deprecated", total, offer.provider, offer.name_there


@lru_cache(maxsize=_DAYS_KEPT_MAX)
def _offers(newer: str | None, day: date | None) -> Offers:
    return Offers(newer, day)


def offers(model_id: str, *, day: date | None = None, newer: str | None = None) -> tuple[Offer, ...]:
    """Who serves this model, the cheapest first (three input tokens to one of output; deprecated offers last).

    `day` chooses among dated prices, None takes the day of each source's copy. `newer`: see `models.catalog`.
    """
    known = catalog(newer)
    return _offers(newer, day).by_model.get(known.index.canonical(model_id), ())


def all_offers(*, day: date | None = None, newer: str | None = None) -> tuple[Offer, ...]:
    """Every offer, those of models without a row in the catalog too."""
    return tuple(_offers(newer, day).by_place.values())


def price_of(
    provider: str,
    name_there: str,
    *,
    model_id: str | None = None,
    day: date | None = None,
    newer: str | None = None,
) -> Offer | None:
    """The offer behind one of the gateway's endpoints: a provider and what its API calls the model.

    A dated name that the provider's list does not have is looked up as the model it is a snapshot of. Where the name
    tells nothing, as that of a deployment does, `model_id` is the catalog's id that the config gives.
    """
    held = _offers(newer, day)
    offer = held.by_place.get((provider, folded(name_there)))
    if offer is not None:
        return offer
    model = catalog(newer).index.find(provider, name_there)
    here = [offer for offer in held.by_model.get(model or "", ()) if offer.provider == provider]
    if len(here) == 1:
        return here[0]
    stated = () if model_id is None else offers(model_id, day=day, newer=newer)
    return next((offer for offer in stated if offer.provider == provider), None)
