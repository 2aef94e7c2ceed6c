"""A database with a thread of its own, so that an event loop never waits for the disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ecotone.storage.database import Database

_T = TypeVar("_T")


class DatabaseThread:
    """One connection, used by one thread. Work is done in the order in which it is given."""

    def __init__(self, open_database: Callable[[], Database]) -> None:
        """`open_database` is called in the thread, before the first work."""
        self._open_database = open_database
        self._database: Database | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def do(self, work: Callable[[Database], _T]) -> _T:
        """What `work` returns, given the database. Raises DatabaseError, and whatever `work` raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[Database], _T]) -> _T:
        if self._database is None:
            self._database = self._open_database()
        return work(self._database)

    def close(self) -> None:
        """Finish what was begun, and close the database."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
