"""The rules: as they stand, tried on a text, proved, and what they refused."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from shlex import quote
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.gateway.rules.proving import Promise
from ecotone.gateway.rules.refusals import REFUSALS_MAX, Refusal
from ecotone.gateway.rules.trial import Mark, Piece, PlaceTrial, Sent, Stretch, Trial, Wish, pieces
from ecotone.policy.explaining import Part
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.prove import NoProof
from ecotone.values.errors import EcotoneError
from ecotone.web.console.rendering import control_of, form_of, render
from ecotone.web.control.control import Control
from ecotone.web.control.rules import (
    Rules,
    RulesInForce,
    ShownRule,
    list_rule_starters,
    list_variables,
    promise_problem,
)

_TRY_BYTES_MAX = 4 * 1024 * 1024
_TEXT_CHARS_MAX = 100_000
_MARKS_MAX = 300
_DETAILED_PLACES_MAX = 40
_PERIODS = ((1, "hour"), (24, "day"), (24 * 7, "week"), (24 * 30, "month"))


async def policy_page(request: Request) -> Response:
    """The policy as it stands; `q` filters its rules."""
    control = control_of(request)
    in_force = await control.once(Rules).shown()
    sought = request.query_params.get("q", "").strip()
    return render(
        request,
        "rules.html",
        tab="policy",
        refused_config=control_of(request).runtime.refused_config,
        in_force=in_force,
        sought=sought,
        rules=[(number, rule) for number, rule in enumerate(in_force.rules, 1) if _has(rule, sought)],
        untested=[rule for rule in in_force.rules if not rule.tests],
        failed=[test for test in in_force.tests if not test.passed],
        warnings=await control.once(Rules).warnings(),
        starters=() if in_force.rules else await list_rule_starters(),
    )


def _has(rule: ShownRule, sought: str) -> bool:
    texts = (rule.name, rule.because, rule.condition, rule.effect, rule.on, *rule.kinds)
    return all(any(word in text.casefold() for text in texts) for word in sought.casefold().split())


async def try_page(request: Request) -> Response:
    """The form. `model`, `class` and `as` of the query are filled in, or what the config's test number `test` says."""
    control = control_of(request)
    book = await control.once(Rules).book()
    query = request.query_params
    chosen = Wish("", query.get("model"), query.get("class"), query.get("as", "local"))
    test = query.get("test", "")
    if test.isdecimal() and 1 <= int(test) <= len(book.config.rule_tests):
        settings = book.config.rule_tests[int(test) - 1]
        chosen = Wish(settings.text, settings.route or settings.model, settings.data_class, settings.principal)
    directory = control.runtime.gateway.directory
    return render(
        request,
        "rules_try.html",
        tab="try",
        refused_config=control_of(request).runtime.refused_config,
        classes=book.policy.classes.names,
        routes=tuple(directory.routes),
        models=tuple(directory.models),
        vendors=tuple(vendor.name for vendor in book.vendors),
        principals=await control.once(Rules).callers(),
        chosen=chosen,
    )


class SentTo(msgspec.Struct, frozen=True):
    """What some places would be sent."""

    sent: Sent
    places: tuple[PlaceTrial, ...]


async def trial(request: Request) -> Response:
    """What would become of the text in the form: a part of the page."""
    said = await form_of(request, _TRY_BYTES_MAX)
    # Browsers send line ends as mail has them.
    text = said.get("text", "").replace("\r\n", "\n")
    wish = Wish(text, said.get("model") or None, said.get("class") or None, said.get("principal") or "local")
    if not text.strip():
        return render(request, "rules_trial.html", trial=None, problem=None)
    if len(text) > _TEXT_CHARS_MAX:
        told = f"The text is longer than the {_TEXT_CHARS_MAX:,} characters that a page can show. Try a part of it, or"
        return render(request, "rules_trial.html", trial=None, problem=f"{told} the whole with: {_command(wish)}")
    control = control_of(request)
    try:
        found = await control.once(Rules).tried(wish)
    except EcotoneError as error:
        return render(request, "rules_trial.html", trial=None, problem=error.message)
    in_force = await control.once(Rules).shown()
    return render(
        request,
        "rules_trial.html",
        trial=found,
        problem=None,
        shown=_cut(text, found.marks),
        high=_highest(found, in_force),
        classes=in_force.classes,
        rank={one.name: one.rank for one in in_force.classes},
        decisive=[reason for reason in found.class_reasons if reason.data_class == found.data_class],
        sendings=_sendings(found),
        cut=_cut,
        marks_max=_MARKS_MAX,
        details=len(found.places) <= _DETAILED_PLACES_MAX,
        command=_command(wish),
        numbers=_numbers(in_force),
        read=_read,
        unfold=_unfolded(found),
    )


