"""`ecotone guard`: the content guard's scores of a text, by category."""

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.markup import escape

from ecotone.cli.output import out, print_json, print_table, visible
from ecotone.cli.text_input import read_text
from ecotone.policy.guard.categories import MEANINGS
from ecotone.policy.guard.classifier import Classifier

_SHOWN_CHARS = 60
_BYTE_ORDER_MARK = "\ufeff"


def run(file: str, lines: bool, as_json: bool) -> None:
    """Print what the shipped classifier makes of a file (`-`: standard input), whole or line by line."""
    classifier = Classifier.shipped()
    text = read_text(file).removeprefix(_BYTE_ORDER_MARK)
    if not lines:
        found = _judged(classifier, text)
        if as_json:
            print_json(found)
        else:
            _show(found)
        return
    rows = ((number, line) for number, line in enumerate(_lines(text), 1))
    if as_json:
        for number, line in rows:
            out.out(msgspec.json.encode({"line": number} | _judged(classifier, line)).decode(), highlight=False)
        return
    print_table(("line", "verdict", "score", "category", "text"), (_row(classifier, *row) for row in rows))


def _lines(text: str) -> list[str]:
    """Lines as other programs count them: only a line feed, or one after a carriage return, ends one."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _judged(classifier: Classifier, text: str) -> dict[str, Any]:
    scores = classifier.scores(text)
    flagged = any(score >= classifier.threshold for score in scores.values())
    return {"verdict": "flag" if flagged else "allow", "threshold": classifier.threshold, "scores": scores}


def _row(classifier: Classifier, number: int, line: str) -> tuple[str, ...]:
    found = _judged(classifier, line)
    category, score = max(found["scores"].items(), key=lambda item: item[1])
    shown = line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"
    return str(number), found["verdict"], f"{score:.2f}", category if found["verdict"] == "flag" else "", shown


def _show(found: dict[str, Any]) -> None:
    for line in _table(found):
        out.print(escape(visible(line)))


def _table(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['verdict']} (a score of {found['threshold']:.2f} or more flags)"
    for category, score in sorted(found["scores"].items(), key=lambda item: -item[1]):
        yield f"  {score:.2f}  {category:<17}{MEANINGS[category]}"
