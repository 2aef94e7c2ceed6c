"""Values of criteria, totals, draws: against numbers worked out by hand."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import Weights
from ecotone.evaluation.advice.ranking import Contest, Ranked, cost_value, quality_value, rank
from tests.evaluation.advising import option, quality


@pytest.mark.parametrize(
    ("below", "value"),
    # 2 / (1 + 10^(d / 400)): 10^0 = 1; 10^1 = 10; 10^0.5 = 3.16228; 10^2 = 100
    [(0, 1.0), (400, 2 / 11), (200, 2 / 4.1622777), (800, 2 / 101), (-400, 2 / 1.1)],
)
def test_quality_is_twice_the_share_of_wins(below: float, value: float) -> None:
    assert quality_value(1500 - below, 1500) == pytest.approx(value, rel=1e-7)


def test_a_measured_score_is_its_own_value() -> None:
    assert quality_value(0.83, None) == 0.83


@pytest.mark.parametrize(
    ("cost", "cheapest", "value"),
    [
        ("100", "100", 1.0),
        ("1000", "100", 2 / 3),
        ("10000", "100", 1 / 3),
        ("100000", "100", 0.0),
        ("1000000", "100", 0.0),
        # Under a dollar a month all cost a dollar.
        ("0.5", "0", 1.0),
        ("10", "0", 2 / 3),
        ("0", "0", 1.0),
    ],
)
def test_cost_falls_by_a_third_with_every_factor_of_ten(cost: str, cheapest: str, value: float) -> None:
    assert cost_value(Decimal(cost), Decimal(cheapest)) == pytest.approx(value)


def ranked(options: list[Option], costs: Mapping[str, str], weights: Weights | None = None) -> dict[str, Ranked]:
    dollars = {key: Decimal(cost) for key, cost in costs.items()}
    return {row.option.key: row for row in rank(options, dollars, weights or Weights(), best_rating=1500)}


def test_a_total_by_hand() -> None:
    good = option("good", rating=quality(1500), places=1, weights="closed", openness="API only")
    cheap = option("cheap", model="maker/two", rating=quality(1100), places=4)
    rows = ranked([cheap, good], {"good": "1000", "cheap": "10"})
    # good: (5 x 1 + 3 x (1 - 2 / 3) + 1 x 0) / 9 = 6 / 9; cheap: (5 x 2 / 11 + 3 x 1 + 1 x 0.75) / 9 = 4.65909 / 9
    assert rows["good"].total == pytest.approx(6 / 9)
    assert rows["cheap"].total == pytest.approx(0.5176768, abs=1e-6)
    assert list(rows) == ["good", "cheap"]
    # low: 5 points less, 2 / (1 + 10^0.0125) = 0.985611, 5 x 0.014389 / 9 = 0.007994 less
    assert rows["good"].low == pytest.approx(6 / 9 - 0.007994, abs=1e-5)


def test_openness_counts_where_it_is_weighed() -> None:
    science = option("science", openness="open science")
    closed = option("closed", model="maker/two", weights="closed", openness="API only")
    only = Weights(quality=Decimal(0), cost=Decimal(0), lock_in=Decimal(0), openness=Decimal(2))
    rows = ranked([science, closed], {"science": "5", "closed": "5"}, only)
    assert (rows["science"].total, rows["closed"].total) == (1.0, 0.0)


def test_ties_go_to_the_cheaper_then_by_name() -> None:
    only = Weights(quality=Decimal(1), cost=Decimal(0), lock_in=Decimal(0))
    options = [option(key, model=f"maker/{key}") for key in ("c", "b", "a")]
    assert list(ranked(options, {"a": "9", "b": "8", "c": "8"}, only)) == ["b", "c", "a"]
    assert Contest(options, best_rating=1500).winner(dict.fromkeys("abc", Decimal(1)), only) == "a"


def test_draws_sum_to_one_and_are_the_same_again() -> None:
    options = [option(f"o{n}", model=f"maker/{n}", rating=quality(1400 + n, 20)) for n in range(8)]
    costs = dict.fromkeys((row.key for row in options), "100")
    rows = ranked(options, costs)
    assert sum(row.wins for row in rows.values()) == pytest.approx(1)
    assert {key: row.wins for key, row in rows.items()} == {k: row.wins for k, row in ranked(options, costs).items()}


def test_the_share_of_draws_is_the_chance_to_be_better() -> None:
    # Ratings 10 points apart, 95 % intervals of +- 10: the difference has deviation 10 / 1.959964 x sqrt(2) = 7.2153,
    # and is above 0 with the chance Phi(10 / 7.2153) = Phi(1.38594) = 0.91712. 2,000 draws: deviation 0.0062.
    only = Weights(quality=Decimal(1), cost=Decimal(0), lock_in=Decimal(0))
    options = [option("a", rating=quality(1410, 10)), option("b", model="maker/two", rating=quality(1400, 10))]
    assert ranked(options, {"a": "5", "b": "5"}, only)["a"].wins == pytest.approx(0.917, abs=0.02)


def test_the_best_model_is_drawn_above_its_rating_too() -> None:
    # The same with the better one rated best of all: nothing is cut off, so the chance is the same.
    only = Weights(quality=Decimal(1), cost=Decimal(0), lock_in=Decimal(0))
    options = [option("a", rating=quality(1500, 10)), option("b", model="maker/two", rating=quality(1490, 10))]
    assert ranked(options, {"a": "5", "b": "5"}, only)["a"].wins == pytest.approx(0.917, abs=0.02)


def test_places_of_one_model_share_its_draws() -> None:
    here, there = option("here"), option("there")
    rows = ranked([here, there], {"here": "10", "there": "20"})
    assert (rows["here"].wins, rows["there"].wins) == (1.0, 0.0)


def test_nothing_to_rank() -> None:
    assert rank([], {}, Weights(), best_rating=1500) == ()
    assert Contest([], best_rating=1500).winner({}, Weights()) is None
