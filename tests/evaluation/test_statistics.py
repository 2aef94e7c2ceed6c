"""Numbers marked with a call were computed by scipy 1.17.1 and statsmodels 0.15.0; the others by hand."""

import math
import random
from collections.abc import Callable
from itertools import product

import pytest

from ecotone.evaluation.statistics import (
    Interval,
    Mean,
    clustered_mean,
    mcnemar_exact,
    mean_interval,
    paired_difference,
    percentile,
    required_cases,
    tango,
    wilson,
)


def close(interval: Interval | None, low: float, high: float, within: float = 1e-9) -> bool:
    return interval is not None and abs(interval.low - low) < within and abs(interval.high - high) < within


# statsmodels.stats.proportion.proportion_confint(successes, n, 1 - confidence, "wilson")
@pytest.mark.parametrize(
    ("successes", "n", "confidence", "low", "high"),
    [
        (0, 20, 0.95, 0.0, 0.16112515805281938),
        (20, 20, 0.95, 0.8388748419471806, 1.0),
        (13, 20, 0.95, 0.43285427668523624, 0.818808175898918),
        (1, 50, 0.95, 0.003539259271646236, 0.10495443589637815),
        (137, 200, 0.99, 0.5956112081334786, 0.7625083603287746),
        (1, 1, 0.95, 0.20654931437723745, 1.0),
    ],
)
def test_wilson_agrees_with_statsmodels(successes: int, n: int, confidence: float, low: float, high: float) -> None:
    assert close(wilson(successes, n, confidence), low, high)


def test_nothing_measured_is_unknown() -> None:
    assert wilson(0, 0) is None
    assert mean_interval([]) is None
    assert clustered_mean([], []) is None
    assert paired_difference([], []) is None
    assert percentile([], 50) is None


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, math.inf])
def test_a_score_outside_its_range_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([0.5, wrong])
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired_difference([0.5], [wrong])


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 3"):
        wilson(4, 3)
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 3, 95)
    with pytest.raises(ValueError, match="as many"):
        paired_difference([1, 0], [1])
    with pytest.raises(ValueError, match="clusters"):
        clustered_mean([1, 0], ["one"])
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)
    with pytest.raises(ValueError, match="number of cases"):
        tango(3, 3, 5)


def exact_coverage(n: int) -> float:
    """The chance that Wilson's interval holds the true rate, averaged over a fine grid of rates from 0.05 to 0.95."""
    intervals = [wilson(k, n) for k in range(n + 1)]
    ways = [math.comb(n, k) for k in range(n + 1)]
    rates = [0.05 + 0.9 * (i + 0.5) / 901 for i in range(901)]
    covered = 0.0
    for rate in rates:
        for k, interval in enumerate(intervals):
            if interval is not None and rate in interval:
                covered += ways[k] * rate**k * (1 - rate) ** (n - k)
    return covered / len(rates)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_wilson_covers_as_often_as_it_says_counted_exactly(n: int) -> None:
    assert 0.94 <= exact_coverage(n) <= 0.96


@pytest.mark.parametrize("n", [20, 50, 200])
def test_wilson_covers_as_often_as_it_says_in_a_simulation(n: int) -> None:
    chance = random.Random(n)
    covered = 0
    for _ in range(6000):
        rate = chance.uniform(0.05, 0.95)
        interval = wilson(sum(chance.random() < rate for _ in range(n)), n)
        covered += interval is not None and rate in interval
    assert 0.94 <= covered / 6000 <= 0.96


def test_scores_right_or_wrong_get_wilsons_interval() -> None:
    assert mean_interval([1] * 13 + [0] * 7) == wilson(13, 20)
    assert mean_interval([1.0] * 20) == wilson(20, 20)
    assert mean_interval([0.0]) == wilson(0, 1)


