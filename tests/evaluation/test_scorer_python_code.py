"""Code in replies: found however it is wrapped, run, and scored with a reason."""

import asyncio
import json
from importlib.resources import files
from typing import Any

import pytest

from ecotone.evaluation.cases import Case, Score, ScorerTools
from ecotone.evaluation.sandbox import Sandbox, problem
from ecotone.evaluation.scorers.python_code import PythonCode, code_to_run
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import SetupError

PROMPT = '''Complete this function.

```python
from typing import List

def helper(x: int) -> int:
    return x + 1

def total(xs: List[int]) -> int:
    """The sum of all, each raised by one.
    >>> total([1, 2])
    5
    """
```'''
TESTS = "def check(candidate):\n    assert candidate([]) == 0\n    assert candidate([1, 2]) == 5\n"
"    assert helper(1) == 2\n"
RIGHT = "def total(xs):\n    result = 0\n    for x in xs:\n        result += helper(x)\n    return result\n"
BODY = "    result = 0\n    for x in xs:\n        result += helper(x)\n    return result\n"

REPLIES = {
    "a block": f"Here it is:\n\n```python\n{RIGHT}```\n\nIt adds them up.",
    "a block without a language": f"```\n{RIGHT}```",
    "a block with tildes": f"~~~py\n{RIGHT}~~~",
    "a block in a list": "1. The code:\n\n   ```python\n"
    + "".join(f"   {line}\n" for line in RIGHT.splitlines())
    + "   ```\n",
    "a block that was cut off after the function": f"```python\n{RIGHT}",
    "a block of output after it": f"```python\n{RIGHT}```\nGives:\n```text\n5\n```",
    "an example of use after it": f"```python\n{RIGHT}```\nUse:\n```python\nprint(total([1, 2]))\n"
    f"assert total([1]) == 7\n```",
    "a first try, then a correction": f"```python\ndef total(xs):\n    return 0\n```\nNo, wait:\n```python\n{RIGHT}```",
    "a function of its own in another block": (
        "```python\ndef one_more(x):\n    return x + 1\n```\nThen:\n"
        "```python\ndef total(xs):\n    return sum(one_more(x) for x in xs)\n```"
    ),
    "the whole prompt repeated": PROMPT.removeprefix("Complete this function.\n\n").removesuffix("```") + BODY + "```",
    "no fence": RIGHT,
    "no fence, prose around": f"Sure! This works:\n\n{RIGHT}\nIt is linear: O(n).",
    "no fence, an import first": f"import math\n\n{RIGHT}",
    "only the body": BODY,
    "only the body in a block": f"```python\n{BODY}```",
    "only the body, its first margin lost": BODY.lstrip(),
    "only the body, all margins lost": "return sum(helper(x) for x in xs)",
    "an import from the future": f"```python\nfrom __future__ import annotations\n{RIGHT}```",
    "thoughts before": f"<think>```python\ndef total(xs):\n    return 0\n```</think>\n```python\n{RIGHT}```",
    "Windows line ends": f"```python\n{RIGHT}```".replace("\n", "\r\n"),
    "an assignment": "```python\ntotal = lambda xs: sum(map(helper, xs))\n```",
}

sandboxed = pytest.mark.skipif(problem() is not None, reason=f"no sandbox here: {problem()}")


def case(tests: str = TESTS, entry_point: str = "total", prompt: str = PROMPT) -> Case:
    message = Message(role="user", parts=(TextPart(prompt),))
    return Case(id="1", messages=(message,), reference={"tests": tests, "entry_point": entry_point})


async def scored(reply: str, of: Case | None = None) -> Score:
    return await PythonCode().scorer(ScorerTools(sandbox=Sandbox())).score(of or case(), reply)


@sandboxed
@pytest.mark.parametrize("wrapping", REPLIES)
async def test_right_code_is_found(wrapping: str) -> None:
    assert await scored(REPLIES[wrapping]) == Score(1.0, "all tests passed")


@sandboxed
async def test_a_failed_assertion_is_named_by_number_and_text() -> None:
    score = await scored("```python\ndef total(xs):\n    return len(xs)\n```")
    assert score == Score(0.0, "AssertionError in test 2: assert candidate([1, 2]) == 5")


@sandboxed
async def test_an_error_names_the_line_of_the_code() -> None:
    score = await scored("```python\ndef total(xs):\n    return missing\n```")
    assert score.value == 0.0
    assert score.why.startswith("NameError: name 'missing' is not defined in line ")
    assert "in test 1" in score.why


@sandboxed
async def test_a_socket_is_named() -> None:
    score = await scored("```python\nimport socket\ndef total(xs):\n    socket.socket()\n    return 0\n```")
    assert score == Score(0.0, "stopped: tried to use the network (system call socket)")


