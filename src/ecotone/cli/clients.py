"""`ecotone clients`: what to write into each client so that it asks the running gateway."""

from urllib.parse import urlencode

import msgspec
from rich.markup import escape

from ecotone.cli.controlling import control_client
from ecotone.cli.output import out, print_json, print_table, say
from ecotone.gateway.client_snippets import Client
from ecotone.values.errors import SetupError
from ecotone.web.control.connecting import Connections


def run(name: str | None, model: str | None, with_key: bool, as_json: bool) -> None:
    asked = {"with_key": "true" if with_key else "false", **({} if model is None else {"model": model})}
    with control_client() as control:
        found = msgspec.convert(control.ask("GET", f"/clients?{urlencode(asked)}"), type=Connections)
    chosen = found.clients if name is None else (_named(name, found.clients),)
    if as_json:
        print_json(msgspec.structs.replace(found, clients=chosen))
    elif name is None:
        print_table(
            ("NAME", "CLIENT", "SPEAKS", "ADDRESS"),
            ((client.name, client.title, client.speaks, client.address) for client in chosen),
        )
        say("The lines for one of them: ecotone clients NAME")
    else:
        _print(chosen[0], found)


def _named(name: str, clients: tuple[Client, ...]) -> Client:
    found = next((client for client in clients if client.name == name), None)
    if found is None:
        raise SetupError(f"there is no client {name!r}; there are {', '.join(client.name for client in clients)}")
    return found


def _print(client: Client, found: Connections) -> None:
    for snippet in client.snippets:
        place = "" if snippet.file is None else f", in {snippet.file}"
        out.print(escape(f"# {client.title}: {snippet.title}{place}"), style="dim")
        out.out(snippet.text, highlight=False)
    for note in client.notes:
        say(note)
    if found.key is not None:
        say(f"In place of {found.key} goes a key: ecotone keys create NAME")
