"""Keys that callers of the gateway show. Only a key's hash is kept."""

import hashlib
import secrets
from datetime import datetime

import msgspec

from ecotone.storage.database import Database, Migration
from ecotone.storage.moments import microseconds, moment
from ecotone.values.errors import SetupError

KEY_PREFIX = "eco_"

MIGRATIONS = (
    Migration(
        "keys",
        1,
        """
        create table keys (
            id integer primary key,
            name text not null unique,
            hash blob not null unique,       -- SHA-256 of the key; a random key needs no slow hash
            hint text not null,              -- its last four characters, to recognise it by
            created_at_us integer not null,  -- Unix microseconds, UTC
            revoked_at_us integer
        ) strict;
        """,
    ),
)


class Key(msgspec.Struct, frozen=True):
    """What is kept of a key. `revoked_at` is None while it is valid."""

    name: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None


class Principal(msgspec.Struct, frozen=True):
    """Who asks: the name of a key, or `local` for a caller on this machine without one."""

    name: str


LOCAL = Principal("local")
CONSOLE = Principal("console")
"""The console of this gateway, which asks models as any other client does."""


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _taken(name: str, revoked_at_us: int | None) -> str:
    if revoked_at_us is None:
        return f"there is a key named {name!r} already; choose another name"
    return (
        f"a key named {name!r} was revoked on {moment(revoked_at_us):%Y-%m-%d}, and its name is kept for the log, which"
        f" may have requests under it; choose another name, such as {f'{name} 2'!r}"
    )


class Keys:
    """The keys in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, now: datetime) -> str:
        """Make a key called `name` and return it; it cannot be shown again. Raises SetupError if the name is taken, be
        it by a revoked key: the log may have requests under it."""
        if not name.strip() or name in (LOCAL.name, CONSOLE.name):
            raise SetupError(f"{name!r} cannot be a key's name; give it a name like the person or service that uses it")
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        with self._database.transaction():
            taken = self._database.execute("select revoked_at_us from keys where name = ?", (name,))
            if taken:
                raise SetupError(_taken(name, taken[0][0]))
            self._database.execute(
                "insert into keys (name, hash, hint, created_at_us) values (?, ?, ?, ?)",
                (name, _hash(key), key[-4:], microseconds(now)),
            )
        return key

    def revoke(self, name: str, now: datetime) -> None:
        """Make the key useless from now on. Raises SetupError if there is no valid key of that name."""
        with self._database.transaction():
            if not self._database.execute("select 1 from keys where name = ? and revoked_at_us is null", (name,)):
                raise SetupError(f"there is no valid key named {name!r}; `ecotone keys list` shows them all")
            self._database.execute("update keys set revoked_at_us = ? where name = ?", (microseconds(now), name))

    def list(self) -> tuple[Key, ...]:
        rows = self._database.execute("select name, hint, created_at_us, revoked_at_us from keys order by id")
        return tuple(
            Key(name, hint, moment(created), None if revoked is None else moment(revoked))
            for name, hint, created, revoked in rows
        )

    def valid(self) -> dict[bytes, Principal]:
        """Principals by the hash of their key."""
        rows = self._database.execute("select hash, name from keys where revoked_at_us is null")
        return {bytes(digest): Principal(name) for digest, name in rows}


class Keyring:
    """The valid keys in memory, as the gateway checks them on every request."""

    def __init__(self, database: Database) -> None:
        self._keys = Keys(database)
        self._database = database
        self._version = -1
        self._issued = 0
        self._principals: dict[bytes, Principal] = {}
        self.console_key = KEY_PREFIX + secrets.token_urlsafe(32)
        """What this process's own console shows; never written down."""
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again if the database has changed."""
        version = self._database.changed_elsewhere()
        if version != self._version:
            self._version = version
            self._principals = self._keys.valid()
            self._issued = len(self._principals)
            self._principals[_hash(self.console_key)] = CONSOLE

    def principal(self, key: str) -> Principal | None:
        """Whose key this is, None if it is nobody's."""
        return self._principals.get(_hash(key))

    @property
    def names(self) -> frozenset[str]:
        """What the valid keys of callers are called."""
        return frozenset(one.name for one in self._principals.values() if one != CONSOLE)

    def __len__(self) -> int:
        """How many keys callers have."""
        return self._issued
