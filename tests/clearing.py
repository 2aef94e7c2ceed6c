"""Clearances for tests that speak to endpoints themselves."""

from ecotone.policy.clearance import ClearanceMinter
from ecotone.policy.verdict import Verdict
from ecotone.upstream.clearance import ClearanceChecker
from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.http import Response

_KEY = b"a key of the tests' own"
CHECKER = ClearanceChecker(_KEY)
MINTER = ClearanceMinter(_KEY)
ALLOWED = Verdict(True)


async def opened(endpoint: Endpoint, call: Call) -> Response:
    """Send `call`, cleared."""
    prepared = endpoint.prepare(call)
    clearance = MINTER.clear(ALLOWED, endpoint.id, CHECKER.epoch, prepared.body, prepared.headers)
    return await endpoint.send(prepared, clearance)
