"""What every kind of scorer is: options that can be checked before a model is asked anything."""

from typing import ClassVar

import msgspec

from ecotone.evaluation.cases import Case, JsonValue, Score, Scorer, ScorerTools

_SHOWN_CHARACTERS = 60


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of scorer with its options. `version` is raised whenever its rules change what a reply scores."""

    version: ClassVar[int] = 1

    def problem(self, reference: JsonValue) -> str | None:
        """Why a case with this reference cannot be scored, with what it should be; None if it can."""
        return text_problem(reference)

    def from_cell(self, text: str) -> JsonValue:
        """What the text of a spreadsheet's cell means as a reference. Raises ValueError with the reason."""
        return text

    def scorer(self, tools: ScorerTools) -> Scorer:
        """What scores by these options. Raises SetupError where a tool is missing that it needs."""
        raise NotImplementedError


class PlainKind(Kind, frozen=True, forbid_unknown_fields=True):
    """A kind that needs nothing but the reply: its options score by themselves."""

    def scorer(self, tools: ScorerTools) -> Scorer:
        return self

    async def score(self, case: Case, reply: str) -> Score:
        return self.judged(case.reference, reply)

    def judged(self, reference: JsonValue, reply: str) -> Score:
        """How good `reply` is against a reference in which `problem` finds no fault."""
        raise NotImplementedError


def text_problem(reference: JsonValue) -> str | None:
    """What is wrong with a reference that should be a text."""
    if reference is None:
        return "it needs a reference: the right answer, as text"
    if not isinstance(reference, str) or not reference.strip():
        return f"its reference is a text, not {shown(reference)}"
    return None


def shown(value: JsonValue) -> str:
    """A value in quotes as part of a line, cut where it is long."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    line = " ".join(text[: 4 * _SHOWN_CHARACTERS].split())
    cut = f"{line[:_SHOWN_CHARACTERS]}..." if len(line) > _SHOWN_CHARACTERS or len(text) > 4 * len(line) + 4 else line
    return f"'{cut}'" if isinstance(value, str) else cut
