"""What an exchange costs at the place that answered, by the catalog's prices."""

from decimal import Decimal

from ecotone.catalog.prices import price_of
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.reply import Usage


def price(place: EndpointFacts, usage: Usage) -> Decimal | None:
    """US dollars; None where no price is known.

    The provider's own name for the model is looked up first; else the catalog's id that the config gives.
    """
    offer = price_of(place.provider, place.name or "", model_id=place.catalog)
    return None if offer is None else offer.cost(usage)
