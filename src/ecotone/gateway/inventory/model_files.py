"""The files of embedded models: which are here, which are on their way, which could not be had."""

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ecotone.gateway.inventory.fetch_threads import in_fetch_thread, let_end
from ecotone.upstream.fetch import Progress
from ecotone.upstream.sources import LocalSource, Source
from ecotone.upstream.store import ModelStore
from ecotone.values.errors import SetupError

_log = logging.getLogger(__name__)


class ModelFiles:
    """Finds the files of models and, for a gateway that already serves, fetches missing ones in the background.

    `arrived` is called on the event loop when a file has come, be it fetched here, pulled by another process, or put
    in its place by its owner.
    """

    def __init__(self, store: ModelStore, arrived: Callable[[], None]) -> None:
        self._store = store
        self._arrived = arrived
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._wanted: dict[str, tuple[Source, str | None]] = {}
        self._progress: dict[str, Progress] = {}
        self._cancelled = threading.Event()

    def find(self, name: str, source: Source, sha256: str | None, *, fetch: bool = True) -> Path | None:
        """The file of model `name`, or None: then it is being fetched from now on, or `problem` says what to do.

        Without `fetch`, a file that is not here counts as one that could not be had just now.
        """
        stored = self._store.find(source, sha256=sha256)
        if stored is not None:
            self._problems.pop(name, None)
            return stored.path
        self._wanted[name] = (source, sha256)
        if isinstance(source, LocalSource) and not source.path.is_file():
            self._problems[name] = f"{no_file(source)}; put it there, or correct the model's source in the config"
        elif name not in self._pulls and not fetch:
            self._problems[name] = f"its file could not be fetched from {source.text} at the start; {_again(name)}"
        elif name not in self._pulls:
            self._problems[name] = f"its file is being pulled from {source.text}"
            self._pulls[name] = asyncio.get_running_loop().create_task(self._pull(name, source, sha256))
        return None

    def sha256(self, source: Source, sha256: str | None) -> str | None:
        """The digest on record for a file that is here; None for none, and for one that nobody has read whole."""
        stored = self._store.find(source, sha256=sha256)
        return None if stored is None else stored.sha256

    def problem(self, name: str) -> str | None:
        """Why there is no file for this model and what to do about it, None if there is one."""
        if name not in self._problems or name in self._pulls:
            return self._problems.get(name)
        source, sha256 = self._wanted[name]
        if self._store.find(source, sha256=sha256) is not None:
            self._problems.pop(name)
            self._arrived()
        return self._problems.get(name)

    def progress(self, name: str) -> Progress | None:
        """How far the file of model `name` is, None unless it is being fetched here."""
        return self._progress.get(name)

    async def _pull(self, name: str, source: Source, sha256: str | None) -> None:
        def tell(progress: Progress) -> None:
            self._progress[name] = progress
            if progress.total:
                percent = 100 * progress.done // progress.total
                self._problems[name] = f"its file is being pulled from {source.text}: {progress.phase} {percent} %"

        try:
            await in_fetch_thread(
                partial(self._store.pull, source, sha256=sha256, progress=tell, cancelled=self._cancelled.is_set)
            )
        except SetupError as error:
            self._problems[name] = f"its file could not be fetched: {error.message.removesuffix('.')}; {_again(name)}"
        except Exception:
            # A fault of Ecotone's own: the owner's log has it, and the model is not told to be on its way.
            _log.exception("fetching the file of %s failed", name)
            self._problems[name] = f"its file could not be fetched; the log says why; {_again(name)}"
        else:
            self._arrived()
        finally:
            self._pulls.pop(name, None)
            self._progress.pop(name, None)

    async def close(self) -> None:
        """Stop fetching; what has come is kept for the next time."""
        self._cancelled.set()
        await let_end(tuple(self._pulls.values()))


def no_file(source: LocalSource) -> str:
    """What to say of a file that its owner named and that is not there."""
    return f"there is no file {source.path}"


def _again(name: str) -> str:
    return f"`ecotone pull {name}` tries again, and the gateway answers as soon as the file is here"
