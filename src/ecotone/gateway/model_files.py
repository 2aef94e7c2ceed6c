"""The files of embedded models: which are here, which are on their way, which could not be had."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from ecotone.upstream.fetch import Progress
from ecotone.upstream.sources import Source
from ecotone.upstream.store import ModelStore
from ecotone.values.errors import SetupError


class ModelFiles:
    """Finds the files of models and, for a gateway that already serves, fetches missing ones in the background.

    `arrived` is called on the event loop when a file has come.
    """

    def __init__(self, store: ModelStore, arrived: Callable[[], None]) -> None:
        self._store = store
        self._arrived = arrived
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._cancelled = threading.Event()

    def find(self, name: str, source: Source, sha256: str | None) -> Path | None:
        """The file of model `name`, or None: then it is being fetched from now on."""
        stored = self._store.find(source, sha256=sha256)
        if stored is not None:
            self._problems.pop(name, None)
            return stored.path
        if name not in self._pulls:
            self._problems[name] = f"its file is being pulled from {source.text}"
            self._pulls[name] = asyncio.get_running_loop().create_task(self._pull(name, source, sha256))
        return None

    def sha256(self, source: Source, sha256: str | None) -> str | None:
        """The digest on record for a file that is here; None for none, and for one that nobody has read whole."""
        stored = self._store.find(source, sha256=sha256)
        return None if stored is None else stored.sha256

    def problem(self, name: str) -> str | None:
        """Why there is no file for this model yet, None if there is one."""
        return self._problems.get(name)

    async def _pull(self, name: str, source: Source, sha256: str | None) -> None:
        def tell(progress: Progress) -> None:
            if progress.total:
                percent = 100 * progress.done // progress.total
                self._problems[name] = f"its file is being pulled from {source.text}: {progress.phase} {percent} %"

        try:
            await asyncio.to_thread(
                self._store.pull, source, sha256=sha256, progress=tell, cancelled=self._cancelled.is_set
            )
        except SetupError as error:
            self._problems[name] = error.message
        else:
            self._arrived()
        finally:
            self._pulls.pop(name, None)

    async def close(self) -> None:
        """Stop fetching; what has come is kept for the next time."""
        self._cancelled.set()
        await asyncio.gather(*self._pulls.values(), return_exceptions=True)
