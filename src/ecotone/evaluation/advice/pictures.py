"""Pictures of an answer: quality against price, cost against volume, and how far open and closed models lie apart."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from math import log

import msgspec

from ecotone.catalog.models import model_facts
from ecotone.catalog.quality import SNAPSHOT, WORK, best, ranking
from ecotone.evaluation.advice.answer import Advice, Placed
from ecotone.evaluation.advice.costs import monthly_cost
from ecotone.evaluation.advice.document import Picture
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import UNTITLED, Question
from ecotone.evaluation.advice.sensitivity import Flip
from ecotone.evaluation.plots import (
    Axis,
    Gap,
    Line,
    Mark,
    Point,
    Reach,
    Release,
    Standing,
    Turn,
    dumbbell,
    lines,
    reaches,
    scatter_with_intervals,
    timeline,
)

_POINTS_MAX = 40
_LINES_MAX = 4
_VOLUME_STEPS = 61
_GAP_WORK = ("general", "maths", "coding", "instructions", "creative writing", "law", "medicine", "business", "expert")
_EVIDENCE = f"LMArena, style control, {SNAPSHOT.as_of}; bars: 95 % intervals"


def pictures(advice: Advice) -> Iterator[Picture]:
    """Those that have something to show."""
    if len(advice.placed) > 1:
        yield Picture(quality_against_price(advice), "Quality against monthly cost, open and closed options marked")
        yield Picture(cost_against_volume(advice), "Monthly cost against requests a month, with break-even points")
        yield Picture(what_would_change_it(advice), "How far each assumption may move before the answer changes")
    yield Picture(gap_by_category(), "Best open and best closed model by category")
    yield Picture(best_by_release(advice.question.work.category), "Best open and best closed model by release date")


def quality_against_price(advice: Advice) -> str:
    """SVG: each ranked model once, at its best place, the upper part of the ranking."""
    rows = _once_a_model(advice.placed)[:_POINTS_MAX]
    measured = rows[0].ranked.option.quality.measured
    title = "" if advice.question.title == UNTITLED else advice.question.title
    points = [
        Point(
            option.name,
            float(row.ranked.monthly_usd),
            option.quality.value,
            option.weights,
            option.quality.low,
            option.quality.high,
            chosen=row is rows[0],
        )
        for row in rows
        if row.ranked.monthly_usd > 0
        for option in [row.ranked.option]
    ]
    return scatter_with_intervals(
        points,
        title="Quality against price",
        subtitle=f"{title}: the {len(points)} best-placed options"
        if title
        else f"The {len(points)} best-placed options",
        x=Axis("US dollars a month", "log", "$"),
        y=Axis("share right", unit="%") if measured else Axis(f"rating for {advice.question.work.category}, points"),
        source=_sources(rows),
    )


def cost_against_volume(advice: Advice) -> str:
    """SVG: the cost of the first options of each kind over four powers of ten of volume, break-evens marked."""
    question = advice.question
    now = question.work.requests_per_month
    options = _lines(advice)
    volumes = [max(1, round(now * 10 ** (step * 4 / (_VOLUME_STEPS - 1) - 2))) for step in range(_VOLUME_STEPS)]
    drawn = []
    for option in options:
        places = [(float(volume), float(cost)) for volume in volumes if (cost := _at(option, question, volume))]
        if len(places) > 1:
            drawn.append(Line(f"{option.place}: {option.name}", tuple(places), option.weights))
    keys = {option.key for option in options}
    marks = [
        Mark(f"{row.requests:,.0f}", float(row.requests), float(cost))
        for row in advice.break_evens
        if row.requests is not None and {row.own, row.vendor} <= keys and volumes[0] <= row.requests <= volumes[-1]
        for option in options
        if option.key == row.own and (cost := _at(option, question, int(row.requests)))
    ]
    return lines(
        drawn,
        title="Cost against volume",
        subtitle=f"{question.work.input_tokens:,} tokens in and {question.work.output_tokens:,} out a request",
        x=Axis("requests a month", "log"),
        y=Axis("US dollars a month", "log", "$"),
        marks=marks,
        source=_sources(advice.placed),
    )


def what_would_change_it(advice: Advice) -> str:
    """SVG: for each assumption that can change the first place, how far from it that is."""
    options = {row.ranked.option.key: row.ranked.option for row in advice.placed}
    options |= {out.option.key: out.option for out in (*advice.undecided, *advice.fallen)}

    def turn(flip: Flip | None) -> Turn | None:
        if flip is None:
            return None
        option = None if flip.winner is None else options.get(flip.winner)
        label = flip.winner if option is None else f"{option.name}, {option.place}"
        return Turn(float(flip.factor), label, None if option is None else option.weights)

    rows = []
    for field in dict.fromkeys(flip.field for flip in advice.flips):
        found = [flip for flip in advice.flips if flip.field == field]
        below, above = (next((f for f in found if (f.factor > 1) == up), None) for up in (False, True))
        now = _now(found[0])
        rows.append(Reach(_capital(found[0].assumption), now, turn(below), turn(above)))
    return reaches(
        rows,
        title="What would change the answer",
        subtitle="How far each assumption, alone, may move before another option comes first",
        source="Assumptions without a row change nothing, made up to 86 times larger or smaller.",
    )


def _now(flip: Flip) -> str:
    if flip.now == 1 and flip.unit.startswith("times "):
        return flip.unit.removeprefix("times ")
    return f"{flip.now.normalize():,f} {flip.unit}".strip()


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


@cache
def gap_by_category() -> str:
    """SVG: the best open and the best closed model in each category of the public evidence."""
    gaps = []
    for work in _GAP_WORK:
        category = WORK[work].category
        found = {weights: best(category, weights) for weights in ("open", "closed")}
        standings = {
            weights: Standing(_name(row.model), row.rating.rating, row.rating.low, row.rating.high)
            for weights, row in found.items()
            if row is not None
        }
        if len(standings) == 2:
            gaps.append(Gap(work, standings["open"], standings["closed"]))
    return dumbbell(
        gaps,
        title="How far open lies behind closed",
        subtitle="Rating of the best model of each kind, by category",
        x=Axis("rating, points"),
        source=_EVIDENCE,
    )


@cache
def best_by_release(category: str = "general") -> str:
    """SVG: the best rating so far by release date, open and closed. Models without a known day are left out."""
    releases = []
    for row in ranking(WORK[category].category):
        facts = model_facts(row.model)
        if facts is not None and facts.released_on is not None and facts.weights is not None:
            releases.append(Release(facts.name, facts.released_on, row.rating.rating, facts.weights))
    return timeline(
        releases,
        title="The best so far, by release date",
        subtitle=f"Rating for {category} of the best model released by that day",
        y=Axis("rating, points"),
        source=f"{_EVIDENCE.partition(';')[0]}; release dates: models.dev and the table of names",
    )


def _name(model: str) -> str:
    facts = model_facts(model)
    return model if facts is None else facts.name


def _once_a_model(placed: Iterable[Placed]) -> list[Placed]:
    found: dict[str, Placed] = {}
    for row in placed:
        found.setdefault(row.ranked.option.model, row)
    return list(found.values())


def _lines(advice: Advice) -> list[Option]:
    """The first option, both sides of a break-even (rather of one model at two places than of two models, and the
    nearest to today's volume), the first open and the first closed one, then the next in the ranking."""
    options = {row.ranked.option.key: row.ranked.option for row in advice.placed}
    now = advice.question.work.requests_per_month
    meetings = [
        (options[row.vendor].model != options[row.own].model, abs(log(row.requests / now)), row.vendor, row.own)
        for row in advice.break_evens
        if row.requests and row.vendor in options and row.own in options
    ]
    sides = {option.weights: key for key, option in reversed(options.items())}
    wanted = [*[*options][:1], *(min(meetings)[2:] if meetings else ()), *sides.values()]
    return [options[key] for key in dict.fromkeys((*wanted, *options))][:_LINES_MAX]


def _at(option: Option, question: Question, volume: int) -> Decimal | None:
    work = msgspec.structs.replace(question.work, requests_per_month=volume)
    return monthly_cost(option, msgspec.structs.replace(question, work=work))


def _sources(rows: Iterable[Placed]) -> str:
    offers = [row.ranked.option.offer for row in rows]
    prices = sorted({f"{offer.source.partition(' ')[0]} {offer.as_of}" for offer in offers if offer is not None})
    quality = next((row.ranked.option.quality for row in rows), None)
    parts = [_EVIDENCE if quality is not None and not quality.measured else "Quality: measured here"]
    return "; ".join([*parts, *([f"prices: {', '.join(prices)}"] if prices else [])])
