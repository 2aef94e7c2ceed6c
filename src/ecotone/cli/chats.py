"""`ecotone chats`: what is kept of the console's chats. The owner of the machine sees those of all who sign in."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from ecotone.cli.output import print_json, print_table, say, visible
from ecotone.gateway.build import open_database
from ecotone.gateway.chats.chat_texts import as_json, as_markdown
from ecotone.gateway.chats.chats import MIGRATIONS, Chat, ChatRow, Chats
from ecotone.gateway.request_log import decision_of
from ecotone.gateway.settings.paths import find_home
from ecotone.storage.database import Database
from ecotone.values.chat import Json
from ecotone.values.errors import SetupError


@contextmanager
def _database() -> Iterator[Database]:
    home = find_home(os.environ)
    open_database(home).close()  # brings the other subjects' tables up to date
    with closing(Database(home.database, MIGRATIONS)) as database:
        yield database


def show_list(owner: str | None, search: str, limit: int, as_json: bool) -> None:
    with _database() as database:
        rows = Chats(database).list(owner, search=search, limit=limit)
    if as_json:
        print_json({"chats": rows})
    elif rows:
        print_table(("ID", "CHANGED", "WHOSE", "MESSAGES", "ASKED LAST", "TITLE"), map(_cells, rows))
    elif search:
        say("No chat has all of these words.")
    else:
        say("There are no chats. The console's page Chat begins one: `ecotone console` prints the link.")


def _cells(row: ChatRow) -> tuple[str, ...]:
    return row.id, f"{row.changed_at:%Y-%m-%d %H:%M} UTC", row.owner, str(row.messages), row.model or "", row.title


def show(chat: str, as_data: bool) -> None:
    with _database() as database:
        found = Chats(database).get(chat, None)
        decisions = _decisions(database, found)
    if as_data:
        sys.stdout.write(as_json(found, {}, decisions).decode())
    else:
        sys.stdout.write(visible(as_markdown(found, decisions)) + "\n")


def export(chat: str, form: Literal["json", "markdown"], to: Path | None) -> None:
    with _database() as database:
        chats = Chats(database)
        found = chats.get(chat, None)
        decisions = _decisions(database, found)
        if form == "json":
            text = as_json(found, chats.attached_to(chat, [one.id for one in found.messages]), decisions).decode()
        else:
            text = as_markdown(found, decisions) + "\n"
    if to is None:
        sys.stdout.write(text)
        return
    try:
        with to.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise SetupError(f"{to} is there already; choose another name") from None
    except OSError as error:
        raise SetupError(f"{to} cannot be written: {error.strerror}") from None
    say(f"written to {to}")


def rename(chat: str, title: str, as_json: bool) -> None:
    with _database() as database:
        chats = Chats(database)
        chats.rename(chat, None, title)
        kept = chats.get(chat, None).title
    if as_json:
        print_json({"id": chat, "title": kept})
    else:
        say(f"It is called {kept!r} now.")


def delete(chat: str, as_json: bool) -> None:
    with _database() as database:
        Chats(database).delete(chat, None)
    if as_json:
        print_json({"id": chat, "deleted": True})
    else:
        say("Deleted. The log keeps that requests were made, without what was in them.")


def _decisions(database: Database, chat: Chat) -> dict[str, Json]:
    found = ((one.request_id, decision_of(database, one.request_id)) for one in chat.messages if one.request_id)
    return {request: decision for request, decision in found if decision is not None}
