"""The arguments and help of `ecotone rules`."""

from typing import Annotated

import typer

from ecotone.cli.options import ConfigOption, JsonOption

rules_app = typer.Typer(help="What may go where: the rules, their tests, and proofs about them.", no_args_is_help=True)


@rules_app.command("list")
def rules_list(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the rules in force, in their order."""
    from ecotone.cli.rules import show

    show(config, json)


@rules_app.command("test")
def rules_test(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Run the config's [[rule_tests]]. Exits with 1 if any fails."""
    from ecotone.cli.rules import test

    test(config, json)


@rules_app.command("try")
def rules_try(
    file: Annotated[str, typer.Argument(help="A text file; `-` reads standard input.", show_default=False)],
    data_class: Annotated[
        str | None, typer.Option("--class", help="The data class that the request declares. Left out: none.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model or route asked. Left out: every model by its own name."),
    ] = None,
    principal: Annotated[
        str, typer.Option("--as", help="Who asks: the name of a key, or `local` for a caller without one.")
    ] = "local",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what would become of a text: its class, what is found in it, who may have it and why, what would be sent.

    Nothing is sent.
    """
    from ecotone.cli.rule_trial import run

    run(file, data_class, model, principal, config, json)


@rules_app.command("prove")
def rules_prove(
    condition: Annotated[str, typer.Argument(help="What a request is, as a rule's condition.", show_default=False)],
    never: Annotated[
        str, typer.Option("--never", help="Where it must never be sent, as a rule's condition.", show_default=False)
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check every request that the config allows: is nothing that CONDITION holds for ever sent where the other holds?

    Exits with 0 if so, with 1 and a counterexample if not, with 2 if it cannot be told.
    """
    from ecotone.cli.rules import prove_promise

    prove_promise(condition, never, config, json)


@rules_app.command("refused")
def rules_refused(
    since: Annotated[
        str, typer.Option(help="How far back: an age like 90m, 24h or 7d, or a date like 2026-07-01T12:00.")
    ] = "24h",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the requests that the rules refused or flagged, the latest first: who, when and why, never what was said."""
    from ecotone.cli.rules import refused

    refused(since, config, json)


@rules_app.command("start")
def rules_start(
    name: Annotated[str | None, typer.Argument(help="Which one to print. Left out: all are listed.")] = None,
    json: JsonOption = False,
) -> None:
    """Print rules for a common wish, to copy into ecotone.toml."""
    from ecotone.cli.rules import start

    start(name, json)
