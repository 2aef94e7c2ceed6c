"""What the page shows of an answer: rows in the wished order, bars and dots as numbers, words where words are due."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Literal, get_args
from urllib.parse import urlencode

import msgspec

from ecotone.catalog.models import model_facts
from ecotone.catalog.quality import WORK, ranking
from ecotone.evaluation.advice.answer import Advice, Out, Placed
from ecotone.evaluation.advice.costs import BreakEven
from ecotone.evaluation.advice.options import Option, Quality
from ecotone.evaluation.advice.pictures import (
    cost_against_volume,
    quality_against_price,
    what_would_change_it,
)
from ecotone.evaluation.advice.query import as_pairs
from ecotone.evaluation.advice.question import CRITERIA, Question
from ecotone.evaluation.advice.report import break_even_in_words, named, winner_in_words
from ecotone.evaluation.advice.sensitivity import Flip, hard_conditions, without_each
from ecotone.evaluation.markup import Markup
from ecotone.evaluation.plots import unstyled

Column = Literal["place", "name", "quality", "cost", "total", "first", "places"]
Show = Literal["all", "open", "closed"]

_SHOWN = 12
_REASONS = 12
_TRACK = 100.0
_OWN_FIGURES = (
    (re.compile(r"^\$[\d,.]+ a month is over"), "a month costs more than"),
    (re.compile(r"^its context holds [\d,]+ tokens; ([\d,]+) are needed"), r"its context is shorter than \1 tokens"),
    (re.compile(r"^it writes [\d,]+ tokens at most; ([\d,]+) are needed"), r"it writes fewer than \1 tokens"),
    (re.compile(r"^its (rating|score) of [\d.]+"), r"its \1"),
    (re.compile(r"^its first token took [\d]+ ms"), "its first token took too long"),
    (re.compile(r"^it gave [\d]+ tokens/s"), "it was too slow"),
)


class Wish(msgspec.Struct, frozen=True):
    """How the ranking is looked at: `sort` is a column, with a minus before it where the order is reversed."""

    sort: str = "place"
    show: Show = "all"
    every: bool = False

    @property
    def column(self) -> str:
        return self.sort.removeprefix("-")


class Bar(msgspec.Struct, frozen=True):
    """A criterion's part of a total: where it begins and how wide it is, of 100."""

    criterion: str
    start: float
    width: float
    value: float


class Line(msgspec.Struct, frozen=True):
    """A row of the ranking; `dot`, `low` and `high` are places of the quality and its interval, of 100."""

    place: int
    row: Placed
    option: Option
    bars: tuple[Bar, ...]
    dot: float
    low: float
    high: float
    key: str


class Side(msgspec.Struct, frozen=True):
    """The best open or the best closed option; `row` None where none is left."""

    kind: Literal["open", "closed"]
    place: int
    row: Placed | None


class Change(msgspec.Struct, frozen=True):
    """What would change the answer, in words, and the query that tries it."""

    assumption: str
    now: str
    then: str
    winner: str
    because: str
    query: str


class Lifted(msgspec.Struct, frozen=True):
    """A condition without which something else would come first, and the query that tries it."""

    condition: str
    winner: str
    query: str | None


class Reason(msgspec.Struct, frozen=True):
    """Why options are not ranked: the words, and who."""

    words: str
    options: tuple[Option, ...]


class View(msgspec.Struct, frozen=True):
    """All that the answer's template shows. `certainty` is in how many of 100 draws the first stays first."""

    advice: Advice
    first: Placed | None
    sides: tuple[Side, Side]
    certainty: float
    nearest: Change | None
    conditions: tuple[str, ...]
    lines: tuple[Line, ...]
    ranked: int
    timed: bool
    weights: tuple[tuple[str, float], ...]
    break_evens: tuple[tuple[BreakEven, str, str], ...]
    changes: tuple[Change, ...]
    relaxed: tuple[Lifted, ...]
    waiting: tuple[Reason, ...]
    fallen: tuple[Reason, ...]
    sources: tuple[str, ...]
    scatter: Markup | None
    volume: Markup | None
    reach: Markup | None


