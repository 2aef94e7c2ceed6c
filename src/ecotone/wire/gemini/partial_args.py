"""Arguments of a call that come in pieces (`PartialArg` of the SDK's types; Vertex AI, where a request asks for it).

Each piece names its place by a JSON path (RFC 9535), such as `$.city` or `$.stops[0]['name']`, and holds a number, a
truth value, null, or a piece of a string that may go on in the next piece of the same path.
"""

import re
from itertools import pairwise
from typing import Any

from ecotone.values.chat import Json
from ecotone.wire.fields import Fields
from ecotone.wire.nesting import NESTING_MAX

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_LIST_ITEMS_MAX = 100_000


class PartialArguments:
    """The arguments of one call while their pieces arrive. `_LIST_ITEMS_MAX` bounds the items of all its lists."""

    def __init__(self) -> None:
        self.value: Json = {}
        self._items_left = _LIST_ITEMS_MAX

    def add(self, piece: Fields) -> None:
        """Puts a piece in its place."""
        path = piece.need_text("jsonPath")
        steps = _steps(path)
        if not steps or isinstance(steps[0], int) or len(steps) > NESTING_MAX:
            raise piece.wrong("jsonPath", "a path into the arguments, such as `$.name`")
        text, number, flag = piece.text("stringValue"), piece.number("numberValue"), piece.flag("boolValue")
        place: Any = self.value
        for step, following in pairwise(steps):
            place = self._descend(place, step, [] if isinstance(following, int) else {}, piece)
        last = steps[-1]
        if text is not None:
            before = _get(place, last)
            self._put(place, last, before + text if isinstance(before, str) else text, piece)
        elif number is not None:
            self._put(place, last, int(number) if float(number).is_integer() else number, piece)
        else:
            self._put(place, last, flag, piece)

    def _put(self, place: Any, step: str | int, value: Any, piece: Fields) -> None:
        if isinstance(step, int) and isinstance(place, list) and step - len(place) < self._items_left:
            missing = max(0, step + 1 - len(place))
            self._items_left -= missing
            place.extend([None] * missing)
            place[step] = value
        elif isinstance(step, str) and isinstance(place, dict):
            place[step] = value
        else:
            raise piece.wrong("jsonPath", "a path that fits the pieces before it")

    def _descend(self, place: Any, step: str | int, new: Any, piece: Fields) -> Any:
        found = _get(place, step)
        if not isinstance(found, type(new)):
            self._put(place, step, new, piece)
            return new
        return found


def _steps(path: str) -> list[str | int] | None:
    steps: list[str | int] = []
    position = 1
    if not path.startswith("$"):
        return None
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            return None
        steps.append(int(found[2][:6]) if found[2] is not None else found[1] or found[3] or found[4] or "")
        position = found.end()
    return steps


def _get(place: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return place[step] if isinstance(place, list) and step < len(place) else None
    return place.get(step) if isinstance(place, dict) else None
