"""The arguments and help of `ecotone eval`."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from ecotone.cli.harness import harness_app
from ecotone.cli.options import JsonOption

eval_app = typer.Typer(help="Measure models on suites of cases, and compare them.", no_args_is_help=True)
eval_app.add_typer(harness_app, name="harness")

_RunArgument = Annotated[
    str, typer.Argument(help="A run's id, the beginning or end of it, or `last`.", show_default=False)
]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether to.")]


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "all":
        return 0
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter("a number from 1 on, or `all`")
    return int(text)


def _temperature(text: str | None) -> float | None:
    """-1 stands for the model's own."""
    if text is None:
        return None
    try:
        value = -1.0 if text == "own" else float(text)
    except ValueError:
        value = 3.0
    if text != "own" and not 0 <= value <= 2:
        raise typer.BadParameter("a number from 0 to 2, or `own` for the model's own")
    return value


def _money(text: str | None) -> Decimal | None:
    try:
        value = None if text is None else Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if value is not None and not (value.is_finite() and value > 0):
        raise typer.BadParameter("US dollars above 0, like 0.50")
    return value


@eval_app.command("run")
def eval_run(
    suite: Annotated[
        list[str] | None,
        typer.Option(help="A bundled or added suite, a folder with one, or `all` bundled ones. Repeatable; all."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Model or route. Repeatable. Left out: every model of the gateway."),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(help="Cases of each suite, or `all`. Left out: what the suite proposes.", callback=_limit),
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=256, help="Requests at a time to a model; 4.")] = None,
    rpm: Annotated[float | None, typer.Option(min=0.1, help="The most requests a minute to a model.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="US dollars that the run may cost; it stops before.", callback=_money)
    ] = None,
    judge: Annotated[str | None, typer.Option(help="The model that judges, for suites that need one.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sent with each request; 0.")] = None,
    temperature: Annotated[
        str | None,
        typer.Option(help="In place of the suites' (0); `own` sends none.", callback=_temperature),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most tokens of a reply, in place of the suites'.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and what it could show; ask nothing.")
    ] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with this run (its id, or `last`).")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what was answered in earlier runs.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report to this file at the end.")] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The config to use. Left out: ./ecotone.toml, else the one in the home folder."),
    ] = None,
    json: JsonOption = False,
    for_gateway: Annotated[
        bool, typer.Option("--for-gateway", hidden=True, help="With --resume: for the gateway that starts this.")
    ] = False,
) -> None:
    """Ask models every case of suites, through the gateway, and score what they answer.

    Every result is on the disk at once: a run that was stopped or killed goes on with --resume.
    """
    from ecotone.cli.eval_run import run, run_for_gateway
    from ecotone.evaluation.planning import Wish

    if for_gateway and resume is not None:
        run_for_gateway(resume)
        return

    own = temperature is not None and float(temperature) < 0
    wish = Wish(
        suites=tuple(suite or ()),
        models=tuple(model or ()),
        limit=None if limit is None else int(limit),
        concurrency=concurrency,
        requests_per_minute=rpm,
        budget_usd=None if budget is None else Decimal(budget),
        judge=judge,
        seed=seed,
        temperature=None if own or temperature is None else float(temperature),
        own_temperature=own,
        max_tokens=max_tokens,
        fresh=fresh,
        resume=resume,
    )
    run(wish, dry_run=dry_run, report=report, config_file=config, as_json=json)


@eval_app.command("new")
def eval_new(folder: Annotated[Path, typer.Argument(help="Where to write it.", show_default=False)]) -> None:
    """Write an example of a suite with ten prompts, to be changed into your own."""
    from ecotone.cli.eval_suites import new

    new(folder)


@eval_app.command("add-suite")
def eval_add_suite(
    path: Annotated[
        Path, typer.Argument(help="A folder with a suite, or a file of cases: .csv or .jsonl.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option(help="What it is called. Left out: what its suite.toml says, else the path's name.")
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(help="How replies to a file of cases are scored: contains, exact, numeric and so on; contains."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check a suite whole and keep a copy of it, to be run by its name here and in the console."""
    from ecotone.cli.eval_suites import add

    add(path, name, scorer, json)


@eval_app.command("delete-suite")
def eval_delete_suite(
    name: Annotated[str, typer.Argument(help="A suite that was added.", show_default=False)], yes: _Yes = False
) -> None:
    """Delete a suite that was added. Runs that were made with it stay."""
    from ecotone.cli.eval_suites import delete

    delete(name, sure=yes)


@eval_app.command("suites")
def eval_suites(json: JsonOption = False) -> None:
    """List the suites that come with Ecotone, and those that were added."""
    from ecotone.cli.eval_suites import suites

    suites(json)


@eval_app.command("list")
def eval_list(json: JsonOption = False) -> None:
    """List runs, the latest last."""
    from ecotone.cli.eval_show import list_runs

    list_runs(json)


@eval_app.command("show")
def eval_show(
    run: _RunArgument = "last",
    case: Annotated[str | None, typer.Option(help="Show this case alone.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Show the cases without an answer or a score.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Show the cases that did not score in full.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what a run came to; with an option, its cases: prompt, reply, reference, and why it scored as it did."""
    from ecotone.cli.eval_show import show

    show(run, case=case, failed=failed, wrong=wrong, as_json=json)


@eval_app.command("delete")
def eval_delete(run: _RunArgument, yes: _Yes = False) -> None:
    """Delete a run: its prompts, replies and scores, and the answers that later runs would have taken from it."""
    from ecotone.cli.eval_show import delete

    delete(run, sure=yes)


@eval_app.command("diff")
def eval_diff(
    run_a: Annotated[str, typer.Argument(help="A run's id, or the beginning or end of it.", show_default=False)],
    run_b: Annotated[str, typer.Argument(help="Another.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Compare two runs on the cases that both have: per suite, and which cases changed."""
    from ecotone.cli.eval_show import diff

    diff(run_a, run_b, json)


@eval_app.command("report")
def eval_report(
    run: _RunArgument = "last",
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write a run's report: one HTML file that opens without a network."""
    from ecotone.cli.eval_show import report

    report(run, out)
