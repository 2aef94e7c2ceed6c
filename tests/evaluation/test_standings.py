"""Votes counted pair by pair. Intervals are Wilson's, computed by hand from his formula."""

import msgspec
import pytest

from ecotone.evaluation.arena import CastVote, Vote
from ecotone.evaluation.standings import Pair, Row, Standings, open_against_closed, standings

_prompts = iter(range(10_000))


def vote(which: Vote, *names: str, prompt: str = "", by: str = "ana", answered: tuple[bool, ...] = ()) -> CastVote:
    number = next(_prompts)
    asked = prompt or f"prompt {number}"
    return CastVote(f"battle {number}", names, which, by, asked, answered or (True,) * len(names))


def row(found: Standings, name: str) -> Row:
    return next(row for row in found.rows if row.name == name)


def pair(found: Standings, name: str, other: str) -> Pair:
    return next(pair for pair in found.pairs if (pair.name, pair.other) == (name, other))


def test_nothing_is_known_without_votes() -> None:
    found = standings([])
    assert (found.votes, found.rows, found.pairs, found.first.share) == (0, (), (), None)


def test_wins_are_counted_wherever_the_side_stood() -> None:
    votes = [
        *(vote("a", "good", "poor") for _ in range(3)),
        *(vote("b", "poor", "good") for _ in range(5)),
        *(vote("b", "good", "poor") for _ in range(2)),
        vote("tie", "good", "poor"),
        vote("all_bad", "poor", "good", by="ben"),
    ]
    found = standings(votes)
    tally = pair(found, "good", "poor").tally
    assert (tally.wins, tally.losses, tally.ties, tally.all_bad) == (8, 2, 1, 1)
    assert (tally.decided, tally.votes, tally.share) == (10, 12, 0.8)
    # Wilson for 8 of 10: (8 + 1.92073 -+ 1.95996 * sqrt(1.6 + 0.96036)) / (10 + 3.84146)
    assert tally.interval is not None
    assert tally.interval.low == pytest.approx(0.490162, abs=1e-6)
    assert tally.interval.high == pytest.approx(0.943318, abs=1e-6)
    assert not tally.clear
    assert [(one.name, one.battles, one.tally.share) for one in found.rows] == [("good", 12, 0.8), ("poor", 12, 0.2)]
    assert (found.votes, found.prompts, found.voters) == (12, 12, 2)
    # a was chosen in 3 of 10 that decided.
    assert (found.first.wins, found.first.losses, found.first.ties, found.first.all_bad) == (3, 7, 1, 1)


def test_a_difference_is_clear_once_the_interval_leaves_one_half() -> None:
    nine = standings([vote("a", "good", "poor") for _ in range(9)] + [vote("b", "good", "poor")])
    tally = pair(nine, "good", "poor").tally
    # (9 + 1.92073 - 1.95996 * sqrt(0.9 + 0.96036)) / 13.84146
    assert tally.interval is not None and tally.interval.low == pytest.approx(0.595850, abs=1e-6)
    assert tally.clear


def test_of_three_the_chosen_one_beats_two_and_nothing_is_known_of_those() -> None:
    found = standings([vote("b", "x", "y", "z")])
    assert {(one.name, one.other, one.tally.wins) for one in found.pairs} == {("y", "x", 1), ("y", "z", 1)}
    assert row(found, "y").tally.wins == 2 and row(found, "y").battles == 1
    assert row(found, "x").tally.losses == 1
    assert found.first.votes == 0
    tied = standings([vote("tie", "x", "y", "z")])
    assert len(tied.pairs) == 3 and all(one.tally.ties == 1 for one in tied.pairs)


def test_votes_on_one_prompt_are_not_independent() -> None:
    same = standings([vote("a", "good", "poor", prompt=text) for text in ("Well?", "well? ", "WELL?")])
    tally = pair(same, "good", "poor").tally
    assert (tally.wins, same.prompts) == (3, 1)
    assert tally.interval is not None and (tally.interval.low, tally.interval.high) == (0.0, 1.0)
    apart = pair(standings([vote("a", "good", "poor") for _ in range(3)]), "good", "poor").tally
    # Wilson for 3 of 3: 3 / (3 + 3.84146)
    assert apart.interval is not None and apart.interval.low == pytest.approx(0.438503, abs=1e-6)


def test_a_side_that_did_not_answer_was_not_beaten() -> None:
    votes = [
        vote("a", "x", "y", answered=(True, False)),
        vote("a", "x", "y", "z", answered=(True, False, True)),
        vote("a", "x", "y", "z", answered=(False, True, True)),
    ]
    found = standings(votes)
    assert (found.votes, found.left_out) == (1, 2)
    assert [(one.name, one.other) for one in found.pairs] == [("x", "z")]


def test_the_better_one_of_a_pair_comes_first() -> None:
    found = standings([vote("a", "aa", "bb"), vote("b", "aa", "bb"), vote("b", "aa", "bb"), vote("tie", "cc", "aa")])
    assert [(one.name, one.other) for one in found.pairs] == [("bb", "aa"), ("aa", "cc")]
    assert [one.name for one in found.rows] == ["bb", "aa", "cc"]
    assert row(found, "cc").tally.share is None


def test_open_against_closed_counts_where_both_kinds_met() -> None:
    votes = [
        vote("a", "free", "paid"),
        vote("b", "free", "paid"),
        vote("a", "paid", "other free"),
        vote("tie", "paid", "free"),
        vote("a", "free", "other free"),
        vote("a", "free", "stranger"),
        vote("a", "free", "paid", answered=(True, False)),
        vote("b", "free", "other free", "paid"),
    ]
    tally = open_against_closed(votes, {"free": "open", "other free": "open", "paid": "closed", "stranger": None})
    assert (tally.wins, tally.losses, tally.ties, tally.share) == (2, 2, 1, 0.5)


def test_one_model_behind_two_sides_is_not_held_against_itself() -> None:
    first_two = frozenset({(0, 1)})
    votes = [
        msgspec.structs.replace(vote("a", "route", "model"), same=first_two),
        msgspec.structs.replace(vote("a", "route", "model", "other"), same=first_two),
        msgspec.structs.replace(vote("a", "route", "model", answered=(True, False)), same=first_two),
    ]
    found = standings(votes)
    assert [(one.name, one.other, one.tally.wins) for one in found.pairs] == [("route", "other", 1)]
    assert [one.name for one in found.rows] == ["route", "other"]
    assert (found.votes, found.prompts, found.same_model, found.left_out) == (1, 1, 2, 1)
    # Which side it stood on is all that tells the two apart, so it counts there.
    assert (found.first.wins, found.first.losses) == (1, 0)
    kinds = open_against_closed(votes, {"route": "open", "model": "closed", "other": "closed"})
    assert (kinds.wins, kinds.losses) == (1, 0)
