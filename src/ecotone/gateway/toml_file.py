"""A TOML file that somebody wrote by hand, read into a Struct: understood whole, or refused with line and reason."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from ecotone.gateway.toml_lines import Path as TomlPath
from ecotone.gateway.toml_lines import key_lines, line_of
from ecotone.values.errors import ConfigError

S = TypeVar("S", bound=msgspec.Struct)

_WHERE = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")


class TomlFile:
    """Text of `file`, which names it in errors. Raises ConfigError if it is not TOML."""

    def __init__(self, text: str, file: Path) -> None:
        self.file = file
        self._lines = key_lines(text)
        try:
            self._data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(place[1]) if place else len(text.splitlines()) or 1
            reason = re.sub(r" \(at .*\)$", "", str(error))
            raise ConfigError(f"not TOML: {reason}", file=str(file), line=line) from None

    def error(self, path: TomlPath, reason: str) -> ConfigError:
        """The error to raise about what stands at `path`."""
        return ConfigError(reason, file=str(self.file), line=line_of(self._lines, path) or 1)

    def read(self, kind: type[S]) -> S:
        """All of it as `kind`. Raises ConfigError; for an unknown key with the near ones."""
        try:
            return msgspec.convert(self._data, kind, strict=True)
        except msgspec.ValidationError as error:
            found = _WHERE.match(str(error))
            reason, where = (found["reason"], found["path"] or "$") if found else (str(error), "$")
        path = _steps(where, self._data, kind)
        unknown = _UNKNOWN.match(reason)
        if unknown is None:
            raise self.error(path, f"{reason} in {_dotted(path)}" if path else reason)
        place = f" in [{_dotted(path)}]" if path else ""
        hint = suggestion(unknown[1], _known_keys(kind, path))
        raise self.error((*path, unknown[1]), f"unknown key {unknown[1]!r}{place}{hint}")


def read_text(file: Path, hint: str) -> str:
    """The file's text. Raises ConfigError; where there is none, with `hint` saying what to do."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no such file; {hint}", file=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(file)) from None


def suggestion(word: str, known: list[str]) -> str:
    """What to append to an error about `word`: the nearest of what is known, else all of it."""
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f" (known: {', '.join(known)})" if known else ""


def _dotted(path: TomlPath) -> str:
    return ".".join(str(step) for step in path)


def _steps(where: str, data: object, kind: Any) -> TomlPath:
    """msgspec's `$.models[...].port` as steps. It writes `[...]` for any key of a mapping: the first that is bad."""
    steps: list[str | int] = []
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", where):
        step: str | int = name or (_first_bad_key(data, kind) if index == "..." else int(index))
        steps.append(step)
        data, kind = _inside(data, step), _kind_inside(kind, step)
    return tuple(steps)


def _inside(data: object, step: str | int) -> object:
    match data:
        case dict():
            return data.get(step)
        case list() if isinstance(step, int):
            return data[step]
    return None


def _first_bad_key(data: object, kind: Any) -> str:
    for key, value in data.items() if isinstance(data, dict) else ():
        try:
            msgspec.convert(value, _kind_inside(kind, str(key)), strict=True)
        except msgspec.ValidationError:
            return str(key)
    return "..."


def _kind_inside(kind: Any, step: str | int) -> Any:
    """The type of what stands at `step` in something of type `kind`; `object` where nothing is known."""
    kind = _without_none(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return get_type_hints(kind).get(str(step), object)
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if get_origin(kind) in (tuple, list) else object


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return next(argument for argument in get_args(kind) if argument is not type(None))
    return kind


def _known_keys(kind: Any, path: TomlPath) -> list[str]:
    """The keys that the table at `path` may have."""
    for step in path:
        kind = _kind_inside(kind, step)
    kind = _without_none(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.name for field in msgspec.structs.fields(kind)]
    return []
