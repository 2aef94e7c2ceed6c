"""One prompt to several models, their answers side by side; the votes on them, and what those come to."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ecotone.catalog.provider import Weights
from ecotone.evaluation.arena import SIDES, SIDES_MAX, Battle, Battles, Record, Round, SideAnswer, record_of
from ecotone.evaluation.standings import Tally, open_against_closed, standings
from ecotone.gateway.inventory.choices import Choice, choices
from ecotone.gateway.inventory.model_facts import vendor_title
from ecotone.values.errors import NotFound
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.comparisons import BattleRow, contests_of, row_of
from ecotone.web.control.control import Control
from ecotone.web.markdown import to_html

_RECENT = 6
_A_PAGE = 50
_EXAMPLES = (
    "A customer's parcel is a week late. Answer in three friendly sentences, without promising a date.",
    "A bat and a ball cost 1.10 together; the bat costs 1.00 more than the ball. What does the ball cost, and why?",
    "Write a Python function that says whether a year is a leap year, with two examples.",
)
_NUMBERS = {2: "both", 3: "all three", 4: "all four"}


class ShownAnswer(msgspec.Struct, frozen=True):
    """A side's answer in one round as the page has it. `html` is safe; `name`, `weights` and what is in `answer.facts`
    are None as long as nobody may know. `chosen`: it was voted for."""

    side: str
    answer: SideAnswer
    html: str
    name: str | None
    weights: Weights | None
    chosen: bool

    @property
    def coming(self) -> bool:
        return self.answer.state in ("waiting", "streaming")


class ShownRound(msgspec.Struct, frozen=True):
    """One prompt, and what the sides answered."""

    number: int
    prompt: str
    answers: tuple[ShownAnswer, ...]


class ShownTally(msgspec.Struct, frozen=True):
    """A row of the count, its interval in per cent of the picture's width."""

    name: str
    other: str | None
    weights: Weights | None
    battles: int
    tally: Tally
    low: float
    high: float
    at: float


# --- a new one


async def page(request: Request) -> Response:
    """The form, and what was compared lately."""
    control = control_of(request)
    found = await asyncio.to_thread(choices, control.runtime.gateway.directory)
    said = request.query_params
    wanted = [name for name in said.getlist("model") if name][:SIDES_MAX]
    classes = control.runtime.gateway.snapshot.ruling.policy.classes.names
    recent, total = await contests_of(control).read(
        lambda battles: (tuple(map(row_of, battles.latest(limit=_RECENT))), battles.count())
    )
    return render(
        request,
        "compare.html",
        tab="new",
        choices=found,
        chosen=wanted or (_first_two(found) if found else []),
        said=said,
        blind=said.get("blind", "0" if wanted else "1") == "1",
        classes=classes,
        recent=recent,
        total=total,
        alone=len({place.endpoint for choice in found for place in choice.places}) < 2,
        letters=SIDES.upper(),
        examples=_EXAMPLES,
        **_WORDS,
    )


def _first_two(found: tuple[Choice, ...]) -> list[str]:
    """Two names to begin with: models before routes, an open and a closed one where there are such, else two that lead
    to different places."""
    first, *others = sorted(found, key=lambda choice: (choice.kind == "route", choice.problem is not None))
    elsewhere = [other for other in others if other.places != first.places]
    unlike = [other for other in elsewhere if {_one_kind(first), _one_kind(other)} == {"open", "closed"}]
    return [first.name, *(other.name for other in (*unlike, *elsewhere, *others)[:1])]


# --- one battle


async def battle(request: Request) -> Response:
    """A battle with all its rounds."""
    return await _battle(request, "compare_battle.html")


async def battle_part(request: Request) -> Response:
    """The battle without the frame around it."""
    return await _battle(request, "compare_battle_part.html")


async def judge_part(request: Request) -> Response:
    """The place to vote."""
    control = control_of(request)
    record = record_of(await contests_of(control).get(request.path_params["battle"]))
    return render(request, "compare_judge_part.html", **_judged(record), **_WORDS)


