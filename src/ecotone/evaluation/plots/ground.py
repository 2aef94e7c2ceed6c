"""The ground of a chart with two axes: grid, ticks, axis titles, and the box left for the data."""

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from ecotone.evaluation.markup import Markup, joined
from ecotone.evaluation.plots.frame import Layout, letters, segment
from ecotone.evaluation.plots.labels import Box
from ecotone.evaluation.plots.lettering import shortened, width
from ecotone.evaluation.plots.scales import Axis, Scale, date_ticks, days, scale_over

_TICK_GAP = 6.0


class Ground(msgspec.Struct, frozen=True):
    """Both scales, the box they span, and what is drawn under the data."""

    x: Scale
    y: Scale
    area: Box
    drawn: Markup


def ground(
    layout: Layout,
    area: Box,
    x_axis: Axis,
    y_axis: Axis,
    x_values: Iterable[float],
    y_values: Iterable[float],
    *,
    right: float = 0.0,
    dates: tuple[date, date] | None = None,
) -> Ground:
    """Axes over all values; `right` is room kept free at the right of the data; `dates` make x an axis of days."""
    top = area.top + layout.size * 1.5
    bottom = area.bottom - layout.size * 2.9
    y = scale_over(y_values, y_axis, bottom, top)
    rows = [(y.place(value), y_axis.written(value)) for value in y.ticks(layout.ticks)]
    left = area.left + max((width(words, layout.small) for _, words in rows), default=0) + _TICK_GAP
    x = scale_over(x_values, x_axis, left, area.right - right)
    if dates is None:
        columns = [(x.place(value), x_axis.written(value)) for value in x.ticks(layout.ticks)]
    else:
        columns = [(x.place(days(day)), f"{day:%b %Y}") for day in date_ticks(*dates, layout.ticks - 1)]
    columns = apart(columns, layout)
    middle = (left + area.right - right) / 2
    drawn = [letters(y_axis.title, area.left, area.top + layout.size * 0.4, layout.small, class_="faint")]
    for place, words in rows:
        drawn.append(segment(left, place, area.right - right, place, "grid"))
        drawn.append(letters(words, left - _TICK_GAP, place, layout.small, at="end", class_="faint"))
    drawn.append(segment(left, bottom, area.right - right, bottom, "rule"))
    for place, words in columns:
        drawn.append(segment(place, bottom, place, bottom + 4 / layout.scale, "rule"))
        drawn.append(letters(words, place, bottom + layout.size * 0.95, layout.small, at="middle", class_="faint"))
    title = shortened(x_axis.title, layout.small, area.right - area.left)
    drawn.append(
        letters(title, middle, bottom + layout.size * 2.2, layout.small, at="middle", class_="faint")
        if width(title, layout.small) / 2 < area.right - middle
        else letters(title, area.right, bottom + layout.size * 2.2, layout.small, at="end", class_="faint")
    )
    return Ground(x, y, Box(left, top, area.right - right, bottom), joined(drawn))


def apart(columns: Sequence[tuple[float, str]], layout: Layout) -> list[tuple[float, str]]:
    """The ticks whose words do not run into the words of the tick before."""
    kept: list[tuple[float, str]] = []
    end = -1e9
    for place, words in columns:
        half = width(words, layout.small) / 2
        if place - half > end:
            kept.append((place, words))
            end = place + half + _TICK_GAP / layout.scale
    return kept
