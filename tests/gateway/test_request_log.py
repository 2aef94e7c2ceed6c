"""The request log: nothing is lost while the disk works, and nothing is hidden while it does not."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import apsw
import msgspec

from ecotone.gateway.build import open_database
from ecotone.gateway.request_log import RequestLog, RequestRow
from ecotone.gateway.settings.paths import Home
from ecotone.storage.database import Database, Value


def row(number: int) -> RequestRow:
    return RequestRow(
        id=f"req_{number:06}",
        started_at_us=1_700_000_000_000_000 + number,
        principal="local",
        operation="chat",
        asked="assistant",
        model="m",
        endpoint="m@openai",
        attempts=1,
        stream=False,
        status=200,
        error=None,
        input_tokens=number,
        output_tokens=None,
        cached_input_tokens=0,
        reasoning_tokens=None,
        first_byte_us=10,
        duration_us=20,
        decision=None,
    )


def wait_until(holds: object, within_s: float = 10.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


def test_every_row_is_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    log = RequestLog(lambda: Database(home.database))
    for number in range(5000):
        log.add(row(number))
    log.close()
    assert database.execute("select count(*), sum(input_tokens), count(output_tokens) from requests") == [
        (5000, 12_497_500, 0)
    ]
    assert database.execute("select * from requests where id = 'req_000007'") == [msgspec.structs.astuple(row(7))]


class SmallDisk(Database):
    """A database that SQLite itself finds full at `pages_max` pages."""

    pages_max = 1_000_000

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self.execute(f"pragma max_page_count = {self.pages_max}")
        super().execute_many(sql, rows)


def test_rows_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    small = SmallDisk(home.database)
    small.pages_max = 1  # SQLite takes the number of pages in use for less than that
    log = RequestLog(lambda: small, queue_max=3000)
    for number in range(3500):
        log.add(row(number))
    wait_until(lambda: log.trouble is not None)
    assert "full" in (log.trouble or "")
    assert log.lost > 0
    wait_until(lambda: (log.trouble or "").endswith("some rows found no more room and are lost"))
    small.pages_max = 1_000_000
    log.close()
    assert log.trouble is None
    assert database.execute("select count(*) from requests") == [(3500 - log.lost,)]


def test_rows_wait_while_the_database_is_locked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    log = RequestLog(lambda: Database(home.database))
    other = apsw.Connection(str(home.database))
    other.execute("begin immediate")
    for number in range(10):
        log.add(row(number))
    other.execute("rollback")
    log.close()
    assert database.execute("select count(*) from requests") == [(10,)]
