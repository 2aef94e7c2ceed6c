"""Requests as they come in, for somebody who waits for the first one of a client."""

from datetime import datetime

import msgspec

from ecotone.gateway.keys import CONSOLE
from ecotone.storage.database import Database
from ecotone.storage.moments import microseconds, moment

ARRIVALS_MAX = 50


class Arrival(msgspec.Struct, frozen=True):
    """One exchange that has ended. `principal` is None for a caller who was not let in; `model` and `endpoint` are None
    if none answered, `error` if nothing went wrong."""

    id: str
    at: datetime
    principal: str | None
    operation: str
    asked: str | None
    model: str | None
    endpoint: str | None
    status: int
    error: str | None


def latest_arrivals(database: Database, since: datetime) -> tuple[Arrival, ...]:
    """The latest exchanges that began at `since` or later, but for the console's own: the earliest first."""
    rows = database.execute(
        "select id, started_at_us, principal, operation, asked, model, endpoint, status, error from requests"
        " where started_at_us >= ? and principal is not ? order by started_at_us desc, id desc limit ?",
        (microseconds(since), CONSOLE.name, ARRIVALS_MAX),
    )
    return tuple(Arrival(identity, moment(at_us), *rest) for identity, at_us, *rest in reversed(rows))
