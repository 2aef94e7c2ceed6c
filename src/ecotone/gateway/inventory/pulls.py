"""Model files that somebody asked a running gateway to fetch: how far each is, and stopping it."""

import asyncio
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import msgspec

from ecotone.gateway.inventory.fetch_threads import in_fetch_thread, let_end
from ecotone.gateway.inventory.model_sources import WantedFile
from ecotone.upstream.fetch import Phase, Progress
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import EcotoneError, NotFound, SetupError, Unavailable

Stage = Literal["pulling", "stopping", "done", "failed", "stopped"]

_AT_ONCE_MAX = 2
_GOING_ON_MAX = 25
_KEPT_MAX = 50
_RATE_WINDOW_S = 5.0


class PullState(msgspec.Struct, frozen=True):
    """A pull as it stands. `phase` and `what` say what is being done, `done` and `total` count bytes of that; a model
    in parts begins anew with each. `bytes_per_s` is of the last seconds. `size` and `sha256` are the whole file's, once
    it is here. Unknown is None."""

    id: str
    name: str
    source: str
    stage: Stage
    started_at: datetime
    phase: Phase = "waiting"
    what: str = ""
    done: int = 0
    total: int | None = None
    bytes_per_s: float | None = None
    error: str | None = None
    size: int | None = None
    sha256: str | None = None


class Pulls:
    """Fetches in threads of its own, two files at a time. Made inside the event loop that it serves."""

    def __init__(self, store: ModelStore, arrived: Callable[[WantedFile, StoredModel], Awaitable[None]]) -> None:
        """`arrived` is awaited when a file is here, before its pull is `done`."""
        self._store = store
        self._arrived = arrived
        self._pulls: dict[str, _Pull] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE_MAX)

    def start(self, wanted: WantedFile, sha256: str | None = None) -> PullState:
        """Fetch this, unless it is being fetched already. Raises SetupError where it is, and held against another
        digest, and Unavailable where too many wait."""
        sha256 = sha256 or wanted.sha256
        for pull in self._pulls.values():
            if pull.running and pull.wanted.source.key == wanted.source.key:
                if sha256 not in (None, pull.sha256):
                    raise SetupError(
                        f"{wanted.source.text} is being fetched already, and not held against this sha256; stop that"
                        " pull first"
                    )
                return pull.state()
        if sum(pull.running for pull in self._pulls.values()) >= _GOING_ON_MAX:
            raise Unavailable(f"{_GOING_ON_MAX} files are being fetched or wait for it; wait for some, or stop them.")
        self._forget()
        pull = _Pull(wanted, sha256)
        self._pulls[pull.id] = pull
        pull.task = asyncio.get_running_loop().create_task(self._carry_out(pull))
        return pull.state()

    def states(self) -> tuple[PullState, ...]:
        """All that go on, and the latest that ended; in the order of their beginning."""
        return tuple(pull.state() for pull in self._pulls.values())

    def running(self, source_key: str) -> PullState | None:
        """The pull of that source, while it goes on."""
        found = (pull for pull in self._pulls.values() if pull.running and pull.wanted.source.key == source_key)
        return next((pull.state() for pull in found), None)

    def state(self, pull_id: str) -> PullState:
        """Raises NotFound."""
        return self._find(pull_id).state()

    def stop(self, pull_id: str) -> PullState:
        """Stop, at the next chunk; what has come is kept for the next time. A connection that brings nothing is noticed
        later. Raises NotFound."""
        pull = self._find(pull_id)
        pull.stop()
        return pull.state()

    def dismiss(self, pull_id: str) -> None:
        """Take one that has ended off the list; what has come is kept. Raises NotFound, SetupError."""
        if self._find(pull_id).running:
            raise SetupError("this pull goes on: stop it first")
        del self._pulls[pull_id]

    async def close(self) -> None:
        """Stop all."""
        for pull in self._pulls.values():
            pull.stop()
        await let_end([pull.task for pull in self._pulls.values() if pull.task is not None])

    def _find(self, pull_id: str) -> "_Pull":
        pull = self._pulls.get(pull_id)
        if pull is None:
            raise NotFound("There is no such pull; it may be from before the gateway's last start.")
        return pull

    def _forget(self) -> None:
        """Keep the list short: what ended first goes first."""
        ended = [pull.id for pull in self._pulls.values() if not pull.running]
        for pull_id in ended[: max(0, len(self._pulls) - _KEPT_MAX + 1)]:
            del self._pulls[pull_id]

    async def _carry_out(self, pull: "_Pull") -> None:
        wanted = pull.wanted
        async with self._turn:
            pull.begun = True
            try:
                stored = await in_fetch_thread(
                    partial(
                        self._store.pull,
                        wanted.source,
                        sha256=pull.sha256,
                        licence=wanted.licence,
                        progress=pull.tell,
                        cancelled=pull.cancelled.is_set,
                    )
                )
            except asyncio.CancelledError:
                pull.stage = "stopped"
                raise
            except EcotoneError as error:
                pull.stage = "stopped" if pull.cancelled.is_set() else "failed"
                pull.error = None if pull.cancelled.is_set() else error.message
            else:
                pull.stored = stored
                await self._arrived(wanted, stored)
                pull.stage = "done"
            finally:
                if pull.running:
                    pull.stage, pull.error = "failed", "it ended by a fault of Ecotone's own; the gateway's log has it"
                # A fault that nobody takes is logged once nobody holds the task any more.
                pull.task = None


class _Pull:
    """One pull. `tell` is called by the thread that fetches, all else on the event loop."""

    def __init__(self, wanted: WantedFile, sha256: str | None) -> None:
        self.id = secrets.token_urlsafe(12)
        self.wanted = wanted
        self.sha256 = sha256
        self.stage: Stage = "pulling"
        self.error: str | None = None
        self.stored: StoredModel | None = None
        self.begun = False
        self.task: asyncio.Task[None] | None = None
        self.cancelled = threading.Event()
        self._started_at = datetime.now(UTC)
        self._progress = Progress("waiting", wanted.source.stem)
        self._marks: tuple[tuple[float, int], ...] = ()

    @property
    def running(self) -> bool:
        return self.stage in ("pulling", "stopping")

    def tell(self, progress: Progress) -> None:
        now_s = time.monotonic()
        same = (progress.phase, progress.what) == (self._progress.phase, self._progress.what)
        lately = [mark for mark in self._marks if same and now_s - mark[0] < _RATE_WINDOW_S]
        self._marks = (*lately, (now_s, progress.done))
        self._progress = progress

    def stop(self) -> None:
        if not self.running:
            return
        self.cancelled.set()
        self.stage = "stopping"
        if not self.begun and self.task is not None:
            self.stage = "stopped"
            self.task.cancel()

    def state(self) -> PullState:
        progress, stored = self._progress, self.stored
        return PullState(
            id=self.id,
            name=self.wanted.name,
            source=self.wanted.source.text,
            stage=self.stage,
            started_at=self._started_at,
            phase=progress.phase,
            what=progress.what,
            done=progress.done,
            total=progress.total,
            bytes_per_s=self._rate() if self.running else None,
            error=self.error,
            size=None if stored is None else stored.size,
            sha256=None if stored is None else stored.sha256,
        )

    def _rate(self) -> float | None:
        marks = self._marks
        if len(marks) < 2 or marks[-1][0] <= marks[0][0]:
            return None
        return max(0.0, (marks[-1][1] - marks[0][1]) / (marks[-1][0] - marks[0][0]))
