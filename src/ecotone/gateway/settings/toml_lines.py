"""On which line of a TOML file a key stands. `tomllib` reads values but forgets places."""

import re

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_STEP = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def _steps(dotted: str) -> tuple[str, ...]:
    return tuple(step.strip("\"'") for step in _STEP.findall(dotted))


def key_lines(text: str) -> dict[Path, int]:
    """Line numbers (1-based) by path; an element of an array of tables has its index in the path.

    Keys inside inline tables and multi-line values are not found: `line_of` falls back to what holds them.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = ()
            steps = _steps(header[2])
            for position, step in enumerate(steps):
                table += (step,)
                is_last = position == len(steps) - 1
                if is_last and header[1] == "[[":
                    counts[table] = counts.get(table, 0) + 1
                if table in counts:
                    lines.setdefault(table, number)
                    table += (counts[table] - 1,)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = table
            for step in _steps(key[1]):
                path += (step,)
                lines.setdefault(path, number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the closest thing around it that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
