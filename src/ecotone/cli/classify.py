"""`ecotone models classify`: how open a model is, from a description of its release."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape

from ecotone.catalog.openness import ComponentState, ModelDescription, Openness, classify, read_description
from ecotone.cli.output import out, print_json, visible
from ecotone.values.errors import ConfigError

_FILE_MAX_BYTES = 500_000
_BAR_CELLS = 20
_CLASSES = ((3, "Class III  Open Model"), (2, "Class II   Open Tooling Model"), (1, "Class I    Open Science Model"))
_MARKS = {"open": "●", "not open": "◐", "no licence": "◐", "not released": "○"}
_STATES = {"open": "open", "not open": "not open", "no licence": "no licence stated", "not released": "not released"}


def run(path: Path, as_json: bool) -> None:
    """Print the class of the model that a description in the Model Openness Tool's YAML form describes."""
    description = read_description(_text(path), file=str(path))
    openness = classify(description)
    if as_json:
        print_json(_as_json(description, openness))
        return
    for line in _picture(description, openness):
        out.print(escape(visible(line)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
    if len(raw) > _FILE_MAX_BYTES:
        raise ConfigError(
            f"a description has at most {_FILE_MAX_BYTES:,} bytes; this is something else", file=str(path)
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text: save it as UTF-8", file=str(path), line=line) from error


def _as_json(description: ModelDescription, openness: Openness) -> dict[str, Any]:
    return {
        "class": openness.mof_class,
        "label": openness.label,
        "progress": {str(number): _plain(value) for number, value in openness.progress.items()},
        "name": description.name,
        "producer": description.producer,
        "word": openness.word,
        "osaid": msgspec.to_builtins(openness.osaid),
        "missing": {str(number): list(names) for number, names in openness.missing.items()},
        "components": msgspec.to_builtins(openness.components),
        "notes": list(openness.notes),
    }


def _plain(value: float) -> float:
    """100 rather than 100.0, as the tool's own JSON has it."""
    return int(value) if value.is_integer() else value


def _picture(description: ModelDescription, openness: Openness) -> Iterator[str]:
    yield " · ".join(part for part in (description.name, description.producer, openness.label, openness.word) if part)
    for number, title in _CLASSES:
        share = openness.progress[number]
        cells = int(share / 100 * _BAR_CELLS)
        yield ""
        yield f"{title:<32}{'█' * cells}{'░' * (_BAR_CELLS - cells)} {share:3.0f}%"
        for part in openness.components:
            if part.mof_class == number:
                yield _line(part)
    yield ""
    yield from _next_step(openness)
    osaid = openness.osaid
    yield f"OSI's Open Source AI Definition 1.0: {osaid.answer}"
    for name, finding in (
        ("data information", osaid.data_information),
        ("code", osaid.code),
        ("parameters", osaid.parameters),
    ):
        yield f"  {name}: {finding.answer}: {finding.reason}"
    for note in openness.notes:
        yield f"note: {note}"
    yield "● under an open licence   ◐ released, but not under one   ○ not released"


def _line(part: ComponentState) -> str:
    licence = part.licence or part.written or ""
    name = part.name if part.required else f"{part.name} (optional)"
    return f"  {_MARKS[part.state]} {name:<42}{_STATES[part.state]:<19}{licence}".rstrip()


def _next_step(openness: Openness) -> Iterator[str]:
    for number, title in _CLASSES:
        lacking = openness.missing[number]
        if lacking:
            yield f"For {' '.join(title.split()[:2])} it lacks: {', '.join(lacking)}"
            return
    yield "It lacks nothing that the framework asks for."
