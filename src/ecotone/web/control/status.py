"""What runs, what it did in the last hour, what left the house, and what to do next."""

import asyncio
import time
from datetime import datetime

import msgspec

from ecotone.gateway.models import Directory
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.standing import Standing, find_standing
from ecotone.gateway.traffic import Traffic, TrafficReader, Whereabouts, finder
from ecotone.storage.database import Database
from ecotone.storage.database_thread import DatabaseThread
from ecotone.web.control.api import Call, ServerEvent, Stream
from ecotone.web.control.control import Control
from ecotone.web.control.next_steps import Done, Step, next_steps, what_was_done

_FRESH_S = 1.0
_LOOK_S = 2.0
_PATIENCE_S = 0.1


class Status(msgspec.Struct, frozen=True):
    """The gateway at a moment. `url` is where it serves, seen from this machine; `config_file` None where it has none;
    `next` is what a newcomer does next, `newcomer` whether little has been asked here so far."""

    at: datetime
    url: str
    config_file: str | None
    standing: Standing
    traffic: Traffic
    newcomer: bool
    next: tuple[Step, ...]


class StatusWatch:
    """Looks at the gateway, for all who want to know at once: one look serves everybody for a second."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._thread = DatabaseThread(lambda: Database(control.home.database))
        self._reader: TrafficReader | None = None
        self._directory: Directory | None = None
        self._find = finder(Directory((), ()), {})
        self._looking: asyncio.Task[Status] | None = None
        self._looked_at_s = float("-inf")
        self._last: Status | None = None

    async def status(self) -> Status:
        """As it is, or was less than a second ago; where looking takes long, as it was last time. Raises
        DatabaseError."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at_s > _FRESH_S):
            self._looking = asyncio.get_running_loop().create_task(self._look())
        looking = self._looking
        # One reader that leaves takes the answer from no other: waiting cancels nothing.
        done, _ = await asyncio.wait({looking}, timeout=None if self._last is None else _PATIENCE_S)
        if self._last is not None and not done:
            return self._last
        self._last = looking.result()
        return self._last

    async def _look(self) -> Status:
        now = self._control.now()
        directory = self._control.runtime.gateway.directory
        traffic, places, done = await self._thread.do(lambda database: self._read(database, directory, now))
        standing = find_standing(self._control.runtime, directory, places, time.monotonic())
        self._looked_at_s = time.monotonic()
        file = self._control.config_file
        return Status(
            at=now,
            url=self._control.url,
            config_file=None if file is None else str(file),
            standing=standing,
            traffic=traffic,
            newcomer=not done.often,
            next=next_steps(standing, done),
        )

    def _read(
        self, database: Database, directory: Directory, now: datetime
    ) -> tuple[Traffic, dict[str, Whereabouts], Done]:
        if self._reader is None:
            self._reader = TrafficReader(database)
        if self._directory is not directory:
            self._directory = directory
            self._find = finder(directory, installed().providers)
        endpoints = [found.endpoint.id for name in directory.models for found in directory.candidates(name)]
        return (
            self._reader.read(now, self._find),
            {endpoint: self._find(endpoint) for endpoint in endpoints},
            what_was_done(database, self._control.home.evaluations),
        )

    def close(self) -> None:
        """Let go of the database."""
        self._thread.close()


async def read_status(control: Control) -> Status:
    """What runs and how it is, the last hour's traffic by the minute, and what to do next."""
    return await control.once(StatusWatch).status()


async def watch_status(control: Control) -> Stream:
    """The same as events named `status`, one at once and then whenever something has changed."""
    told: bytes | None = None
    while True:
        status = await control.once(StatusWatch).status()
        seen = _without_time(status)
        if seen != told:
            told = seen
            yield ServerEvent("status", status)
        await asyncio.sleep(_LOOK_S)


def _without_time(status: Status) -> bytes:
    """All of it but the moment at which it was looked at."""
    replace = msgspec.structs.replace
    since = status.traffic.since
    return msgspec.json.encode(replace(status, at=since, traffic=replace(status.traffic, until=since)))


CALLS = (Call("GET", "/status", read_status), Call("GET", "/status/events", watch_status))
