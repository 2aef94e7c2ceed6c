"""Requests as somebody who waits for them sees them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ecotone.gateway.arrivals import ARRIVALS_MAX, Arrival, latest_arrivals
from ecotone.gateway.build import open_database
from ecotone.gateway.request_log import RequestRow
from ecotone.gateway.settings.paths import Home
from tests.request_rows import row, write_rows

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)


def rows(*seconds_and_principals: tuple[float, str | None]) -> list[RequestRow]:
    return [
        row(round((NOW + timedelta(seconds=seconds)).timestamp() * 1e6), id=f"req_{number:03}", principal=principal)
        for number, (seconds, principal) in enumerate(seconds_and_principals)
    ]


def test_what_began_since_then_but_for_the_console(tmp_path: Path) -> None:
    database = open_database(Home(tmp_path))
    write_rows(database, *rows((-1, "early"), (0, "laptop"), (2, "console"), (3, None), (1, "local")))
    found = latest_arrivals(database, NOW)
    assert [(one.principal, one.at) for one in found] == [
        ("laptop", NOW),
        ("local", NOW + timedelta(seconds=1)),
        (None, NOW + timedelta(seconds=3)),
    ]
    assert found[0] == Arrival("req_001", NOW, "laptop", "chat", "assistant", "small", "small@embedded", 200, None)
    database.close()


def test_of_many_the_latest_come(tmp_path: Path) -> None:
    database = open_database(Home(tmp_path))
    write_rows(database, *rows(*((second, "laptop") for second in range(ARRIVALS_MAX + 5))))
    found = latest_arrivals(database, NOW)
    assert [one.id for one in (found[0], found[-1])] == ["req_005", f"req_{ARRIVALS_MAX + 4:03}"]
    assert len(found) == ARRIVALS_MAX
    database.close()
