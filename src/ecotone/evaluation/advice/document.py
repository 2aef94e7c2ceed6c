"""A report as data, so that a terminal, Markdown and HTML say the same."""

import re
from collections.abc import Sequence

import msgspec


class Text(msgspec.Struct, frozen=True, tag=True):
    """A paragraph."""

    words: str


class Items(msgspec.Struct, frozen=True, tag=True):
    """A list without an order."""

    items: tuple[str, ...]


class Table(msgspec.Struct, frozen=True, tag=True):
    """`numeric` are the columns that are set flush right, `minor` those that a narrow terminal leaves out."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    minor: tuple[int, ...] = ()


class Picture(msgspec.Struct, frozen=True, tag=True):
    """A drawing as SVG text and what it shows in words. Terminals leave it out."""

    svg: str
    words: str


class Folded(msgspec.Struct, frozen=True, tag=True):
    """What few readers want: shown on demand in HTML, in full in Markdown, left out in terminals."""

    title: str
    parts: "tuple[Part, ...]"


Part = Text | Items | Table | Picture | Folded


class Section(msgspec.Struct, frozen=True):
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]


class Document(msgspec.Struct, frozen=True):
    """The whole report."""

    title: str
    sections: tuple[Section, ...]


def as_markdown(document: Document, pictures: dict[str, str] | None = None) -> str:
    """The report as Markdown. `pictures` are the addresses of the drawings by their words; those that have none are
    left out, as Markdown cannot hold a drawing itself."""
    lines = [f"# {_plain(document.title)}"]
    for section in document.sections:
        lines += ["", f"## {_plain(section.title)}"]
        for part in section.parts:
            lines += _markdown(part, pictures or {})
    return "\n".join(lines) + "\n"


def _markdown(part: Part, pictures: dict[str, str]) -> list[str]:
    match part:
        case Text():
            return ["", _plain(part.words)]
        case Items():
            return ["", *(f"- {_plain(item)}" for item in part.items)]
        case Table():
            rules = ("---:" if column in part.numeric else "---" for column in range(len(part.heads)))
            return ["", _row(part.heads), "|" + "|".join(rules) + "|", *map(_row, part.rows)]
        case Picture():
            address = pictures.get(part.words)
            return [] if address is None else ["", f"![{_plain(part.words)}]({address})"]
        case Folded():
            inside = [line for inner in part.parts for line in _markdown(inner, pictures)]
            return ["", f"### {_plain(part.title)}", *inside]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(words: str) -> str:
    """Words of any origin on one line, with everything that Markdown or HTML would act on made harmless."""
    words = " ".join(words.split())
    for letter in "\\`*_[]<>|#":
        words = words.replace(letter, f"\\{letter}")
    return re.sub(r"^(\d*)([-+.)])", r"\1\\\2", words)  # at the beginning these would begin a list
