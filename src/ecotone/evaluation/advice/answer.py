"""The whole answer: what is ranked, what fell out, what it rests on, what would change it."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from ecotone.catalog.quality import SNAPSHOT, WORK, expected_wins, ranking
from ecotone.catalog.verdicts import Reason
from ecotone.evaluation.advice.conditions import Standing, standing
from ecotone.evaluation.advice.costs import BreakEven, arithmetic, break_even, cost_per_request, monthly_cost
from ecotone.evaluation.advice.options import Measurement, Option, gather
from ecotone.evaluation.advice.question import Question
from ecotone.evaluation.advice.ranking import Contest, Ranked, rank
from ecotone.evaluation.advice.sensitivity import Flip, Relaxed, flips, relaxations
from ecotone.evaluation.advice.variations import Variations, cheapest_places
from ecotone.values.errors import SetupError

_PRICES_AGE_DAYS = 90


class Placed(msgspec.Struct, frozen=True):
    """A ranked option with the steps to its cost, its duties and what else speaks for or against it.

    `elsewhere` are the other places where the same model stands too. `equivalents` are the keys of options of other
    models as good within the evidence (their quality intervals overlap) that cost at most half as much again: what one
    could move to.
    """

    ranked: Ranked
    arithmetic: tuple[str, ...]
    standing: Standing
    elsewhere: tuple[str, ...]
    equivalents: tuple[str, ...]
    reasons: tuple[str, ...]


class Out(msgspec.Struct, frozen=True):
    """An option that is not ranked, and why."""

    option: Option
    reasons: tuple[Reason, ...]


class Advice(msgspec.Struct, frozen=True):
    """`placed` is the ranking. `undecided` would stand but for questions that nobody has answered; `fallen` break a
    hard condition. Of each model only its best place of each kind of hosting is ranked; `other_places` counts the
    rest. `best_rating` is that of the best model of the category, whether it is in reach or not (None if measured)."""

    question: Question
    today: date
    placed: tuple[Placed, ...]
    undecided: tuple[Out, ...]
    fallen: tuple[Out, ...]
    other_places: int
    best_rating: float | None
    break_evens: tuple[BreakEven, ...]
    flips: tuple[Flip, ...]
    relaxed: tuple[Relaxed, ...]
    notes: tuple[str, ...]


class _Judged(msgspec.Struct, frozen=True):
    """All options under one question; `best` are those to rank, with their costs by key."""

    standings: tuple[Standing, ...]
    best: tuple[Option, ...]
    costs: Mapping[str, Decimal]


def advise(
    question: Question,
    measurements: Mapping[str, Measurement],
    *,
    today: date,
    newer: str | None = None,
) -> Advice:
    """The answer to `question`. `measurements` are results from here, by catalog id; with a suite in the question they
    decide the quality, and always the speed. `newer`: see `catalog.models.catalog`. Raises SetupError where there is
    no evidence at all."""
    options = gather(question, measurements, today=today, newer=newer)
    if not options:
        raise SetupError(_no_evidence(question))
    best_rating = None if question.work.suite else ranking(WORK[question.work.category].category)[0].rating.rating
    judged = _judge(options, question, today)
    ranked = rank(judged.best, judged.costs, question.counted, best_rating=best_rating)
    standings = {row.option.key: row for row in judged.standings}
    places: dict[str, set[str]] = {}
    for row in judged.standings:
        if row.stands:
            places.setdefault(row.option.model, set()).add(row.option.place)
    placed = tuple(
        Placed(
            row,
            arithmetic(row.option, question),
            standings[row.option.key],
            tuple(sorted(places[row.option.model] - {row.option.place})),
            _equivalents(row, ranked),
            _reasons(row, ranked),
        )
        for row in ranked
    )

    def pool(asked: Question) -> tuple[Option, ...]:
        """Only another choice of vendors or models takes other options into view."""
        if (asked.providers, asked.models) == (question.providers, question.models):
            return options
        return gather(asked, measurements, today=today, newer=newer)

    variations = Variations(question, judged.standings, best_rating=best_rating)

    def winner(asked: Question) -> str | None:
        if variations.holds(asked):
            return variations.winner(asked)
        found = _judge(pool(asked), asked, today)
        return Contest(found.best, best_rating=best_rating).winner(found.costs, asked.counted)

    def why_out(key: str, asked: Question) -> tuple[str, ...]:
        option = next(option for option in options if option.key == key)
        found = standing(option, asked, monthly_cost(option, asked), today=today)
        return tuple(reason.text for reason in found.broken + found.open)

    return Advice(
        question=question,
        today=today,
        placed=placed,
        undecided=tuple(Out(row.option, row.open) for row in judged.standings if row.open and not row.broken),
        fallen=tuple(Out(row.option, row.broken) for row in judged.standings if row.broken),
        other_places=sum(row.stands for row in judged.standings) - len(placed),
        best_rating=best_rating,
        break_evens=_break_evens(placed, options, question),
        flips=flips(question, winner, why_out),
        relaxed=relaxations(question, winner),
        notes=_notes(question, placed, today),
    )


def _no_evidence(question: Question) -> str:
    if question.work.suite:
        return (
            f"nothing was measured on suite {question.work.suite!r} yet; run `ecotone eval run --suite"
            f" {question.work.suite}` first, or leave the suite out to go by public evidence"
        )
    return (
        f"no model has both public evidence for {question.work.category!r} and a place to run under this question;"
        " name more models, vendors or machines"
    )


def _judge(options: Iterable[Option], question: Question, today: date) -> _Judged:
    costs: dict[str, Decimal] = {}
    standings = []
    standing_ones = []
    for option in options:
        cost = monthly_cost(option, question)
        found = standing(option, question, cost, today=today)
        standings.append(found)
        if cost is not None and found.stands:
            costs[option.key] = cost
            standing_ones.append(option)
    best = cheapest_places(standing_ones, costs)
    return _Judged(tuple(standings), best, {option.key: costs[option.key] for option in best})


def _equivalents(row: Ranked, ranked: Iterable[Ranked]) -> tuple[str, ...]:
    mine = row.option.quality
    return tuple(
        other.option.key
        for other in ranked
        if other.option.model != row.option.model
        and other.option.quality.high >= mine.low
        and other.option.quality.low <= mine.high
        and other.monthly_usd <= row.monthly_usd * Decimal("1.5")
    )


def _reasons(row: Ranked, ranked: tuple[Ranked, ...]) -> tuple[str, ...]:
    """What stands out about it, in words."""
    found = []
    best = max(ranked, key=lambda other: other.option.quality.value)
    cheapest = min(ranked, key=lambda other: other.monthly_usd)
    quality, top = row.option.quality, best.option.quality
    if row.option.model == best.option.model:
        found.append("the best quality among those that may be used")
    elif quality.measured:
        found.append(f"{100 * (top.value - quality.value):.0f} points of 100 below the best, {best.option.name}")
    else:
        losing = expected_wins(top.value, quality.value)
        overlap = "; the intervals overlap" if quality.high >= top.low else ""
        found.append(
            f"{top.value - quality.value:.0f} rating points below the best, {best.option.name}, which it would lose"
            f" to in {100 * losing:.0f} of 100 comparisons{overlap}"
        )
    if row.monthly_usd == cheapest.monthly_usd:
        found.append("none costs less")
    elif cheapest.monthly_usd > 0:
        found.append(f"{row.monthly_usd / cheapest.monthly_usd:.1f} times the cost of the cheapest")
    if quality.setting is not None:
        reasons = quality.setting.startswith(("thinking", "reasoning"))
        hidden = ", so hidden reasoning counts among the tokens of an answer" if reasons else ""
        found.append(f"rated as: {quality.setting}{hidden}")
    return tuple(found)


def _break_evens(placed: tuple[Placed, ...], options: tuple[Option, ...], question: Question) -> tuple[BreakEven, ...]:
    """Each ranked own machine against the best-placed vendor, and against the cheapest vendor of the same model, be it
    one that fell out."""
    own = [row.ranked.option for row in placed if row.ranked.option.machine is not None]
    vendors = [row.ranked.option for row in placed if row.ranked.option.machine is None]
    found: dict[tuple[str, str], BreakEven] = {}
    for mine in own:
        same = [
            (each, option.key, option)
            for option in options
            if option.model == mine.model and (each := cost_per_request(option, question)) is not None
        ]
        for vendor in (*vendors[:1], *(option for _, _, option in sorted(same)[:1])):
            row = break_even(vendor, mine, question)
            if row is not None:
                found[vendor.key, mine.key] = row
    return tuple(found.values())


def _notes(question: Question, placed: tuple[Placed, ...], today: date) -> tuple[str, ...]:
    found = ["This is information drawn from the sources named, not legal advice."]
    evidence = WORK.get(question.work.category)
    if question.work.suite is None and evidence is not None and not evidence.direct:
        found.append(f"Public evidence for {question.work.category} is not direct: {evidence.note}.")
    if question.work.suite is None:
        found.append("Ratings say what a crowd prefers in chat, not what is right; measure with `ecotone eval run`.")
        found.append(f"They are of {SNAPSHOT.as_of}: what came out later has none, and is not ranked until measured.")
    oldest = min((offer.as_of for row in placed if (offer := row.ranked.option.offer) is not None), default=today)
    if (today - oldest).days > _PRICES_AGE_DAYS:
        found.append(
            f"Some prices are {(today - oldest).days} days old; `ecotone catalog refresh` takes newer ones, and the"
            " vendor's own page has the last word."
        )
    limits = question.limits
    wished = limits.first_token_ms_max is not None or limits.tokens_per_s_min is not None
    if wished and any(row.ranked.option.speed is None for row in placed):
        found.append("Speed was wished for, but not measured here for every option: see the ones without a figure.")
    return tuple(found)
