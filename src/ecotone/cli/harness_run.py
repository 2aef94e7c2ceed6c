"""`ecotone eval harness`: another evaluation program is run on a route, and what it found is kept and shown."""

import getpass
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from ecotone.cli.connecting import connected
from ecotone.cli.output import print_json, print_table, say
from ecotone.evaluation.answers import identify
from ecotone.evaluation.harness import (
    Asked,
    Call,
    HarnessRun,
    Measure,
    Program,
    Results,
    call_of,
    environment_of,
    find_program,
    read_results,
    search_path,
)
from ecotone.evaluation.runs import new_run_id, this_machine, this_software
from ecotone.gateway.settings.paths import find_home
from ecotone.values.errors import SetupError

_STOP_S = 15.0


def run(program: Program, asked: Asked, *, also: Sequence[str], config_file: Path | None, as_json: bool) -> None:
    """Run it, keep what it left, and print what it found. Exits with 1 where it failed or left cases out."""
    if not all(task.strip() for task in asked.tasks):
        raise SetupError("a task has a name; this one is empty")
    executable = find_program(program, search_path(os.environ.get("PATH", ""), sys.executable))
    with connected(config_file) as connection:
        gateway = connection.gateway
        route = asked.route or connection.run(gateway.default_model())
        asked = msgspec.structs.replace(asked, route=route)
        model = connection.run(identify(gateway, route))
        environment = environment_of(os.environ, gateway.url, os.environ.get("ECOTONE_KEY"), also)
        folder, raw = _new_folder(program)
        call = call_of(program, asked, executable, gateway.url, raw, Path.cwd())
        record = HarnessRun(
            id=folder.name,
            program=program.name,
            command=call.command,
            asked=asked,
            model=model,
            started_at=datetime.now(UTC),
            who=getpass.getuser(),
            machine=this_machine(),
            software=this_software(),
        )
        record.write(folder)
        say(f"{program.name} asks {route}; what it says follows, its files are kept in {raw}")
        status = _carried_out(call, environment)
    found = _read(program, raw, status)
    record = msgspec.structs.replace(record, finished_at=datetime.now(UTC), exit_status=status, results=found)
    record.write(folder)
    _tell(program, record, folder, as_json=as_json)


def _new_folder(program: Program) -> tuple[Path, Path]:
    """A run's folder, readable by its owner alone, and the one for the program's own files in it."""
    now = datetime.now(UTC)
    folder = find_home(os.environ).evaluations / "harness" / f"{new_run_id(now)}-{program.name}"
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    raw = folder / "raw"
    raw.mkdir()
    (raw / ".env").touch()
    return folder, raw


def _carried_out(call: Call, environment: Mapping[str, str]) -> int:
    """Its exit status. What it prints goes to standard error; Ctrl-C reaches it as it reaches this process."""
    try:
        process = subprocess.Popen(
            call.command, cwd=call.folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
    except OSError as error:
        raise SetupError(f"{call.command[0]} cannot be started: {error.strerror}; install it anew") from None
    try:
        return process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(program: Program, raw: Path, status: int) -> Results:
    """What it left, with what went wrong in words: files in an unknown form are a problem, and stay where they are."""
    try:
        found = read_results(program, raw)
    except SetupError as error:
        found = Results(problems=(error.message,))
    problems = list(found.problems)
    if status:
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        problems.insert(0, f"{program.name} {ended}; what it said is above")
    elif not found.measures and not problems:
        problems.append(f"{program.name} left no result; what it said is above")
    return msgspec.structs.replace(found, problems=tuple(problems))


def _tell(program: Program, record: HarnessRun, folder: Path, *, as_json: bool) -> None:
    results = record.results
    if as_json:
        print_json({"folder": str(folder), "run": msgspec.to_builtins(record)})
    elif results.measures:
        by = f"{program.name} {results.version or '?'}"
        print_table(
            ("TASK", "METRIC", "ON", "VALUE", "95 %", "FROM", "CASES", "BY"),
            [(*_cells(row), by) for row in results.measures],
        )
    for problem in results.problems:
        say(problem)
    if not results.measures:
        say(program.hint)
    say(f"kept in {folder}")
    if results.problems:
        raise typer.Exit(1)


def _cells(row: Measure) -> tuple[str, ...]:
    interval = "?" if row.interval is None else f"{_figure(row.interval.low)} to {_figure(row.interval.high)}"
    return (
        row.task,
        f"{row.metric} (lower is better)" if row.higher_is_better is False else row.metric,
        row.part,
        _figure(row.value),
        interval,
        row.basis or "",
        "?" if row.n is None else f"{row.n:,}",
    )


def _figure(value: float | None) -> str:
    """On the metric's own scale, which nobody here knows, with three decimals."""
    return "?" if value is None else f"{value:.3f}"
