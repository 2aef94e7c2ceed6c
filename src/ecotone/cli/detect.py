"""`ecotone detect`: the sensitive data in a text, where it stands, and who says so."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ecotone.cli.output import out, print_json, print_table
from ecotone.cli.text_input import read_text
from ecotone.gateway.build import load_config
from ecotone.gateway.settings.paths import find_config, find_home
from ecotone.policy.classes import DataClasses
from ecotone.policy.detectors import Detectors
from ecotone.policy.findings import Finding

_SHOWN_CHARS = 2
_MASKED_CHARS_MIN = 8
_MASK_MAX_CHARS = 24


def run(file: str, config_file: Path | None, as_json: bool) -> None:
    """Print what the detectors that the config asks for find in a file (`-`: standard input). Raises ConfigError."""
    detectors, _ = _detectors(config_file)
    text = read_text(file)
    findings = detectors.find(text)
    if as_json:
        print_json({"findings": list(_in_json(findings))})
    elif findings:
        print_table(("line", "characters", "kind", "found", "detector"), _rows(text, findings))
    else:
        out.print("nothing found")


def kinds(config_file: Path | None, as_json: bool) -> None:
    """Print all kinds that can be found, and the class to which each raises a request. Raises ConfigError."""
    detectors, classes = _detectors(config_file)
    raised = {kind: classes.name(detectors.rank(kind)) for kind in detectors.kinds}
    if as_json:
        print_json({"kinds": [{"kind": kind, "class": name} for kind, name in raised.items()]})
    else:
        print_table(("kind", "raises to"), raised.items())


def _detectors(config_file: Path | None) -> tuple[Detectors, DataClasses]:
    config = load_config(find_config(config_file, find_home(os.environ), Path.cwd()))
    return Detectors(config.data), DataClasses(config.data.classes)


def _in_json(findings: Iterable[Finding]) -> Iterator[dict[str, str | int]]:
    for one in findings:
        yield {"kind": one.kind, "start": one.start, "end": one.end, "detector": one.detector}


def _rows(text: str, findings: Iterable[Finding]) -> Iterator[tuple[str, ...]]:
    line, counted = 1, 0
    for one in findings:
        line += text.count("\n", counted, one.start)
        counted = one.start
        found = masked(text[one.start : one.end])
        yield str(line), f"{one.start}-{one.end}", one.kind, found, one.detector


def masked(value: str) -> str:
    """A value by its first and last characters, so that its owner knows it and nobody else does."""
    shown = _SHOWN_CHARS if len(value) >= _MASKED_CHARS_MIN else 0
    hidden = "*" * min(len(value) - 2 * shown, _MASK_MAX_CHARS)
    return " ".join(f"{value[:shown]}{hidden}{value[len(value) - shown :]}".split())
