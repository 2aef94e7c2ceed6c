"""How deep JSON from outside may be nested.

What can just be decoded cannot be put into something larger and encoded again: both stop at the same depth. So what is
taken apart may be nested only far less deep than that, though deeper than anything that has a use.
"""

from typing import Any

import msgspec

NESTING_MAX = 256

_decoder = msgspec.json.Decoder()


def nested_too_deeply(value: Any) -> bool:
    """Whether there are more than NESTING_MAX lists and objects within each other."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(NESTING_MAX):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return bool(level)


def _brackets(data: bytes | str) -> int:
    """How many lists and objects this JSON holds at most."""
    return data.count("[") + data.count("{") if isinstance(data, str) else data.count(b"[") + data.count(b"{")


def decode_shallow(data: bytes | str) -> Any:
    """The value of this JSON. Raises ValueError for what is none, or is nested too deeply."""
    try:
        value = _decoder.decode(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _brackets(data) > NESTING_MAX and nested_too_deeply(value):
        raise ValueError("it is nested too deeply")
    return value
