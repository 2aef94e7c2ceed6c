"""A model as judge: which of two replies is better, or how good one is.

A judge prefers what stands first, and long words; so two replies are always judged in both orders, and where cases
carry human verdicts, the judge's agreement with them is computed: believe a judge as far as that goes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ecotone.evaluation.cases import AskJudge, Case, JsonValue, Score, Scorer, ScorerTools
from ecotone.evaluation.scorers.kind import Kind, shown
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import SetupError, UpstreamMalformed

Preference = Literal["reply", "tie", "reference"]

_PAIR_PROMPT = """\
You compare two answers to the same request.

{criteria}
Ignore which answer stands first and how long it is.

<request>
{request}
</request>

<answer_1>
{first}
</answer_1>

<answer_2>
{second}
</answer_2>

Say in one or two sentences what decides. Then end with one line that says exactly one of:
VERDICT: 1
VERDICT: 2
VERDICT: TIE"""

_GRADE_PROMPT = """\
You grade an answer to a request.

{criteria}
{reference}
<request>
{request}
</request>

<answer>
{answer}
</answer>

Say in one or two sentences what decides. Then end with one line that says the grade, a whole number from 1 (useless) \
to {grades} (nothing to improve):
GRADE: n"""

_CRITERIA = "Judge whether it does what was asked, is correct, and leaves out what nobody asked for."
_PAIR_VERDICT = re.compile(r"VERDICT\W{0,8}(?:ANSWER\W{0,4})?(1|2|TIE)\b", re.IGNORECASE)
_GRADE_VERDICT = re.compile(r"GRADE\W{0,8}(\d{1,3})\b", re.IGNORECASE)


class JudgePair(Kind, frozen=True):
    """A judge compares the reply with the reference, in both orders: 1 if the reply is better both times, 0 if the
    reference is, a half if the judge calls it even or changes its mind with the order.

    Reference: the answer to compare with, or an object with `answer` and `human`: a list of
    `{"reply": text, "verdict": "reply" | "tie" | "reference"}`, verdicts of people for measuring the judge.
    """

    criteria: str = _CRITERIA
    """What the judge is told to look at."""

    def problem(self, reference: JsonValue) -> str | None:
        return _judged_problem(reference, "verdict", ("reply", "tie", "reference"))

    def scorer(self, tools: ScorerTools) -> Scorer:
        return _PairScorer(self, _judge_of(tools))


class JudgeGrade(Kind, frozen=True):
    """A judge grades the reply from 1 to `grades`, scaled to 0 to 1.

    Reference: none, a model answer that the judge may look at, or an object with `answer` and `human`: a list of
    `{"reply": text, "verdict": grade}`, grades by people for measuring the judge.
    """

    criteria: str = _CRITERIA
    """What the judge is told to look at."""
    grades: int = 5
    """The best grade."""

    def problem(self, reference: JsonValue) -> str | None:
        if not 2 <= self.grades <= 100:
            return "the scorer's grades are 2 to 100"
        return None if reference is None else _judged_problem(reference, "verdict", range(1, self.grades + 1))

    def scorer(self, tools: ScorerTools) -> Scorer:
        return _GradeScorer(self, _judge_of(tools))


class Agreement(msgspec.Struct, frozen=True):
    """How far a judge agrees with people over `n` verdicts: the share that is the same, and Cohen's kappa, which is 0
    where the agreement is what chance would give and 1 where it is perfect. Both None if there is nothing to compare;
    kappa None too where both sides only ever gave one and the same verdict."""

    n: int
    same: float | None
    kappa: float | None


def agreement(pairs: Sequence[tuple[Any, Any]]) -> Agreement:
    """Of (judge's, person's) verdicts. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960."""
    n = len(pairs)
    if n == 0:
        return Agreement(0, None, None)
    same = sum(judge == person for judge, person in pairs) / n
    judges, people = Counter(judge for judge, _ in pairs), Counter(person for _, person in pairs)
    by_chance = sum(count * people[verdict] for verdict, count in judges.items()) / n**2
    return Agreement(n, same, None if by_chance == 1 else (same - by_chance) / (1 - by_chance))


async def agreement_with_people(kind: JudgePair | JudgeGrade, cases: Sequence[Case], tools: ScorerTools) -> Agreement:
    """Ask the judge about every reply that people judged, and compare. Raises as `score` does."""
    scorer = kind.scorer(tools)
    pairs: list[tuple[float, float]] = []
    for case in cases:
        for judged in case.reference.get("human", ()) if isinstance(case.reference, dict) else ():
            score = await scorer.score(case, judged["reply"])
            pairs.append((score.value, _value(kind, judged["verdict"])))
    return agreement(pairs)


def has_human_verdicts(cases: Sequence[Case]) -> bool:
    """Whether there is anything to measure a judge with."""
    return any(isinstance(case.reference, dict) and case.reference.get("human") for case in cases)


def _value(kind: JudgePair | JudgeGrade, verdict: Any) -> float:
    if isinstance(kind, JudgePair):
        return {"reply": 1.0, "tie": 0.5, "reference": 0.0}[verdict]
    return (int(verdict) - 1) / (kind.grades - 1)


class _PairScorer:
    def __init__(self, kind: JudgePair, ask_judge: AskJudge) -> None:
        self._kind = kind
        self._ask = ask_judge

    async def score(self, case: Case, reply: str) -> Score:
        if not reply.strip():
            return Score(0.0, "the reply is empty")
        answer = _answer(case.reference) or ""
        first = await self._preferred(case, reply, answer, reply_first=True)
        second = await self._preferred(case, reply, answer, reply_first=False)
        if first == second:
            value = {"reply": 1.0, "tie": 0.5, "reference": 0.0}[first]
            return Score(value, "even, in both orders" if first == "tie" else f"the {first} is better, in both orders")
        return Score(0.5, f"counts as even: the {first} when the reply stood first, the {second} when it stood second")

    async def _preferred(self, case: Case, reply: str, answer: str, *, reply_first: bool) -> Preference:
        first, second = (reply, answer) if reply_first else (answer, reply)
        asked = _PAIR_PROMPT.format(
            criteria=self._kind.criteria, request=_fenced(_request(case)), first=_fenced(first), second=_fenced(second)
        )
        verdict = _last(_PAIR_VERDICT, await self._ask(_asked(asked)), "VERDICT: 1, 2 or TIE")
        if verdict.upper() == "TIE":
            return "tie"
        return "reply" if (verdict == "1") == reply_first else "reference"


class _GradeScorer:
    def __init__(self, kind: JudgeGrade, ask_judge: AskJudge) -> None:
        self._kind = kind
        self._ask = ask_judge

    async def score(self, case: Case, reply: str) -> Score:
        if not reply.strip():
            return Score(0.0, "the reply is empty")
        answer = _answer(case.reference)
        best = self._kind.grades
        asked = _GRADE_PROMPT.format(
            criteria=self._kind.criteria,
            reference=f"\n<model_answer>\n{_fenced(answer)}\n</model_answer>\n" if answer else "",
            request=_fenced(_request(case)),
            answer=_fenced(reply),
            grades=best,
        )
        grade = int(_last(_GRADE_VERDICT, await self._ask(_asked(asked)), f"GRADE: 1 to {best}"))
        if not 1 <= grade <= best:
            raise UpstreamMalformed(f"the judge gave {grade}, beyond 1 to {best}: take a judge that keeps to the scale")
        return Score((grade - 1) / (best - 1), f"grade {grade} of {best}")


def _judge_of(tools: ScorerTools) -> AskJudge:
    if tools.ask_judge is None:
        raise SetupError("this suite is scored by a judge, and no model is named as judge")
    return tools.ask_judge


def _judged_problem(reference: JsonValue, label: str, verdicts: Sequence[Any]) -> str | None:
    if isinstance(reference, str) and reference.strip():
        return None
    if not isinstance(reference, dict) or not reference.keys() <= {"answer", "human"} or not _answer(reference):
        return "its reference is the answer to compare with, or an object with `answer` and `human`"
    for judged in reference.get("human", ()):
        if not isinstance(judged, dict) or judged.keys() != {"reply", label} or judged[label] not in verdicts:
            said = ", ".join(map(str, verdicts))
            return f"each of `human` has a `reply` and a `{label}` ({said}), not {shown(judged)}"
    return None


def _answer(reference: JsonValue) -> str | None:
    answer = reference.get("answer") if isinstance(reference, dict) else reference
    return answer if isinstance(answer, str) and answer.strip() else None


def _request(case: Case) -> str:
    turns = (
        (message.role, "".join(part.text for part in message.parts if isinstance(part, TextPart)))
        for message in case.messages
    )
    if len(case.messages) == 1:
        return next(text for _, text in turns)
    return "\n".join(f"{role}: {text}" for role, text in turns)


def _fenced(text: str) -> str:
    """Without what would close the block that it stands in: a reply must not write its own verdict's frame."""
    return re.sub(r"</?(request|answer(?:_[12])?|model_answer)>", "", text)


def _asked(text: str) -> tuple[Message, ...]:
    return (Message("user", (TextPart(text),)),)


def _last(pattern: re.Pattern[str], verdict: str, wanted: str) -> str:
    found: list[str] = pattern.findall(verdict)
    if not found:
        raise UpstreamMalformed(f"the judge gave no verdict ({wanted}) but {shown(verdict)}: take a better judge")
    return found[-1]
