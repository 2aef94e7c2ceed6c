"""Suites and runs: what there is, what a run would take; runs begun, watched, stopped, gone on with and looked at."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ecotone.catalog.provider import Hosting, Weights
from ecotone.evaluation.added_suites import AddedSuites, CasesForm
from ecotone.evaluation.answers import Identity, known_weights
from ecotone.evaluation.archive import Archive, Glance, Opened
from ecotone.evaluation.background import BackgroundRuns
from ecotone.evaluation.case_list import Came, CaseInFull, CaseRow, came_of, case_in_full, case_row, found_rows
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.costs import price
from ecotone.evaluation.differences import Difference, difference
from ecotone.evaluation.estimate import Estimate, estimates, experience, smallest_difference, total_seconds
from ecotone.evaluation.planning import Choice, Wish, check_scorers, chosen, needs_judge, planned, went_on
from ecotone.evaluation.report import report_of
from ecotone.evaluation.results import Summary
from ecotone.evaluation.runs import CaseResult, Run, RunFolder, RunStore
from ecotone.evaluation.suite_list import SuiteFacts, suites_for
from ecotone.evaluation.suites import find_suite
from ecotone.evaluation.watching import Progress, RunWatch, State, progress_of
from ecotone.gateway.sessions import Session
from ecotone.values.errors import ConfigError, MalformedRequest, NotFound, SetupError
from ecotone.web.control.api import Call, File, ServerEvent, Stream
from ecotone.web.control.control import Control

RUNS_LISTED_MAX = 200
_LOOK_S = 0.4
_LATEST_MAX = 6
_SAID_BYTES_MAX = 4096
_SAID_LINES_MAX = 8


class ModelChoice(msgspec.Struct, frozen=True):
    """A name that can be measured; for a route `models` are those behind it. Unknown is None."""

    name: str
    kind: Literal["model", "route"]
    hosting: Hosting | None
    weights: Weights | None
    models: tuple[str, ...] = ()


class NewSuite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A suite to be kept under a name: a file of cases, at most 16 MiB, and the text of its `suite.toml`, at most
    64 KiB. As `ecotone eval` takes them; both in base64, so that what is no UTF-8 is told with its line. `file` is what
    errors call the file of cases; left out: NAME/cases.csv or NAME/cases.jsonl."""

    name: str
    form: CasesForm
    cases: bytes
    settings: bytes
    file: Annotated[str, Meta(max_length=255)] | None = None


class NewRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is to ask of whom: suites by their `word`. `limit` is how many cases of each suite, 0 for all, left
    out for what the suites propose. `budget_usd`, in US dollars, ends the run before it costs more."""

    suites: Annotated[tuple[str, ...], Meta(max_length=50)]
    models: Annotated[tuple[str, ...], Meta(max_length=50)]
    limit: Annotated[int, Meta(ge=0)] | None = None
    concurrency: Annotated[int, Meta(ge=1, le=256)] | None = None
    requests_per_minute: Annotated[float, Meta(ge=0.1)] | None = None
    budget_usd: Decimal | None = None
    judge: str | None = None
    seed: Annotated[int, Meta(ge=0)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    own_temperature: bool = False
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    fresh: bool = False


class GoOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run goes on, where that is to be other than before; the budget, in US dollars, is for the whole run."""

    concurrency: Annotated[int, Meta(ge=1, le=256)] | None = None
    requests_per_minute: Annotated[float, Meta(ge=0.1)] | None = None
    budget_usd: Decimal | None = None


class Forecast(msgspec.Struct, frozen=True):
    """What a run would take. `kept` of the `cases` were answered before; `seconds` and costs (US dollars) are None
    where they are unknown; `own_machines`: no model costs by the token. `smallest_difference` is, by suite, the
    smallest true difference between two models that so many cases show four times in five, from 0 to 1. Of `uncertain`
    models nobody will be able to tell which weights they had."""

    cases: int
    kept: int
    seconds: float | None
    cost_usd: Decimal | None
    cost_usd_max: Decimal | None
    own_machines: bool
    rows: tuple[Estimate, ...]
    smallest_difference: dict[str, float | None]
    uncertain: tuple[str, ...] = ()


class RunRow(msgspec.Struct, frozen=True):
    """A run in a line, and whether it goes on."""

    state: State
    glance: Glance


