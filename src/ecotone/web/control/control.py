"""What the control plane works with."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from ecotone.gateway.build import Runtime
from ecotone.gateway.client import GatewayClient
from ecotone.gateway.settings.paths import Home
from ecotone.values.errors import MalformedRequest

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Control:
    """The running gateway, and the services that the control plane keeps beside it. One for the process.

    `url` is where the gateway serves, seen from this machine. `client` asks it as the principal `console`, over its own
    data plane, so that rules and log apply. `config_file` is None where there is none; relative paths start in
    `folder`.
    """

    def __init__(self, runtime: Runtime, home: Home, url: str, config_file: Path | None, folder: Path) -> None:
        self.runtime = runtime
        self.home = home
        self.url = url
        self.config_file = config_file
        self.folder = folder
        self.client = GatewayClient(runtime.http, url, runtime.keyring.console_key)
        self.stopping = asyncio.Event()
        """Set once the gateway is to stop: what only watches ends."""
        self._services: dict[Callable[[Control], Any], Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def check_class(self, name: str | None) -> None:
        """Raise MalformedRequest for a data class that the config in force does not have; None is none."""
        classes = self.runtime.gateway.snapshot.ruling.policy.classes
        if name is not None and name not in classes:
            raise MalformedRequest(
                f"There is no data class {name!r}. There are: {', '.join(classes.names)}.", param="data_class"
            )

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.now(UTC)

    def once(self, make: "Callable[[Control], _T]") -> _T:
        """What `make` gives, made when it is first asked for and kept; closed in the end, if it can be closed."""
        if make not in self._services:
            self._services[make] = make(self)
        return cast("_T", self._services[make])

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Do this in the background: cancelled in the end, its faults in the log."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=fault)

    async def close(self) -> None:
        """End what runs in the background, then let go of the services, the last made first."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for service in reversed(self._services.values()):
            close = getattr(service, "close", None)
            if close is not None:
                closing = close()
                if asyncio.iscoroutine(closing):
                    await closing
        self._services.clear()
