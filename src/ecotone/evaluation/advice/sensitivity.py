"""Which assumption, changed by how much, changes the answer."""

from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import msgspec

from ecotone.evaluation.advice.conditions import Standing
from ecotone.evaluation.advice.costs import AS_FOUND, Assumptions
from ecotone.evaluation.advice.question import Question

_STEP = Decimal("1.5")
_STEPS_MAX = 11
"""A factor of about 86 either way; what takes more than that is no assumption about to fail."""
_REFINEMENTS = 11


class Outcome(msgspec.Struct, frozen=True):
    """Key of the option that comes first under some assumptions (None if none is left), and how all stand."""

    winner: str | None
    standings: tuple[Standing, ...]


# Fields of `Limits` and what they demand.
_LIMITS = {
    "monthly_usd_max": "${:,.2f} a month at most",
    "rating_min": "a rating of {} points at least",
    "score_min": "{:.0%} right at least",
    "first_token_ms_max": "the first token within {:,} ms, where measured here",
    "tokens_per_s_min": "{:g} tokens/s at least, where measured here",
    "weights": "{} weights",
}

Outcomes = Callable[[Question, Assumptions], Outcome]


class Flip(msgspec.Struct, frozen=True):
    """`assumption`, now at `now` (in `unit`), changes the winner to `winner` (None: nothing is left) at `then`, which
    is `factor` times as much: the nearest point found in steps of a half, in that direction, rounded away from `now`
    to three digits. `because` is why what came first falls out there; empty where it is only overtaken."""

    assumption: str
    unit: str
    now: Decimal
    then: Decimal
    factor: Decimal
    winner: str | None
    because: tuple[str, ...] = ()


class Relaxed(msgspec.Struct, frozen=True):
    """Without `condition`, `winner` would come first."""

    condition: str
    winner: str


class _Knob(msgspec.Struct, frozen=True):
    """Something that can be scaled: its value now, and the question and assumptions with it scaled."""

    assumption: str
    unit: str
    now: Decimal
    scaled: Callable[[Decimal], tuple[Question, Assumptions]]


def flips(question: Question, outcomes: Outcomes) -> tuple[Flip, ...]:
    """For each assumption and direction the nearest value that changes the winner; the nearest first."""
    first = outcomes(question, AS_FOUND).winner
    found = []
    for knob in _knobs(question):
        for step in (_STEP, 1 / _STEP):
            flip = _nearest(knob, step, first, outcomes)
            if flip is not None:
                found.append(flip)
    return tuple(sorted(found, key=lambda flip: max(flip.factor, 1 / flip.factor)))


def _nearest(knob: _Knob, step: Decimal, first: str | None, outcomes: Outcomes) -> Flip | None:
    def at(factor: Decimal) -> Outcome:
        return outcomes(*knob.scaled(factor))

    same, factor = Decimal(1), Decimal(1)
    for _ in range(_STEPS_MAX):
        factor *= step
        if at(factor).winner != first:
            break
        same = factor
    else:
        return None
    for _ in range(_REFINEMENTS):
        middle = (same * factor).sqrt()
        if at(middle).winner == first:
            same = middle
        else:
            factor = middle
    then = at(factor)
    because = next((row.broken + row.open for row in then.standings if row.option.key == first), ())
    return Flip(
        knob.assumption,
        knob.unit,
        knob.now,
        _outward(knob.now * factor, factor),
        _outward(factor, factor),
        then.winner,
        tuple(reason.text for reason in because),
    )


def _outward(value: Decimal, factor: Decimal) -> Decimal:
    """To three digits, away from where it came from, without an exponent."""
    rounding = ROUND_CEILING if factor > 1 else ROUND_FLOOR
    return Decimal(f"{Context(prec=3, rounding=rounding).plus(value):f}")


