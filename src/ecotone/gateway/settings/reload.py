"""Noticing that the config file has changed, and saying what its change comes to."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from ecotone.gateway.settings.config import Config, ModelConfig

Signature = tuple[int, int, int] | None

_ONLY_AT_START = (
    ("server", "host"),
    ("server", "port"),
    ("server", "drain_s"),
    ("engine", "memory_mb"),
    ("engine", "idle_unload_s"),
)


class RefusedConfig(msgspec.Struct, frozen=True):
    """What the config file says and is not in force: `why`, in words for the owner, and since when the two differ."""

    why: str
    since: datetime


class FileWatch:
    """Tells when a file was written, replaced, removed or came back, by its state on disk."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = self._signature()

    def _signature(self) -> Signature:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def changed(self) -> bool:
        """Has the file changed since the last call?"""
        seen, self._seen = self._seen, self._signature()
        return seen != self._seen


def told_changes(before: Config, now: Config) -> str:
    """What differs between two configs, in words: `assistant: local -> fake; model fake added`."""
    if before == now:
        return "nothing changed"
    changes = [
        *_routes(before, now),
        *_models(before.models, now.models),
        *_rules(before, now),
        *_settings(before, now),
    ]
    return "; ".join(changes) or "nothing that takes effect now"


def lost_rules(before: Config, now: Config) -> str | None:
    """Why `now` is not to follow `before` in a gateway that runs: it says nothing of rules, as a file does that was cut
    off while it was saved, and data would flow that must not. None if it may."""
    if not before.rules or now.rules is not None:
        return None
    return (
        f"the rules are gone, and there are {len(before.rules)} in force; to do without rules, write `rules = []` at"
        " the top of the file, or restart"
    )


def weakened(before: Config, now: Config) -> tuple[str, ...]:
    """What protected data in `before` and is gone in `now`, in words: rules, and the classes of callers, routes and
    all requests. A file that was cut off while it was saved loses them without a sound."""
    return (*_gone_rules(before, now), *_gone_classes(before, now))


def _gone_rules(before: Config, now: Config) -> Iterator[str]:
    old, new = ([rule.name for rule in config.rules or ()] for config in (before, now))
    for name in old:
        if name is not None and name not in new:
            yield f"rule {name!r}"
    unnamed = old.count(None) - new.count(None)
    if unnamed > 0:
        yield f"{unnamed} rule{'s' if unnamed > 1 else ''} without a name"


def _gone_classes(before: Config, now: Config) -> Iterator[str]:
    if before.data.default is not None and now.data.default is None:
        yield f"the class {before.data.default!r} of all requests"
    for caller, settings in before.principals.items():
        left = now.principals.get(caller)
        if settings.data_class is not None and (left is None or left.data_class is None):
            yield f"the class {settings.data_class!r} of [principals.{caller}]"
    for name, route in before.routes.items():
        # Nobody can ask for a route that is gone.
        if route.data_class is not None and name in now.routes and now.routes[name].data_class is None:
            yield f"the class {route.data_class!r} of [routes.{name}]"


def only_after_restart(at_start: Config, now: Config) -> tuple[str, ...]:
    """Settings of `now` that are not in force in a gateway that started with `at_start`, like `[server] port`."""
    return tuple(
        f"[{table}] {key}"
        for table, key in _ONLY_AT_START
        if getattr(getattr(now, table), key) != getattr(getattr(at_start, table), key)
    )


def _rules(before: Config, now: Config) -> Iterator[str]:
    if (before.rules or ()) != (now.rules or ()) or before.rule_tests != now.rule_tests:
        yield f"rules changed: there are {len(now.rules or ())}"
    if before.principals != now.principals:
        yield "[principals] changed"


def _routes(before: Config, now: Config) -> Iterator[str]:
    for name, route in now.routes.items():
        models = ", ".join(route.models)
        known = before.routes.get(name)
        if known is None:
            yield f"route {name} added: {models}"
        elif known.models != route.models:
            yield f"{name}: {', '.join(known.models)} -> {models}"
        elif known != route:
            yield f"route {name} changed"
    for name in before.routes:
        if name not in now.routes:
            yield f"route {name} removed"


def _models(before: Mapping[str, ModelConfig], now: Mapping[str, ModelConfig]) -> Iterator[str]:
    verbs = {
        "added": [name for name in now if name not in before],
        "changed": [name for name in now if name in before and now[name] != before[name]],
        "removed": [name for name in before if name not in now],
    }
    for verb, names in verbs.items():
        if names:
            yield f"model{'s' if len(names) > 1 else ''} {', '.join(names)} {verb}"


def _settings(before: Config, now: Config) -> Iterator[str]:
    """Settings that changed and are in force at once."""
    for table in ("server", "engine", "retention", "organisation", "data", "guard"):
        old, new = getattr(before, table), getattr(now, table)
        for key in new.__struct_fields__:
            if (table, key) not in _ONLY_AT_START and getattr(old, key) != getattr(new, key):
                yield f"[{table}] {key} changed"
