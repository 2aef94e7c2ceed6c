"""The database: one SQLite file, opened through apsw.

Every subject declares its tables as numbered migrations; opening brings them up to date in one transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from ecotone.values.errors import SetupError

Value = None | int | float | str | bytes
_BUSY_TIMEOUT_MS = 10_000


def _casefold(*values: Any) -> str | None:
    (text,) = values
    return None if text is None else str(text).casefold()


class Migration(msgspec.Struct, frozen=True):
    """Step `version` (1, 2, ...) of the tables of `subject`. Once released, a step never changes."""

    subject: str
    version: int
    sql: str


class DatabaseError(SetupError):
    """The database cannot be opened, read or written; the message names the file and the reason."""

    code = "database_error"


class Database:
    """One connection. Not for use by two threads at once; each thread opens its own.

    Beside SQLite's own functions there is casefold(TEXT), which makes texts equal that differ in nothing but case.
    """

    def __init__(self, path: Path, migrations: Iterable[Migration] = ()) -> None:
        """Open, creating the file (readable by its owner alone) if there is none, and apply pending migrations."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            # SQLite's own lower() knows the letters of ASCII alone.
            self._connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)
            for setting in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
                # One by one and to the end: statements after one that gives rows wait until the rows are taken.
                self._connection.execute(f"pragma {setting}").fetchall()
            self._migrate(sorted(migrations, key=lambda step: (step.subject, step.version)))
        except (apsw.Error, OSError) as error:
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> DatabaseError:
        match error:
            case apsw.FullError():
                fix = "the disk is full: make room and try again"
            case apsw.NotADBError() | apsw.CorruptError():
                fix = "it is not a sound database: move it away to start afresh, or restore a backup"
            case PermissionError() | apsw.ReadOnlyError() | apsw.CantOpenError():
                fix = "it cannot be written; let this account write there, or set ECOTONE_HOME to a folder where it may"
            case OSError():
                fix = error.strerror or str(error)
            case _:
                fix = str(error)
        return DatabaseError(f"database {self.path}: {fix}")

    def _migrate(self, steps: Sequence[Migration]) -> None:
        with self.transaction():
            self._connection.execute(
                "create table if not exists schema_versions (subject text primary key, version integer not null) strict"
            )
            have = dict(self._connection.execute("select subject, version from schema_versions"))
            for step in steps:
                if step.version > have.get(step.subject, 0):
                    self._connection.execute(step.sql)
                    self._connection.execute(
                        "insert or replace into schema_versions values (?, ?)", (step.subject, step.version)
                    )
            known: dict[str, int] = {}
            for step in steps:
                known[step.subject] = max(step.version, known.get(step.subject, 0))
            newer = [subject for subject, version in have.items() if version > known.get(subject, version)]
            if newer:
                raise DatabaseError(
                    f"database {self.path} was written by a newer Ecotone ({', '.join(newer)}); upgrade Ecotone"
                )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is executed inside is kept, or nothing is. Takes the write lock at once."""
        try:
            self._connection.execute("begin immediate")
            try:
                yield
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:  # SQLite has already rolled back after some errors
                    self._connection.execute("rollback")
                raise
        except apsw.Error as error:
            raise self._explained(error) from None

    def execute(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        try:
            return list(self._connection.execute(sql, values))
        except apsw.Error as error:
            raise self._explained(error) from None

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except apsw.Error as error:
            raise self._explained(error) from None

    def changed_elsewhere(self) -> int:
        """A number that changes when another connection has committed."""
        return int(self.execute("pragma data_version")[0][0])

    def close(self) -> None:
        self._connection.close()
