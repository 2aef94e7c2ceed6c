"""What is known of the models that a gateway has: which one of the catalog each is, how open, what its licence or its
vendor's terms come to for the organisation, what it costs where it runs, and where the data goes."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ecotone.catalog.joining import Join, joined
from ecotone.catalog.licences import Use, licence_facts, licence_verdict
from ecotone.catalog.models import ModelFacts
from ecotone.catalog.openness import Openness, Word, known_openness, word_for
from ecotone.catalog.organisation import Organisation
from ecotone.catalog.prices import Offer, offers, price_of
from ecotone.catalog.provider import Weights
from ecotone.catalog.terms import DataNeeds, terms_verdict, vendor_terms
from ecotone.catalog.verdicts import Reason, Verdict
from ecotone.gateway.inventory.inventory import Item, Place
from ecotone.gateway.settings.plugins import installed


class View(msgspec.Struct, frozen=True):
    """What facts are held against: the organisation and the day. `newer` is the text of a refreshed listing."""

    organisation: Organisation
    today: date
    newer: str | None = None


class Judgement(msgspec.Struct, frozen=True):
    """May the organisation use the model there? By its licence, or by the terms of the vendor who serves it; `name` is
    the licence's identifier (None: unknown) or the vendor's name."""

    of: Literal["licence", "terms"]
    name: str | None
    verdict: Verdict


class KnownPlace(msgspec.Struct, frozen=True):
    """A place where a model runs, with what is known of the model there. `offer` is None on an own machine, and where
    no price is known."""

    place: Place
    join: Join
    facts: ModelFacts | None
    data_goes: str
    offer: Offer | None
    judgement: Judgement

    @property
    def own_machine(self) -> bool:
        return self.place.hosting != "vendor"


class KnownModel(msgspec.Struct, frozen=True):
    """A model of this gateway. `facts` are those of its first place that could be joined to the catalog. `word` is None
    where the licence or the weights are unknown; `weights` then still tells what is known of them."""

    item: Item
    places: tuple[KnownPlace, ...]
    facts: ModelFacts | None
    weights: Weights | None
    word: Word | None
    openness: Openness | None
    licence: str | None

    @property
    def context_tokens(self) -> int | None:
        """What it holds here, else what the catalog says."""
        return self.item.context or (None if self.facts is None else self.facts.context_tokens)


def known(item: Item, view: View) -> KnownModel:
    """Look a model of the config up in the catalog."""
    joins = [_joined(item, place, view) for place in item.places]
    places = tuple(_known_place(place, join, view) for place, join in zip(item.places, joins, strict=True))
    facts = next((place.facts for place in places if place.facts is not None), None)
    own = any(place.own_machine for place in places)
    weights = item.weights
    if facts is not None and facts.weights is not None:
        weights = facts.weights
    return KnownModel(
        item=item,
        places=places,
        facts=facts,
        weights=weights,
        word=None if facts is None else model_word(facts, has_api=not own),
        openness=None if facts is None else known_openness(facts.openness),
        licence=None if facts is None else facts.licence,
    )


def model_word(facts: ModelFacts, *, has_api: bool) -> Word | None:
    """The plain word for a model of the catalog. None where nobody says whether its weights can be had, or under which
    licence."""
    openness = known_openness(facts.openness)
    if openness is None and facts.weights == "open" and facts.licence is None:
        return None
    return word_for(openness, weights=facts.weights, licence=facts.licence, has_api=has_api)


def _joined(item: Item, place: Place, view: View) -> Join:
    return joined(
        item.name,
        catalog=place.catalog,
        source=item.source,
        provider=place.provider,
        name_there=place.name,
        newer=view.newer,
    )


def _known_place(place: Place, join: Join, view: View) -> KnownPlace:
    facts = join.facts(view.newer)
    own = place.hosting != "vendor"
    return KnownPlace(
        place=place,
        join=join,
        facts=facts,
        data_goes=data_goes(place),
        offer=None if own or not _is_providers_own(place) else _offer(place, view),
        judgement=licence_judgement(facts, view) if own else terms_judgement(place.provider, view),
    )


def _offer(place: Place, view: View) -> Offer | None:
    return price_of(place.provider, place.name or "", model_id=place.catalog, day=view.today, newer=view.newer)


def _is_providers_own(place: Place) -> bool:
    """Whether requests go to the provider's own address; elsewhere other prices may hold."""
    provider = installed().providers[place.provider]
    return provider.usual_port is None and place.address == provider.base_url


def data_goes(place: Place) -> str:
    """Where prompts and answers go: the vendor by name, or the host that the config names."""
    host = urlsplit(place.address or "").hostname or "unknown"
    if place.hosting == "embedded":
        return "stays here"
    if place.hosting == "self-hosted":
        return f"your server {host}"
    provider = installed().providers[place.provider]
    if provider.base_url is None or provider.usual_port is not None:
        return host
    return provider.title if _is_providers_own(place) else f"{provider.title} by {host}"


def licence_judgement(facts: ModelFacts | None, view: View) -> Judgement:
    """May the organisation run the model itself and offer what it builds with it?"""
    if facts is None:
        unknown = Verdict("unknown", (Reason("it is not certain which model of the catalog this is"),))
        return Judgement("licence", None, unknown)
    if facts.weights == "closed":
        return Judgement(
            "licence", None, Verdict("unknown", (Reason("its weights cannot be had; the vendor's terms count"),))
        )
    if facts.licence is None:
        unknown = Verdict("unknown", (Reason("the catalog does not know under which licence the weights are"),))
        return Judgement("licence", None, unknown)
    text = licence_facts(facts.licence)
    if text is None:
        unread = Verdict("unknown", (Reason(f"nobody has read the licence {facts.licence} for the catalog"),))
        return Judgement("licence", facts.licence, unread)
    kinds = facts.input_kinds
    use = Use(multimodal=len(kinds) > 1 if kinds else None)
    return Judgement("licence", facts.licence, licence_verdict(text, view.organisation, use))


def terms_judgement(vendor: str, view: View) -> Judgement:
    """May this vendor have the organisation's data? Asked is that nothing is trained on it, and what the organisation's
    obligations bring with them."""
    terms = vendor_terms(vendor)
    if terms is None:
        unread = Verdict("unknown", (Reason(f"nobody has read the terms of {vendor_title(vendor)} for the catalog"),))
        return Judgement("terms", vendor_title(vendor), unread)
    return Judgement("terms", terms.name, terms_verdict(terms, view.organisation, DataNeeds(), view.today))


def vendor_title(vendor: str) -> str:
    """A vendor's name for people; its identifier where nothing better is known."""
    provider = installed().providers.get(vendor)
    if provider is not None:
        return provider.title
    terms = vendor_terms(vendor)
    return vendor if terms is None else terms.name


def is_served(model_id: str, view: View) -> bool:
    """Whether any vendor is known to answer with it."""
    return bool(offers(model_id, day=view.today, newer=view.newer))


def cheapest(model_id: str, view: View) -> Offer | None:
    """The cheapest offer that is not about to end and whose prices are known."""
    found = offers(model_id, day=view.today, newer=view.newer)
    priced = (row for row in found if row.input_per_million is not None and row.output_per_million is not None)
    return next((row for row in priced if row.status != "deprecated"), None)


def unsaid_facts(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    """What the organisation would have to say of itself for verdicts that are unknown now."""
    reasons = (
        reason.text
        for judgement in judgements
        if judgement.verdict.status == "unknown"
        for reason in judgement.verdict.reasons
    )
    keys = (key for text in reasons for key in re.findall(r"set `(\w+)` in \[organisation\]", text))
    return tuple(sorted(set(keys)))
