"""Migrations, transactions, and files that are no database."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ecotone.storage.database import Database, DatabaseError, Migration

FIRST = Migration("things", 1, "create table things (name text primary key) strict")
SECOND = Migration("things", 2, "alter table things add column size integer")


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "x.db"
    first = Database(file, [FIRST])
    first.execute("insert into things values ('a')")
    first.close()
    for _ in range(2):
        both = Database(file, [SECOND, FIRST])
        assert both.execute("select name, size from things") == [("a", None)]
        both.close()


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path / "x.db", [FIRST, SECOND]).close()
    with pytest.raises(DatabaseError, match="newer Ecotone"):
        Database(tmp_path / "x.db", [FIRST])


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    Database(file, [FIRST]).close()
    broken = Migration("things", 2, "create table more (x) ; create table things (y)")
    with pytest.raises(DatabaseError, match="already exists"):
        Database(file, [FIRST, broken])
    assert Database(file, [FIRST]).execute("select name from sqlite_schema where name = 'more'") == []


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", [FIRST])
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.execute("insert into things values ('a')")
        raise ZeroDivisionError
    assert database.execute("select count(*) from things") == [(0,)]
    with pytest.raises(DatabaseError), database.transaction():
        database.execute("insert into things values ('a')")
        database.execute("insert into things values ('a')")
    assert database.execute("select count(*) from things") == [(0,)]


def test_a_transaction_that_cannot_be_kept_stands_in_the_way_of_no_other(tmp_path: Path) -> None:
    parts = "create table parts (thing text references things deferrable initially deferred) strict"
    database = Database(tmp_path / "x.db", [FIRST, Migration("parts", 1, parts)])
    with pytest.raises(DatabaseError, match="FOREIGN KEY"), database.transaction():
        database.execute("insert into parts values ('nothing')")
    with database.transaction():
        database.execute("insert into things values ('a')")
    assert database.execute("select (select count(*) from parts), (select count(*) from things)") == [(0, 1)]


def test_what_is_no_database_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"this is a shopping list, not a database " * 200)
    with pytest.raises(DatabaseError, match="not a sound database"):
        Database(file, [FIRST])
    with pytest.raises(DatabaseError, match=r"x\.db"):
        Database(tmp_path / "x.db" / "below-a-file.db", [FIRST])


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from ecotone.storage.database import *\n"
        "d = Database(Path(sys.argv[1]), [Migration('things', 1, 'create table things (n integer) strict')])\n"
        "for n in range(100000):\n"
        "    d.execute('insert into things values (?)', (n,))\n"
        "    print(n, flush=True)\n"
        "    if n == 50: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.db")], capture_output=True, check=False)
    assert done.returncode == -9
    promised = int(done.stdout.split()[-1])
    assert Database(tmp_path / "x.db").execute("select max(n) from things")[0][0] >= promised


def test_a_disk_that_is_full_is_said_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db", [FIRST])
    database.execute("pragma max_page_count = 5")
    with pytest.raises(DatabaseError, match="disk is full"), database.transaction():
        database.execute_many("insert into things values (?)", ((f"{n:0500}",) for n in range(1000)))
    assert database.execute("select count(*) from things") == [(0,)]


def test_its_settings_are_in_force(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "x.db", [FIRST])) as database:
        # Numbers as SQLite's documentation of the pragmas has them: full is 2.
        found = {name: database.execute(f"pragma {name}") for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": [("wal",)], "synchronous": [(2,)], "foreign_keys": [(1,)]}


def test_a_place_that_cannot_be_written_is_said_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "ecotone.db").mkdir()
    with pytest.raises(DatabaseError, match=r"ecotone\.db: it cannot be written; .* ECOTONE_HOME"):
        Database(tmp_path / "ecotone.db")
