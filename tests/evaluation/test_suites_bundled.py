"""The suites that come with Ecotone: they load, their right answers are right, and they say where they are from."""

import json
import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ecotone.evaluation import sandbox
from ecotone.evaluation.cases import Case, ScorerTools, Suite
from ecotone.evaluation.sandbox import Sandbox
from ecotone.evaluation.scorers import scorer_for
from ecotone.evaluation.suites import bundled_suites, limited, load_bundled
from ecotone.values.chat import TextPart
from ecotone.values.errors import SetupError

NAMES = [
    *("classification", "extraction", "gsm8k", "humaneval"),
    *("ifeval", "knowledge", "over-refusal", "summaries"),
]
SOLUTIONS = Path(__file__).parent / "solutions"


def text(case: Case) -> str:
    return "\n".join(part.text for message in case.messages for part in message.parts if isinstance(part, TextPart))


async def value(suite: Suite, case: Case, reply: str) -> float:
    return (await scorer_for(suite.scorer, ScorerTools()).score(case, reply)).value


def test_these_are_bundled() -> None:
    assert list(bundled_suites()) == NAMES


def test_an_unknown_one_is_told_with_its_neighbour() -> None:
    with pytest.raises(SetupError, match="no bundled suite 'gsm8'; did you mean 'gsm8k'"):
        load_bundled("gsm8")


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is_and_where_it_is_from(name: str) -> None:
    suite = load_bundled(name)
    assert suite.name == name
    assert suite.description
    assert suite.licence in {"MIT", "Apache-2.0", "CC-BY-4.0"}
    assert suite.source == "written for Ecotone" or suite.source.startswith("https://")
    assert suite.temperature == 0
    sources = files("ecotone.evaluation").joinpath("data", "suites", "SOURCES.md").read_text("utf-8")
    assert re.search(rf"^\|[^|]*\b{name}\b", sources, re.MULTILINE)
    assert len({text(case) for case in suite.cases}) == len(suite.cases)


@pytest.mark.parametrize("name", NAMES)
def test_each_asks_little_enough_for_small_machines(name: str) -> None:
    """About 15 thousand tokens of prompts and 14 thousand of replies, at the very most, over all eight suites."""
    suite = load_bundled(name)
    asked = limited(suite, suite.limit)
    assert 16 <= len(asked.cases) <= 40
    assert sum(len(text(case)) for case in asked.cases) < 20_000
    assert len(asked.cases) * asked.max_tokens <= 7_500


def test_the_worst_of_all_runs_is_bounded() -> None:
    asked = [limited(suite, suite.limit) for suite in map(load_bundled, NAMES)]
    assert sum(len(suite.cases) * suite.max_tokens for suite in asked) < 20_000
    assert sum(len(text(case)) for suite in asked for case in suite.cases) / 4 < 15_000


# --- a right answer is right, and another is not


@pytest.mark.parametrize("name", ["classification", "knowledge"])
async def test_references_are_right_and_others_wrong(name: str) -> None:
    suite = load_bundled(name)
    references = {case.reference for case in suite.cases}
    for case in suite.cases:
        assert [other for other in references if await value(suite, case, other)] == [case.reference]


def test_options_and_labels_are_even() -> None:
    assert set(Counter(case.reference for case in load_bundled("knowledge").cases).values()) == {10}
    assert set(Counter(case.reference for case in load_bundled("classification").cases).values()) == {8}


async def test_extraction_references_are_right_as_json_and_stand_in_the_message() -> None:
    suite = load_bundled("extraction")
    for case in suite.cases:
        message = text(case).split("\n\n")[0]
        assert all(str(field) in message for field in case.reference.values())
        assert await value(suite, case, f"```json\n{json.dumps(case.reference)}\n```") == 1
        wrong = case.reference | {"quantity": case.reference["quantity"] + 1}
        assert await value(suite, case, json.dumps(wrong)) == 0.75
        assert await value(suite, case, json.dumps(case.reference | {"note": ""})) == 0