async def _battle(request: Request, template: str) -> Response:
    control = control_of(request)
    found = await contests_of(control).get(request.path_params["battle"])
    record = record_of(found)
    weights = await asyncio.to_thread(_weights, control)
    rounds = await asyncio.to_thread(lambda: [_shown_round(record, asked, weights) for asked in record.rounds])
    again = [*(("model", name) for name in record.order or record.models), ("blind", int(record.blind))]
    return render(
        request,
        template,
        tab="",
        title=_title(record),
        rounds=rounds,
        same=_same_sides(found),
        again=urlencode(again),
        **_judged(record),
        **_WORDS,
    )


def _same_sides(battle: Battle) -> list[str]:
    """The sides, as "A and B", behind which one model answered."""
    return [f"{SIDES[one].upper()} and {SIDES[other].upper()}" for one, other in battle.same]


def _judged(record: Record) -> dict[str, Any]:
    """Who may vote for whom, and when."""
    last = record.rounds[-1].answers
    return {
        "battle": record,
        "sides": SIDES[: len(record.models)],
        "all_of": _NUMBERS[len(record.models)],
        "coming": any(answer is None or answer.state in ("waiting", "streaming") for answer in last),
        "may_vote": record.vote is None and record.revealed_at is None,
        "able": [answer is not None and bool(answer.said) for answer in last],
    }


async def answer_part(request: Request) -> Response:
    """One side's answer of one round. Raises NotFound."""
    control = control_of(request)
    record = record_of(await contests_of(control).get(request.path_params["battle"]))
    number, side = request.path_params["number"], request.path_params["side"]
    if not 1 <= number <= len(record.rounds) or side not in SIDES[: len(record.models)]:
        raise NotFound("There is no such answer.")
    asked = await asyncio.to_thread(lambda: _shown_round(record, record.rounds[number - 1], _weights(control)))
    shown = asked.answers[SIDES.index(side)]
    return render(request, "compare_answer_part.html", battle=record, asked=asked, shown=shown, **_WORDS)


def _shown_round(record: Record, asked: Round, weights: Mapping[str, Weights | None]) -> ShownRound:
    voted = asked.number == record.voted_after
    answers = (answer or SideAnswer("waiting") for answer in asked.answers)
    shown = (_shown(record, place, answer, weights, voted=voted) for place, answer in enumerate(answers))
    return ShownRound(asked.number, asked.prompt, tuple(shown))


def _shown(
    record: Record, place: int, answer: SideAnswer, weights: Mapping[str, Weights | None], *, voted: bool
) -> ShownAnswer:
    name = None if record.order is None else record.order[place]
    told = None if answer.facts is None else answer.facts.weights
    known = None if name is None else told or weights.get(name)
    return ShownAnswer(SIDES[place], answer, to_html(answer.said), name, known, voted and record.vote == SIDES[place])


def _title(record: Record) -> str:
    if record.vote is None:
        if record.order is None:
            return "Which one is better?" if len(record.models) == 2 else "Which one is best?"
        return " and ".join(record.order) if len(record.order) == 2 else ", ".join(record.order)
    if record.winner is not None:
        return f"{record.winner} was better" if len(record.models) == 2 else f"{record.winner} was best"
    return "A tie" if record.vote == "tie" else "None was good"


def _weights(control: Control) -> dict[str, Weights | None]:
    """Open or closed, by the names that can be asked for; None where that is not known, or both stand behind a name."""
    return {choice.name: _one_kind(choice) for choice in choices(control.runtime.gateway.directory)}


def _one_kind(choice: Choice) -> Weights | None:
    return choice.weights[0] if len(choice.weights) == 1 else None


# --- all of them, and the count


async def battles_page(request: Request) -> Response:
    """All battles, narrowed by what the address says."""
    control, said = control_of(request), request.query_params
    words, model, sort = said.get("words", "").strip(), said.get("model", ""), said.get("sort", "-started")
    start = int(said["start"]) if said.get("start", "").isdecimal() and len(said["start"]) < 9 else 0
    vote = said.get("vote", "")
    voted = {"cast": True, "none": False}.get(vote)

    def look(battles: Battles) -> tuple[list[BattleRow], int, int, tuple[str, ...]]:
        found = battles.latest(
            model=model or None,
            words=words or None,
            voted=voted,
            skip=start,
            limit=_A_PAGE,
            oldest_first=sort == "started",
        )
        fitting = battles.count(model=model or None, words=words or None, voted=voted)
        return list(map(row_of, found)), fitting, battles.count(), battles.names()

    rows, fitting, total, names = await contests_of(control).read(look)
    narrowing = {name: value for name, value in (("words", words), ("model", model), ("vote", vote)) if value}
    return render(
        request,
        "compare_battles.html",
        tab="battles",
        rows=rows,
        fitting=fitting,
        total=total,
        names=names,
        words=words,
        model=model,
        vote=vote,
        sort=sort,
        start=start,
        a_page=_A_PAGE,
        narrowing=urlencode(narrowing) + "&" if narrowing else "",
        **_WORDS,
    )


