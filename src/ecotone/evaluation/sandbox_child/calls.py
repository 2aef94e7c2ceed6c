"""How the process with the tests calls functions in the process with the code under test.

Frames are a length and a pickle. Exact built-in values travel as they are, instances of their subclasses as the plain
value inside, a few of the standard library's value types by name; a function, class, module or any other object stays
where it is and travels as a handle. So a comparison in a test compares plain data, by the rules of plain data: what
the code under test defines as equal has no say in it.

The code under test may send any bytes it likes. The reader builds nothing but the types listed here.
"""

import builtins
import importlib
import io
import os
import pickle
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

FRAME_BYTES_MAX: Final = 16 * 1024**2
SOLUTION_FILE: Final = "<solution>"
_LENGTH_BYTES: Final = 4
_TEXT_CHARACTERS_MAX: Final = 1000

_PLAIN_BASES: Final = (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
_VALUE_TYPES: Final = frozenset(
    (
        *(("builtins", base.__name__) for base in _PLAIN_BASES),
        ("builtins", "range"),
        ("builtins", "slice"),
        ("collections", "Counter"),
        ("collections", "OrderedDict"),
        ("collections", "deque"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
    )
)


class Gone(BaseException):
    """The other side has ended. No `except Exception` in a test may swallow it."""


class Unreadable(BaseException):
    """The other side sent what is no frame."""


class Remote:
    """An object on the other side. It equals itself alone: equality that the code under test defines is not asked."""

    __slots__ = ("_ask", "_handle")

    def __init__(self, ask: Callable[..., Any], handle: int) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_handle", handle)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result, changed = self._ask("call", self._handle, args, kwargs)
        for mine, theirs in zip(args, changed, strict=False):
            _take_over(mine, theirs)
        return result

    def __getattr__(self, name: str) -> Any:
        return self._ask("getattr", self._handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", self._handle, name, value)

    def __len__(self) -> Any:
        return self._ask("len", self._handle)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("getitem", self._handle, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("setitem", self._handle, key, value)

    def __iter__(self) -> Any:
        return self._ask("iter", self._handle)

    def __next__(self) -> Any:
        return self._ask("next", self._handle)

    def __str__(self) -> Any:
        return self._ask("str", self._handle)

    def __repr__(self) -> Any:
        return self._ask("repr", self._handle)


def handle_of_sender(handle: int) -> None:
    """Stands in a frame for an object that stays with the sender."""


def handle_of_receiver(handle: int) -> None:
    """Stands in a frame for an object that the receiver once sent a handle of."""


def module_named(name: str) -> None:
    """Stands in a frame for a module."""


_STAND_INS: Final = (handle_of_sender, handle_of_receiver, module_named)


class Raised(NamedTuple):
    """An exception of the other side: its class and that class's bases by name, its text, the number of an OSError,
    and the innermost line of it in the code under test."""

    names: tuple[str, ...]
    text: str
    number: int | None
    line: int | None


Operations = Mapping[str, Callable[..., Any]]


class Channel:
    """One end. `operations` are what the other end may ask for, `module` is what stands for a module of its.

    Asking is synchronous: while an answer is awaited, questions of the other side are served. `on_raised` is told of an
    exception on the other side before its like is raised here.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        operations: Callable[["Channel"], Operations],
        module: Callable[[str], Any],
        on_raised: Callable[[Raised, BaseException], None] = lambda raised, error: None,
    ) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._operations = operations(self)
        self._module = module
        self._on_raised = on_raised
        self._objects: dict[int, Any] = {}
        self._handles: dict[int, int] = {}

    def ask(self, operation: str, *arguments: Any) -> Any:
        """Have the other side do something and give the result. Raises what it raised, as a built-in exception."""
        self._send(("ask", (operation, arguments)))
        while True:
            kind, content = self._receive()
            if kind == "value":
                return content
            if kind == "raised":
                raised = _read_raised(content)
                error = _exception(raised)
                self._on_raised(raised, error)
                raise error
            if kind != "ask":
                raise Unreadable("a frame of an unknown kind")
            self._serve(content)

    def serve_until_gone(self) -> None:
        """Answer questions for as long as the other side lives. Raises `Gone` at its end."""
        while True:
            self._serve(self._receive()[1])

    def _serve(self, question: Any) -> None:
        try:
            operation, arguments = question
            answer = _packed(("value", self._operations[operation](*arguments)), self._handle)
        except (Gone, Unreadable):
            raise
        except BaseException as error:  # also SystemExit: what it means is for the other side to say
            answer = _packed(("raised", tuple(_raised(error))), self._handle)
        self._write(answer)

    def object(self, handle: int) -> Any:
        """The object on this side that a handle names. Raises KeyError."""
        return self._objects[handle]

    def _handle(self, value: Any) -> int:
        handle = self._handles.setdefault(id(value), len(self._handles))
        self._objects[handle] = value
        return handle

    def _send(self, frame: tuple[str, Any]) -> None:
        self._write(_packed(frame, self._handle))

    def _write(self, content: bytes) -> None:
        rest = memoryview(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
        try:
            while rest:
                rest = rest[os.write(self._write_fd, rest) :]
        except OSError as error:
            raise Gone from error

    def _receive(self) -> tuple[str, Any]:
        length = int.from_bytes(read_exactly(self._read_fd, _LENGTH_BYTES), "big")
        if length > FRAME_BYTES_MAX:
            raise Unreadable(f"a frame of {length} bytes")
        content = read_exactly(self._read_fd, length)
        try:
            kind, value = _Unpickler(io.BytesIO(content), self).load()
        except Exception as error:
            raise Unreadable(f"{type(error).__name__} in reading a frame") from error
        return kind, value

    def remote(self, handle: int) -> Remote:
        """What stands here for an object of the other side."""
        return Remote(self.ask, handle)

    def module(self, name: str) -> Any:
        """What stands here for a module of the other side."""
        return self._module(name)


class _Pickler(pickle.Pickler):
    """Called for everything but exact built-in values: those the pickler writes by itself."""

    def __init__(self, file: io.BytesIO, handle_of: Callable[[Any], int]) -> None:
        super().__init__(file, protocol=5)
        self._handle_of = handle_of

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind is Remote:
            return handle_of_receiver, (object.__getattribute__(value, "_handle"),)
        if kind is types.ModuleType:
            return module_named, (value.__name__,)
        if value in _STAND_INS if kind is types.FunctionType else _is_value_type(value if kind is type else kind):
            return NotImplemented
        for base in _PLAIN_BASES:
            if isinstance(value, base):
                return base, (_TAKE[base](value),)
        return handle_of_sender, (self._handle_of(value),)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, channel: Channel) -> None:
        super().__init__(file)
        self._channel = channel

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__:
            channel = self._channel
            makers = {
                handle_of_sender.__name__: channel.remote,
                handle_of_receiver.__name__: channel.object,
                module_named.__name__: channel.module,
            }
            return makers[name]
        if (module, name) not in _VALUE_TYPES:
            raise pickle.UnpicklingError(f"{module}.{name} is no plain value")
        # Not the type itself: a pickle can set attributes on what it was given, and a type would keep them.
        return type.__call__.__get__(getattr(importlib.import_module(module), name))


def _packed(frame: tuple[str, Any], handle_of: Callable[[Any], int]) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, handle_of).dump(frame)
    if buffer.tell() > FRAME_BYTES_MAX:
        raise ValueError(f"a value of more than {FRAME_BYTES_MAX // 1024**2} MB cannot be handed over")
    return buffer.getvalue()


def _raised(error: BaseException) -> Raised:
    line = innermost_line(error, SOLUTION_FILE)
    if isinstance(error, SyntaxError) and error.filename == SOLUTION_FILE:
        line = error.lineno
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error)[:_TEXT_CHARACTERS_MAX]
    except Exception as failure:  # the code under test defines what its exceptions say
        text = f"(its text raised {type(failure).__name__})"
    number = error.errno if isinstance(error, OSError) else None
    return Raised(tuple(kind.__name__ for kind in type(error).__mro__), text, number, line)


def _read_raised(content: Any) -> Raised:
    match content:
        case (tuple(names), str(text), int() | None as number, int() | None as line) if names:
            return Raised(tuple(str(name) for name in names), text, number, line)
    raise Unreadable("an exception without a name")


def _exception(raised: Raised) -> BaseException:
    """The nearest built-in exception."""
    for name in raised.names:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            try:
                return kind(raised.text)
            except TypeError:  # as UnicodeDecodeError, which wants five arguments
                continue
    return RuntimeError(raised.text)


def innermost_line(error: BaseException, file_name: str) -> int | None:
    """The last line of a file on an exception's way."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file_name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _take_over(mine: Any, theirs: Any) -> None:
    """Make a list or the like what a call on the other side made of its copy."""
    if type(mine) is not type(theirs):
        return
    if type(mine) in (list, bytearray):
        mine[:] = theirs
    elif type(mine) in (dict, set):
        mine.clear()
        mine.update(theirs)


def _is_value_type(kind: type) -> bool:
    return (kind.__module__, kind.__qualname__) in _VALUE_TYPES


# What builds the built-in value inside an instance of a subclass, past any method that the subclass defines.
_TAKE: Final[dict[type, Callable[[Any], Any]]] = {
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: list(bytes.__iter__(value)),
    bytearray: lambda value: list(bytearray.__iter__(value)),
    tuple: lambda value: list(tuple.__iter__(value)),
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: list(dict.items(value)),
    set: lambda value: list(set.__iter__(value)),
    frozenset: lambda value: list(frozenset.__iter__(value)),
}


def read_exactly(fd: int, size: int) -> bytes:
    """`size` bytes. Raises `Gone` where the stream ends before."""
    parts: list[bytes] = []
    while size:
        part = os.read(fd, min(size, 1024**2))
        if not part:
            raise Gone
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
