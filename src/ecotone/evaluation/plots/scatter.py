"""Quality against price: a mark for each model, its interval, and the line of models that nothing cheaper beats."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from ecotone.evaluation.markup import Markup, joined, tag, void
from ecotone.evaluation.plots.frame import Caption, Kind, Layout, label, mark, nothing, path, picture, segment
from ecotone.evaluation.plots.ground import Ground, ground
from ecotone.evaluation.plots.labels import Box, Wanted, place_labels
from ecotone.evaluation.plots.scales import Axis


class Point(msgspec.Struct, frozen=True):
    """A model at (x, y); `low` and `high` are the interval of y, where it is known. `chosen` stands out by a ring."""

    label: str
    x: float
    y: float
    kind: Kind
    low: float | None = None
    high: float | None = None
    chosen: bool = False


def pareto(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other beats: none is at most as far right and higher, or as high and farther left."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -point.y)):
        if not kept or point.y > kept[-1].y:
            kept.append(point)
    return tuple(kept)


def scatter_with_intervals(
    points: Sequence[Point], *, title: str, x: Axis, y: Axis, source: str, subtitle: str = "", front: bool = True
) -> Markup:
    """SVG of all points with their intervals; `front` draws the Pareto line (lower x and higher y being better).

    Points on that line are labelled first, then the others from the top, as far as there is room; a point without a
    label tells its name when pointed at. Raises ValueError for a value that a logarithmic axis does not have.
    """
    best = pareto(points) if front else ()
    caption = Caption(
        title=title,
        subtitle=subtitle,
        source=source,
        description=_described(points, x, y),
        kinds=tuple(kind for kind in ("open", "closed") if any(point.kind == kind for point in points)),
        legend="nothing cheaper is better" if len(best) > 1 else "",
        front=len(best) > 1,
    )
    if not points:
        return nothing(caption)
    order = [*reversed(best), *sorted((p for p in points if p not in best), key=lambda point: -point.y)]
    order.sort(key=lambda point: not point.chosen)

    def draw(layout: Layout, area: Box) -> Markup:
        heights = [end for p in points for end in (p.y, p.low, p.high) if end is not None]
        base = ground(layout, area, x, y, [point.x for point in points], heights)
        return _points(layout, base, order, best)

    return picture(caption, draw)


def _points(layout: Layout, base: Ground, order: Sequence[Point], best: Sequence[Point]) -> Markup:
    drawn: list[Markup] = [base.drawn]
    corners = _steps([(base.x.place(point.x), base.y.place(point.y)) for point in best])
    if len(best) > 1:
        drawn.append(void("path", d=path(corners), class_="front"))
    obstacles, wanted, marks = [], [], []
    for point in order:
        x, y, radius = base.x.place(point.x), base.y.place(point.y), layout.radius
        if point.low is not None and point.high is not None:
            low, high = base.y.place(point.low), base.y.place(point.high)
            drawn.append(segment(x, low, x, high, f"{point.kind}-line faded", 1.6 / layout.scale**0.5))
            obstacles.append(Box(x - 1.5, high, x + 1.5, low))
        if point.chosen:
            marks.append(void("circle", cx=x, cy=y, r=radius * 1.9, class_="chosen"))
        marks.append(tag("g", tag("title", point.label), mark(point.kind, x, y, radius)))
        obstacles.append(Box(x - radius, y - radius, x + radius, y + radius))
        wanted.append(Wanted(point.label, x, y, radius * (1.9 if point.chosen else 1)))
    avoided = [
        Box(min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1)
        for (x1, y1), (x2, y2) in pairwise(corners)
    ]
    chosen = [one for one, point in zip(wanted, order, strict=True) if point.chosen]
    names = place_labels(wanted, obstacles, avoided, base.area, layout.small)
    written = (label(placed, layout.small, "strong" if placed.wanted in chosen else "") for placed in names)
    return joined([*drawn, *marks, *written])


def _steps(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """From each place level to the next one's x, then up to it."""
    found = list(places[:1])
    for x, y in places[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return found


def _described(points: Sequence[Point], x: Axis, y: Axis) -> str:
    rows = [
        f"{point.label} ({point.kind}): {y.written(point.y)}"
        + (
            f" [{y.written(point.low)} to {y.written(point.high)}]"
            if point.low is not None and point.high is not None
            else ""
        )
        + f" at {x.written(point.x)}"
        for point in sorted(points, key=lambda point: -point.y)
    ]
    return f"{y.title} against {x.title}. " + "; ".join(rows) + "."
