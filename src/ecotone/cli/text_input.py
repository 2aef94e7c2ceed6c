"""Text that a command is given: a file, or standard input."""

import sys
from pathlib import Path

from ecotone.values.errors import ConfigError

_MAX_BYTES = 50_000_000


def read_text(file: str) -> str:
    """The text of a file in UTF-8; `-` stands for standard input. Raises ConfigError."""
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=file) from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"larger than {_MAX_BYTES:,} bytes: split it", file=file)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text: save it as UTF-8", file=file, line=line) from error