async def standings_page(request: Request) -> Response:
    """Who wins how often."""
    control, said = control_of(request), request.query_params
    blind, sort = said.get("votes") != "named", said.get("sort", "-share")
    votes, others = await contests_of(control).read(
        lambda battles: (battles.votes(blind=blind), battles.vote_count(blind=not blind))
    )
    weights = await asyncio.to_thread(_weights, control)
    counted, kinds = await asyncio.to_thread(lambda: (standings(votes), open_against_closed(votes, weights)))
    rows = [_row(row.name, None, row.battles, row.tally, weights) for row in counted.rows]
    return render(
        request,
        "compare_standings.html",
        tab="standings",
        blind=blind,
        others=others,
        counted=counted,
        rows=sorted(rows, key=_sort_key(sort.removeprefix("-")), reverse=sort.startswith("-")),
        pairs=[_row(pair.name, pair.other, pair.tally.votes, pair.tally, weights) for pair in counted.pairs],
        kinds=_row("open", "closed", kinds.votes, kinds, {"open": "open"}),
        first=_row("a", "b", counted.first.votes, counted.first, {}),
        sort=sort,
        **_WORDS,
    )


def _row(name: str, other: str | None, battles: int, tally: Tally, weights: Mapping[str, Weights | None]) -> ShownTally:
    interval = tally.interval
    return ShownTally(
        name,
        other,
        weights.get(name),
        battles,
        tally,
        low=0.0 if interval is None else 100 * interval.low,
        high=100.0 if interval is None else 100 * interval.high,
        at=50.0 if tally.share is None else 100 * tally.share,
    )


def _sort_key(column: str) -> Any:
    keys = {
        "name": lambda row: row.name.casefold(),
        "battles": lambda row: (row.battles, row.name),
        "share": lambda row: (-1.0 if row.tally.share is None else row.tally.share, row.tally.votes, row.name),
    }
    return keys.get(column, keys["share"])


def place_words(choice: Choice) -> str:
    """What matters of a name before it is asked: is it open, and where do the words go?"""
    openness = {"open": "open", "closed": "closed", None: "openness not known"}
    kinds = " and ".join(openness[kind] for kind in choice.weights)
    where = {
        "embedded": "in this gateway",
        "self-hosted": "on your machines",
        "vendor": "leaves the house",
        "mixed": "may leave the house",
    }
    return f"{kinds}, {where[choice.hosting]}" + (" (cannot answer now)" if choice.problem else "")


def vote_words(vote: str, sides: int = 2) -> str:
    """What a vote says."""
    told = {"tie": "a tie", "all_bad": "both bad" if sides == 2 else "all bad"}
    return told.get(vote, f"{vote.upper()} is {'better' if sides == 2 else 'best'}")


def figures(row: ShownTally) -> str:
    """A share with its interval, in per cent."""
    if row.tally.share is None:
        return "—"
    return f"{row.at:.0f}\u202f% ({row.low:.0f} to {row.high:.0f})"


_WORDS: dict[str, Any] = {
    "vote_words": vote_words,
    "place_words": place_words,
    "figures": figures,
    "vendor_title": vendor_title,
}

ROUTES = (
    Route("/compare", page),
    Route("/compare/", lambda _: RedirectResponse("/console/compare", 307)),
    Route("/compare/battles", battles_page),
    Route("/compare/standings", standings_page),
    Route("/compare/battle/{battle}", battle),
    Route("/compare/battle/{battle}/part", battle_part),
    Route("/compare/battle/{battle}/judge", judge_part),
    Route("/compare/battle/{battle}/{number:int}/{side}", answer_part),
)
