"""How an endpoint proves that it may ask: a key that is shown as it is, or headers made anew for each request."""

from typing import Protocol

import msgspec

from ecotone.catalog.provider import Auth
from ecotone.upstream.http import Headers


class Key(msgspec.Struct, frozen=True):
    """A secret that somebody gave. `bearer`: it is a token, and goes as such whatever the wire's own way is."""

    secret: str
    bearer: bool = False

    def __repr__(self) -> str:
        return "Key(...)"


class Signer(Protocol):
    """Makes the headers that prove a request."""

    async def headers(self, method: str, url: str, body: bytes) -> Headers:
        """What goes along with this one request. Raises UpstreamCredentials if there is nothing to prove it with."""


def key_headers(key: Key, auth: Auth) -> Headers:
    """The headers that show `key` in the way `auth`."""
    if key.bearer or auth in ("bearer", "google", "aws"):
        return (("authorization", f"Bearer {key.secret}"),)
    return ((auth, key.secret),)
