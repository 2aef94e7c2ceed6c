"""The content guard: what a text is scored for, and from which score a category counts."""

from collections.abc import Mapping
from typing import Protocol

from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.guard.words import WordLists
from ecotone.policy.problem import PolicyProblem
from ecotone.policy.settings import GuardSettings


class Scoring(Protocol):
    """What scores a text by category: the shipped `Classifier`, or another."""

    def scores(self, text: str) -> dict[str, float]: ...


class Guard:
    """Scores of the shipped classifier and of the owner's word lists, the higher of the two by category.

    Guard models are asked elsewhere, since that takes a request: `merged` brings their scores in.

    Raises PolicyProblem for word lists of an unknown category.
    """

    def __init__(self, settings: GuardSettings, classifier: Scoring) -> None:
        for category in settings.words:
            if category not in CATEGORIES:
                raise PolicyProblem(
                    ("guard", "words", category), f"not a category; the categories are {', '.join(CATEGORIES)}"
                )
        self.threshold = settings.threshold
        self._words = WordLists(settings.words)
        self._classifier = classifier

    def scores(self, text: str) -> dict[str, float]:
        """A score from 0 to 1 for every category. Up to 3 ms of CPU for 2.5 KB: call it off the event loop."""
        return self.merged(self._classifier.scores(text), self._words.scores(text))

    def merged(self, *scores: Mapping[str, float]) -> dict[str, float]:
        """The highest score of each category over several: texts of one request, or guards that read the same text."""
        return {category: max((one.get(category, 0.0) for one in scores), default=0.0) for category in CATEGORIES}

    def flagged(self, scores: Mapping[str, float]) -> frozenset[str]:
        """The categories at or over the threshold."""
        return frozenset(category for category, score in scores.items() if score >= self.threshold)
