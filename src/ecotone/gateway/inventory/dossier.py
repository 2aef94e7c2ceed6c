"""Everything that is known of one model: from the catalog, from this gateway, and what the two come to."""

from collections.abc import Mapping
from datetime import date

import msgspec

from ecotone.catalog.joining import Join, guessed
from ecotone.catalog.licences import LicenceFacts, licence_facts
from ecotone.catalog.models import ModelFacts, find_model, model_facts, near_models
from ecotone.catalog.openness import Openness, Word, known_openness
from ecotone.catalog.prices import Offer, offers
from ecotone.catalog.providers import Weights
from ecotone.catalog.quality import Rating, ratings, variants
from ecotone.catalog.terms import VendorTerms, vendor_terms
from ecotone.gateway.inventory.inventory import Installation, items
from ecotone.gateway.inventory.listings import stored_listing
from ecotone.gateway.inventory.model_facts import (
    Judgement,
    KnownModel,
    View,
    is_served,
    known,
    licence_judgement,
    model_word,
    terms_judgement,
    vendor_title,
)
from ecotone.gateway.inventory.stored_models import unnamed
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import SetupError

RATED_WORK = (
    "general",
    "hard questions",
    "expert",
    "maths",
    "coding",
    "instructions",
    "creative writing",
    "multi-turn",
    "long prompts",
)
"""The leaderboard's main categories; those by trade and language are in the JSON."""


class KnownFile(msgspec.Struct, frozen=True):
    """A file in the store that no config names, and which model it seems to be."""

    stored: StoredModel
    join: Join
    facts: ModelFacts | None
    judgement: Judgement


class Here(msgspec.Struct, frozen=True):
    """Everything that this gateway has, looked up in the catalog."""

    installation: Installation
    view: View
    models: tuple[KnownModel, ...]
    files: tuple[KnownFile, ...]


class Vendor(msgspec.Struct, frozen=True):
    """Who serves the model. `here`: this gateway has it there. `terms` is None where nobody has read them."""

    id: str
    title: str
    terms: VendorTerms | None
    judgement: Judgement
    here: bool


class Dossier(msgspec.Struct, frozen=True):
    """All that is known of a model, from the catalog and from this gateway. `facts` is None for a model of the gateway
    that could not be joined to the catalog; `join` is None where the catalog was asked directly."""

    name: str
    join: Join | None
    facts: ModelFacts | None
    weights: Weights | None
    word: Word | None
    openness: Openness | None
    licence: LicenceFacts | None
    licence_use: Judgement
    vendors: tuple[Vendor, ...]
    offers: tuple[Offer, ...]
    ratings: Mapping[str, Rating]
    other_settings: tuple[str, ...]
    models: tuple[KnownModel, ...]
    files: tuple[KnownFile, ...]
    today: date


def view_of(installation: Installation, today: date) -> View:
    """What the installation's owner says of the organisation, and the newest listing at hand."""
    return View(installation.config.organisation, today, stored_listing(installation.home))


def survey(installation: Installation, store: ModelStore, environment: Mapping[str, str], today: date) -> Here:
    """Look up every model of the config and every file in the store."""
    view = view_of(installation, today)
    models = tuple(known(item, view) for item in items(installation, store, environment))
    spare = unnamed(installation.config, store, installation.folder)
    files = tuple(_known_file(row, view) for row in spare)
    return Here(installation, view, models, files)


def _known_file(stored: StoredModel, view: View) -> KnownFile:
    join = guessed(stored.source, view.newer)
    facts = None if join.id is None else model_facts(join.id, view.newer)
    return KnownFile(stored, join, facts, licence_judgement(facts, view))


def gather(name: str, here: Here) -> Dossier:
    """Raises SetupError for a name that neither the gateway nor the catalog knows."""
    configured = next((model for model in here.models if model.item.name == name), None)
    stored = next((file for file in here.files if file.stored.name == name), None)
    if configured is not None:
        facts, join = configured.facts, _join(configured)
    elif stored is not None:
        facts, join = stored.facts, stored.join
    else:
        facts, join = _found(name, here), None
    return _dossier(name, facts, join, configured, stored, here)


def _join(model: KnownModel) -> Join:
    """The join that its facts are from, else why there are none."""
    joins = [place.join for place in model.places]
    return next((join for join in joins if join.id is not None), joins[0])


def _found(name: str, here: Here) -> ModelFacts:
    facts = find_model(name, here.view.newer)
    if facts is not None:
        return facts
    config = here.installation.config
    if name in config.routes:
        models = config.routes[name].models
        raise SetupError(f"{name!r} is a route to {', '.join(models)}; show one of these")
    folded = name.lower()
    ours = [model.item.name for model in here.models if folded in model.item.name.lower()]
    near = ", ".join(dict.fromkeys((*ours, *near_models(name, here.view.newer))))
    hint = f"near names: {near}" if near else "`ecotone models --all` lists the catalog"
    raise SetupError(f"neither this gateway nor the catalog has a model {name!r}; {hint}")


def _dossier(
    name: str,
    facts: ModelFacts | None,
    join: Join | None,
    configured: KnownModel | None,
    stored: KnownFile | None,
    here: Here,
) -> Dossier:
    view = here.view
    same = [model for model in here.models if facts is not None and _is(model, facts.id)]
    models = tuple(same) if configured is None or configured in same else (configured, *same)
    files = tuple(file for file in here.files if file is stored or (facts and file.join.id == facts.id))
    found = () if facts is None else offers(facts.id, day=view.today, newer=view.newer)
    weights = facts.weights if facts is not None else None if configured is None else configured.weights
    return Dossier(
        name=name,
        join=join,
        facts=facts,
        weights=weights or ("open" if stored is not None else None),
        word=None if facts is None else model_word(facts, has_api=is_served(facts.id, view) or _at_vendor(models)),
        openness=None if facts is None else known_openness(facts.openness),
        licence=None if facts is None or facts.licence is None else licence_facts(facts.licence),
        licence_use=licence_judgement(facts, view),
        vendors=_vendors(found, models, view),
        offers=found,
        ratings={} if facts is None else ratings(facts.id),
        other_settings=() if facts is None else _other_settings(facts.id),
        models=models,
        files=files,
        today=view.today,
    )


def _is(model: KnownModel, model_id: str) -> bool:
    return any(place.join.id == model_id for place in model.places)


def _at_vendor(models: tuple[KnownModel, ...]) -> bool:
    return any(not place.own_machine for model in models for place in model.places)


def _vendors(found: tuple[Offer, ...], models: tuple[KnownModel, ...], view: View) -> tuple[Vendor, ...]:
    """Those of this gateway first, then by price."""
    here = [place.place.provider for model in models for place in model.places if not place.own_machine]
    return tuple(
        Vendor(vendor, vendor_title(vendor), vendor_terms(vendor), terms_judgement(vendor, view), vendor in here)
        for vendor in dict.fromkeys((*here, *(offer.provider for offer in found)))
    )


def _other_settings(model_id: str) -> tuple[str, ...]:
    shown = next(iter(ratings(model_id).values()), None)
    return tuple(
        setting or "as served by default"
        for setting in variants(model_id)
        if shown is not None and setting != shown.variant
    )
