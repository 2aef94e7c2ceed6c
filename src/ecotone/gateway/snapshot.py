"""One config in force: its names and its rules, swapped as a whole."""

import msgspec

from ecotone.gateway.models import Directory
from ecotone.gateway.ruling import Ruling


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """What a request keeps from its beginning until it sends. `epoch` counts the configs of this process: clearances
    of another one are stale."""

    directory: Directory
    ruling: Ruling
    epoch: int
