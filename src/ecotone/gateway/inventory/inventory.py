"""What a config offers: every model with what stands between it and an answer."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ecotone.catalog.provider import Hosting, Provider, Weights
from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS
from ecotone.gateway.build import http_client, load_config, model_store, with_found
from ecotone.gateway.inventory.file_heads import head_of
from ecotone.gateway.inventory.stored_models import with_stored
from ecotone.gateway.settings.config import Config, EndpointConfig, ModelConfig
from ecotone.gateway.settings.discovery import FoundServer, found_keys, found_servers
from ecotone.gateway.settings.paths import Home, find_config, find_home
from ecotone.gateway.settings.places import missing_key, place_problem
from ecotone.gateway.settings.plugins import installed
from ecotone.upstream.sources import LocalSource, Source, parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import StoreError
from ecotone.values.sizes import in_bytes


class Installation(msgspec.Struct, frozen=True):
    """The config in force and where it comes from. Without a file it is what `ecotone up` finds by itself:
    `servers` on this machine and `vendors` whose keys are in the environment. `folder` is where relative `file:`
    sources start."""

    home: Home
    file: Path | None
    folder: Path
    config: Config
    servers: tuple[FoundServer, ...] = ()
    vendors: tuple[Provider, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """One place where a model runs. `problem` is why it cannot answer from there, None if nothing is known.

    `name` is what the provider calls the model, None in the embedded engine. `catalog` is the catalog's id as the
    config states it, None where it does not.
    """

    hosting: Hosting
    provider: str
    address: str | None
    problem: str | None
    name: str | None = None
    catalog: str | None = None


class Item(msgspec.Struct, frozen=True):
    """A model. What is unknown is None. `state` is for people: what stands between it and an answer, if anything."""

    name: str
    places: tuple[Place, ...]
    weights: Weights | None
    source: str | None
    path: Path | None
    size_bytes: int | None
    context: int | None
    state: str
    usable: bool


def read_installation(config_file: Path | None, environment: Mapping[str, str], here: Path) -> Installation:
    """Read the config: that file's, else the one found from the folder `here`. Raises ConfigError."""
    home = find_home(environment)
    file = find_config(config_file, home, here)
    return Installation(home, file, here if file is None else file.parent, load_config(file))


async def with_surroundings(here: Installation, environment: Mapping[str, str]) -> Installation:
    """Where there is no config: the same with what lies in the store, servers on this machine's usual ports, and
    vendors' keys."""
    if here.file is not None:
        return here
    http = http_client(environment)
    try:
        servers = await found_servers(http)
    finally:
        await http.close()
    store = model_store(here.home, environment)
    config = with_stored(with_found(here.config, servers), store, here.folder)
    return msgspec.structs.replace(here, config=config, servers=servers, vendors=found_keys(environment))


def items(here: Installation, store: ModelStore, environment: Mapping[str, str]) -> list[Item]:
    """All models of the config, in its order."""
    return [
        _embedded(name, model, here.folder, store) if model.engine else _remote(name, model, environment)
        for name, model in here.config.models.items()
    ]


def _remote(name: str, model: ModelConfig, environment: Mapping[str, str]) -> Item:
    places = tuple(_place(place, name, model, environment) for place in model.endpoints or (model,))
    usable = any(place.problem is None for place in places)
    first = installed().providers[places[0].provider]
    state = "ready" if usable else next(place.problem for place in places if place.problem is not None)
    return Item(name, places, first.weights, None, None, None, None, state, usable)


def _place(place: EndpointConfig, name: str, model: ModelConfig, environment: Mapping[str, str]) -> Place:
    provider = installed().providers[place.provider or ""]
    missing = missing_key(place, environment)
    problem = place_problem(place, environment) if missing is None else f"no key: set {missing}"
    return Place(
        hosting=place.hosting or "vendor",
        provider=provider.name,
        address=place.base_url or provider.base_url,
        problem=problem,
        name=place.name or model.name or name,
        catalog=place.catalog or model.catalog,
    )


def _embedded(name: str, model: ModelConfig, folder: Path, store: ModelStore) -> Item:
    text = model.source or ""
    source = parse_source(text, folder)
    place = Place("embedded", model.engine or "", None, None, catalog=model.catalog)
    stored = store.find(source, sha256=model.sha256)
    if stored is None:
        state = _absence(source, store)
        return Item(name, (place,), "open", text, None, _known_size(text), model.context, state, False)
    context, problem = _looked_into(stored, name)
    state = "pulled" if problem is None else problem
    context = model.context or context
    return Item(name, (place,), "open", text, stored.path, stored.size, context, state, problem is None)


def _absence(source: Source, store: ModelStore) -> str:
    if isinstance(source, LocalSource):
        there = source.path.is_file()
        return "not checked yet: `ecotone pull` takes its sha256" if there else f"there is no file {source.path}"
    partial = next((part for part in store.partials() if part.source == source.text), None)
    return "not pulled" if partial is None else f"half pulled ({in_bytes(partial.size)})"


def _looked_into(stored: StoredModel, name: str) -> tuple[int | None, str | None]:
    """The context that the model was made for, and what is wrong with its file."""
    try:
        return head_of(stored.path, model=name).context_length, None
    except StoreError as error:
        return None, f"damaged: {error.message}"


def _known_size(source: str) -> int | None:
    return next((row.size for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.source == source), None)