def test_graded_scores_get_a_narrower_interval_but_never_none() -> None:
    graded = mean_interval([0.6, 0.7, 0.8, 0.7] * 5)
    certain = mean_interval([0.7] * 20)
    coarse = wilson(14, 20)
    assert graded is not None and certain is not None and coarse is not None
    assert coarse.high - coarse.low > 2 * (graded.high - graded.low)
    # f = 1/21 and t(19) = 2.093024, so s = 2.093024² / (20 * 21) = 0.0104304 in
    # (0.7 + s / 2 ± sqrt(s (0.21 + s / 4))) / (1 + s).
    assert close(certain, 0.651330, 0.744541, 1e-5)


def grades(chance: random.Random) -> float:
    return chance.choices([0.0, 0.25, 0.5, 0.75, 1.0], [1, 1, 2, 4, 2])[0]


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(
    ("draw", "true", "high"),
    [
        (grades, 0.625, 0.97),
        (lambda chance: chance.betavariate(0.5, 0.5), 0.5, 0.97),
        # Scores close together: their spread is not believed at once, so the interval is a little wide at 20.
        (lambda chance: chance.betavariate(8, 2), 0.8, 0.995),
        (lambda chance: chance.betavariate(9, 0.5), 9 / 9.5, 0.995),
    ],
)
def test_intervals_of_graded_scores_cover_the_true_mean(
    draw: Callable[[random.Random], float], true: float, high: float, n: int
) -> None:
    chance = random.Random(5)
    covered = 0
    for _ in range(1000):
        interval = mean_interval([draw(chance) for _ in range(n)])
        covered += interval is not None and true in interval
    assert 0.935 <= covered / 1000 <= high


