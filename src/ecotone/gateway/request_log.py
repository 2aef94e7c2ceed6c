"""One row for each exchange: who asked what of whom, and what came of it. Metadata only, never content."""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec

from ecotone.gateway import events
from ecotone.gateway.events import EventRow
from ecotone.storage.database import Database, DatabaseError, Migration

MIGRATIONS = (
    Migration(
        "requests",
        1,
        """
        create table requests (
            id text primary key,
            started_at_us integer not null,   -- Unix microseconds, UTC
            principal text,                   -- null: the caller was not let in
            operation text not null,          -- chat, completions, embeddings
            asked text,                       -- the route or model that the client named
            model text,                       -- the model that answered
            endpoint text,                    -- where it ran
            attempts integer not null,
            stream integer not null,
            status integer not null,          -- HTTP status the client got; 499: the client left first
            error text,                       -- code of the error, also of one late in a stream
            input_tokens integer,             -- null: unknown, here and below
            output_tokens integer,
            cached_input_tokens integer,
            reasoning_tokens integer,
            first_byte_us integer,            -- from the request's arrival to the first byte sent
            duration_us integer not null
        ) strict, without rowid;
        create index requests_by_time on requests (started_at_us);
        """,
    ),
    # JSON: labels, and what the rules said of each place; null: no rule was asked.
    Migration("requests", 2, "alter table requests add column decision text"),
    # What the rules refused or flagged is a small part, and looked for among all.
    Migration(
        "requests",
        3,
        """
        create index requests_judged on requests (started_at_us)
            where error in ('policy_refused', 'cannot_redact') or instr(decision, '"effect":"flag"') > 0
        """,
    ),
)

JUDGED = """error in ('policy_refused', 'cannot_redact') or instr(decision, '"effect":"flag"') > 0"""
"""Of which rows, in SQL, the rules have refused or flagged the request: those of the index `requests_judged`."""

_QUEUE_MAX_ROWS = 200_000
_FLUSH_INTERVAL_S = 0.1
_RETRY_INTERVAL_S = 1.0


class RequestRow(msgspec.Struct, frozen=True, array_like=True):
    """The columns of `requests`, in their order."""

    id: str
    started_at_us: int
    principal: str | None
    operation: str
    asked: str | None
    model: str | None
    endpoint: str | None
    attempts: int
    stream: bool
    status: int
    error: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    reasoning_tokens: int | None
    first_byte_us: int | None
    duration_us: int
    decision: str | None


_INSERT = f"insert into requests values ({', '.join('?' * len(RequestRow.__struct_fields__))})"  # noqa: S608 - no input


class RequestLog:
    """Rows, and events beside them, are taken at once and written by a thread of their own, many to a transaction.

    While the disk refuses, rows wait (`queue_max` of them, the oldest are kept) and `trouble` tells why, and whether
    some found the queue full, which are counted in `lost`.
    """

    def __init__(self, open_database: Callable[[], Database], *, queue_max: int = _QUEUE_MAX_ROWS) -> None:
        """`open_database` is called once, in the writing thread."""
        self._queue_max = queue_max
        self._open_database = open_database
        self._rows: deque[RequestRow | EventRow] = deque()
        self._stop = threading.Event()
        self.trouble: str | None = None
        self.lost = 0
        self._thread = threading.Thread(target=self._write, name="request-log", daemon=True)
        self._thread.start()

    def add(self, row: RequestRow | EventRow) -> None:
        if len(self._rows) < self._queue_max:
            self._rows.append(row)
        else:
            self.lost += 1

    def close(self) -> None:
        """Write what is left and stop."""
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        with closing(self._open_database()) as database:
            while True:
                last = self._stop.wait(_FLUSH_INTERVAL_S if self.trouble is None else _RETRY_INTERVAL_S)
                self._flush(database)
                if last:
                    return

    def _flush(self, database: Database) -> None:
        rows = [self._rows.popleft() for _ in range(len(self._rows))]
        if not rows:
            return
        try:
            with database.transaction():
                for insert, kind in ((_INSERT, RequestRow), (events.INSERT, EventRow)):
                    of_kind = (row for row in rows if isinstance(row, kind))
                    database.execute_many(insert, map(msgspec.structs.astuple, of_kind))
        except DatabaseError as error:
            self.trouble = error.message + ("; some rows found no more room and are lost" if self.lost else "")
            self._rows.extendleft(reversed(rows))
        else:
            self.trouble = None


def decision_of(database: Database, request_id: str) -> dict[str, Any] | None:
    """What was decided about a request and why, as `Decision.recorded` has it; None if no rule was asked, or if the
    request has not ended yet."""
    rows = database.execute("select decision from requests where id = ?", (request_id,))
    return None if not rows or rows[0][0] is None else msgspec.json.decode(rows[0][0], type=dict[str, Any])


def attempts_of(database: Database, request_id: str) -> int | None:
    """How many places were asked for it, one after the other; None if the request has not ended yet."""
    rows = database.execute("select attempts from requests where id = ?", (request_id,))
    return int(rows[0][0]) if rows else None
