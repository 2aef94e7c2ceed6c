"""What a detector is: a cheap first look, and a second one that makes sure."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import re2

from ecotone.policy.findings import Finding

Find = Callable[[str, int, int], Iterator[Finding]]
"""Yields what is in text[start:end]; what it finds may reach out of it."""

_MEMORY_MAX_BYTES = 32 << 20


@dataclass(frozen=True)
class Detector:
    """Finds some kinds of data.

    `triggers` are patterns in RE2's syntax: where none of them matches, nothing can be found. They are tried together
    with those of all other detectors in one pass, so they may match too much, never too little. `find` then reads the
    text around their matches, `reach_chars` to each side (None: all of the text), in time in proportion to its length.
    """

    kinds: tuple[str, ...]
    triggers: tuple[str, ...]
    find: Find
    reach_chars: int | None = None


def compiled(pattern: str, *, longest: bool = False) -> "re2._Regexp":
    """A pattern in RE2's syntax. Raises re2.error."""
    options = re2.Options()
    options.max_mem = _MEMORY_MAX_BYTES
    options.log_errors = False
    options.longest_match = longest
    return re2.compile(pattern, options)


def windows(matches: Iterable[tuple[int, int]], reach_chars: int, size: int) -> Iterator[tuple[int, int]]:
    """The stretches of a text of `size` characters around these, which are in order; none overlap."""
    begin = end = -1
    for start, stop in matches:
        if begin >= 0 and start - reach_chars <= end:
            end = min(size, stop + reach_chars)
            continue
        if begin >= 0:
            yield begin, end
        begin, end = max(0, start - reach_chars), min(size, stop + reach_chars)
    if begin >= 0:
        yield begin, end


class Context:
    """Words near a piece of text that say what it is. They match in any case, at the beginning of a word."""

    def __init__(self, *words: str, before_chars: int = 48, after_chars: int = 0) -> None:
        alternatives = "|".join(words)
        self._before_chars, self._after_chars = before_chars, after_chars
        self._words = re.compile(rf"(?<![^\W\d_])(?:{alternatives})", re.IGNORECASE)

    def near(self, text: str, start: int, end: int) -> bool:
        """Whether one of the words stands before text[start:end] or, where asked for, after it."""
        if self._words.search(text, max(0, start - self._before_chars), start):
            return True
        after = text[end : end + self._after_chars].partition("\n")[
            0
        ]  # what is on the next line says what stands there
        return self._words.search(after) is not None


def digits_of(text: str) -> str:
    """The ASCII digits in a text, without what stands between them."""
    return "".join(character for character in text if "0" <= character <= "9")
