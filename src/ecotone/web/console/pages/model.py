"""One model: three answers at the top, then what they rest on."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.catalog.joining import guessed
from ecotone.catalog.licences import LicenceFacts
from ecotone.catalog.model_description import mof_components
from ecotone.catalog.model_words import EFFECTS, cited, clauses_beside, remarks
from ecotone.catalog.models import near_models
from ecotone.catalog.openness import ComponentState, Openness
from ecotone.catalog.quality import SNAPSHOT, WORK, Best, Rating, best
from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS, Suggestion
from ecotone.catalog.terms import VendorTerms
from ecotone.catalog.verdicts import Citation, Verdict
from ecotone.evaluation.archive import Archive
from ecotone.evaluation.results import Measured
from ecotone.gateway.inventory.catalog_rows import Ability, abilities
from ecotone.gateway.inventory.dossier import RATED_WORK, Dossier
from ecotone.gateway.inventory.file_heads import head_of
from ecotone.gateway.inventory.model_facts import Judgement, View, unsaid_facts, vendor_title
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.toml_text import toml
from ecotone.upstream.gguf import GgufInfo
from ecotone.upstream.store import StoredModel
from ecotone.values.errors import EcotoneError, StoreError
from ecotone.web.console.pages.models import unsaid_config, words
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.evaluations import Evaluations
from ecotone.web.control.model_desk import ModelDesk

_RUNS_MAX = 24
_WIDTH = 260.0
_ABLE: Mapping[Ability, str] = {
    "tools": "uses tools",
    "reasoning": "reasons first",
    "structured output": "keeps to a schema",
    "image": "sees images",
    "pdf": "reads PDF",
    "audio": "hears audio",
    "video": "watches video",
}
_COMPONENT_WORDS = {
    "open": "open",
    "not open": "released, not open",
    "no licence": "released, no licence",
    "not released": "not released",
}
_REGIONS = {"chosen": "those of the cloud, to choose"}
_CLASS_NAMES = {3: "Open model", 2: "Open tooling", 1: "Open science"}
_TERMS_AT_A_GLANCE = 4
_TERMS = (
    ("trains_on_inputs", "Trains on your data"),
    ("retention_days", "Keeps your data"),
    ("zero_retention", "Zero retention"),
    ("residency", "Regions"),
    ("human_review", "People look at it"),
    ("outputs_owner", "Answers belong to"),
    ("dpa", "Data processing agreement"),
)


class Band(msgspec.Struct, frozen=True):
    """One class of the framework: what it asks for beyond the one before, and how far the model is. `percent` of all
    that the class asks for is released under open licences."""

    number: int
    title: str
    percent: float
    reached: bool
    missing: tuple[str, ...]
    components: tuple[ComponentState, ...]


class RatedRow(msgspec.Struct, frozen=True):
    """A rating as the plot shows it: places on the plot's width for its bounds, and for the best of either kind."""

    work: str
    rating: Rating
    low_x: float
    x: float
    high_x: float
    best_open: Best | None
    best_closed: Best | None
    best_open_x: float | None
    best_closed_x: float | None


class MeasuredRow(msgspec.Struct, frozen=True):
    """What a run made here says of the model on one suite."""

    run: str
    started_at: datetime
    row: Measured


class OwnFile(msgspec.Struct, frozen=True):
    """A model's file here, and what its head says; `problem` where that cannot be read."""

    name: str
    stored: StoredModel
    info: GgufInfo | None
    problem: str | None = None


