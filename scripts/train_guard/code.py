"""Ordinary text that everybody has: pieces of Python's standard library, its code and its documentation (PSF-2.0)."""

import random
import sysconfig
from pathlib import Path


def pieces(count: int, rng: random.Random, *, lines_max: int = 5, chars_min: int = 21) -> list[str]:
    """`count` pieces of one to a few lines each. They differ from one release of Python to another."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in folder.glob("*.py")) + sorted(folder.glob("[a-z]*/*.py"))
    files = [path for path in files if "site-packages" not in path.parts and "test" not in path.parts]
    found: list[str] = []
    while len(found) < count:
        lines = rng.choice(files).read_text(encoding="utf-8", errors="replace").splitlines()
        start = rng.randrange(max(1, len(lines)))
        piece = " ".join(line.strip() for line in lines[start : start + rng.randint(1, lines_max)]).strip()
        if len(piece) >= chars_min:
            found.append(piece)
    return found
