"""The proof that policy allowed these bytes to go to this endpoint."""

import hashlib
import hmac
from collections.abc import Sequence

import msgspec


class Clearance(msgspec.Struct, frozen=True):
    """Binds what goes out, the endpoint's id and the policy's epoch by `mac`, under a key that only the minter in
    `policy` and the checker in `upstream` have."""

    endpoint: str
    epoch: int
    mac: bytes


def clearance_mac(key: bytes, endpoint: str, epoch: int, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    """HMAC-SHA-256 over the epoch, the endpoint's id, the final `body` and the caller's `headers` that go with it.

    Each of them is bound by its length or its digest, so that no two sendings have the same bytes to sign.
    """
    place = endpoint.encode()
    sent = hashlib.sha256(body).digest()
    if headers:
        sent += hashlib.sha256(repr([(name, value) for name, value in headers]).encode()).digest()
    return hmac.digest(key, b"%d:%d:%b%b" % (epoch, len(place), place, sent), "sha256")