async def page(request: Request) -> Response:
    """Everything that is known of a model. Raises NotFound for one that nobody knows."""
    name = request.path_params["name"]
    desk = control_of(request).once(ModelDesk)
    found, here = await desk.dossier(name)
    states = {state.name: state for state in await desk.states()}
    ours = [states[model.item.name] for model in found.models if model.item.name in states]
    files = await asyncio.to_thread(_files, found, desk)
    near = await asyncio.to_thread(_near, found, here.view)
    judgement = _judgement(found)
    unsaid = unsaid_facts([judgement, found.licence_use])
    return render(
        request,
        "model.html",
        found=found,
        near=near,
        facts=found.facts,
        title=found.name if found.facts is None else found.facts.name,
        states=ours,
        state_of=states,
        files=files,
        judgement=judgement,
        licence_name=_licence_name(found),
        bands=None if found.openness is None else _bands(found.openness),
        component_words=_COMPONENT_WORDS,
        component_count=len(mof_components()),
        reasons=_cited_list(found.licence_use.verdict, found.licence),
        clauses=[] if found.licence is None else clauses_beside(found.licence_use.verdict, found.licence),
        effects=EFFECTS,
        cited=cited,
        terms=_TERMS,
        terms_at_a_glance=_TERMS[:_TERMS_AT_A_GLANCE],
        term_words=_term_words,
        unsaid=unsaid,
        unsaid_config=unsaid_config(unsaid),
        offers=found.offers,
        remarks=remarks,
        vendor_title=vendor_title,
        rated=_rated(found),
        rated_width=_WIDTH,
        snapshot=SNAPSHOT,
        can=() if found.facts is None else [_ABLE[ability] for ability in abilities(found.facts)],
        suggestion=_suggestion(found),
        vendor_lines=_vendor_lines(found),
        has_config=here.installation.file is not None,
        pulls=[],
        **words(),
    )


def _near(found: Dossier, view: View) -> tuple[str, ...]:
    """Ids of the catalog that a model which is not joined to it may be meant by."""
    return near_models(found.join.text, view.newer) if found.join is not None and found.facts is None else ()


def _judgement(found: Dossier) -> Judgement:
    """What counts first: how it is used here, else the licence of weights that can be had, else its vendors' terms."""
    here = [place.judgement for model in found.models for place in model.places]
    if here:
        return here[0]
    read = [vendor.judgement for vendor in found.vendors if vendor.terms is not None]
    if found.weights == "closed" and found.vendors:
        maker = "" if found.facts is None else found.facts.maker
        own = [vendor.judgement for vendor in found.vendors if vendor.id == maker]
        return (own or read or [found.vendors[0].judgement])[0]
    return found.licence_use


def _licence_name(found: Dossier) -> str | None:
    if found.licence is not None:
        return found.licence.name
    return None if found.facts is None else found.facts.licence


def _files(found: Dossier, desk: ModelDesk) -> list[OwnFile]:
    stored = [(model.item.name, model.item.path) for model in found.models if model.item.path is not None]
    known = {row.path: row for row in (desk.stored(name) for name, _ in stored) if row is not None}
    files = [(name, known[path]) for name, path in stored if path in known]
    files += [(file.stored.name, file.stored) for file in found.files]
    return [_own_file(name, row) for name, row in files]


def _own_file(name: str, stored: StoredModel) -> OwnFile:
    try:
        return OwnFile(name, stored, head_of(stored.path, model=name))
    except StoreError as error:
        return OwnFile(name, stored, None, error.message)


# --- openness


def _bands(openness: Openness) -> list[Band]:
    """Class III first, as every class asks for all that the ones before it ask for."""
    return [
        Band(
            number=number,
            title=_CLASS_NAMES[number],
            percent=openness.progress[number],
            reached=0 < openness.mof_class <= number,
            missing=openness.missing[number],
            components=tuple(part for part in openness.components if part.mof_class == number),
        )
        for number in (3, 2, 1)
    ]


# --- licences and terms


def _cited_list(verdict: Verdict, licence: LicenceFacts | None) -> dict[str, list[tuple[str, str]]]:
    """Reasons and duties with the clauses they rest on."""

    def told(citation: Citation | None) -> str:
        return "" if citation is None else cited(citation, licence)

    return {
        "reasons": [(reason.text, told(reason.citation)) for reason in verdict.reasons],
        "duties": [(duty.text, told(duty.citation)) for duty in verdict.duties],
    }


