"""Where labels go: beside their point, or a little way off with a leader; never over each other or over a mark."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from ecotone.evaluation.plots.lettering import width

# Tried in this order: first close by, then farther off, clockwise from the right.
_DISTANCES = (4, 11, 18, 26, 36, 50, 66, 84)
_REACH = 36
_ANGLES = (0, 180, -90, 90, -45, 45, -135, 135, -20, 20, -160, 160, -70, 70, -110, 110)
_LEADER_FROM = 11


class Box(msgspec.Struct, frozen=True):
    """A rectangle: from (left, top) to (right, bottom), y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def inside(self, other: "Box") -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


class Wanted(msgspec.Struct, frozen=True):
    """A label that should stand near a point whose mark has that radius."""

    words: str
    x: float
    y: float
    radius: float
    weight: str = ""


class Placed(msgspec.Struct, frozen=True):
    """A label with its box, and where its leader starts and ends (None where it stands beside its point)."""

    wanted: Wanted
    box: Box
    leader: tuple[float, float, float, float] | None

    def leader_boxes(self) -> list[Box]:
        """Small boxes along the leader."""
        if self.leader is None:
            return []
        x1, y1, x2, y2 = self.leader
        pieces = max(1, round(math.hypot(x2 - x1, y2 - y1) / 3))
        middles = ((x1 + (x2 - x1) * i / pieces, y1 + (y2 - y1) * i / pieces) for i in range(pieces))
        return [Box(x - 1, y - 1, x + 1, y + 1) for x, y in middles]

    def covers(self, boxes: Sequence[Box]) -> bool:
        """Whether the label or its leader lies over any of the boxes."""
        if any(map(self.box.overlaps, boxes)):
            return True
        if self.leader is None:
            return False
        x1, y1, x2, y2 = self.leader
        around = Box(min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1)
        near = [box for box in boxes if box.overlaps(around)]
        return any(piece.overlaps(box) for box in near for piece in self.leader_boxes())


def place_labels(
    wanted: Sequence[Wanted],
    marks: Sequence[Box],
    avoided: Sequence[Box],
    area: Box,
    size: float,
    reach: float = _REACH,
) -> list[Placed]:
    """Places for as many labels as fit in the area, the first ones first.

    No label or leader covers a mark, another label or another leader. The boxes `avoided` (a line, say) are covered
    only where nothing else is left. A label without room within `reach` of its mark is left out.
    """
    placed: list[Placed] = []
    taken = list(marks)
    for label in wanted:
        found = None
        for candidate in _candidates(label, size, reach):
            if candidate.box.inside(area) and not candidate.covers(taken):
                clear = not any(map(candidate.box.overlaps, avoided))
                if found is None or clear:
                    found = candidate
                if clear:
                    break
        if found is not None:
            placed.append(found)
            taken += [found.box, *found.leader_boxes()]
    return placed


def _candidates(label: Wanted, size: float, most: float) -> Iterator[Placed]:
    wide, high = width(label.words, size, bool(label.weight)), size * 1.15
    for distance in (distance for distance in _DISTANCES if distance <= most):
        for angle in _ANGLES:
            across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            reach = label.radius + distance
            # The box touches the circle of that reach with the side, or corner, that faces the point.
            x, y = label.x + reach * across, label.y + reach * down
            left = x - wide * (1 - across) / 2
            top = y - high * (1 - down) / 2
            box = Box(left, top, left + wide, top + high)
            leader = None
            if distance >= _LEADER_FROM:
                edge = label.radius + 1.5
                near_x, near_y = min(max(label.x, box.left), box.right), min(max(label.y, box.top), box.bottom)
                leader = (label.x + edge * across, label.y + edge * down, near_x, near_y)
            yield Placed(label, box, leader)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places moved as little as need be so that they lie `gap` apart, in their order, between low and high.

    Groups of places that are too close are centred on what they would be; where there is no room for all at that gap,
    the gap shrinks.
    """
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    if len(places) > 1:
        gap = min(gap, (high - low) / (len(places) - 1))
    groups: list[tuple[float, list[int]]] = []
    for i in order:
        groups.append((min(max(places[i], low), high), [i]))
        while (
            len(groups) > 1 and groups[-1][0] - _reach(groups[-1], gap) < groups[-2][0] + _reach(groups[-2], gap) + gap
        ):
            (_, after), (_, before) = groups.pop(), groups.pop()
            members = before + after
            half = gap * (len(members) - 1) / 2
            middle = sum(places[i] for i in members) / len(members)
            groups.append((min(max(middle, low + half), high - half), members))
    found = [0.0] * len(places)
    for middle, members in groups:
        for position, i in enumerate(members):
            found[i] = middle + gap * (position - (len(members) - 1) / 2)
    return found


def _reach(group: tuple[float, list[int]], gap: float) -> float:
    return gap * (len(group[1]) - 1) / 2
