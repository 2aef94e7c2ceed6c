"""Score one reply, as the scorers' tests do."""

from typing import Any

from ecotone.evaluation.cases import AskJudge, Case, JsonValue, Score, ScorerSpec, ScorerTools
from ecotone.evaluation.scorers import kind_of, scorer_for
from ecotone.values.chat import Message, TextPart


def case(reference: JsonValue, prompt: str = "Say it.", name: str = "1") -> Case:
    return Case(name, (Message("user", (TextPart(prompt),)),), reference)


async def scored(
    kind: str, reference: JsonValue, reply: str, *, ask_judge: AskJudge | None = None, **options: Any
) -> Score:
    """The score of `reply`; fails if the kind finds fault with the reference."""
    spec = ScorerSpec(kind, options)
    assert kind_of(spec).problem(reference) is None
    return await scorer_for(spec, ScorerTools(ask_judge=ask_judge)).score(case(reference), reply)


def problem(kind: str, reference: JsonValue, **options: Any) -> str:
    """What is wrong with a reference; fails if nothing is."""
    found = kind_of(ScorerSpec(kind, options)).problem(reference)
    assert found is not None
    return found
