"""A TOML file that somebody wrote by hand, read into a Struct: understood whole, or refused with line and reason."""

import re
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from ecotone.gateway.settings.toml_lines import Path as TomlPath
from ecotone.gateway.settings.toml_lines import key_lines, line_of
from ecotone.values.errors import ConfigError

S = TypeVar("S", bound=msgspec.Struct)

_WHERE = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
# How vendors begin the keys that they give out, and long strings of digits and letters as no word or name has them.
_SECRET = re.compile(
    r"(?:sk|pk|rk|xai|nvapi|csk|tgp|pplx|eco|gsk|hf|fw|r8|ghp|glpat)[-_][A-Za-z0-9_-]*[A-Za-z0-9]{16,}"
    r"|(?:sk|xai|nvapi|csk|pplx)-.+"
    r"|AIza[A-Za-z0-9_-]{16,}|AKIA[A-Z0-9]{12,}|eyJ[A-Za-z0-9_-]{16,}.*"
    r"|(?=[^_]*\d)[A-Za-z0-9]{24,}"
    r"|(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_]{20,}"
)
Advice = Callable[[TomlPath, object], str | None]
"""What to say about the key at a path that is unknown, or that may not have this value; None: what is near."""


def _no_advice(_: TomlPath, __: object) -> str | None:
    return None


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

    def read(self, kind: type[S], advice: Advice = _no_advice) -> S:
        """All of it as `kind`. Raises ConfigError, with what may stand there instead."""
        try:
            return msgspec.convert(self._data, kind, strict=True)
        except msgspec.ValidationError as error:
            found = _WHERE.match(str(error))
            reason, where = (found["reason"], found["path"] or "$") if found else (str(error), "$")
        path = _steps(where, self._data, kind)
        unknown = _UNKNOWN.match(reason)
        if unknown is None:
            raise self.error(path, self._wrong_value(reason, path, kind, advice))
        place = f" in [{_dotted(path)}]" if path else ""
        path = (*path, unknown[1])
        hint = advice(path, self._value(path)) or suggestion(unknown[1], _known_keys(kind, path[:-1]))
        raise self.error(path, f"unknown key {unknown[1]!r}{place}{hint}")

    def _wrong_value(self, reason: str, path: TomlPath, kind: Any, advice: Advice) -> str:
        """What is wrong with the value at `path`, and what to write."""
        if not path:
            return reason
        value, wanted = self._value(path), _without_none(_kind_at(kind, path))
        if get_origin(wanted) is Literal and isinstance(value, str):
            allowed = [str(choice) for choice in get_args(wanted)]
            hint = advice(path, value) or suggestion(value, allowed)
            return f"{_dotted(path)} cannot be {shown(value)}{hint}"
        example = _example(path, value, wanted) if reason.startswith("Expected ") else ""
        return f"{reason} in {_dotted(path)}{example}"

    def _value(self, path: TomlPath) -> object:
        value: object = self._data
        for step in path:
            value = _inside(value, step)
        return value


def read_text(file: Path, hint: str) -> str:
    """The file's text. Raises ConfigError; where there is none, with `hint` saying what to do."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no such file; {hint}", file=str(file)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(file)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is no text in UTF-8 (byte {error.start + 1}); save it as such", file=str(file)) from None


def looks_like_secret(text: str) -> bool:
    """Is this likely a key or a token, rather than a name?"""
    return _SECRET.fullmatch(text) is not None


def shown(text: str) -> str:
    """The text in quotes as a message may show it: without user and password, and not at all if it looks like a key."""
    if looks_like_secret(text):
        return "what is there (it looks like a key, so it is not shown)"
    return repr(re.sub(r"//[^/\s]*@", "//", text))


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
        named = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
        return get_type_hints(kind).get(named.get(str(step), str(step)), object)
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if get_origin(kind) in (tuple, list) else object


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return next(argument for argument in get_args(kind) if argument is not type(None))
    return kind


def _kind_at(kind: Any, path: TomlPath) -> Any:
    for step in path:
        kind = _kind_inside(kind, step)
    return kind


def _example(path: TomlPath, value: object, wanted: Any) -> str:
    """How to write a value of the type that is wanted at `path`."""
    key = next(str(step) for step in reversed(path) if isinstance(step, str))
    element = (get_args(wanted) or (None,))[0]
    if get_origin(wanted) in (tuple, list):
        if isinstance(element, type) and issubclass(element, msgspec.Struct):
            return f"; write [[{_dotted(path)}]] above each"
        inner = (
            f'"{value}"' if isinstance(value, str) and value.isprintable() and not looks_like_secret(value) else "..."
        )
        return f"; write a list: {key} = [{inner}]"
    if get_origin(wanted) is dict or (isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)):
        return f"; write a table: [{_dotted(path)}{'.NAME' if get_origin(wanted) is dict else ''}]"
    words = {
        str: f'; write it in quotes: {key} = "..."',
        bool: "; write true or false, without quotes",
        int: "; write a whole number, without quotes",
        float: "; write a number, without quotes",
    }
    return words.get(wanted, "")


def _known_keys(kind: Any, path: TomlPath) -> list[str]:
    """The keys that the table at `path` may have."""
    kind = _without_none(_kind_at(kind, path))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(kind)]
    return []
