"""The content guard: what a text is scored for. Rules say from which score something follows."""

from typing import Protocol

from ecotone.policy.guard.categories import highest
from ecotone.policy.guard.words import WordLists


class Scoring(Protocol):
    """What scores a text by category: the shipped `Classifier`, or another."""

    def scores(self, text: str) -> dict[str, float]: ...


class Guard:
    """Scores of the shipped classifier and of the owner's word lists, the higher of the two by category.

    Guard models are asked elsewhere, since that takes a request.
    """

    def __init__(self, words: WordLists, classifier: Scoring) -> None:
        self._words = words
        self._classifier = classifier

    def scores(self, text: str) -> dict[str, float]:
        """A score from 0 to 1 for every category. Up to 3 ms of CPU for 2.5 KB: call it off the event loop."""
        return highest((self._classifier.scores(text), self._words.scores(text)))