def _term_words(terms: VendorTerms, name: str) -> str:
    """A fact of a vendor's terms in a word or two."""
    value = getattr(terms, name).value
    if value is None:
        return "not known"
    if name == "retention_days":
        return "not at all" if value == 0 else f"{value} {'day' if value == 1 else 'days'}"
    if isinstance(value, tuple):
        return ", ".join(_REGIONS.get(region, region.upper()) for region in value) or "none to choose"
    return str(value)


# --- quality


def _rated(found: Dossier) -> list[RatedRow]:
    """The leaderboard's main categories on one scale, with the best open and the best closed model of each."""
    rows = [(work, rating) for work in RATED_WORK if (rating := found.ratings.get(WORK[work].category)) is not None]
    if not rows:
        return []
    bests = {work: (best(rating.category, "open"), best(rating.category, "closed")) for work, rating in rows}
    ends = [rating.low for _, rating in rows] + [rating.high for _, rating in rows]
    ends += [one.rating.rating for pair in bests.values() for one in pair if one is not None]
    low, high = min(ends) - 10, max(ends) + 10

    def place(value: float) -> float:
        return round((value - low) / (high - low) * _WIDTH, 1)

    return [
        RatedRow(
            work,
            rating,
            place(rating.low),
            place(rating.rating),
            place(rating.high),
            *bests[work],
            *(None if one is None else place(one.rating.rating) for one in bests[work]),
        )
        for work, rating in rows
    ]


async def measured(request: Request) -> Response:
    """What runs made here say of a model: a part of its page."""
    control, name = control_of(request), request.path_params["name"]
    found, _ = await control.once(ModelDesk).dossier(name)
    names = {model.item.name for model in found.models} or {name}
    shown = found.models[0].item.name if found.models else name
    rows = await asyncio.to_thread(lambda: list(_runs(control.once(Evaluations).archive, names)))
    return render(
        request,
        "model_measured.html",
        rows=rows,
        name=shown,
        ours=bool(found.models),
        weights=found.weights or "unknown",
        **words(),
    )


def _runs(archive: Archive, names: set[str]) -> Iterator[MeasuredRow]:
    """The latest of each suite."""
    seen: set[str] = set()
    for glance in archive.glances(count_max=_RUNS_MAX):
        if glance.trouble is not None or not names.intersection(glance.models):
            continue
        try:
            opened = archive.open(archive.store.find(glance.id))
        except EcotoneError:
            continue
        for row in opened.summary.measured:
            if row.model in names and row.suite is not None and row.suite not in seen and row.scored:
                seen.add(row.suite)
                yield MeasuredRow(glance.id, opened.run.started_at, row)


# --- getting it


def _suggestion(found: Dossier) -> Suggestion | None:
    """What can be fetched by name and is this model."""
    if found.facts is None:
        return next((row for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.name == found.name), None)
    rows = (row for row in (DEFAULT_MODEL, *SUGGESTIONS) if guessed(row.source).id == found.facts.id)
    return next(rows, None)


def _vendor_lines(found: Dossier) -> list[tuple[str, str, str | None]]:
    """For the cheapest vendors that Ecotone knows how to reach: who, what to write into the config, and the variable
    that holds the key."""
    lines: list[tuple[str, str, str | None]] = []
    for offer in found.offers:
        provider = installed().providers.get(offer.provider)
        if provider is None or offer.status == "deprecated" or any(row[0] == provider.title for row in lines):
            continue
        short = offer.name_there.rpartition("/")[2]
        text = toml({"models": {short: {"provider": provider.name, "name": offer.name_there}}}).strip()
        lines.append((provider.title, text, provider.key_env))
    return lines[:3]


ROUTES = [
    Route("/models/measured/{name:path}", measured),
    Route("/models/show/{name:path}", page),
]
