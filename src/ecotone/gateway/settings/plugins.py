"""Providers and wires: those that Ecotone brings along, and those of packages installed beside it.

A package offers them by entry points: group `ecotone.providers` (a Provider, or an iterable of them) and group
`ecotone.wires` (a Wire). They are loaded once, when somebody first asks. What cannot be loaded stops nothing but
itself: it is told as a problem, and a config that names it is refused with that reason.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

import msgspec

from ecotone.catalog.provider import Provider
from ecotone.catalog.providers import PROVIDERS
from ecotone.wire import WIRES
from ecotone.wire.quirks import QUIRKS
from ecotone.wire.wire import Wire

PROVIDER_GROUP = "ecotone.providers"
WIRE_GROUP = "ecotone.wires"
T = TypeVar("T")


class Installed(msgspec.Struct, frozen=True):
    """All providers and wires by name. `problems` says what could not be loaded and why, by the entry point's name."""

    providers: Mapping[str, Provider]
    wires: Mapping[str, Wire]
    problems: Mapping[str, str]


@cache
def installed() -> Installed:
    """What there is in this process."""
    return load(entry_points(group=PROVIDER_GROUP), entry_points(group=WIRE_GROUP))


def load(providers: Iterable[EntryPoint], wires: Iterable[EntryPoint]) -> Installed:
    """The built-in rows and wires with those of these entry points, which cannot take a name that is taken."""
    all_wires = dict(WIRES)
    all_providers = dict(PROVIDERS)
    problems: dict[str, str] = {}
    for point in wires:
        try:
            wire = _wire(_loaded(point))
            _add(all_wires, wire.name, wire)
        except _Refused as refused:
            problems[point.name] = f"{_where(point)}: {refused}"
    for point in providers:
        try:
            for row in _rows(_loaded(point)):
                _add(all_providers, row.name, row)
        except _Refused as refused:
            problems[point.name] = f"{_where(point)}: {refused}"
    return Installed(all_providers, all_wires, problems)


class _Refused(Exception):
    pass


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise _Refused(f"it cannot be loaded ({type(error).__name__}: {error})") from error


def _wire(offered: object) -> Wire:
    if not isinstance(offered, Wire):
        raise _Refused(f"it is a {type(offered).__name__}, not a Wire")
    return offered


def _rows(offered: object) -> tuple[Provider, ...]:
    rows = (offered,) if isinstance(offered, Provider) else tuple(offered) if isinstance(offered, Iterable) else None
    if rows is None:
        raise _Refused(f"it is a {type(offered).__name__}, not a Provider")
    for row in rows:
        if not isinstance(row, Provider):
            raise _Refused(f"it holds a {type(row).__name__}, not a Provider")
        unknown = sorted({quirk for way in row.wires for quirk in way.quirks} - set(QUIRKS))
        if unknown:
            raise _Refused(f"provider {row.name!r} names an unknown quirk, {unknown[0]!r}")
        if not row.wires:
            raise _Refused(f"provider {row.name!r} speaks no wire")
    return tuple(row for row in rows if isinstance(row, Provider))


def _add(found: dict[str, T], name: str, value: T) -> None:
    if name in found:
        raise _Refused(f"the name {name!r} is taken")
    found[name] = value


def _where(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "an unknown package"
    return f"{point.group} entry point {point.name!r} of {package}"
