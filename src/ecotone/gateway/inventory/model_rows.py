"""What is known of models as data, for programs: what `--json` prints and the control API answers."""

from datetime import date
from typing import Any

import msgspec

from ecotone.catalog.model_words import DISCLAIMER
from ecotone.catalog.models import ModelFacts
from ecotone.catalog.openness import Openness, Word, known_openness
from ecotone.catalog.quality import SNAPSHOT, WORK
from ecotone.catalog.verdicts import Verdict
from ecotone.gateway.inventory.csv_text import as_csv
from ecotone.gateway.inventory.dossier import RATED_WORK, Dossier, Here, KnownFile, Vendor
from ecotone.gateway.inventory.inventory import Installation
from ecotone.gateway.inventory.model_facts import Judgement, KnownModel, KnownPlace, model_word

UNNAMED = "pulled, not in the config"


def here_data(here: Here) -> dict[str, Any]:
    """Every route, every model, and model files that no config names."""
    routes, models, files = _route_rows(here.installation), map(model_row, here.models), map(_file_row, here.files)
    return {"models": [*routes, *models, *files], "note": DISCLAIMER}


def here_csv(here: Here) -> str:
    """A row for each place of each model, and one for each model file that no config names."""
    places = [_place_cells(model, place) for model in here.models for place in model.places]
    return as_csv(
        (
            *("name", "weights", "openness", "mof_class", "licence", "verdict_of", "verdict", "input_usd_per_million"),
            *("output_usd_per_million", "context_tokens", "hosting", "provider", "data_goes", "state", "catalog_id"),
        ),
        [*places, *map(_file_cells, here.files)],
    )


def _place_cells(model: KnownModel, place: KnownPlace) -> tuple[object, ...]:
    offer = place.offer
    return (
        *(model.item.name, model.weights, model.word, _class_cell(model.openness), model.licence),
        *(place.judgement.of, place.judgement.verdict.status),
        *((offer.input_per_million, offer.output_per_million) if offer else (None, None)),
        *(model.context_tokens, place.place.hosting, place.place.provider, place.data_goes),
        *(place.place.problem or (model.item.state if model.item.source else "ready"), place.join.id),
    )


def _file_cells(file: KnownFile) -> tuple[object, ...]:
    openness, word = file_openness(file.facts)
    licence = None if file.facts is None else file.facts.licence
    return (
        *(file.stored.name, "open", word, _class_cell(openness), licence),
        *(file.judgement.of, file.judgement.verdict.status, None, None),
        *(None if file.facts is None else file.facts.context_tokens, None, None, None, UNNAMED, file.join.id),
    )


def _class_cell(openness: Openness | None) -> object:
    return None if openness is None else openness.mof_class or "unclassified"


def _route_rows(here: Installation) -> list[dict[str, Any]]:
    return [
        {"name": name, "kind": "route", "models": list(route.models), "strategy": route.strategy}
        for name, route in here.config.routes.items()
    ]


def model_row(model: KnownModel) -> dict[str, Any]:
    """A model of the gateway as data."""
    row: dict[str, Any] = {"name": model.item.name, "kind": "model", **msgspec.to_builtins(model.item, enc_hook=str)}
    row["weights"] = model.weights
    row["openness"] = model.word
    row["mof_class"] = None if model.openness is None else model.openness.mof_class
    row["licence"] = model.licence
    row["context"] = model.context_tokens
    row["places"] = [
        {
            **msgspec.to_builtins(place.place),
            "catalog": msgspec.to_builtins(place.join),
            "own_machine": place.own_machine,
            "data_goes": place.data_goes,
            "price": None if place.offer is None else msgspec.to_builtins(place.offer),
            "verdict": judgement_data(place.judgement),
        }
        for place in model.places
    ]
    return row


def judgement_data(judgement: Judgement) -> dict[str, Any]:
    return {"of": judgement.of, "name": judgement.name, **verdict_data(judgement.verdict)}


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(verdict)
    return data


def _file_row(file: KnownFile) -> dict[str, Any]:
    stored, facts = file.stored, file.facts
    openness, word = file_openness(facts)
    return {
        "name": stored.name,
        "kind": "file",
        "source": stored.source,
        "path": str(stored.path),
        "size_bytes": stored.size,
        "state": UNNAMED,
        "catalog": msgspec.to_builtins(file.join),
        "openness": word,
        "mof_class": None if openness is None else openness.mof_class,
        "licence": None if facts is None else facts.licence,
        "verdict": judgement_data(file.judgement),
    }


def file_openness(facts: ModelFacts | None) -> tuple[Openness | None, Word | None]:
    """How open the model in a file is; None and None where it is not certain which model that is."""
    if facts is None:
        return None, None
    return known_openness(facts.openness), model_word(facts, has_api=False)


def dossier_data(found: Dossier) -> dict[str, Any]:
    """All of it, with sources and days."""
    facts, licence = found.facts, found.licence
    return {
        "name": found.name,
        "note": DISCLAIMER,
        "joined": None if found.join is None else msgspec.to_builtins(found.join),
        "model": None if facts is None else msgspec.to_builtins(facts),
        "weights": found.weights,
        "word": found.word,
        "openness": None if found.openness is None else msgspec.to_builtins(found.openness, str_keys=True),
        "licence": {
            **judgement_data(found.licence_use),
            "facts": None if licence is None else msgspec.to_builtins(licence),
        },
        "vendors": [_vendor_data(vendor, found.today) for vendor in found.vendors],
        "offers": [msgspec.to_builtins(offer) for offer in found.offers],
        "ratings": {
            "source": SNAPSHOT.source,
            "as_of": str(SNAPSHOT.as_of),
            "work": {work: WORK[work].category for work in RATED_WORK},
            "categories": msgspec.to_builtins(dict(found.ratings)),
            "other_settings": list(found.other_settings),
        },
        "here": [
            *map(model_row, found.models),
            *({"name": file.stored.name, "kind": "file", "path": str(file.stored.path)} for file in found.files),
        ],
    }


def _vendor_data(vendor: Vendor, today: date) -> dict[str, Any]:
    terms = vendor.terms
    facts = (
        {}
        if terms is None
        else {name: {**msgspec.to_builtins(fact), "stale": fact.is_stale(today)} for name, fact in terms.facts()}
    )
    return {
        "vendor": vendor.id,
        "title": vendor.title,
        "here": vendor.here,
        "covers": None if terms is None else terms.covers,
        "verdict": judgement_data(vendor.judgement),
        "terms": facts or None,
    }
