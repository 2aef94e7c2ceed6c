"""How options compare: each criterion as a value from 0 to 1, weighed by the asker, with the evidence's uncertainty.

The values do not depend on which other options there are, except that cost is told from the cheapest:

- quality, public evidence: twice the expected share of wins against the best model of the category, 1 for that model
  (Bradley-Terry, as the ratings are defined); measured on a suite of one's own: the score itself.
- cost: 1 for the cheapest, a third less for every factor of ten above it, 0 from a thousand times on. A month for
  less than a dollar counts as one for a dollar: nobody chooses by that.
- lock-in: 1 - 1/n for n places that could run the same model; open weights count one's own machines as a place.
- openness: 0 for closed, 0.25 for weights with restrictions or an unknown licence, 0.5 for open weights, 0.75 for
  open source, 1 for open science.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from ecotone.catalog.quality import expected_wins
from ecotone.evaluation.advice.options import Option, Quality
from ecotone.evaluation.advice.question import CRITERIA, Criterion, Weights

DRAWS = 2000
_FACTOR_TO_NOTHING = 1000.0
_LEAST_USD = Decimal(1)
# A 95 % interval of a normal distribution is so many standard deviations wide.
_INTERVAL_WIDTH = 2 * 1.959964
# Further from its mean than this many standard deviations no draw comes to lie; who needs that is not drawn at all.
_FAR = 6.0
_ROUNDING = 1e-9
_OPENNESS = {
    "closed": 0.0,
    "API only": 0.0,
    "open weights with restrictions": 0.25,
    "open weights": 0.5,
    "open source": 0.75,
    "open science": 1.0,
}


class Ranked(msgspec.Struct, frozen=True):
    """An option in its place. `total` is the weighted mean of `values`, `low` and `high` what it would be at the ends
    of the quality's interval, `wins` the share of draws from the intervals in which it comes first."""

    option: Option
    monthly_usd: Decimal
    values: Mapping[Criterion, float]
    total: float
    low: float
    high: float
    wins: float


def rank(
    options: Sequence[Option], costs: Mapping[str, Decimal], weights: Weights, *, best_rating: float | None
) -> tuple[Ranked, ...]:
    """All options, the best first; `costs` are US dollars a month by the option's key.

    `best_rating` is that of the category's best model, in or out of reach; None where quality is a suite's score.
    """
    ranked = _ranked(options, costs, weights, best_rating)
    if not ranked:
        return ()
    shares = _winning_shares(ranked, weights, best_rating)
    return tuple(msgspec.structs.replace(row, wins=shares.get(row.option.key, 0.0)) for row in ranked)


class Contest:
    """Who comes first, for many costs and weights of the same options: the first of `rank` without the rest."""

    def __init__(self, options: Iterable[Option], *, best_rating: float | None) -> None:
        """`best_rating` as for `rank`. `options` are all that may ever be told apart, by their keys."""
        self._merits = {option.key: _merits(option, best_rating) for option in options}
        self._orders: dict[Weights, list[tuple[float, str]]] = {}

    def winner(self, costs: Mapping[str, Decimal], weights: Weights) -> str | None:
        """The key of the best of those that have a cost here (US dollars a month); None if there are none."""
        if not costs:
            return None
        cheapest, shares = min(costs.values()), _shares(weights)
        first: tuple[float, Decimal, str] | None = None
        for bound, key in self._order(weights):
            if first is not None and bound < -first[0] - _ROUNDING:
                break
            cost = costs.get(key)
            if cost is not None:
                total = _total({**self._merits[key], "cost": cost_value(cost, cheapest)}, shares)
                first = min((-total, cost, key), first) if first is not None else (-total, cost, key)
        return None if first is None else first[2]

    def _order(self, weights: Weights) -> list[tuple[float, str]]:
        """All options with the total that they would have if none cost less, the highest first."""
        found = self._orders.get(weights)
        if found is None:
            shares = _shares(weights)
            totals = ((_total({**merits, "cost": 1.0}, shares), key) for key, merits in self._merits.items())
            found = self._orders[weights] = sorted(totals, reverse=True)
        return found


