"""What happened that somebody should know of, for alerts: one row each. Names and numbers, never content."""

from datetime import datetime
from typing import Any

import msgspec

from ecotone.storage.database import Database, Migration
from ecotone.storage.moments import microseconds, moment

MIGRATIONS = (
    Migration(
        "events",
        1,
        """
        create table events (
            id integer primary key,
            at_us integer not null,   -- Unix microseconds, UTC
            kind text not null,
            principal text not null,  -- whom it is about
            detail text not null      -- JSON, an object
        ) strict;
        create index events_by_time on events (at_us);
        """,
    ),
)

INSERT = "insert into events (at_us, kind, principal, detail) values (?, ?, ?, ?)"


class EventRow(msgspec.Struct, frozen=True, array_like=True):
    """The columns that `INSERT` fills, in their order."""

    at_us: int
    kind: str
    principal: str
    detail: str


class Event(msgspec.Struct, frozen=True):
    """An event, as it is read. `detail` has what its kind has."""

    at: datetime
    kind: str
    principal: str
    detail: dict[str, Any]


def read_events(database: Database, since: datetime) -> tuple[Event, ...]:
    """Events from then on, the earliest first."""
    rows = database.execute(
        "select at_us, kind, principal, detail from events where at_us >= ? order by at_us, id",
        (microseconds(since),),
    )
    return tuple(
        Event(moment(at_us), kind, principal, msgspec.json.decode(detail)) for at_us, kind, principal, detail in rows
    )


def event_words(event: Event) -> str:
    """What happened, in words."""
    detail = event.detail
    match event.kind:
        case "rising_denials":
            return (
                f"{detail['denials']} requests refused in {detail['minutes']} minutes,"
                f" {detail['before']} in the {detail['before_minutes']} minutes before"
            )
        case "repeated_blocks":
            return f"refused {detail['times']} times in {detail['minutes']} minutes over {detail['blocked']}"
        case "sweep":
            return f"{detail['requests']} different requests of one template in {detail['minutes']} minutes"
    return ", ".join(f"{name} {value}" for name, value in detail.items())
