"""The proof that policy allowed these bytes to go to this endpoint."""

import hmac
from collections.abc import Sequence

import msgspec


class Clearance(msgspec.Struct, frozen=True):
    """Binds what goes out, the endpoint's id and the policy's epoch by `mac`, under a key that only the minter in
    `policy` and the checker in `upstream` have."""

    endpoint: str
    epoch: int
    mac: bytes


class ClearanceKey:
    """The key of clearances, ready for use."""

    def __init__(self, key: bytes) -> None:
        # Setting a key up takes longer than all that follows for a short body.
        self._keyed = hmac.new(key, digestmod="sha256")

    def mac(self, endpoint: str, epoch: int, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
        """HMAC-SHA-256 over the epoch, the endpoint's id, the final `body` and the caller's `headers` that go with it,
        each with its length before it, so that no two sendings have the same bytes to sign."""
        keyed = self._keyed.copy()
        place = endpoint.encode()
        keyed.update(b"%d:%d:%b:%d:" % (epoch, len(place), place, len(body)))
        keyed.update(body)
        if headers:
            keyed.update(repr([(name, value) for name, value in headers]).encode())
        return keyed.digest()
