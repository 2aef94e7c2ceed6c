"""Rules for common wishes, as files to copy: each with a comment that says what it does, and with tests of its own."""

from functools import cache
from importlib.resources import files


@cache
def starters() -> dict[str, str]:
    """The text of every starter, by name, in alphabetical order."""
    found = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml")]
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(found, key=lambda entry: entry.name)
    }


def summary(text: str) -> str:
    """What a starter does: the first paragraph of the comment at its top."""
    lines = []
    for line in text.splitlines():
        words = line.removeprefix("#").strip()
        if not line.startswith("#") or not words:
            break
        lines.append(words)
    return " ".join(lines)
