"""Carrying out a run: every case to every model, as fast as is polite, each result kept as soon as it is there."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from ecotone.evaluation.answers import AnswerCache, Answered, Identity, answer_key
from ecotone.evaluation.asking import Asker, Pace, Patience, Unanswered, failure_of
from ecotone.evaluation.cases import Case, Scorer, Suite
from ecotone.evaluation.runs import CaseResult, ResultWriter, Run
from ecotone.gateway.client import GatewayClient
from ecotone.upstream.endpoints import EndpointFacts
from ecotone.values.chat import ChatRequest, Message, Sampling, TextPart
from ecotone.values.errors import EcotoneError, SetupError, Unavailable
from ecotone.values.reply import Usage

CONCURRENCY_DEFAULT = 4
JUDGE_TOKENS_MAX = 1024
# A model that only ever fails is not asked to the end.
_FAILURES_IN_A_ROW_MAX = 8
# A message costs some tokens beside its text: its role, and marks around it.
_TOKENS_PER_MESSAGE = 16

Prices = Callable[[EndpointFacts, Usage], Decimal | None]
"""What an exchange costs in US dollars; None where no price is known."""

_T = TypeVar("_T")
_judged: ContextVar[list[Decimal]] = ContextVar("judged")


class Observer(Protocol):
    """Whoever wants to know how a run goes on."""

    def result(self, result: CaseResult) -> None:
        """This result is on the disk."""

    def note(self, text: str) -> None:
        """Something that the person who waits should know."""


class Stopped(msgspec.Struct, frozen=True):
    """How a run ended: so many cases were left without a result, for these reasons."""

    left: int
    reasons: tuple[str, ...] = ()


class Budget:
    """Money for one run, in US dollars: nothing is begun that could exceed what is left."""

    def __init__(self, limit: Decimal | None, spent: Decimal) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = Decimal(0)
        self._change = asyncio.Condition()

    async def reserve(self, most: Decimal) -> bool:
        """Set aside what a request may cost. Waits for others to end where that may make room; False if it cannot."""
        async with self._change:
            while self.limit is not None and self.spent + self._reserved + most > self.limit:
                if not self._reserved:
                    return False
                await self._change.wait()
            self._reserved += most
            return True

    async def settle(self, reserved: Decimal, cost: Decimal) -> None:
        """Replace what was set aside by what it came to."""
        async with self._change:
            self._reserved -= reserved
            self.spent += cost
            self._change.notify_all()


class Runner:
    """One run being carried out. Use once."""

    def __init__(
        self,
        run: Run,
        suites: Mapping[str, Suite],
        results: Mapping[tuple[str, str, str], CaseResult],
        *,
        gateway: GatewayClient,
        cache: AnswerCache,
        writer: ResultWriter,
        prices: Prices,
        observer: Observer,
        now: Callable[[], datetime],
        patience: Patience = Patience(),  # noqa: B008 - immutable
    ) -> None:
        """`results` are those that the run has already; cases with a settled one are not asked again."""
        self._run = run
        self._suites = suites
        self._done = {key for key, result in results.items() if result.settled}
        self._tried = set(results)
        self._cache = cache
        self._writer = writer
        self._prices = prices
        self._observer = observer
        self._now = now
        self._asker = Asker(gateway, timeout_s=run.settings.timeout_s, patience=patience, now=now)
        self._budget = Budget(run.settings.budget_usd, sum((row.spent_usd for row in results.values()), Decimal(0)))
        self._paces: dict[str, Pace] = {}
        self._asking: dict[str, asyncio.Lock] = {}
        self._scorers: Mapping[str, Scorer] = {}
        self._reasons: dict[str, None] = {}
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="run-disk")

    @property
    def spent_usd(self) -> Decimal:
        return self._budget.spent

    async def carry_out(self, scorers: Mapping[str, Scorer]) -> Stopped:
        """Ask everything that has no settled result yet; `scorers` by the suites' names.

        Raises SetupError if a budget is set and a price is unknown, or when the disk refuses.
        """
        self._scorers = scorers
        for identity in (*self._run.models, *filter(None, (self._run.judge,))):
            self._most(identity, Usage(input_tokens=1, output_tokens=1, reasoning_tokens=0))
        own = [model for model in self._run.models if model.embedded]
        lanes = [own, *([model] for model in self._run.models if not model.embedded)]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._lane(lane))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            self._disk.shutdown()
        left = sum(1 for key in self._keys() if key not in self._tried)
        return Stopped(left, tuple(self._reasons))

    def _keys(self) -> Iterator[tuple[str, str, str]]:
        for model in self._run.models:
            for suite in self._run.suites:
                for case in suite.cases:
                    yield model.name, suite.name, case

    async def _lane(self, models: Sequence[Identity]) -> None:
        """Models that must not run at the same time: two engines would fight over the same cores."""
        for model in models:
            work = _Work(model, self._open_cases(model))
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._run.settings.concurrency or CONCURRENCY_DEFAULT):
                        group.create_task(self._worker(work))
            except BaseExceptionGroup as errors:
                raise _first(errors) from None

    def _open_cases(self, model: Identity) -> Iterator[tuple[Suite, Case]]:
        for suite in self._suites.values():
            for case in suite.cases:
                if (model.name, suite.name, case.id) not in self._done:
                    yield suite, case

    async def _worker(self, work: "_Work") -> None:
        for suite, case in work.cases:
            if work.stopped:
                return
            result = await self._case(work, suite, case)
            if result is None:
                return
            await self._on_disk(partial(self._writer.append, result))
            if result.outcome != "failed":
                work.failures = 0
            self._note_done(work, result)

    def _note_done(self, work: "_Work", result: CaseResult) -> None:
        self._tried.add(result.key)
        self._observer.result(result)
        if result.outcome != "failed" or result.failure is None:
            return
        work.failures += 1
        if work.failures >= _FAILURES_IN_A_ROW_MAX and not work.stopped:
            work.stopped = True
            self._stop_for(
                f"{work.model.name} is not asked any further: {work.failures} requests in a row failed, the last with:"
                f" {result.failure.message}"
            )

    def _stop_for(self, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons[reason] = None
            self._observer.note(reason)

    async def _case(self, work: "_Work", suite: Suite, case: Case) -> CaseResult | None:
        """None: it was not asked, since the money does not suffice."""
        request = request_for(work.model.name, suite, case, self._run)
        try:
            got = await self._answer(work.model, request)
        except Unanswered as nothing:
            return CaseResult(
                work.model.name,
                suite.name,
                case.id,
                "failed",
                self._now(),
                attempts=nothing.attempts,
                failure=nothing.failure,
            )
        if got is None:
            work.stopped = True
            self._stop_for(
                f"the budget of {self._budget.limit} USD is used up: {self._budget.spent:.4f} USD are spent, and the"
                " next request might exceed it"
            )
            return None
        return await self._scored(work.model, suite, case, got)

    async def _scored(self, model: Identity, suite: Suite, case: Case, got: "_Got") -> CaseResult:
        judged: list[Decimal] = []
        _judged.set(judged)
        score, failure = None, None
        try:
            score = await self._scorers[suite.name].score(case, got.answer.reply)
        except EcotoneError as error:
            failure = failure_of(error)
        cut = got.answer.finish == "length"
        return CaseResult(
            model.name,
            suite.name,
            case.id,
            "unscored" if score is None else "truncated" if cut else "answered",
            self._now(),
            score=None if score is None else score.value,
            why="" if score is None else score.why,
            answer=got.answer,
            attempts=got.attempts,
            cached_from=got.cached_from,
            cost_usd=got.cost_usd,
            judge_usd=sum(judged, Decimal(0)) if judged else None,
            failure=failure,
        )

    # --- answers, kept or asked for

    async def ask_judge(self, messages: tuple[Message, ...]) -> str:
        """Put messages to the run's judge. Raises SetupError without one, Unavailable if it gives no answer."""
        judge = self._run.judge
        if judge is None:
            raise SetupError("this suite is scored by a model: name one with --judge MODEL")
        sampling = Sampling(temperature=0.0, seed=self._run.settings.seed, max_tokens=JUDGE_TOKENS_MAX)
        try:
            got = await self._answer(judge, ChatRequest(judge.name, messages, sampling=sampling))
        except Unanswered as nothing:
            raise Unavailable(f"the judge {judge.name} gave no answer: {nothing.failure.message}") from None
        if got is None:
            raise Unavailable(f"the budget of {self._budget.limit} USD does not suffice for the judge's next answer")
        if got.cached_from is None:
            _judged.get().append(got.cost_usd or Decimal(0))
        return got.answer.reply

    async def _answer(self, identity: Identity, request: ChatRequest) -> "_Got | None":
        """From the cache, else from the model; None if the budget does not allow to ask. Raises Unanswered."""
        key = answer_key(identity, request)
        if key is None:
            return await self._asked(identity, request, None)
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = await self._on_disk(lambda: self._cache.get(key))
            if kept is not None and (kept.run == self._run.id or not self._run.settings.fresh):
                cost = self._cost(identity, kept.answer)
                return _Got(kept.answer, 0, cost, None if kept.run == self._run.id else kept.run)
            return await self._asked(identity, request, key)

    async def _asked(self, identity: Identity, request: ChatRequest, key: str | None) -> "_Got | None":
        most = self._most(identity, usage_bound(request))
        if not await self._budget.reserve(most):
            return None
        paid = Decimal(0)
        try:
            answer, attempts = await self._asker.ask(request, self._pace(identity.name))
            cost = self._cost(identity, answer)
            paid = most if cost is None else cost
            if key is not None:
                await self._on_disk(lambda: self._cache.put(key, self._run.id, answer))
        finally:
            await self._budget.settle(most, paid)
        return _Got(answer, attempts, cost, None)

    def _pace(self, model: str) -> Pace:
        return self._paces.setdefault(model, Pace(self._run.settings.requests_per_minute))

    def _cost(self, identity: Identity, answer: Answered) -> Decimal | None:
        place = identity.place(answer.endpoint)
        if place is None or place.hosting != "vendor" or answer.usage is None:
            return None
        return self._prices(place, answer.usage)

    def _most(self, identity: Identity, usage: Usage) -> Decimal:
        """The most that an exchange can cost at any of its places; 0 where nothing depends on it."""
        if self._budget.limit is None:
            return Decimal(0)
        most = Decimal(0)
        for place in identity.endpoints:
            if place.hosting == "vendor":
                cost = self._prices(place, usage)
                if cost is None:
                    raise SetupError(
                        f"no price is known for {identity.name} at {place.provider}, so a budget cannot be kept: leave"
                        " out --budget, or name the model in the config by its catalog id (`catalog = ...`)"
                    )
                most = max(most, cost)
        return most

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        """Run what waits for the disk in the one thread for it, so that no stream is held up."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


class _Got(msgspec.Struct, frozen=True):
    """An answer and how it was had."""

    answer: Answered
    attempts: int
    cost_usd: Decimal | None
    cached_from: str | None


class _Work:
    """One model's cases, shared by those that ask it. `failures` counts those since the last answer."""

    def __init__(self, model: Identity, cases: Iterator[tuple[Suite, Case]]) -> None:
        self.model = model
        self.cases = cases
        self.failures = 0
        self.stopped = False


def request_for(model: str, suite: Suite, case: Case, run: Run) -> ChatRequest:
    """How a case is asked."""
    settings = run.settings
    temperature = suite.temperature if settings.temperature is None else settings.temperature
    return ChatRequest(
        model=model,
        messages=case.messages,
        system=(Message("system", (TextPart(suite.system),)),) if suite.system else (),
        sampling=Sampling(
            temperature=None if settings.own_temperature else temperature,
            seed=settings.seed,
            max_tokens=settings.max_tokens or suite.max_tokens,
        ),
    )


def usage_bound(request: ChatRequest) -> Usage:
    """More tokens than the exchange can take: none of the text is less than a byte."""
    messages = (*request.system, *request.messages)
    text_bytes = sum(
        len(part.text.encode()) for message in messages for part in message.parts if isinstance(part, TextPart)
    )
    tokens = text_bytes + _TOKENS_PER_MESSAGE * (len(messages) + 1)
    return Usage(input_tokens=tokens, output_tokens=request.sampling.max_tokens, reasoning_tokens=0)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error itself: tasks that were cancelled because of it say nothing more."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