class RunInFull(msgspec.Struct, frozen=True):
    """A run and what it has come to. `came` counts its cases; `again` of those without an answer may get one if they
    are asked again; `said` is the end of what its process told, where it
    ended before its time."""

    state: State
    run: Run
    summary: Summary
    progress: tuple[Progress, ...]
    came: dict[Came, int]
    again: int
    said: tuple[str, ...] = ()


class CaseQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cases: what came of them, which model and suite, words in them; from `start` on, at most `count`."""

    came: Came = "all"
    model: str = ""
    suite: str = ""
    words: str = ""
    start: Annotated[int, Meta(ge=0)] = 0
    count: Annotated[int, Meta(ge=1, le=1000)] = 100


class CasesFound(msgspec.Struct, frozen=True):
    """`total` cases fit; `rows` are those that were asked for."""

    total: int
    rows: tuple[CaseRow, ...]


class OneCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case of a run."""

    suite: str
    case: str


class TwoRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of two runs."""

    a: str
    b: str


class LiveProgress(msgspec.Struct, frozen=True):
    """How far a run is: of all `cases` so many are `done`; at the pace of late the rest takes `left_s` seconds, None
    while that cannot be told. `latest` are the newest results, the newest first."""

    state: State
    done: int
    cases: int
    left_s: float | None
    progress: tuple[Progress, ...]
    latest: tuple[CaseRow, ...]


class Evaluations:
    """The runs of this home, those that go on in the background among them. Files are read off the loop."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.archive = Archive(RunStore(control.home.evaluations))
        self.added = AddedSuites(control.home.suites)
        # Beginning a run, going on with it and deleting it wait for each other.
        self._turn = asyncio.Lock()
        self.background = BackgroundRuns(
            os.environ,
            home=control.home.folder,
            url=control.url,
            key=control.runtime.keyring.console_key,
        )

    async def close(self) -> None:
        """Stop the runs that go on here; what they have is kept."""
        await self.background.close()

    async def suites(self) -> list[SuiteFacts]:
        """The suites to choose from."""
        return await asyncio.to_thread(suites_for, self._control.folder, self.added)

    async def suite(self, word: str) -> tuple[SuiteFacts, Suite]:
        """One of them with its cases. Raises NotFound, SetupError."""
        facts = next((facts for facts in await self.suites() if facts.word == word), None)
        if facts is None:
            raise NotFound(f"There is no suite {word!r} here.")
        place = (self._place(facts), self._control.folder, self.added.folder)
        return facts, await asyncio.to_thread(find_suite, *place)

    def _place(self, facts: SuiteFacts) -> str:
        """What leads to this suite and to no other, whatever lies in the gateway's folder."""
        return str(self.added.folder / facts.word) if facts.place == "added" else facts.word

    async def add_suite(self, new: NewSuite) -> SuiteFacts:
        """Keep a suite. Raises MalformedRequest with file and line, BodyTooLarge, SetupError."""
        try:
            await asyncio.to_thread(self.added.add, new.cases, new.form, new.settings, new.name, new.file)
        except ConfigError as error:
            raise MalformedRequest(error.message) from None
        return next(facts for facts in await self.suites() if (facts.place, facts.word) == ("added", new.name))

    async def models(self) -> list[ModelChoice]:
        """The names to choose from, routes last: a route's answers come from several models."""
        found = []
        for listed in await self._control.client.models():
            about = listed.about
            if about is None or about.kind == "model":
                places = () if about is None else about.endpoints
                hosting = places[0].hosting if places else None
                found.append(ModelChoice(listed.id, "model", hosting, known_weights(Identity(listed.id, places))))
            else:
                found.append(ModelChoice(listed.id, "route", None, None, about.models))
        return sorted(found, key=lambda choice: (choice.kind == "route", choice.name))

    # --- a new run

    async def forecast(self, wanted: NewRun) -> Forecast:
        """What a run would take. Raises SetupError, MalformedRequest."""
        run, choices = await self._planned(wanted, who="")
        return await asyncio.to_thread(self._forecast, run, choices)

    async def _planned(self, wanted: NewRun, *, who: str) -> tuple[Run, list[Choice]]:
        wish = await asyncio.to_thread(self._wish, wanted)
        choices = await asyncio.to_thread(chosen, wish, self._control.folder, self.added.folder, _tell_nobody)
        judged = [choice.suite.name for choice in choices if needs_judge(choice.suite)]
        if judged and wish.judge is None:
            raise MalformedRequest(f"Another model judges the replies to {', '.join(judged)}: choose which.")
        return await planned(self._control.client, choices, wish, who=who, now=self._control.now()), choices

    def _wish(self, wanted: NewRun) -> Wish:
        if not wanted.suites:
            raise MalformedRequest("Choose at least one suite.")
        if not wanted.models:
            raise MalformedRequest("Choose at least one model.")
        _check_budget(wanted.budget_usd)
        known = {facts.word: facts for facts in suites_for(self._control.folder, self.added)}
        for word in wanted.suites:
            if word not in known:
                raise NotFound(f"There is no suite {word!r} here.")
            problem = known[word].problem
            if problem is not None:
                raise SetupError(problem)
        settings = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
        return Wish(**settings | {"suites": tuple(self._place(known[word]) for word in wanted.suites)})

    def _forecast(self, run: Run, choices: Sequence[Choice]) -> Forecast:
        store, suites = self.archive.store, {choice.suite.name: choice.suite for choice in choices}
        check_scorers(suites, run)
        with closing(store.answers()) as cache:
            rows = estimates(run, suites, cache, experience(store), price)
        priced = [row for row in rows if not row.own_machine]
        return Forecast(
            cases=sum(row.cases for row in rows),
            kept=sum(row.kept for row in rows),
            seconds=total_seconds(run, rows),
            cost_usd=_total([row.cost_usd for row in priced]),
            cost_usd_max=_total([row.cost_usd_max for row in priced]),
            own_machines=not priced,
            rows=tuple(rows),
            smallest_difference={name: smallest_difference(len(suite.cases)) for name, suite in suites.items()},
            uncertain=tuple(model.name for model in run.models if not model.certain),
        )

    async def start(self, wanted: NewRun, who: str) -> str:
        """Begin a run; its id. Raises SetupError, MalformedRequest."""
        run, choices = await self._planned(wanted, who=who)
        suites = {choice.suite.name: choice.suite for choice in choices}
        await asyncio.to_thread(check_scorers, suites, run)
        async with self._turn:
            self.background.check_room()
            folder = await asyncio.to_thread(self.archive.store.create, run, list(suites.values()))
            await self.background.start(folder)
        return run.id

    async def go_on(self, run: str, pace: GoOn) -> None:
        """Go on with a run that was stopped, or ask again where it had no answer. Raises SetupError, NotFound."""
        folder = self.folder(run)
        opened = await asyncio.to_thread(self.archive.open, folder)
        if opened.run.finished_at is not None and all(result.settled for result in opened.results.values()):
            raise SetupError(f"run {run} is finished: nothing is left to ask")
        _check_budget(pace.budget_usd)
        wish = Wish(**msgspec.structs.asdict(pace))
        plan = await went_on(self._control.client, opened.run, wish)
        async with self._turn:
            self.folder(run)  # it may have been deleted meanwhile
            if self.background.has(run) or folder.is_being_written():
                raise SetupError(f"run {run} goes on already")
            if plan != opened.run:
                await asyncio.to_thread(folder.write, plan)
            await self.background.start(folder)

    async def stop(self, run: str) -> None:
        """Stop a run, keeping what it has. Raises SetupError for one that was begun elsewhere, NotFound."""
        folder = self.folder(run)
        if self.background.has(run):
            await self.background.stop(run)
        elif await asyncio.to_thread(folder.is_being_written):
            raise SetupError(f"run {run} was begun in a terminal: stop it there, with Ctrl-C")

    async def delete(self, run: str) -> None:
        """Delete a run that does not go on, and what it keeps for others. Raises SetupError, NotFound."""
        async with self._turn:
            folder = self.folder(run)
            if self.background.has(run):
                raise SetupError(f"run {run} goes on: stop it first")
            await asyncio.to_thread(self.archive.delete, folder)

    # --- runs there are

    def folder(self, run: str) -> RunFolder:
        """The run with exactly this id. Raises NotFound."""
        folder = RunFolder(self.archive.store.folder / run)
        if not run or run != folder.path.name or not (folder.path / "run.json").is_file():
            raise NotFound(f"There is no run {run!r}.")
        return folder

    def _state(self, folder: RunFolder, *, finished: bool) -> State:
        if self.background.has(folder.path.name) or folder.is_being_written():
            return "running"
        return "finished" if finished else "stopped"

    async def rows(self) -> list[RunRow]:
        """The latest runs, the latest first."""
        return await asyncio.to_thread(self._rows)

    def _rows(self) -> list[RunRow]:
        return [
            RunRow(
                self._state(RunFolder(self.archive.store.folder / glance.id), finished=bool(glance.finished_at)), glance
            )
            for glance in self.archive.glances(count_max=RUNS_LISTED_MAX)
        ]

    async def opened(self, run: str) -> Opened:
        """A run with everything. Raises NotFound, SetupError."""
        return await asyncio.to_thread(self.archive.open, self.folder(run))

    async def in_full(self, run: str) -> RunInFull:
        """A run and what it has come to. Raises NotFound, SetupError."""
        folder = self.folder(run)
        return await asyncio.to_thread(self._in_full, folder)

    def _in_full(self, folder: RunFolder) -> RunInFull:
        opened = self.archive.open(folder)
        state = self._state(folder, finished=opened.run.finished_at is not None)
        came: dict[Came, int] = {"wrong": 0, "unanswered": 0, "right": 0, "all": len(opened.results)}
        for result in opened.results.values():
            came[came_of(result)] += 1
        return RunInFull(
            state,
            opened.run,
            opened.summary,
            tuple(progress_of(opened.run, opened.results)),
            came,
            sum(not result.settled for result in opened.results.values()),
            _said(folder) if state == "stopped" else (),
        )

    async def watched(self, run: str) -> Stream:
        """`progress` as often as something changes, `ended` in the end. Raises NotFound, SetupError."""
        folder = self.folder(run)
        watch = await asyncio.to_thread(RunWatch, folder)
        opened = await asyncio.to_thread(self.archive.open, folder)
        latest: list[CaseRow] = []
        pace = _Pace()
        told: LiveProgress | None = None
        while True:
            state, found = await asyncio.to_thread(self._looked, folder, watch)
            latest = [*reversed(_rows_of(opened, found)), *latest][:_LATEST_MAX]
            progress = tuple(watch.progress())
            done, cases = sum(row.done for row in progress), sum(row.cases for row in progress)
            pace.note(done, time.monotonic())
            now = LiveProgress(state, done, cases, pace.left_s(cases - done), progress, tuple(latest))
            if told is None or msgspec.structs.replace(now, left_s=told.left_s) != told:
                yield ServerEvent("progress", now)
                told = now
            if state != "running":
                yield ServerEvent("ended", {"state": state})
                return
            await asyncio.sleep(_LOOK_S)

    def _looked(self, folder: RunFolder, watch: RunWatch) -> tuple[State, list[CaseResult]]:
        """The state first: whatever was written before the run ended is then seen."""
        state = self._state(folder, finished=folder.read().finished_at is not None)
        return state, watch.look()


