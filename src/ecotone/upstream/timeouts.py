"""How long to wait for a model's server."""

import msgspec


class Timeouts(msgspec.Struct, frozen=True):
    """All in seconds: to connect; from the request to the first byte of the answer; between bytes; for everything.

    The first byte may be long in coming: a reasoning model that does not stream says nothing until it is done.
    """

    connect_s: float = 10.0
    first_byte_s: float = 600.0
    between_bytes_s: float = 120.0
    whole_s: float = 3600.0
