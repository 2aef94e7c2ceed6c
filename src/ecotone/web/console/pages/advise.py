"""Open or closed? A question as a form, and its answer beside it, which follows every change."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.quality import WORK
from ecotone.evaluation.advice.document import Items, Part, Text
from ecotone.evaluation.advice.examples import examples
from ecotone.evaluation.advice.export import as_command
from ecotone.evaluation.advice.pictures import best_by_release, gap_by_category
from ecotone.evaluation.advice.query import DEFAULT_WORK, MACHINES_MAX, SPEEDS_MAX, Read, as_pairs, read_pairs
from ecotone.evaluation.advice.question import AS_FOUND, Limits, Privacy, Question
from ecotone.evaluation.advice.report import explained, named, terms_in_words
from ecotone.evaluation.plots import unstyled
from ecotone.gateway.inventory.choices import choices
from ecotone.values.errors import NotFound, SetupError
from ecotone.web.console.advice_view import Wish, open_models, pairs_of_wish, reasons_of, view_of, wish_of
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.advice import Form, adviser_of, answered, as_file
from ecotone.web.control.control import Control

_PAGE = "/console/advise"
_FORMS: Mapping[str, Form] = {
    "report.html": "html",
    "report.md": "markdown",
    "answer.json": "json",
    "question.toml": "toml",
}
_NEEDS = (
    ("tools", "call tools"),
    ("images", "see images"),
    ("audio", "hear audio"),
    ("reasoning", "reason"),
    ("json", "keep to a JSON schema"),
)
_CRITERIA = {"quality": "quality", "cost": "cost", "lock_in": "freedom to move", "openness": "openness"}


async def page(request: Request) -> Response:
    """The form, and the answer if it is at hand; else the page asks for it once it is there."""
    control = control_of(request)
    adviser, organisation = adviser_of(control), control.runtime.config.organisation
    read, wish = _asked(request)
    suites = await asyncio.to_thread(adviser.suites)
    question = read.question or Question(DEFAULT_WORK)
    context: dict[str, Any] = {"view": None, "trouble": None, "partial": False}
    today = control.now().date()
    if read.question is not None and await asyncio.to_thread(
        adviser.knows, question, organisation=organisation, today=today
    ):
        context |= await _answer(request, question, wish)
    said = dict(as_pairs(question, whole=True))
    if read.problems:
        said |= request.query_params
    return render(
        request,
        "advise.html",
        question=question,
        said=said,
        problems=_plain(read.problems),
        names_in_words=_in_words,
        categories_named=[(name, name) for name in sorted(WORK)],
        suites=suites,
        suite_choices=[("", "public votes"), *((name, f"your runs of {name}") for name in suites)],
        needs_named=_NEEDS,
        examples=[(row.question.title, urlencode(as_pairs(row.question))) for row in examples()],
        open_models=open_models(),
        machines_max=MACHINES_MAX,
        speeds_max=SPEEDS_MAX,
        groups=_groups(question),
        from_config=organisation != Organisation(),
        **_links(question, wish),
        **context,
    )


async def answer(request: Request) -> Response:
    """The answer alone, for a form that has changed; the address follows it."""
    read, wish = _asked(request)
    if read.question is None:
        response = render(request, "advise_problems.html", problems=_plain(read.problems), names_in_words=_in_words)
        response.headers["hx-retarget"] = "#problems"
        response.headers["hx-reswap"] = "innerHTML"
        return response
    context = await _answer(request, read.question, wish)
    links = _links(read.question, wish)
    response = render(request, "advise_answer.html", partial=True, **links, **context)
    response.headers["hx-replace-url"] = f"{_PAGE}?{links['query']}" if links["query"] else _PAGE
    return response


async def option(request: Request) -> Response:
    """All that is known of one option under this question."""
    read, wish = _asked(request)
    question = _whole(read)
    advice = await answered(control_of(request), question)
    key = request.query_params.get("key", "")
    template = "advise_option_part.html" if "hx-request" in request.headers else "advise_option.html"
    shared = {"advice": advice, **_links(question, wish)}
    for place, row in enumerate(advice.placed, 1):
        if row.ranked.option.key == key:
            told = [*_told(explained(row, advice))]
            return render(
                request, template, option=row.ranked.option, place=place, row=row, told=told, out=None, **shared
            )
    for out in (*advice.undecided, *advice.fallen):
        if out.option.key == key:
            return render(request, template, option=out.option, place=None, row=None, told=[], out=out, **shared)
    raise NotFound(f"{key!r} is not among the options of this question.")


async def names(request: Request) -> Response:
    """The options that one reason keeps out."""
    read, _ = _asked(request)
    advice = await answered(control_of(request), _whole(read))
    reasons = reasons_of(advice.fallen if request.query_params.get("kind") == "fallen" else advice.undecided)
    at = request.query_params.get("at", "")
    if not at.isdecimal() or int(at) >= len(reasons):
        raise NotFound("There is no such reason under this question. Load the page again.")
    return render(request, "advise_names.html", options=reasons[int(at)].options)


async def wider(request: Request) -> Response:
    """What holds whatever is asked: how far open and closed models lie apart, and how that came about."""
    category = request.query_params.get("work.category", "")
    release = await asyncio.to_thread(best_by_release, category if category in WORK else "general")
    gap = await asyncio.to_thread(gap_by_category)
    return render(request, "advise_wider.html", gap=unstyled(gap), release=unstyled(release))


async def export(request: Request) -> Response:
    """The answer as a file, for the same query as the page's."""
    form = _FORMS.get(request.path_params["file"])
    if form is None:
        raise NotFound(f"There is nothing at {request.url.path}.")
    read, _ = _asked(request)
    advice = await answered(control_of(request), _whole(read))
    file = await asyncio.to_thread(as_file, advice, form)
    headers = {"content-disposition": f'attachment; filename="{file.name}"'}
    return Response(file.body, media_type=file.media_type, headers=headers)


