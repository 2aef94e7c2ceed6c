"""Who clears requests: only what the rules allowed gets a clearance, and nothing is sent without one."""

from collections.abc import Sequence

from ecotone.catalog.clearance import Clearance, ClearanceKey
from ecotone.policy.verdict import Verdict


class ClearanceMinter:
    """Makes clearances under `key`, which the checker in `upstream` has too, and nobody else."""

    def __init__(self, key: bytes) -> None:
        self._key = ClearanceKey(key)

    def clear(
        self, verdict: Verdict, endpoint: str, epoch: int, body: bytes, headers: Sequence[tuple[str, str]] = ()
    ) -> Clearance:
        """The clearance for these final bytes at this endpoint. Raises ValueError for what the rules do not allow."""
        if not verdict.allowed:
            raise ValueError("the rules do not allow this")
        return Clearance(endpoint, epoch, self._key.mac(endpoint, epoch, body, headers))
