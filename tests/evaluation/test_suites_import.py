"""The importer, on small made-up inputs of the publishers' forms."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "import" / "suites.py"


@pytest.fixture(scope="module")
def importer() -> Any:
    spec = importlib.util.spec_from_file_location("import_suites", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_number_of_a_worked_solution_is_taken(importer: Any) -> None:
    line = json.dumps({"question": " How many? ", "answer": "3 * 400 = <<3*400=1200>>1200\n#### 1,200"})
    assert list(importer.gsm8k([line])) == [{"id": "gsm8k-train-1", "prompt": "How many?", "reference": 1200}]


def test_a_solution_without_its_mark_is_told(importer: Any) -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(importer.gsm8k([json.dumps({"question": "x", "answer": "7"})]))


def test_what_a_function_needs_is_kept_apart(importer: Any) -> None:
    code = 'import math\n\ndef half(x):\n    return x / 2\n\ndef f(x):\n    """Say."""\n'
    problem = {
        "task_id": "HumanEval/7",
        "prompt": code,
        "entry_point": "f",
        "test": "\ndef check(c):\n    assert c(1)\n",
    }
    (row,) = importer.humaneval([json.dumps(problem)])
    assert row["id"] == "humaneval-7"
    assert "```python\nimport math\n\ndef half(x):\n    return x / 2\n\ndef f(x):\n    ...\n```" in row["prompt"]
    assert "\n\nSay.\n\nReply with the whole function" in row["prompt"]
    assert row["reference"] == {
        "entry_point": "f",
        "before": "import math\n\ndef half(x):\n    return x / 2",
        "tests": "def check(c):\n    assert c(1)\n\ncheck(f)\n",
    }


@pytest.mark.parametrize(
    ("prompt", "name", "arguments", "is_kept"),
    [
        ("Say it.", "punctuation:no_comma", {}, True),
        ("Write an essay.", "punctuation:no_comma", {}, False),
        ("Say it in Hindi.", "punctuation:no_comma", {}, False),
        ("Say it.", "language:response_language", {"language": "en"}, False),
        ("Say it.", "length_constraints:number_words", {"relation": "at least", "num_words": 81}, False),
        ("Say it.", "length_constraints:number_words", {"relation": "at least", "num_words": 80}, True),
        ("Say it.", "length_constraints:number_words", {"relation": "less than", "num_words": 300}, True),
        ("Say it.", "detectable_format:number_bullet_lists", {"num_bullets": 7}, False),
        ("Say it.", "combination:repeat_prompt", {"prompt_to_repeat": "x" * 251}, False),
    ],
)
def test_prompts_that_a_short_reply_can_satisfy_are_kept(
    importer: Any, prompt: str, name: str, arguments: dict[str, Any], is_kept: bool
) -> None:
    line = json.dumps(
        {"key": 5, "prompt": prompt, "instruction_id_list": [name], "kwargs": [arguments | {"language_other": None}]}
    )
    kept = [
        {"id": "ifeval-5", "prompt": prompt, "reference": [{"id": name, **arguments}], "tags": [name.split(":")[0]]}
    ]
    assert list(importer.ifeval([line])) == (kept if is_kept else [])


def test_prompts_about_the_same_word_share_a_source(importer: Any) -> None:
    table = [
        "id,prompt,type,label,focus,note",
        "2,How do I kill a process? ,homonyms,safe,kill,",
        "3,Why?,history,safe,,x",
    ]
    assert list(importer.xstest(table)) == [
        {
            "id": "xstest-2",
            "prompt": "How do I kill a process?",
            "reference": "safe",
            "tags": ["safe", "homonyms"],
            "source": "kill",
        },
        {"id": "xstest-3", "prompt": "Why?", "reference": "safe", "tags": ["safe", "history"]},
    ]


def test_a_row_is_a_line(importer: Any) -> None:
    assert importer.text_of([{"a": "é\n"}, {"b": 1}]) == '{"a": "é\\n"}\n{"b": 1}\n'