def _ranked(
    options: Sequence[Option], costs: Mapping[str, Decimal], weights: Weights, best_rating: float | None
) -> list[Ranked]:
    if not options:
        return []
    cheapest = min(costs[option.key] for option in options)
    shares = _shares(weights)
    rows = []
    for option in options:
        cost = costs[option.key]
        values = _values(option, cost, cheapest, best_rating)
        low, high = (
            _total({**values, "quality": quality_value(end, best_rating)}, shares)
            for end in (option.quality.low, option.quality.high)
        )
        rows.append(Ranked(option, cost, values, _total(values, shares), low, high, 0.0))
    return sorted(rows, key=lambda row: (-row.total, row.monthly_usd, row.option.key))


def _values(option: Option, cost: Decimal, cheapest: Decimal, best_rating: float | None) -> dict[Criterion, float]:
    merits = _merits(option, best_rating)
    return {**merits, "cost": cost_value(cost, cheapest)}


def _merits(option: Option, best_rating: float | None) -> dict[Criterion, float]:
    """Every value but that of its cost, which alone depends on what is asked and on the others."""
    return {
        "quality": quality_value(option.quality.value, best_rating),
        "lock_in": 1 - 1 / option.places,
        "openness": _OPENNESS[option.openness or "open weights with restrictions"],
    }


def quality_value(quality: float, best_rating: float | None) -> float:
    """A rating as twice the expected share of wins against `best_rating`; without that, a score as it is.

    Bradley-Terry on the Elo scale: 400 points are odds of ten to one. What is drawn or bounded above the best model's
    rating comes to more than 1.
    """
    if best_rating is None:
        return quality
    return 2 * expected_wins(quality, best_rating)


def cost_value(cost: Decimal, cheapest: Decimal) -> float:
    """1 at the cheapest, falling by a third with every factor of ten; both at least a dollar."""
    ratio = max(cost, _LEAST_USD) / max(cheapest, _LEAST_USD)
    return max(0.0, 1 - math.log(ratio) / math.log(_FACTOR_TO_NOTHING))


_Shares = tuple[float, float, float, float, float]


def _shares(weights: Weights) -> _Shares:
    """The weight of each of `CRITERIA` as a float, and their sum."""
    quality, cost, lock_in, openness = (float(weights.of(criterion)) for criterion in CRITERIA)
    return quality, cost, lock_in, openness, quality + cost + lock_in + openness


def _total(values: Mapping[Criterion, float], shares: _Shares) -> float:
    quality, cost, lock_in, openness, whole = shares
    return (
        quality * values["quality"]
        + cost * values["cost"]
        + lock_in * values["lock_in"]
        + openness * values["openness"]
    ) / whole


def _winning_shares(ranked: Sequence[Ranked], weights: Weights, best_rating: float | None) -> dict[str, float]:
    """In what share of draws each option comes first, when every model's quality is drawn from its interval.

    A model has one quality wherever it runs.
    """
    draw = random.Random(0)  # noqa: S311 - a simulation that anyone can repeat
    whole = float(sum(weights.of(criterion) for criterion in CRITERIA))
    share = float(weights.quality) / whole
    rest: dict[str, tuple[float, str]] = {}
    for row in ranked:  # of a model's places only the best can come first, whatever its quality
        without = row.total - share * row.values["quality"]
        if row.option.model not in rest or without > rest[row.option.model][0]:
            rest[row.option.model] = without, row.option.key
    spread = {row.option.model: (row.option.quality.value, _deviation(row.option.quality)) for row in ranked}
    floor = max(
        (rest[model][0] + share * quality_value(mean - _FAR * deviation, best_rating))
        for model, (mean, deviation) in spread.items()
    )
    contenders = [
        (*rest[model], mean, deviation)
        for model, (mean, deviation) in spread.items()
        if rest[model][0] + share * quality_value(mean + _FAR * deviation, best_rating) >= floor
    ]
    counts: dict[str, int] = {}
    for _ in range(DRAWS):
        totals = [
            without + share * quality_value(draw.gauss(mean, deviation), best_rating)
            for without, _, mean, deviation in contenders
        ]
        key = contenders[totals.index(max(totals))][1]
        counts[key] = counts.get(key, 0) + 1
    return {key: count / DRAWS for key, count in counts.items()}


def _deviation(quality: Quality) -> float:
    return (quality.high - quality.low) / _INTERVAL_WIDTH
