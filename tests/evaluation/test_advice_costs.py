"""Monthly costs, their steps, and break-evens."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from ecotone.catalog.listing import Tier
from ecotone.evaluation.advice.costs import BreakEven, arithmetic, break_even, monthly_cost
from ecotone.evaluation.advice.options import Option
from ecotone.evaluation.advice.question import Assumptions, Question, Work
from tests.evaluation.advising import machine, offer, option, question


def at_vendor(*prices: str | None, **more: Any) -> Option:
    prompt, answer = prices
    return option("vendor/one", price=offer("vendor", prompt, answer, **more))


def on_machine(rate: str = "100", **more: Any) -> Option:
    return option("box: maker/one", machine=machine(rate=rate, **more))


def with_cache(share: str, sent: int = 1_000) -> Question:
    return question(work=Work(1_000, sent, 100, cached_input_share=Decimal(share)))


def test_a_plain_cost() -> None:
    # 1,000 x (1,000 x 2 + 100 x 10) / 1,000,000 = 3
    assert monthly_cost(at_vendor("2", "10"), question()) == 3


def test_cached_tokens_have_their_price() -> None:
    # 750 cached at 0.2, 250 at 2, 100 at 10: 150 + 500 + 1,000 = 1,650 millionths x 1,000
    vendor = at_vendor("2", "10", cached="0.2")
    assert monthly_cost(vendor, with_cache("0.75")) == Decimal("1.65")
    assert arithmetic(vendor, with_cache("0.75")) == (
        "a request: 250 prompt tokens x $2 / 1,000,000 + 750 cached prompt tokens x $0.2 / 1,000,000"
        " + 100 answer tokens x $10 / 1,000,000 = $0.00165",
        "a month: 1,000 requests x $0.00165 = $1.65",
    )


def test_without_a_price_cached_tokens_cost_what_others_do() -> None:
    assert monthly_cost(at_vendor("2", "10"), with_cache("0.75")) == 3


def test_a_long_prompt_reaches_a_tier() -> None:
    tiers = (Tier(200_000, input=Decimal(4), output=Decimal(15)),)
    vendor = at_vendor("2", "10", tiers=tiers)
    # 200,000 is not above the bound: 400,000 + 1,000 millionths; 200,001 is: 800,004 + 1,500
    assert monthly_cost(vendor, question(1, 200_000)) == Decimal("0.401")
    assert monthly_cost(vendor, question(1, 200_001)) == Decimal("0.801504")
    assert "x $4 /" in arithmetic(vendor, question(1, 200_001))[0]


def test_an_unknown_price_is_an_unknown_cost() -> None:
    assert monthly_cost(at_vendor("2", None), question()) is None
    assert arithmetic(at_vendor("2", None), question()) == ()


def test_a_machine_costs_the_same_busy_or_not() -> None:
    own = on_machine(rent_per_hour=Decimal(1))
    # 100 x 3600 x 730 = 262,800,000 tokens: 2,628,000 requests of 100 tokens
    assert monthly_cost(own, question(1)) == 730
    assert monthly_cost(own, question(2_628_000)) == 730
    assert monthly_cost(own, question(2_628_001)) == 1_460


def test_assumptions_scale_what_they_name() -> None:
    own, vendor = on_machine(rent_per_hour=Decimal(1)), at_vendor("2", "10")
    asked = question(2_628_000)
    dear = Assumptions(vendor_prices=Decimal(9))
    assert monthly_cost(own, replace(asked, assumptions=Assumptions(machine_costs=Decimal("0.5")))) == 365
    assert monthly_cost(own, replace(asked, assumptions=Assumptions(machine_speeds=Decimal("0.5")))) == 1_460
    assert monthly_cost(own, replace(asked, assumptions=dear)) == 730
    assert monthly_cost(vendor, question(assumptions=dear)) == 27
    # The factor is among the steps: 9 x (1,000 x 2 + 100 x 10) / 1,000,000 = 0.027
    assert arithmetic(vendor, question(assumptions=dear))[0].startswith("a request: 9 (assumed) x (")
    assert arithmetic(vendor, question(assumptions=dear))[0].endswith("= $0.027")


def met(answer_price: str, **more: Any) -> BreakEven:
    """A machine for $730 a month, with room for 2,628,000 requests of 100 tokens, against a vendor that charges for
    answers alone."""
    found = break_even(at_vendor("0", answer_price), on_machine(rent_per_hour=Decimal(1), **more), question())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("dollars_per_million", "requests", "always_from"),
    [
        # a request at 10: 0.001; 730 / 0.001 = 730,000, less than half of the room, so no gap ever
        ("10", "730000", "730000"),
        # at 5: 0.0005; 1,460,000. The second pays from 2,920,000, above 2,628,000; the third is needed above 5,256,000
        # and pays from 4,380,000: the gap after the first is the last.
        ("5", "1460000", "2920000"),
    ],
)
def test_a_break_even(dollars_per_million: str, requests: str, always_from: str) -> None:
    row = met(dollars_per_million)
    assert (row.requests, row.always_from) == (Decimal(requests), Decimal(always_from))


def test_in_the_gap_the_vendor_is_cheaper() -> None:
    own, vendor = on_machine(rent_per_hour=Decimal(1)), at_vendor("0", "5")
    for requests, own_is_cheaper in [
        (1_459_999, False),
        (1_460_001, True),
        (2_628_000, True),
        (2_628_001, False),
        (2_919_999, False),
        (2_920_001, True),
        (5_256_001, True),
    ]:
        costs = (monthly_cost(own, question(requests)), monthly_cost(vendor, question(requests)))
        assert costs[0] is not None
        assert costs[1] is not None
        assert (costs[0] < costs[1]) == own_is_cheaper, requests


def test_a_break_even_at_exactly_what_the_machine_can_do() -> None:
    # 2.628 a month; 100 tokens at 0.01 a million are 0.000001; 2.628 / 0.000001 = 2,628,000, which is all it can do.
    own = on_machine(price=Decimal("2.628"), lifetime_months=1)
    row = break_even(at_vendor("0", "0.01"), own, question())
    assert row is not None
    assert row.requests == 2_628_000
    assert row.always_from is None
    assert "every machine" in row.arithmetic[-1]


def test_never() -> None:
    # at 2.5: 0.00025; 730 / 0.00025 = 2,920,000 is more than 2,628,000
    row = met("2.5")
    assert (row.requests, row.always_from) == (None, None)
    assert "never" in row.arithmetic[-1]


def test_a_vendor_that_asks_nothing_is_never_met() -> None:
    row = met("0")
    assert row.requests is None
    assert row.arithmetic[-1] == "the vendor asks nothing"


def test_a_machine_that_costs_nothing_pays_at_once() -> None:
    row = break_even(at_vendor("0", "5"), on_machine(), question())
    assert row is not None
    assert (row.requests, row.always_from) == (Decimal(0), Decimal(0))


def test_there_is_no_break_even_with_an_unknown_price() -> None:
    assert break_even(at_vendor("0", None), on_machine(), question()) is None
