"""The last hour of the request log, added up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecotone.gateway.build import open_database
from ecotone.gateway.models import Directory
from ecotone.gateway.request_log import RequestRow
from ecotone.gateway.settings.paths import Home
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.traffic import MINUTES, ByWeights, TrafficReader, Waits, Whereabouts, finder
from ecotone.storage.database import Database
from tests import request_rows
from tests.request_rows import write_rows

NOW = datetime(2026, 11, 22, 14, 30, 20, tzinfo=UTC)
PLACES = {
    "small@embedded": Whereabouts("embedded", "open", "llama.cpp"),
    "ours@vllm": Whereabouts("self-hosted", "open", "vllm"),
    "claude@anthropic": Whereabouts("vendor", "closed", "anthropic"),
    "riddle@elsewhere": Whereabouts("vendor", None, "elsewhere"),
}


def row(
    ago_s: float,
    endpoint: str | None = "small@embedded",
    *,
    tokens: tuple[int | None, int | None] = (None, None),
    first_byte_ms: int | None = 100,
    ms: int = 1000,
    **columns: Any,
) -> RequestRow:
    return request_rows.row(
        round((NOW - timedelta(seconds=ago_s)).timestamp() * 1_000_000),
        endpoint=endpoint,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        first_byte_us=None if first_byte_ms is None else first_byte_ms * 1000,
        duration_us=ms * 1000,
        **columns,
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(Home(tmp_path))
    yield found
    found.close()


def test_an_hour_without_requests(database: Database) -> None:
    traffic = TrafficReader(database).read(NOW, PLACES.__getitem__)
    assert (traffic.since, traffic.until) == (datetime(2026, 11, 22, 13, 31, tzinfo=UTC), NOW)
    assert [minute.at for minute in traffic.minutes] == [
        datetime(2026, 11, 22, 13, 31, tzinfo=UTC) + timedelta(minutes=n) for n in range(60)
    ]
    assert traffic.total.requests == 0
    assert traffic.waits == Waits()
    assert traffic.endpoints == ()


def test_what_came_of_requests_and_where_they_went(database: Database) -> None:
    write_rows(
        database,
        row(0, tokens=(10, 5)),
        row(5, tokens=(7, None)),
        row(5, "ours@vllm", attempts=2, tokens=(1, 2)),
        row(5, "claude@anthropic", tokens=(100, 50)),
        row(5, "claude@anthropic", status=502, error="upstream_failed", first_byte_ms=None),
        row(5, "claude@anthropic", error="upstream_cut"),
        row(5, "claude@anthropic", status=403, error="policy_refused"),
        row(5, None, status=403, error="policy_refused", attempts=0, first_byte_ms=None),
        row(5, "claude@anthropic", status=403, error="cannot_redact", attempts=0, first_byte_ms=None),
        row(5, None, status=401, error="invalid_api_key", attempts=0, first_byte_ms=None),
        row(5, "riddle@elsewhere"),
        row(5, status=499, first_byte_ms=None),
    )
    traffic = TrafficReader(database).read(NOW, PLACES.__getitem__)
    total = traffic.total
    assert total.requests == 12
    assert (total.answered, total.refused, total.cancelled, total.failed) == (5, 3, 1, 3)
    assert total.house == ByWeights(open=4, closed=0, unknown=0)
    assert total.left == ByWeights(open=0, closed=4, unknown=1)
    assert (total.house.requests, total.left.requests, total.kept_back) == (4, 5, 2)
    assert (total.retried, total.input_tokens, total.output_tokens, total.left_input_tokens) == (1, 118, 57, 100)
    assert (total.untold, total.left_untold) == (6, 4), "of those that were sent and of which not all tokens are told"
    assert [(one.endpoint, one.tally.requests, one.tally.answered) for one in traffic.endpoints] == [
        ("claude@anthropic", 4, 1),
        ("small@embedded", 3, 2),
        ("ours@vllm", 1, 1),
        ("riddle@elsewhere", 1, 1),
    ]


def test_minutes_are_those_in_which_requests_came(database: Database) -> None:
    write_rows(
        database, row(0), row(20), row(20.000001), row(59 * 60 + 20), row(59 * 60 + 20.000001), row(-39), row(-40)
    )
    traffic = TrafficReader(database).read(NOW, PLACES.__getitem__)
    busy = {minute.at.strftime("%H:%M"): minute.tally.requests for minute in traffic.minutes if minute.tally.requests}
    assert busy == {"14:30": 3, "14:29": 1, "13:31": 1}
    assert traffic.total.requests == 5
    assert len(traffic.minutes) == MINUTES


def test_waits_are_those_of_complete_answers(database: Database) -> None:
    write_rows(
        database,
        *(row(0, first_byte_ms=n * 100, ms=n * 1000) for n in range(1, 12)),
        row(0, stream=False, first_byte_ms=6000, ms=6000),
        row(0, status=502, error="upstream_failed", ms=90_000),
        row(0, error="upstream_cut", ms=90_000),
        row(120, first_byte_ms=300, ms=700),
    )
    traffic = TrafficReader(database).read(NOW, PLACES.__getitem__)
    # Eleven streams: the sixth is in the middle; 95 of 100 lies halfway between the tenth and the last.
    assert traffic.minutes[-1].waits == Waits(0.6, 1.05, 6.0, 10.45)
    assert traffic.minutes[-3].waits == Waits(0.3, 0.3, 0.7, 0.7)
    assert traffic.minutes[-2].waits == Waits()
    assert traffic.waits.whole_p50_s == 6.0


def test_speed_is_that_of_streams_after_their_first_byte(database: Database) -> None:
    write_rows(
        database,
        row(0, tokens=(10, 90), first_byte_ms=500, ms=1500),
        row(0, tokens=(10, 60), first_byte_ms=2000, ms=2000, stream=False),
        row(0, tokens=(10, None), ms=9000),
        row(0, "claude@anthropic", tokens=(10, None), ms=9000),
    )
    traffic = TrafficReader(database).read(NOW, PLACES.__getitem__)
    assert {one.endpoint: one.tokens_per_s for one in traffic.endpoints} == {
        "small@embedded": 50.0,
        "claude@anthropic": None,
    }


def test_a_log_that_takes_long_is_read_whole_now_and_then(database: Database) -> None:
    seconds = iter((0.0, 2.0, 10.0, 39.0, 40.0, 41.0))  # a reading that takes 2 s is not repeated for 38 s
    reader = TrafficReader(database, clock=lambda: next(seconds))
    write_rows(database, row(70), row(600))
    assert reader.read(NOW, PLACES.__getitem__).total.requests == 2
    write_rows(database, row(5), row(600))
    assert reader.read(NOW, PLACES.__getitem__).total.requests == 3  # what is old and late is not there yet
    later = reader.read(NOW + timedelta(minutes=52), PLACES.__getitem__)
    assert [minute.tally.requests for minute in later.minutes[:2]] == [0, 0]
    assert later.total.requests == 2  # the hour has gone on, and left the oldest behind
    assert reader.read(NOW, PLACES.__getitem__).total.requests == 4


def test_of_a_long_log_the_last_minutes_come_first(database: Database) -> None:
    write_rows(database, row(5), row(70), row(600), row(7200))
    reader = TrafficReader(database, long_rows=2)
    first, second = (reader.read(NOW, PLACES.__getitem__) for _ in range(2))
    assert (first.complete, first.total.requests) == (False, 2)
    assert (second.complete, second.total.requests) == (True, 3)
    short = TrafficReader(database, long_rows=3).read(NOW, PLACES.__getitem__)
    assert (short.complete, short.total.requests) == (True, 3)


def test_reading_uses_the_index(database: Database) -> None:
    plan = database.execute("explain query plan select count(*) from requests where started_at_us >= 5")
    assert "requests_by_time" in plan[0][3]


def test_endpoints_that_are_no_more_are_found_by_their_names() -> None:
    find = finder(Directory((), ()), installed().providers)
    assert find("gone@embedded") == Whereabouts("embedded", "open", "llama.cpp")
    assert find("openai/gpt-4o@openai") == Whereabouts("vendor", "closed", "openai")
    assert find("llama@together#2").hosting == "vendor"
    assert find("what@nobody") == Whereabouts("vendor", None, "nobody")
