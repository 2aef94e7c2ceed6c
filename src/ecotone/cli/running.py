"""How commands find the gateway that runs: it leaves a note in the home folder."""

import os
from collections.abc import Sequence

import msgspec

from ecotone.gateway.settings.paths import Home


class RunningNote(msgspec.Struct, frozen=True):
    """What a gateway that serves says of itself. `config` is its config file's path, None if it has none; `earlier`
    are notes that were there before and whose gateways still ran, the latest first."""

    url: str
    pid: int
    config: str | None = None
    earlier: tuple["RunningNote", ...] = ()


def write_note(home: Home, note: RunningNote) -> None:
    """Leave the note on top of those of other gateways. Readers see the old ones or the new ones, whole."""
    # A note with this address is of a gateway that was killed: the address is taken by this one.
    others = [other for other in _notes(home) if other.pid != note.pid and other.url != note.url]
    _write(home, note, [other for other in others if _lives(other.pid)])


def read_note(home: Home) -> RunningNote | None:
    """The note of the gateway that was started last and still runs; its `earlier` are of others that run, too.

    None if no process that left a note is there any more (killed, it could not take it away).
    """
    living = [note for note in _notes(home) if _lives(note.pid)]
    return msgspec.structs.replace(living[0], earlier=tuple(living[1:])) if living else None


def withdraw_note(home: Home) -> None:
    """Take this process's note away; those of other gateways stay."""
    notes = _notes(home)
    if not any(note.pid == os.getpid() for note in notes):
        return
    living = [note for note in notes if note.pid != os.getpid() and _lives(note.pid)]
    if living:
        _write(home, living[0], living[1:])
    else:
        home.running.unlink(missing_ok=True)


def _notes(home: Home) -> tuple[RunningNote, ...]:
    """All that were left, the latest first, without what they say of each other."""
    try:
        note = msgspec.json.decode(home.running.read_bytes(), type=RunningNote)
    except (OSError, msgspec.DecodeError):
        return ()
    return (msgspec.structs.replace(note, earlier=()), *note.earlier)


def _write(home: Home, latest: RunningNote, earlier: Sequence[RunningNote]) -> None:
    fresh = home.running.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(msgspec.structs.replace(latest, earlier=tuple(earlier))))
    fresh.replace(home.running)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process, but there
        return True
    return True
