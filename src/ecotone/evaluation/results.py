"""What a run says: scores with intervals, times, costs, and which differences between models are more than chance."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Literal

import msgspec

from ecotone.evaluation.answers import Identity
from ecotone.evaluation.cases import Case, Suite
from ecotone.evaluation.runs import CaseResult, Run
from ecotone.evaluation.statistics import Interval, clustered_mean, paired_difference, percentile

Method = Literal["wilson", "graded", "clustered", "average"]
Results = Mapping[tuple[str, str, str], CaseResult]
"""By (model, suite, case)."""


class Measured(msgspec.Struct, frozen=True):
    """One model on one suite, or on all (`suite` None: each suite counts the same).

    `cases` are those of the run, `scored` those with a score, on which `score` and `interval` (95 %) rest; `failed` got
    no answer, `unscored` one that could not be judged. `truncated` replies, scored as they are, ended at the limit of
    tokens. `right` counts scores of 1. `cached` answers are from earlier runs, with the times of then.

    Times are seconds: to the first token (median, and the 95th of a hundred), and of the whole answer (median).
    `tokens_per_s` is the median of output tokens after the first over the time after it. `cost_usd` is what all answers
    cost, None if that is unknown, or if the model runs on an own machine (`own_machine`). Unknown is None.
    """

    model: str
    suite: str | None
    cases: int
    scored: int
    right: int
    failed: int
    unscored: int
    truncated: int
    cached: int
    score: float | None
    interval: Interval | None
    method: Method | None
    clusters: int
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    total_p50_s: float | None
    tokens_per_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    cost_per_case_usd: Decimal | None
    own_machine: bool
    failures: dict[str, int] = {}

    @property
    def missing(self) -> int:
        """Cases that have not been asked."""
        return self.cases - self.scored - self.failed - self.unscored


class Comparison(msgspec.Struct, frozen=True):
    """Two models on the same cases, those that both answered: how much higher `b` scores than `a`, with its interval.

    On one suite `p` is that of the exact paired test, and `only_a`, `only_b` count the cases on which one scored more.
    Over all suites (`suite` None) the difference is the average of the suites' and the interval that of the average;
    there is no `p`. `clear`: the interval leaves out zero.
    """

    a: str
    b: str
    suite: str | None
    n: int
    difference: float
    interval: Interval
    p: float | None
    only_a: int
    only_b: int
    clear: bool


class Summary(msgspec.Struct, frozen=True):
    """All of a run in numbers. `spent_usd` is what this run paid, as far as prices are known; `unpriced` models have
    answered at a vendor whose price is not."""

    run: str
    measured: tuple[Measured, ...]
    overall: tuple[Measured, ...]
    comparisons: tuple[Comparison, ...]
    spent_usd: Decimal
    unpriced: tuple[str, ...] = ()

    def of(self, model: str, suite: str | None) -> Measured:
        rows = self.overall if suite is None else self.measured
        return next(row for row in rows if row.model == model and row.suite == suite)


def summarise(run: Run, suites: Mapping[str, Suite], results: Results) -> Summary:
    """What the run has come to so far. `suites` by name, with the cases that were asked."""
    measured = tuple(
        _measured(model, suite, [results.get((model.name, suite.name, case.id)) for case in suite.cases])
        for model in run.models
        for suite in suites.values()
    )
    overall = tuple(_overall(model, suites, measured, results) for model in run.models)
    sides = {model.name: _of_model(results, model.name) for model in run.models}
    compared = tuple(
        found
        for a, b in combinations(sides, 2)
        for found in compare(a, sides[a], b, sides[b], suites.values(), seed=run.settings.seed)
    )
    spent = sum((result.spent_usd for result in results.values()), Decimal(0))
    unpriced = tuple(row.model for row in overall if not row.own_machine and row.cost_usd is None and row.scored)
    return Summary(run.id, measured, overall, compared, spent, unpriced)


def in_order(run: Run, suites: Mapping[str, Suite], results: Results) -> Iterator[tuple[Case, CaseResult]]:
    """What there is, as the suites have their cases, and the run its models."""
    for suite in suites.values():
        for case in suite.cases:
            for model in run.models:
                result = results.get((model.name, suite.name, case.id))
                if result is not None:
                    yield case, result


def _of_model(results: Results, model: str) -> dict[tuple[str, str], CaseResult]:
    return {(suite, case): result for (name, suite, case), result in results.items() if name == model}


def compare(
    a: str,
    of_a: Mapping[tuple[str, str], CaseResult],
    b: str,
    of_b: Mapping[tuple[str, str], CaseResult],
    suites: Iterable[Suite],
    *,
    seed: int,
) -> Iterator[Comparison]:
    """Two models' results by (suite, case): a comparison for each suite with cases that both answered, and one over
    all of these if they are more than one."""
    found: list[Comparison] = []
    for suite in suites:
        pairs = [
            (case, left.score, right.score)
            for case in suite.cases
            if (left := of_a.get((suite.name, case.id))) is not None
            and (right := of_b.get((suite.name, case.id))) is not None
            and left.score is not None
            and right.score is not None
        ]
        clusters = _clusters(case for case, _, _ in pairs)
        paired = paired_difference([y for _, _, y in pairs], [x for _, x, _ in pairs], clusters, seed=seed)
        if paired is not None:
            found.append(
                Comparison(
                    a,
                    b,
                    suite.name,
                    paired.n,
                    paired.difference,
                    paired.interval,
                    paired.p,
                    only_a=paired.only_b,
                    only_b=paired.only_a,
                    clear=paired.clear,
                )
            )
    yield from found
    if len(found) > 1:
        difference, interval = average([(row.difference, row.interval) for row in found])
        only_a, only_b = sum(row.only_a for row in found), sum(row.only_b for row in found)
        n = sum(row.n for row in found)
        yield Comparison(a, b, None, n, difference, interval, None, only_a, only_b, clear=0.0 not in interval)


def average(estimates: Sequence[tuple[float, Interval]]) -> tuple[float, Interval]:
    """The mean of independent estimates, each counting the same, and its interval from theirs.

    Zou and Donner, Statistics in Medicine 27 (2008): at each end the distances are those of the estimates, squared,
    added and rooted, so that a lopsided interval stays so.
    """
    count = len(estimates)
    value = math.fsum(estimate for estimate, _ in estimates) / count
    below = math.hypot(*(estimate - interval.low for estimate, interval in estimates)) / count
    above = math.hypot(*(interval.high - estimate for estimate, interval in estimates)) / count
    return value, Interval(value - below, value + above)


def _clusters(cases: Iterable[Case]) -> list[Hashable]:
    return [("case", case.id) if case.source is None else ("source", case.source) for case in cases]


def _measured(model: Identity, suite: Suite, results: Sequence[CaseResult | None]) -> Measured:
    scored = [
        (case, result.score)
        for case, result in zip(suite.cases, results, strict=True)
        if result is not None and result.score is not None
    ]
    scores = [score for _, score in scored]
    mean = clustered_mean(scores, _clusters(case for case, _ in scored))
    method: Method | None = None
    if mean is not None:
        plain = all(score in (0, 1) for score in scores)
        method = "clustered" if mean.clusters < mean.n else "wilson" if plain else "graded"
    return _row(
        model,
        suite.name,
        [result for result in results if result is not None],
        cases=len(suite.cases),
        score=None if mean is None else mean.value,
        interval=None if mean is None else mean.interval,
        method=method,
        clusters=0 if mean is None else mean.clusters,
    )


def _overall(model: Identity, suites: Mapping[str, Suite], measured: Sequence[Measured], results: Results) -> Measured:
    own = [row for row in measured if row.model == model.name]
    estimates = [(row.score, row.interval) for row in own if row.score is not None and row.interval is not None]
    score, interval = average(estimates) if estimates else (None, None)
    return _row(
        model,
        None,
        [result for result in results.values() if result.model == model.name],
        cases=sum(len(suite.cases) for suite in suites.values()),
        score=score,
        interval=interval,
        method="average" if estimates else None,
        clusters=sum(row.clusters for row in own),
    )


def _row(
    model: Identity,
    suite: str | None,
    results: Sequence[CaseResult],
    *,
    cases: int,
    score: float | None,
    interval: Interval | None,
    method: Method | None,
    clusters: int,
) -> Measured:
    answers = [result.answer for result in results if result.answer is not None]
    first = [answer.first_token_s for answer in answers if answer.first_token_s is not None]
    speeds = [speed for answer in answers if (speed := answer.tokens_per_s) is not None]
    usages = [answer.usage for answer in answers]
    costs = [result.cost_usd for result in results if result.answer is not None]
    cost = _sum_if_known(costs)
    failed = [result for result in results if result.outcome == "failed"]
    return Measured(
        model=model.name,
        suite=suite,
        cases=cases,
        scored=sum(result.score is not None for result in results),
        right=sum(result.score == 1 for result in results),
        failed=len(failed),
        unscored=sum(result.outcome == "unscored" for result in results),
        truncated=sum(result.outcome == "truncated" for result in results),
        cached=sum(result.cached_from is not None for result in results),
        score=score,
        interval=interval,
        method=method,
        clusters=clusters,
        first_token_p50_s=percentile(first, 50),
        first_token_p95_s=percentile(first, 95),
        total_p50_s=percentile((answer.total_s for answer in answers), 50),
        tokens_per_s=percentile(speeds, 50),
        input_tokens=_total([None if usage is None else usage.input_tokens for usage in usages]),
        output_tokens=_total([None if usage is None else usage.output_tokens for usage in usages]),
        cost_usd=cost,
        cost_per_case_usd=None if cost is None else cost / len(costs),
        own_machine=model.own,
        failures=dict(Counter(result.failure.kind for result in failed if result.failure is not None)),
    )


def _sum_if_known(costs: Sequence[Decimal | None]) -> Decimal | None:
    """None where there is nothing, or where one is unknown: a part would pass for the whole."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
