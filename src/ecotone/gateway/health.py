"""Which endpoints have failed lately, and are better tried last for a while."""

from collections.abc import Sequence
from math import ceil

import msgspec

from ecotone.gateway.models import Candidate

_PAUSE_FIRST_S = 1.0
_PAUSE_MAX_S = 60.0
_MARKS_MAX = 10_000


class _Mark(msgspec.Struct):
    failures: int
    until_s: float


class Trouble(msgspec.Struct, frozen=True):
    """What is held against an endpoint: how often it failed in a row, and for how many seconds it rests; 0 where it is
    being tried again."""

    failures: int
    rests_s: float

    @property
    def words(self) -> str:
        """The same for the owner."""
        often = "failed when it was asked last" if self.failures == 1 else f"failed {self.failures} times in a row"
        again = f"it is tried last for {ceil(self.rests_s)} s more" if self.rests_s else "it is being tried again"
        return f"{often}; {again}"


class Health:
    """Marks against endpoints. A failed one rests for a second, twice as long after each further failure up to a
    minute, or as long as it asked for; one success clears it."""

    def __init__(self) -> None:
        self._marks: dict[str, _Mark] = {}

    def failed(self, endpoint: str, retry_after_s: float | None, now_s: float) -> None:
        if endpoint not in self._marks and len(self._marks) >= _MARKS_MAX:
            del self._marks[next(iter(self._marks))]  # endpoints of vendors' models come into being by being asked for
        mark = self._marks.setdefault(endpoint, _Mark(0, 0.0))
        pause_s = min(_PAUSE_FIRST_S * 2.0 ** min(mark.failures, 10), _PAUSE_MAX_S)
        mark.failures += 1
        mark.until_s = now_s + max(pause_s, min(retry_after_s or 0.0, _PAUSE_MAX_S))

    def succeeded(self, endpoint: str) -> None:
        if self._marks:
            self._marks.pop(endpoint, None)

    def trouble(self, endpoint: str, now_s: float) -> Trouble | None:
        """What is held against it; None if it has not failed since it last answered."""
        mark = self._marks.get(endpoint)
        return None if mark is None else Trouble(mark.failures, max(0.0, mark.until_s - now_s))

    def order(self, candidates: Sequence[Candidate], now_s: float) -> Sequence[Candidate]:
        """The same candidates; those that rest come last, in the order in which their rest ends."""
        if not self._marks or len(candidates) == 1:
            return candidates
        return sorted(candidates, key=lambda candidate: self._rests_until(candidate.endpoint.id, now_s))

    def _rests_until(self, endpoint: str, now_s: float) -> float:
        mark = self._marks.get(endpoint)
        return 0.0 if mark is None or mark.until_s <= now_s else mark.until_s
