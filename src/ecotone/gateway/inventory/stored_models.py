"""Models that lie in the store and that no config names: what they are called, and which of them can be talked to."""

import asyncio
from pathlib import Path

import msgspec

from ecotone.catalog.suggestions import DEFAULT_MODEL, SUGGESTIONS
from ecotone.gateway.build import Runtime
from ecotone.gateway.inventory.file_heads import head_of
from ecotone.gateway.settings.config import Config, ModelConfig
from ecotone.upstream.sources import Source, parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import SetupError


def usual_name(source: Source) -> str:
    """What a model from there is called where nobody has given it a name."""
    known = (row.name for row in (DEFAULT_MODEL, *SUGGESTIONS) if row.source == source.text)
    return next(known, source.stem.lower())


def unnamed(config: Config, store: ModelStore, folder: Path) -> list[StoredModel]:
    """The files in the store that no model of the config uses."""
    named = (parse_source(model.source, folder) for model in config.models.values() if model.source)
    used = {stored.path for source in named if (stored := store.find(source)) is not None}
    return [stored for stored in store.models() if stored.path not in used]


def _stays(name: str, model: ModelConfig, config: Config, store: ModelStore, folder: Path) -> bool:
    if model.source is None or any(name in route.models for route in config.routes.values()):
        return True
    return store.find(parse_source(model.source, folder), sha256=model.sha256) is not None


def with_stored(config: Config, store: ModelStore, folder: Path) -> Config:
    """A config-less gateway's config, with the chat models that lie in the store, and without those whose files are no
    longer there; models of routes stay in any case.

    Reads the head of each new file. One that is damaged, or that is not made for talking, stays out.
    """
    models = {name: model for name, model in config.models.items() if _stays(name, model, config, store, folder)}
    for stored in unnamed(config, store, folder):
        text = f"file:{stored.path}" if stored.in_place else stored.source
        try:
            source = parse_source(text, folder)
            info = head_of(stored.path, model=stored.name)
        except SetupError:
            continue
        # What is shown of an address may lack what it takes to fetch it again.
        findable = store.find(source, sha256=stored.sha256)
        if info.chat_template is None or info.pooling is not None or findable is None:
            continue
        name = usual_name(source)
        model = ModelConfig(engine="llama.cpp", source=text, sha256=stored.sha256)
        models[stored.name if name in models else name] = model
    return msgspec.structs.replace(config, models=models)


async def stored_now(runtime: Runtime, folder: Path) -> Config:
    """The config of a gateway without a config file, with what lies in its store now. Heads that nobody has read yet
    are read in a thread."""
    await asyncio.to_thread(with_stored, runtime.config, runtime.store, folder)
    return with_stored(runtime.config, runtime.store, folder)


def served_as(stored: StoredModel, config: Config, store: ModelStore, folder: Path) -> str | None:
    """What a gateway without a config calls this file; None if it does not serve it."""
    sources = (stored.source, f"file:{stored.path}")
    models = with_stored(config, store, folder).models
    return next((name for name, model in models.items() if model.source in sources), None)