ROUTES = (
    Route("/advise", page),
    Route("/advise/answer", answer),
    Route("/advise/option", option),
    Route("/advise/names", names),
    Route("/advise/wider", wider),
    Route("/advise/export/{file}", export),
)


def _asked(request: Request) -> tuple[Read, Wish]:
    pairs = request.query_params.multi_items()
    return read_pairs(pairs), wish_of(dict(pairs))


def _whole(read: Read) -> Question:
    for name, reason in read.problems.items():
        raise SetupError(f"{_in_words(name)}: {_said_plainly(name, reason)}")
    return read.question or Question(DEFAULT_WORK)


def _links(question: Question, wish: Wish) -> dict[str, Any]:
    """What links of the page are made of: the query as it stands, without the wish, and what of the wish is kept when
    the order or the kind is another."""
    pairs, said = as_pairs(question), dict(pairs_of_wish(wish))
    rest = {name: value for name, value in said.items() if name == "show"}
    return {
        "wish": wish,
        "query": urlencode((*pairs, *said.items())),
        "bare": urlencode(pairs),
        "rest": f"&{urlencode(rest)}" if rest else "",
        "sorted_by": f"sort={wish.sort}&" if "sort" in said else "",
    }


def _groups(question: Question) -> dict[str, Any]:
    """How much is said in each group of fields that is folded away."""
    differing = {
        "conditions": ((question.privacy, Privacy()), (question.limits, Limits())),
        "assumptions": ((question.assumptions, AS_FOUND),),
        "organisation": ((question.organisation, Organisation()),),
    }
    counts: dict[str, Any] = {
        group: sum(
            getattr(said, name) != getattr(base, name) for said, base in tables for name in said.__struct_fields__
        )
        for group, tables in differing.items()
    }
    return {
        **counts,
        "machines": len(question.machines),
        "speeds": [min(len(machine.tokens_per_s), SPEEDS_MAX - 1) for machine in question.machines],
    }


def _in_words(name: str) -> str:
    """A place in the question for people: `work.requests_per_month` is "requests per month"."""
    table, _, rest = name.partition(".")
    words = (rest or table).replace("_", " ").replace(".", " ")
    return f"machine {int(words[0]) + 1} {words[2:]}".strip() if table == "machines" and words[:1].isdigit() else words


def _plain(problems: Mapping[str, str]) -> dict[str, str]:
    return {name: _said_plainly(name, reason) for name, reason in problems.items()}


def _said_plainly(name: str, reason: str) -> str:
    """A reason without the field's name as programs write it: what shows it says the field in the reader's words."""
    return reason.removeprefix(f"{name.rpartition('.')[2]} ")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _told(parts: Iterable[Part]) -> Iterator[str | tuple[str, ...]]:
    for part in parts:
        match part:
            case Text():
                yield part.words
            case Items():
                yield part.items
            case _:
                continue


def _machine_wanted(question: Question) -> bool:
    """Could open models be ranked if there were a machine to run them on, and only then?"""
    return not question.privacy.may_leave and not question.machines and question.limits.weights != "closed"


def _at_home(control: Control) -> list[str]:
    """The models that answer here without a text leaving, by the names they are asked for."""
    found = choices(control.runtime.gateway.directory)
    return [choice.name for choice in found if choice.kind == "model" and choice.hosting in ("embedded", "self-hosted")]


async def _answer(request: Request, question: Question, wish: Wish) -> dict[str, Any]:
    try:
        advice = await answered(control_of(request), question)
    except SetupError as error:
        return {"view": None, "trouble": error.message}
    return {
        "view": await asyncio.to_thread(view_of, advice, question, wish),
        "machine_wanted": _machine_wanted(question),
        "at_home": await asyncio.to_thread(_at_home, control_of(request)),
        "trouble": None,
        "command": as_command(question),
        "named": named,
        "terms_in_words": terms_in_words,
        "criterion": _CRITERIA.__getitem__,
        "sentence": _capital,
    }
