"""What the request log says of the last hour: how much was asked, what came of it, and where it went.

The log names endpoints; where those run and whether their weights are open is looked up here, by what is configured
now and else by the provider's name, which is a part of the endpoint's id.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec

from ecotone.catalog.joining import Join, joined
from ecotone.catalog.provider import Hosting, Provider, Weights
from ecotone.gateway.models import Candidate, Directory
from ecotone.storage.database import Database

Outcome = Literal["answered", "refused", "cancelled", "failed"]

MINUTES: Final = 60
_MINUTE_US: Final = 60_000_000
# A log that is long to read is read whole only so often that it takes a twentieth of one core's time; between, its last
# minutes alone are read.
_PAUSES_PER_READ: Final = 19.0
_RECENT_MINUTES: Final = 2
_LONG_ROWS: Final = 100_000

_CELLS = """
    select started_at_us / 60000000, iif(attempts > 0, endpoint, null),
        case
            when error in ('policy_refused', 'cannot_redact') then 'refused'
            when status = 499 then 'cancelled'
            when status >= 400 or error is not null then 'failed'
            else 'answered'
        end,
        count(*), sum(attempts > 1), total(input_tokens), total(output_tokens),
        sum(attempts > 0 and endpoint is not null and (input_tokens is null or output_tokens is null)),
        total(iif(output_tokens > 1, output_tokens, 0)),
        total(iif(output_tokens > 1, duration_us - iif(stream, coalesce(first_byte_us, 0), 0), 0))
    from requests where started_at_us >= ? and started_at_us < ?
    group by 1, 2, 3
"""
_WAITS = """
    select started_at_us / 60000000,
        percentile(iif(stream, first_byte_us, null), 50), percentile(iif(stream, first_byte_us, null), 95),
        percentile(duration_us, 50), percentile(duration_us, 95)
    from requests where started_at_us >= ? and started_at_us < ? and status = 200 and error is null
    group by 1
"""
_WAITS_IN_ALL = """
    select percentile(iif(stream, first_byte_us, null), 50), percentile(iif(stream, first_byte_us, null), 95),
        percentile(duration_us, 50), percentile(duration_us, 95)
    from requests where started_at_us >= ? and started_at_us < ? and status = 200 and error is null
