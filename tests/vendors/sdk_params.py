"""What the SDK's own request types say of a JSON value: typed dicts closed, iterables taken as the arrays they become.

Checked by hand rather than by pydantic, which looks into an iterable only when somebody iterates over it.
"""

import collections.abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

SCALARS: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}


@dataclass(frozen=True)
class Breach:
    """What is wrong and where; `kind` is "missing", "unknown", "type" or "value"."""

    path: tuple[str | int, ...]
    kind: str
    expected: str


def breaches(
    hint: Any, value: Any, optional: Mapping[str, frozenset[str]], path: tuple[str | int, ...] = ()
) -> list[Breach]:
    """All that is wrong with `value` as this type. `optional`: fields, by the name of their typed dict, that the vendor
    does not insist on though the SDK's type does."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (Any, object):
        return []
    if is_typeddict(hint):
        return list(_object(hint, value, optional, path))
    if hint in SCALARS:
        fits = isinstance(value, SCALARS[hint]) and (hint is bool or not isinstance(value, bool))
        return [] if fits else [Breach(path, "type", hint.__name__)]
    if hint in (None, NoneType):
        return [] if value is None else [Breach(path, "type", "null")]
    if origin in (Annotated, Required, NotRequired):
        return breaches(arguments[0], value, optional, path)
    if origin is Literal:
        alike = [known for known in arguments if type(known) is type(value)]
        kind = "value" if alike else "type"
        return [] if value in alike else [Breach(path, kind, ", ".join(map(repr, arguments)))]
    if origin in (Union, UnionType):
        return _nearest([breaches(member, value, optional, path) for member in arguments], path)
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(value, dict):
            return [Breach(path, "type", "object")]
        return [found for key in value for found in breaches(arguments[1], value[key], optional, (*path, key))]
    # List, Iterable, and the SDK's own protocol for sequences of strings.
    if not isinstance(value, list):
        return [Breach(path, "type", "array")]
    entries = enumerate(value)
    return [found for index, entry in entries for found in breaches(arguments[0], entry, optional, (*path, index))]


@cache
def _fields(hint: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The fields of a typed dict, and which of them it marks as required. (Its own `__required_keys__` misses marks in
    annotations that are evaluated late.)"""
    fields = get_type_hints(hint, include_extras=True)
    return fields, frozenset(name for name, inner in fields.items() if get_origin(inner) is Required)


def _object(
    hint: Any, value: Any, optional: Mapping[str, frozenset[str]], path: tuple[str | int, ...]
) -> Iterator[Breach]:
    if not isinstance(value, dict):
        yield Breach(path, "type", "object")
        return
    fields, required = _fields(hint)
    for name in sorted(required - optional.get(hint.__name__, frozenset()) - value.keys()):
        yield Breach((*path, name), "missing", "")
    for name, inner in value.items():
        if name in fields:
            yield from breaches(fields[name], inner, optional, (*path, name))
        else:
            yield Breach((*path, name), "unknown", "")


def _nearest(branches: list[list[Breach]], path: tuple[str | int, ...]) -> list[Breach]:
    """The breaches of the alternative that was meant: one whose kind the value has, the one with the fewest."""
    if any(not branch for branch in branches):
        return []
    strays = [[found for found in branch if is_stray(found, path)] for branch in branches]
    meant = [branch for branch, stray in zip(branches, strays, strict=True) if not stray]
    if all(Breach((*path, "role"), "unknown", "") in branch for branch in meant):
        # A message of an unknown role is one all the same.
        meant += [stray for stray in strays if [found.path for found in stray] == [(*path, "role")]]
    if meant:
        return min(meant, key=len)
    tags = [found for stray in strays for found in stray if found.kind == "value"]
    if tags:
        return [Breach(tags[0].path, "value", ", ".join(dict.fromkeys(found.expected for found in tags)))]
    missing = [found for stray in strays for found in stray if found.kind == "missing"]
    return missing[:1] or [Breach(path, "type", "one of its documented types")]


def is_stray(found: Breach, path: tuple[str | int, ...]) -> bool:
    """True if this breach says that the value is no such thing at all, rather than a faulty one."""
    if found.kind == "missing":
        return found.path == (*path, "type")
    return found.kind != "unknown" and found.path in (path, (*path, "type"), (*path, "role"))
