"""Asking the owner's guard models, under the same rules as anybody else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import product

from ecotone.policy.guard.forms import guard_questions, guard_request, guard_scores
from ecotone.policy.settings import GuardModelSettings
from ecotone.values.chat import Message
from ecotone.values.errors import EcotoneError, StaleClearance, Unavailable

Ask = Callable[[str, Sequence[Message]], Awaitable[str]]
"""Given a model's name and messages, what it answers."""

_TEXT_CHARS = 8_000
_OVERLAP_CHARS = 200


class GuardModels:
    """The guard models of one config."""

    def __init__(self, models: Mapping[str, GuardModelSettings]) -> None:
        self._models = models

    def __bool__(self) -> bool:
        return bool(self._models)

    async def scores(self, texts: Sequence[str], ask: Ask) -> list[Mapping[str, float]]:
        """What each of them says of each text. All are asked at once; long texts in pieces.

        Raises Unavailable if one cannot be asked or its answer means nothing: content that was to be scored and was
        not is no content that passed. StaleClearance where the rules have changed meanwhile.
        """
        pieces = [piece for text in texts for piece in _pieces(text)]
        return await asyncio.gather(
            *(
                self._score(name, settings, question, piece, ask)
                for name, settings in self._models.items()
                for question, piece in product(guard_questions(settings.form), pieces)
            )
        )

    async def _score(
        self, name: str, settings: GuardModelSettings, question: str, text: str, ask: Ask
    ) -> Mapping[str, float]:
        try:
            answer = await ask(settings.model, guard_request(settings.form, text, question))
            return guard_scores(settings.form, answer, question)
        except StaleClearance:
            raise
        except EcotoneError as error:
            raise Unavailable(
                f"The content guard {name!r} (model {settings.model!r}) could not score this, and what it did not"
                f" score may not pass: {error.message}"
            ) from None


def _pieces(text: str) -> list[str]:
    if not text.strip():
        return []
    step = _TEXT_CHARS - _OVERLAP_CHARS
    return [text[start : start + _TEXT_CHARS] for start in range(0, max(1, len(text) - _OVERLAP_CHARS), step)]
