"""Times as tables keep them: Unix microseconds, UTC."""

from datetime import UTC, datetime


def microseconds(moment: datetime) -> int:
    """A time as it is kept."""
    return round(moment.timestamp() * 1_000_000)


def moment(kept: int) -> datetime:
    """A time that was kept."""
    return datetime.fromtimestamp(kept / 1_000_000, UTC)
