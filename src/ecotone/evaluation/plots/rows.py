"""One row for each thing compared: scores with their intervals, and the gap between best open and best closed."""

from collections.abc import Sequence

import msgspec

from ecotone.evaluation.markup import Markup, joined, tag, void
from ecotone.evaluation.plots.frame import Caption, Kind, Layout, letters, mark, nothing, picture, segment
from ecotone.evaluation.plots.ground import apart
from ecotone.evaluation.plots.labels import Box
from ecotone.evaluation.plots.lettering import shortened, width
from ecotone.evaluation.plots.scales import Axis, Scale, scale_over

_ROW = 32.0
_NAMES_SHARE = {"wide": 0.34, "narrow": 0.4}
# What a picture of rows needs besides them: title, legend, ticks, footnote.
_AROUND = 240.0
_GAP = 10.0
_TICKS = {"wide": 8, "narrow": 3}
_KINDS: tuple[Kind, ...] = ("open", "closed")


class Bar(msgspec.Struct, frozen=True):
    """A score with its interval; rows of the same group (a suite, say) stand together under its name."""

    label: str
    value: float
    kind: Kind
    low: float | None = None
    high: float | None = None
    group: str = ""


class Standing(msgspec.Struct, frozen=True):
    """The best of its kind: which, how good, and the interval of that."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


class Gap(msgspec.Struct, frozen=True):
    """A category with the best open and the best closed model in it."""

    category: str
    open: Standing
    closed: Standing


def interval_bars(bars: Sequence[Bar], *, title: str, x: Axis, source: str, subtitle: str = "") -> Markup:
    """SVG of scores with intervals, a row each, in the order given; an axis in per cent runs from 0 to 100."""
    caption = Caption(
        title=title,
        subtitle=subtitle,
        source=source,
        description=f"{x.title}. " + "; ".join(_described(bar, x) for bar in bars) + ".",
        kinds=tuple(kind for kind in _KINDS if any(bar.kind == kind for bar in bars)),
    )
    if not bars:
        return nothing(caption)
    rows: list[Bar | str] = []
    for group in dict.fromkeys(bar.group for bar in bars):
        rows += [group] if group else []
        rows += [bar for bar in bars if bar.group == group]
    ends = [end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None]

    def draw(layout: Layout, area: Box) -> Markup:
        values = [_written(bar, x) for bar in bars]
        names = _names_room([bar.label for bar in bars], layout, area)
        room = max(width(words, layout.small) for words in values) + _GAP
        base = Box(area.left + names, area.top, area.right - room, area.bottom)
        scale, drawn = _ground(layout, base, x, ends)
        pitch = (_bottom(layout, base) - base.top) / len(rows)
        for i, row in enumerate(rows):
            y = base.top + pitch * (i + 0.5)
            if isinstance(row, str):
                drawn.append(_heading(row, area, y + pitch * 0.12, layout))
                continue
            drawn.append(_name(row.label, area.left, y, layout, names - _GAP))
            drawn.append(_interval(scale, row.kind, row.low, row.high, y, layout))
            drawn.append(mark(row.kind, scale.place(row.value), y, layout.radius))
            drawn.append(letters(_written(row, x), area.right, y, layout.small, at="end"))
        return joined(drawn)

    return picture(caption, draw, _AROUND + _ROW * len(rows))


def dumbbell(gaps: Sequence[Gap], *, title: str, x: Axis, source: str, subtitle: str = "") -> Markup:
    """SVG of the gap between best open and best closed, a row for each category, in the order given."""
    caption = Caption(
        title=title,
        subtitle=subtitle,
        source=source,
        description=f"{x.title}. "
        + "; ".join(
            f"{gap.category}: best open {gap.open.label} {x.written(gap.open.value)}, best closed {gap.closed.label} "
            f"{x.written(gap.closed.value)}"
            for gap in gaps
        )
        + ".",
        legend="numbers: by how much it leads",
    )
    if not gaps:
        return nothing(caption)
    standings = [standing for gap in gaps for standing in (gap.open, gap.closed)]
    ends = [end for s in standings for end in (s.value, s.low, s.high) if end is not None]

    def draw(layout: Layout, area: Box) -> Markup:
        names = _names_room([gap.category for gap in gaps], layout, area)
        leads = [_lead(gap, x) for gap in gaps]
        room = max(width(words, layout.small, bold=True) for words in leads) + _GAP
        base = Box(area.left + names, area.top, area.right - room, area.bottom)
        scale, drawn = _ground(layout, base, x, ends)
        pitch = (_bottom(layout, base) - base.top) / len(gaps)
        for i, (gap, lead) in enumerate(zip(gaps, leads, strict=True)):
            y = base.top + pitch * (i + 0.5)
            drawn.append(_name(gap.category, area.left, y, layout, names - _GAP))
            drawn.append(_pair(gap, scale, y, layout))
            leader = "open-text strong" if gap.open.value > gap.closed.value else "strong"
            drawn.append(letters(lead, area.right, y, layout.small, at="end", class_=leader))
            if layout.name == "wide":
                drawn.append(_who(gap, scale, y + pitch * 0.36, layout, base))
        return joined(drawn)

    return picture(caption, draw, _AROUND + _ROW * 1.25 * len(gaps))


def _pair(gap: Gap, scale: Scale, y: float, layout: Layout) -> Markup:
    """Both marks, the bar between them, and their intervals a little above and below it."""
    left, right = sorted((scale.place(gap.open.value), scale.place(gap.closed.value)))
    thick = layout.radius * 0.9
    apart = layout.radius * 0.35
    return joined(
        [
            void("rect", x=left, y=y - thick / 2, width=right - left, height=thick, class_="wash"),
            _interval(scale, "open", gap.open.low, gap.open.high, y - apart, layout),
            _interval(scale, "closed", gap.closed.low, gap.closed.high, y + apart, layout),
            mark("closed", scale.place(gap.closed.value), y, layout.radius),
            mark("open", scale.place(gap.open.value), y, layout.radius),
        ]
    )


def _who(gap: Gap, scale: Scale, y: float, layout: Layout, base: Box) -> Markup:
    """The names of both models under their marks: outwards from the gap, or inwards where the edge is near."""
    size = layout.small * 0.85
    ordered = sorted(((gap.open, "open-text"), (gap.closed, "faint")), key=lambda pair: pair[0].value)
    (left, left_class), (right, right_class) = ordered
    half = (base.right - base.left - _GAP) / 2
    left_words, right_words = shortened(left.label, size, half), shortened(right.label, size, half)
    last = base.right - width(right_words, size)
    left_x = max(scale.place(left.value) + layout.radius, base.left + width(left_words, size))
    left_x = min(left_x, last - _GAP)
    right_x = min(max(scale.place(right.value) - layout.radius, left_x + _GAP), last)
    return joined(
        [
            letters(left_words, left_x, y, size, at="end", class_=f"{left_class} halo"),
            letters(right_words, right_x, y, size, class_=f"{right_class} halo"),
        ]
    )


def _ground(layout: Layout, base: Box, x: Axis, ends: Sequence[float]) -> tuple[Scale, list[Markup]]:
    """The scale across the rows, and its grid with words below."""
    scale = Scale(0.0, 1.0, base.left, base.right) if x.unit == "%" else scale_over(ends, x, base.left, base.right)
    bottom = _bottom(layout, base)
    drawn = []
    for place, words in apart(
        [(scale.place(value), x.written(value)) for value in scale.ticks(_TICKS[layout.name])], layout
    ):
        drawn.append(segment(place, base.top, place, bottom, "grid"))
        drawn.append(letters(words, place, bottom + layout.size * 0.8, layout.small, at="middle", class_="faint"))
    middle = (base.left + base.right) / 2
    drawn.append(letters(x.title, middle, bottom + layout.size * 2.05, layout.small, at="middle", class_="faint"))
    return scale, drawn


def _bottom(layout: Layout, base: Box) -> float:
    return base.bottom - layout.size * 2.7


def _interval(scale: Scale, kind: Kind, low: float | None, high: float | None, y: float, layout: Layout) -> Markup:
    if low is None or high is None:
        return Markup("")
    return segment(scale.place(low), y, scale.place(high), y, f"{kind}-line", 2 / layout.scale**0.5)


def _name(words: str, x: float, y: float, layout: Layout, room: float) -> Markup:
    return tag("g", tag("title", words), letters(shortened(words, layout.row, room), x, y, layout.row))


def _heading(words: str, area: Box, y: float, layout: Layout) -> Markup:
    shown = shortened(words, layout.row * 1.06, area.right - area.left)
    return letters(shown, area.left, y, layout.row, class_="strong halo")


def _names_room(names: Sequence[str], layout: Layout, area: Box) -> float:
    widest = max(width(name, layout.row) for name in names) + 2 * _GAP
    return min(widest, (area.right - area.left) * _NAMES_SHARE[layout.name])


def _lead(gap: Gap, x: Axis) -> str:
    """By how much one leads; in whole numbers where that is fine enough."""
    lead = abs(gap.open.value - gap.closed.value)
    if x.unit == "%":
        return f"{lead * 100:.0f} %"
    return x.written(round(lead) if lead >= 10 else lead)


def _written(bar: Bar, x: Axis) -> str:
    if bar.low is None or bar.high is None:
        return x.written(bar.value)
    if x.unit == "%":
        return f"{bar.value * 100:.0f} % [{bar.low * 100:.0f}, {bar.high * 100:.0f}]"
    return f"{x.written(bar.value)} [{x.written(bar.low)}, {x.written(bar.high)}]"


def _described(bar: Bar, x: Axis) -> str:
    return f"{bar.group + ', ' if bar.group else ''}{bar.label} ({bar.kind}): {_written(bar, x)}"
