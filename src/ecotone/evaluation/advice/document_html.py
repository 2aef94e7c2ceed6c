"""A report as one HTML file."""

from ecotone.evaluation.advice.document import Document, Folded, Items, Part, Picture, Table, Text
from ecotone.evaluation.html import Cell, Column, figure, folded, items, page, paragraph, section, table
from ecotone.evaluation.markup import Markup


def as_html(document: Document, footer: str) -> str:
    """The whole page; it opens without a network."""
    body = [section(part.title, *map(_html, part.parts)) for part in document.sections]
    return page(document.title, *body, footer=footer)


def _html(part: Part) -> Markup:
    match part:
        case Text():
            return paragraph(part.words)
        case Items():
            return items(part.items)
        case Table():
            columns = [Column(head or "#", numeric=number in part.numeric) for number, head in enumerate(part.heads)]
            rows = [[_cell(words, columns[number]) for number, words in enumerate(row)] for row in part.rows]
            return table(columns, rows, sortable=len(part.rows) > 2)
        case Picture():
            return figure(Markup(part.svg))
        case Folded():
            return folded(part.title, *map(_html, part.parts))


def _cell(words: str, column: Column) -> Cell:
    if words[:1].isdigit():  # a figure and its interval stay on one line: no-break spaces and word joiners
        words = words.replace(" ", "\u00a0").replace("–", "\u2060–\u2060")
    try:
        return Cell(words, float(words.replace(",", "")) if column.numeric else None)
    except ValueError:
        return Cell(words)
