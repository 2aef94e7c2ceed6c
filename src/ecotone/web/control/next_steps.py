"""What a newcomer does next, from what has been done here."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ecotone.catalog.provider import Weights
from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.gateway.keys import CONSOLE
from ecotone.gateway.standing import Standing
from ecotone.storage.database import Database

STEPS_SHOWN = 3
_ROWS_LOOKED_AT_MAX = 10_000
_WELL_ASKED = 20


class Done(msgspec.Struct, frozen=True):
    """What has been done with this installation so far. `asked`: somebody has asked a model; `by_clients`: by other
    means than the console; `often`: more than a few times."""

    asked: bool
    often: bool
    by_clients: bool
    compared: bool
    measured: bool


class Step(msgspec.Struct, frozen=True):
    """Something to do next: why, and the page and the command that do it."""

    name: str
    title: str
    text: str
    page: str
    action: str
    command: str


def what_was_done(database: Database, evaluations: Path) -> Done:
    """Looks at no more than the latest requests."""
    latest = f"select principal from requests order by started_at_us desc limit {_ROWS_LOOKED_AT_MAX}"  # noqa: S608
    asked, by_clients = database.execute(
        f"select count(*), count(*) filter (where principal <> ?) from ({latest})",  # noqa: S608 - no input
        (CONSOLE.name,),
    )[0]
    kept = database.execute("select 1 from sqlite_master where type = 'table' and name = 'battles'")
    return Done(
        asked=asked > 0,
        often=asked >= _WELL_ASKED,
        by_clients=by_clients > 0,
        compared=bool(kept and database.execute("select 1 from battles limit 1")),
        measured=evaluations.is_dir() and any(child.is_dir() for child in evaluations.iterdir()),
    )


def next_steps(standing: Standing, done: Done) -> tuple[Step, ...]:
    """The first three that have not been done."""
    found = list(_steps(standing, done))
    return tuple(found[:STEPS_SHOWN])


def _steps(standing: Standing, done: Done) -> Iterator[Step]:
    able = {endpoint.model for endpoint in standing.endpoints if endpoint.can_answer}
    kinds = {endpoint.weights for endpoint in standing.endpoints if endpoint.can_answer}
    if standing.problem is not None:
        yield Step(
            "model",
            "Get a model that answers",
            "An open one that runs on this machine is a download away.",
            "/console/models",
            "See the models",
            f"ecotone pull {DEFAULT_MODEL.name}",
        )
    elif not done.asked:
        yield Step(
            "ask",
            "Ask it something",
            "Beside each answer stands which model gave it, where it ran, and what it took.",
            "/console/chat",
            "Begin a chat",
            "ecotone ask 'What is an ecotone?'",
        )
    if not done.by_clients:
        yield Step(
            "connect",
            "Connect the client that you have",
            "Any program that speaks OpenAI's, Anthropic's, Google's or Ollama's API needs a new address and no more.",
            "/console/connect",
            "Show me the lines",
            "ecotone clients",
        )
    yield from _second_model(able, kinds, standing)
    if len(able) > 1 and not done.compared:
        yield Step(
            "compare",
            "Let two models answer side by side",
            "One prompt, both answers as they come; vote without knowing which is which.",
            "/console/compare",
            "Compare",
            shlex.join(["ecotone", "compare", "What is an ecotone?", *_options(sorted(able)[:2])]),
        )
    if not standing.rules:
        yield Step(
            "rules",
            "Say what may go where",
            "There are no rules yet: whatever is asked goes to whichever model was named.",
            "/console/rules",
            "See the rules",
            "ecotone rules start",
        )
    if not done.measured:
        yield Step(
            "measure",
            "Measure on your own tasks",
            "Ten prompts of your own say more than any public table.",
            "/console/evaluations",
            "Run a suite",
            "ecotone eval run",
        )
    yield Step(
        "advise",
        "Open or closed?",
        "Say what you need, and see which models fit and what they cost at your volume.",
        "/console/advise",
        "Find out",
        "ecotone advise",
    )


def _options(models: list[str]) -> list[str]:
    return [word for model in models for word in ("-m", model)]


def _second_model(able: set[str], kinds: set[Weights | None], standing: Standing) -> Iterator[Step]:
    if not able or {"open", "closed"} <= kinds or standing.vendors:
        return
    if "open" in kinds:
        yield Step(
            "closed",
            "Put a closed model beside the open ones",
            "Set a vendor's key, such as OPENAI_API_KEY, in the gateway's environment and start it again.",
            "/console/models",
            "See the models",
            "ecotone models --all",
        )
    else:
        yield Step(
            "open",
            "Put an open model beside the closed ones",
            "One that runs here costs nothing by the token, and what it is asked stays in the house.",
            "/console/models",
            "See the models",
            "ecotone models --all",
        )
