"""The arguments and help of `ecotone battles`."""

from typing import Annotated, Literal

import typer

from ecotone.cli.options import JsonOption

battles_app = typer.Typer(
    help="Prompts that were put to several models at once, the votes on them, and who wins how often.",
    no_args_is_help=True,
)

_BattleArgument = Annotated[str, typer.Argument(help="A battle's id, as `ecotone battles list` has it.")]


@battles_app.command("list")
def battles_list(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only those that this model or route took part in.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="Only those with all these words in a prompt.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 50,
    json: JsonOption = False,
) -> None:
    """List battles, the latest first. Names of blind ones are in the alphabet's order until somebody has voted."""
    from ecotone.cli.battles import show_list

    show_list(model, words, limit, json)


@battles_app.command("show")
def battles_show(battle: _BattleArgument, json: JsonOption = False) -> None:
    """Print a battle: prompts, answers, and once names may be known who gave them, how fast and for how much."""
    from ecotone.cli.battles import show

    show(battle, json)


@battles_app.command("begin")
def battles_begin(
    prompt: Annotated[str, typer.Argument(help="What to ask all of them.", show_default=False)],
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="Model or route; two to four of them.", show_default=False)
    ],
    blind: Annotated[
        bool, typer.Option("--blind", help="Draw lots for the sides; tell no name before the vote.")
    ] = False,
    system: Annotated[str | None, typer.Option(help="Instructions that all get before the prompt.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens that an answer may have.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, max=2.0, help="How freely words are chosen; 0: the likeliest always.")
    ] = None,
    data_class: Annotated[str | None, typer.Option(help="The data class of the texts.")] = None,
    json: JsonOption = False,
) -> None:
    """Begin a battle in the running gateway, and print it when all have answered."""
    from ecotone.cli.battles import begin

    begin(
        {
            "models": model,
            "prompt": prompt,
            "blind": blind,
            "system": system,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "data_class": data_class,
        },
        json,
    )


@battles_app.command("ask")
def battles_ask(
    battle: _BattleArgument,
    prompt: Annotated[str, typer.Argument(help="What to ask all sides next.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Ask all sides one more prompt in the running gateway, and print what they answer; each goes on from its own."""
    from ecotone.cli.battles import ask_on

    ask_on(battle, prompt, json)


@battles_app.command("vote")
def battles_vote(
    battle: _BattleArgument,
    vote: Annotated[
        Literal["a", "b", "c", "d", "tie", "all_bad"], typer.Argument(help="The better side; or none was.")
    ],
    json: JsonOption = False,
) -> None:
    """Cast a battle's one vote in the running gateway; it shows the names."""
    from ecotone.cli.battles import cast

    cast(battle, vote, json)


@battles_app.command("reveal")
def battles_reveal(battle: _BattleArgument, json: JsonOption = False) -> None:
    """Show the names of a blind battle without a vote, in the running gateway; none can be cast afterwards."""
    from ecotone.cli.battles import reveal

    reveal(battle, json)


@battles_app.command("delete")
def battles_delete(battle: _BattleArgument, json: JsonOption = False) -> None:
    """Delete a battle with its texts in the running gateway; its vote no longer counts."""
    from ecotone.cli.battles import delete

    delete(battle, json)


@battles_app.command("standings")
def battles_standings(
    named: Annotated[bool, typer.Option("--named", help="Count votes on shown names in place of blind ones.")] = False,
    json: JsonOption = False,
) -> None:
    """Print who wins how often, pair by pair, with 95 % intervals."""
    from ecotone.cli.battles import show_standings

    show_standings(named, json)


@battles_app.command("export")
def battles_export(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array instead of JSON Lines.")] = False,
) -> None:
    """Print all battles, texts, settings, order and vote: one JSON object a line, the oldest first."""
    from ecotone.cli.battles import export

    export(json)
