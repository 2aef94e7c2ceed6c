"""The models of this gateway and of the catalog: what they are and how; fetched, loaded, unloaded, removed."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec

from ecotone.gateway.inventory.catalog_rows import Ability, SortKey, Wanted, catalog_csv, catalog_data
from ecotone.gateway.inventory.model_rows import dossier_data, here_csv, here_data
from ecotone.gateway.inventory.model_states import ModelState
from ecotone.web.control.api import Call, File, ServerEvent, Stream
from ecotone.web.control.control import Control
from ecotone.web.control.model_desk import ModelDesk, Pull, Removed

_LOOK_S = 0.4


class PullWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file to fetch: a model of the config or of the suggestions by name, or a source such as
    `hf:org/repo/file.gguf`; `sha256` is what the file must have."""

    model: str
    sha256: str | None = None


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model by its name in this gateway."""

    model: str


class CatalogQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which models of the catalog, and in which order."""

    weights: Literal["open", "closed"] | None = None
    maker: str | None = None
    search: str | None = None
    can: Ability | None = None
    verdict: Literal["allowed", "allowed with duties", "unknown", "not allowed"] | None = None
    sort: SortKey = "name"
    reverse: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def wanted(self) -> Wanted:
        """The same for the catalog's functions."""
        return Wanted(**msgspec.structs.asdict(self))


async def list_models(control: Control) -> dict[str, Any]:
    """Every route, model and model file of this gateway, with what is known of each."""
    return here_data(await control.once(ModelDesk).here())


async def export_models(control: Control) -> File:
    """The models of this gateway as CSV."""
    return File(here_csv(await control.once(ModelDesk).here()).encode(), "text/csv; charset=utf-8", "models.csv")


async def list_catalog(control: Control, query: CatalogQuery) -> dict[str, Any]:
    """The catalog's models that fit, with prices, ratings and what their licences come to for this organisation."""
    rows, view = await control.once(ModelDesk).catalog(query.wanted())
    return catalog_data(rows, view)


async def export_catalog(control: Control, query: CatalogQuery) -> File:
    """The same as CSV."""
    rows, _ = await control.once(ModelDesk).catalog(query.wanted())
    return File(catalog_csv(rows).encode(), "text/csv; charset=utf-8", "catalog.csv")


async def show_model(control: Control, model: str) -> dict[str, Any]:
    """All that is known of one model, of this gateway or of the catalog, with sources and days."""
    found, _ = await control.once(ModelDesk).dossier(model)
    return dossier_data(found)


async def list_states(control: Control) -> list[ModelState]:
    """How every model of this gateway is now, and what may be asked for."""
    return list(await control.once(ModelDesk).states())


async def watch_models(control: Control) -> Stream:
    """Events `models` (all states) and `pulls` (all pulls), each at once and then whenever something has changed."""
    desk = control.once(ModelDesk)
    seen: dict[str, bytes] = {}
    while True:
        states = await desk.states()
        pulls = [desk.told(state) for state in desk.pulls.states()]
        for event, data in (("models", list(states)), ("pulls", pulls)):
            written = msgspec.json.encode(data if event == "pulls" else [_without_clock(state) for state in states])
            if seen.get(event) != written:
                seen[event] = written
                yield ServerEvent(event, data)
        await asyncio.sleep(_LOOK_S)


def _without_clock(state: ModelState) -> ModelState:
    return msgspec.structs.replace(state, loaded_for_s=None)


async def load_model(control: Control, body: Named) -> ModelState:
    """Load an embedded model into memory; answers when it is ready."""
    return await control.once(ModelDesk).load(body.model)


async def unload_model(control: Control, body: Named) -> ModelState:
    """Let an embedded model's memory go, once what it is answering has ended."""
    return await control.once(ModelDesk).unload(body.model)


async def start_pull(control: Control, body: PullWanted) -> Pull:
    """Fetch a model's file in the background, unless it is being fetched already."""
    return control.once(ModelDesk).pull(body.model, body.sha256)


async def list_pulls(control: Control) -> list[Pull]:
    """The pulls that go on, and the latest that have ended."""
    desk = control.once(ModelDesk)
    return [desk.told(state) for state in desk.pulls.states()]


async def read_pull(control: Control, pull: str) -> Pull:
    """How far a pull is."""
    desk = control.once(ModelDesk)
    return desk.told(desk.pulls.state(pull))


async def stop_pull(control: Control, pull: str) -> Pull:
    """Stop a pull at the next bytes that come; they are kept for the next one."""
    return Pull(control.once(ModelDesk).pulls.stop(pull))


async def dismiss_pull(control: Control, pull: str) -> None:
    """Take a pull that has ended off the list; what has come of the file is kept."""
    control.once(ModelDesk).pulls.dismiss(pull)


async def remove_model(control: Control, model: str) -> Removed:
    """Delete a model's file from the store, finished or not. The config stays as it is."""
    return await control.once(ModelDesk).remove(model)


CALLS = (
    Call("GET", "/models", list_models),
    Call("GET", "/models.csv", export_models),
    Call("GET", "/models/states", list_states),
    Call("GET", "/models/events", watch_models),
    Call("POST", "/models/load", load_model),
    Call("POST", "/models/unload", unload_model),
    Call("GET", "/models/show/{model:path}", show_model),
    Call("DELETE", "/models/files/{model:path}", remove_model),
    Call("GET", "/pulls", list_pulls),
    Call("POST", "/pulls", start_pull),
    Call("GET", "/pulls/{pull}", read_pull),
    Call("DELETE", "/pulls/{pull}", stop_pull),
    Call("POST", "/pulls/{pull}/dismiss", dismiss_pull),
    Call("GET", "/catalog", list_catalog),
    Call("GET", "/catalog.csv", export_catalog),
)