class Cut(msgspec.Struct, frozen=True):
    """A text cut where marks begin and end, or as much of it as has `_MARKS_MAX` of them; `more` counts the others."""

    pieces: tuple[Piece, ...]
    more: int


def _cut(text: str, marks: Sequence[Mark | Stretch]) -> Cut:
    if len(marks) <= _MARKS_MAX:
        return Cut(tuple(pieces(text, marks)), 0)
    end = marks[_MARKS_MAX].start
    within = [mark for mark in marks[:_MARKS_MAX] if mark.end <= end]
    return Cut(tuple(pieces(text[:end], within)), len(marks) - _MARKS_MAX)


def _highest(found: Trial, in_force: RulesInForce) -> frozenset[str]:
    """The kinds that raise a request to the highest class."""
    highest = in_force.classes[-1]
    return frozenset(mark.kind for mark in found.marks if highest.rank and mark.data_class == highest.name)


def _sendings(found: Trial) -> list[SentTo]:
    """What would be sent, each text once, those that were changed first."""
    grouped: dict[str, list[PlaceTrial]] = {}
    for place in found.places:
        if place.sent is not None:
            grouped.setdefault(place.sent.text, []).append(place)
    made = [SentTo(places[0].sent, tuple(places)) for places in grouped.values() if places[0].sent is not None]
    return sorted(made, key=lambda one: not one.sent.replaced)


def _unfolded(found: Trial) -> frozenset[str]:
    """The places whose reasons are shown at once: all of a few, else the first that is refused."""
    if len(found.places) <= 2:
        return frozenset(place.endpoint for place in found.places)
    return frozenset([place.endpoint for place in found.places if not place.allowed][:1])


def _command(wish: Wish) -> str:
    options = [("--model", wish.asked), ("--class", wish.data_class), ("--as", wish.principal)]
    given = [f"{name} {quote(value)}" for name, value in options if value and (name, value) != ("--as", "local")]
    return " ".join(["ecotone rules try FILE", *given])


def _read(part: Part) -> dict[str, object]:
    """All variables that a condition reads, and their values."""
    found: dict[str, object] = dict(part.values)
    for below in part.parts:
        found |= _read(below)
    return found


def _numbers(in_force: RulesInForce) -> dict[str, int]:
    """Where each rule stands on the page of all."""
    return {rule.name: number for number, rule in enumerate(in_force.rules, 1)}


async def proof_page(request: Request) -> Response:
    """The form; with `condition` and `never` in the query, the proof."""
    control = control_of(request)
    in_force = await control.once(Rules).shown()
    condition, never = (request.query_params.get(name, "").strip() for name in ("condition", "never"))
    variables = await list_variables(control)
    roots: dict[str, list[Any]] = {}
    for variable in variables:
        roots.setdefault(variable.path.partition(".")[0], []).append(variable)
    return render(
        request,
        "rules_proof.html",
        tab="proof",
        refused_config=control_of(request).runtime.refused_config,
        condition=condition,
        never=never,
        examples=_promises(in_force),
        variables=roots,
        command=f"ecotone rules prove {quote(condition)} --never {quote(never)}",
        **(await _proved(control, condition, never) if condition and never else _NOTHING_PROVED),
    )


_NOTHING_PROVED: Mapping[str, Any] = {"promise": None, "wrong": None, "problem": None, "warnings": ()}


async def _proved(control: Control, condition: str, never: str) -> dict[str, Any]:
    """What came of it: the promise, what is wrong with which condition, or why it cannot be told."""
    try:
        promise = await control.once(Rules).proved(condition, never)
    except PolicyProblem as problem:
        return {**_NOTHING_PROVED, "wrong": promise_problem(problem)}
    except NoProof as reason:
        return {**_NOTHING_PROVED, "problem": f"It cannot be told: {reason}."}
    warnings = await control.once(Rules).strangers(condition, never)
    return {**_NOTHING_PROVED, "promise": promise, "hole": _hole(promise), "warnings": warnings}


class Fact(msgspec.Struct, frozen=True):
    """A fact of a counterexample, in words; `told`: at once, as the promise asks for it."""

    name: str
    value: str
    told: bool


class Hole(msgspec.Struct, frozen=True):
    """A counterexample as it is drawn: who asks and with what, by which name, and where it goes."""

    request: tuple[Fact, ...]
    asked: str
    place: tuple[Fact, ...]
    model: str
    hosting: str | None
    weights: str | None
    assumed: Mapping[str, bool]
    unknown: tuple[str, ...]
    spoken: tuple[str, ...]
    redacted: tuple[str, ...]


