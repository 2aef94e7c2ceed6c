"""What a run asks of whom: from what somebody wishes to the run that is written down before anything is asked."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from ecotone.evaluation import sandbox
from ecotone.evaluation.answers import identify
from ecotone.evaluation.cases import AskJudge, Scorer, ScorerTools, Suite
from ecotone.evaluation.runner import Runner
from ecotone.evaluation.runs import Run, RunSettings, RunSuite, new_run_id, this_machine, this_software
from ecotone.evaluation.scorers import kind_of, scorer_for
from ecotone.evaluation.scorers.judge import Agreement, JudgeGrade, JudgePair, agreement_with_people, has_human_verdicts
from ecotone.evaluation.scorers.python_code import PythonCode
from ecotone.evaluation.suites import bundled_suites, find_suite, limited, load_bundled, suite_folder
from ecotone.gateway.client import GatewayClient
from ecotone.values.chat import Message
from ecotone.values.errors import EcotoneError, SetupError

Tell = Callable[[str], None]
"""Takes a sentence for the person who waits."""


class Wish(msgspec.Struct, frozen=True):
    """What somebody asks for; None and nothing where they do not say. `limit` 0 takes all cases."""

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


class Choice(msgspec.Struct, frozen=True):
    """A suite with the cases that are asked, where it comes from, and how many cases it has in all."""

    suite: Suite
    origin: str
    of: int


def chosen(wish: Wish, folder: Path, added: Path, tell: Tell) -> list[Choice]:
    """The suites, each with the cases that are asked; relative paths start at `folder`, and `added` holds the suites
    that were added. Raises SetupError."""
    found: dict[str, Choice] = {}
    for word in dict.fromkeys(wish.suites or ("all",)):
        loaded = _all_suites(tell) if word == "all" else [find_suite(word, folder, added)]
        place = None if word == "all" else suite_folder(word, folder, added)
        for suite in loaded:
            bundled = suite.name in bundled_suites() and suite == load_bundled(suite.name)
            origin = "bundled" if bundled or place is None else str(place.resolve())
            asked = limited(suite, suite.limit if wish.limit is None else wish.limit or None)
            if suite.name in found and found[suite.name].suite != asked:
                raise SetupError(f"two suites are called {suite.name!r}; give one another name in its suite.toml")
            found[suite.name] = Choice(asked, origin, len(suite.cases))
    return list(found.values())


def _all_suites(tell: Tell) -> list[Suite]:
    """The bundled suites, without those that run code where code cannot be run safely."""
    suites = [load_bundled(name) for name in bundled_suites()]
    code = [suite for suite in suites if runs_code(suite)]
    reason = sandbox.problem() if code else None
    if reason is None:
        return suites
    tell(f"left out: {', '.join(suite.name for suite in code)}. {reason}")
    return [suite for suite in suites if suite not in code]


async def planned(gateway: GatewayClient, choices: Sequence[Choice], wish: Wish, *, who: str, now: datetime) -> Run:
    """A new run, begun by `who` at `now`. Raises SetupError, UpstreamError."""
    names = list(dict.fromkeys(wish.models)) or await _all_models(gateway)
    if not names:
        raise SetupError("the gateway has no models yet; add one to ecotone.toml (see `ecotone models`)")
    return Run(
        id=new_run_id(now),
        started_at=now,
        who=who,
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
            for choice in choices
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


async def went_on(gateway: GatewayClient, run: Run, wish: Wish) -> Run:
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


def runs_code(suite: Suite) -> bool:
    """Is it scored by running what the model wrote?"""
    return isinstance(kind_of(suite.scorer), PythonCode)


def needs_judge(suite: Suite) -> bool:
    """Is it scored by a model?"""
    return isinstance(kind_of(suite.scorer), JudgePair | JudgeGrade)


def check_scorers(suites: Mapping[str, Suite], run: Run) -> None:
    """Raise SetupError before anything is asked, if something that a scorer needs is missing."""
    for suite in suites.values():
        if run.judge is None and needs_judge(suite):
            raise SetupError(f"suite {suite.name} is scored by a model: name one with --judge MODEL")
    scorers(suites, _asks_nobody)


def scorers(suites: Mapping[str, Suite], ask_judge: AskJudge) -> dict[str, Scorer]:
    """The scorer of each suite, by its name. Raises SetupError where code cannot be run safely."""
    usable = any(map(runs_code, suites.values())) and sandbox.problem() is None
    tools = ScorerTools(sandbox=sandbox.Sandbox() if usable else None, ask_judge=ask_judge)
    return {name: scorer_for(suite.scorer, tools) for name, suite in suites.items()}


async def _asks_nobody(messages: tuple[Message, ...]) -> str:
    raise SetupError("there is no judge")


async def agreement(runner: Runner, suites: Mapping[str, Suite], tell: Tell) -> dict[str, Agreement]:
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
                tell(f"how far the judge agrees with people on {suite.name} could not be measured: {error.message}")
    return found
