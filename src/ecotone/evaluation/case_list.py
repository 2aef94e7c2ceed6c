"""The cases of a run: found by what came of them, and each with everything that was asked, expected and answered."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from ecotone.catalog.provider import Hosting, Weights
from ecotone.evaluation.answers import known_weights
from ecotone.evaluation.cases import Case, JsonValue, Suite, words_of
from ecotone.evaluation.results import Results, in_order
from ecotone.evaluation.runs import CaseResult, Outcome, Run
from ecotone.values.errors import NotFound

Came = Literal["wrong", "unanswered", "right", "all"]
"""What came of a case: not right in full; without an answer or a score; right in full; anything."""

_LINE_CHARACTERS_MAX = 160


class CaseRow(msgspec.Struct, frozen=True):
    """A result in a line: the beginnings of what was asked and of the reply, the score from 0 to 1 and why."""

    suite: str
    case: str
    model: str
    outcome: Outcome
    score: float | None
    why: str
    prompt: str
    reply: str
    total_s: float | None
    before: bool


class Asked(msgspec.Struct, frozen=True):
    """A message as it was put to the models."""

    role: str
    text: str


class Replied(msgspec.Struct, frozen=True):
    """What one model made of a case, and how. `run` is the run it was in; `why` argues for the score, `failure` says
    why there is no answer, or no score."""

    run: str
    model: str
    weights: Weights | None
    hosting: Hosting | None
    outcome: Outcome
    score: float | None
    why: str
    failure: str | None
    reply: str | None
    reasoning: str | None
    total_s: float | None
    first_token_s: float | None
    tokens_per_s: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    attempts: int
    cached_from: str | None
    request_id: str | None


class CaseInFull(msgspec.Struct, frozen=True):
    """One case of a run. `reference` is what the scorer compares with, as text: the whole of it under "", or its parts
    by their names."""

    suite: str
    case: str
    scorer: str
    asked: tuple[Asked, ...]
    reference: dict[str, str]
    tags: tuple[str, ...]
    source: str | None
    replies: tuple[Replied, ...]


def came_of(result: CaseResult) -> Came:
    """What came of it."""
    if result.score is None:
        return "unanswered"
    return "right" if result.score >= 1 else "wrong"


def found_rows(
    run: Run,
    suites: Mapping[str, Suite],
    results: Results,
    *,
    came: Came = "all",
    model: str = "",
    suite: str = "",
    words: str = "",
) -> list[CaseRow]:
    """The results that fit all that is said, as the suites have their cases. `words` are looked for in what was asked,
    in the reply and in the case's id."""
    return [
        case_row(case, result)
        for case, result in in_order(run, suites, results)
        if (came in ("all", came_of(result)))
        and model in ("", result.model)
        and suite in ("", result.suite)
        and (not words or words.casefold() in _searched(case, result))
    ]


def _searched(case: Case, result: CaseResult) -> str:
    said = [case.id, *map(words_of, case.messages), "" if result.answer is None else result.answer.reply]
    return "\n".join(said).casefold()


def case_row(case: Case, result: CaseResult) -> CaseRow:
    """The result in a line."""
    why = result.why if result.failure is None else result.failure.message
    return CaseRow(
        result.suite,
        result.case,
        result.model,
        result.outcome,
        result.score,
        in_line(why),
        in_line(words_of(case.messages[-1])) if case.messages else "",
        "" if result.answer is None else in_line(result.answer.reply),
        None if result.answer is None else result.answer.total_s,
        result.cached_from is not None,
    )


def in_line(text: str) -> str:
    """The beginning of a text, without line breaks."""
    line = " ".join(text[: 4 * _LINE_CHARACTERS_MAX].split())
    return line if len(line) <= _LINE_CHARACTERS_MAX else f"{line[:_LINE_CHARACTERS_MAX].rstrip()} …"


def case_in_full(run: Run, suites: Mapping[str, Suite], results: Results, suite: str, case: str) -> CaseInFull:
    """One case with what each model answered. Raises NotFound."""
    owner = suites.get(suite)
    asked = None if owner is None else next((found for found in owner.cases if found.id == case), None)
    if owner is None or asked is None:
        raise NotFound(f"run {run.id} has no case {case!r} in a suite {suite!r}")
    system = [Asked("system", owner.system)] if owner.system else []
    rows = (results.get((model.name, suite, case)) for model in run.models)
    return CaseInFull(
        suite,
        case,
        owner.scorer.kind,
        (*system, *(Asked(message.role, words_of(message)) for message in asked.messages)),
        _reference(asked.reference),
        asked.tags,
        asked.source,
        tuple(_replied(run, row) for row in rows if row is not None),
    )


def _replied(run: Run, row: CaseResult) -> Replied:
    identity = run.identity(row.model)
    answer = row.answer
    place = identity.place(None if answer is None else answer.endpoint)
    usage = None if answer is None else answer.usage
    return Replied(
        run.id,
        row.model,
        known_weights(identity),
        None if place is None else place.hosting,
        row.outcome,
        row.score,
        row.why,
        None if row.failure is None else row.failure.message,
        None if answer is None else answer.reply,
        None if answer is None else answer.reasoning,
        None if answer is None else answer.total_s,
        None if answer is None else answer.first_token_s,
        None if answer is None else answer.tokens_per_s,
        None if usage is None else usage.input_tokens,
        None if usage is None else usage.output_tokens,
        row.cost_usd,
        row.attempts,
        row.cached_from,
        None if answer is None else answer.request_id,
    )


def _reference(reference: JsonValue) -> dict[str, str]:
    if reference is None:
        return {}
    if isinstance(reference, dict):
        return {str(name): _text(part) for name, part in reference.items()}
    return {"": _text(reference)}


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        return "\n".join(map(str, value))
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def neighbours(
    rows: Sequence[CaseRow], suite: str, case: str
) -> tuple[tuple[str, str] | None, tuple[str, str] | None, int, int]:
    """The cases before and after this one among the rows, each as (suite, id); at which place this one is, from 1, and
    of how many. Place 0 is that of a case that is not among them."""
    cases = list(_once((row.suite, row.case) for row in rows))
    if (suite, case) not in cases:
        return None, cases[0] if cases else None, 0, len(cases)
    place = cases.index((suite, case))
    before = cases[place - 1] if place else None
    after = cases[place + 1] if place + 1 < len(cases) else None
    return before, after, place + 1, len(cases)


def _once(cases: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return iter(dict.fromkeys(cases))
