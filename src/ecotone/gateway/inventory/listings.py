"""The catalog's listing that is newer than the package's, where one was fetched."""

from pathlib import Path

from ecotone.gateway.settings.paths import Home


def listing_file(home: Home) -> Path:
    """Where a refresh leaves it."""
    return home.folder / "catalog" / "models_dev.json"


def stored_listing(home: Home) -> str | None:
    """The text of the listing that an earlier refresh left, for the catalog's functions; None if there is none."""
    file = listing_file(home)
    return file.read_text(encoding="utf-8") if file.exists() else None
