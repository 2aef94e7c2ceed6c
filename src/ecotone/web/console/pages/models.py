"""The models of this gateway and of the whole catalog, to look through."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecotone.catalog.model_words import DISCLAIMER, MOF_CLASSES, short_licence, usd
from ecotone.catalog.models import all_models
from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS
from ecotone.catalog.verdicts import Verdict
from ecotone.gateway.inventory.catalog_rows import Wanted, abilities, makers, sources
from ecotone.gateway.inventory.dossier import Here, KnownFile
from ecotone.gateway.inventory.model_facts import KnownModel, unsaid_facts
from ecotone.gateway.inventory.model_rows import file_openness
from ecotone.gateway.inventory.model_sources import WantedFile, config_lines
from ecotone.upstream.machine import usable_memory_bytes
from ecotone.upstream.sources import parse_source
from ecotone.values.errors import EcotoneError
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.model_desk import ModelDesk
from ecotone.web.control.models import CatalogQuery

ROWS_A_PAGE = 50
HERE = "/console/models"
_STATE_WORDS = {
    "ready": "ready",
    "answering": "answering",
    "loading": "loading",
    "asleep": "not loaded",
    "failed": "failed",
    "pulling": "being fetched",
    "absent": "not fetched",
    "resting": "resting",
    "unavailable": "cannot be asked",
}


def words() -> dict[str, Any]:
    """What the templates of models say things with."""
    return {
        "usd": usd,
        "short_licence": short_licence,
        "mof_classes": MOF_CLASSES,
        "state_words": _STATE_WORDS,
        "verdict_words": verdict_words,
        "address_of": address_of,
        "disclaimer": DISCLAIMER,
    }


def verdict_words(verdict: Verdict) -> str:
    """A verdict in a few words."""
    if verdict.status != "allowed with duties":
        return {"unknown": "cannot be told"}.get(verdict.status, verdict.status)
    count = len(verdict.duties)
    return f"allowed, {count} {'duty' if count == 1 else 'duties'}"


def address_of(name: str) -> str:
    """The page of a model."""
    return f"{HERE}/show/{quote(name)}"


async def index(request: Request) -> Response:
    """The models of this gateway."""
    desk = control_of(request).once(ModelDesk)
    here, states = await desk.here(), await desk.states()
    said = request.query_params
    sort, search = said.get("sort", ""), said.get("search", "")
    models = [model for model in here.models if _fits(model, search)]
    key = _ORDERS.get(sort.removeprefix("-"))
    if key is not None:
        known = [model for model in models if key(model) is not None]
        known.sort(key=key, reverse=sort.startswith("-"))
        models = [*known, *(model for model in models if key(model) is None)]
    places = [place.judgement for model in here.models for place in model.places]
    return render(
        request,
        "models.html",
        here=here,
        models=models,
        states={state.name: state for state in states},
        files=[_file_view(file, here) for file in here.files],
        suggestions=_suggestions(here),
        pulls=[desk.told(state) for state in desk.pulls.states()],
        memory_bytes=usable_memory_bytes(),
        unsaid=unsaid_facts(places),
        unsaid_config=unsaid_config(unsaid_facts(places)),
        sort=sort,
        search=search,
        query=f"{urlencode({'search': search})}&" if search else "",
        catalog_size=len(_all_of(here)),
        **words(),
    )


def _fits(model: KnownModel, search: str) -> bool:
    texts = (
        model.item.name,
        model.licence or "",
        model.word or "",
        *(text for place in model.places for text in (place.join.id or "", place.place.provider, place.data_goes)),
    )
    return all(word in "\n".join(texts).casefold() for word in search.casefold().split())


_ORDERS: Mapping[str, Any] = {
    "name": lambda model: model.item.name,
    "openness": lambda model: model.word,
    "verdict": lambda model: model.places[0].judgement.verdict.status,
    "price": lambda model: None if model.places[0].offer is None else model.places[0].offer.input_per_million,
    "context": lambda model: model.context_tokens,
    "runs": lambda model: model.places[0].place.hosting,
}


def unsaid_config(keys: tuple[str, ...]) -> str:
    """What to write into the config so that verdicts are no longer unknown, with examples for values."""
    examples = {
        "commercial": "true",
        "monthly_users": "5_000",
        "revenue": "2_000_000",
        "territories": '["DE", "EU"]',
    }
    return "\n".join(["[organisation]", *(f"{key} = {examples.get(key, '...')}" for key in keys)])


class FileView(msgspec.Struct, frozen=True):
    """A file of the store that no config names, and what to write into the config to have it served."""

    file: KnownFile
    word: str | None
    config: str


def _file_view(file: KnownFile, here: Here) -> FileView:
    stored = file.stored
    text = f"file:{stored.path}" if stored.in_place else stored.source
    source = parse_source(text, here.installation.folder)
    return FileView(file, file_openness(file.facts)[1], config_lines(WantedFile(source.stem.lower(), source), stored))


def _suggestions(here: Here) -> list[Any]:
    """What can be fetched by name and is not here, the smallest first: with what it needs, people see what fits."""
    have = {model.item.source for model in here.models if model.item.path is not None}
    have |= {file.stored.source for file in here.files}
    return sorted((row for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.source not in have), key=lambda row: row.size)


def _all_of(here: Here) -> Any:
    return all_models(here.view.newer)


# --- the catalog


async def catalog(request: Request) -> Response:
    """The whole catalog as a table; for htmx its rows alone."""
    desk = control_of(request).once(ModelDesk)
    said = {name: value for name, value in request.query_params.items() if value and name != "show"}
    sort = said.pop("sort", "rating")
    query, problem = _query(said, sort)
    try:
        rows, view = await desk.catalog(query.wanted())
    except EcotoneError as error:
        problem = error.message
        rows, view = await desk.catalog(Wanted(limit=0))
    shown = _shown(request)
    narrowed = urlencode(said)
    here = await desk.here()
    return render(
        request,
        "models_rows.html" if request.headers.get("hx-target") == "rows" else "models_catalog.html",
        rows=rows[:shown],
        total=len(rows),
        shown=min(shown, len(rows)),
        more=ROWS_A_PAGE,
        sort=sort,
        said=said,
        narrowed=narrowed,
        query=f"{narrowed}&" if narrowed else "",
        export=urlencode({**said, "sort": query.sort, **({"reverse": "true"} if query.reverse else {})}),
        problem=problem,
        makers=makers(view),
        sources=sources(view),
        here={place.join.id: model.item.name for model in here.models for place in model.places if place.join.id},
        here_count=len(here.models),
        catalog_size=len(_all_of(here)),
        abilities=abilities,
        **words(),
    )


def _query(said: Mapping[str, str], sort: str) -> tuple[CatalogQuery, str | None]:
    """What the address asks for; what it asks for in vain is told, and left out."""
    fields = {**said, "sort": sort.removeprefix("-"), "reverse": sort.startswith("-")}
    try:
        return msgspec.convert(fields, type=CatalogQuery, strict=False), None
    except msgspec.ValidationError as error:
        return CatalogQuery(sort="rating"), f"This address asks for something that there is not: {error}."


def _shown(request: Request) -> int:
    text = request.query_params.get("show", "")
    return max(ROWS_A_PAGE, int(text)) if text.isdecimal() and len(text) < 6 else ROWS_A_PAGE


# --- parts that change


async def state(request: Request) -> Response:
    """How one model is, and what may be done."""
    name = request.path_params["name"]
    said = request.query_params
    found = await control_of(request).once(ModelDesk).state(name)
    return render(
        request,
        "models_state.html",
        state=found,
        part=said.get("part", "condition"),
        remove="remove" in said,
        **words(),
    )


async def pulls(request: Request) -> Response:
    """The pulls that go on and the latest that ended."""
    desk, only = control_of(request).once(ModelDesk), request.query_params.get("only")
    found = [desk.told(state) for state in desk.pulls.states() if only in (None, state.name)]
    return render(request, "models_pulls.html", pulls=found, **words())


async def elsewhere(request: Request) -> Response:
    """A model's page by the short address."""
    return RedirectResponse(address_of(request.path_params["name"]), 303)


ROUTES = [
    Route("/models", index),
    Route("/models/catalog", catalog),
    Route("/models/pulls", pulls),
    Route("/models/state/{name:path}", state),
]
SHORT = [Route("/models/{name:path}", elsewhere)]
