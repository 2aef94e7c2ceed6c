"""Keys that clients show: made, listed, revoked."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ecotone.gateway.keys import Key, Keys
from ecotone.storage.database import Database
from ecotone.storage.database_thread import DatabaseThread
from ecotone.web.control.api import Call
from ecotone.web.control.control import Control

_T = TypeVar("_T")


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is that of the person or service that will use the key; each is given once, and stands in the log."""

    name: str


class MadeKey(msgspec.Struct, frozen=True):
    """A key, which cannot be shown again."""

    name: str
    key: str


class _KeyStore:
    def __init__(self, control: Control) -> None:
        self._thread = DatabaseThread(lambda: Database(control.home.database))

    async def do(self, work: Callable[[Keys], _T]) -> _T:
        return await self._thread.do(lambda database: work(Keys(database)))

    def close(self) -> None:
        self._thread.close()


async def list_keys(control: Control) -> tuple[Key, ...]:
    """All keys that were ever made: names, last characters and dates, never the keys."""
    return await control.once(_KeyStore).do(Keys.list)


async def create_key(control: Control, body: NewKey) -> MadeKey:
    """Make a key and show it, this once."""
    name = body.name.strip()
    key = await control.once(_KeyStore).do(lambda keys: keys.create(name, control.now()))
    control.runtime.keyring.refresh()
    return MadeKey(name, key)


async def revoke_key(control: Control, name: str) -> None:
    """Make a key useless from now on."""
    await control.once(_KeyStore).do(lambda keys: keys.revoke(name, control.now()))
    control.runtime.keyring.refresh()


CALLS = (
    Call("GET", "/keys", list_keys),
    Call("POST", "/keys", create_key),
    Call("DELETE", "/keys/{name:path}", revoke_key),
)
