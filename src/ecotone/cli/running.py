"""How commands find the gateway that runs: it leaves a note in the home folder."""

import os
from contextlib import suppress

import msgspec

from ecotone.gateway.paths import Home


class RunningNote(msgspec.Struct, frozen=True):
    """What a gateway that serves says of itself. `config` is its config file's path, None if it has none."""

    url: str
    pid: int
    config: str | None = None


def write_note(home: Home, note: RunningNote) -> None:
    """Leave the note, replacing one that is there. Readers see the old one or the new one, whole."""
    fresh = home.running.with_suffix(f".{note.pid}")
    fresh.write_bytes(msgspec.json.encode(note))
    fresh.replace(home.running)


def read_note(home: Home) -> RunningNote | None:
    """The note, None if there is none or the process that wrote it is gone (killed, it could not take it away)."""
    try:
        note = msgspec.json.decode(home.running.read_bytes(), type=RunningNote)
    except (OSError, msgspec.DecodeError):
        return None
    return note if _lives(note.pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process, but there
        return True
    return True


def withdraw_note(home: Home) -> None:
    """Take this process's note away; another gateway's stays."""
    note = read_note(home)
    if note is not None and note.pid == os.getpid():
        with suppress(FileNotFoundError):
            home.running.unlink()
