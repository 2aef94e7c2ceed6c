"""The data class that each conversation has reached, so that a later request of it is not taken for less."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ecotone.storage.database import Database, Migration

MIGRATIONS = (
    Migration(
        "conversations",
        1,
        """
        create table conversations (
            principal text not null,      -- whose conversation it is
            id text not null,             -- as the caller names it
            class text not null,          -- the highest class that a request of it had
            seen_at_us integer not null,  -- Unix microseconds, UTC
            primary key (principal, id)
        ) strict, without rowid;
        create index conversations_by_time on conversations (seen_at_us);
        """,
    ),
)

_CACHED_MAX = 10_000
_SEEN_NOTED_US = 3_600_000_000
"""`seen_at_us` may be so much behind: it is not written anew with every request."""


class Conversations:
    """Classes by conversation, for all callers. May be called from several threads."""

    def __init__(self, database: Database) -> None:
        """`database` is its own, and closed with it."""
        self._database = database
        self._lock = threading.Lock()
        self._cached: OrderedDict[tuple[str, str], tuple[str, int] | None] = OrderedDict()

    def recall(self, principal: str, identity: str, since_us: int) -> str | None:
        """The name of the class that this conversation has reached; None for one that is not known, or that nobody has
        gone on with since then."""
        key = (principal, identity)
        # One that is known need not wait for another that is being written.
        found = self._cached.get(key)
        if found is None:
            with self._lock:
                found = self._found(principal, identity)
        return None if found is None or found[1] < since_us - _SEEN_NOTED_US else found[0]

    def remember(self, principal: str, identity: str, data_class: str, rank: Callable[[str], int], now_us: int) -> None:
        """Raise the conversation to this class, if it has not reached that yet by their ranks, and note that it goes
        on. Durable when it returns. Raises DatabaseError."""
        with self._lock:
            found = self._found(principal, identity)
            # Of two that rank the same, one is a class that there is no more, and the other what took its place.
            if found is not None and rank(found[0]) > rank(data_class):
                data_class = found[0]
            if found is not None and found[0] == data_class and now_us - found[1] < _SEEN_NOTED_US:
                return
            self._database.execute(
                "insert into conversations values (?, ?, ?, ?)"
                " on conflict do update set class = excluded.class, seen_at_us = excluded.seen_at_us",
                (principal, identity, data_class, now_us),
            )
            self._cache((principal, identity), (data_class, now_us))

    def forget_before(self, time_us: int) -> None:
        """Forget conversations that nobody has gone on with since then."""
        with self._lock:
            self._database.execute("delete from conversations where seen_at_us < ?", (time_us - _SEEN_NOTED_US,))
            self._cached.clear()

    def _found(self, principal: str, identity: str) -> tuple[str, int] | None:
        key = (principal, identity)
        if key not in self._cached:
            rows = self._database.execute(
                "select class, seen_at_us from conversations where principal = ? and id = ?", key
            )
            self._cache(key, rows[0] if rows else None)
        return self._cached[key]

    def _cache(self, key: tuple[str, str], found: tuple[str, int] | None) -> None:
        self._cached[key] = found
        self._cached.move_to_end(key)
        if len(self._cached) > _CACHED_MAX:
            self._cached.popitem(last=False)

    def close(self) -> None:
        self._database.close()
