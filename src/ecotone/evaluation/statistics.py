"""How sure can we be? Intervals and tests for scores between 0 and 1, honest for twenty cases as for two thousand.

A right-or-wrong score is 1 or 0; a graded one lies between. Everything is a pure function of its arguments: where
chance is used, a seed is given. Nothing measured (no case at all) is None, never 0.

Sources, cited below by their letters:

A  Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4: Student's t for whole degrees.
B  Bell and McCaffrey, Bias reduction in standard errors for linear regression with multi-stage samples, Survey
   Methodology 28 (2002): the variance of a mean over clusters, and its degrees of freedom, for a constant alone.
C  Connor, Sample size for testing differences in proportions for the paired-sample design, Biometrics 43 (1987).
H  Hesterberg, What teachers should know about the bootstrap, The American Statistician 69 (2015), section 5.3.
K  Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts estimated from
   survey data, Survey Methodology 24 (1998): the effective number of cases and its correction for few clusters.
M  McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12 (1947).
P  Pitman, Significance tests which may be applied to samples from any populations, JRSS Supplement 4 (1937).
T  Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
   Statistics in Medicine 17 (1998).
W  Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter, mul
from statistics import NormalDist

import msgspec

CONFIDENCE = 0.95
_RESAMPLES = 4000
# Beyond this many different sums the sign test draws signs instead of counting all of them.
_SUMS_MAX = 4_096
_HALVINGS = 80
_DEGREES_MAX = 10_000


class Interval(msgspec.Struct, frozen=True):
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Mean(msgspec.Struct, frozen=True):
    """A mean score over `n` cases from `clusters` sources, and where the true mean lies with the confidence asked for.

    `design_effect` is how many times larger the variance is than that of as many independent cases; 1 where every case
    has a source of its own. `n_effective` is how many independent cases would tell as much.
    """

    value: float
    interval: Interval
    n: int
    clusters: int
    design_effect: float
    n_effective: float


class PairedResult(msgspec.Struct, frozen=True):
    """Two models on the same `n` cases: `difference` is the mean of a's scores less the mean of b's.

    `only_a` counts the cases in which a scored more than b (for right-or-wrong scores: only a was right), `only_b` the
    reverse. `p` is the chance of a difference at least this large if the two were equally good.
    """

    difference: float
    interval: Interval
    p: float
    n: int
    only_a: int
    only_b: int
    clusters: int

    @property
    def clear(self) -> bool:
        """Whether the two differ: the interval leaves out zero. It never does where `p` is above 1 - confidence."""
        return 0.0 not in self.interval


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval | None:
    """Where the true rate of success lies, after `successes` in `n` independent cases [W]; None without a case."""
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be from 0 to {n}, not {successes}")
    if n == 0:
        return None
    return _score_interval(successes / n, n, _normal_quantile(confidence))


def mean_interval(scores: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Where the true mean lies, after these independent scores; None without a score.

    Right-or-wrong scores get Wilson's interval. Graded ones get its form for the mean m of bounded scores, whose
    variance is f m (1 - m) with f at most 1. It is estimated from the scores and one imagined case whose f is 1, and
    Student's t stands for the normal quantile because f is estimated. So the interval never leaves 0 to 1, twenty equal
    scores still have one, and f is 1 for scores of 0 and 1. What it cannot see is a rare bad failure that has not
    happened yet: if 1 case in 20 scores 0 and the others 0.9, twenty cases miss the true mean as often as no failure is
    among them.
    """
    found = clustered_mean(scores, None, confidence)
    return None if found is None else found.interval


