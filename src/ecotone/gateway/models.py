"""What clients can ask for: models, and routes that stand for several of them."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal

import msgspec

from ecotone.catalog.providers import Weights
from ecotone.upstream.endpoints import Endpoint, EndpointFacts
from ecotone.values.errors import ModelNotFound

_REMEMBERED_MAX = 10_000


class Model(msgspec.Struct, frozen=True, eq=False):
    """A named thing that answers, at one or more endpoints in order of preference."""

    name: str
    endpoints: tuple[Endpoint, ...]

    @property
    def weights(self) -> Weights | None:
        return self.endpoints[0].weights


class Route(msgspec.Struct, frozen=True, eq=False):
    """A name that stands for several models, the preferred first."""

    name: str
    models: tuple[Model, ...]


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What callers may know of a name: for a route the `models` behind it, for a model its places, the preferred
    first."""

    kind: Literal["model", "route"]
    models: tuple[str, ...] = ()
    endpoints: tuple[EndpointFacts, ...] = ()


class Candidate(msgspec.Struct, frozen=True, eq=False):
    """One attempt that could be made: this model at this endpoint."""

    model: str
    endpoint: Endpoint


class Directory:
    """All names that clients can ask for, fixed for as long as a config is in force."""

    def __init__(
        self,
        models: tuple[Model, ...],
        routes: tuple[Route, ...],
        open_ended: Mapping[str, Callable[[str], Model]] | None = None,
    ) -> None:
        """`open_ended` makes models on demand, by the part of the name before the first slash."""
        self._open_ended = open_ended or {}
        self.models = {model.name: model for model in models}
        self.routes = {route.name: route for route in routes}
        self._candidates = {model.name: _candidates((model,)) for model in models}
        self._candidates.update({route.name: _candidates(route.models) for route in routes})

    @property
    def open_ended(self) -> tuple[str, ...]:
        """Providers of which any model can be asked for, as PROVIDER/NAME."""
        return tuple(self._open_ended)

    def about(self, name: str) -> About:
        """What callers may know of `name`. Raises ModelNotFound, which lists near names."""
        route = self.routes.get(name)
        if route is not None:
            return About("route", models=tuple(model.name for model in route.models))
        return About("model", endpoints=tuple(found.endpoint.facts() for found in self.candidates(name)))

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Who may answer for `name`, the preferred first. Raises ModelNotFound, which lists near names."""
        found = self._candidates.get(name)
        if found is None:
            maker, _, rest = name.partition("/")
            if not rest or maker not in self._open_ended:
                raise ModelNotFound(self._unknown(name), param="model")
            found = _candidates((self._open_ended[maker](rest),))
            if len(self._candidates) < _REMEMBERED_MAX:
                self._candidates[name] = found
        return found

    def _unknown(self, name: str) -> str:
        names = [*self.routes, *self.models]
        near = get_close_matches(name, names, n=3)
        if near:
            return f"There is no model or route {name!r} here. Did you mean {' or '.join(map(repr, near))}?"
        listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        return f"There is no model or route {name!r} here. There are: {listed or 'none yet'}."


def _candidates(models: tuple[Model, ...]) -> tuple[Candidate, ...]:
    return tuple(Candidate(model.name, endpoint) for model in models for endpoint in model.endpoints)