class _Pace:
    """How fast results come. The first look counts as the beginning: what was there is not of this pace."""

    def __init__(self) -> None:
        self._begun: tuple[int, float] | None = None
        self._latest: tuple[int, float] = (0, 0.0)

    def note(self, done: int, now_s: float) -> None:
        if self._begun is None:
            self._begun = self._latest = (done, now_s)
        elif done != self._latest[0]:
            self._latest = (done, now_s)

    def left_s(self, left: int) -> float | None:
        """Seconds for so many more results; None before three have come."""
        if self._begun is None or self._latest[0] - self._begun[0] < 3:
            return None
        return left * (self._latest[1] - self._begun[1]) / (self._latest[0] - self._begun[0])


def _rows_of(opened: Opened, results: Sequence[CaseResult]) -> list[CaseRow]:
    cases = {(suite.name, case.id): case for suite in opened.suites.values() for case in suite.cases}
    return [case_row(cases[row.suite, row.case], row) for row in results[-_LATEST_MAX:] if row.key[1:] in cases]


def _said(folder: RunFolder) -> tuple[str, ...]:
    try:
        data = folder.said.read_bytes()[-_SAID_BYTES_MAX:]
    except FileNotFoundError:
        return ()
    return tuple(data.decode("utf-8", "replace").splitlines()[-_SAID_LINES_MAX:])


