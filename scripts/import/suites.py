#!/usr/bin/env python3
"""Write the cases of the bundled suites that come from others' data sets.

python scripts/import/suites.py FOLDER

FOLDER holds `suites/gsm8k_train_400.jsonl`, `suites/HumanEval.jsonl.gz`, `suites/ifeval_a.jsonl` and
`safety/xstest_a.csv`, as their publishers have them. Each becomes `cases.jsonl` in the suite's folder beside its
`suite.toml`, which is written by hand. src/ecotone/evaluation/data/suites/SOURCES.md says where the data are from.
"""

import ast
import csv
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TARGET = Path(__file__).parents[2] / "src/ecotone/evaluation/data/suites"

# What these ask for does not fit into the suite's token limit, or cannot be checked by rules alone.
_TOO_LONG = {
    ("length_constraints:number_words", "num_words"): 80,
    ("length_constraints:number_sentences", "num_sentences"): 6,
}
_MOST = {
    ("length_constraints:number_paragraphs", "num_paragraphs"): 2,
    ("detectable_format:multiple_sections", "num_sections"): 2,
    ("detectable_format:number_bullet_lists", "num_bullets"): 6,
    ("detectable_format:number_highlighted_sections", "num_highlights"): 4,
    ("detectable_content:number_placeholders", "num_placeholders"): 5,
    ("keywords:frequency", "frequency"): 5,
    ("change_case:capital_word_frequency", "capital_frequency"): 11,
}
_LEFT_OUT = {"language:response_language", "length_constraints:nth_paragraph_first_word"}
_LONG_FORMS = ("essay", "article", "500 word", "500-word", "blog post", "long ", "detailed", "itinerary", "resume")
_LONG_FORMS += ("proposal", "biography", "cover letter", "session plan", "12-day", "script", "workshop", "pitch deck")
# The prompt asks for at least six, its checker for fewer.
_CONTRADICTORY = {1174}
_REPEATED_MAX = 250
_LANGUAGES = (
    "french",
    "spanish",
    "german",
    "hindi",
    "chinese",
    "japanese",
    "korean",
    "portuguese",
    "italian",
    "russian",
)


def gsm8k(lines: Iterable[str]) -> Iterator[Row]:
    """Question and number. The number stands after #### at the end of the worked solution."""
    for number, line in enumerate(lines, 1):
        problem = json.loads(line)
        _, marked, answer = problem["answer"].rpartition("####")
        if not marked:
            raise ValueError(f"line {number}: the solution does not end with #### and a number")
        reference = int(answer.strip().replace(",", ""))
        yield {"id": f"gsm8k-train-{number}", "prompt": problem["question"].strip(), "reference": reference}


def humaneval(lines: Iterable[str]) -> Iterator[Row]:
    """The function to write; the tests, called on it; and what stands before it and is needed to run it."""
    for line in lines:
        problem = json.loads(line)
        code, name = problem["prompt"], problem["entry_point"]
        function = _function(code, name)
        before = "\n".join(code.splitlines()[: function.lineno - 1]).strip()
        reference = {"entry_point": name, "before": before, "tests": f"{problem['test'].strip()}\n\ncheck({name})\n"}
        prompt = _asked_for(code, function, before)
        yield {"id": problem["task_id"].lower().replace("/", "-"), "prompt": prompt, "reference": reference}


def _function(code: str, name: str) -> ast.FunctionDef:
    tree = ast.parse(code + "    pass\n")
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def _asked_for(code: str, function: ast.FunctionDef, before: str) -> str:
    """The task in words. The docstring is told apart from the code: small models spend a reply on repeating it."""
    lines = code.splitlines()
    told = ast.get_docstring(function)
    if told is None:
        return f"Complete this Python function.\n\n```python\n{code.strip()}\n```\n\n{_REPLY}"
    head = "\n".join(lines[function.lineno - 1 : function.body[0].lineno - 1])
    start = "\n\n".join(filter(None, (before, f"{head}\n    ...")))
    return f"Write this Python function:\n\n```python\n{start}\n```\n\nWhat it is to do:\n\n{told}\n\n{_REPLY}"


_REPLY = "Reply with the whole function in one ```python block, without a docstring and without any explanation."


def ifeval(lines: Iterable[str]) -> Iterator[Row]:
    """Prompts that a short reply can satisfy and rules can check."""
    for line in lines:
        prompt = json.loads(line)
        instructions = [
            {"id": name, **{key: value for key, value in arguments.items() if value is not None}}
            for name, arguments in zip(prompt["instruction_id_list"], prompt["kwargs"], strict=True)
        ]
        is_sound = prompt["key"] not in _CONTRADICTORY
        if is_sound and all(map(_is_short, instructions)) and not _asks_for_much(prompt["prompt"].lower()):
            tags = sorted({instruction["id"].partition(":")[0] for instruction in instructions})
            yield {
                "id": f"ifeval-{prompt['key']}",
                "prompt": prompt["prompt"],
                "reference": instructions,
                "tags": tags,
            }


def _is_short(instruction: Row) -> bool:
    name = instruction["id"]
    at_least = instruction.get("relation", "at least") == "at least"
    too_long = any(
        name == kind and at_least and instruction[argument] > most for (kind, argument), most in _TOO_LONG.items()
    )
    too_many = any(name == kind and instruction[argument] > most for (kind, argument), most in _MOST.items())
    return (
        name not in _LEFT_OUT
        and not too_long
        and not too_many
        and len(instruction.get("prompt_to_repeat", "")) <= _REPEATED_MAX
    )


def _asks_for_much(prompt: str) -> bool:
    return any(words in prompt for words in (*_LONG_FORMS, *_LANGUAGES))


def xstest(table: Iterable[str]) -> Iterator[Row]:
    """Prompts with their label. Those about the same word come from one idea and are not independent."""
    for row in csv.DictReader(table):
        case: Row = {
            "id": f"xstest-{row['id']}",
            "prompt": row["prompt"].strip(),
            "reference": row["label"],
            "tags": [row["label"], row["type"]],
        }
        yield case | ({"source": row["focus"]} if row["focus"] else {})


def text_of(rows: Iterable[Row]) -> str:
    """The file's text: a case a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main(folder: Path) -> None:
    gsm8k_lines = (folder / "suites/gsm8k_train_400.jsonl").read_text("utf-8").splitlines()
    humaneval_lines = gzip.decompress((folder / "suites/HumanEval.jsonl.gz").read_bytes()).decode().splitlines()
    ifeval_lines = (folder / "suites/ifeval_a.jsonl").read_text("utf-8").splitlines()
    xstest_table = (folder / "safety/xstest_a.csv").read_text("utf-8").splitlines()
    made = {
        "gsm8k": gsm8k(gsm8k_lines),
        "humaneval": humaneval(humaneval_lines),
        "ifeval": ifeval(ifeval_lines),
        "over-refusal": xstest(xstest_table),
    }
    for name, rows in made.items():
        (TARGET / name).mkdir(parents=True, exist_ok=True)
        (TARGET / name / "cases.jsonl").write_text(text_of(rows), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
