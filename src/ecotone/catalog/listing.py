"""What one source says of models and of who serves them at what price: the form of the shipped data files.

A listing is a copy of a source on one day. It is made by an importer or by a refresh and only read afterwards.
Prices are US dollars for a million tokens, as decimal strings in the file.
"""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal

import msgspec

from ecotone.values.errors import SetupError

_SMALLEST = Decimal("0.000001")


def dollars(price: Decimal) -> Decimal:
    """A price in plain notation to the millionth of a dollar: sources carry binary fractions along (0.0499999999)."""
    return Decimal(f"{price.quantize(_SMALLEST).normalize():f}")


class Tier(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Prices of a request whose input is longer than `above` tokens: of all its tokens, not only of those above."""

    above: int
    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None


class Prices(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """US dollars for a million tokens of each kind; None where the source says nothing. `tiers` rise in `above`."""

    input: Decimal | None = None
    output: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    reasoning: Decimal | None = None
    tiers: tuple[Tier, ...] = ()


class DatedPrices(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Prices that hold from a day on (UTC), and, where `hours` are given, only between these times of day (UTC)."""

    prices: Prices
    start: date | None = None
    hours: tuple[time, time] | None = None


class OfferRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model at a provider: `name_there` is what its API calls it, `model` the catalog's id where it is known.

    Of `prices` the last that holds at a moment is in force.
    """

    provider: str
    name_there: str
    prices: tuple[DatedPrices, ...]
    model: str | None = None
    status: str | None = None


class ModelRow(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Facts of a model. Dates are ISO 8601, some to the month only. Sizes are tokens. Kinds are `text`, `image`,
    `audio`, `video`, `pdf`."""

    id: str
    name: str
    released: str | None = None
    knowledge: str | None = None
    context: int | None = None
    output: int | None = None
    input_kinds: tuple[str, ...] = ()
    output_kinds: tuple[str, ...] = ()
    tools: bool | None = None
    reasoning: bool | None = None
    structured_output: bool | None = None
    open_weights: bool | None = None
    weights_page: str | None = None
    licence: str | None = None
    status: str | None = None


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`as_of` is the day of the copy; `licence` is the licence of the source's data."""

    source: str
    address: str
    as_of: date
    licence: str
    models: tuple[ModelRow, ...] = ()
    offers: tuple[OfferRow, ...] = ()


_DECODER = msgspec.json.Decoder(Listing)


def read_listing(text: str | bytes) -> Listing:
    """Raises SetupError for what is not a listing."""
    try:
        return _DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise SetupError(f"this is not a catalog file of Ecotone: {error}; run `ecotone catalog refresh`") from None


def written(listing: Listing) -> str:
    """The file's text: sorted, one row a line, so that two copies can be compared line by line."""
    models = sorted(listing.models, key=lambda row: row.id)
    offers = sorted(listing.offers, key=lambda row: (row.provider, row.name_there))
    head = msgspec.json.encode(
        {"source": listing.source, "address": listing.address, "as_of": listing.as_of, "licence": listing.licence}
    ).decode()
    return f'{head[:-1]},\n"models":[\n{_lines(models)}],\n"offers":[\n{_lines(offers)}]}}\n'


def _lines(rows: list[ModelRow] | list[OfferRow]) -> str:
    encoded: Iterator[str] = (msgspec.json.encode(row).decode() for row in rows)
    return ",\n".join(encoded) + ("\n" if rows else "")
