"""How commands speak: data on stdout, everything said to a person on stderr."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from ecotone.values.errors import SetupError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


# Everything that steers a terminal, except new lines and tabs, as the symbol for it or a replacement character.
_VISIBLE = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
_VISIBLE |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


def visible(text: str) -> str:
    """Text from elsewhere, safe to write to a terminal: control characters are shown instead of obeyed."""
    return text.translate(_VISIBLE)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    err.print(escape(visible(text)))


def check_sure(question: str, *, sure: bool) -> None:
    """Ask whether to, unless that is known. Exits with 1 if not; raises SetupError where nobody can be asked."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise SetupError("nobody can be asked here whether to delete it; say --yes to do so")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print data as columns, nothing cut short: a line is as long as it must be."""
    lines = [tuple(heads), *(tuple(visible(cell) for cell in row) for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        out.print(escape("  ".join(cells).rstrip()), style=None if number else "dim")


def print_json(data: Any) -> None:
    """Print data for a program to read."""
    out.out(msgspec.json.format(msgspec.json.encode(data), indent=2).decode(), highlight=False)
