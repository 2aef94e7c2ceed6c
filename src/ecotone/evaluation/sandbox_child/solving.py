"""The process that holds the code under test: it runs the code, then answers calls until the tests are over."""

import contextlib
import operator
import os
import sys
import types
from collections.abc import Callable
from typing import Any, Final, NoReturn

from .calls import SOLUTION_FILE, Channel, Gone, Operations

_MODULE_NAME: Final = "solution"
_MUTABLE: Final = (list, dict, set, bytearray)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING_EVENTS: Final = frozenset(
    (
        "os.mkdir",
        "os.rmdir",
        "os.remove",
        "os.rename",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "os.chmod",
        "os.chown",
        "os.setxattr",
        "os.removexattr",
        "shutil.rmtree",
    )
)
_LISTING_EVENTS: Final = frozenset(("os.listdir", "os.scandir"))


def watch_files(report: Callable[[bytes], object], scratch: str, readable: list[str]) -> None:
    """End this process, with a report, when Python code reaches for a file outside the scratch folder.

    The kernel keeps the files safe; this only tells an attempt from a missing file. Reading `readable` is no attempt.
    """
    # What the code under test may replace is fetched now.
    working_folder, normal, decoded, leave = os.getcwd, os.path.normpath, os.fsdecode, os._exit
    roots = (scratch, os.devnull, "/dev/urandom")
    libraries = (*roots, *readable)

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            paths, writes = args[:1], bool(args[2] & _WRITES)
        elif event in _LISTING_EVENTS:
            paths, writes = args[:1], False
        elif event in _CHANGING_EVENTS:
            paths, writes = args[:2], True
        else:
            return
        for path in paths:
            if not isinstance(path, str | bytes):
                continue
            full = normal(f"{working_folder()}/{decoded(path)}" if decoded(path)[:1] != "/" else decoded(path))
            if not any(full == root or full.startswith(f"{root}/") for root in (roots if writes else libraries)):
                verb = "tried to change" if writes else "tried to read"
                report(f"{verb} {full}".encode(errors="replace"))
                leave(1)

    sys.addaudithook(watch)


def solve(read_fd: int, write_fd: int) -> NoReturn:
    """Serve the tests until they end."""
    channel = Channel(read_fd, write_fd, _operations, sys.modules.get)
    with contextlib.suppress(Gone):
        channel.serve_until_gone()
    os._exit(0)


def _operations(channel: Channel) -> Operations:
    def call(handle: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        result = channel.object(handle)(*args, **kwargs)
        # Lists and the like were copied on their way here; what the call did to them is to be done there too.
        return result, [value if type(value) in _MUTABLE else None for value in args]

    return {
        "run": _run,
        "call": call,
        "getattr": lambda handle, name: getattr(channel.object(handle), name),
        "setattr": lambda handle, name, value: setattr(channel.object(handle), name, value),
        "len": lambda handle: len(channel.object(handle)),
        "getitem": lambda handle, key: channel.object(handle)[key],
        "setitem": lambda handle, key, value: operator.setitem(channel.object(handle), key, value),
        "iter": lambda handle: iter(channel.object(handle)),
        "next": lambda handle: next(channel.object(handle)),
        "str": lambda handle: str(channel.object(handle)),
        "repr": lambda handle: repr(channel.object(handle)),
    }


def _run(source: str) -> dict[str, Any]:
    """The public names of the code under test once it has run."""
    module = types.ModuleType(_MODULE_NAME)
    sys.modules[_MODULE_NAME] = module
    exec(compile(source, SOLUTION_FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what this is for
    return {name: value for name, value in module.__dict__.items() if not name.startswith("__")}
