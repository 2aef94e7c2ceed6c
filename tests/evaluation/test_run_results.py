"""The numbers of a summary against numbers worked out by hand, and by formulas written down anew here."""

import math
from decimal import Decimal

import pytest

from ecotone.evaluation.estimate import smallest_difference
from ecotone.evaluation.results import Comparison, average, summarise
from ecotone.evaluation.statistics import Interval
from ecotone.evaluation.wording import in_words
from tests.evaluation.made_up_runs import failed, identity, keyed, result, run_of, suite

Z = 1.959963984540054  # the normal distribution's 97.5th percentile


def wilson_by_hand(right: int, n: int) -> tuple[float, float]:
    p = right / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return centre - half, centre + half


def test_a_score_its_interval_and_the_times() -> None:
    one = suite("code", 10)
    rows = [
        result("m", "code", n, 1.0 if n < 7 else 0.0, first_token_s=(n + 1) / 10, total_s=(n + 1) / 10 + 0.5)
        for n in range(8)
    ]
    rows += [failed("m", "code", 8, "timeout"), failed("m", "code", 9, "upstream_failed")]
    summary = summarise(run_of([identity("m", "vendor")], [one]), {"code": one}, keyed(rows))
    found = summary.of("m", "code")
    assert (found.cases, found.scored, found.right, found.failed, found.missing) == (10, 8, 7, 2, 0)
    assert found.score == 7 / 8, "failures are not wrong answers"
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(wilson_by_hand(7, 8))
    assert (round(found.interval.low, 4), round(found.interval.high, 4)) == (0.5291, 0.9776)
    assert found.method == "wilson"
    assert (found.first_token_p50_s, found.first_token_p95_s) == (0.4, 0.8)
    assert found.tokens_per_s == pytest.approx(10 / 0.5), "ten tokens after the first, in half a second"
    assert (found.input_tokens, found.output_tokens) == (800, 88)
    assert found.failures == {"timeout": 1, "upstream_failed": 1}
    assert (found.cost_usd, found.own_machine, summary.unpriced) == (None, False, ("m",))


def test_costs_are_exact_and_an_unknown_one_makes_the_sum_unknown() -> None:
    one = suite("code", 3)
    rows = [result("m", "code", n, 1.0, cost_usd=Decimal("0.1")) for n in range(3)]
    models = [identity("m", "vendor"), identity("here", "embedded")]
    rows += [result("here", "code", n, 1.0) for n in range(3)]
    summary = summarise(run_of(models, [one]), {"code": one}, keyed(rows))
    priced, here = summary.of("m", "code"), summary.of("here", "code")
    assert (priced.cost_usd, priced.cost_per_case_usd) == (Decimal("0.3"), Decimal("0.1"))
    assert summary.spent_usd == Decimal("0.3")
    assert (here.cost_usd, here.own_machine) == (None, True)
    assert summary.unpriced == ()
    rows[0] = result("m", "code", 0, 1.0)
    assert summarise(run_of(models, [one]), {"code": one}, keyed(rows)).of("m", "code").cost_usd is None


def test_cases_of_one_source_widen_the_interval() -> None:
    together, apart = suite("s", 8, source="doc"), suite("s", 8)
    rows = [result("m", "s", n, 1.0 if n < 4 else 0.0) for n in range(8)]
    run = run_of([identity("m", "vendor")], [together])
    wide = summarise(run, {"s": together}, keyed(rows)).of("m", "s")
    plain = summarise(run, {"s": apart}, keyed(rows)).of("m", "s")
    assert wide.interval is not None and plain.interval is not None
    assert (wide.method, wide.clusters, plain.method, plain.clusters) == ("clustered", 4, "wilson", 8)
    assert wide.score == plain.score == 0.5
    assert wide.interval.low < plain.interval.low and wide.interval.high > plain.interval.high


