"""The owner's own patterns and word lists."""

from collections.abc import Iterator, Mapping

import re2

from ecotone.policy.detectors.detector import Detector, compiled
from ecotone.policy.findings import Finding
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.settings import PatternSettings

_TRIED_FOR_EMPTY = ("", "a", " ", "0", "a b\n")


def own_detectors(patterns: Mapping[str, PatternSettings]) -> Iterator[Detector]:
    """A detector for each of `[data.patterns]`. Raises PolicyProblem."""
    for kind, settings in patterns.items():
        path = ("data", "patterns", kind)
        if settings.pattern is None and not settings.words:
            raise PolicyProblem(path, "give it a `pattern`, or `words`, or both: it finds nothing as it is")
        if settings.pattern is not None:
            yield _pattern(kind, settings.pattern)
        if settings.words:
            yield _words(kind, settings.words)


def _pattern(kind: str, pattern: str) -> Detector:
    path = ("data", "patterns", kind, "pattern")
    form = _compiled(pattern, path)
    if any(found.end() == found.start() for text in _TRIED_FOR_EMPTY for found in form.finditer(text)):
        raise PolicyProblem(
            path,
            f"the pattern of {kind!r} matches the empty text: say what has to be there, such as `+` in place of `*`",
        )

    def find(text: str, begin: int, stop: int) -> Iterator[Finding]:
        for found in form.finditer(text):
            if found.end() > found.start():
                yield Finding(found.start(), found.end(), kind, "pattern")

    return Detector((kind,), (pattern,), find)


def _words(kind: str, words: tuple[str, ...]) -> Detector:
    path = ("data", "patterns", kind, "words")
    for number, word in enumerate(words):
        if not word.strip():
            raise PolicyProblem((*path, number), f"one of the words of {kind!r} is empty: write a word or phrase")
    # The longest first, so that a phrase is found rather than its first word.
    ordered = sorted({" ".join(word.split()) for word in words}, key=len, reverse=True)
    pattern = "(?i:" + "|".join(r"\s+".join(map(re2.escape, word.split(" "))) for word in ordered) + ")"
    form = _compiled(pattern, path)

    def find(text: str, begin: int, stop: int) -> Iterator[Finding]:
        data = text.encode(errors="replace")
        position = counted = characters = 0  # bytes searched; bytes counted, and how many characters they are
        while found := form.search(data, position):
            first, last = found.span()
            start = characters + len(data[counted:first].decode())
            end = start + len(data[first:last].decode())
            counted, characters = first, start
            if _stands_alone(text, start, end):
                yield Finding(start, end, kind, "words")
                position = last
            else:
                position = first + 1

    return Detector((kind,), (pattern,), find)


def _compiled(pattern: str, path: tuple[str | int, ...]) -> "re2._Regexp":
    try:
        return compiled(pattern)
    except re2.error as fault:
        reason = fault.args[0].decode(errors="replace") if isinstance(fault.args[0], bytes) else str(fault)
        raise PolicyProblem(
            path,
            f"the {path[-1]} of {path[-2]!r} is no regular expression in RE2's syntax ({reason}); see"
            " https://github.com/google/re2/wiki/Syntax (there is no looking ahead or back, and no reference to a"
            " group)",
        ) from None


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a word is not a part of a longer one. Scripts without capital letters do not part words, or stick others
    to them: there a part counts."""
    return not (_joins(text[start], text[start - 1 : start]) or _joins(text[end - 1], text[end : end + 1]))


def _joins(inner: str, outer: str) -> bool:
    if not outer or not outer.isalnum() or not inner.isalnum():
        return False
    return inner.isdigit() or inner.lower() != inner.upper()
