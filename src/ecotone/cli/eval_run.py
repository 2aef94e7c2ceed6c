"""`ecotone eval run`: what is asked of whom, what that will take, and the run itself."""

import getpass
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import typer

from ecotone.cli.connecting import Connection, connected
from ecotone.cli.eval_progress import progress_of
from ecotone.cli.eval_show import write_report
from ecotone.cli.eval_tables import print_estimate, print_summary, say_estimate, summary_data
from ecotone.cli.output import print_json, say
from ecotone.evaluation import sandbox
from ecotone.evaluation.answers import AnswerCache, identify
from ecotone.evaluation.cases import AskJudge, Scorer, ScorerTools, Suite
from ecotone.evaluation.costs import price
from ecotone.evaluation.estimate import estimates, experience
from ecotone.evaluation.results import summarise
from ecotone.evaluation.runner import Runner, Stopped
from ecotone.evaluation.runs import (
    Run,
    RunFolder,
    RunSettings,
    RunStore,
    RunSuite,
    new_run_id,
    this_machine,
    this_software,
)
from ecotone.evaluation.scorers import kind_of, scorer_for
from ecotone.evaluation.scorers.judge import Agreement, JudgeGrade, JudgePair, agreement_with_people, has_human_verdicts
from ecotone.evaluation.scorers.python_code import PythonCode
from ecotone.evaluation.suites import bundled_suites, find_suite, limited, load_bundled
from ecotone.gateway.client import GatewayClient
from ecotone.gateway.paths import find_home
from ecotone.values.chat import Message
from ecotone.values.errors import EcotoneError, SetupError


class Wish(msgspec.Struct, frozen=True):
    """What the command line asks for; None and nothing where it does not say."""

    suites: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    limit: int | None = None
    concurrency: int | None = None
    requests_per_minute: float | None = None
    budget_usd: Decimal | None = None
    judge: str | None = None
    seed: int | None = None
    temperature: float | None = None
    own_temperature: bool = False
    max_tokens: int | None = None
    fresh: bool = False
    resume: str | None = None


class _Chosen(msgspec.Struct, frozen=True):
    """A suite with the cases that are asked, where it comes from, and how many cases it has in all."""

    suite: Suite
    origin: str
    of: int


