"""What all pictures share: paper, title, legend, footnote, colours for light and dark, and the two drawings in one.

Style sheets in an SVG see how wide the picture is shown, even inside `<img>`: at 600 px or less the narrow drawing
stands in for the wide one. Both have the same proportions, so that one frame holds them.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal

import msgspec

from ecotone.evaluation.markup import Markup, joined, tag, text, void
from ecotone.evaluation.plots.labels import Box, Placed
from ecotone.evaluation.plots.lettering import width, wrapped

Kind = Literal["open", "closed"]
TextAt = Literal["start", "middle", "end"]

KIND_WORDS: dict[Kind, str] = {"open": "open weights", "closed": "closed"}
BASELINE = 0.35
"""How far below its middle a line of text has its baseline, as a share of the size."""

_LEGEND_GAP = 18
_STYLE = """
.picture { --paper: #ffffff; --ink: #1b2330; --faint: #5a6575; --grid: #e9ecf1; --rule: #b9c2ce; --accent: #2a56c6;
  --wash: #dde6fb; max-width: 100%; height: auto;
  font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { .picture { --paper: #11151c; --ink: #e8ebf0; --faint: #9ba6b6; --grid: #232a35;
  --rule: #465163; --accent: #8db0ff; --wash: #21304f; } }
@media print { .picture { --paper: #ffffff; --ink: #000000; --faint: #444444; --grid: #e3e3e3; --rule: #999999;
  --accent: #1d46b0; --wash: #dde6fb; } }
.picture .narrow { display: none; }
@media (max-width: 600px) { .picture .wide { display: none; } .picture .narrow { display: inline; } }
.picture text { fill: var(--ink); }
.picture .paper { fill: var(--paper); stroke: var(--grid); }
.picture .title { font-weight: 600; }
.picture .faint { fill: var(--faint); }
.picture .strong { font-weight: 600; }
.picture .halo { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
.picture .grid { stroke: var(--grid); stroke-width: 1; }
.picture .rule { stroke: var(--rule); stroke-width: 1; }
.picture .leader { stroke: var(--rule); stroke-width: 0.8; }
.picture .wash { fill: var(--wash); }
.picture .open { fill: var(--accent); stroke: var(--paper); stroke-width: 1; }
.picture .closed { fill: var(--paper); stroke: var(--ink); stroke-width: 1.6; }
.picture .open-line { fill: none; stroke: var(--accent); stroke-linejoin: round; stroke-linecap: round; }
.picture .closed-line { fill: none; stroke: var(--ink); stroke-linejoin: round; stroke-linecap: round; }
.picture .open-text { fill: var(--accent); }
.picture .faded { opacity: 0.55; }
.picture .front { fill: none; stroke: var(--rule); stroke-width: 1.4; stroke-dasharray: 5 4; }
.picture .chosen { fill: none; stroke: var(--ink); stroke-width: 1.2; }
.picture .event { fill: var(--paper); stroke: var(--ink); stroke-width: 1.6; }
"""


class Layout(msgspec.Struct, frozen=True):
    """A drawing's size in its own units, and the sizes of its letters, marks and margins."""

    name: Literal["wide", "narrow"]
    width: float
    title: float
    size: float
    row: float
    small: float
    margin: float
    radius: float
    scale: float
    ticks: int


WIDE = Layout("wide", 800, 20, 13.5, 13.5, 12, 24, 5.5, 1, 9)
NARROW = Layout("narrow", 360, 13, 10.5, 9.5, 9.5, 11, 3.8, 800 / 360, 5)
WIDE_HEIGHT = 600.0


class Caption(msgspec.Struct, frozen=True):
    """The words around a picture: `source` says where the numbers come from and of what date they are; `description`
    is for those who do not see the picture."""

    title: str
    subtitle: str
    source: str
    description: str
    kinds: tuple[Kind, ...] = ("open", "closed")
    legend: str = ""
    front: bool = False
    as_lines: bool = False


def picture(caption: Caption, draw: Callable[[Layout, Box], Markup], height: float = WIDE_HEIGHT) -> Markup:
    """The SVG text: `draw` draws into the box that the words leave, once for each layout."""
    drawings = joined(_drawing(layout, caption, draw, height / layout.scale) for layout in (WIDE, NARROW))
    what = joined([text(caption.title), text(caption.description), drawings])
    name = "p" + sha256(what.encode()).hexdigest()[:10]
    return tag(
        "svg",
        tag("title", caption.title, id=f"{name}-title"),
        tag("desc", caption.description, id=f"{name}-desc"),
        tag("style", Markup(_STYLE)),
        drawings,
        xmlns="http://www.w3.org/2000/svg",
        class_="picture",
        viewBox=f"0 0 {WIDE.width:g} {height:g}",
        width=int(WIDE.width),
        height=int(height),
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def unstyled(svg: str) -> Markup:
    """A picture for a page whose own style sheet has the rules and the themes: a strict Content-Security-Policy allows
    no styles inside of one."""
    return Markup(svg.replace(tag("style", Markup(_STYLE)), "", 1))


def nothing(caption: Caption, words: str = "Nothing to show yet: no measurement has been made.") -> Markup:
    """A picture that says that there is nothing in it."""

    def draw(layout: Layout, area: Box) -> Markup:
        middle = (area.left + area.right) / 2, (area.top + area.bottom) / 2
        return letters(words, *middle, layout.size, at="middle", class_="faint")

    return picture(msgspec.structs.replace(caption, kinds=(), description=words), draw, 240)


def letters(words: str, x: float, y: float, size: float, *, at: TextAt = "start", class_: str | None = None) -> Markup:
    """One line of text whose middle is at height y."""
    anchor = None if at == "start" else at
    return tag("text", words, x=x, y=y + size * BASELINE, font_size=size, text_anchor=anchor, class_=class_)


def mark(kind: Kind, x: float, y: float, radius: float) -> Markup:
    """A filled circle for open weights, a hollow diamond for closed ones, of about the same weight to the eye."""
    if kind == "open":
        return void("circle", cx=x, cy=y, r=radius, class_="open")
    reach = radius * 1.15
    corners = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
    return void("path", d=path(corners) + "Z", class_="closed")


def segment(x1: float, y1: float, x2: float, y2: float, class_: str, thickness: float | None = None) -> Markup:
    """A straight line."""
    return void("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, stroke_width=thickness)


def path(places: Sequence[tuple[float, float]]) -> str:
    """The `d` of a path through all places."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in places)


def label(placed: Placed, size: float, class_: str = "") -> Markup:
    """A placed label, with its leader if it has one."""
    box = placed.box
    words = letters(
        placed.wanted.words,
        (box.left + box.right) / 2,
        (box.top + box.bottom) / 2,
        size,
        at="middle",
        class_=f"halo {class_}".strip(),
    )
    return words if placed.leader is None else joined([segment(*placed.leader, "leader"), words])


def _drawing(layout: Layout, caption: Caption, draw: Callable[[Layout, Box], Markup], height: float) -> Markup:
    edge = 0.5
    paper = void(
        "rect",
        x=edge,
        y=edge,
        width=layout.width - 2 * edge,
        height=height - 2 * edge,
        rx=8.0 / layout.scale,
        class_="paper",
    )
    head, top = _head(layout, caption)
    foot, bottom = _foot(layout, caption, height)
    area = Box(layout.margin, top, layout.width - layout.margin, bottom)
    scale = None if layout.scale == 1 else f"scale({layout.scale:.6g})"
    return tag("g", paper, head, draw(layout, area), foot, class_=layout.name, transform=scale)


def _head(layout: Layout, caption: Caption) -> tuple[Markup, float]:
    """Title, subtitle and legend, and where they end."""
    room = layout.width - 2 * layout.margin
    y = layout.margin + layout.title * 0.4
    parts = []
    for line in wrapped(caption.title, layout.title, room, 2, bold=True):
        parts.append(letters(line, layout.margin, y, layout.title, class_="title"))
        y += layout.title * 1.2
    for line in wrapped(caption.subtitle, layout.size, room, 2):
        parts.append(letters(line, layout.margin, y, layout.size, class_="faint"))
        y += layout.size * 1.3
    if caption.kinds or caption.legend:
        y += layout.size * 0.25
        parts.append(_legend(layout, caption, y))
        y += layout.size * 1.3
    return joined(parts), y + layout.size * 0.3


def _legend(layout: Layout, caption: Caption, y: float) -> Markup:
    x = layout.margin
    parts = []
    for kind in caption.kinds:
        if caption.as_lines:
            parts.append(segment(x, y, x + 4 * layout.radius, y, f"{kind}-line", 2.2 / layout.scale**0.5))
            x += layout.radius * 5
        else:
            parts.append(mark(kind, x + layout.radius, y, layout.radius))
            x += layout.radius * 3
        parts.append(letters(KIND_WORDS[kind], x, y, layout.small))
        x += width(KIND_WORDS[kind], layout.small) + _LEGEND_GAP / layout.scale
    if caption.front:
        parts.append(segment(x, y, x + 4 * layout.radius, y, "front"))
        x += 5 * layout.radius
    if caption.legend:
        room = layout.width - layout.margin - x
        words = wrapped(caption.legend, layout.small, room, 1)
        parts += [letters(line, x, y, layout.small, class_="faint") for line in words]
    return joined(parts)


def _foot(layout: Layout, caption: Caption, height: float) -> tuple[Markup, float]:
    """The footnote, and where the drawing above it must end."""
    lines = wrapped(caption.source, layout.small, layout.width - 2 * layout.margin, 2)
    pitch = layout.small * 1.3
    top = height - layout.margin * 0.7 - pitch * len(lines)
    parts = [
        letters(line, layout.margin, top + pitch * (i + 0.5), layout.small, class_="faint")
        for i, line in enumerate(lines)
    ]
    return joined(parts), top - layout.small * 0.6
