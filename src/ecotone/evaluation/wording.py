"""Measurements as people say them: with units, no more digits than they bear, and what is unknown as `?`."""

from collections.abc import Sequence
from decimal import Decimal

from ecotone.evaluation.results import Comparison
from ecotone.evaluation.statistics import Interval


def seconds(value: float | None) -> str:
    """A time: 0.35 s, 12 s, 4 min, 2.5 h."""
    if value is None:
        return "?"
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def dollars(value: Decimal | None, *, own_machine: bool = False) -> str:
    """Money; what an own machine costs is not counted by the token."""
    if own_machine:
        return "own machine"
    if value is None:
        return "?"
    return f"${value:.2f}" if value >= 1 or value == 0 else f"${value:.6f}".rstrip("0")


def share(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.0f} %"


def between(interval: Interval | None) -> str:
    """The ends of an interval of shares, in per cent."""
    return "?" if interval is None else f"{100 * interval.low:.0f} to {100 * interval.high:.0f}"


def points(difference: float) -> str:
    """A difference of scores in points: +38, -2.5, 0."""
    value = 100 * difference
    if abs(value) < 0.05:
        return "0"
    return f"{value:+.0f}" if abs(value) >= 10 else f"{value:+.1f}"


def in_words(a: str, b: str, comparisons: Sequence[Comparison]) -> str:
    """What is known of two models, in a sentence: clear differences first, the average before the suites. Numbers in
    brackets are the 95 % interval, in points; where no difference was seen, of b less a."""
    ordered = sorted(comparisons, key=lambda row: row.suite is not None)
    told = []
    for better, worse, sign in ((b, a, 1), (a, b, -1)):
        rows = [row for row in ordered if row.clear and row.difference * sign > 0]
        if rows:
            parts = [f"on {on_what(row.suite)} by {_distance(row)}" for row in rows]
            told.append(f"{better} is better than {worse} {listed(parts)}")
    unclear = [
        f"{on_what(row.suite)} ({points(row.interval.low)} to {points(row.interval.high)})"
        for row in ordered
        if not row.clear
    ]
    if unclear:
        models = "" if told else f" between {a} and {b}"
        told.append(f"no difference seen{models} on {listed(unclear)}")
    words = "; ".join(told)
    return f"{words[:1].upper() if not words.startswith((a, b)) else words[:1]}{words[1:]}."


def _distance(row: Comparison) -> str:
    ends = sorted((abs(row.interval.low), abs(row.interval.high)))
    size = points(abs(row.difference)).removeprefix("+")
    return f"{size} points ({100 * ends[0]:.0f} to {100 * ends[1]:.0f})"


SCORED_BY = {
    "exact": "the reply is exactly the text",
    "normalised": "the reply is the text, whatever its case, accents and spaces",
    "contains": "the text is in the reply",
    "key-facts": "key facts are in the reply, by the share of them",
    "regex": "a pattern matches the reply",
    "numeric": "the last number is right",
    "choice": "the letter is right",
    "label": "the label is right",
    "json": "the fields of the JSON are right",
    "instructions": "a program checks each instruction",
    "python": "its code passes tests, in a sandbox",
    "refusal": "unsafe is refused, safe is answered",
    "judge-pair": "another model prefers it",
    "judge-grade": "another model grades it",
}
"""When a reply scores, for each kind of scorer."""


def counted_noun(count: int, one: str, several: str) -> str:
    """1 case, 2,000 cases."""
    return f"{count:,} {one if count == 1 else several}"


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def on_what(suite: str | None) -> str:
    """What a comparison is about, as part of a sentence."""
    return "the average of all suites" if suite is None else suite
