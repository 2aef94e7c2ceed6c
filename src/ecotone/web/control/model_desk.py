"""What the control plane does with models: looks at them, fetches their files, loads and unloads them."""

import asyncio
import time
from collections.abc import Mapping

import msgspec

from ecotone.gateway.build import Runtime
from ecotone.gateway.inventory.catalog_rows import CatalogRow, Wanted, catalog_rows
from ecotone.gateway.inventory.dossier import Dossier, Here, gather, survey, view_of
from ecotone.gateway.inventory.inventory import Installation
from ecotone.gateway.inventory.model_facts import View
from ecotone.gateway.inventory.model_sources import WantedFile, config_lines, remove_file, wanted_file
from ecotone.gateway.inventory.model_states import ModelState, Shelf, look_at_shelf, model_states
from ecotone.gateway.inventory.pulls import Pulls, PullState
from ecotone.gateway.inventory.stored_models import stored_now
from ecotone.gateway.settings.config import Config, ModelConfig
from ecotone.upstream.sources import checked_sha256, parse_source
from ecotone.upstream.store import StoredModel
from ecotone.values.errors import NotFound, SetupError
from ecotone.web.control.control import Control

_SHELF_FRESH_S = 1.0


class Pull(msgspec.Struct, frozen=True):
    """A pull, and what to write into the config so that the gateway serves the model; None where it does already, or
    where the file is not here yet."""

    state: PullState
    config: str | None = None


class Removed(msgspec.Struct, frozen=True):
    """A file that is gone, and how many bytes that freed."""

    model: str
    freed_bytes: int


class ModelDesk:
    """What the control plane does with models. One for the process."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._runtime: Runtime = control.runtime
        self.pulls = Pulls(self._runtime.store, self._arrived)
        self._told: dict[str, tuple[WantedFile, StoredModel]] = {}
        self._shelf: Shelf | None = None
        self._shelf_of: Mapping[str, ModelConfig] | None = None
        self._looked_at_s = float("-inf")

    def installation(self) -> Installation:
        """The config in force, and where it is from."""
        control, runtime = self._control, self._runtime
        return Installation(control.home, control.config_file, control.folder, runtime.config, vendors=runtime.vendors)

    async def here(self) -> Here:
        """Every model of this gateway with what is known of it."""
        today = self._control.now().date()
        return await asyncio.to_thread(
            survey, self.installation(), self._runtime.store, self._runtime.environment, today
        )

    async def dossier(self, name: str) -> tuple[Dossier, Here]:
        """All that is known of one model, and what it was found in. Raises NotFound."""
        here = await self.here()
        try:
            return gather(name, here), here
        except SetupError as error:
            raise NotFound(f"{error.message[0].upper()}{error.message[1:]}.") from None

    async def catalog(self, wanted: Wanted) -> tuple[list[CatalogRow], View]:
        """The catalog's models that fit, and what they were held against."""

        def find() -> tuple[list[CatalogRow], View]:
            view = view_of(self.installation(), self._control.now().date())
            return catalog_rows(wanted, view), view

        return await asyncio.to_thread(find)

    def stored(self, name: str) -> StoredModel | None:
        """The file of a model of the config, None where it has none or it is not here. Looks at the disk."""
        model = self._runtime.config.models.get(name)
        if model is None or model.source is None:
            return None
        return self._runtime.store.find(parse_source(model.source, self._control.folder), sha256=model.sha256)

    async def states(self) -> tuple[ModelState, ...]:
        """How every model of this gateway is."""
        models = self._runtime.config.models
        stale = time.monotonic() - self._looked_at_s > _SHELF_FRESH_S
        if self._shelf is None or self._shelf_of is not models or stale:
            shelf = await asyncio.to_thread(look_at_shelf, models, self._runtime.store, self._control.folder)
            self._shelf, self._shelf_of, self._looked_at_s = shelf, models, time.monotonic()
        return model_states(self._runtime, self.pulls, self._shelf)

    async def state(self, name: str) -> ModelState:
        """One of them. Raises NotFound."""
        found = next((state for state in await self.states() if state.name == name), None)
        if found is None:
            raise NotFound(f"This gateway has no model {name!r}; it has {', '.join(self._runtime.config.models)}.")
        return found

    def pull(self, text: str, sha256: str | None) -> Pull:
        """Begin to fetch. Raises SetupError for what is neither name nor source, Unavailable where too many wait."""
        wanted = wanted_file(text, self.installation(), self._control.folder)
        return self.told(self.pulls.start(wanted, checked_sha256(sha256) if sha256 else None))

    def told(self, state: PullState) -> Pull:
        """The pull with the lines for the config, where they are of use."""
        fetched = self._told.get(state.source)
        if state.stage != "done" or fetched is None or self._is_served(fetched[1]):
            return Pull(state)
        return Pull(state, config_lines(*fetched))

    def _is_served(self, stored: StoredModel) -> bool:
        models = self._runtime.config.models.values()
        sources = (stored.source, f"file:{stored.path}")
        return any(model.source in sources for model in models)

    async def _arrived(self, wanted: WantedFile, stored: StoredModel) -> None:
        """Serve it: at once if a config names it, or if there is no config."""
        self._told[wanted.source.text] = (wanted, stored)
        self._looked_at_s = float("-inf")
        self._runtime.apply(await self._config_now(), self._runtime.vendors)

    async def _config_now(self) -> Config:
        if self._control.config_file is not None:
            return self._runtime.config
        return await stored_now(self._runtime, self._control.folder)

    async def load(self, name: str) -> ModelState:
        """Have it in memory. Raises NotFound, and SetupError where it cannot be loaded."""
        self._require_embedded(await self.state(name))
        await self._runtime.engines.load(name)
        return await self.state(name)

    async def unload(self, name: str) -> ModelState:
        """Let its memory go, once it has answered. Raises NotFound."""
        before = await self.state(name)
        self._require_embedded(before)
        await self._runtime.engines.unload(name)
        # Meanwhile its file may have been removed, and the model with it.
        return next((state for state in await self.states() if state.name == name), before)

    def _require_embedded(self, state: ModelState) -> None:
        if state.hosting != "embedded":
            raise SetupError(f"{state.name} runs elsewhere; this gateway has nothing of it to load or unload")

    async def remove(self, name: str) -> Removed:
        """Delete a file of the store. Raises SetupError where there is none, or where it is being fetched."""
        here, runtime = self.installation(), self._runtime
        if name in runtime.config.models:
            await runtime.engines.unload(name)
        freed = await asyncio.to_thread(remove_file, name, here, runtime.store, self._control.folder)
        self._looked_at_s = float("-inf")
        config = await self._config_now()
        if config != runtime.config:
            runtime.apply(config, runtime.vendors)
        return Removed(name, freed)

    async def close(self) -> None:
        """Stop fetching; what has come is kept for the next time."""
        await self.pulls.close()
