"""`ecotone rules try`: what would become of a text, and why. Nothing is sent."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ecotone.cli.detect import masked
from ecotone.cli.layout import put
from ecotone.cli.output import print_json, print_table
from ecotone.cli.rules import fact_in_words, rulebook
from ecotone.cli.text_input import read_text
from ecotone.gateway.build import content_guard, installed_redaction
from ecotone.gateway.rules.trial import ClassReason, PlaceTrial, Trial, Wish, tried
from ecotone.gateway.settings.paths import find_home
from ecotone.policy.explaining import Part, RuleOutcome

_WEIGHTS = {"open": "● open weights", "closed": "◇ closed weights", None: "○ weights unknown"}
_EFFECTS = {"deny": "refuses", "require": "refuses", "redact": "replaces", "flag": "flags", "prefer": "prefers"}


def run(
    file: str, data_class: str | None, model: str | None, principal: str, config_file: Path | None, as_json: bool
) -> None:
    """Print what would become of a file's text (`-`: standard input). Raises EcotoneError."""
    book = rulebook(config_file)
    text = read_text(file)
    trial = tried(
        book,
        Wish(text, model, data_class, principal),
        redaction=installed_redaction(find_home(os.environ)),
        guard=content_guard(book.config.guard) if book.policy.needs_guard else None,
        now=datetime.now(UTC),
    )
    if as_json:
        print_json(trial)
        return
    put(trial.summary, "bold")
    if trial.refusal is not None:
        put(trial.refusal)
    put("")
    put(f"class  {trial.data_class}: {'; '.join(reason.why for reason in _decisive(trial))}")
    put(f"risks  {_risks(trial)}")
    put("")
    _show_finds(text, trial)
    for place in trial.places:
        for number, line in enumerate(_place(place, text)):
            put(line, ("green" if place.allowed else "red") if number == 0 else None)
    for note in trial.notes:
        put(f"note: {note}")


def _decisive(trial: Trial) -> Iterator[ClassReason]:
    return (reason for reason in trial.class_reasons if reason.data_class == trial.data_class)


def _risks(trial: Trial) -> str:
    if trial.scores is None:
        return "not scored, as no rule reads scores"
    flagged = [score for score in trial.scores if score.flagged]
    if not flagged:
        highest = trial.scores[0]
        return f"none reaches {trial.threshold:.2f}; the highest is {highest.category} {highest.score:.2f}"
    return ", ".join(f"{score.category} {score.score:.2f}" for score in flagged)


def _show_finds(text: str, trial: Trial) -> None:
    if not trial.marks:
        put("nothing found")
        put("")
        return
    rows = [
        (
            str(text.count("\n", 0, mark.start) + 1),
            f"{mark.start}-{mark.end}",
            mark.kind,
            masked(text[mark.start : mark.end]),
            mark.data_class,
            " in ".join((mark.detector, *reversed(mark.codings))),
        )
        for mark in trial.marks
    ]
    print_table(("line", "characters", "kind", "found", "raises to", "detector"), rows)
    put("")


def _place(place: PlaceTrial, text: str) -> Iterator[str]:
    verdict = "refused" if not place.allowed else "not sent" if place.sent is None else "may have it"
    name = place.endpoint if place.asked == place.model else f"{place.endpoint}, by {place.asked}"
    yield f"{verdict}: {name}  ({place.hosting}, {_WEIGHTS[place.weights]})"
    if place.problem is not None:
        yield f"  {place.problem}"
    # What else would be done with it does not matter where it does not go.
    for outcome in place.spoken if place.allowed else place.denials:
        yield f"  {_EFFECTS[outcome.effect] if outcome.fault is None else 'refuses'}  {outcome.rule}: {outcome.because}"
        yield from _why(outcome)
    if place.sent is not None and place.sent.text != text:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(place.sent.replaced.items()))
        yield f"  would be sent, with {counts} replaced:"
        for line in place.sent.text.splitlines():
            yield f"    {line}"
    yield ""


def _why(outcome: RuleOutcome) -> Iterator[str]:
    if outcome.fault is not None:
        yield f"    could not be decided, which counts as a denial: {outcome.fault}"
    yield from _part(outcome.condition, 4)


def _part(part: Part, indent: int) -> Iterator[str]:
    truth = {True: "true", False: "false", None: "unknown"}[part.holds]
    values = ", ".join(f"{path} is {fact_in_words(value)}" for path, value in part.values.items())
    yield f"{' ' * indent}{truth:<7} {part.text}{f'   ({values})' if values else ''}"
    for below in part.parts:
        yield from _part(below, indent + 2)
