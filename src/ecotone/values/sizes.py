"""Sizes in words."""


def in_bytes(size: int) -> str:
    """A size for people, in decimal units as model files are listed with."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
