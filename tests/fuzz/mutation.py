"""Changed inputs: JSON and streams changed by their structure, and any bytes as bytes."""

import copy
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

INPUT_BYTES_MAX = 64 * 1024


class Raw(bytes):
    """JSON text that is written as it is, valid or not."""


class Pairs(list[tuple[str, Any]]):
    """An object that may have a key more than once."""


def _nested(depth: int, opening: bytes, closing: bytes) -> Raw:
    return Raw(opening * depth + b"1" + closing * depth)


INTERESTING: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 0.5, 1.0, -0.0, 1e308, -1e308, 5e-324),
    *(2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, "", " ", "0"),
    *("null", "[DONE]", "\x00", "\n\n", "\r\n\r\n", "\u2028", "é", "😀", "a" * 300, "9" * 5000, "\ud800"),
    *(
        "data:;base64,",
        "data:image/png;base64,AAAA",
        "ZWNvdG9uZTox",
        "_ZWNvdG9uZTox",
        "{",
        "{}",
        '{"a":1}',
        "=",
        "\ud800",
    ),
    *([], [[]], [None], [{}], {}, {"": ""}, {"type": "text"}, {"type": "x_unknown", "a": [1]}, [1, "a", None, {}]),
    *(
        Raw(b"NaN"),
        Raw(b"-Infinity"),
        Raw(b"1e400"),
        Raw(b"1" * 400),
        Raw(b"1" * 5000),
        Raw(b"01"),
        Raw(b"1."),
        Raw(b""),
    ),
    *(Raw(b'"\\ud800"'), Raw(b'"\\udc00\\ud800"'), Raw(b'"\\ud83d\\ude00"'), Raw(b'"\\u0000"'), Raw(b'"\\x"')),
    *(Raw(b'"\xff"'), Raw(b'"\xed\xa0\x80"'), Raw(b'"\xc0\x80"'), Raw(b'"a\nb"'), Raw(b'{"a":1,"a":2}'), Raw(b'{"a"}')),
    *(_nested(depth, b"[", b"]") for depth in (20, 400, 900, 970, 985, 5000)),
    *(_nested(depth, b'{"a":', b"}") for depth in (20, 400, 900, 970, 985, 5000)),
)
_WORDS = [value for value in INTERESTING if isinstance(value, str)]
_LENGTHS = (2, 5, 40, 1000, 20_000)
_BYTES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b'"',
    b"\\",
    b"{",
    b"]",
    b",",
    b":",
)
_EVENTS = (
    *(b": keep-alive", b"event: ping", b"data", b"data:", b"data: ", b"data: {}", b"data: null", b"data: [DONE]", b""),
    *(
        b"retry: 3",
        b"id: 1",
        b'data: {"error":{"message":"late","type":"server_error"}}',
        b"event: error",
        b"\xef\xbb\xbf",
    ),
    *(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}',
        b"data: [1]",
        b"data: {",
    ),
    b'data: {"error":{"code":503,"message":"late","status":"UNAVAILABLE"}}',
)
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class Mutator:
    """Makes changed inputs out of those in `corpus`, which may grow meanwhile."""

    def __init__(self, random: Random, corpus: Sequence[bytes]) -> None:
        self._random = random
        self._corpus = corpus
        # What stands under each name anywhere in the corpus: the values that code compares with.
        self._known: dict[str, list[Any]] = {}
        for data in corpus:
            for value in _documents(data):
                self._learn(value)
        self._names = sorted(self._known)

    def _learn(self, value: Any) -> None:
        for container, key in _places(value):
            if isinstance(key, str):
                seen = self._known.setdefault(key, [])
                if container[key] not in seen and len(seen) < 50:
                    seen.append(container[key])

    def changed(self, data: bytes) -> bytes:
        """`data` with one or several changes."""
        random = self._random
        if random.random() < 0.8:
            data = self._changed_stream(data) if _is_stream(data) else self._changed_document(data)
        if random.random() < 0.25:
            for _ in range(random.choice((1, 1, 1, 2, 4))):
                data = self._changed_bytes(data)
        return data[:INPUT_BYTES_MAX]

    def _changed_document(self, data: bytes) -> bytes:
        try:
            root = [json.loads(data)]
            for _ in range(self._random.choice((1, 1, 1, 2, 3, 6))):
                self._change(root)
            return write(root[0] if root else None, ascii_only=self._random.random() < 0.3)
        except (ValueError, RecursionError):
            return self._changed_bytes(data)

    def _change(self, root: list[Any]) -> None:
        """One change somewhere below `root`."""
        random = self._random
        places = _places(root)
        if not places:
            root.append({})
            return
        container, key = random.choice(places)
        value = container[key]
        changes: list[Callable[[], None]] = [
            lambda: _put(container, key, self._interesting()),
            lambda: _put(container, key, self._known_value(key)),
            lambda: _put(container, key, self._known_value(None)),
            lambda: container.pop(key) and None,
            lambda: _put(container, key, random.choice(([value], {"type": value}, {str(key): value}, [value] * 3))),
            lambda: self._swap(container, key, *random.choice(places)),
        ]
        if isinstance(value, str):
            changes += [lambda: _put(container, key, self._changed_text(value))] * 3
        if isinstance(value, dict):
            changes += [lambda: self._add_field(value)] * 3
            changes += [lambda: self._rename(value), lambda: self._repeat_key(container, key, value)]
        if isinstance(value, list) and value and not isinstance(value, Pairs):
            changes += [lambda: self._change_list(value)] * 3
        random.choice(changes)()

    def _interesting(self) -> Any:
        return copy.deepcopy(self._random.choice(INTERESTING))

    def _known_value(self, key: Any) -> Any:
        name = key if isinstance(key, str) and key in self._known else self._random.choice(self._names or [""])
        return copy.deepcopy(self._random.choice(self._known.get(name, [None])))

    def _swap(self, one: Any, one_key: Any, other: Any, other_key: Any) -> None:
        if not _holds(one[one_key], other) and not _holds(other[other_key], one):
            one[one_key], other[other_key] = other[other_key], one[one_key]

    def _changed_text(self, text: str) -> str:
        random = self._random
        at = random.randrange(len(text) + 1)
        inserted = random.choice(
            (*(word for word in INTERESTING if isinstance(word, str)), random.choice(self._names or [""]))
        )
        repeated = (text[:1] or "x") * random.choice(_LENGTHS)
        more = text * random.choice(_LENGTHS[:3])
        return random.choice((text[:at], text[at:], text[:at] + inserted + text[at:], more, repeated, text.upper()))

    def _add_field(self, value: dict[str, Any]) -> None:
        name = self._random.choice([*self._names, "x_unknown", "", "a" * 300])
        value[name] = self._known_value(name) if self._random.random() < 0.7 else self._interesting()

    def _rename(self, value: dict[str, Any]) -> None:
        if value and self._names:
            value[self._random.choice(self._names)] = value.pop(self._random.choice(list(value)))

    def _repeat_key(self, container: Any, key: Any, value: dict[str, Any]) -> None:
        if value:
            again = self._random.choice(list(value))
            _put(container, key, Pairs([*value.items(), (again, self._interesting())]))

    def _change_list(self, value: list[Any]) -> None:
        random = self._random
        match random.randrange(5):
            case 0:
                random.shuffle(value)
            case 1:
                del value[random.randrange(len(value)) :]
            case 2:
                value.append(self._interesting())
            case 3:
                one = write(random.choice(value))
                value[:0] = [Raw(one)] * min(random.choice(_LENGTHS), 1 + INPUT_BYTES_MAX // (2 * len(one) + 1))
            case 4:
                value.clear()

    def _changed_stream(self, data: bytes) -> bytes:
        random = self._random
        events = _BLANK_LINE.split(data)
        for _ in range(random.choice((1, 1, 2, 3, 6))):
            at = random.randrange(len(events))
            match random.randrange(10):
                case 0:
                    del events[at]
                case 1:
                    events.insert(random.randrange(len(events) + 1), events[at])
                case 2:
                    other = random.randrange(len(events))
                    events[at], events[other] = events[other], events[at]
                case 3:
                    events.insert(at, random.choice(_EVENTS))
                case 4:
                    events.insert(at, random.choice(_BLANK_LINE.split(random.choice(self._corpus))))
                case _:
                    events[at] = self._changed_event(events[at])
            if not events:
                events = [b""]
        if random.random() < 0.1:
            events = events[: random.randrange(len(events) + 1)]
        end = random.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r"))
        data = (end + end).join(event.replace(b"\n", end) for event in events)
        return data if random.random() < 0.9 else b"\xef\xbb\xbf" + data

    def _changed_event(self, event: bytes) -> bytes:
        before, mark, data = event.rpartition(b"data: ")
        if not mark:
            return self._changed_bytes(event)
        data = self._changed_document(data)
        if self._random.random() < 0.05:
            data = data.replace(b",", b",\ndata: ")
        return before + mark + data.replace(b"\n\n", b"\n")

    def _changed_bytes(self, data: bytes) -> bytes:
        random = self._random
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice((1, 1, 2, 4, 16, 256)))
        before, piece, after = data[:start], data[start:end], data[end:]
        match random.randrange(9):
            case 0:
                return before + bytes(byte ^ (1 << random.randrange(8)) for byte in piece[:1]) + piece[1:] + after
            case 1:
                return before + after
            case 2:
                return before + random.choice(_BYTES) + piece + after
            case 3:
                other = random.choice(self._corpus)
                at = random.randrange(len(other) + 1)
                return before + other[at : at + random.choice((10, 100, 10_000))] + after
            case 4:
                return before + piece * random.choice(_LENGTHS[:4]) + after
            case 5:
                return before
            case 6:
                return before + random.randbytes(random.choice((1, 4, 30))) + after
            case 7:
                return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\r")), random.choice((1, -1)))
        return random.choice(_BYTES) + data