def _check_budget(amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and amount > 0):
        raise MalformedRequest("A budget is an amount of US dollars above 0, like 0.50.")


def _total(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def _tell_nobody(text: str) -> None:
    pass


# --- operations


async def list_suites(control: Control) -> list[SuiteFacts]:
    """List the suites that can be run."""
    return await control.once(Evaluations).suites()


async def add_suite(control: Control, body: NewSuite) -> SuiteFacts:
    """Check a suite whole and keep it, to be run by its name."""
    return await control.once(Evaluations).add_suite(body)


async def delete_suite(control: Control, name: str) -> None:
    """Delete a suite that was added; runs that were made with it stay, with the cases that they asked."""
    await asyncio.to_thread(control.once(Evaluations).added.delete, name)


async def list_candidates(control: Control) -> list[ModelChoice]:
    """List the models and routes that can be measured."""
    return await control.once(Evaluations).models()


async def estimate_run(control: Control, body: NewRun) -> Forecast:
    """Say what a run would take and what it could show; ask nothing."""
    return await control.once(Evaluations).forecast(body)


async def start_run(control: Control, session: Session, body: NewRun) -> RunInFull:
    """Begin a run in the background."""
    service = control.once(Evaluations)
    return await service.in_full(await service.start(body, session.name))


async def list_runs(control: Control) -> list[RunRow]:
    """List the latest 200 runs, the latest first."""
    return await control.once(Evaluations).rows()


async def show_run(control: Control, run: str) -> RunInFull:
    """Show a run and what it has come to so far."""
    return await control.once(Evaluations).in_full(run)


async def watch_run(control: Control, run: str) -> Stream:
    """Watch a run: `progress` as often as something changes, `ended` when it has ended."""
    async for event in control.once(Evaluations).watched(run):
        yield event


async def stop_run(control: Control, run: str) -> RunInFull:
    """Stop a run; what it has is kept, and it can go on later."""
    service = control.once(Evaluations)
    await service.stop(run)
    return await service.in_full(run)


async def resume_run(control: Control, run: str, body: GoOn) -> RunInFull:
    """Go on with a run that was stopped, or ask again where a model had no answer for a passing reason."""
    service = control.once(Evaluations)
    await service.go_on(run, body)
    return await service.in_full(run)


async def delete_run(control: Control, run: str) -> None:
    """Delete a run that does not go on: its prompts, replies and scores, and the answers that it keeps for others."""
    await control.once(Evaluations).delete(run)


async def list_cases(control: Control, run: str, query: CaseQuery) -> CasesFound:
    """List cases of a run with what came of them."""
    opened = await control.once(Evaluations).opened(run)
    rows = await asyncio.to_thread(
        found_rows,
        opened.run,
        opened.suites,
        opened.results,
        came=query.came,
        model=query.model,
        suite=query.suite,
        words=query.words,
    )
    return CasesFound(len(rows), tuple(rows[query.start : query.start + query.count]))


async def show_case(control: Control, run: str, query: OneCase) -> CaseInFull:
    """Show a case in full: what was asked and expected, what each model answered, and why it scored as it did."""
    opened = await control.once(Evaluations).opened(run)
    return case_in_full(opened.run, opened.suites, opened.results, query.suite, query.case)


async def export_results(control: Control, run: str) -> File:
    """Download a run's results, one JSON object a line."""
    folder = control.once(Evaluations).folder(run)
    data = await asyncio.to_thread(folder.results_file.read_bytes) if folder.results_file.exists() else b""
    return File(data, "application/jsonl", f"{run}.jsonl")


async def export_report(control: Control, run: str) -> File:
    """Download a run's report: one HTML file that opens without a network."""
    opened = await control.once(Evaluations).opened(run)
    page = await asyncio.to_thread(report_of, opened.run, opened.suites, opened.results)
    return File(page.encode(), "text/html", f"{run}.html")


async def compare_runs(control: Control, query: TwoRuns) -> Difference:
    """Compare two runs on the cases that both have."""
    service = control.once(Evaluations)
    return await asyncio.to_thread(difference, service.folder(query.a), service.folder(query.b))


CALLS = (
    Call("GET", "/evaluations/suites", list_suites),
    Call("POST", "/evaluations/suites", add_suite),
    Call("DELETE", "/evaluations/suites/{name}", delete_suite),
    Call("GET", "/evaluations/candidates", list_candidates),
    Call("POST", "/evaluations/estimate", estimate_run),
    Call("GET", "/evaluations/difference", compare_runs),
    Call("POST", "/evaluations/runs", start_run),
    Call("GET", "/evaluations/runs", list_runs),
    Call("GET", "/evaluations/runs/{run}", show_run),
    Call("DELETE", "/evaluations/runs/{run}", delete_run),
    Call("GET", "/evaluations/runs/{run}/events", watch_run),
    Call("POST", "/evaluations/runs/{run}/stop", stop_run),
    Call("POST", "/evaluations/runs/{run}/resume", resume_run),
    Call("GET", "/evaluations/runs/{run}/cases", list_cases),
    Call("GET", "/evaluations/runs/{run}/case", show_case),
    Call("GET", "/evaluations/runs/{run}/results", export_results),
    Call("GET", "/evaluations/runs/{run}/report", export_report),
)
