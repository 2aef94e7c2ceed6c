"""The library that evaluates CEL: the only file that knows it.

Its package imports a whole command line with it, which takes 0.5 s and more; the extension module inside it takes
some 30 ms and is all that is needed.
"""

import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

import msgspec

_EXTENSION = "cel.cel"


class LibraryFault(Exception):
    """An expression could not be compiled or evaluated, and why."""


class Fault(msgspec.Struct, frozen=True):
    """An evaluation that came to nothing, and why. `unknown` is the field that was asked for and is not there."""

    reason: str
    unknown: str | None = None


def _extension() -> ModuleType:
    loaded = sys.modules.get(_EXTENSION)
    if loaded is not None:
        return loaded
    package = PathFinder.find_spec("cel")
    inside = None if package is None else package.submodule_search_locations
    found = None if inside is None else PathFinder.find_spec(_EXTENSION, inside)
    if found is None or found.loader is None:
        raise ImportError("the package common-expression-language is not installed as it should be")
    module = module_from_spec(found)
    sys.modules[_EXTENSION] = module
    found.loader.exec_module(module)
    return module


_cel = _extension()


def constant(text: str) -> Any:
    """The value of an expression without variables. Raises LibraryFault."""
    try:
        return _cel.evaluate(text)
    except BaseException as error:
        raise LibraryFault(_reason(error)) from None


class Program:
    """A compiled expression. Raises LibraryFault for one that cannot be compiled."""

    def __init__(self, text: str) -> None:
        try:
            self._program = _cel.compile(text)
        except BaseException as error:
            raise LibraryFault(_reason(error)) from None

    @property
    def names(self) -> frozenset[str]:
        """The variables that the library reads in it, those of its loops included."""
        return frozenset(self._program.variables())

    def value(self, context: "Context") -> Any:
        """What it comes to; a Fault where it comes to nothing."""
        try:
            return self._program.execute(context.inner)
        except KeyError as error:
            return Fault(f"{error.args[0]} is unknown", str(error.args[0]))
        except BaseException as error:
            return Fault(_reason(error))

    def holds(self, context: "Context") -> bool | Fault:
        """Is it true? A Fault where that cannot be said."""
        answer = self.value(context)
        return answer if isinstance(answer, bool | Fault) else Fault("neither true nor false")


class Context:
    """The values of variables, made ready once for many programs. Raises LibraryFault for what is no value of CEL, such
    as a text with half a surrogate pair."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        try:
            self.inner = _cel.Context(dict(values))
        except BaseException as error:
            raise LibraryFault(_reason(error)) from None

    def put(self, name: str, value: Any) -> None:
        """Give a variable another value. Raises LibraryFault."""
        try:
            self.inner.add_variable(name, value)
        except BaseException as error:
            raise LibraryFault(_reason(error)) from None


def _reason(error: BaseException) -> str:
    """What went wrong, of the many kinds of exceptions that the library raises; a panic in its Rust is one, too, and no
    Exception. What is not the library's (an interrupt) is raised on."""
    if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
        raise error
    return str(error).partition("\n")[0].partition(". Check ")[0].partition(". CEL does not ")[0]
