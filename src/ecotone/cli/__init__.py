"""The command line. Thin: what commands do is in the packages below."""

import sys
from io import TextIOWrapper

from ecotone.values.errors import EcotoneError


def main() -> None:
    """Run `ecotone`. A user's mistake ends in one line that says what to do, never in a stack trace."""
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
