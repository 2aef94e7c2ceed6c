"""A place where a model runs, as rules see it."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True, eq=False):
    """What is known of one model at one endpoint: the fields of `model` and `endpoint` in conditions. What is not known
    is absent. Made once and kept: verdicts are remembered by the object itself."""

    model: Mapping[str, Any]
    endpoint: Mapping[str, Any]

    def fact(self, path: str) -> Any:
        """The value of a path such as `model.weights`; None where it is unknown."""
        root, _, name = path.partition(".")
        facts: Mapping[str, Any] = self.model if root == "model" else self.endpoint
        return facts.get(name)
