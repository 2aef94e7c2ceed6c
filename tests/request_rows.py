"""Rows of the request log as tests write them."""

from itertools import count
from typing import Any

import msgspec

from ecotone.gateway.request_log import RequestRow
from ecotone.storage.database import Database

_numbers = count()


def row(started_at_us: int, **columns: Any) -> RequestRow:
    """A streamed chat that `small` in the gateway answered within a second, but for these columns."""
    usual = RequestRow(
        id=f"req_{next(_numbers):06}",
        started_at_us=started_at_us,
        principal="local",
        operation="chat",
        asked="assistant",
        model="small",
        endpoint="small@embedded",
        attempts=1,
        stream=True,
        status=200,
        error=None,
        input_tokens=None,
        output_tokens=None,
        cached_input_tokens=None,
        reasoning_tokens=None,
        first_byte_us=100_000,
        duration_us=1_000_000,
        decision=None,
    )
    return msgspec.structs.replace(usual, **columns)


def write_rows(database: Database, *rows: RequestRow) -> None:
    """Into the request log, at once."""
    insert = f"insert into requests values ({', '.join('?' * len(RequestRow.__struct_fields__))})"
    with database.transaction():
        database.execute_many(insert, map(msgspec.structs.astuple, rows))
