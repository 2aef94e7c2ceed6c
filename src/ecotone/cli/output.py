"""How commands speak: data on stdout, everything said to a person on stderr."""

from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    err.print(escape(text))


def print_json(data: Any) -> None:
    """Print data for a program to read."""
    out.out(msgspec.json.format(msgspec.json.encode(data), indent=2).decode(), highlight=False)


def in_bytes(size: int) -> str:
    """A size for people, in decimal units as model files are listed with."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
