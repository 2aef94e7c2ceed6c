"""Who can be asked, as somebody who chooses wants to know it: where the words go, how open it is, what it takes."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from ecotone.catalog.joining import joined
from ecotone.catalog.models import ModelFacts
from ecotone.catalog.prices import price_of
from ecotone.catalog.provider import Hosting, Weights
from ecotone.gateway.inventory.model_facts import vendor_title
from ecotone.gateway.models import Directory
from ecotone.upstream.endpoints import Endpoint


class ChoicePlace(msgspec.Struct, frozen=True):
    """A place that may answer. `title` is who runs it, in words. `images`: can it look at images; None is unknown.
    Prices are US dollars for a million tokens, None on an own machine and where none is known. `problem` is why it
    cannot answer at present."""

    endpoint: str
    model: str
    hosting: Hosting
    title: str
    weights: Weights | None
    images: bool | None
    context_tokens: int | None
    input_per_million: Decimal | None = None
    output_per_million: Decimal | None = None
    problem: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """A name that can be asked for. `places` are those that may answer to it, the preferred first."""

    name: str
    kind: Literal["route", "model"]
    places: tuple[ChoicePlace, ...]

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(place.model for place in self.places))

    @property
    def weights(self) -> tuple[Weights | None, ...]:
        """What there is among its places, in their order; None where it is not known."""
        return tuple(dict.fromkeys(place.weights for place in self.places))

    @property
    def hosting(self) -> Hosting | Literal["mixed"]:
        """Where the words go: `mixed` where that is for the gateway to choose, and may be out of the house."""
        found = {place.hosting for place in self.places}
        if len(found) == 1:
            return next(iter(found))
        return "mixed" if "vendor" in found else "self-hosted"

    @property
    def images(self) -> bool | None:
        """Can any of its places look at images? None where that is not known of any that could."""
        found = {place.images for place in self.places}
        return True if True in found else None if None in found else False

    @property
    def problem(self) -> str | None:
        """Why none of its places can answer."""
        problems = [place.problem for place in self.places]
        return next(iter(problems), None) if all(problems) else None


def choices(directory: Directory) -> tuple[Choice, ...]:
    """All that can be asked for a conversation, routes first, each group in the config's order."""
    routes = [(name, "route", route.models) for name, route in directory.routes.items()]
    models = [(name, "model", (model,)) for name, model in directory.models.items()]
    return tuple(
        Choice(name, "route" if kind == "route" else "model", _places((one.name, one.endpoints) for one in behind))
        for name, kind, behind in (*routes, *models)
        if any(_answers_in_text(one.name, endpoint) for one in behind for endpoint in one.endpoints)
    )


def choice(directory: Directory, name: str) -> Choice:
    """One of them, also of a vendor's models that are not listed. Raises ModelNotFound."""
    candidates = directory.candidates(name)
    kind: Literal["route", "model"] = "route" if name in directory.routes else "model"
    return Choice(name, kind, _places((one.model, (one.endpoint,)) for one in candidates))


def _places(models: Iterable[tuple[str, Iterable[Endpoint]]]) -> tuple[ChoicePlace, ...]:
    return tuple(_place(model, endpoint) for model, endpoints in models for endpoint in endpoints)


def _place(model: str, endpoint: Endpoint) -> ChoicePlace:
    facts = _facts(model, endpoint)
    offer = None
    if endpoint.hosting == "vendor":
        offer = price_of(endpoint.provider, endpoint.name, model_id=endpoint.facts().catalog)
    return ChoicePlace(
        endpoint=endpoint.id,
        model=model,
        hosting=endpoint.hosting,
        title=_title(endpoint),
        weights=endpoint.weights or (None if facts is None else facts.weights),
        images=_looks(facts, endpoint),
        context_tokens=None if facts is None else facts.context_tokens,
        input_per_million=None if offer is None else offer.input_per_million,
        output_per_million=None if offer is None else offer.output_per_million,
        problem=endpoint.problem(),
    )


def _facts(model: str, endpoint: Endpoint) -> ModelFacts | None:
    told = endpoint.facts()
    return joined(model, catalog=told.catalog, provider=endpoint.provider, name_there=endpoint.name).facts()


def _title(endpoint: Endpoint) -> str:
    match endpoint.hosting:
        case "embedded":
            return "this gateway"
        case "self-hosted":
            return "your own server"
    return vendor_title(endpoint.provider)


def _looks(facts: ModelFacts | None, endpoint: Endpoint) -> bool | None:
    if endpoint.hosting == "embedded":
        return False  # the engine is started without what an image would need
    return "image" in facts.input_kinds if facts is not None and facts.input_kinds else None


def _answers_in_text(model: str, endpoint: Endpoint) -> bool:
    facts = _facts(model, endpoint)
    return facts is None or facts.answers_in_text