def test_the_design_effect_agrees_with_statsmodels() -> None:
    scores = [1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    clusters = [case // 4 for case in range(16)]
    # OLS(scores, 1): cluster-robust variance without correction 0.0234375, plain variance 0.0166667; times G / (G - 1).
    found = clustered_mean(scores, clusters)
    assert found is not None
    assert found.design_effect == pytest.approx(0.0234375 * 4 / 3 / (1 / 60))
    assert found.n_effective == pytest.approx(16 / 1.875)
    assert found.clusters == 4
    # scipy.stats.t.ppf(0.975, 15) = 2.1314495, of 3 degrees 3.1824463; Wilson's limits for 8/16 of an effective
    # 16 / 1.875 * (2.1314495 / 3.1824463)² = 3.82779 cases: 0.5 ± sqrt(s (0.25 + s / 4)) / (1 + s) for
    # s = 3.841459 / 3.82779.
    assert close(found.interval, 0.5 - 0.35387, 0.5 + 0.35387, 1e-4)


@pytest.mark.parametrize("scores", [[1.0, 0.0, 1.0, 1.0, 0.0], [0.2, 0.9, 0.5, 1.0, 0.7], [1.0] * 5])
def test_a_source_for_each_case_changes_nothing(scores: list[float]) -> None:
    found = clustered_mean(scores, list("abcde"))
    assert found == clustered_mean(scores)
    assert found is not None and found.design_effect == 1.0 and found.n_effective == 5
    assert found.interval == mean_interval(scores)


def test_clusters_never_make_an_interval_narrower() -> None:
    # Each cluster has one right and one wrong case: the means of clusters are more alike than chance would have them.
    found = clustered_mean([1, 0] * 10, [case // 2 for case in range(20)])
    plain = wilson(10, 20)
    assert found is not None and plain is not None
    assert found.design_effect == 1.0
    assert found.interval.low < plain.low and found.interval.high > plain.high


def test_one_source_tells_nothing_of_others() -> None:
    assert clustered_mean([1, 1, 0], ["book"] * 3) == Mean(2 / 3, Interval(0.0, 1.0), 3, 1, 3.0, 1.0)


def test_all_right_counts_each_source_once() -> None:
    found = clustered_mean([1] * 12, [case // 3 for case in range(12)])
    four = wilson(4, 4)
    assert found is not None and four is not None
    assert found.n_effective == 4
    assert found.interval.high == 1.0 and found.interval.low < four.low


@pytest.mark.parametrize("sizes", [(5,), (1, 2, 8)])
@pytest.mark.parametrize("together", [0.1, 0.3, 0.7])
def test_clustered_intervals_cover_where_plain_ones_do_not(together: float, sizes: tuple[int, ...]) -> None:
    """Twenty sources whose own rates vary: `together` is the correlation of two cases of one source."""
    chance = random.Random(3)
    covered = plainly = 0
    for _ in range(600):
        rate, weight = chance.uniform(0.05, 0.95), 1 / together - 1
        scores, clusters = [], []
        for source in range(20):
            own = chance.betavariate(rate * weight, (1 - rate) * weight)
            for _ in range(chance.choice(sizes)):
                scores.append(float(chance.random() < own))
                clusters.append(source)
        found, plain = clustered_mean(scores, clusters), mean_interval(scores)
        covered += found is not None and rate in found.interval
        plainly += plain is not None and rate in plain
    assert covered / 600 >= 0.91
    assert covered > plainly + 20


# statsmodels.stats.contingency_tables.mcnemar([[3, only_a], [only_b, 4]], exact=True).pvalue
@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (0, 0, 1.0),
        (5, 0, 0.0625),
        (6, 0, 0.03125),
        (1, 8, 0.0390625),
        (12, 5, 0.143463134765625),
        (40, 20, 0.01348929373119186),
        (7, 7, 1.0),
    ],
)
def test_mcnemar_agrees_with_statsmodels(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar_exact(only_a, only_b) == pytest.approx(p, rel=1e-12)


# The limits at which the score statistic is 1.959964 (scipy.optimize.brentq), its constrained likelihood maximised by
# scipy.optimize.minimize_scalar.
@pytest.mark.parametrize(
    ("only_a", "only_b", "n", "low", "high"),
    [
        (10, 2, 50, 0.02805799580774295, 0.3005048113585933),
        (1, 0, 20, -0.11918141673596627, 0.23613119344681122),
        (0, 0, 20, -0.1611251628707082, 0.1611251580529113),
        (12, 3, 20, 0.07437542882895933, 0.7052714599445054),
        (5, 5, 200, -0.035772270747592205, 0.03577227067050313),
        (40, 20, 100, 0.04913130332998569, 0.3410225245421602),
    ],
)
def test_tango_agrees_with_a_numerical_likelihood(only_a: int, only_b: int, n: int, low: float, high: float) -> None:
    assert close(tango(only_a, only_b, n), low, high, 1e-6)
    assert close(tango(only_b, only_a, n), -high, -low, 1e-6)


def test_tango_at_the_ends() -> None:
    every = tango(20, 0, 20)
    # All the rest of the chance is on either side alike, so n (1 - d) / (1 + d) = z² and d = (n - z²) / (n + z²).
    assert every.high == 1.0
    assert every.low == pytest.approx((20 - 3.8414588) / (20 + 3.8414588))
    assert close(tango(0, 20, 20), -1.0, -every.low)


def test_identical_models_do_not_differ() -> None:
    for scores in ([1.0, 0.0, 1.0, 1.0], [0.2, 0.4, 0.9, 1.0]):
        for clusters in (None, list("aabb")):
            result = paired_difference(scores, scores, clusters)
            assert result is not None
            assert (result.difference, result.p, result.only_a, result.only_b, result.clear) == (0, 1, 0, 0, False)
            assert result.interval.low < 0 < result.interval.high


def test_the_paired_result_counts_who_was_right_alone() -> None:
    a, b = [1.0] * 9 + [0.0, 0.0], [1.0, *[0.0] * 8, 0.0, 1.0]
    result = paired_difference(a, b)
    assert result is not None
    assert (result.n, result.only_a, result.only_b) == (11, 8, 1)
    assert result.difference == pytest.approx(7 / 11)
    assert result.p == pytest.approx(0.0390625)
    assert result.interval == tango(8, 1, 11)
    assert result.clear


@pytest.mark.parametrize(("only_a", "n"), [(5, 20), (4, 8), (4, 4), (5, 5)])
def test_the_interval_holds_zero_where_the_test_sees_no_difference(only_a: int, n: int) -> None:
    result = paired_difference([1.0] * n, [0.0] * only_a + [1.0] * (n - only_a))
    assert result is not None
    assert result.p > 0.05 and not result.clear
    # Tango's interval alone leaves out zero here: its test is a little less strict.
    assert tango(only_a, 0, n).low > 0


def test_the_test_and_the_interval_never_disagree_on_binary_scores() -> None:
    for n in (6, 20, 60):
        for only_a, only_b in product(range(n + 1), repeat=2):
            if only_a + only_b <= n:
                a = [1.0] * only_a + [0.0] * (n - only_a)
                b = [0.0] * only_a + [1.0] * only_b + [0.0] * (n - only_a - only_b)
                result = paired_difference(a, b)
                assert result is not None
                assert result.clear == (result.p <= 0.05), (n, only_a, only_b)


def exact_false_alarms(n: int) -> list[float]:
    """The chance of p <= 0.05 for two equal models, over how often they differ: sums over all outcomes."""
    rejected = []
    for differing in range(n + 1):
        outcomes = [k for k in range(differing + 1) if mcnemar_exact(k, differing - k) <= 0.05]
        rejected.append(sum(math.comb(differing, k) for k in outcomes) / 2.0**differing)
    rates = []
    for disagreement in (share / 20 for share in range(1, 21)):
        chances = (math.comb(n, d) * disagreement**d * (1 - disagreement) ** (n - d) for d in range(n + 1))
        rates.append(sum(share * alarm for share, alarm in zip(chances, rejected, strict=True)))
    return rates


@pytest.mark.parametrize("n", [20, 50, 200])
def test_the_paired_test_raises_few_false_alarms_counted_exactly(n: int) -> None:
    rates = exact_false_alarms(n)
    assert max(rates) <= 0.05
    assert max(rates) >= 0.02, "a test that never rejects would pass too"


@pytest.mark.parametrize("n", [20, 50])
def test_paired_results_in_a_simulation(n: int) -> None:
    """Outcomes (only a, only b, both, neither) with chances uniform over all there are."""
    chance = random.Random(n)
    covered = alarms = 0
    for _ in range(1500):
        weights = [chance.expovariate(1) for _ in range(4)]
        true = (weights[0] - weights[1]) / sum(weights)
        result = draw_pairs(chance, weights, n)
        covered += true in result
        even = (weights[0] + weights[1]) / 2
        alarms += 0.0 not in draw_pairs(chance, [even, even, *weights[2:]], n)
    assert 0.94 <= covered / 1500 <= 0.98
    assert alarms / 1500 <= 0.05


def draw_pairs(chance: random.Random, weights: list[float], n: int) -> Interval:
    pairs = chance.choices([(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)], weights, k=n)
    result = paired_difference([a for a, _ in pairs], [b for _, b in pairs])
    assert result is not None
    return result.interval


def test_the_sign_flip_test_agrees_with_scipy() -> None:
    # scipy.stats.permutation_test((a, b), mean difference, permutation_type="samples", n_resamples=inf).pvalue
    result = paired_difference([0.25, 0.5, 0.5, 1, 0, 0.75], [0, 0.25, 0.75, 0.25, 0, 0])
    assert result is not None
    assert result.p == pytest.approx(0.25)


def test_the_sign_flip_test_of_binary_scores_is_mcnemars() -> None:
    a, b = [1.0] * 10 + [0.0, 0.0, 0.5], [0.0] * 8 + [1.0, 1.0, 1.0, 0.0, 0.5]
    graded, binary = paired_difference(a, b), paired_difference(a[:-1], b[:-1])
    assert graded is not None and binary is not None
    assert graded.p == pytest.approx(binary.p) == pytest.approx(mcnemar_exact(8, 1))


def test_cases_of_one_source_count_as_one_throw() -> None:
    # Eight cases for a and none for b, from two sources: the signs of two sources can agree by chance one time in two.
    result = paired_difference([1.0] * 8, [0.0] * 8, [1, 1, 1, 1, 2, 2, 2, 2])
    assert result is not None
    assert (result.p, result.clusters, result.clear) == (0.5, 2, False)
    alone = paired_difference([1.0] * 8, [0.0] * 8, ["book"] * 8)
    assert alone is not None
    assert alone.interval == Interval(-1.0, 1.0) and alone.p == 1


def test_a_bootstrap_can_be_repeated() -> None:
    chance = random.Random(1)
    a, b = [chance.random() for _ in range(40)], [chance.random() for _ in range(40)]
    assert paired_difference(a, b, seed=7) == paired_difference(a, b, seed=7)
    other = paired_difference(a, b, seed=8)
    first = paired_difference(a, b, seed=7)
    assert first is not None and other is not None
    assert first.interval != other.interval
    assert close(first.interval, other.interval.low, other.interval.high, 0.02)


def test_graded_pairs_in_a_simulation() -> None:
    chance = random.Random(11)
    covered = alarms = 0
    for _ in range(100):
        a, b = [grades(chance) for _ in range(20)], [grades(chance) for _ in range(20)]
        result = paired_difference(a, b)
        assert result is not None
        alarms += result.p <= 0.05
        shifted = paired_difference(a, [chance.betavariate(2, 2) for _ in range(20)])
        assert shifted is not None
        covered += 0.125 in shifted.interval
    # Of 100 runs, with three standard errors to spare.
    assert alarms <= 11
    assert covered >= 88


def test_paired_clusters_in_a_simulation() -> None:
    """Ten sources of five cases: the models are equal on average, but on one source each has a rate of its own."""
    chance = random.Random(12)
    alarms = blind = 0
    for _ in range(150):
        a, b = [], []
        for _ in range(10):
            rates = chance.betavariate(1, 1), chance.betavariate(1, 1)
            a += [float(chance.random() < rates[0]) for _ in range(5)]
            b += [float(chance.random() < rates[1]) for _ in range(5)]
        result = paired_difference(a, b, [case // 5 for case in range(50)])
        plain = paired_difference(a, b)
        assert result is not None and plain is not None
        alarms += result.clear
        blind += plain.clear
    assert alarms / 150 <= 0.05
    assert blind / 150 > 0.1, "without the sources the same cases would raise false alarms"


# numpy.percentile(values, percent, method="inverted_cdf")
@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([4, 1, 3, 2], 50, 2),
        ([4, 1, 3, 2], 95, 4),
        ([4, 1, 3, 2], 25, 1),
        (list(range(1, 21)), 95, 19),
        (list(range(1, 21)), 50, 10),
        ([0.3], 95, 0.3),
    ],
)
def test_percentiles_agree_with_numpy(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_a_percentile_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="percent"):
        percentile([1, 2], 0)


def power(n: int, difference: float, disagreement: float) -> float:
    """The chance that McNemar's exact test sees the difference with n cases: sums over all outcomes."""
    only_a, only_b = (disagreement + difference) / 2, (disagreement - difference) / 2
    found = 0.0
    for a, b in product(range(n + 1), repeat=2):
        if a + b <= n and a > b and mcnemar_exact(a, b) <= 0.05:
            ways = math.comb(n, a) * math.comb(n - a, b)
            found += ways * only_a**a * only_b**b * (1 - disagreement) ** (n - a - b)
    return found


@pytest.mark.parametrize(("difference", "disagreement"), [(0.2, 0.3), (0.25, 0.4), (0.3, 0.3)])
def test_that_many_cases_find_a_difference_four_times_in_five(difference: float, disagreement: float) -> None:
    n = required_cases(difference, disagreement=disagreement)
    # The formula is that of the approximate test; the exact one needs a few cases more.
    assert 0.7 < power(n, difference, disagreement) < 0.86


def test_required_cases_by_hand() -> None:
    # (1.959964 sqrt(0.3) + 0.841621 sqrt(0.3 - 0.01))² / 0.01 = (1.073516 + 0.453225)² / 0.01 = 233.09
    assert required_cases(0.1) == 234
    with pytest.raises(ValueError, match="above 0"):
        required_cases(0)
