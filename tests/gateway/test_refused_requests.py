"""What the log tells of refusals, from rows written by hand."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecotone.gateway import request_log
from ecotone.gateway.rules.refusals import JUDGED_ROWS, recent_refusals
from ecotone.storage.database import Database
from tests.request_rows import row, write_rows

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DENY, FLAG = {"rule": "home", "effect": "deny"}, {"rule": "look", "effect": "flag"}
PREFER = {"rule": "cheap", "effect": "prefer", "fault": "endpoint.region is unknown"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "ecotone.db", request_log.MIGRATIONS)) as opened:
        yield opened


def write(database: Database, identity: str, minutes_ago: int, error: str | None, decision: dict[str, Any]) -> None:
    at_us = round((NOW - timedelta(minutes=minutes_ago)).timestamp() * 1_000_000)
    told = {"class": "restricted", "kinds": ["iban"], "scores": {"fraud": 0.7, "hate": 0.1}, "reply": None} | decision
    written = msgspec.json.encode(told).decode()
    write_rows(database, row(at_us, id=identity, principal="desk", status=403, error=error, decision=written))


def place(allowed: bool, *spoken: dict[str, str]) -> dict[str, Any]:
    return {"allowed": allowed, "spoken": list(spoken)}


def test_each_outcome_names_the_rules_that_brought_it_about(database: Database) -> None:
    write(database, "fine", 1, None, {"places": {"a": place(True)}})
    write(database, "flagged", 2, None, {"places": {"a": place(True, FLAG), "b": place(False, DENY)}})
    write(
        database, "refused", 3, "policy_refused", {"places": {"a": place(False, DENY, FLAG), "b": place(False, PREFER)}}
    )
    reply = {"spoken": [{"rule": "no keys", "effect": "deny"}, FLAG]}
    write(database, "reply", 4, "policy_refused", {"places": {"a": place(True)}, "reply": reply})
    redact = {"rule": "addresses", "effect": "redact"}
    write(database, "stuck", 5, "cannot_redact", {"places": {"a": place(True, redact), "b": place(False, DENY)}})
    write(database, "old", 61, "policy_refused", {"places": {"a": place(False, DENY)}})
    found = recent_refusals(database, NOW - timedelta(hours=1), risk_min=0.5)
    assert [(one.id, one.outcome, one.rules) for one in found] == [
        ("flagged", "flagged", ("look",)),
        ("refused", "refused", ("home", "cheap")),
        ("reply", "reply refused", ("no keys",)),
        ("stuck", "not replaceable", ("addresses",)),
    ]
    assert found[0].at == NOW - timedelta(minutes=2)
    assert (found[0].data_class, found[0].kinds, found[0].risks) == ("restricted", ("iban",), ("fraud",))
    assert recent_refusals(database, NOW - timedelta(hours=1), risk_min=0.8, limit=1)[0].risks == ()


def test_they_are_found_without_reading_the_whole_log(database: Database) -> None:
    plan = database.execute(f"explain query plan {JUDGED_ROWS}", (0, 10))
    assert [row[3] for row in plan] == ["SEARCH requests USING INDEX requests_judged (started_at_us>?)"]
