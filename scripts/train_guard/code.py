"""Ordinary text that everybody has: pieces of Python's standard library, its code and its documentation (PSF-2.0)."""

import random
import sysconfig
from pathlib import Path

_LINES_MAX = 5


def pieces(count: int, rng: random.Random) -> list[str]:
    """`count` pieces of a few lines each. They differ from one release of Python to another."""
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in folder.glob("*.py")) + sorted(folder.glob("[a-z]*/*.py"))
    files = [path for path in files if "site-packages" not in path.parts and "test" not in path.parts]
    found: list[str] = []
    while len(found) < count:
        lines = rng.choice(files).read_text(encoding="utf-8", errors="replace").splitlines()
        start = rng.randrange(max(1, len(lines)))
        piece = " ".join(line.strip() for line in lines[start : start + rng.randint(1, _LINES_MAX)]).strip()
        if len(piece) > 20:
            found.append(piece)
    return found
