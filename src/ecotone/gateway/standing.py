"""What runs in this gateway at present, and how it is."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ecotone.catalog.provider import Hosting, Weights
from ecotone.gateway.build import Runtime, engine_memory_bytes
from ecotone.gateway.health import Trouble
from ecotone.gateway.models import Candidate, Directory
from ecotone.gateway.settings.reload import RefusedConfig
from ecotone.gateway.traffic import Whereabouts
from ecotone.upstream.engines import EngineState

State = Literal["ready", "answering", "loading", "asleep", "resting", "failed", "unavailable"]
"""`asleep`: its engine starts when it is asked. `resting`: it failed when it was asked last, and comes after others for
a while. `failed`: its engine did not start or crashed. `unavailable`: it cannot be asked until somebody does something.
`ready` of one elsewhere means that nothing is known against it."""


class EndpointStanding(msgspec.Struct, frozen=True):
    """One endpoint. `problem` is what is the matter, in words for the owner; None if nothing is. `memory_bytes` is what
    its engines were planned to take, None where none runs; `answering` how many requests they answer now."""

    id: str
    model: str
    hosting: Hosting
    provider: str
    weights: Weights | None
    state: State
    problem: str | None = None
    memory_bytes: int | None = None
    answering: int = 0

    @property
    def can_answer(self) -> bool:
        return self.state not in ("failed", "unavailable")


class RouteStanding(msgspec.Struct, frozen=True):
    """A route and the models behind it, the preferred first."""

    name: str
    models: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """The gateway as it is now. `vendors` are those any of whose models can be asked for as PROVIDER/NAME. `problem` is
    why nothing can answer, `log_problem` why the request log cannot be written; None where it can. `refused_config` is
    there while the config file is not what is in force."""

    endpoints: tuple[EndpointStanding, ...]
    routes: tuple[RouteStanding, ...]
    vendors: tuple[str, ...]
    memory_bytes: int
    memory_budget_bytes: int
    rules: int
    problem: str | None
    log_problem: str | None
    refused_config: RefusedConfig | None = None


def find_standing(runtime: Runtime, directory: Directory, places: Mapping[str, Whereabouts], now_s: float) -> Standing:
    """How everything of this directory is, which another may have followed by now. `places` says where each endpoint of
    it is; `now_s` is monotonic seconds."""
    engines = runtime.engines.states()
    candidates = [candidate for model in directory.models for candidate in directory.candidates(model)]
    return Standing(
        endpoints=tuple(
            _standing(
                candidate,
                places[candidate.endpoint.id],
                [engine for engine in engines if engine.name == candidate.model],
                runtime.gateway.health.trouble(candidate.endpoint.id, now_s),
            )
            for candidate in candidates
        ),
        routes=tuple(
            RouteStanding(route.name, tuple(model.name for model in route.models))
            for route in directory.routes.values()
        ),
        vendors=tuple(vendor.title for vendor in runtime.vendors),
        memory_bytes=_memory_bytes(engines),
        memory_budget_bytes=engine_memory_bytes(runtime.config),
        rules=len(runtime.gateway.snapshot.ruling.policy.rules),
        problem=runtime.problem(),
        log_problem=runtime.log.trouble,
        refused_config=runtime.refused_config,
    )


def _standing(
    candidate: Candidate, where: Whereabouts, engines: list[EngineState], trouble: Trouble | None
) -> EndpointStanding:
    endpoint = candidate.endpoint
    running = [engine for engine in engines if engine.pid is not None]
    problem = endpoint.problem()
    state: State
    if problem is not None:
        state = "unavailable"
    elif endpoint.hosting == "embedded":
        state, problem = _of_engines(engines)
    elif trouble is not None:
        state, problem = "resting", trouble.words
    else:
        state = "ready"
    return EndpointStanding(
        id=endpoint.id,
        model=candidate.model,
        hosting=where.hosting,
        provider=where.provider,
        weights=where.weights,
        state=state,
        problem=problem,
        memory_bytes=_memory_bytes(running) if running else None,
        answering=sum(engine.leases for engine in engines),
    )


def _of_engines(engines: list[EngineState]) -> tuple[State, str | None]:
    """A model may have an engine for chat and one for embeddings: the liveliest one counts."""
    found = {engine.state: engine for engine in engines}
    if "answering" in found:
        return "answering", None
    if "ready" in found:
        return "ready", None
    if "loading" in found:
        return "loading", None
    if "failed" in found:
        return "failed", found["failed"].last_error
    return "asleep", None


def _memory_bytes(engines: Iterable[EngineState]) -> int:
    return sum(engine.memory_bytes or 0 for engine in engines if engine.pid is not None)