def test_a_paired_comparison_counts_cases_that_both_answered() -> None:
    one = suite("code", 12)
    # Both right on 2, only b right on 8, only a on none, both wrong on 1; the twelfth was not answered by a.
    scores = [(1, 1)] * 2 + [(0, 1)] * 8 + [(0, 0)]
    rows = [result("a", "code", n, float(x)) for n, (x, _) in enumerate(scores)]
    rows += [result("b", "code", n, float(y)) for n, (_, y) in enumerate(scores)]
    rows += [failed("a", "code", 11, "timeout"), result("b", "code", 11, 1.0)]
    models = [identity("a", "vendor"), identity("b", "vendor")]
    (found,) = summarise(run_of(models, [one]), {"code": one}, keyed(rows)).comparisons
    assert (found.a, found.b, found.n, found.only_a, found.only_b) == ("a", "b", 11, 0, 8)
    assert found.difference == pytest.approx(8 / 11)
    assert found.p == pytest.approx(2 / 2**8), "eight throws of a coin, all on one side, either side"
    assert found.clear and 0 < found.interval.low < 8 / 11 < found.interval.high < 1


def test_over_all_suites_each_counts_the_same() -> None:
    small, large = suite("small", 2), suite("large", 20)
    rows = [result("m", "small", n, 1.0) for n in range(2)] + [result("m", "large", n, 0.0) for n in range(20)]
    suites = {"small": small, "large": large}
    overall = summarise(run_of([identity("m", "vendor")], [small, large]), suites, keyed(rows)).of("m", None)
    assert overall.score == 0.5
    low, _ = wilson_by_hand(2, 2)
    _, high = wilson_by_hand(0, 20)
    assert overall.interval is not None
    assert overall.interval.low == pytest.approx(0.5 - (1 - low) / 2)
    assert overall.interval.high == pytest.approx(0.5 + high / 2)


def test_the_average_of_two_estimates() -> None:
    value, interval = average([(0.2, Interval(0.1, 0.6)), (0.6, Interval(0.2, 0.9))])
    assert value == pytest.approx(0.4)
    # Below: the root of 0.1^2 + 0.4^2, halved; above: of 0.4^2 + 0.3^2, which is 0.5, halved.
    assert (interval.low, interval.high) == pytest.approx((0.4 - math.sqrt(0.17) / 2, 0.65))


def test_a_run_that_has_just_begun_has_no_scores() -> None:
    one = suite("code", 3)
    models = [identity("a", "vendor"), identity("b", "vendor")]
    summary = summarise(run_of(models, [one]), {"code": one}, {})
    assert summary.comparisons == ()
    row = summary.of("a", None)
    assert (row.score, row.interval, row.missing, row.cost_usd) == (None, None, 3, None)


def test_in_words() -> None:
    code = Comparison("a", "b", "code", 40, 0.375, Interval(0.17, 0.57), 0.001, 1, 16, clear=True)
    maths = Comparison("a", "b", "maths", 40, 0.05, Interval(-0.1, 0.2), 0.6, 5, 7, clear=False)
    safety = Comparison("a", "b", "safety", 40, -0.2, Interval(-0.31, -0.06), 0.01, 9, 1, clear=True)
    overall = Comparison("a", "b", None, 120, 0.075, Interval(0.01, 0.14), None, 15, 24, clear=True)
    assert in_words("a", "b", [code]) == "b is better than a on code by 38 points (17 to 57)."
    assert in_words("a", "b", [safety]) == "a is better than b on safety by 20 points (6 to 31)."
    assert in_words("a", "b", [maths]) == "No difference seen between a and b on maths (-10 to +20)."
    assert in_words("a", "b", [code, maths, safety, overall]) == (
        "b is better than a on the average of all suites by 7.5 points (1 to 14) and on code by 38 points (17 to 57);"
        " a is better than b on safety by 20 points (6 to 31); no difference seen on maths (-10 to +20)."
    )


def test_what_so_many_cases_can_show() -> None:
    # Connor's formula; on three cases in ten just one of the two is right.
    def needed(d: float) -> float:
        share = max(0.3, d)
        return ((Z * math.sqrt(share) + 0.8416212335729143 * math.sqrt(share - d * d)) / d) ** 2

    for cases in (20, 100, 400):
        least = smallest_difference(cases)
        assert least is not None
        assert needed(least) <= cases < needed(least - 0.01)
    # On thirteen cases it would take 51 points; the formula's 100 points on four are no news.
    assert [smallest_difference(cases) for cases in (2, 4, 13)] == [None, None, None]
    assert needed(0.5) > 13