_DRAWN = frozenset({"asked", "model", "hosting", "assumed", "unknown", "spoken", "redacted"})
_ALWAYS_TOLD = frozenset({"class", "principal", "found", "purpose", "endpoint"})
_WORDS = {
    "found": "found in it",
    "principal": "who asks",
    "class": "data class",
    "stream": "as a stream",
    "tools": "with tools",
}


def _hole(promise: Promise) -> Hole | None:
    facts = promise.counterexample
    if facts is None:
        return None
    promised = f"{promise.condition} {promise.never}"
    listed = [
        (name, Fact(_WORDS.get(name, name), words(value), name in _ALWAYS_TOLD or name in promised))
        for name, value in facts.items()
        if name not in _DRAWN
    ]
    at_place = ("endpoint", "model.", "endpoint.")
    return Hole(
        request=tuple(fact for name, fact in listed if not name.startswith(at_place)),
        asked=facts["asked"],
        place=tuple(fact for name, fact in listed if name.startswith(at_place)),
        model=facts["model"],
        hosting=facts["hosting"],
        weights=facts.get("model.weights"),
        assumed=facts["assumed"],
        unknown=tuple(facts["unknown"]),
        spoken=tuple(facts["spoken"]),
        redacted=tuple(facts["redacted"]),
    )


def words(value: object) -> str:
    """A fact as people read it."""
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(str, value)) or "none"
    return str(value)


def _promises(in_force: RulesInForce) -> list[tuple[str, str, str]]:
    """Promises that are worth a try here, in words and as conditions."""
    highest = in_force.classes[-1].name
    vendor = 'endpoint.hosting == "vendor"'
    found = [(f"What is {highest} never leaves the house", f"data.class >= {highest}", vendor)] if highest else []
    return [
        *found,
        ("Passwords and keys never leave the house", '"secret" in data.kinds', vendor),
        (
            f"What is {highest} is never sent to closed weights",
            f"data.class >= {highest}",
            '!has(model.weights) || model.weights == "closed"',
        ),
        ("What nobody could read never leaves the house", "size(data.uninspected) > 0", vendor),
        (
            "Nothing goes to whoever trains on it",
            "true",
            '!has(endpoint.trains_on_inputs) && endpoint.hosting == "vendor"'
            ' || has(endpoint.trains_on_inputs) && endpoint.trains_on_inputs == "yes"',
        ),
    ]


async def refused_page(request: Request) -> Response:
    """What the rules refused or flagged of late, and signs of misuse."""
    control = control_of(request)
    hours = _period(request.query_params.get("hours"))
    sort = request.query_params.get("sort", "")
    sort = sort if sort.removeprefix("-") in ("at", "principal", "asked", "class", "outcome") else "-at"
    rules = control.once(Rules)
    in_force = await rules.shown()
    refusals = await rules.refusals(hours)
    who = request.query_params.get("who", "")
    shown = [one for one in refusals if who in ("", one.principal)]
    return render(
        request,
        "rules_refused.html",
        tab="refused",
        refused_config=control_of(request).runtime.refused_config,
        hours=hours,
        periods=_PERIODS,
        sort=sort,
        who=who,
        callers=sorted({one.principal for one in refusals}),
        refusals=sorted(
            shown,
            key=_sort_key(sort.removeprefix("-"), {one.name: one.rank for one in in_force.classes}),
            reverse=sort.startswith("-"),
        ),
        latest=REFUSALS_MAX if len(refusals) >= REFUSALS_MAX else None,
        because={rule.name: rule.because for rule in in_force.rules},
        numbers=_numbers(in_force),
        events=await rules.events(hours),
        has_rules=bool(in_force.rules),
        ago=lambda at: _ago(at, control.now()),
    )


def _period(text: str | None) -> int:
    known = {str(hours): hours for hours, _ in _PERIODS}
    return known.get(text or "", 24)


def _sort_key(column: str, rank: Mapping[str, int]) -> Callable[[Refusal], tuple[Any, datetime]]:
    """Of what is alike in this column, the order is that of time."""
    match column:
        case "principal":
            return lambda one: (one.principal, one.at)
        case "asked":
            return lambda one: (one.asked or "", one.at)
        case "class":
            return lambda one: (rank.get(one.data_class, len(rank)), one.at)
        case "outcome":
            return lambda one: (one.outcome, one.at)
        case _:
            return lambda one: (0, one.at)


def _ago(at: datetime, now: datetime) -> str:
    seconds = max(0, round((now - at).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size}\u202f{unit} ago"
    return f"{seconds}\u202fs ago"


ROUTES = (
    Route("/rules", policy_page),
    Route("/rules/try", try_page, methods=["GET"]),
    Route("/rules/try", trial, methods=["POST"]),
    Route("/rules/proof", proof_page),
    Route("/rules/refused", refused_page),
)
