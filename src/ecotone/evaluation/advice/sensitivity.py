"""Which assumption, changed by how much, changes the answer."""

from collections.abc import Callable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal

import msgspec

from ecotone.evaluation.advice.question import CRITERIA, Question

_STEP = Decimal("1.5")
_STEPS_MAX = 11
"""A factor of about 86 either way; what takes more than that is no assumption about to fail."""
_REFINEMENTS = 11


Winner = Callable[[Question], str | None]
"""The key of the option that comes first when that is asked; None if none is left."""

WhyOut = Callable[[str, Question], tuple[str, ...]]
"""Why the option of that key is not ranked when that is asked; empty if it is."""

# Fields of `Limits` and what they demand.
_LIMITS = {
    "monthly_usd_max": "${:,.2f} a month at most",
    "rating_min": "a rating of {} points at least",
    "score_min": "{:.0%} right at least",
    "first_token_ms_max": "the first token within {:,} ms, where measured here",
    "tokens_per_s_min": "{:g} tokens/s at least, where measured here",
    "weights": "{} weights",
}


class Flip(msgspec.Struct, frozen=True):
    """`assumption`, now at `now` (in `unit`), changes the winner to `winner` (None: nothing is left) at `then`, which
    is `factor` times as much: the nearest point found in steps of a half, in that direction, rounded away from `now`
    to three digits. `field` is where the question has it, like `work.input_tokens`. `because` is why what came first
    falls out there; empty where it is only overtaken."""

    assumption: str
    field: str
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
    """Something in a table of the question that can be scaled, and its value now."""

    assumption: str
    table: Literal["work", "weights", "assumptions"]
    name: str
    unit: str
    now: Decimal

    def scaled(self, question: Question, factor: Decimal) -> Question:
        value = self.now * factor
        amount = max(1, round(value)) if self.table == "work" else value
        changed = msgspec.structs.replace(getattr(question, self.table), **{self.name: amount})
        return msgspec.structs.replace(question, **{self.table: changed})


def flips(question: Question, winner: Winner, why_out: WhyOut) -> tuple[Flip, ...]:
    """For each assumption and direction the nearest value that changes the winner; the nearest first."""
    first = winner(question)
    found = []
    for knob in _knobs(question):
        for step in (_STEP, 1 / _STEP):
            found_at = _nearest(question, knob, step, first, winner)
            if found_at is not None:
                then = knob.scaled(question, found_at)
                because = () if first is None else why_out(first, then)
                found.append(_flip(knob, found_at, winner(then), because))
    return tuple(sorted(found, key=lambda flip: max(flip.factor, 1 / flip.factor)))


def _nearest(question: Question, knob: _Knob, step: Decimal, first: str | None, winner: Winner) -> Decimal | None:
    """The factor at which the winner is another one; None if there is none within reach."""
    same, factor = Decimal(1), Decimal(1)
    for _ in range(_STEPS_MAX):
        factor *= step
        if winner(knob.scaled(question, factor)) != first:
            break
        same = factor
    else:
        return None
    for _ in range(_REFINEMENTS):
        middle = (same * factor).sqrt()
        if winner(knob.scaled(question, middle)) == first:
            same = middle
        else:
            factor = middle
    return factor


def _flip(knob: _Knob, factor: Decimal, winner: str | None, because: tuple[str, ...]) -> Flip:
    return Flip(
        knob.assumption,
        f"{knob.table}.{knob.name}",
        knob.unit,
        knob.now,
        _outward(knob.now * factor, factor),
        _outward(factor, factor),
        winner,
        because,
    )


def _outward(value: Decimal, factor: Decimal) -> Decimal:
    """To three digits, away from where it came from, without an exponent."""
    rounding = ROUND_CEILING if factor > 1 else ROUND_FLOOR
    return Decimal(f"{Context(prec=3, rounding=rounding).plus(value):f}")


def _knobs(question: Question) -> Iterator[_Knob]:
    work, weights, assumed = question.work, question.weights, question.assumptions
    for name, words, unit in (
        ("requests_per_month", "requests a month", "requests"),
        ("input_tokens", "tokens of a prompt", "tokens"),
        ("output_tokens", "tokens of an answer", "tokens"),
    ):
        yield _Knob(words, "work", name, unit, Decimal(getattr(work, name)))
    yield _Knob("all vendors' prices", "assumptions", "vendor_prices", "times today's", assumed.vendor_prices)
    if question.machines:
        yield _Knob("cost of own machines", "assumptions", "machine_costs", "times as stated", assumed.machine_costs)
        yield _Knob("speed of own machines", "assumptions", "machine_speeds", "times as stated", assumed.machine_speeds)
    for criterion in CRITERIA:
        now = weights.of(criterion)
        if now:
            yield _Knob(f"weight of {criterion.replace('_', '-')}", "weights", criterion, "", now)


def relaxations(question: Question, winner: Winner) -> tuple[Relaxed, ...]:
    """Each hard condition whose removal, alone, changes the winner."""
    first = winner(question)
    found = []
    for condition, without in without_each(question):
        other = winner(without)
        if other is not None and other != first:
            found.append(Relaxed(condition, other))
    return tuple(found)


def hard_conditions(question: Question) -> tuple[str, ...]:
    """What an option must keep to be ranked, in words."""
    return tuple(condition for condition, _ in without_each(question))


def without_each(question: Question) -> Iterator[tuple[str, Question]]:
    """Each hard condition in words, and the question without it."""
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
