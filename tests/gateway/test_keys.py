"""Keys: made once, kept as a hash, gone at once when revoked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecotone.gateway.build import open_database
from ecotone.gateway.keys import LOCAL, Keyring, Keys, Principal
from ecotone.gateway.settings.paths import Home
from ecotone.values.errors import SetupError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_key_is_known_until_it_is_revoked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    keys, keyring = Keys(open_database(home)), Keyring(open_database(home))
    key = keys.create("robot", NOW)
    assert key.startswith("eco_")
    assert keyring.principal(key) is None, "not read yet"
    keyring.refresh()
    assert keyring.principal(key) == Principal("robot")
    assert keyring.principal(key + "x") is None
    assert keyring.principal("\udcff") is None
    keys.revoke("robot", NOW)
    keyring.refresh()
    assert keyring.principal(key) is None
    (kept,) = keys.list()
    assert (kept.name, kept.hint, kept.created_at, kept.revoked_at) == ("robot", key[-4:], NOW, NOW)


def test_only_a_hash_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    key = Keys(database).create("robot", NOW)
    database.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.encode() not in kept
    assert b"robot" in kept
    assert home.database.stat().st_mode & 0o077 == 0, "nobody else may read it"


def test_names(tmp_path: Path) -> None:
    keys = Keys(open_database(Home(tmp_path)))
    first = keys.create("a", NOW)
    assert keys.create("b", NOW) != first
    with pytest.raises(SetupError, match=r"^there is a key named 'a' already; choose another name$"):
        keys.create("a", NOW)
    for bad in ("", "  ", LOCAL.name):
        with pytest.raises(SetupError, match="cannot be a key's name"):
            keys.create(bad, NOW)
    with pytest.raises(SetupError, match="no valid key named 'c'"):
        keys.revoke("c", NOW)
    keys.revoke("a", NOW)
    with pytest.raises(SetupError, match="no valid key"):
        keys.revoke("a", NOW)
    with pytest.raises(
        SetupError, match=r"'a' was revoked on 2026-01-02, and its name is kept for the log.*such as 'a 2'"
    ):
        keys.create("a", NOW)
