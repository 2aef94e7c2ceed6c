"""Flips of a made-up pair of options whose crossing is known from a formula."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from ecotone.evaluation.advice.costs import monthly_cost
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import Limits, Privacy, Question, Weights, Work
from ecotone.evaluation.advice.ranking import Contest
from ecotone.evaluation.advice.sensitivity import Flip, flips, hard_conditions, relaxations
from tests.evaluation.advising import machine, offer, option, question

# A vendor at $10 for a million tokens of answers, and a machine for $730 a month that gives 262,800,000 tokens: with
# answers of 100 tokens they cost the same at 730 / 0.001 = 730,000 requests. Alike in all else, so the cheaper wins.
VENDOR = option("vendor/one", price=offer("vendor", "0", "10"))
BOX = machine(rent_per_hour=Decimal(1))
OWN = option("box: maker/one", machine=BOX)


def affordable(options: tuple[Option, ...], asked: Question) -> dict[str, Decimal]:
    """What each costs, with the budget as the only condition."""
    costs = {row.key: monthly_cost(row, asked) or Decimal(0) for row in options}
    cap = asked.limits.monthly_usd_max
    return {key: cost for key, cost in costs.items() if cap is None or cost <= cap}


def cheapest(options: tuple[Option, ...], asked: Question) -> str | None:
    return Contest(options, best_rating=1500).winner(affordable(options, asked), asked.counted)


def both(asked: Question) -> str | None:
    return cheapest((VENDOR, OWN), asked)


def why_out(key: str, asked: Question) -> tuple[str, ...]:
    return () if key in affordable((VENDOR, OWN), asked) else ("over the limit",)


def found(asked: Question, assumption: str, *, up: bool) -> Flip | None:
    rows = [row for row in flips(asked, both, why_out) if row.assumption == assumption and (row.factor > 1) == up]
    assert len(rows) <= 1
    return rows[0] if rows else None


@pytest.mark.parametrize(
    ("assumption", "up", "then"),
    # Today 365,000 requests: 365 at the vendor, 730 here. Twice the volume, the answers or the prices; half the costs.
    [
        ("requests a month", True, "730000"),
        ("tokens of an answer", True, "200"),
        ("all vendors' prices", True, "2"),
        ("cost of own machines", False, "0.5"),
    ],
)
def test_the_crossing_is_where_the_formula_has_it(assumption: str, up: bool, then: str) -> None:
    flip = found(question(365_000, machines=(BOX,)), assumption, up=up)
    assert flip is not None
    assert flip.winner == OWN.key
    assert flip.because == ()
    table, _, name = flip.field.partition(".")
    assert getattr(getattr(question(365_000), table), name) == flip.now
    # To three digits, on the far side: a thousandth of slack for the search, a hundredth for rounding.
    assert float(flip.then) == pytest.approx(float(then), rel=0.011)
    assert (flip.then >= Decimal(then) * Decimal("0.999")) if up else (flip.then <= Decimal(then) * Decimal("1.001"))


def test_what_changes_nothing_is_not_listed() -> None:
    asked = question(365_000, machines=(BOX,))
    # Twice the speed makes one idle machine idler; prompts cost nothing at either; half of the volume is the vendor's.
    assert found(asked, "speed of own machines", up=True) is None
    assert found(asked, "tokens of a prompt", up=True) is None
    assert found(asked, "requests a month", up=False) is None


def test_the_nearest_comes_first() -> None:
    rows = flips(question(365_000, machines=(BOX,)), both, why_out)
    distances = [max(row.factor, 1 / row.factor) for row in rows]
    assert distances == sorted(distances)


def test_a_limit_is_named_as_the_reason() -> None:
    # The vendor at 365 with a limit of 400: prices at 400 / 365 = 1.096 times leave nothing, as the machine costs 730.
    flip = found(question(365_000, limits=Limits(monthly_usd_max=Decimal(400))), "all vendors' prices", up=True)
    assert flip is not None
    assert (flip.then, flip.winner, flip.because) == (Decimal("1.10"), None, ("over the limit",))


def test_a_weight_flips_where_the_formula_has_it() -> None:
    # The dearer one has more places, and a value of 1 - log10(730 / 365) / 3 = 0.899657 for cost, which weighs 3;
    # lock-in 1 - 1/8 = 0.875 against 0.5: even where w x 0.375 = 3 x 0.100343, w = 0.802747.
    many = replace(OWN, places=8)
    asked = question(365_000, weights=Weights(lock_in=Decimal("0.5")))
    rows = flips(asked, lambda changed: cheapest((VENDOR, many), changed), why_out)
    (flip,) = [row for row in rows if row.assumption == "weight of lock-in"]
    assert (flip.now, flip.then, flip.winner) == (Decimal("0.5"), Decimal("0.803"), OWN.key)


def test_a_hard_switch_weighs_lock_in_three_times() -> None:
    many = replace(OWN, places=8)

    def first(switching: str) -> str | None:
        work = replace(Work(365_000, 1_000, 100), switching=switching)
        asked = question(work=work, weights=Weights(lock_in=Decimal("0.5")))
        return cheapest((VENDOR, many), asked)

    # 0.5 and 0.25 are below 0.8027, 1.5 is above.
    assert [first(word) for word in ("easy", "normal", "hard")] == [VENDOR.key, VENDOR.key, OWN.key]


def test_conditions_that_cost_the_first_place() -> None:
    asked = question(365_000, limits=Limits(monthly_usd_max=Decimal(300)))
    (relaxed,) = relaxations(asked, both)
    assert (relaxed.condition, relaxed.winner) == ("$300.00 a month at most", VENDOR.key)


def test_conditions_in_words() -> None:
    work = replace(Work(1, 1, 1), needs=("tools",))
    privacy = Privacy(may_leave=False, regions=("EU", "CH"), retention_days_max=30, baa_needed=True)
    limits = Limits(Decimal(5), 1400, None, 900, 12.5, "open")
    asked = question(
        work=work, privacy=privacy, limits=limits, providers=("openai",), models=("a/b",), train_on_outputs=True
    )
    assert hard_conditions(asked) == (
        "the texts may not leave the own machines",
        "a vendor keeps the texts in EU, CH",
        "a vendor keeps the texts for 30 days at most",
        "no vendor trains on the texts",
        "a vendor signs a business associate agreement",
        "$5.00 a month at most",
        "a rating of 1400 points at least",
        "the first token within 900 ms, where measured here",
        "12.5 tokens/s at least, where measured here",
        "open weights",
        "it can do tools",
        "only the listed vendors",
        "only the listed models",
        "the answers may train another model",
    )
