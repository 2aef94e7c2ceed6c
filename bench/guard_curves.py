"""Curves of recall against over-refusal as a picture."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

SIZE, MARGIN, LEGEND = 360, 56, 190
COLOURS = ("#1b6ca8", "#c2571a", "#2e7d32", "#777777")


class Curve(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]
    """(over-refusal, recall), 0 to 1, rising."""
    dashed: bool


def drawn(curves: Sequence[Curve]) -> str:
    """An SVG picture with a legend; readable on a light and on a dark page."""
    return "\n".join(_lines(curves)) + "\n"


def _lines(curves: Sequence[Curve]) -> Iterator[str]:
    width, height = SIZE + MARGIN + LEGEND, SIZE + 2 * MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">'
    )
    yield "<title>Recall of harmful prompts against over-refusal of safe prompts that look unsafe</title>"
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    for step in range(0, 11, 2):
        x, y = _place(step / 10, step / 10)
        yield f'<line x1="{x}" y1="{MARGIN}" x2="{x}" y2="{MARGIN + SIZE}" stroke="#dddddd"/>'
        yield f'<line x1="{MARGIN}" y1="{y}" x2="{MARGIN + SIZE}" y2="{y}" stroke="#dddddd"/>'
        yield f'<text x="{x}" y="{MARGIN + SIZE + 18}" text-anchor="middle">{step * 10}%</text>'
        yield f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{step * 10}%</text>'
    five = _place(0.05, 0)[0]
    yield f'<line x1="{five}" y1="{MARGIN}" x2="{five}" y2="{MARGIN + SIZE}" stroke="#999999" stroke-dasharray="2 3"/>'
    yield f'<text x="{five}" y="{MARGIN - 8}" text-anchor="middle">5%</text>'
    yield f'<text x="{MARGIN + SIZE / 2}" y="{height - 12}" text-anchor="middle">safe prompts flagged</text>'
    turn = f"rotate(-90 14 {MARGIN + SIZE / 2})"
    yield f'<text x="14" y="{MARGIN + SIZE / 2}" text-anchor="middle" transform="{turn}">harmful prompts flagged</text>'
    for index, (curve, colour) in enumerate(zip(curves, COLOURS, strict=False)):
        dash = ' stroke-dasharray="6 4"' if curve.dashed else ""
        points = " ".join(f"{x},{y}" for x, y in (_place(*point) for point in curve.points))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        x, y = MARGIN + SIZE + 16, MARGIN + SIZE - 80 + 22 * index
        yield f'<line x1="{x}" y1="{y}" x2="{x + 26}" y2="{y}" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{x + 34}" y="{y + 4}">{escape(curve.name)}</text>'
    yield "</svg>"


def _place(over: float, recall: float) -> tuple[float, float]:
    return round(MARGIN + over * SIZE, 1), round(MARGIN + (1 - recall) * SIZE, 1)
