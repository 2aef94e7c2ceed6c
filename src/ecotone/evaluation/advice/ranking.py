"""How options compare: each criterion as a value from 0 to 1, weighed by the asker, with the evidence's uncertainty.

The values do not depend on which other options there are, except that cost is told from the cheapest:

- quality, public evidence: twice the expected share of wins against the best model of the category, 1 for that model
  (Bradley-Terry, as the ratings are defined); measured on a suite of one's own: the score itself.
- cost: 1 for the cheapest, a third less for every factor of ten above it, 0 from a thousand times on.
- lock-in: 1 - 1/n for n places that could run the same model; open weights count one's own machines as a place.
- openness: 0 for closed, 0.25 for weights with restrictions, 0.5 for open weights, 0.75 for open source, 1 for open
  science.
"""

import math
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from ecotone.evaluation.advice.options import Option, Quality
from ecotone.evaluation.advice.question import Criterion, Weights

CRITERIA: tuple[Criterion, ...] = ("quality", "cost", "lock_in", "openness")
DRAWS = 2000
_FACTOR_TO_NOTHING = 1000.0
# A 95 % interval of a normal distribution is so many standard deviations wide.
_INTERVAL_WIDTH = 2 * 1.959964
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
    shares = _winning_shares(ranked, weights, best_rating)
    return tuple(msgspec.structs.replace(row, wins=shares.get(row.option.key, 0.0)) for row in ranked)


def winner(
    options: Sequence[Option], costs: Mapping[str, Decimal], weights: Weights, *, best_rating: float | None
) -> Option | None:
    """The first of `rank`, without the draws."""
    ranked = _ranked(options, costs, weights, best_rating)
    return ranked[0].option if ranked else None


def _ranked(
    options: Sequence[Option], costs: Mapping[str, Decimal], weights: Weights, best_rating: float | None
) -> list[Ranked]:
    if not options:
        return []
    cheapest = min(costs[option.key] for option in options)
    rows = []
    for option in options:
        cost = costs[option.key]
        values: dict[Criterion, float] = {
            "quality": quality_value(option.quality.value, best_rating),
            "cost": cost_value(cost, cheapest),
            "lock_in": 1 - 1 / option.places,
            "openness": _OPENNESS[option.openness],
        }
        low, high = (
            _total({**values, "quality": quality_value(end, best_rating)}, weights)
            for end in (option.quality.low, option.quality.high)
        )
        rows.append(Ranked(option, cost, values, _total(values, weights), low, high, 0.0))
    return sorted(rows, key=lambda row: (-row.total, row.monthly_usd, row.option.key))


def quality_value(quality: float, best_rating: float | None) -> float:
    """A rating as twice the expected share of wins against `best_rating`, at most 1; without that, a score as it is.

    Bradley-Terry on the Elo scale: 400 points are odds of ten to one.
    """
    if best_rating is None:
        return quality
    return min(1.0, 2 / (1 + 10 ** ((best_rating - quality) / 400)))


def cost_value(cost: Decimal, cheapest: Decimal) -> float:
    """1 at the cheapest, falling by a third with every factor of ten. What costs nothing is only beaten by nothing."""
    if cost == cheapest:
        return 1.0
    if cheapest == 0:
        return 0.0
    return max(0.0, 1 - math.log(float(cost / cheapest)) / math.log(_FACTOR_TO_NOTHING))


def _total(values: Mapping[Criterion, float], weights: Weights) -> float:
    shares = {criterion: float(weights.of(criterion)) for criterion in CRITERIA}
    return sum(shares[criterion] * values[criterion] for criterion in CRITERIA) / sum(shares.values())


def _winning_shares(ranked: Sequence[Ranked], weights: Weights, best_rating: float | None) -> dict[str, float]:
    """In what share of draws each option comes first, when every model's quality is drawn from its interval.

    A model has one quality wherever it runs. Quality values beyond the scale's ends are cut off there.
    """
    draw = random.Random(0)  # noqa: S311 - a simulation that anyone can repeat
    whole = float(sum(weights.of(criterion) for criterion in CRITERIA))
    share = float(weights.quality) / whole
    rest = {row.option.key: row.total - share * row.values["quality"] for row in ranked}
    qualities: dict[str, Quality] = {row.option.model: row.option.quality for row in ranked}
    counts: dict[str, int] = {}
    for _ in range(DRAWS):
        drawn = {
            model: quality_value(draw.gauss(quality.value, (quality.high - quality.low) / _INTERVAL_WIDTH), best_rating)
            for model, quality in qualities.items()
        }
        first = max(ranked, key=lambda row: rest[row.option.key] + share * drawn[row.option.model])
        counts[first.option.key] = counts.get(first.option.key, 0) + 1
    return {key: count / DRAWS for key, count in counts.items()}
