"""What stands between a model's reply and the client: filters over events, each over what the one before gives on."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from ecotone.values.reply import Event, Reply, fold, unfold


class EventFilter(Protocol):
    """A reply's events in, those that the client is to have out; one filter serves one reply.

    A filter may hold text back, bounded by its own settings, but changes no order within a part, and keeps nothing of
    a part that is over: it gives on what it holds before the first event of a new part in that choice (arguments of
    calls, which may come at the same time: once they are whole), before Finish and before End. Text may come in other
    pieces than it went in.

    `feed` raises PolicyRefused where the reply may not go on; the filter is of no use after that. `slow`: it may take
    milliseconds, so that it is not to be called where others wait for it.
    """

    slow: bool

    def feed(self, event: Event) -> list[Event]: ...

    def close(self) -> list[Event]:
        """What is held back of a stream that breaks off before its End."""


def filter_events(events: Sequence[Event], filters: Iterable[EventFilter]) -> Sequence[Event]:
    """The events that the last of these filters gives on. Raises PolicyRefused."""
    for one in filters:
        given: list[Event] = []
        for event in events:
            given += one.feed(event)
        events = given
    return events


def close_filters(filters: Iterable[EventFilter]) -> Sequence[Event]:
    """What they hold back of a stream that breaks off. Raises PolicyRefused."""
    events: Sequence[Event] = ()
    for one in filters:
        events = [*filter_events(events, (one,)), *one.close()]
    return events


def filtered_reply(reply: Reply, filters: Sequence[EventFilter]) -> Reply:
    """A whole reply as its filters give it on. Raises PolicyRefused."""
    return fold(filter_events(list(unfold(reply)), filters)) if filters else reply