def wish_of(said: Mapping[str, str]) -> Wish:
    """From the page's query; what is not understood is left at its default."""
    sort, show = said.get("sort", "place"), said.get("show", "all")
    return Wish(
        sort if sort.removeprefix("-") in get_args(Column) else "place",
        next((kind for kind in get_args(Show) if kind == show), "all"),
        said.get("every") == "yes",
    )


def pairs_of_wish(wish: Wish) -> Iterator[tuple[str, str]]:
    """As they stand in a query; nothing for defaults."""
    if wish.sort != "place":
        yield "sort", wish.sort
    if wish.show != "all":
        yield "show", wish.show
    if wish.every:
        yield "every", "yes"


def view_of(advice: Advice, question: Question, wish: Wish) -> View:
    """`question` as it was asked: the answer's own has been completed."""
    placed = advice.placed
    several = len(placed) > 1
    flips = [_change(flip, advice, question) for flip in advice.flips]
    return View(
        advice=advice,
        first=placed[0] if placed else None,
        sides=(_side("open", placed), _side("closed", placed)),
        certainty=100 * placed[0].ranked.wins if placed else 0.0,
        nearest=flips[0] if flips else None,
        conditions=hard_conditions(question),
        lines=tuple(_lines(advice, wish)),
        ranked=sum(wish.show in ("all", row.ranked.option.weights) for row in placed),
        timed=any(row.ranked.option.speed is not None for row in placed),
        weights=_weights(advice.question),
        break_evens=tuple(_break_evens(advice)),
        changes=tuple(flips),
        relaxed=tuple(_relaxed(advice, question)),
        waiting=reasons_of(advice.undecided),
        fallen=reasons_of(advice.fallen),
        sources=tuple(_sources(advice)),
        scatter=unstyled(quality_against_price(advice)) if several else None,
        volume=unstyled(cost_against_volume(advice)) if several else None,
        reach=unstyled(what_would_change_it(advice)) if advice.flips else None,
    )


@cache
def open_models() -> tuple[tuple[str, str], ...]:
    """Ids and names of open models that there is public evidence for: what a machine of one's own could run."""
    found = {}
    for evidence in WORK.values():
        for row in ranking(evidence.category):
            facts = model_facts(row.model)
            if facts is not None and facts.weights == "open":
                found[facts.id] = facts.name
    return tuple(sorted(found.items()))


def _side(kind: Literal["open", "closed"], placed: Iterable[Placed]) -> Side:
    fitting = ((place, row) for place, row in enumerate(placed, 1) if row.ranked.option.weights == kind)
    place, row = next(fitting, (0, None))
    return Side(kind, place, row)


def _lines(advice: Advice, wish: Wish) -> Iterator[Line]:
    """The first ones in the wished order, and the best of each kind wherever they stand."""
    rows = [
        (place, row) for place, row in enumerate(advice.placed, 1) if wish.show in ("all", row.ranked.option.weights)
    ]
    rows.sort(key=lambda pair: _sort_key(wish.column, *pair), reverse=wish.sort.startswith("-"))
    if not wish.every:
        best = {side.place for side in (_side("open", advice.placed), _side("closed", advice.placed))}
        rows = [pair for number, pair in enumerate(rows) if number < _SHOWN or pair[0] in best]
    if not rows:
        return
    qualities = [row.ranked.option.quality for _, row in rows]
    low, high = min(quality.low for quality in qualities), max(quality.high for quality in qualities)
    shares = _weights(advice.question)
    for place, row in rows:
        option = row.ranked.option
        dot, start, end = (
            _TRACK * (value - low) / ((high - low) or 1)
            for value in (option.quality.value, option.quality.low, option.quality.high)
        )
        yield Line(place, row, option, tuple(_bars(row, shares)), dot, start, end, urlencode({"key": option.key}))


def _sort_key(column: str, place: int, row: Placed) -> tuple[float | Decimal | str, int]:
    """Upwards is the better first, but for names."""
    ranked = row.ranked
    match column:
        case "name":
            return ranked.option.name.lower(), place
        case "quality":
            return -ranked.option.quality.value, place
        case "cost":
            return ranked.monthly_usd, place
        case "first":
            return -ranked.wins, place
        case "places":
            return -ranked.option.places, place
        case _:
            return place, place


