"""The command line. Thin: what commands do is in the packages below."""

import sys

from ecotone.values.errors import EcotoneError


def main() -> None:
    """Run `ecotone`. A user's mistake ends in one line that says what to do, never in a stack trace."""
    from ecotone.cli.app import app  # imported here so that an interrupt while importing is caught, too

    try:
        app()
    except EcotoneError as error:
        print(f"ecotone: {error.message}", file=sys.stderr)  # noqa: T201 - the command line's own output
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; say nothing more
        sys.exit(0)
