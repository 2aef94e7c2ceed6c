"""What a run would take, before it is begun: cases, tokens, money, time, and what so many cases can show."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import fmean

import msgspec

from ecotone.evaluation.answers import AnswerCache, Answered, Identity, answer_key
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.runner import CONCURRENCY_DEFAULT, Prices, request_for, usage_bound
from ecotone.evaluation.runs import Run, RunFolder, RunStore
from ecotone.evaluation.statistics import required_cases
from ecotone.values.errors import SetupError
from ecotone.values.reply import Usage

# A token of English is about four characters in the vocabularies that are in use.
_BYTES_PER_TOKEN = 4
_RUNS_LOOKED_AT_MAX = 30


class Estimate(msgspec.Struct, frozen=True):
    """One model on one suite. `kept` cases have an answer from before. `input_tokens` is a rough guess;
    `output_tokens` and `seconds` are what earlier runs of the same model took for such cases, None if there were none;
    `output_tokens_max` is what the suite allows. Costs are US dollars, None where no price is known and on own
    machines: `cost_usd` with as many output tokens as expected, `cost_usd_max` with as many as are allowed."""

    model: str
    suite: str
    cases: int
    kept: int
    input_tokens: int
    output_tokens: int | None
    output_tokens_max: int
    seconds: float | None
    cost_usd: Decimal | None
    cost_usd_max: Decimal | None
    own_machine: bool


class Experience(msgspec.Struct, frozen=True):
    """Answers of earlier runs, by the model's identity and the suite's name."""

    answers: Mapping[tuple[str, str], tuple[Answered, ...]]

    def expected(self, identity: Identity, suite: str) -> tuple[float, float] | None:
        """Output tokens and seconds of a case, on average; of this suite if it was asked before, else of any."""
        digest = identity.digest
        found = self.answers.get((digest, suite)) or tuple(
            answer for (known, _), answers in self.answers.items() if known == digest for answer in answers
        )
        told = [
            (answer.usage.output_tokens, answer.total_s)
            for answer in found
            if answer.usage is not None and answer.usage.output_tokens is not None
        ]
        return (fmean(tokens for tokens, _ in told), fmean(seconds for _, seconds in told)) if told else None


def experience(store: RunStore) -> Experience:
    """What the latest runs tell. A run that cannot be read tells nothing."""
    found: dict[tuple[str, str], list[Answered]] = {}
    for folder in store.runs()[-_RUNS_LOOKED_AT_MAX:]:
        for key, answer in _answers(folder):
            found.setdefault(key, []).append(answer)
    return Experience({key: tuple(answers) for key, answers in found.items()})


def _answers(folder: RunFolder) -> Iterable[tuple[tuple[str, str], Answered]]:
    try:
        run = folder.read()
        results = folder.results()
    except SetupError:
        return
    digests = {model.name: model.digest for model in run.models}
    for result in results.values():
        if result.answer is not None and result.cached_from is None:
            yield (digests[result.model], result.suite), result.answer


def estimates(
    run: Run, suites: Mapping[str, Suite], cache: AnswerCache, known: Experience, prices: Prices
) -> list[Estimate]:
    """For each model and suite of the run."""
    return [_estimate(run, model, suite, cache, known, prices) for model in run.models for suite in suites.values()]


def _estimate(
    run: Run, model: Identity, suite: Suite, cache: AnswerCache, known: Experience, prices: Prices
) -> Estimate:
    requests = [request_for(model.name, suite, case, run) for case in suite.cases]
    keys = [answer_key(model, request) for request in requests]
    kept = set() if run.settings.fresh else cache.known([key for key in keys if key is not None])
    asked = [request for request, key in zip(requests, keys, strict=True) if key not in kept]
    inputs = [(usage_bound(request).input_tokens or 0) // _BYTES_PER_TOKEN for request in asked]
    most = [request.sampling.max_tokens or 0 for request in asked]
    expected = known.expected(model, suite.name)
    outputs = None if expected is None else [min(limit, round(expected[0])) for limit in most]
    workers = run.settings.concurrency or CONCURRENCY_DEFAULT
    seconds = None if expected is None else expected[1] * len(asked) / workers
    if run.settings.requests_per_minute and seconds is not None:
        seconds = max(seconds, 60 * len(asked) / run.settings.requests_per_minute)
    return Estimate(
        model=model.name,
        suite=suite.name,
        cases=len(suite.cases),
        kept=len(requests) - len(asked),
        input_tokens=sum(inputs),
        output_tokens=None if outputs is None else sum(outputs),
        output_tokens_max=sum(most),
        seconds=seconds,
        cost_usd=None if outputs is None else _cost(model, _exchanges(inputs, outputs), prices),
        cost_usd_max=_cost(model, _exchanges(inputs, most), prices),
        own_machine=model.own,
    )


def _exchanges(inputs: Sequence[int], outputs: Sequence[int]) -> Iterable[Usage]:
    return (
        Usage(input_tokens=read, output_tokens=written, reasoning_tokens=0)
        for read, written in zip(inputs, outputs, strict=True)
    )


def _cost(model: Identity, exchanges: Iterable[Usage], prices: Prices) -> Decimal | None:
    """Each at the costliest of its places; None if the price of one is unknown, or if none takes money."""
    places = [place for place in model.endpoints if place.hosting == "vendor"]
    total = Decimal(0)
    for usage in exchanges:
        costs = [prices(place, usage) for place in places]
        known = [cost for cost in costs if cost is not None]
        if not known or len(known) < len(costs):
            return None
        total += max(known)
    return total if places else None


def total_seconds(run: Run, rows: Sequence[Estimate]) -> float | None:
    """How long it takes: embedded models one after the other, the others beside them; None where one is unknown."""
    by_model = {
        model.name: [row.seconds for row in rows if row.model == model.name and row.kept < row.cases]
        for model in run.models
    }
    known = {name: sum(filter(None, times)) for name, times in by_model.items() if None not in times}
    if len(known) < len(by_model):
        return None
    embedded = sum(known[model.name] for model in run.models if model.embedded)
    return max([embedded, *(known[model.name] for model in run.models if not model.embedded)])


def smallest_difference(cases: int) -> float | None:
    """The smallest true difference between two models that so many cases show four times in five (of 0 to 1), in whole
    points; None if not even one of fifty points shows, which is to say nothing of models that do the same work."""
    for points in range(1, 51):
        if required_cases(points / 100) <= cases:
            return points / 100
    return None
