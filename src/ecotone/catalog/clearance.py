"""The proof that policy allowed these bytes to go to this endpoint."""

import msgspec


class Clearance(msgspec.Struct, frozen=True):
    """Binds the final bytes of one request, the endpoint's id and the policy's epoch by `mac`, an HMAC-SHA-256 under
    a key that only the minter in `policy` and the checker in `upstream` have."""

    endpoint: str
    epoch: int
    mac: bytes
