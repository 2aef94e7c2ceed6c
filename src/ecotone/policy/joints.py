"""What stands across the border of two neighbouring texts, so that neither shows it."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from ecotone.policy.detectors import Detectors
from ecotone.policy.detectors.detector import windows
from ecotone.policy.detectors.overlap import specificity
from ecotone.policy.findings import Finding
from ecotone.policy.reading import Places, Reading

_REACH_CHARS = 256
"""How far from a border the texts are read again."""
# These go by words near a value, or by the dot between two words: where texts meet there is one by accident.
_DIGIT = re.compile(r"\d")
_UNSURE = frozenset({"context", "domain", "account-number", "password", "high-entropy"})


class Part(msgspec.Struct, frozen=True):
    """A text among its neighbours. `own` are its own findings."""

    path: tuple[str | int, ...]
    text: str
    own: tuple[Finding, ...]


class Joint(msgspec.Struct, frozen=True):
    """A finding over several parts: `path` is the first one's, and `reading.finding` counts its characters, up to its
    end. `reading.value` is all of it."""

    path: tuple[str | int, ...]
    reading: Reading


def across(parts: Sequence[Part], detectors: Detectors) -> Iterator[Joint]:
    """What is found in the parts, written one after the other, and in none of them alone."""
    joined = "".join(part.text for part in parts)
    begins, size = [], 0
    for part in parts:
        begins.append(size)
        size += len(part.text)
    own = [
        (Finding(one.start + begin, one.end + begin, one.kind, one.detector))
        for part, begin in zip(parts, begins, strict=True)
        for one in part.own
    ]
    by_rank = {rank: Places((one.start, one.end) for one in own if specificity(one) <= rank) for rank in _ranks(own)}
    seen: set[Finding] = set()
    for first, last in (*windows(((border, border) for border in begins[1:]), _REACH_CHARS, size), *_pairs(parts)):
        for one in detectors.find(joined[first:last]):
            place = Finding(first + one.start, first + one.end, one.kind, one.detector)
            number = bisect_right(begins, place.start) - 1
            end_of_part = begins[number] + len(parts[number].text)
            if place in seen or place.end <= end_of_part or one.detector in _UNSURE or _known(place, by_rank):
                continue
            seen.add(place)
            inside = Finding(place.start - begins[number], len(parts[number].text), one.kind, one.detector)
            value = joined[place.start : place.end]
            yield Joint(parts[number].path, Reading(inside, value, inside.start, inside.end))


def _pairs(parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Where two neighbours with digits stand among all, where a third one is so near that a word of it would stick to
    what is over the two."""
    begin = 0
    for number, (left, right) in enumerate(pairwise(parts)):
        border = begin + len(left.text)
        near = (number > 0 and len(left.text) < _REACH_CHARS) or (
            number + 2 < len(parts) and len(right.text) < _REACH_CHARS
        )
        digits = near and _DIGIT.search(left.text, max(0, border - begin - _REACH_CHARS))
        if digits and _DIGIT.search(right.text, 0, _REACH_CHARS):
            yield max(begin, border - _REACH_CHARS), border + min(len(right.text), _REACH_CHARS)
        begin = border


def _ranks(findings: Sequence[Finding]) -> set[int]:
    return {specificity(one) for one in findings}


def _known(place: Finding, by_rank: dict[int, Places]) -> bool:
    """Whether a part shows a finding there that is at least as specific: then this is that one, with a word that the
    next part begins with."""
    ranks = [rank for rank in by_rank if rank <= specificity(place)]
    return bool(ranks) and by_rank[max(ranks)].overlap(place)