@sandboxed
async def test_an_endless_loop_is_scored_as_failed() -> None:
    scorer = PythonCode(wall_s=0.5).scorer(ScorerTools(sandbox=Sandbox()))
    score = await scorer.score(case(), "```python\ndef total(xs):\n    while True:\n        pass\n```")
    assert score == Score(0.0, "stopped: more than 0.5 s")


@sandboxed
async def test_plain_assertions_need_no_check_function() -> None:
    tests = case("assert total([3]) == 4\nassert total([]) == 1")
    assert await scored(REPLIES["a block"], tests) == Score(0.0, "AssertionError in test 2: assert total([]) == 1")


@pytest.mark.parametrize(
    "reply", ["", "I cannot do that.", "```python\ndef other():\n    pass\n```", "def total(:", "\0" * 9]
)
async def test_a_reply_without_the_function_has_no_code(reply: str) -> None:
    assert code_to_run(reply, "Write a function total.", "total") is None


async def test_very_nested_code_is_no_code() -> None:
    assert code_to_run("def total(xs):\n    return " + "(" * 50_000, PROMPT, "total") is None


def test_the_reference_decides_what_comes_before() -> None:
    assert (
        code_to_run("def f():\n    return A", "def f():\n    pass", "f", before="A = 1")
        == "A = 1\ndef f():\n    return A\n"
    )


@pytest.mark.parametrize(
    ("reference", "part"),
    [
        (None, "it needs"),
        ({"tests": "assert True"}, "it needs"),
        ({"tests": "assert True", "entry_point": "a b"}, "no function's name"),
        ({"tests": "assert", "entry_point": "f"}, "not Python"),
        ({"tests": "", "entry_point": "f"}, "not Python"),
        ({"tests": "f()", "entry_point": "f", "before": "("}, '"before" is not Python'),
        ({"tests": "f()", "entry_point": "f", "extra": 1}, "it needs"),
    ],
)
def test_a_wrong_reference_is_told(reference: object, part: str) -> None:
    assert part in (PythonCode().problem(reference) or "")


def test_a_right_reference_is_no_problem() -> None:
    assert PythonCode().problem({"tests": TESTS, "entry_point": "total", "before": ""}) is None


def test_without_a_sandbox_nothing_is_scored() -> None:
    with pytest.raises(SetupError, match="cannot be scored"):
        PythonCode().scorer(ScorerTools())


# Written for these tests, each with a change that makes it wrong.
SOLUTIONS = {
    "humaneval-0": (
        "def has_close_elements(numbers, threshold):\n    ordered = sorted(numbers)\n"
        "    return any(b - a < threshold for a, b in zip(ordered, ordered[1:]))\n",
        ("<", ">"),
    ),
    "humaneval-2": ("def truncate_number(number):\n    return number % 1\n", ("% 1", "// 1")),
    "humaneval-32": (
        "def find_zero(xs):\n    low, high = -1.0, 1.0\n    while poly(xs, low) * poly(xs, high) > 0:\n"
        "        low, high = low * 2, high * 2\n    for _ in range(200):\n        middle = (low + high) / 2\n"
        "        if poly(xs, low) * poly(xs, middle) <= 0:\n            high = middle\n        else:\n"
        "            low = middle\n"
        "    return low\n",
        ("<= 0", "> 0"),
    ),
    "humaneval-50": (
        "def decode_shift(s):\n    return ''.join(chr((ord(c) - 5 - ord('a')) % 26 + ord('a')) for c in s)\n",
        ("- 5", "- 6"),
    ),
}


@sandboxed
@pytest.mark.parametrize("name", SOLUTIONS)
async def test_shipped_cases_tell_right_from_wrong(name: str) -> None:
    of = next(case_of(row) for row in shipped() if row["id"] == name)
    right, change = SOLUTIONS[name]
    assert await scored(f"```python\n{right}```", of) == Score(1.0, "all tests passed")
    wrong = await scored(f"```python\n{right.replace(*change)}```", of)
    assert wrong.value == 0.0
    assert "in test " in wrong.why


@sandboxed
async def test_shipped_cases_fail_functions_without_a_body() -> None:
    rows = shipped()[::12]
    scorer = PythonCode().scorer(ScorerTools(sandbox=Sandbox()))
    replies = [f"```python\ndef {row['reference']['entry_point']}(*args):\n    return None\n```" for row in rows]
    cases = [case_of(row) for row in rows]
    scores = await asyncio.gather(*(scorer.score(*pair) for pair in zip(cases, replies, strict=True)))
    assert all(PythonCode().problem(of.reference) is None for of in cases)
    assert [score.value for score in scores] == [0.0] * len(rows)
    assert all(score.why for score in scores)


def shipped() -> list[dict[str, Any]]:
    lines = files("ecotone.evaluation").joinpath("data/suites/humaneval/cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def case_of(row: dict[str, Any]) -> Case:
    message = Message(role="user", parts=(TextPart(row["prompt"]),))
    return Case(id=row["id"], messages=(message,), reference=row["reference"])
