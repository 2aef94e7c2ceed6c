"""Values along a line: cost against volume with the points where one becomes cheaper, and the best over time."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import msgspec

from ecotone.evaluation.markup import Markup, joined, void
from ecotone.evaluation.plots.frame import (
    Caption,
    Kind,
    Layout,
    label,
    letters,
    mark,
    nothing,
    path,
    picture,
    segment,
)
from ecotone.evaluation.plots.ground import ground
from ecotone.evaluation.plots.labels import Box, Wanted, place_labels, spread
from ecotone.evaluation.plots.lettering import shortened, width
from ecotone.evaluation.plots.scales import Axis, Scale, days

# Told apart without colour, in the order of the lines of one kind.
_DASHES = (None, "9 4", "2 4", "9 3 2 3", "16 4")
_NAME_SHARE = {"wide": 0.3, "narrow": 0.38}
_NAME_GAP = 8.0
_MARK_REACH = 84.0


class Line(msgspec.Struct, frozen=True):
    """A named line through (x, y) places, from left to right."""

    label: str
    places: tuple[tuple[float, float], ...]
    kind: Kind


class Mark(msgspec.Struct, frozen=True):
    """A place worth a ring and words, such as the volume at which two costs are equal."""

    label: str
    x: float
    y: float


class Release(msgspec.Struct, frozen=True):
    """A model that came out on that day, and how good it is."""

    label: str
    day: date
    value: float
    kind: Kind


def lines(
    series: Sequence[Line],
    *,
    title: str,
    x: Axis,
    y: Axis,
    source: str,
    marks: Sequence[Mark] = (),
    subtitle: str = "",
) -> Markup:
    """SVG of lines named at their right ends, with marks. ValueError for what a logarithmic axis does not have."""
    shown = [line for line in series if line.places]
    described = "; ".join(
        f"{line.label} ({line.kind}): {y.written(line.places[0][1])} at {x.written(line.places[0][0])} to "
        f"{y.written(line.places[-1][1])} at {x.written(line.places[-1][0])}"
        for line in shown
    )
    caption = Caption(
        title=title,
        subtitle=subtitle,
        source=source,
        description=". ".join([f"{y.title} against {x.title}", described, *(mark.label for mark in marks)]) + ".",
        kinds=tuple(kind for kind in _KINDS if any(line.kind == kind for line in shown)),
        as_lines=True,
    )
    if not shown:
        return nothing(caption)

    def draw(layout: Layout, area: Box) -> Markup:
        names = _names_room([line.label for line in shown], layout, area)
        across = [place for line in shown for place, _ in line.places] + [mark.x for mark in marks]
        up = [place for line in shown for _, place in line.places] + [mark.y for mark in marks]
        base = ground(layout, area, x, y, across, up, right=names)
        drawn = [base.drawn]
        ends, avoided = [], []
        for line, dash in zip(shown, _dashes(shown), strict=True):
            places = [(base.x.place(across), base.y.place(up)) for across, up in line.places]
            thickness = 2.2 / layout.scale**0.5
            drawn.append(
                void("path", d=path(places), class_=f"{line.kind}-line", stroke_width=thickness, stroke_dasharray=dash)
            )
            ends.append(places[-1])
            avoided += _along(places)
        drawn.append(_names(shown, ends, layout, base.area, names))
        rings = [(base.x.place(mark.x), base.y.place(mark.y)) for mark in marks]
        radius = layout.radius
        wanted = [Wanted(mark.label, *ring, radius) for mark, ring in zip(marks, rings, strict=True)]
        boxes = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in rings]
        drawn += [void("circle", cx=x, cy=y, r=radius * 0.9, class_="event") for x, y in rings]
        found = place_labels(wanted, boxes, avoided, base.area, layout.small, _MARK_REACH)
        return joined([*drawn, *(label(placed, layout.small, "strong") for placed in found)])

    return picture(caption, draw)


def timeline(releases: Sequence[Release], *, title: str, y: Axis, source: str, subtitle: str = "") -> Markup:
    """SVG of the best open and the best closed model on each day, as steps; every model that was best has a mark."""
    steps = {kind: _records([release for release in releases if release.kind == kind]) for kind in _KINDS}
    kinds = tuple(kind for kind in _KINDS if steps[kind])
    described = ". ".join(
        f"Best {kind}: " + ", ".join(f"{r.label} {y.written(r.value)} from {r.day:%d %b %Y}" for r in steps[kind])
        for kind in kinds
    )
    caption = Caption(title=title, subtitle=subtitle, source=source, description=described, kinds=kinds)
    if not kinds:
        return nothing(caption)
    best = [release for kind in kinds for release in steps[kind]]
    first, last = min(release.day for release in best), max(release.day for release in releases)

    def draw(layout: Layout, area: Box) -> Markup:
        base = ground(
            layout,
            area,
            Axis("day of release"),
            y,
            [days(first), days(last)],
            [release.value for release in best],
            dates=(first, last),
        )
        drawn, avoided, boxes, wanted = [base.drawn], [], [], []
        radius = layout.radius * 0.8
        for kind in kinds:
            corners = _steps(steps[kind], base.x, base.y, base.area.right)
            thickness = 2 / layout.scale**0.5
            drawn.append(void("path", d=path(corners), class_=f"{kind}-line", stroke_width=thickness))
            avoided += _along(corners)
        for release in sorted(best, key=lambda release: (release.day, release.label), reverse=True):
            x_place, y_place = base.x.place(days(release.day)), base.y.place(release.value)
            drawn.append(mark(release.kind, x_place, y_place, radius))
            boxes.append(Box(x_place - radius, y_place - radius, x_place + radius, y_place + radius))
            wanted.append(Wanted(release.label, x_place, y_place, radius))
        found = place_labels(wanted, boxes, avoided, base.area, layout.small)
        return joined([*drawn, *(label(placed, layout.small) for placed in found)])

    return picture(caption, draw)


_KINDS: tuple[Kind, ...] = ("open", "closed")


def _records(releases: Sequence[Release]) -> list[Release]:
    """The releases that were better than all before them."""
    found: list[Release] = []
    for release in sorted(releases, key=lambda release: (release.day, -release.value, release.label)):
        if not found or release.value > found[-1].value:
            found.append(release)
    return found


def _steps(records: Sequence[Release], x: Scale, y: Scale, right: float) -> list[tuple[float, float]]:
    corners: list[tuple[float, float]] = []
    for release in records:
        place = x.place(days(release.day))
        if corners:
            corners.append((place, corners[-1][1]))
        corners.append((place, y.place(release.value)))
    return [*corners, (right, corners[-1][1])]


def _along(places: Sequence[tuple[float, float]]) -> list[Box]:
    """Small boxes along a line, for labels to keep off."""
    boxes = []
    for (x1, y1), (x2, y2) in pairwise(places):
        pieces = max(1, int(max(abs(x2 - x1), abs(y2 - y1)) // 6))
        for i in range(pieces):
            left, right = x1 + (x2 - x1) * i / pieces, x1 + (x2 - x1) * (i + 1) / pieces
            top, bottom = sorted((y1 + (y2 - y1) * i / pieces, y1 + (y2 - y1) * (i + 1) / pieces))
            boxes.append(Box(left - 1, top - 1, right + 1, bottom + 1))
    return boxes


def _dashes(series: Sequence[Line]) -> list[str | None]:
    seen: dict[Kind, int] = {}
    found = []
    for line in series:
        found.append(_DASHES[seen.get(line.kind, 0) % len(_DASHES)])
        seen[line.kind] = seen.get(line.kind, 0) + 1
    return found


def _names_room(names: Sequence[str], layout: Layout, area: Box) -> float:
    widest = max(width(name, layout.small) for name in names)
    return min(widest + 2 * _NAME_GAP, (area.right - area.left) * _NAME_SHARE[layout.name])


def _names(
    series: Sequence[Line], ends: Sequence[tuple[float, float]], layout: Layout, area: Box, room: float
) -> Markup:
    """Each line's name beside its right end, moved apart where lines end together."""
    heights = spread([y for _, y in ends], layout.small * 1.25, area.top, area.bottom)
    drawn = []
    for line, (x, y), height in zip(series, ends, heights, strict=True):
        left = area.right + 2 * _NAME_GAP / layout.scale
        drawn.append(segment(x + 2, y, left - 3, height, "leader"))
        name = shortened(line.label, layout.small, room - 2 * _NAME_GAP / layout.scale)
        drawn.append(letters(name, left, height, layout.small, class_="open-text" if line.kind == "open" else None))
    return joined(drawn)
