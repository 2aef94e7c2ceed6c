"""Responses that the gateway keeps, so that a client may go on with one by its id: the one place where content is kept.

A caller sees its own and no other's. Contents that several responses of a conversation share are kept once.
"""

import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec

from ecotone.storage.database import Database, DatabaseError, Migration
from ecotone.values.chat import Json
from ecotone.values.errors import Unavailable

MIGRATIONS = (
    Migration(
        "responses",
        1,
        """
        create table responses (
            principal text not null,         -- who asked; nobody else sees it
            id text not null,
            created_at_us integer not null,  -- Unix microseconds, UTC
            body blob not null,              -- the Response object without `output`, JSON
            primary key (principal, id)
        ) strict, without rowid;
        create index responses_by_time on responses (created_at_us);
        create table response_items (
            principal text not null,
            response_id text not null,
            position integer not null,       -- input first, then output
            output integer not null,         -- 1: the model made it
            item_id text,
            digest blob not null,            -- of its content
            primary key (principal, response_id, position)
        ) strict, without rowid;
        create index response_items_by_id on response_items (principal, item_id) where item_id is not null;
        create index response_items_by_digest on response_items (principal, digest);
        create table response_contents (
            principal text not null,
            digest blob not null,            -- SHA-256 of the JSON
            item blob not null,              -- JSON
            primary key (principal, digest)
        ) strict, without rowid;
        """,
    ),
    Migration("responses", 2, "alter table responses add column class text"),  # of what went in; null: unknown
)

_QUEUE_MAX = 1_000
_FLUSH_INTERVAL_S = 0.1
_RETRY_INTERVAL_S = 1.0
_EXPIRY_INTERVAL_US = 60 * 60 * 1_000_000
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()
_log = logging.getLogger(__name__)


class StoredResponse(msgspec.Struct, frozen=True):
    """One response: `body` as the Response object without `output`, all that went into it, and what came out.
    `data_class` is the name of its request's class, None where that was not asked."""

    principal: str
    id: str
    created_at_us: int
    body: Json
    input: tuple[Json, ...]
    output: tuple[Json, ...]
    data_class: str | None = None


