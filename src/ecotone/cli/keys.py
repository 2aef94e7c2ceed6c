"""`ecotone keys`."""

import os
from datetime import UTC, datetime

from ecotone.cli.output import out, print_json, print_table, say
from ecotone.gateway.build import open_database
from ecotone.gateway.keys import Key, Keys
from ecotone.gateway.settings.paths import find_home


def _keys() -> Keys:
    return Keys(open_database(find_home(os.environ)))


def create(name: str, as_json: bool) -> None:
    key = _keys().create(name, datetime.now(UTC))
    if as_json:
        print_json({"name": name, "key": key})
    else:
        out.out(key, highlight=False)
        say(f"This is the key of {name!r}. It is shown only now; clients send it as 'authorization: Bearer KEY'.")


def show(as_json: bool) -> None:
    keys = _keys().list()
    if as_json:
        print_json({"keys": keys})
        return
    if not keys:
        say("There are no keys. Make one with `ecotone keys create NAME`.")
        return
    print_table(("NAME", "ENDS IN", "MADE", "STATE"), map(_cells, keys))


def _cells(key: Key) -> tuple[str, ...]:
    state = "valid" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"
    return key.name, key.hint, f"{key.created_at:%Y-%m-%d %H:%M} UTC", state


def revoke(name: str, as_json: bool) -> None:
    _keys().revoke(name, datetime.now(UTC))
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        say(f"Revoked. Gateways that run refuse the key of {name!r} within a second.")
