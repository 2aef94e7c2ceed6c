"""The command line. Thin: what commands do is in the packages below."""

import atexit
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from ecotone.values.errors import EcotoneError


def main() -> None:
    """Run `ecotone`. A user's mistake ends in one line that says what to do, never in a stack trace."""
    try:
        _run()
    except SystemExit as end:
        if "pyreqwest" in sys.modules:
            _leave(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


def _run() -> None:
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that lacks a character must not end the command
        from ecotone.cli.app import app  # imported here so that an interrupt while importing is caught, too

        app()
    except EcotoneError as error:
        from ecotone.cli.output import visible

        sys.stderr.write(f"ecotone: {visible(error.message)}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; say nothing more
        sys.exit(0)


def _leave(status: int) -> None:
    """End the process without taking the interpreter apart.

    pyreqwest's thread lives as long as the process, whatever is closed; one that lets go of a Python object while the
    interpreter is taken apart aborts the process (docs/decisions/0001-http-client.md).
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it, or it is closed
            stream.flush()
    os._exit(status)
