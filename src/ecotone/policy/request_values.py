"""From labels to the values that conditions read, and to what tells two requests apart."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ecotone.policy.conditions import Use
from ecotone.policy.labels import Labels
from ecotone.policy.schema import WEEKDAYS

UNKNOWN: Final = None
"""The value of a variable that is not known."""

Reader = Callable[[Labels, datetime | None], Any]
Key = tuple[Any, ...]


def readers(threshold: float) -> Mapping[str, Reader]:
    """How each variable that a request has, other than the scores, is read from it. `threshold` is the guard's."""

    def flagged(labels: Labels, _: datetime | None) -> tuple[str, ...] | None:
        if labels.scores is None:
            return UNKNOWN
        return tuple(sorted(name for name, score in labels.scores.items() if not score < threshold))

    return {**_READERS, "content.flagged": flagged}


def score_reader(category: str) -> Reader:
    """Reads one category's score. One that is no number is unknown, as nothing can be said of it."""

    def score(labels: Labels, _: datetime | None) -> float | None:
        found = None if labels.scores is None else labels.scores.get(category)
        return found if found is None or found == found else UNKNOWN

    return score


def _of_time(part: Callable[[datetime], Any]) -> Reader:
    def read(_: Labels, now: datetime | None) -> Any:
        return UNKNOWN if now is None else part(now.astimezone(UTC))

    return read


_READERS: Mapping[str, Reader] = {
    "data.class": lambda labels, _: labels.data_class,
    "data.kinds": lambda labels, _: tuple(sorted(labels.kinds)),
    "data.uninspected": lambda labels, _: tuple(sorted(labels.uninspected)),
    "content.inspected": lambda labels, _: labels.scores is not None,
    "principal.name": lambda labels, _: labels.principal,
    "principal.purpose": lambda labels, _: labels.purpose,
    "route.name": lambda labels, _: labels.asked,
    "request.operation": lambda labels, _: labels.operation,
    "request.stream": lambda labels, _: labels.streams,
    "request.tools": lambda labels, _: labels.tools,
    "request.bytes": lambda labels, _: labels.input_bytes,
    "time.now": _of_time(lambda now: now),
    "time.hour": _of_time(lambda now: now.hour),
    "time.weekday": _of_time(lambda now: WEEKDAYS[now.weekday()]),
    "time.date": _of_time(lambda now: now.date().isoformat()),
}


def ever_new(path: str) -> bool:
    """Does this variable have a new value in nearly every request?"""
    score = path.startswith("content.") and path not in ("content.inspected", "content.flagged")
    return score or path in ("time.now", "request.bytes")


def region(value: Any, constants: tuple[Any, ...]) -> int:
    """Which part of its range a value lies in that is compared with these constants, in rising order, and with nothing
    else: between two of them, or on one. No comparison tells two values of one region apart. -1: unknown."""
    if value is UNKNOWN:
        return -1
    return bisect_left(constants, value) + bisect_right(constants, value)


def in_order(constants: Iterable[Any]) -> tuple[Any, ...]:
    """The distinct constants that one variable is compared with, rising. All are of one kind, or numbers."""
    return tuple(sorted(set(constants)))


def merged(reads: Iterable[Mapping[str, Use]]) -> dict[str, Use]:
    """How several conditions together read each variable."""
    every: dict[str, Use] = {}
    for one in reads:
        for path, use in one.items():
            every[path] = every.get(path, Use()) | use
    return every
