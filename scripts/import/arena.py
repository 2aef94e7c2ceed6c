"""Makes src/ecotone/catalog/data/arena.json of a copy of LMArena's leaderboards.

    python scripts/import/arena.py FOLDER

FOLDER holds `arena-2025-12.json`: two boards of ratings with their 2.5 % and 97.5 % bounds by category and model, and
a table of organisations and licences.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path("src/ecotone/catalog/data/arena.json")
BOARDS = {"style control": "text_style_control", "plain": "text"}


def compact(source: dict[str, Any]) -> str:
    """One line a model and board, its ratings in the order of `categories`; null where it has none."""
    day = re.search(r"\d{4}-\d{2}-\d{2}", source["source"])
    if day is None:
        raise SystemExit("arena-2025-12.json does not say in `source` which day's copy it is")
    categories = sorted({category for board in BOARDS.values() for category in source[board]})
    licences = {
        row["model_api_name"]: [row["organization"], row["license"]] for row in source["prices_and_organisations"]
    }
    parts = [f'"source":{json.dumps(source["source"])}', f'"as_of":"{day.group()}"']
    parts.append(f'"categories":{json.dumps(categories)}')
    for ours, theirs in BOARDS.items():
        board = source[theirs]
        models = sorted({model for ratings in board.values() for model in ratings})
        lines = (
            f"{json.dumps(model)}:"
            + json.dumps([board.get(category, {}).get(model) for category in categories], separators=(",", ":"))
            for model in models
        )
        parts.append(f"{json.dumps(ours)}:{{\n" + ",\n".join(lines) + "\n}")
    rated = {model for board in BOARDS.values() for ratings in source[board].values() for model in ratings}
    named = (f"{json.dumps(name)}:{json.dumps(row)}" for name, row in sorted(licences.items()) if name in rated)
    parts.append('"makers":{\n' + ",\n".join(named) + "\n}")
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    text = compact(json.loads((Path(sys.argv[1]) / "arena-2025-12.json").read_text(encoding="utf-8")))
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(text):,} bytes")