def clustered_mean(
    scores: Sequence[float], clusters: Sequence[Hashable] | None = None, confidence: float = CONFIDENCE
) -> Mean | None:
    """The mean and its interval where cases that share a cluster (a source text, say) are not independent.

    The variance is the cluster-robust one, unbiased for few and unequal clusters [B]; over the plain variance it is the
    design effect, which is not allowed to fall below 1. The interval is that of `mean_interval` for the effective
    number of cases, n / design effect times (t(n - 1) / t(d)) squared [K], where d are the degrees of freedom of the
    clusters [B], for G equal ones G - 1. With one case a cluster all of this is 1, and the interval the plain one.

    Where all scores are equal nothing can be seen of how the cases of a cluster go together; then each cluster counts
    as one case. One cluster alone tells nothing of others: its interval is everything, 0 to 1.
    """
    _check_scores(scores)
    return _mean(scores, clusters, confidence) if scores else None


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """The two-sided p of McNemar's test [M], exact: cases on which two models differ, as throws of a fair coin."""
    if only_a < 0 or only_b < 0:
        raise ValueError("counts cannot be negative")
    n, fewer = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << n))


def paired_difference(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> PairedResult | None:
    """Two models' scores on the same cases, in the same order; None without a case.

    Right-or-wrong scores of independent cases: p of McNemar's exact test, the interval Tango's [T]. Otherwise (graded
    scores, or cases that share a source): p of the sign-flip test [P] over clusters, which for right-or-wrong scores of
    independent cases is McNemar's; the interval is a bootstrap over clusters, percentiles widened for few of them [H].

    The exact tests are a little stricter than the intervals; where the test sees no difference, the interval is
    stretched to include zero, so that the two never disagree that way. The sign-flip test takes differences to be
    symmetric where there is no difference: graded scores with very skewed ones may raise more false alarms (12 % at
    n = 20 were seen).
    """
    if len(a) != len(b):
        raise ValueError(f"paired scores must be as many: {len(a)} and {len(b)}")
    _check_scores(a)
    _check_scores(b)
    n = len(a)
    if n == 0:
        return None
    gaps = [left - right for left, right in zip(a, b, strict=True)]
    only_a, only_b = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
    difference = math.fsum(gaps) / n
    totals = _cluster_totals(gaps, clusters)
    if len(totals) == n and _all_right_or_wrong(a) and _all_right_or_wrong(b):
        p = mcnemar_exact(only_a, only_b)
        interval = tango(only_a, only_b, n, confidence)
    else:
        p = _sign_flip_p(totals, _chance(seed))
        interval = _bootstrap_interval(gaps, clusters, _chance(seed), confidence)
    if p > 1 - confidence:
        interval = Interval(min(interval.low, 0.0), max(interval.high, 0.0))
    return PairedResult(difference, interval, p, n, only_a, only_b, len(totals))


def tango(only_a: int, only_b: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Tango's score interval [T] of the difference between two rates of success over the same `n` cases.

    At each end the constrained score statistic equals the normal quantile; q is the likeliest chance that only b is
    right given the difference, the larger root of Tango's quadratic.
    """
    if n <= 0 or only_a < 0 or only_b < 0 or only_a + only_b > n:
        raise ValueError("counts must be from 0 to the number of cases, and that at least 1")
    z = _normal_quantile(confidence)

    def statistic(delta: float) -> float:
        linear = (2 * n - only_a + only_b) * delta - only_a - only_b
        constant = -only_b * delta * (1 - delta)
        q = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        gap = only_a - only_b - n * delta
        if variance <= 1e-12:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / math.sqrt(variance)

    centre = (only_a - only_b) / n
    low = -1.0 if centre == -1 else _crossing(lambda delta: statistic(delta) <= z, -1.0, centre)
    high = 1.0 if centre == 1 else _crossing(lambda delta: statistic(delta) <= -z, centre, 1.0)
    return Interval(low, high)


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest of the values that at least `percent` per cent of them do not exceed (nearest rank).

    So it is always a value that was seen. None without values.
    """
    if not 0 < percent <= 100:
        raise ValueError(f"percent must be above 0 and at most 100, not {percent}")
    ordered = sorted(values)
    if not ordered:
        return None
    # The tolerance keeps 95 per cent of 20 at 19 whatever the last digit of the product says.
    return ordered[max(0, math.ceil(percent * len(ordered) / 100 - 1e-9) - 1)]


def required_cases(
    difference: float, *, disagreement: float = 0.3, power: float = 0.8, confidence: float = CONFIDENCE
) -> int:
    """How many right-or-wrong cases two models must both answer for a true difference to show with chance `power` [C].

    `disagreement` is the share of cases that just one of them gets right; models of like strength differ on about three
    cases in ten, and it cannot be less than the difference.
    """
    if not 0 < difference <= 1:
        raise ValueError(f"the difference to be seen must be above 0 and at most 1, not {difference}")
    share = max(disagreement, difference)
    to_reject = _normal_quantile(confidence) * math.sqrt(share)
    to_find = NormalDist().inv_cdf(power) * math.sqrt(share - difference**2)
    return math.ceil(((to_reject + to_find) / difference) ** 2)


def _check_scores(scores: Sequence[float]) -> None:
    for score in scores:
        if not 0 <= score <= 1:  # also true of what is not a number
            raise ValueError(f"a score lies between 0 and 1, not at {score}")


def _all_right_or_wrong(scores: Sequence[float]) -> bool:
    return all(score in (0, 1) for score in scores)


def _mean(scores: Sequence[float], clusters: Sequence[Hashable] | None, confidence: float) -> Mean:
    n = len(scores)
    value = math.fsum(scores) / n
    members = _members([score - value for score in scores], clusters)
    count = len(members)
    if count == 1 and n > 1:
        return Mean(value, Interval(0.0, 1.0), n, 1, float(n), 1.0)
    design_effect, narrowing = 1.0, 1.0
    if count < n:
        design_effect = _design_effect(members)
        narrowing = (_t_quantile(n - 1, confidence) / _t_quantile(_degrees(members), confidence)) ** 2
    effective = n / design_effect
    interval = _bounded_mean_interval(scores, value, effective * narrowing, confidence)
    return Mean(value, interval, n, count, design_effect, effective)


def _design_effect(members: list[list[float]]) -> float:
    """From the deviations from the mean, by cluster: the robust variance over that of independent cases, at least 1."""
    n = sum(map(len, members))
    squares = math.fsum(deviation**2 for group in members for deviation in group)
    if squares < n * 1e-18:
        return n / len(members)
    robust = math.fsum(math.fsum(group) ** 2 / (1 - len(group) / n) for group in members)
    return max(1.0, robust * (n - 1) / (squares * n))


def _degrees(members: list[list[float]]) -> int:
    """The degrees of freedom of that robust variance where cases are independent, rounded down [B]."""
    n = sum(map(len, members))
    squares = [len(group) ** 2 for group in members]
    spread = [len(group) ** 2 / (1 - len(group) / n) / n for group in members]
    apart = math.fsum(spread) ** 2 - math.fsum(share**2 for share in spread)
    return max(1, math.floor(n**2 / (sum(squares) + apart) + 1e-9))


def _cluster_totals(values: Sequence[float], clusters: Sequence[Hashable] | None) -> list[float]:
    """The sum of the values of each cluster, in the order the clusters first appear."""
    return [math.fsum(members) for members in _members(values, clusters)]


def _members(values: Sequence[float], clusters: Sequence[Hashable] | None) -> list[list[float]]:
    if clusters is None:
        return [[value] for value in values]
    if len(clusters) != len(values):
        raise ValueError(f"{len(values)} scores need as many clusters, not {len(clusters)}")
    found: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        found.setdefault(cluster, []).append(value)
    return list(found.values())


@lru_cache(maxsize=64)
def _normal_quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, not at {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


@lru_cache(maxsize=4096)
def _t_quantile(degrees: int, confidence: float) -> float:
    """How far from 0 Student's t stays with that chance, both sides together [A]."""
    if degrees > _DEGREES_MAX:
        return _normal_quantile(confidence)
    angle = _crossing(lambda theta: _t_within(theta, degrees) >= confidence, 0.0, math.pi / 2)
    return math.sqrt(degrees) * math.tan(angle)


def _t_within(theta: float, degrees: int) -> float:
    """The chance that |t| <= sqrt(degrees) tan(theta): A&S 26.7.3 for odd degrees, 26.7.4 for even ones."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = degrees % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(2 + odd, degrees + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    if odd:
        return 2 / math.pi * (theta + sine * total)
    return sine * total


def _crossing(passed: Callable[[float], bool], low: float, high: float) -> float:
    """The least point from which on `passed` holds, between a point where it may not and one where it does."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if passed(middle):
            high = middle
        else:
            low = middle
    return high


def _score_interval(value: float, n: float, quantile: float) -> Interval:
    """The means m for which |value - m| <= quantile * sqrt(m (1 - m) / n): Wilson's quadratic, solved."""
    square = quantile**2 / n
    centre = (value + square / 2) / (1 + square)
    half = math.sqrt(square * (value * (1 - value) + square / 4)) / (1 + square)
    # At the ends the root is 0 or 1, which rounding may miss.
    low = 0.0 if value == 0 else max(0.0, centre - half)
    high = 1.0 if value == 1 else min(1.0, centre + half)
    return Interval(low, high)


def _bounded_mean_interval(scores: Sequence[float], value: float, effective: float, confidence: float) -> Interval:
    n = len(scores)
    if _all_right_or_wrong(scores):
        return _score_interval(value, effective, _normal_quantile(confidence))
    if n == 1:
        return _score_interval(value, effective, _normal_quantile(confidence))
    most = value * (1 - value)
    share = (math.fsum((score - value) ** 2 for score in scores) + most) / ((n + 1) * most)
    return _score_interval(value, effective / share, _t_quantile(n - 1, confidence))


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - draws that can be repeated, nothing secret


def _sign_flip_p(totals: Sequence[float], chance: random.Random) -> float:
    """How often the sum is at least as far from zero when each cluster's difference takes either sign.

    Counted exactly while there are few different sums, as with right-or-wrong scores; drawn otherwise, the sum that was
    seen being counted among the draws, which keeps the chance of a false alarm at or below the level.
    """
    sizes = [abs(total) for total in totals if total != 0]
    seen = abs(math.fsum(totals)) - 1e-9
    ways = Counter({0.0: 1})
    for size in sizes:
        if len(ways) * 2 > _SUMS_MAX:
            break
        longer: Counter[float] = Counter()
        for total, count in ways.items():
            longer[round(total + size, 9)] += count
            longer[round(total - size, 9)] += count
        ways = longer
    else:
        return sum(count for total, count in ways.items() if abs(total) >= seen) / (1 << len(sizes))
    draws = (chance.choices((1, -1), k=len(sizes)) for _ in range(_RESAMPLES))
    as_far: int = sum(abs(sum(map(mul, sizes, signs))) >= seen for signs in draws)
    return (as_far + 1) / (_RESAMPLES + 1)


def _bootstrap_interval(
    gaps: Sequence[float], clusters: Sequence[Hashable] | None, chance: random.Random, confidence: float
) -> Interval:
    """Percentiles of the mean difference when clusters are drawn anew, with replacement.

    For G clusters the percentiles asked for are those of the normal distribution at sqrt(G / (G - 1)) t(G - 1), not at
    its own quantile [H]: without that the interval is too narrow for few clusters.
    """
    members = _members(gaps, clusters)
    count = len(members)
    if count == 1 and len(gaps) > 1:
        return Interval(-1.0, 1.0)
    pairs = [(math.fsum(group), len(group)) for group in members]
    if max(gaps) == min(gaps):
        # No draw could differ; the interval of bounded scores knows that another case might.
        shifted = _mean([(gap + 1) / 2 for gap in gaps], clusters, confidence).interval
        return Interval(2 * shifted.low - 1, 2 * shifted.high - 1)
    means = []
    for _ in range(_RESAMPLES):
        drawn = chance.choices(pairs, k=count)
        means.append(sum(map(itemgetter(0), drawn)) / sum(map(itemgetter(1), drawn)))
    means.sort()
    beyond = NormalDist().cdf(-math.sqrt(count / (count - 1)) * _t_quantile(count - 1, confidence))
    skipped = int(beyond * _RESAMPLES)
    return Interval(means[skipped], means[-1 - skipped])
