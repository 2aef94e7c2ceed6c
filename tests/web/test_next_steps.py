"""What a newcomer is told to do next follows from what there is and what was done."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import typer

from ecotone.cli.app import app
from ecotone.gateway.build import open_database
from ecotone.gateway.settings.paths import Home
from ecotone.gateway.standing import EndpointStanding, Standing
from ecotone.web.control.next_steps import Done, next_steps, what_was_done
from tests.request_rows import row, write_rows

NOTHING_DONE = Done(asked=False, often=False, by_clients=False, compared=False, measured=False)
DONE = (("asked", "by_clients"), ("asked", "by_clients", "compared", "measured"))
OPEN = EndpointStanding("small@embedded", "small", "embedded", "llama.cpp", "open", "ready")
CLOSED = EndpointStanding("claude@anthropic", "claude", "vendor", "anthropic", "closed", "ready")


def standing(*endpoints: EndpointStanding, rules: int = 0, vendors: tuple[str, ...] = ()) -> Standing:
    able = any(endpoint.can_answer for endpoint in endpoints)
    problem = None if able else "no models are configured"
    return Standing(endpoints, (), vendors, 0, 1, rules, problem, None)


def named(found: Standing, done: Done) -> list[str]:
    return [step.name for step in next_steps(found, done)]


def test_first_of_all_something_must_answer() -> None:
    assert named(standing(), NOTHING_DONE) == ["model", "connect", "rules"]
    broken = msgspec.structs.replace(OPEN, state="failed")
    assert named(standing(broken), NOTHING_DONE)[0] == "model"


def test_then_ask_then_connect_then_a_model_of_the_other_kind() -> None:
    assert named(standing(OPEN), NOTHING_DONE) == ["ask", "connect", "closed"]
    assert named(standing(CLOSED), NOTHING_DONE) == ["ask", "connect", "open"]
    assert named(standing(OPEN, vendors=("OpenAI",)), NOTHING_DONE) == ["ask", "connect", "rules"]


def test_what_was_done_is_not_told_again() -> None:
    asked = msgspec.structs.replace(NOTHING_DONE, asked=True, by_clients=True)
    assert named(standing(OPEN, CLOSED), asked) == ["compare", "rules", "measure"]
    compared = msgspec.structs.replace(asked, compared=True)
    assert named(standing(OPEN, CLOSED, rules=2), compared) == ["measure", "advise"]
    all_done = msgspec.structs.replace(compared, measured=True)
    assert named(standing(OPEN, CLOSED, rules=2), all_done) == ["advise"]


def test_each_command_can_be_run_as_it_stands() -> None:
    told = {
        step.name: step.command
        for found in (standing(), standing(OPEN), standing(CLOSED), standing(OPEN, CLOSED))
        for done in (
            NOTHING_DONE,
            *(msgspec.structs.replace(NOTHING_DONE, **dict.fromkeys(names, True)) for names in DONE),
        )
        for step in next_steps(found, done)
    }
    assert told.keys() == {"model", "ask", "connect", "closed", "open", "compare", "rules", "measure", "advise"}
    assert told["compare"] == "ecotone compare 'What is an ecotone?' -m claude -m small"
    for text in told.values():
        _, *arguments = shlex.split(text)
        command: Any = typer.main.get_command(app)
        while arguments and arguments[0] in getattr(command, "commands", {}):
            command = command.commands[arguments.pop(0)]
        command.make_context(text, arguments)  # raises UsageError for what is missing or unknown


def test_what_was_done_is_read_from_what_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    assert what_was_done(database, home.evaluations) == NOTHING_DONE
    write_rows(database, *(row(number, principal="console") for number in range(19)))
    assert what_was_done(database, home.evaluations) == msgspec.structs.replace(NOTHING_DONE, asked=True)
    write_rows(database, row(20, principal="laptop"))
    (home.evaluations / "run-1").mkdir(parents=True)
    done = what_was_done(database, home.evaluations)
    assert done == Done(asked=True, often=True, by_clients=True, compared=False, measured=True)
    database.close()
