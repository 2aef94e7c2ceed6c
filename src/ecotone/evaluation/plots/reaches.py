"""How far each assumption may move before something changes: a row each, from less to more, now in the middle."""

from collections.abc import Sequence

import msgspec

from ecotone.evaluation.markup import Markup, joined, tag, void
from ecotone.evaluation.plots.frame import Caption, Kind, Layout, TextAt, letters, mark, nothing, picture, segment
from ecotone.evaluation.plots.labels import Box
from ecotone.evaluation.plots.lettering import shortened, width
from ecotone.evaluation.plots.scales import Scale

_ROW = 50.0
_AROUND = 225.0
_GAP = 10.0
_NAMES_SHARE = {"wide": 0.26, "narrow": 0.36}
_FACTOR_MAX = 100.0
_TICKS = ((0.01, "÷ 100"), (0.1, "÷ 10"), (1.0, "now"), (10.0, "× 10"), (100.0, "× 100"))


class Turn(msgspec.Struct, frozen=True):
    """At `factor` times today's value something else comes first: `label`, None where nothing is left."""

    factor: float
    label: str | None
    kind: Kind | None = None


class Reach(msgspec.Struct, frozen=True):
    """An assumption, its value now in words, and where it turns downwards and upwards, if it does within reach."""

    label: str
    now: str
    below: Turn | None = None
    above: Turn | None = None


def reaches(rows: Sequence[Reach], *, title: str, source: str, subtitle: str = "") -> Markup:
    """SVG of the range in which all stays as it is, for each assumption alone, in the order given."""
    turns = [turn for row in rows for turn in (row.below, row.above) if turn is not None]
    caption = Caption(
        title=title,
        subtitle=subtitle,
        source=source,
        description="; ".join(map(_described, rows)) + ".",
        kinds=tuple(kind for kind in ("open", "closed") if any(turn.kind == kind for turn in turns)),
        legend="what comes first there",
    )
    if not rows:
        return nothing(caption, "Nothing changes the first place, within a hundredth and a hundred times.")

    def draw(layout: Layout, area: Box) -> Markup:
        names = _names_room(rows, layout, area)
        base = Box(area.left + names, area.top + _GAP, area.right, area.bottom - layout.size * 1.6)
        scale = Scale(1 / _FACTOR_MAX, _FACTOR_MAX, base.left, base.right, log=True)
        drawn = [_grid(scale, base, layout)]
        pitch = (base.bottom - base.top) / len(rows)
        for i, row in enumerate(rows):
            drawn.append(_row(row, scale, base.top + pitch * (i + 0.36), pitch, layout, base, area.left, names))
        return joined(drawn)

    return picture(caption, draw, _AROUND + _ROW * len(rows))


def _grid(scale: Scale, base: Box, layout: Layout) -> Markup:
    drawn = []
    for factor, words in _TICKS:
        place = scale.place(factor)
        drawn.append(segment(place, base.top, place, base.bottom, "rule" if factor == 1 else "grid"))
        at: TextAt = "end" if factor == _FACTOR_MAX else "start" if factor * _FACTOR_MAX == 1 else "middle"
        drawn.append(letters(words, place, base.bottom + layout.size * 0.9, layout.small, at=at, class_="faint"))
    return joined(drawn)


def _row(
    row: Reach, scale: Scale, y: float, pitch: float, layout: Layout, base: Box, left: float, names: float
) -> Markup:
    low = base.left if row.below is None else scale.place(row.below.factor)
    high = base.right if row.above is None else scale.place(row.above.factor)
    thick = layout.radius * 1.1
    drawn = [
        tag("g", tag("title", row.label), letters(shortened(row.label, layout.row, names - _GAP), left, y, layout.row)),
        void("rect", x=low, y=y - thick / 2, width=high - low, height=thick, class_="wash"),
        segment(scale.place(1.0), y - thick, scale.place(1.0), y + thick, "rule"),
    ]
    if layout.name == "wide":
        now = shortened(row.now, layout.small, names - _GAP)
        drawn.append(letters(now, left, y + pitch * 0.38, layout.small, class_="faint"))
    middle = scale.place(1.0)
    for turn, place, room, at in (
        (row.below, low, (base.left, middle), "below"),
        (row.above, high, (middle, base.right), "above"),
    ):
        if turn is not None:
            drawn.append(_turn(turn, place, y, pitch, layout, room, at == "below"))
    return joined(drawn)


def _turn(
    turn: Turn, x: float, y: float, pitch: float, layout: Layout, room: tuple[float, float], below: bool
) -> Markup:
    """The mark of what comes first there, and its name under it, kept on its own side of the middle."""
    drawn = (
        void("circle", cx=x, cy=y, r=layout.radius * 0.9, class_="event")
        if turn.kind is None
        else mark(turn.kind, x, y, layout.radius)
    )
    words = _times(turn.factor)
    if layout.name == "wide":
        words = f"{words}  {turn.label or 'nothing is left'}"
    size = layout.small * 0.92
    words = shortened(words, size, room[1] - room[0] - _GAP)
    wide = width(words, size)
    start = min(max(x - wide / 2, room[0] + (0 if below else _GAP / 2)), room[1] - wide - (_GAP / 2 if below else 0))
    class_ = "open-text halo" if turn.kind == "open" else "halo"
    return joined([drawn, letters(words, start, y + pitch * 0.38, size, class_=class_)])


def _times(factor: float) -> str:
    return f"× {factor:.3g}" if factor >= 1 else f"÷ {1 / factor:.3g}"


def _names_room(rows: Sequence[Reach], layout: Layout, area: Box) -> float:
    widest = max(max(width(row.label, layout.row), width(row.now, layout.small)) for row in rows) + 2 * _GAP
    return min(widest, (area.right - area.left) * _NAMES_SHARE[layout.name])


def _described(row: Reach) -> str:
    turns = [f"{_times(turn.factor)} {turn.label or 'nothing is left'}" for turn in (row.below, row.above) if turn]
    return f"{row.label}, now {row.now}: {', '.join(turns) or 'nothing changes the first place'}"
