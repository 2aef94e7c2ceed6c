"""The figures of the detectors, counted on texts whose answers are known."""

import json
import subprocess
import sys
from pathlib import Path

from bench.detectors import BEGIN, END, Counts, measured, pooled, texts


def marked(text: str, **spans: str) -> dict[str, object]:
    """A text in the data set's form; `spans` are its values by type."""
    found = [(text.index(value), value, kind) for kind, value in spans.items()]
    return {
        "full_text": text,
        "spans": [
            {"entity_type": kind, "entity_value": value, "start_position": start, "end_position": start + len(value)}
            for start, value, kind in found
        ],
    }


DATA = [
    marked("mail jane@example.com", EMAIL_ADDRESS="jane@example.com"),
    marked("card 4111111111111111 of Jane", CREDIT_CARD="4111111111111111", PERSON="Jane"),
    marked("at 192.0.2.17", IP_ADDRESS="192.0.2.17"),
]


def test_found_missed_and_false_are_counted_by_kind(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(DATA))

    def find(text: str) -> list[tuple[int, int, str]]:
        if "mail" in text:
            return [(5, 20, "email"), (0, 4, "url")]  # one character short; and one that is not there
        return [(5, 21, "credit_card")] if "card" in text else [(3, 7, "ip")]  # less than half

    result = measured("x", find, texts(file))
    assert dict(result.counts) == {
        "email": Counts(found=1),
        "url": Counts(false=1),
        "credit_card": Counts(found=1, exact=1),
        "ip": Counts(missed=1, false=1),
    }
    whole = pooled(result)
    assert (whole.found, whole.missed, whole.false, whole.exact) == (2, 1, 2, 1)
    assert (round(whole.recall, 3), round(whole.precision, 3)) == (0.667, 0.5)
    assert result.misses == [("ip", "192.0.2.17")]


def test_the_command_writes_its_tables_into_a_page(tmp_path: Path) -> None:
    file, page = tmp_path / "data.json", tmp_path / "page.md"
    file.write_text(json.dumps(DATA))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    command = [sys.executable, "-m", "bench.detectors", "--data", str(file), "--page", str(page)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert "| `email` | 1 | 1.000 | 1.000 | 1 |" in done.stdout
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n") and text.endswith(f"{END}\nafter\n")
    assert "old" not in text and "Misses of Ecotone: none." in text