def run(wish: Wish, *, dry_run: bool, report: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Carry out a new run, or go on with one. Exits with 1 where cases are left without a result."""
    store = RunStore(find_home(os.environ).evaluations)
    resumed = None if wish.resume is None else store.find(wish.resume)
    chosen = _chosen(wish) if resumed is None else []
    suites = {choice.suite.name: choice.suite for choice in chosen} if resumed is None else resumed.suites()
    with connected(config_file) as connection, closing(store.answers()) as cache:
        planned = (
            connection.run(_planned(connection.gateway, chosen, wish))
            if resumed is None
            else connection.run(_went_on(connection.gateway, resumed.read(), wish))
        )
        _check_scorers(suites, planned)
        rows = estimates(planned, suites, cache, experience(store), price)
        if dry_run:
            print_estimate(planned, suites, rows, as_json=as_json)
            return
        say(f"run {planned.id}")
        say_estimate(planned, rows, done=0 if resumed is None else len(resumed.results()))
        folder = resumed or store.create(planned, list(suites.values()))
        stopped = _carried_out(connection, folder, planned, suites, cache)
    _tell(folder, suites, report=report, as_json=as_json)
    if stopped.left:
        say(f"{stopped.left:,} cases are left; go on with: ecotone eval run --resume {planned.id}")
        raise typer.Exit(1)


def _tell(folder: RunFolder, suites: Mapping[str, Suite], *, report: Path | None, as_json: bool) -> None:
    finished = folder.read()
    summary = summarise(finished, suites, folder.results())
    if report is not None:
        write_report(folder, report)
    if as_json:
        print_json(summary_data(finished, summary))
    else:
        print_summary(finished, summary)


# --- what to ask


def _chosen(wish: Wish) -> list[_Chosen]:
    """The suites, each with the cases that are asked. Raises SetupError."""
    found: dict[str, _Chosen] = {}
    for word in dict.fromkeys(wish.suites or ("all",)):
        loaded = _all_suites() if word == "all" else [find_suite(word, Path.cwd())]
        for suite in loaded:
            bundled = suite.name in bundled_suites() and suite == load_bundled(suite.name)
            origin = "bundled" if bundled else str((Path.cwd() / Path(word).expanduser()).resolve())
            asked = limited(suite, suite.limit if wish.limit is None else wish.limit or None)
            if suite.name in found and found[suite.name].suite != asked:
                raise SetupError(f"two suites are called {suite.name!r}; give one another name in its suite.toml")
            found[suite.name] = _Chosen(asked, origin, len(suite.cases))
    return list(found.values())


def _all_suites() -> list[Suite]:
    """The bundled suites, without those that run code where code cannot be run safely."""
    suites = [load_bundled(name) for name in bundled_suites()]
    code = [suite for suite in suites if isinstance(kind_of(suite.scorer), PythonCode)]
    reason = sandbox.problem() if code else None
    if reason is None:
        return suites
    say(f"left out: {', '.join(suite.name for suite in code)}. {reason}")
    return [suite for suite in suites if suite not in code]


async def _planned(gateway: GatewayClient, chosen: Sequence[_Chosen], wish: Wish) -> Run:
    names = list(dict.fromkeys(wish.models)) or await _all_models(gateway)
    if not names:
        raise SetupError("the gateway has no models yet; add one to ecotone.toml (see `ecotone models`)")
    now = datetime.now(UTC)
    return Run(
        id=new_run_id(now),
        started_at=now,
        who=_who(),
        models=tuple([await identify(gateway, name) for name in names]),
        suites=tuple(
            RunSuite(
                name=choice.suite.name,
                title=choice.suite.title,
                category=choice.suite.category,
                digest=choice.suite.digest,
                origin=choice.origin,
                cases=tuple(case.id for case in choice.suite.cases),
                of=choice.of,
            )
            for choice in chosen
        ),
        settings=RunSettings(
            seed=wish.seed or 0,
            limit=wish.limit,
            temperature=wish.temperature,
            own_temperature=wish.own_temperature,
            max_tokens=wish.max_tokens,
            concurrency=wish.concurrency,
            requests_per_minute=wish.requests_per_minute,
            budget_usd=wish.budget_usd,
            judge=wish.judge,
            fresh=wish.fresh,
        ),
        machine=this_machine(),
        software=this_software(),
        judge=None if wish.judge is None else await identify(gateway, wish.judge),
    )


async def _all_models(gateway: GatewayClient) -> list[str]:
    return [row.id for row in await gateway.models() if row.about is None or row.about.kind == "model"]


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"


async def _went_on(gateway: GatewayClient, run: Run, wish: Wish) -> Run:
    """The run to go on with, at another pace if that is wished. Raises SetupError where it would not be the same run:
    another question, or other weights behind a name."""
    fixed = ("suites", "models", "limit", "judge", "seed", "temperature", "own_temperature", "max_tokens", "fresh")
    if any(getattr(wish, field) != getattr(Wish(), field) for field in fixed):
        raise SetupError("a run that goes on keeps what it asks; beside --resume, only pace and budget may be given")
    for before in (*run.models, *filter(None, (run.judge,))):
        now = await identify(gateway, before.name)
        if now.digest != before.digest:
            raise SetupError(
                f"{before.name} is not what it was when run {run.id} began (other weights, another place or another"
                " engine); start a new run, which uses the answers that are still good"
            )
    paces = ("concurrency", "requests_per_minute", "budget_usd")
    changed = {field: value for field in paces if (value := getattr(wish, field)) is not None}
    return msgspec.structs.replace(run, settings=msgspec.structs.replace(run.settings, **changed))


# --- scorers


def _check_scorers(suites: Mapping[str, Suite], run: Run) -> None:
    """Raise SetupError before anything is asked, if something that a scorer needs is missing."""
    for suite in suites.values():
        if run.judge is None and isinstance(kind_of(suite.scorer), JudgePair | JudgeGrade):
            raise SetupError(f"suite {suite.name} is scored by a model: name one with --judge MODEL")
    _scorers(suites, _asks_nobody)


def _scorers(suites: Mapping[str, Suite], ask_judge: AskJudge) -> dict[str, Scorer]:
    needed = any(isinstance(kind_of(suite.scorer), PythonCode) for suite in suites.values())
    usable = needed and sandbox.problem() is None
    tools = ScorerTools(sandbox=sandbox.Sandbox() if usable else None, ask_judge=ask_judge)
    return {name: scorer_for(suite.scorer, tools) for name, suite in suites.items()}


async def _asks_nobody(messages: tuple[Message, ...]) -> str:
    raise SetupError("there is no judge")


# --- the run itself


def _carried_out(
    connection: Connection, folder: RunFolder, run: Run, suites: Mapping[str, Suite], cache: AnswerCache
) -> Stopped:
    """Ask, score, keep. Ctrl-C ends it with what there is."""
    done = folder.results()
    with folder.writing() as writer, progress_of(run, suites, done) as progress:
        runner = Runner(
            run,
            suites,
            done,
            gateway=connection.gateway,
            cache=cache,
            writer=writer,
            prices=price,
            observer=progress,
            now=lambda: datetime.now(UTC),
        )
        folder.write(msgspec.structs.replace(run, finished_at=None))
        scorers = _scorers(suites, runner.ask_judge)
        try:
            stopped = connection.run(runner.carry_out(scorers))
            agreement = connection.run(_agreement(runner, suites)) if not stopped.left else {}
        except KeyboardInterrupt:
            say(f"stopped; what is there is kept. Go on with: ecotone eval run --resume {run.id}")
            raise
        finished_at = None if stopped.left else datetime.now(UTC)
        folder.write(msgspec.structs.replace(run, finished_at=finished_at, agreement=agreement))
    return stopped


async def _agreement(runner: Runner, suites: Mapping[str, Suite]) -> dict[str, Agreement]:
    """How far the judge agrees with people, for suites whose cases carry their verdicts."""
    found = {}
    for suite in suites.values():
        kind = kind_of(suite.scorer)
        if isinstance(kind, JudgePair | JudgeGrade) and has_human_verdicts(suite.cases):
            try:
                found[suite.name] = await agreement_with_people(
                    kind, suite.cases, ScorerTools(ask_judge=runner.ask_judge)
                )
            except EcotoneError as error:
                say(f"how far the judge agrees with people on {suite.name} could not be measured: {error.message}")
    return found
