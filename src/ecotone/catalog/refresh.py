"""From what models.dev publishes today to a listing in place of the shipped one, and what changed between them."""

from datetime import date
from decimal import Decimal

import msgspec

from ecotone.catalog.listing import Listing, ModelRow, OfferRow, Prices
from ecotone.catalog.models_dev import listing, maker_rows, read_api
from ecotone.catalog.names import NameIndex, name_table
from ecotone.values.errors import SetupError

_DEAREST = Decimal(10_000)
"""Dollars for a million tokens that no price has reached: a number beyond it has the wrong unit."""


class PriceChange(msgspec.Struct, frozen=True):
    provider: str
    name_there: str
    model: str | None
    before: Prices
    after: Prices


class Changes(msgspec.Struct, frozen=True):
    """`models` are new ids. Offers are `provider/name there`."""

    models: tuple[str, ...]
    offers: tuple[str, ...]
    gone: tuple[str, ...]
    prices: tuple[PriceChange, ...]


def refreshed(text: str | bytes, today: date, old: Listing) -> Listing:
    """The listing that models.dev's api.json of today makes, with the models that `old` has kept.

    Raises SetupError for what is not that file, has lost half of the offers of `old`, or has a price that cannot be.
    """
    providers = read_api(text)
    index = NameIndex((row.id for row in old.models), name_table())
    known = {row.id: row for row in old.models}
    for row in maker_rows(providers, index):
        known[row.id] = _newer(known.get(row.id), row)
    new = listing(providers, known.values(), today, index)
    if len(new.offers) * 2 < len(old.offers):
        raise SetupError(
            f"what came has {len(new.offers)} offers where the catalog has {len(old.offers)}; the old catalog stays"
        )
    for offer in new.offers:
        prices = offer.prices[0].prices
        for price in (prices.input, prices.output):
            if price is not None and not 0 <= price <= _DEAREST:
                raise SetupError(
                    f"{offer.provider}/{offer.name_there} at ${price} for a million tokens cannot be;"
                    " the old catalog stays"
                )
    return new


def _newer(old: ModelRow | None, new: ModelRow) -> ModelRow:
    """The new row, with what it leaves out from the old one."""
    if old is None:
        return new
    said = {field: value for field in new.__struct_fields__ if (value := getattr(new, field)) not in (None, ())}
    return msgspec.structs.replace(old, **said)


def changes(old: Listing, new: Listing) -> Changes:
    before, after = _by_place(old), _by_place(new)
    return Changes(
        models=tuple(sorted({row.id for row in new.models} - {row.id for row in old.models})),
        offers=tuple("/".join(place) for place in sorted(after.keys() - before.keys())),
        gone=tuple("/".join(place) for place in sorted(before.keys() - after.keys())),
        prices=tuple(
            PriceChange(*place, after[place].model, before[place].prices[0].prices, after[place].prices[0].prices)
            for place in sorted(before.keys() & after.keys())
            if before[place].prices != after[place].prices
        ),
    )


def _by_place(rows: Listing) -> dict[tuple[str, str], OfferRow]:
    return {(row.provider, row.name_there): row for row in rows.offers}
