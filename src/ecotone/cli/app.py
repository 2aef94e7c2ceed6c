"""All commands, their arguments and help."""

from pathlib import Path
from typing import Annotated

import typer

from ecotone import __version__

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The config to use. Left out: ./ecotone.toml, else the one in the home folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

app = typer.Typer(
    name="ecotone",
    help="Open-weight and closed AI models behind one address, under your own rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys_app = typer.Typer(help="Keys that callers of the gateway show.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ecotone {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def up(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on [default: 127.0.0.1]. Beyond loopback callers need a key.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one [default: 4100].")] = None,
    config: ConfigOption = None,
) -> None:
    """Start the gateway. Without a config it serves a small open model on this machine, and what it finds."""
    from ecotone.cli.up import run

    run(host=host, port=port, config_file=config)


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Who will use it: a person, a service.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key. It is shown this once; only its hash is kept."""
    from ecotone.cli.keys import create

    create(name, json)


@keys_app.command("list")
def keys_list(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List keys, the revoked ones too."""
    from ecotone.cli.keys import show

    show(json)


@keys_app.command("revoke")
def keys_revoke(name: str, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Make a key useless, at once and for good."""
    from ecotone.cli.keys import revoke

    revoke(name, json)