async def test_facts_stand_in_the_texts_but_not_all_at_their_beginning() -> None:
    suite = load_bundled("summaries")
    for case in suite.cases:
        facts = [fact if isinstance(fact, str) else fact[0] for fact in case.reference]
        assert await value(suite, case, "; ".join(facts)) == 1
        assert await value(suite, case, "") == 0
        assert await value(suite, case, text(case)) < 1, f"{case.id}: copying the text must not be a summary"
        # Every fact can be found by words of the text itself, but for a figure that follows from it.
        whole = load_bundled("summaries").scorer.options | {"words_max": 1000}
        assert (
            await scorer_for(type(suite.scorer)("key-facts", whole), ScorerTools()).score(case, text(case))
        ).value == 1


async def test_the_data_sets_own_solutions_of_maths_problems_are_right() -> None:
    suite = load_bundled("gsm8k")
    solutions: dict[str, str] = json.loads((SOLUTIONS / "gsm8k.json").read_text("utf-8"))
    cases = {case.id: case for case in suite.cases}
    assert {case.id for case in limited(suite, suite.limit).cases} == set(solutions)
    for name, solution in solutions.items():
        answer = solution.rpartition("#### ")[2]
        assert await value(suite, cases[name], solution) == 1
        assert await value(suite, cases[name], f"So 17 and 3.\nThe answer is ${answer}.00.") == 1
        assert await value(suite, cases[name], f"The answer is {answer}1") == 0


@pytest.mark.skipif(sandbox.problem() is not None, reason="no sandbox can be had here")
async def test_the_data_sets_own_functions_pass_and_empty_ones_do_not() -> None:
    suite = load_bundled("humaneval")
    solutions: dict[str, str] = json.loads((SOLUTIONS / "humaneval.json").read_text("utf-8"))
    scorer = scorer_for(suite.scorer, ScorerTools(sandbox=Sandbox()))
    asked = limited(suite, suite.limit).cases
    assert {case.id for case in asked} == set(solutions)
    for case in asked:
        name = case.reference["entry_point"]
        code = text(case).split("```python\n", 1)[1].split("```")[0]
        function = code[code.index(f"def {name}(") :]
        right = await scorer.score(case, f"Here it is:\n```python\n{function}{solutions[case.id]}```")
        assert right.value == 1, f"{case.id}: {right.why}"
        assert (await scorer.score(case, f"```python\n{function}    return None\n```")).value == 0


INSTRUCTED = {
    "ifeval-2314": ("* Domino\n* Panda\n* Oreo", "* Domino\n* Panda"),
    "ifeval-202": ("etchings", "Etchings"),
    "ifeval-219": ('"Yes, she is."', "Yes, she is."),
    "ifeval-1098": ("Lord ****** Almighty", "Lord ****** Lord"),
    "ifeval-2028": ("It is freezing there for most of it.", "Yes, they are."),
    "ifeval-227": ("No, it is smaller. My answer is no.", "No."),
    "ifeval-1476": ('"Meet Azure Applied AI Services!"', "A new name! Azure Applied AI Services."),
}


@pytest.mark.parametrize(("name", "replies"), INSTRUCTED.items())
async def test_instructions_followed_and_not(name: str, replies: tuple[str, str]) -> None:
    suite = load_bundled("ifeval")
    case = next(case for case in suite.cases if case.id == name)
    assert [await value(suite, case, reply) for reply in replies] == [1, 0]


async def test_over_refusal_wants_answers_to_what_is_safe_only() -> None:
    suite = load_bundled("over-refusal")
    asked: list[Any] = [case.reference for case in limited(suite, suite.limit).cases]
    assert {label: asked.count(label) for label in asked} == {"safe": 13, "unsafe": 11}
    for case in suite.cases:
        is_safe = case.reference == "safe"
        assert await value(suite, case, "Sure, here is how:") == is_safe
        assert await value(suite, case, "I'm sorry, but I can't help with that.") != is_safe


def test_the_reference_of_suites_and_scorers_is_current() -> None:
    root = Path(__file__).parents[2]
    made = subprocess.run(
        [sys.executable, root / "scripts" / "suites_reference.py"], capture_output=True, text=True, check=True
    ).stdout
    assert (root / "docs" / "reference" / "suites.md").read_text("utf-8") == made, (
        "run: python scripts/suites_reference.py > docs/reference/suites.md"
    )
