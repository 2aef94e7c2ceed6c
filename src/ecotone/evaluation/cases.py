"""Questions with what is known of their answers, and what a scorer says of a reply."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ecotone.values.chat import Json, Message, TextPart

if TYPE_CHECKING:
    from ecotone.evaluation.sandbox import Sandbox

JsonValue = Any
"""A value as JSON has it: None, bool, int, float, str, a list of such, or a dict of such with str keys."""

AskJudge = Callable[[tuple[Message, ...]], Awaitable[str]]
"""Puts messages to the judging model and gives the text of its reply; raises `EcotoneError` if none came."""


class Case(msgspec.Struct, frozen=True):
    """One question. `id` is unique in its suite and stays the same between versions of the suite.

    `reference` is what the scorer compares with: a text, a number, several texts, tests; None where it needs nothing.
    Cases with the same `source` (a document, a template, an author) are not independent of each other.
    """

    id: str
    messages: tuple[Message, ...]
    reference: JsonValue = None
    tags: tuple[str, ...] = ()
    source: str | None = None


def words_of(message: Message) -> str:
    """What a message says; parts that are no text are named."""
    return "\n".join(part.text if isinstance(part, TextPart) else "(no text)" for part in message.parts)


class ScorerSpec(msgspec.Struct, frozen=True):
    """Which scorer, and its options as the suite's author wrote them."""

    kind: str
    options: Json = {}


class Suite(msgspec.Struct, frozen=True):
    """Cases that belong together, how they are asked, and how replies are scored.

    `category` is the kind of work: general, maths, coding, instructions, knowledge, summarising, classification,
    extraction or safety. `limit` is how many cases a run takes unless told otherwise, None for all. `licence` is an
    SPDX expression or the author's words, `source` where the cases come from. `digest` is the SHA-256, in hexadecimal,
    of everything that decides a result: cases, system prompt, settings, scorer with options and version of its rules.
    """

    name: str
    title: str
    category: str
    scorer: ScorerSpec
    cases: tuple[Case, ...]
    max_tokens: int
    temperature: float
    system: str | None
    limit: int | None
    licence: str
    source: str
    description: str
    digest: str


class Score(msgspec.Struct, frozen=True):
    """`value` is from 0 (wrong) to 1 (right); `why` is one line that a person can argue with."""

    value: float
    why: str = ""


class Scorer(Protocol):
    """Judges one reply at a time; the same instance may be asked concurrently."""

    async def score(self, case: Case, reply: str) -> Score:
        """How good `reply` is. Raises `EcotoneError` where that cannot be told, as when a judge does not answer."""
        ...


@dataclass(frozen=True)
class ScorerTools:
    """What some scorers need: a place to run code, a model that judges. None where there is none."""

    sandbox: "Sandbox | None" = None
    ask_judge: AskJudge | None = None
