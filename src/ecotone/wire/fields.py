"""Reading decoded JSON objects field by field: what is understood is taken, what is left can be kept."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError
from ecotone.wire.nesting import NESTING_MAX, nested_too_deeply

Fault = Callable[[str, str], EcotoneError]
"""The error for a message and the place it speaks of, such as `messages[1].content`."""

_YEAR_10000_S = 253_402_300_800


class Fields(msgspec.Struct, eq=False):
    """The fields of one JSON object, which it takes for its own.

    Each method takes a field out; a null is as good as an absent field. A field of the wrong type raises `fault`,
    which names the place. `rest` gives what was never taken, in the objects below too.

    `Fields(value, name, fault, parent, number)`: `name` is the field of `parent` that holds the object `value`, as
    element `number` where that is a list; empty for the body, which may not be nested too deeply.
    """

    # A struct is made in half the time of another class, and a request has hundreds of objects.
    _rest: Json
    _name: str
    fault: Fault
    _parent: "Fields | None" = None
    _number: int | None = None
    _children: "dict[str, Fields] | None" = None

    def __post_init__(self) -> None:
        if not isinstance(self._rest, dict):
            raise self.fault(f"`{self.place()}` must be an object.", self.place())
        if self._parent is None and not self._name and nested_too_deeply(self._rest):
            raise self.fault(f"The JSON is nested too deeply: more than {NESTING_MAX} levels.", "")

    def place(self, name: str = "") -> str:
        """Where the field `name` of this object is, seen from the body; without it, where this object is."""
        steps = [name]
        above: Fields | None = self
        while above is not None:
            steps.insert(0, above._name if above._number is None else f"{above._name}[{above._number}]")
            above = above._parent
        return ".".join(step for step in steps if step)

    def wrong(self, name: str, expected: str) -> EcotoneError:
        """The error for a field that is not what it must be."""
        place = self.place(name)
        return self.fault(f"`{place}` must be {expected}.", place)

    def take(self, name: str) -> Any:
        """The field as it is, None where there is none."""
        return self._rest.pop(name, None)

    def look(self, name: str) -> Any:
        """The field as it is, left in its place."""
        return self._rest.get(name)

    def text(self, name: str) -> str | None:
        value = self._rest.pop(name, None)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a string")
        return value

    def only_text(self, name: str) -> str | None:
        """The field `name` if it is a string and no other field is left; None, and nothing taken, otherwise."""
        value = self._rest.get(name)
        if len(self._rest) != 1 or not isinstance(value, str):
            return None
        del self._rest[name]
        return value

    def need_text(self, name: str) -> str:
        value = self._rest.pop(name, None)
        if isinstance(value, str):
            return value
        raise self.wrong(name, "a string" if value is not None else "a string; it is missing")

    def flag(self, name: str) -> bool | None:
        value = self._rest.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, also where it is written 1.0 as some clients do."""
        value = self._rest.pop(name, None)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self.wrong(name, "a whole number")
        return value

    def number(self, name: str) -> float | None:
        value = self._rest.pop(name, None)
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise self.wrong(name, "a number")
        return value

    def time(self, name: str) -> int | None:
        """A time in whole Unix seconds, UTC; None for 0 and for what no calendar has, which mean nothing."""
        seconds = self.number(name)
        return int(seconds) if seconds is not None and 1 <= seconds < _YEAR_10000_S else None

    def json(self, name: str) -> Json | None:
        """An object that is not looked into."""
        value = self._rest.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return value

    def items(self, name: str) -> list[Any] | None:
        value = self._rest.pop(name, None)
        if value is not None and not isinstance(value, list):
            raise self.wrong(name, "a list")
        return value

    def child(self, name: str) -> "Fields | None":
        """The object in this field; what it leaves counts among what this one leaves."""
        value = self._rest.pop(name, None)
        if value is None:
            return None
        child = Fields(value, name, self.fault, self)
        if self._children is None:
            self._children = {name: child}
        else:
            self._children[name] = child
        return child

    def need_child(self, name: str) -> "Fields":
        child = self.child(name)
        if child is None:
            raise self.wrong(name, "an object; it is missing")
        return child

    def apart(self, name: str) -> "Fields | None":
        """The object in this field; what it leaves is its own."""
        value = self._rest.pop(name, None)
        return None if value is None else Fields(value, name, self.fault, self)

    def each(self, name: str) -> Iterator["Fields"]:
        """The objects in the list in this field, none where there is none; what they leave is theirs."""
        items = self.items(name)
        if items:
            fault = self.fault
            for number, item in enumerate(items):
                yield Fields(item, name, fault, self, number)

    def element(self, name: str, number: int, item: Any) -> "Fields":
        """An object that was element `number` of the list `name`."""
        return Fields(item, name, self.fault, self, number)

    def rest(self) -> Json:
        """What was never taken. Objects below are done with then: this one and they would hold each other in memory."""
        if self._children is not None:
            for name, child in self._children.items():
                left = child.rest()
                if left:
                    self._rest[name] = left
            self._children = None
        return self._rest


def add_rest(target: Json, rest: Json) -> None:
    """Puts what `rest` gave back beside what is known; where both speak of one field, what is known stays."""
    for name, value in rest.items():
        present = target.get(name)
        if isinstance(present, dict) and isinstance(value, dict):
            add_rest(present, value)
        elif name not in target:
            target[name] = value
