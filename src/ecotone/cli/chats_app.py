"""The arguments and help of `ecotone chats`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ecotone.cli.options import JsonOption

chats_app = typer.Typer(help="What was asked on the console's page Chat, and answered.", no_args_is_help=True)

_ChatArgument = Annotated[str, typer.Argument(help="A chat's id, as `ecotone chats list` has it.", show_default=False)]


@chats_app.command("list")
def chats_list(
    owner: Annotated[str | None, typer.Option(help="Only the chats of whoever signed in under this name.")] = None,
    search: Annotated[
        str, typer.Option(help="Only those whose title or messages have these words, each of them.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the one that changed last first.")] = 50,
    json: JsonOption = False,
) -> None:
    """List chats, the one that changed last first."""
    from ecotone.cli.chats import show_list

    show_list(owner, search, limit, json)


@chats_app.command("show")
def chats_show(chat: _ChatArgument, json: JsonOption = False) -> None:
    """Print a chat: the branch that its page shows, and where the words of each answer went. As JSON all branches."""
    from ecotone.cli.chats import show

    show(chat, json)


@chats_app.command("export")
def chats_export(
    chat: _ChatArgument,
    form: Annotated[
        Literal["json", "markdown"], typer.Option(help="JSON has all branches and files, Markdown the one shown.")
    ] = "json",
    to: Annotated[Path | None, typer.Option(help="A new file. Left out: standard output.", show_default=False)] = None,
) -> None:
    """Take a chat along, with what is known of each answer."""
    from ecotone.cli.chats import export

    export(chat, form, to)


@chats_app.command("rename")
def chats_rename(
    chat: _ChatArgument,
    title: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Give a chat another name."""
    from ecotone.cli.chats import rename

    rename(chat, title, json)


@chats_app.command("delete")
def chats_delete(chat: _ChatArgument, json: JsonOption = False) -> None:
    """Delete a chat with all that was said and attached, from the database's files too."""
    from ecotone.cli.chats import delete

    delete(chat, json)
