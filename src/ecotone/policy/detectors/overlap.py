"""Which finding stands where several read the same characters."""

from collections.abc import Iterable, Iterator
from operator import attrgetter

from ecotone.policy.findings import Finding

# The more specific first. Kinds that are not named here are national numbers, which come after IBANs and cards.
_ORDER = (
    *("crypto_address", "iban", "credit_card", "", "email", "url", "mac", "ip", "coordinates", "birth_date"),
    *("guessed secret", "phone", "bank_account", "person", "organisation", "place"),
)
_RANKS = {kind: rank for rank, kind in enumerate(_ORDER)}
_HOLDS = {
    "url": frozenset({"phone", "url", "bank_account"}),
    "secret": frozenset({"url", "phone", "bank_account", "email"}),
}
OWN = frozenset({"pattern", "words"})
"""The detectors of what the owner has named: that always stands, and takes no other kind's place."""
GUESSES = frozenset({"password", "high-entropy"})
"""Detectors of secrets that go by the words near them: a finding with a form of its own comes before theirs."""


def specificity(finding: Finding) -> int:
    """How specific a finding's form is: the lower, the more it takes to be one."""
    if finding.detector in OWN:
        return -2
    if finding.kind == "secret":
        return _RANKS["guessed secret"] if finding.detector in GUESSES else -1
    return _RANKS.get(finding.kind, _RANKS[""])


def resolved(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stand, in order.

    Of two that overlap the more specific stands, then the longer, then the earlier. Both stand where one is a part of
    a URL or of a secret and is something else besides (an address of a machine, a card), where both are national
    numbers (`national.settled` has left out those that are none by the words beside them), and where one is of a kind
    of the owner's own. No two of one kind overlap.
    """
    return tuple(one for group in overlapping(findings) for one in (group if len(group) == 1 else _standing(group)))


def overlapping(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """The findings in groups that hang together, one overlapping the next, in order of their places."""
    group: list[Finding] = []
    end = -1
    for one in sorted(findings, key=_start):
        if group and one.start >= end:
            yield group
            group, end = [], -1
        group.append(one)
        end = max(end, one.end)
    if group:
        yield group


def _standing(findings: Iterable[Finding]) -> list[Finding]:
    ordered = sorted(
        set(findings), key=lambda one: (specificity(one), one.start - one.end, one.start, one.detector, one.kind)
    )
    taken = _Taken()
    return sorted(one for one in ordered if taken.take(one))


class _Taken:
    """The findings that stand so far, by the places that they cover, so that each new one is compared with few."""

    def __init__(self) -> None:
        self._by_place: dict[int, list[Finding]] = {}

    def take(self, one: Finding) -> bool:
        """Add a finding, unless it is another reading of what stands already."""
        places = range(one.start >> _PLACE_BITS, (one.end - 1 >> _PLACE_BITS) + 1)
        for place in places:
            for other in self._by_place.get(place, ()):
                if one.start < other.end and other.start < one.end and not _both_stand(one, other):
                    return False
        for place in places:
            self._by_place.setdefault(place, []).append(one)
        return True


_PLACE_BITS = 6
_start = attrgetter("start")


def _is_national(one: Finding) -> bool:
    return one.kind != "secret" and one.kind not in _RANKS


def _both_stand(one: Finding, other: Finding) -> bool:
    if one.kind == other.kind:
        return False
    if one.detector in OWN or other.detector in OWN:
        return True
    if _is_national(one) and _is_national(other):
        return True
    return _part_of(one, other) or _part_of(other, one)


def _part_of(inner: Finding, outer: Finding) -> bool:
    """Whether `inner` is a part of a URL or secret, and tells more about it."""
    hidden = _HOLDS.get(outer.kind)
    if hidden is None or inner.kind in hidden or inner.kind == outer.kind:
        return False
    if outer.kind == "secret" and outer.detector in GUESSES:
        return False
    shorter = inner.end - inner.start < outer.end - outer.start
    return shorter and outer.start <= inner.start and inner.end <= outer.end