def write(value: Any, *, ascii_only: bool = False) -> bytes:
    """`value` as JSON, valid as far as its parts are."""
    match value:
        case Raw():
            return value
        case dict():
            return b"{" + b",".join(_field(key, item, ascii_only) for key, item in value.items()) + b"}"
        case Pairs():
            return b"{" + b",".join(_field(key, item, ascii_only) for key, item in value) + b"}"
        case list():
            return b"[" + b",".join(write(item, ascii_only=ascii_only) for item in value) + b"]"
    return json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")


def _field(key: str, item: Any, ascii_only: bool) -> bytes:
    name = json.dumps(key, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    return name + b":" + write(item, ascii_only=ascii_only)


def _put(container: Any, key: Any, value: Any) -> None:
    container[key] = value


def _is_stream(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf").startswith((b"data:", b"event:", b":"))


def _documents(data: bytes) -> list[Any]:
    """The JSON values in an input: itself, or those of its events."""
    pieces = [event.rpartition(b"data: ")[2] for event in _BLANK_LINE.split(data)] if _is_stream(data) else [data]
    found = []
    for piece in pieces:
        try:
            found.append(json.loads(piece))
        except (ValueError, RecursionError):
            continue
    return found


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container below `value` with each of its keys."""
    found: list[tuple[Any, Any]] = []
    left = [value] if isinstance(value, dict | list) else []
    while left:
        container = left.pop()
        if isinstance(container, Pairs):
            continue
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                left.append(container[key])
    return found


def _holds(outer: Any, inner: Any) -> bool:
    """Whether `inner` is `outer` or a container within it: exchanging them would make a ring."""
    return outer is inner or any(container[key] is inner for container, key in _places(outer))
