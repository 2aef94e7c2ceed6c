"""The door to every model: what has no clearance, or one for other bytes, another place or older rules, stays here."""

import hmac
from collections.abc import Sequence

from ecotone.catalog.clearance import Clearance, ClearanceKey
from ecotone.values.errors import NotCleared, StaleClearance


class ClearanceChecker:
    """Checks clearances under `key`. `epoch` is that of the rules in force."""

    def __init__(self, key: bytes, epoch: int = 0) -> None:
        self._key = ClearanceKey(key)
        self.epoch = epoch

    def check(
        self, clearance: Clearance | None, endpoint: str, body: bytes, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Raises NotCleared, and StaleClearance for what earlier rules allowed."""
        if clearance is None or clearance.endpoint != endpoint:
            raise NotCleared(f"Nothing is sent to {endpoint} without a clearance for it.")
        mac = self._key.mac(endpoint, clearance.epoch, body, headers)
        if not hmac.compare_digest(mac, clearance.mac):
            raise NotCleared(f"What was to be sent to {endpoint} is not what was cleared.")
        if clearance.epoch != self.epoch:
            raise StaleClearance(f"The rules have changed since this was cleared for {endpoint}.")
