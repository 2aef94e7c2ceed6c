"""Who wins how often: the votes of the arena, counted pair by pair, with how sure that is.

A vote for one side says that it beat each of the others, and nothing of the others among themselves; so the count goes
by pairs. A share is that of the wins among the votes that decided (ties and "all bad" stand beside it, and in no
share). Its interval is Wilson's for independent votes; votes on the same first prompt are not independent of each
other and count as a cluster (see `ecotone.evaluation.statistics.clustered_mean`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from ecotone.catalog.provider import Weights
from ecotone.evaluation.arena import SIDES, CastVote
from ecotone.evaluation.statistics import Interval, clustered_mean

EVEN = 0.5


class Tally(msgspec.Struct, frozen=True):
    """Votes from one side's point of view. `share` is wins of wins and losses, None where there are neither; the true
    one lies in `interval` with 95 % confidence."""

    wins: int
    losses: int
    ties: int
    all_bad: int
    share: float | None
    interval: Interval | None

    @property
    def decided(self) -> int:
        return self.wins + self.losses

    @property
    def votes(self) -> int:
        return self.decided + self.ties + self.all_bad

    @property
    def clear(self) -> bool:
        """Is one of the two better? True where the interval leaves out one half."""
        return self.interval is not None and EVEN not in self.interval


class Pair(msgspec.Struct, frozen=True):
    """`name` against `other`, from the point of view of `name`."""

    name: str
    other: str
    tally: Tally


class Row(msgspec.Struct, frozen=True):
    """One model or route against all that it met, each meeting a vote of its own: its share depends on whom it met."""

    name: str
    battles: int
    tally: Tally


class Standings(msgspec.Struct, frozen=True):
    """The count of some votes. `left_out` are votes without two answers that came to their end, which tell of no model.
    `same_model` are votes with two sides behind which one model answered, under two names or as a route's: nothing is
    counted between those two, and the vote not at all where there were no others. `first` counts, where there were two
    sides and one won, how often it was a: far from one half, the place on the screen decides, not the answer."""

    votes: int
    left_out: int
    same_model: int
    prompts: int
    voters: int
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    first: Tally


class _Meeting(msgspec.Struct, frozen=True):
    """What one vote says of two sides: 1 where `name` won, 0 where `other` did, else the word for it."""

    name: str
    other: str
    won: bool | None
    all_bad: bool
    prompt: str
    battle: str


def standings(votes: Iterable[CastVote]) -> Standings:
    """The count. Rows and pairs begin with those who win most often; each pair is listed once, the better one first."""
    cast = list(votes)
    telling = [vote for vote in cast if _tells(vote)]
    usable = [vote for vote in telling if any(_meetings(vote))]
    meetings = [meeting for vote in usable for meeting in _meetings(vote)]
    pairs = sorted(_pairs(meetings), key=_rank)
    rows = sorted(
        (_row(name, meetings) for name in sorted({n for m in meetings for n in (m.name, m.other)})), key=_rank
    )
    return Standings(
        votes=len(usable),
        left_out=len(cast) - len(telling),
        same_model=sum(bool(vote.same) for vote in telling),
        prompts=len({_same(vote.prompt) for vote in usable}),
        voters=len({vote.by for vote in usable}),
        rows=tuple(rows),
        pairs=tuple(pairs),
        first=_first(telling),
    )


def open_against_closed(votes: Iterable[CastVote], kinds: Mapping[str, Weights | None]) -> Tally:
    """How often the open one was found better where an open model met a closed one; `kinds` says which is which."""
    met = [meeting for vote in votes if _tells(vote) for meeting in _meetings(vote)]
    pairs = {("open", "closed"), ("closed", "open")}
    mixed = [meeting for meeting in met if (kinds.get(meeting.name), kinds.get(meeting.other)) in pairs]
    return _tally([_seen_from(one.name if kinds[one.name] == "open" else one.other, one) for one in mixed])


def _tells(vote: CastVote) -> bool:
    """Did at least two answers come to their end, the one voted for among them?"""
    return sum(vote.answered) > 1 and (vote.vote not in SIDES or vote.answered[SIDES.index(vote.vote)])


def _meetings(vote: CastVote) -> Iterator[_Meeting]:
    """The pairs of different models that the vote tells something of."""
    chosen = SIDES.index(vote.vote) if vote.vote in SIDES else None
    there = [side for side, answered in enumerate(vote.answered) if answered]
    prompt, all_bad = _same(vote.prompt), vote.vote == "all_bad"
    for one, other in combinations(there, 2):
        if (one, other) not in vote.same and (chosen is None or chosen in (one, other)):
            won = None if chosen is None else chosen == one
            yield _Meeting(vote.names[one], vote.names[other], won, all_bad, prompt, vote.battle)


def _same(prompt: str) -> str:
    """Equal for prompts that differ in nothing but case and spacing."""
    return " ".join(prompt.casefold().split())


def _seen_from(name: str, meeting: _Meeting) -> _Meeting:
    if meeting.name == name:
        return meeting
    won = None if meeting.won is None else not meeting.won
    return msgspec.structs.replace(meeting, name=meeting.other, other=meeting.name, won=won)


def _row(name: str, meetings: Sequence[_Meeting]) -> Row:
    own = [_seen_from(name, meeting) for meeting in meetings if name in (meeting.name, meeting.other)]
    return Row(name, len({meeting.battle for meeting in own}), _tally(own))


def _pairs(meetings: Sequence[_Meeting]) -> Iterator[Pair]:
    met: dict[tuple[str, str], list[_Meeting]] = {}
    for meeting in meetings:
        name, other = sorted((meeting.name, meeting.other))
        met.setdefault((name, other), []).append(_seen_from(name, meeting))
    for (name, other), own in met.items():
        if sum(meeting.won is False for meeting in own) > sum(meeting.won is True for meeting in own):
            name, other, own = other, name, [_seen_from(other, meeting) for meeting in own]
        yield Pair(name, other, _tally(own))


def _tally(meetings: Sequence[_Meeting]) -> Tally:
    decided = [meeting for meeting in meetings if meeting.won is not None]
    found = clustered_mean([float(meeting.won or 0) for meeting in decided], [meeting.prompt for meeting in decided])
    counts = Counter(meeting.won for meeting in meetings)
    all_bad = sum(meeting.all_bad for meeting in meetings)
    return Tally(
        wins=counts[True],
        losses=counts[False],
        ties=counts[None] - all_bad,
        all_bad=all_bad,
        share=None if found is None else found.value,
        interval=None if found is None else found.interval,
    )


def _first(votes: Sequence[CastVote]) -> Tally:
    """Side a against side b, whoever they were: one model on both shows best what the place does."""
    two = [msgspec.structs.replace(vote, names=("a", "b"), same=frozenset()) for vote in votes if len(vote.names) == 2]
    return _tally([meeting for vote in two for meeting in _meetings(vote)])


def _rank(found: Row | Pair) -> tuple[float, int, str]:
    share = found.tally.share
    return 1.0 if share is None else -share, -found.tally.votes, found.name
