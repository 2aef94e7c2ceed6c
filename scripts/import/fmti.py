#!/usr/bin/env python3
"""Write src/ecotone/catalog/data/fmti.json: points of companies in the Foundation Model Transparency Index.

python scripts/import/fmti.py FOLDER

FOLDER holds the index's table `fmti-2025-12-scores.csv`: one row per indicator, one column per company, 0 or 1. A
company's score is the sum of its column.
"""

import csv
import json
import sys
from pathlib import Path

TABLE = "fmti-2025-12-scores.csv"
TARGET = Path(__file__).parents[2] / "src/ecotone/catalog/data/fmti.json"


def scores(table: str) -> dict[str, int]:
    """Company to sum of its indicators, from the text of the table; ValueError if a cell is neither 0 nor 1."""
    rows = list(csv.DictReader(table.splitlines()))
    companies = [name for name in (rows[0] if rows else {}) if name != "Indicator"]
    for row in rows:
        for company in companies:
            if row[company] not in {"0", "1"}:
                raise ValueError(f"{row['Indicator']}, {company}: {row[company]!r} is neither 0 nor 1")
    return {company: sum(int(row[company]) for row in rows) for company in companies}


def index(table: str) -> str:
    """The shipped file's text."""
    content = {
        "title": "Foundation Model Transparency Index of December 2025",
        "address": "https://github.com/stanford-crfm/fmti",
        "published": "2025-12",
        "indicators": len(list(csv.DictReader(table.splitlines()))),
        "scores": scores(table),
    }
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(index((Path(sys.argv[1]) / TABLE).read_text(encoding="utf-8")), encoding="utf-8")
