"""`ecotone events`: what the gateway noted that somebody should know of."""

import os
import re
from datetime import UTC, datetime, timedelta

from ecotone.cli.output import print_json, print_table, say
from ecotone.gateway.build import open_database
from ecotone.gateway.events import Event, event_words, read_events
from ecotone.gateway.settings.paths import find_home
from ecotone.values.errors import SetupError

_AGE = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def run(since: str, as_json: bool) -> None:
    """Print the events since then. Raises SetupError for a time that is none."""
    begin = moment_since(since, datetime.now(UTC))
    events = read_events(open_database(find_home(os.environ)), begin)
    if as_json:
        print_json({"events": events})
    elif events:
        print_table(("WHEN", "WHO", "KIND", "WHAT"), map(_cells, events))
    else:
        say(f"There are no events since {begin:%Y-%m-%d %H:%M %Z}.")


def moment_since(since: str, now: datetime) -> datetime:
    """The time that an age (`90m`, `24h`, `7d`) or a date in ISO 8601 stands for; UTC where that says no other."""
    try:
        if age := _AGE.fullmatch(since):
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(since)
    except (ValueError, OverflowError):
        raise SetupError(
            f"--since {since!r} is no time: write an age like 90m, 24h or 7d, or a date like 2026-07-01T12:00"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _cells(event: Event) -> tuple[str, ...]:
    return f"{event.at:%Y-%m-%d %H:%M:%S} UTC", event.principal, event.kind, event_words(event)
