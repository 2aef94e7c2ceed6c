"""How the models of a running gateway are, loaded or not, fetched or resting, and what can be done with each."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from ecotone.catalog.provider import Hosting
from ecotone.gateway.build import Runtime
from ecotone.gateway.inventory.pulls import Pulls, PullState
from ecotone.gateway.settings.config import ModelConfig
from ecotone.upstream.engines import EngineState
from ecotone.upstream.fetch import Progress
from ecotone.upstream.sources import LocalSource, Source, parse_source
from ecotone.upstream.store import ModelStore, StoredModel

Condition = Literal["ready", "answering", "loading", "asleep", "failed", "pulling", "absent", "resting", "unavailable"]
Action = Literal["load", "unload", "pull", "stop", "remove"]


class FilePull(msgspec.Struct, frozen=True):
    """How far a model's file is. `id` is None where it cannot be stopped: the gateway fetches by itself, or it is
    stopping already."""

    id: str | None
    phase: str
    what: str
    done: int
    total: int | None
    bytes_per_s: float | None


class ModelState(msgspec.Struct, frozen=True):
    """A model of the gateway, now.

    `ready` and `answering` models are in memory or elsewhere; `asleep` ones are loaded by the next request. `absent`
    has no file; `resting` failed lately and is tried last; `unavailable` cannot be asked as things are. `because` says
    why where that is not plain. `memory_bytes` is the engine's estimate. `can` is what may be asked for now.
    """

    name: str
    hosting: Hosting
    condition: Condition
    because: str | None = None
    memory_bytes: int | None = None
    loaded_for_s: float | None = None
    requests: int = 0
    pull: FilePull | None = None
    can: tuple[Action, ...] = ()


class Shelf(msgspec.Struct, frozen=True):
    """Where the files of embedded models come from and which are here, by the model's name; `gone` are the owner's own
    files that are not where the config says."""

    sources: Mapping[str, Source]
    stored: Mapping[str, StoredModel]
    gone: frozenset[str]


def look_at_shelf(models: Mapping[str, ModelConfig], store: ModelStore, folder: Path) -> Shelf:
    """Look at the disk. Relative `file:` sources start in `folder`."""
    sources = {name: parse_source(model.source, folder) for name, model in models.items() if model.source}
    found = {name: store.find(source, sha256=models[name].sha256) for name, source in sources.items()}
    gone = [name for name, source in sources.items() if isinstance(source, LocalSource) and not source.path.is_file()]
    stored = {name: model for name, model in found.items() if model is not None}
    return Shelf(sources, stored, frozenset(gone))


def model_states(runtime: Runtime, pulls: Pulls, shelf: Shelf) -> tuple[ModelState, ...]:
    """All models of the config in force, in its order. Called on the event loop."""
    engines: dict[str, list[EngineState]] = {}
    for engine in runtime.engines.states():
        engines.setdefault(engine.name, []).append(engine)
    return tuple(
        _embedded(name, runtime, pulls, shelf, engines.get(name, ())) if model.engine else _remote(name, model, runtime)
        for name, model in runtime.config.models.items()
    )


def _embedded(name: str, runtime: Runtime, pulls: Pulls, shelf: Shelf, engines: Iterable[EngineState]) -> ModelState:
    source, stored = shelf.sources.get(name), shelf.stored.get(name)
    pull = None if source is None else _pull_of(pulls.running(source.key), runtime.files.progress(name))
    running = [engine for engine in engines if engine.state in ("loading", "ready", "answering")]
    if running:
        return _running(name, running)
    if pull is not None:
        return ModelState(name, "embedded", "pulling", pull=pull, can=("stop",) if pull.id else ())
    if stored is None:
        can_pull: tuple[Action, ...] = () if name in shelf.gone else ("pull",)
        return ModelState(name, "embedded", "absent", runtime.files.problem(name), can=can_pull)
    can: tuple[Action, ...] = ("load",) if stored.in_place else ("load", "remove")
    failed = next((engine for engine in engines if engine.state == "failed"), None)
    if failed is not None:
        return ModelState(name, "embedded", "failed", failed.last_error, can=can)
    planned = next((engine.memory_bytes for engine in engines if engine.memory_bytes is not None), None)
    return ModelState(name, "embedded", "asleep", memory_bytes=planned, can=can)


def _pull_of(asked: PullState | None, own: Progress | None) -> FilePull | None:
    if asked is not None:
        return FilePull(
            asked.id if asked.stage == "pulling" else None,
            asked.phase,
            asked.what,
            asked.done,
            asked.total,
            asked.bytes_per_s,
        )
    return None if own is None else FilePull(None, own.phase, own.what, own.done, own.total, None)


def _running(name: str, engines: list[EngineState]) -> ModelState:
    """Most models run for chat alone; one that also makes vectors has an engine for that, and both count."""
    states = {engine.state for engine in engines}
    condition: Condition = "answering" if "answering" in states else "ready" if "ready" in states else "loading"
    loaded = [engine.loaded_for_s for engine in engines if engine.loaded_for_s is not None]
    return ModelState(
        name,
        "embedded",
        condition,
        memory_bytes=sum(engine.memory_bytes or 0 for engine in engines) or None,
        loaded_for_s=max(loaded, default=None),
        requests=sum(engine.leases for engine in engines),
        can=("unload",) if condition != "loading" else (),
    )


def _remote(name: str, model: ModelConfig, runtime: Runtime) -> ModelState:
    """Usable if one of its places is; resting if all that are usable failed when they were asked last."""
    directory, health = runtime.gateway.directory, runtime.gateway.health
    known = directory.models.get(name)
    endpoints = () if known is None else known.endpoints
    hosting: Hosting = endpoints[0].hosting if endpoints else "vendor"
    problems = [problem for endpoint in endpoints if (problem := endpoint.problem()) is not None]
    usable = [endpoint for endpoint in endpoints if endpoint.problem() is None]
    if not usable:
        return ModelState(name, hosting, "unavailable", "; ".join(problems) or None)
    now_s = time.monotonic()
    troubles = [trouble for endpoint in usable if (trouble := health.trouble(endpoint.id, now_s)) is not None]
    if len(troubles) < len(usable):
        return ModelState(name, hosting, "ready")
    return ModelState(name, hosting, "resting", min(troubles, key=lambda trouble: trouble.rests_s).words)
