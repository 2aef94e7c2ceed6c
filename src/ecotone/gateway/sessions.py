"""Who is signed in to the console. Only hashes of what proves it are kept."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import msgspec

from ecotone.storage.database import Database, Migration
from ecotone.storage.moments import microseconds, moment
from ecotone.values.errors import SetupError

SESSION_PREFIX = "ecs_"
INVITATION_VALID = timedelta(hours=1)
SESSION_VALID = timedelta(days=30)
_NAME_CHARS_MAX = 80

MIGRATIONS = (
    Migration(
        "sessions",
        1,
        """
        create table invitations (
            hash blob primary key,           -- SHA-256 of the token; a random one needs no slow hash
            name text not null,              -- who will be signed in
            expires_at_us integer not null   -- Unix microseconds, UTC
        ) strict, without rowid;
        create table sessions (
            hash blob primary key,           -- SHA-256 of the token
            name text not null,
            host text not null,              -- the Host header that it is good for
            expires_at_us integer not null
        ) strict, without rowid;
        """,
    ),
)


class Session(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `csrf` is what their own pages send along, and no page of another site can know."""

    name: str
    csrf: str
    expires_at: datetime


class Sessions:
    """The invitations and sessions in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def invite(self, name: str, now: datetime) -> str:
        """A token that signs `name` in once, within the hour. Raises SetupError for a name that is none."""
        if not 0 < len(name.strip()) <= _NAME_CHARS_MAX or not name.isprintable():
            raise SetupError(f"a name has 1 to {_NAME_CHARS_MAX} printable characters; {name!r} is none")
        token = secrets.token_urlsafe(24)
        expires = now + INVITATION_VALID
        with self._database.transaction():
            self._database.execute("delete from invitations where expires_at_us < ?", (microseconds(now),))
            self._database.execute(
                "insert into invitations values (?, ?, ?)", (_hash(token), name.strip(), microseconds(expires))
            )
        return token

    def sign_in(self, invitation: str, host: str, now: datetime) -> str | None:
        """Use the invitation up: a session's token, good at this host alone; None if it is unknown, used or too old."""
        with self._database.transaction():
            rows = self._database.execute(
                "delete from invitations where hash = ? returning name, expires_at_us", (_hash(invitation),)
            )
            if not rows or rows[0][1] < microseconds(now):
                return None
            return self._begin(rows[0][0], host, now, SESSION_VALID)

    def begin(self, name: str, host: str, now: datetime, valid: timedelta) -> str:
        """A session's token for a program of the owner's own, which needs no invitation: it can read this database."""
        with self._database.transaction():
            return self._begin(name, host, now, valid)

    def _begin(self, name: str, host: str, now: datetime, valid: timedelta) -> str:
        token = SESSION_PREFIX + secrets.token_urlsafe(32)
        self._database.execute("delete from sessions where expires_at_us < ?", (microseconds(now),))
        self._database.execute(
            "insert into sessions values (?, ?, ?, ?)", (_hash(token), name, host.lower(), microseconds(now + valid))
        )
        return token

    def find(self, token: str, host: str, now: datetime) -> Session | None:
        """Whose token this is, shown at this host; None if it is nobody's there."""
        rows = self._database.execute("select name, host, expires_at_us from sessions where hash = ?", (_hash(token),))
        if not rows:
            return None
        name, bound_to, expires = rows[0]
        if bound_to != host.lower() or expires < microseconds(now):
            return None
        csrf = hmac.digest(token.encode(), b"csrf", "sha256").hex()
        return Session(name, csrf, moment(expires))

    def end(self, token: str) -> None:
        """Sign out."""
        self._database.execute("delete from sessions where hash = ?", (_hash(token),))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