class StoredResponses:
    """The responses of all callers.

    What is put is there at once and written by a thread of its own, in order. While the disk refuses, up to `queue_max`
    changes wait and `trouble` tells why; a response that finds the queue full is not kept and counted in `lost`.
    Nothing is kept and nothing expires before `keep_for` has said how long responses are kept.
    """

    def __init__(
        self, open_database: Callable[[], Database], *, clock_us: Callable[[], int], queue_max: int = _QUEUE_MAX
    ) -> None:
        """`open_database` is called here and once in the writing thread."""
        self._open_database = open_database
        self._database = open_database()
        self._clock_us = clock_us
        self._queue_max = queue_max
        self._queue: deque[tuple[str, str]] = deque()
        # What is not written yet: None stands for what is to be deleted.
        self._pending: dict[tuple[str, str], StoredResponse | None] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # When expired responses were last deleted; None as long as it is not known which those are.
        self._expired_at_us: int | None = None
        self._retention_us: int | None = None
        self.trouble: str | None = None
        self.lost = 0
        self._thread = threading.Thread(target=self._write, name="responses", daemon=True)
        self._thread.start()

    @property
    def keeps(self) -> bool:
        """Whether responses are kept at all."""
        return self._retention_us is not None

    def keep_for(self, retention_us: int | None) -> None:
        """Change how long responses are kept, those that are here included. None: none are, and those that were are
        deleted."""
        self._retention_us = retention_us
        self._expired_at_us = 0

    def put(self, response: StoredResponse) -> None:
        if self.keeps and not self._change(response.principal, response.id, response):
            self.lost += 1

    def delete(self, principal: str, identity: str) -> bool:
        """Forget a response. False where there is none. Raises Unavailable while the queue is full."""
        if self.get(principal, identity) is None:
            return False
        if not self._change(principal, identity, None):
            raise Unavailable("The response cannot be deleted at present; try again in a moment.")
        return True

    def _change(self, principal: str, identity: str, response: StoredResponse | None) -> bool:
        """Whether there was room for the change."""
        with self._lock:
            if len(self._queue) >= self._queue_max:
                return False
            self._queue.append((principal, identity))
            self._pending[principal, identity] = response
            return True

    def get(self, principal: str, identity: str) -> StoredResponse | None:
        """The caller's response of this id, None where there is none."""
        oldest = self._oldest_us()
        if oldest is None:
            return None
        with self._lock:
            if (principal, identity) in self._pending:
                return self._pending[principal, identity]
        rows = self._database.execute(
            "select created_at_us, body, class from responses where principal = ? and id = ? and created_at_us >= ?",
            (principal, identity, oldest),
        )
        for created_at_us, body, data_class in rows:
            return StoredResponse(
                principal,
                identity,
                created_at_us,
                _decoder.decode(body),
                tuple(self._items(principal, identity, output=False)),
                tuple(self._items(principal, identity, output=True)),
                data_class,
            )
        return None

    def find_item(self, principal: str, item_id: str) -> tuple[Json, frozenset[str]] | None:
        """An item of this id in any of the caller's responses, and the classes of all that have it."""
        oldest = self._oldest_us()
        if oldest is None:
            return None
        found: list[tuple[Json, str | None]] = []
        with self._lock:
            for response in self._pending.values():
                if response is not None and response.principal == principal:
                    items = (item for item in (*response.output, *response.input) if item.get("id") == item_id)
                    found += [(item, response.data_class) for item in items]
        rows = self._database.execute(
            "select item, class from response_items join responses on responses.principal = response_items.principal"
            " and responses.id = response_id join response_contents on response_contents.principal ="
            " response_items.principal and response_contents.digest = response_items.digest"
            " where response_items.principal = ? and item_id = ? and created_at_us >= ?",
            (principal, item_id, oldest),
        )
        found += [(_decoder.decode(item), data_class) for item, data_class in rows]
        classes = frozenset(data_class for _, data_class in found if data_class is not None)
        return (found[0][0], classes) if found else None

    def close(self) -> None:
        """Write what is left and stop."""
        self._stop.set()
        self._thread.join()
        self._database.close()

    def _oldest_us(self) -> int | None:
        """The time of the oldest response that may still be told of."""
        return None if self._retention_us is None else self._clock_us() - self._retention_us

    def _items(self, principal: str, identity: str, *, output: bool) -> Iterator[Json]:
        rows = self._database.execute(
            "select item from response_items join response_contents on response_contents.principal ="
            " response_items.principal and response_contents.digest = response_items.digest"
            " where response_items.principal = ? and response_id = ? and output = ? order by position",
            (principal, identity, int(output)),
        )
        for (item,) in rows:
            yield _decoder.decode(item)

    # --- in the writing thread

    def _write(self) -> None:
        with closing(self._open_database()) as database:
            while True:
                last = self._stop.wait(_FLUSH_INTERVAL_S if self.trouble is None else _RETRY_INTERVAL_S)
                try:
                    self._flush(database)
                    self._expire(database)
                except DatabaseError as error:
                    if self.trouble is None:
                        _log.warning("responses cannot be kept: %s", error.message)
                    self.trouble = error.message
                else:
                    self.trouble = None
                if last:
                    return

    def _flush(self, database: Database) -> None:
        with self._lock:
            changes = [(key, self._pending.get(key)) for key in self._queue]
        if not changes:
            return
        with database.transaction():
            for (principal, identity), response in changes:
                _forget(database, principal, identity)
                if response is not None:
                    _keep(database, response)
        with self._lock:
            for key, response in changes:
                self._queue.popleft()
                if key in self._pending and self._pending[key] is response and key not in self._queue:
                    del self._pending[key]

    def _expire(self, database: Database) -> None:
        now_us = self._clock_us()
        if self._expired_at_us is None or now_us - self._expired_at_us < _EXPIRY_INTERVAL_US:
            return
        # First, so that a change of the retention meanwhile is not overlooked.
        self._expired_at_us = now_us
        oldest = self._oldest_us()
        with database.transaction():
            for principal, identity in database.execute(
                "select principal, id from responses where created_at_us < ?",
                (now_us + 1 if oldest is None else oldest,),
            ):
                _forget(database, principal, identity)


def _keep(database: Database, response: StoredResponse) -> None:
    database.execute(
        "insert into responses values (?, ?, ?, ?, ?)",
        (response.principal, response.id, response.created_at_us, _encoder.encode(response.body), response.data_class),
    )
    made = len(response.input)
    for position, item in enumerate((*response.input, *response.output)):
        encoded = _encoder.encode(item)
        digest = hashlib.sha256(encoded).digest()
        identity = item.get("id")
        database.execute(
            "insert into response_items values (?, ?, ?, ?, ?, ?)",
            (
                response.principal,
                response.id,
                position,
                int(position >= made),
                identity if isinstance(identity, str) else None,
                digest,
            ),
        )
        database.execute(
            "insert or ignore into response_contents values (?, ?, ?)", (response.principal, digest, encoded)
        )


def _forget(database: Database, principal: str, identity: str) -> None:
    """Delete a response and the contents that no other one shares."""
    digests = database.execute(
        "select distinct digest from response_items where principal = ? and response_id = ?", (principal, identity)
    )
    database.execute("delete from responses where principal = ? and id = ?", (principal, identity))
    database.execute("delete from response_items where principal = ? and response_id = ?", (principal, identity))
    for (digest,) in digests:
        database.execute(
            "delete from response_contents where principal = ?1 and digest = ?2 and not exists"
            " (select 1 from response_items where principal = ?1 and digest = ?2)",
            (principal, digest),
        )
