"""The owner's words and phrases by category."""

import re
from collections.abc import Mapping

from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.guard.normalise import plain
from ecotone.policy.problem import PolicyProblem


class WordLists:
    """Words and phrases, found whole, in any case, however they are spaced. One of them in a text scores 1.

    Texts are read as the classifier reads them (`normalise.plain`): zero-width characters and full-width letters do
    not hide a word.
    """

    def __init__(self, words: Mapping[str, tuple[str, ...]]) -> None:
        """Raises PolicyProblem for words of an unknown category."""
        for category in words:
            if category not in CATEGORIES:
                raise PolicyProblem(
                    ("guard", "words", category), f"not a category; the categories are {', '.join(CATEGORIES)}"
                )
        self._patterns = {category: _pattern(phrases) for category, phrases in words.items() if phrases}

    def scores(self, text: str) -> dict[str, float]:
        """1 for each category that has a word in `text`; the others are left out."""
        if not self._patterns:
            return {}
        text = plain(text)
        return {category: 1.0 for category, pattern in self._patterns.items() if pattern.search(text)}


def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    whole = (r"\s+".join(map(re.escape, plain(phrase).split())) for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{'|'.join(filter(None, whole)) or '(?!)'})(?!\w)")