def _knobs(question: Question) -> Iterator[_Knob]:
    def worked(name: str) -> Callable[[Decimal], tuple[Question, Assumptions]]:
        def scaled(factor: Decimal) -> tuple[Question, Assumptions]:
            amount = max(1, round(getattr(question.work, name) * factor))
            work = msgspec.structs.replace(question.work, **{name: amount})
            return msgspec.structs.replace(question, work=work), AS_FOUND

        return scaled

    def weighed(name: str) -> Callable[[Decimal], tuple[Question, Assumptions]]:
        def scaled(factor: Decimal) -> tuple[Question, Assumptions]:
            weights = msgspec.structs.replace(question.weights, **{name: getattr(question.weights, name) * factor})
            return msgspec.structs.replace(question, weights=weights), AS_FOUND

        return scaled

    def assumed(name: str) -> Callable[[Decimal], tuple[Question, Assumptions]]:
        return lambda factor: (question, Assumptions(**{name: factor}))

    work = question.work
    yield _Knob("requests a month", "requests", Decimal(work.requests_per_month), worked("requests_per_month"))
    yield _Knob("tokens of a prompt", "tokens", Decimal(work.input_tokens), worked("input_tokens"))
    yield _Knob("tokens of an answer", "tokens", Decimal(work.output_tokens), worked("output_tokens"))
    yield _Knob("all vendors' prices", "times today's", Decimal(1), assumed("vendor_prices"))
    if question.machines:
        yield _Knob("cost of own machines", "times as stated", Decimal(1), assumed("machine_costs"))
        yield _Knob("speed of own machines", "times as stated", Decimal(1), assumed("machine_speeds"))
    for name in ("quality", "cost", "lock_in", "openness"):
        now: Decimal = getattr(question.weights, name)
        if now:
            yield _Knob(f"weight of {name.replace('_', '-')}", "", now, weighed(name))


def relaxations(question: Question, outcomes: Outcomes) -> tuple[Relaxed, ...]:
    """Each hard condition whose removal, alone, changes the winner."""
    first = outcomes(question, AS_FOUND).winner
    found = []
    for condition, without in _without_each(question):
        other = outcomes(without, AS_FOUND).winner
        if other is not None and other != first:
            found.append(Relaxed(condition, other))
    return tuple(found)


def hard_conditions(question: Question) -> tuple[str, ...]:
    """What an option must keep to be ranked, in words."""
    return tuple(condition for condition, _ in _without_each(question))


def _without_each(question: Question) -> Iterator[tuple[str, Question]]:
    privacy, limits, work = question.privacy, question.limits, question.work
    replace = msgspec.structs.replace

    if not privacy.may_leave:
        yield "the texts may not leave the own machines", replace(question, privacy=replace(privacy, may_leave=True))
    if privacy.regions is not None:
        where = ", ".join(privacy.regions)
        yield f"a vendor keeps the texts in {where}", replace(question, privacy=replace(privacy, regions=None))
    if privacy.retention_days_max is not None:
        days = f"a vendor keeps the texts for {privacy.retention_days_max} days at most"
        yield days, replace(question, privacy=replace(privacy, retention_days_max=None))
    if not privacy.training_allowed:
        yield "no vendor trains on the texts", replace(question, privacy=replace(privacy, training_allowed=True))
    if privacy.baa_needed:
        yield (
            "a vendor signs a business associate agreement",
            replace(question, privacy=replace(privacy, baa_needed=False)),
        )
    for name, words in _LIMITS.items():
        value = getattr(limits, name)
        if value is not None:
            yield words.format(value), replace(question, limits=replace(limits, **{name: None}))
    for need in work.needs:
        rest = tuple(other for other in work.needs if other != need)
        yield f"it can do {need}", replace(question, work=replace(work, needs=rest))
    if question.providers is not None:
        yield "only the listed vendors", replace(question, providers=None)
    if question.models is not None:
        yield "only the listed models", replace(question, models=None)
    if question.train_on_outputs:
        yield "the answers may train another model", replace(question, train_on_outputs=False)