def _weights(question: Question) -> tuple[tuple[str, float], ...]:
    """The share of each criterion, all together 1."""
    counted = question.counted
    whole = float(sum(counted.of(criterion) for criterion in CRITERIA))
    return tuple((criterion, float(counted.of(criterion)) / whole) for criterion in CRITERIA)


def _bars(row: Placed, shares: Iterable[tuple[str, float]]) -> Iterator[Bar]:
    start = 0.0
    values: Mapping[str, float] = {str(criterion): value for criterion, value in row.ranked.values.items()}
    for criterion, share in shares:
        width = _TRACK * share * values[criterion]
        if width > 0:
            yield Bar(criterion, start, width, values[criterion])
        start += width


def _change(flip: Flip, advice: Advice, question: Question) -> Change:
    table, _, name = flip.field.partition(".")
    part = getattr(question, table)
    value = max(1, round(flip.then)) if table == "work" else flip.then
    tried = msgspec.structs.replace(question, **{table: msgspec.structs.replace(part, **{name: value})})
    factor = table == "assumptions"
    return Change(
        flip.assumption,
        _counted(flip.now, factor=factor and flip.now != 1),
        _counted(flip.then, factor=factor),
        winner_in_words(flip.winner, advice),
        "; ".join(flip.because),
        urlencode(as_pairs(tried)),
    )


def _counted(value: Decimal, *, factor: bool) -> str:
    words = f"{value.normalize():,f}".replace(",", "\u202f")
    return f"{words} times" if factor else words


def _relaxed(advice: Advice, question: Question) -> Iterator[Lifted]:
    without = dict(without_each(question))
    for row in advice.relaxed:
        asked = without.get(row.condition)
        query = None if asked is None else urlencode(as_pairs(asked))
        yield Lifted(row.condition, winner_in_words(row.winner, advice), query)


def _break_evens(advice: Advice) -> Iterator[tuple[BreakEven, str, str]]:
    options = {row.ranked.option.key: row.ranked.option for row in advice.placed}
    options |= {out.option.key: out.option for out in (*advice.undecided, *advice.fallen)}
    for row in advice.break_evens:
        own, vendor = options.get(row.own), options.get(row.vendor)
        if own is not None and vendor is not None:
            yield row, f"{named(own)} against {named(vendor)}", break_even_in_words(row, advice)


def reasons_of(outs: Iterable[Out]) -> tuple[Reason, ...]:
    """The commonest first; an option stands under each of its reasons. What differs by the vendor's name or by how far
    a mark is missed is one reason."""
    found: dict[str, list[Option]] = {}
    for out in outs:
        place = out.option.place
        for words in dict.fromkeys(_of_many(reason.text, place) for reason in out.reasons):
            found.setdefault(words, []).append(out.option)
    rows = sorted(found.items(), key=lambda pair: -len(pair[1]))
    shown = [Reason(words, tuple(options)) for words, options in rows[:_REASONS]]
    rest = {option.key: option for _, options in rows[_REASONS:] for option in options}
    if rest:
        count = len(rows) - _REASONS
        words = "one rarer reason" if count == 1 else f"{count} rarer reasons"
        shown.append(Reason(words, tuple(rest.values())))
    return tuple(shown)


def _of_many(words: str, vendor: str) -> str:
    """The reason without what is the option's own: the vendor's name, and the figure that misses a mark."""
    words = re.sub(rf"(?<!\w){re.escape(vendor)}(?!\w)", "the vendor", words)
    for own, common in _OWN_FIGURES:
        words = own.sub(common, words)
    return words


def _sources(advice: Advice) -> Iterator[str]:
    qualities: set[Quality] = {row.ranked.option.quality for row in advice.placed}
    for source, day in sorted({(quality.source, quality.as_of) for quality in qualities}):
        yield f"Quality: {source}, {day}"
    offers = [offer for row in advice.placed if (offer := row.ranked.option.offer) is not None]
    for source, day in sorted({(offer.source, offer.as_of) for offer in offers}):
        yield f"Prices: {source}, {day}"
