"""Fitting text to the terminal: tables that leave out what is less needed, and paragraphs."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence

import msgspec
from rich.cells import cell_len
from rich.markup import escape

from ecotone.cli.output import out, visible

_GAP = 2


class Column(msgspec.Struct, frozen=True):
    """A column of a table. Of the columns that need not be there, that with the highest number in `leave_out` goes
    first; None: it always stays."""

    head: str
    leave_out: int | None = None
    right: bool = False


def terminal_columns() -> int | None:
    """How wide a line may be; None where the output is no terminal and COLUMNS says nothing."""
    return shutil.get_terminal_size((0, 0)).columns or None


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> tuple[int, ...] | None:
    """Which columns to show, so that lines are no longer than `width`; None if even the needed ones do not fit."""
    widths = [max(map(cell_len, (column.head, *cells))) for column, cells in zip(columns, _cells(rows), strict=True)]
    kept = list(range(len(columns)))
    while width is not None and sum(widths[place] + _GAP for place in kept) - _GAP > width:
        spare = [place for place in kept if columns[place].leave_out is not None]
        if not spare:
            return None
        kept.remove(max(spare, key=lambda place: columns[place].leave_out or 0))
    return tuple(kept)


def _cells(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    return zip(*rows, strict=True)


def table_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> Iterator[str]:
    """The head, then the rows, with the columns in `kept`."""
    lines = [tuple(column.head for column in columns), *(tuple(map(visible, row)) for row in rows)]
    widths = {place: max(cell_len(line[place]) for line in lines) for place in kept}
    for line in lines:
        cells = (_filled(line[place], widths[place], columns[place].right) for place in kept)
        yield (" " * _GAP).join(cells).rstrip()


def _filled(cell: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def joined_lines(parts: Sequence[str], width: int, indent: str) -> Iterator[str]:
    """`parts` with dots between them, in lines that break between parts only."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else indent + part
        if line and cell_len(longer) > width:
            yield line
            longer = indent + part
        line = longer
    if line:
        yield line


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """A paragraph; `first` stands before its first line, `rest` before the others. Long addresses stay whole."""
    return textwrap.wrap(
        visible(text),
        max(width, len(rest) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def put(line: str, style: str | None = None) -> None:
    """Print a line of data."""
    out.print(escape(visible(line)), style=style)
