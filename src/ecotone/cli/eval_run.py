"""`ecotone eval run`: what is asked of whom, what that will take, and the run itself."""

import getpass
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from ecotone.cli.connecting import Connection, connected
from ecotone.cli.eval_progress import progress_of
from ecotone.cli.eval_show import write_report
from ecotone.cli.eval_tables import print_estimate, print_summary, say_estimate, summary_data
from ecotone.cli.output import print_json, say
from ecotone.evaluation.answers import AnswerCache
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.costs import price
from ecotone.evaluation.estimate import estimates, experience
from ecotone.evaluation.planning import Wish, agreement, check_scorers, chosen, planned, scorers, went_on
from ecotone.evaluation.results import summarise
from ecotone.evaluation.runner import Observer, Runner, Stopped
from ecotone.evaluation.runs import CaseResult, Run, RunFolder, RunStore
from ecotone.gateway.settings.paths import find_home


def run(wish: Wish, *, dry_run: bool, report: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Carry out a new run, or go on with one. Exits with 1 where cases are left without a result."""
    home = find_home(os.environ)
    store = RunStore(home.evaluations)
    resumed = None if wish.resume is None else store.find(wish.resume)
    choices = chosen(wish, Path.cwd(), home.suites, say) if resumed is None else []
    suites = {choice.suite.name: choice.suite for choice in choices} if resumed is None else resumed.suites()
    with connected(config_file) as connection, closing(store.answers()) as cache:
        plan = connection.run(
            planned(connection.gateway, choices, wish, who=_who(), now=datetime.now(UTC))
            if resumed is None
            else went_on(connection.gateway, resumed.read(), wish)
        )
        check_scorers(suites, plan)
        rows = estimates(plan, suites, cache, experience(store), price)
        if dry_run:
            print_estimate(plan, suites, rows, as_json=as_json)
            return
        say(f"run {plan.id}")
        say_estimate(plan, rows, done=0 if resumed is None else len(resumed.results()))
        folder = resumed or store.create(plan, list(suites.values()))
        try:
            with progress_of(plan, suites, folder.results()) as progress:
                stopped = _carried_out(connection, folder, plan, suites, cache, progress)
        except KeyboardInterrupt:
            say(f"stopped; what is there is kept. Go on with: ecotone eval run --resume {plan.id}")
            raise
    _tell(folder, suites, report=report, as_json=as_json)
    if stopped.left:
        say(f"{stopped.left:,} cases are left; go on with: ecotone eval run --resume {plan.id}")
        raise typer.Exit(1)


def run_for_gateway(name: str) -> None:
    """Go on with a run, saying only what goes wrong, until it ends or the gateway that started this process wants it
    to, or is gone."""
    _end_with_standard_input()
    folder = RunStore(find_home(os.environ).evaluations).find(name)
    suites = folder.suites()
    with connected(None) as connection, closing(RunStore(folder.path.parent).answers()) as cache:
        plan = connection.run(went_on(connection.gateway, folder.read(), Wish()))
        check_scorers(suites, plan)
        _carried_out(connection, folder, plan, suites, cache, _Notes())


class _Notes:
    """Passes on what the person who waits should know; results are on the disk."""

    def result(self, result: CaseResult) -> None:
        pass

    def note(self, text: str) -> None:
        say(text)


def _end_with_standard_input() -> None:
    """Have this process end like with Ctrl-C as soon as whoever holds the other end of its standard input closes it,
    or is gone. Nothing is ever written to it."""

    # Where the gateway was started in a shell's background, the signal is inherited as one to be ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, name="standard-input", daemon=True).start()


def _tell(folder: RunFolder, suites: Mapping[str, Suite], *, report: Path | None, as_json: bool) -> None:
    finished = folder.read()
    summary = summarise(finished, suites, folder.results())
    if report is not None:
        write_report(folder, report)
    if as_json:
        print_json(summary_data(finished, summary))
    else:
        print_summary(finished, summary)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "unknown"


# --- the run itself


def _carried_out(
    connection: Connection,
    folder: RunFolder,
    run: Run,
    suites: Mapping[str, Suite],
    cache: AnswerCache,
    observer: Observer,
) -> Stopped:
    """Ask, score, keep. Ctrl-C ends it with what there is."""
    with folder.writing() as writer:
        runner = Runner(
            run,
            suites,
            folder.results(),
            gateway=connection.gateway,
            cache=cache,
            writer=writer,
            prices=price,
            observer=observer,
            now=lambda: datetime.now(UTC),
        )
        folder.write(msgspec.structs.replace(run, finished_at=None))
        stopped = connection.run(runner.carry_out(scorers(suites, runner.ask_judge)))
        agreed = connection.run(agreement(runner, suites, say)) if not stopped.left else {}
        finished_at = None if stopped.left else datetime.now(UTC)
        folder.write(msgspec.structs.replace(run, finished_at=finished_at, agreement=agreed))
    return stopped
