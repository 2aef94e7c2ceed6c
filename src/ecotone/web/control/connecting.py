"""How clients reach this gateway."""

import asyncio
from collections import OrderedDict
from datetime import datetime

import msgspec

from ecotone.gateway.arrivals import ARRIVALS_MAX, Arrival, latest_arrivals
from ecotone.gateway.client_snippets import PLACEHOLDER_KEY, Client, can_be_shown, clients
from ecotone.gateway.inventory.model_facts import KnownModel
from ecotone.gateway.settings.config import Config
from ecotone.storage.database import Database
from ecotone.storage.database_thread import DatabaseThread
from ecotone.upstream.engine import CONTEXT_DEFAULT_MAX
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import MalformedRequest
from ecotone.web.control.api import Call, ServerEvent, Stream
from ecotone.web.control.control import Control
from ecotone.web.control.model_desk import ModelDesk

_TIMEOUTS = Timeouts(connect_s=2.0, first_byte_s=5.0, between_bytes_s=5.0, whole_s=10.0)
_LOOK_S = 0.5


class ClientsWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`model` is a route or model, the gateway's first if left out. `url` is where the client reaches the gateway, left
    out: its address on this machine. `with_key`: with a place for a key also where none is needed."""

    model: str | None = None
    url: str | None = None
    with_key: bool = False


class Connections(msgspec.Struct, frozen=True):
    """`models` are the names that a snippet may have, routes first; `key_needed` whether callers need a key; `key` is
    what stands for it in the snippets, None where they have none."""

    url: str
    model: str
    models: tuple[str, ...]
    key_needed: bool
    key: str | None
    clients: tuple[Client, ...]


async def list_clients(control: Control, query: ClientsWanted) -> Connections:
    """What to write into each client so that it asks this gateway."""
    names = nameable(control)
    model = query.model if query.model is not None else next(iter(names), "assistant")
    if query.model is not None and model not in names:
        raise MalformedRequest(f"There is no route or model {model!r} here.", param="model")
    url = query.url or control.url
    key_needed = await needs_key(control)
    key = PLACEHOLDER_KEY if key_needed or query.with_key else None
    return Connections(
        url, model, names, key_needed, key, clients(url, model, key, await _context_tokens(control, model))
    )


def nameable(control: Control) -> tuple[str, ...]:
    """Routes and models whose names can stand in a snippet."""
    directory = control.runtime.gateway.directory
    return tuple(name for name in (*directory.routes, *directory.models) if can_be_shown(name))


async def _context_tokens(control: Control, name: str) -> int | None:
    """What a route or model holds: of several models what the least one does; None where that is unknown."""
    here = await control.once(ModelDesk).here()
    held = {model.item.name: _held(here.installation.config, model) for model in here.models}
    route = control.runtime.gateway.directory.routes.get(name)
    counts = [held.get(model.name) for model in route.models] if route is not None else [held.get(name)]
    known = [count for count in counts if count is not None]
    return min(known) if known and len(known) == len(counts) else None


def _held(config: Config, model: KnownModel) -> int | None:
    """An embedded model is run with less than it was made for, unless its config says more."""
    count, settings = model.context_tokens, config.models[model.item.name]
    if count is None or settings.engine is None or settings.context is not None:
        return count
    return min(count, CONTEXT_DEFAULT_MAX)


async def needs_key(control: Control) -> bool:
    """Whether a caller without a key is turned away, as a client would find out."""
    http = control.runtime.http
    response = await http.send(http.target("GET", f"{control.url}/api/ps"), timeouts=_TIMEOUTS)
    response.close()
    return response.status == 401


class _Log:
    def __init__(self, control: Control) -> None:
        self._thread = DatabaseThread(lambda: Database(control.home.database))

    async def latest(self, since: datetime) -> tuple[Arrival, ...]:
        return await self._thread.do(lambda database: latest_arrivals(database, since))

    def close(self) -> None:
        self._thread.close()


async def watch_arrivals(control: Control) -> Stream:
    """Events named `arrival`: each exchange that begins from now on, but for the console's own, when it has ended."""
    since = control.now()
    told: OrderedDict[str, None] = OrderedDict()
    yield ServerEvent("waiting", {"since": since})
    while True:
        for arrival in await control.once(_Log).latest(since):
            if arrival.id not in told:
                told[arrival.id] = None
                yield ServerEvent("arrival", arrival)
        while len(told) > 2 * ARRIVALS_MAX:
            told.popitem(last=False)
        await asyncio.sleep(_LOOK_S)


CALLS = (Call("GET", "/clients", list_clients), Call("GET", "/clients/arrivals", watch_arrivals))
