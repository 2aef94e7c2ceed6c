"""Writing TOML. Python reads it but does not write it; what a config holds is little enough."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(data: Mapping[str, Any]) -> str:
    """The TOML text of str, int, float, bool, lists of these, mappings, and lists of mappings. None is left out,
    since TOML has no word for it. Keys keep their order, except that plain values come before tables."""
    return "\n".join(_table(data, ())) + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in data.items():
        if value is not None and not _is_table(value) and not _is_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in data.items():
        name = ".".join(map(_key, (*path, key)))
        if _is_table(value):
            if not value or any(not _is_table(inner) for inner in value.values()):
                yield f"\n[{name}]"
            yield from _table(value, (*path, key))
        elif _is_tables(value):
            for element in value:
                yield f"\n[[{name}]]"
                yield from _table(element, (*path, key))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and _is_table(value[0])


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else quoted(key)


def quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, which also wants DEL escaped."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int() | float():
            return repr(value)
    return f"[{', '.join(map(_value, value))}]"
