"""Which installation a command works on."""

import asyncio
import os
from pathlib import Path

from ecotone.gateway.inventory.inventory import Installation, read_installation, with_surroundings


def find_installation(config_file: Path | None, *, look_around: bool) -> Installation:
    """Read the config; where there is none, look for servers on this machine's usual ports if `look_around`.

    Raises ConfigError.
    """
    here = read_installation(config_file, os.environ, Path.cwd())
    return asyncio.run(with_surroundings(here, os.environ)) if look_around else here
