"""Data classes: names in an order, the least sensitive first."""

from collections.abc import Iterable

DEFAULT_CLASSES = ("public", "internal", "confidential", "restricted")


class DataClasses:
    """The owner's data classes. A class is its rank, 0 for the least sensitive."""

    def __init__(self, names: Iterable[str] = DEFAULT_CLASSES) -> None:
        self.names = tuple(names)
        self._ranks = {name: rank for rank, name in enumerate(self.names)}

    def rank(self, name: str) -> int:
        """Raises KeyError for a name that is no class."""
        return self._ranks[name]

    def name(self, rank: int) -> str:
        return self.names[rank]

    def __contains__(self, name: object) -> bool:
        return name in self._ranks

    def __len__(self) -> int:
        return len(self.names)
