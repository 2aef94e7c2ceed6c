"""What to write into each client so that it asks this gateway, with its address, a model and a key filled in."""

from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.connecting import ClientsWanted, Connections, list_clients
from ecotone.web.control.keys import list_keys


async def page(request: Request) -> Response:
    keys = await list_keys(control_of(request))
    shown = request.query_params.get("client", "")
    return render(
        request,
        "connect.html",
        **await _told(request),
        shown=shown,
        keys=[key for key in reversed(keys) if key.revoked_at is None],
        revoked=[key for key in reversed(keys) if key.revoked_at is not None],
    )


async def snippets(request: Request) -> Response:
    """The part of the page that depends on the model and on whether there is a key."""
    return render(request, "connect_snippets.html", **await _told(request), shown="")


async def _told(request: Request) -> dict[str, Any]:
    wanted = ClientsWanted(
        model=request.query_params.get("model") or None,
        url=str(request.base_url).rstrip("/"),
        with_key=request.query_params.get("key") == "yes",
    )
    found: Connections = await list_clients(control_of(request), wanted)
    groups = [(group, list(rows)) for group, rows in groupby(found.clients, lambda client: client.group)]
    return {"found": found, "groups": groups}


ROUTES = (Route("/connect", page), Route("/connect/snippets", snippets))