"""


class Whereabouts(msgspec.Struct, frozen=True):
    """Where an endpoint runs and what its model is. `weights` is None where it is not known."""

    hosting: Hosting
    weights: Weights | None
    provider: str

    @property
    def in_house(self) -> bool:
        """Does what goes there stay with the organisation?"""
        return self.hosting != "vendor"


class Waits(msgspec.Struct, frozen=True):
    """How long complete answers took, in seconds: half of them at most `p50`, 95 of 100 at most `p95`. The first byte
    is that of streams. None where there were none."""

    first_byte_p50_s: float | None = None
    first_byte_p95_s: float | None = None
    whole_p50_s: float | None = None
    whole_p95_s: float | None = None


class ByWeights(msgspec.Struct, frozen=True):
    """Requests by the weights of the model that they were sent to."""

    open: int
    closed: int
    unknown: int

    @property
    def requests(self) -> int:
        return self.open + self.closed + self.unknown


class Tally(msgspec.Struct, frozen=True):
    """Counts of requests, and of the tokens that were reported.

    `requests` is the sum of the four outcomes. `house` and `left` are those that were sent to a model inside the house
    and outside of it, answered or not, by where the last attempt went; what was sent nowhere is in neither, and
    `kept_back` is what rules kept from being sent. `retried` had more than one attempt, of which the log names the last
    alone. `left_input_tokens` are those of requests that left the house. `untold`, and `left_untold` among those that
    left, were sent somewhere, and how many tokens went or came nobody said: the sums are then the least that it was.
    """

    requests: int
    answered: int
    refused: int
    cancelled: int
    failed: int
    house: ByWeights
    left: ByWeights
    kept_back: int
    retried: int
    input_tokens: int
    output_tokens: int
    left_input_tokens: int
    untold: int
    left_untold: int


class Minute(msgspec.Struct, frozen=True):
    """One minute, by when requests arrived. `at` is its beginning, UTC."""

    at: datetime
    tally: Tally
    waits: Waits


class EndpointTraffic(msgspec.Struct, frozen=True):
    """What one endpoint had to do in the whole time. `tokens_per_s`: output tokens by the time they took, of streams
    from the first byte on; None where nothing tells."""

    endpoint: str
    whereabouts: Whereabouts
    tally: Tally
    tokens_per_s: float | None


class Traffic(msgspec.Struct, frozen=True):
    """Sixty minutes, the last of which is the present one. `minutes` has all of them, the quiet ones too; `endpoints`
    those that were sent something, the busiest first. `complete`: False as long as only the last two minutes of a long
    log have been read."""

    since: datetime
    until: datetime
    complete: bool
    total: Tally
    waits: Waits
    minutes: tuple[Minute, ...]
    endpoints: tuple[EndpointTraffic, ...]


class _Cell(msgspec.Struct, frozen=True):
    """Requests of one minute that went to one endpoint (None: to none) with one outcome. `timed_tokens` are output
    tokens that came in `timed_us`."""

    minute: int
    endpoint: str | None
    outcome: Outcome
    requests: int
    retried: int
    input_tokens: int
    output_tokens: int
    untold: int
    timed_tokens: int
    timed_us: int


_Sent = tuple[_Cell, Whereabouts | None]


class _Reading(msgspec.Struct):
    """What was read, by minutes since 1970."""

    cells: list[_Cell]
    waits: dict[int, Waits]
    total_waits: Waits


class TrafficReader:
    """Reads the log of one database. Not for use by two threads at once."""

    def __init__(
        self, database: Database, *, clock: Callable[[], float] = time.monotonic, long_rows: int = _LONG_ROWS
    ) -> None:
        """`clock` is seconds, and tells how long reading takes. Of an hour with more than `long_rows` the first reading
        gives the last two minutes, the second all."""
        self._database = database
        self._clock = clock
        self._long_rows = long_rows
        self._complete = False
        self._reading: _Reading | None = None
        self._whole_again_at = 0.0
        self._read_to = 0

    def read(self, now: datetime, find: Callable[[str], Whereabouts]) -> Traffic:
        """The hour that ends with the minute of `now`. `find` says where an endpoint is, by its id.

        Of a log that takes long to read, what is older than two minutes may be as it was a while ago: a request that
        took long itself then appears later.
        """
        last = int(now.timestamp()) // 60
        first = last - MINUTES + 1
        begun_s = self._clock()
        if self._reading is None and self._is_long(first, last):
            self._reading = self._recent(last - _RECENT_MINUTES + 1, last)
        elif self._reading is None or begun_s >= self._whole_again_at:
            self._reading = self._read(first, last)
            self._complete = True
            ended_s = self._clock()
            self._whole_again_at = ended_s + _PAUSES_PER_READ * (ended_s - begun_s)
        else:
            recent = max(first, min(last, self._read_to) - _RECENT_MINUTES + 1)
            self._reading = _joined(self._reading, self._recent(recent, last), first, recent)
        self._read_to = last
        return _told(self._reading, first, now, find, complete=self._complete)

    def _is_long(self, first: int, last: int) -> bool:
        counted = "select count(*) from (select 1 from requests where started_at_us >= ? and started_at_us < ? limit ?)"
        times = _times(first, last)
        return bool(self._database.execute(counted, (*times, self._long_rows + 1))[0][0] > self._long_rows)

    def _read(self, first: int, last: int) -> _Reading:
        reading = self._recent(first, last)
        reading.total_waits = _waits(self._database.execute(_WAITS_IN_ALL, _times(first, last))[0])
        return reading

    def _recent(self, first: int, last: int) -> _Reading:
        times = _times(first, last)
        cells = [_cell(row) for row in self._database.execute(_CELLS, times)]
        waits = {row[0]: _waits(row[1:]) for row in self._database.execute(_WAITS, times)}
        return _Reading(cells, waits, Waits())


def _times(first: int, last: int) -> tuple[int, int]:
    return first * _MINUTE_US, (last + 1) * _MINUTE_US


def _cell(row: tuple[Any, ...]) -> _Cell:
    minute, endpoint, outcome, *counts = row
    return _Cell(minute, endpoint, outcome, *map(round, counts))


def _waits(row: Iterable[float | None]) -> Waits:
    return Waits(*(None if wait_us is None else wait_us / 1e6 for wait_us in row))


def _joined(old: _Reading, fresh: _Reading, first: int, recent: int) -> _Reading:
    """The old reading from `first` on, with its part from `recent` on replaced."""
    return _Reading(
        [*(cell for cell in old.cells if first <= cell.minute < recent), *fresh.cells],
        {**{minute: waits for minute, waits in old.waits.items() if first <= minute < recent}, **fresh.waits},
        old.total_waits,
    )


def _told(
    reading: _Reading, first: int, now: datetime, find: Callable[[str], Whereabouts], *, complete: bool
) -> Traffic:
    sent: list[_Sent] = [(cell, None if cell.endpoint is None else find(cell.endpoint)) for cell in reading.cells]
    minutes: dict[int, list[_Sent]] = {minute: [] for minute in range(first, first + MINUTES)}
    endpoints: dict[str, list[_Sent]] = {}
    for one in sent:
        minutes[one[0].minute].append(one)
        if one[0].endpoint is not None:
            endpoints.setdefault(one[0].endpoint, []).append(one)
    busy = [
        EndpointTraffic(endpoint, find(endpoint), _tally(those), _speed(those)) for endpoint, those in endpoints.items()
    ]
    return Traffic(
        since=_moment(first),
        until=now,
        complete=complete,
        total=_tally(sent),
        waits=reading.total_waits,
        minutes=tuple(
            Minute(_moment(minute), _tally(those), reading.waits.get(minute, Waits()))
            for minute, those in minutes.items()
        ),
        endpoints=tuple(sorted(busy, key=lambda one: (-one.tally.requests, one.endpoint))),
    )


def _tally(sent: Sequence[_Sent]) -> Tally:
    cells = [cell for cell, _ in sent]
    house = [(cell, where) for cell, where in sent if where is not None and where.in_house]
    left = [(cell, where) for cell, where in sent if where is not None and not where.in_house]
    outcomes = dict.fromkeys(get_args(Outcome), 0)
    for cell in cells:
        outcomes[cell.outcome] += cell.requests
    return Tally(
        requests=sum(outcomes.values()),
        **outcomes,
        house=_by_weights(house),
        left=_by_weights(left),
        kept_back=sum(cell.requests for cell, where in sent if where is None and cell.outcome == "refused"),
        retried=sum(cell.retried for cell in cells),
        input_tokens=sum(cell.input_tokens for cell in cells),
        output_tokens=sum(cell.output_tokens for cell in cells),
        left_input_tokens=sum(cell.input_tokens for cell, _ in left),
        untold=sum(cell.untold for cell in cells),
        left_untold=sum(cell.untold for cell, _ in left),
    )


def _by_weights(sent: Sequence[tuple[_Cell, Whereabouts]]) -> ByWeights:
    found = {"open": 0, "closed": 0, "unknown": 0}
    for cell, where in sent:
        found[where.weights or "unknown"] += cell.requests
    return ByWeights(**found)


def _speed(sent: Sequence[_Sent]) -> float | None:
    answers = [cell for cell, _ in sent if cell.outcome == "answered"]
    timed_us = sum(cell.timed_us for cell in answers)
    return sum(cell.timed_tokens for cell in answers) * 1e6 / timed_us if timed_us else None


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def finder(directory: Directory, providers: Mapping[str, Provider]) -> Callable[[str], Whereabouts]:
    """Where endpoints are: those of `directory` as it says, others as the provider in their id does."""
    configured = {
        candidate.endpoint.id: candidate for model in directory.models for candidate in directory.candidates(model)
    }
    known: dict[str, Whereabouts] = {}

    def find(endpoint: str) -> Whereabouts:
        if endpoint not in known:
            candidate = configured.get(endpoint)
            known[endpoint] = _by_name(endpoint, providers) if candidate is None else whereabouts(candidate)
        return known[endpoint]

    return find


def whereabouts(candidate: Candidate) -> Whereabouts:
    """Where a candidate runs, and whether its weights are open: the catalog's word counts before the provider's."""
    facts = candidate.endpoint.facts()
    if facts.hosting == "embedded":
        return Whereabouts("embedded", "open", facts.provider)
    join = joined(candidate.model, catalog=facts.catalog, provider=facts.provider, name_there=facts.name)
    return Whereabouts(facts.hosting, _weights(join) or facts.weights, facts.provider)


def _by_name(endpoint: str, providers: Mapping[str, Provider]) -> Whereabouts:
    """An endpoint that is no more, or one of a vendor whose models are all served. What is not known to be in the house
    counts as outside of it."""
    model, _, place = endpoint.rpartition("@")
    name = place.partition("#")[0]
    if name == "embedded":
        return Whereabouts("embedded", "open", "llama.cpp")
    provider = providers.get(name)
    join = joined(model, catalog=None, provider=name, name_there=model.removeprefix(f"{name}/"))
    return Whereabouts("vendor", _weights(join) or (provider.weights if provider is not None else None), name)


def _weights(join: Join) -> Weights | None:
    facts = join.facts()
    return None if facts is None else facts.weights
