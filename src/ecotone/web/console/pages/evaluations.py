"""Suites and runs: start one, watch it, look at its cases, compare two."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecotone.evaluation.added_suites import CASES_BYTES_MAX
from ecotone.evaluation.answers import known_weights
from ecotone.evaluation.archive import Opened
from ecotone.evaluation.case_list import Came, case_in_full, found_rows, in_line, neighbours
from ecotone.evaluation.cases import words_of
from ecotone.evaluation.differences import difference
from ecotone.evaluation.results import Comparison, Summary
from ecotone.evaluation.runs import Run, command_of
from ecotone.evaluation.scorers import KINDS
from ecotone.evaluation.wording import SCORED_BY, between, dollars, in_words, on_what, points, seconds, share
from ecotone.values.errors import EcotoneError, MalformedRequest
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.evaluations import Evaluations, NewRun, RunRow

_CASES_A_PAGE = 20
_SENTENCES_MAX = 8
_WORDS: dict[str, Any] = {
    "share": share,
    "between": between,
    "points": lambda value: points(value).replace("-", "\N{MINUS SIGN}"),
    "money": dollars,
    "duration": seconds,
    "on_what": on_what,
}
# How many cases of each suite the form offers, by what its field says; there a number of one's own is `other`.
_LIMITS = {"5": "5, a first look", "20": "20", "": "as many as each suite proposes", "0": "all"}
_NO_SETTINGS = '[scorer]\nkind = "{}"\n'


async def index(request: Request) -> Response:
    """Runs and suites."""
    service = control_of(request).once(Evaluations)
    rows, suites = await service.rows(), await service.suites()
    sort = request.query_params.get("sort", "-started")
    words = request.query_params.get("words", "")
    shown = sorted(
        (row for row in rows if _fits(row, words)), key=_sort_key(sort.removeprefix("-")), reverse=sort.startswith("-")
    )
    query = urlencode({"words": words}) + "&" if words else ""
    return render(
        request,
        "evaluations.html",
        rows=shown,
        total=len(rows),
        suites=suites,
        folder=str(control_of(request).folder),
        sort=sort,
        words=words,
        query=query,
        **_WORDS,
    )


def _fits(row: RunRow, words: str) -> bool:
    glance = row.glance
    return words.casefold() in " ".join((glance.id, glance.who, row.state, *glance.models, *glance.suites)).casefold()


def _sort_key(column: str) -> Any:
    keys = {
        "started": lambda row: row.glance.id,
        "models": lambda row: (row.glance.models, row.glance.id),
        "suites": lambda row: (row.glance.suites, row.glance.id),
        "score": lambda row: (max((score or 0 for score in row.glance.scores.values()), default=0), row.glance.id),
        "state": lambda row: (row.state, row.glance.id),
    }
    return keys.get(column, keys["started"])


# --- a new run


async def new(request: Request) -> Response:
    """The form for a run; what it asks is in its address."""
    service = control_of(request).once(Evaluations)
    suites, models = await service.suites(), await service.models()
    said = request.query_params
    chosen_suites = said.getlist("suite") or (["knowledge"] if "model" not in said else [])
    usual = [name for model in models if model.kind == "route" for name in model.models]
    chosen_models = said.getlist("model") or [*usual, *(model.name for model in models)][:1]
    limit = _limit_said(said) if "limit" in said else "5"
    return render(
        request,
        "evaluations_new.html",
        suites=suites,
        models=models,
        chosen_suites=chosen_suites,
        chosen_models=chosen_models,
        limit=limit,
        limits=_LIMITS,
        said=said,
        **_WORDS,
    )


async def estimate(request: Request) -> Response:
    """What the run in the form would take: a part of that page."""
    service = control_of(request).once(Evaluations)
    forecast, problem = None, ""
    try:
        forecast = await service.forecast(_wanted(request.query_params))
    except EcotoneError as error:
        problem = error.message
    return render(request, "evaluations_estimate.html", forecast=forecast, problem=problem, **_WORDS)


def _limit_said(said: QueryParams) -> str:
    limit = said.get("limit", "").strip()
    return said.get("limit_other", "").strip() if limit == "other" else limit


def _limit(said: QueryParams) -> int | None:
    """How many cases of each suite, 0 for all, None for what each proposes. Raises MalformedRequest."""
    text = _limit_said(said)
    if not text and said.get("limit") != "other":
        return None
    if not text.isdecimal() or len(text) > 6 or (text == "0" and said.get("limit") == "other"):
        raise MalformedRequest("How many questions of each suite? Write a whole number from 1 to 999999.")
    return int(text)


def _wanted(said: QueryParams) -> NewRun:
    """The form as the API takes it. Raises MalformedRequest."""
    fields = {
        name: text
        for name in ("concurrency", "requests_per_minute", "judge", "seed", "temperature", "max_tokens")
        if (text := said.get(name, "").strip())
    }
    budget = said.get("budget_usd", "").strip()
    limit = _limit(said)
    own = fields.get("temperature") == "own"
    if own:
        del fields["temperature"]
    try:
        return msgspec.convert(
            {
                **fields,
                "suites": said.getlist("suite"),
                "models": said.getlist("model"),
                "limit": limit,
                "budget_usd": Decimal(budget) if budget else None,
                "fresh": "fresh" in said,
                "own_temperature": own,
            },
            type=NewRun,
            strict=False,
        )
    except (msgspec.ValidationError, InvalidOperation) as error:
        raise MalformedRequest(f"A setting is not what it should be: {error}.") from None


# --- a run


async def run(request: Request) -> Response:
    """One run: while it goes on, how far it is; then what it found, and its cases."""
    service = control_of(request).once(Evaluations)
    name = request.path_params["run"]
    found, opened = await service.in_full(name), await service.opened(name)
    asked = _asked(request.query_params, found.came)
    rows = await asyncio.to_thread(found_rows, opened.run, opened.suites, opened.results, **asked)
    start = _start(request.query_params, len(rows))
    return render(
        request,
        "evaluations_run.html",
        found=found,
        run=opened.run,
        title=_title(opened.run),
        summary=opened.summary,
        sentences=_sentences(opened.run, opened.summary),
        weights={model.name: known_weights(model) for model in opened.run.models},
        places={model.name: _hosting(opened, model.name) for model in opened.run.models},
        scopes=_scopes(opened.run),
        suites=opened.suites,
        asked=asked,
        rows=rows[start : start + _CASES_A_PAGE],
        total=len(rows),
        start=start,
        a_page=_CASES_A_PAGE,
        query=urlencode(asked),
        others=[row for row in await service.rows() if row.glance.id != name and row.glance.results],
        command=command_of(opened.run),
        again=_again(opened.run, control_of(request).folder.resolve(), control_of(request).home.suites.resolve()),
        scored_by=SCORED_BY,
        **_WORDS,
    )


def _asked(said: QueryParams, came: dict[Came, int]) -> dict[str, Any]:
    """Which cases are looked at: those that are not right, unless the address says otherwise."""
    usual: Came = "wrong" if came["wrong"] else "unanswered" if came["unanswered"] else "all"
    wanted = said.get("came", "")
    return {
        "came": wanted if wanted in ("wrong", "unanswered", "right", "all") else usual,
        "model": said.get("model", ""),
        "suite": said.get("suite", ""),
        "words": said.get("words", ""),
    }


def _start(said: QueryParams, total: int) -> int:
    text = said.get("start", "")
    return int(text) if text.isdecimal() and len(text) < 9 and int(text) < total else 0


def _again(run: Run, folder: Path, added: Path) -> str:
    """The query of the form that asks the same."""
    words = [
        suite.name
        if suite.origin == "bundled" or Path(suite.origin).parent == added
        else _word(Path(suite.origin), folder)
        for suite in run.suites
    ]
    limit = "" if run.settings.limit is None else str(run.settings.limit)
    return urlencode(
        {"suite": words, "model": [model.name for model in run.models], "limit": limit, **_settings(run)}, doseq=True
    )


def _word(suite: Path, folder: Path) -> str:
    return f"./{suite.relative_to(folder)}" if suite.is_relative_to(folder) else str(suite)


def _settings(run: Run) -> dict[str, str]:
    names = ("concurrency", "requests_per_minute", "budget_usd", "judge", "seed", "temperature", "max_tokens")
    said = {name: str(value) for name in names if (value := getattr(run.settings, name)) is not None}
    return said | ({"temperature": "own"} if run.settings.own_temperature else {})


def _title(run: Run) -> str:
    models = run.models[0].name if len(run.models) == 1 else f"{len(run.models)} models"
    suites = run.suites[0].name if len(run.suites) == 1 else f"{len(run.suites)} suites"
    return f"{models} on {suites}"


def _hosting(opened: Opened, model: str) -> str | None:
    places = {place.hosting for place in opened.run.identity(model).endpoints}
    return places.pop() if len(places) == 1 else None


def _scopes(run: Run) -> list[str | None]:
    """The suites that scores are shown for; None for all together."""
    names: list[str | None] = [suite.name for suite in run.suites]
    return names if len(names) < 2 else [None, *names]


def _sentences(run: Run, summary: Summary) -> list[str]:
    """What was found, in words."""
    if summary.comparisons:
        return _compared(summary.comparisons)
    return [
        f"{row.model} scores {share(row.score)} on {on_what(row.suite)} (95 % interval {between(row.interval)} %)."
        for row in (*summary.overall, *summary.measured)
        if row.score is not None and (row.suite is not None or len(run.suites) > 1)
    ][:_SENTENCES_MAX]


def _compared(comparisons: Sequence[Comparison]) -> list[str]:
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for row in comparisons:
        pairs.setdefault((row.a, row.b), []).append(row)
    told = [in_words(a, b, rows) for (a, b), rows in pairs.items()][:_SENTENCES_MAX]
    return [sentence.replace("(-", "(\N{MINUS SIGN}") for sentence in told]


async def case(request: Request) -> Response:
    """One case of a run: what was asked and expected, what was answered, and why it scored as it did."""
    service = control_of(request).once(Evaluations)
    name, said = request.path_params["run"], request.query_params
    found, opened = await service.in_full(name), await service.opened(name)
    suite, wanted = said.get("in", ""), said.get("case", "")
    shown = case_in_full(opened.run, opened.suites, opened.results, suite, wanted)
    replies = list(shown.replies)
    beside = said.get("beside", "")
    if beside:
        other = await service.opened(beside)
        replies += case_in_full(other.run, other.suites, other.results, suite, wanted).replies
    asked = _asked(said, found.came)
    rows = await asyncio.to_thread(found_rows, opened.run, opened.suites, opened.results, **asked)
    before, after, place, of = neighbours(rows, suite, wanted)
    return render(
        request,
        "evaluations_case.html",
        run=opened.run,
        title=_title(opened.run),
        shown=shown,
        replies=replies,
        scored_by=SCORED_BY[shown.scorer],
        coded=shown.scorer in ("python", "json"),
        beside=beside,
        asked=asked,
        query=urlencode(asked),
        before=before,
        after=after,
        place=place,
        of=of,
        **_WORDS,
    )


# --- two runs, and a suite


async def compare(request: Request) -> Response:
    """Two runs beside each other."""
    service = control_of(request).once(Evaluations)
    said = request.query_params
    # Runs that were only ticked are put in the order in which they were made.
    wanted = sorted(said.getlist("run")[:2]) or [said[name] for name in ("a", "b") if said.get(name)]
    a, b = (*wanted, "", "")[:2]
    rows = [row for row in await service.rows() if row.glance.results]
    found, problem, prompts = None, "", {}
    if a and b:
        try:
            found = await asyncio.to_thread(difference, service.folder(a), service.folder(b))
            prompts = _prompts(await service.opened(b))
        except EcotoneError as error:
            problem = error.message
    return render(
        request,
        "evaluations_compare.html",
        a=a,
        b=b,
        rows=rows,
        found=found,
        problem=problem,
        prompts=prompts,
        sentences=_compared(found.comparisons) if found is not None else [],
        gained=[flip for flip in found.flips if flip.score_b > flip.score_a] if found is not None else [],
        lost=[flip for flip in found.flips if flip.score_b < flip.score_a] if found is not None else [],
        **_WORDS,
    )


def _prompts(opened: Opened) -> dict[tuple[str, str], str]:
    """The beginning of what each case asks."""
    return {
        (suite.name, case.id): in_line(words_of(case.messages[-1]))
        for suite in opened.suites.values()
        for case in suite.cases
        if case.messages
    }


async def suite(request: Request) -> Response:
    """A suite and its cases."""
    word = request.query_params.get("word", "")
    facts, loaded = await control_of(request).once(Evaluations).suite(word)
    words = request.query_params.get("words", "")
    cases = [(found, words_of(found.messages[-1])) for found in loaded.cases if found.messages]
    fitting = [row for row in cases if words.casefold() in f"{row[0].id}\n{row[1]}".casefold()]
    start = _start(request.query_params, len(fitting))
    return render(
        request,
        "evaluations_suite.html",
        facts=facts,
        suite=loaded,
        cases=fitting[start : start + _CASES_A_PAGE],
        total=len(fitting),
        start=start,
        a_page=_CASES_A_PAGE,
        words=words,
        query=urlencode({"word": word, "words": words}),
    )


async def new_suite(request: Request) -> Response:
    """The form for a suite of one's own."""
    return render(
        request,
        "evaluations_new_suite.html",
        scorers={_NO_SETTINGS.format(kind): SCORED_BY[kind] for kind in KINDS if _needs_nothing(kind)},
        usual=_NO_SETTINGS.format("contains"),
        cases_bytes_max=CASES_BYTES_MAX,
    )


def _needs_nothing(kind: str) -> bool:
    return not any(option.required for option in msgspec.structs.fields(KINDS[kind]))


ROUTES = (
    Route("/evaluations", index),
    Route("/evaluations/", lambda _: RedirectResponse("/console/evaluations", 307)),
    Route("/evaluations/new", new),
    Route("/evaluations/estimate", estimate),
    Route("/evaluations/compare", compare),
    Route("/evaluations/suite", suite),
    Route("/evaluations/suite/new", new_suite),
    Route("/evaluations/runs/{run}", run),
    Route("/evaluations/runs/{run}/case", case),
)
