"""Python code in a reply, run against tests in the sandbox."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from ecotone.evaluation import sandbox
from ecotone.evaluation.cases import Case, JsonValue, Score, Scorer, ScorerTools
from ecotone.evaluation.sandbox import Limits, Outcome, Sandbox
from ecotone.evaluation.scorers.kind import shown
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import SetupError

_CODE_CHARACTERS_MAX = 100_000
_SHOWN_CHARACTERS = 160
_FENCE = re.compile(
    r"""
    ^(?P<margin>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+.-]*)[^\n`]*\n
    (?P<code>.*?)
    (?:^[ \t]*(?P=fence)[ \t]*$|\Z)            # a reply that was cut off ends inside its block
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_REFERENCE_KEYS = {"tests", "entry_point", "before"}
_PYTHON_NAMES = ("", "python", "py", "python3", "py3")
_CODE_STARTS = re.compile(
    r"^(?:from\s+[\w.]+\s+import\b|import\s+\w|def\s+\w+|async\s+def\s|class\s+\w|@\w)", re.MULTILINE
)
_HARMLESS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


class PythonCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Right if the code in the reply passes the tests, run in the sandbox.

    Reference: {"tests": Python text, "entry_point": name of the function asked for}. The tests are statements that
    raise when something is wrong; where they define a function `check` and do not call it, it is called with the
    function asked for, as in HumanEval. What the tests get from the reply's functions is plain data; see `Sandbox.run`.

    The code is looked for in fenced blocks, then in the reply as a whole, and may be the function's body alone. Before
    it comes the reference's "before", or else what the prompt defines beside the function: imports, other functions.
    """

    version: ClassVar[int] = 1
    wall_s: float = 10.0
    cpu_s: int = 5
    memory_mb: int = 512

    def problem(self, reference: JsonValue) -> str | None:
        wanted = 'it needs {"tests": "assert ...", "entry_point": "the function\'s name"}'
        if not isinstance(reference, dict) or not {"tests", "entry_point"} <= set(reference) <= _REFERENCE_KEYS:
            return f"{wanted}, not {shown(reference)}"
        tests, name, before = reference["tests"], reference["entry_point"], reference.get("before", "")
        if not isinstance(name, str) or not name.isidentifier():
            return f"{wanted}; {shown(name)} is no function's name"
        if not isinstance(tests, str) or (tree := _parsed(tests)) is None or not tree.body:
            return f"{wanted}; its tests are not Python"
        if not isinstance(before, str) or _parsed(before) is None:
            return f'{wanted}; its "before" is not Python'
        return None

    def from_cell(self, text: str) -> JsonValue:
        raise ValueError("tests do not fit into a cell of a table: write the cases as cases.jsonl")

    def scorer(self, tools: ScorerTools) -> Scorer:
        if tools.sandbox is None:
            reason = sandbox.problem() or "no sandbox was set up."
            raise SetupError(f"Replies with Python code cannot be scored: {reason}")
        limits = Limits(wall_s=self.wall_s, cpu_s=self.cpu_s, memory_mb=self.memory_mb)
        return _CodeScorer(tools.sandbox, limits)


class _CodeScorer:
    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self._sandbox = sandbox
        self._limits = limits

    async def score(self, case: Case, reply: str) -> Score:
        name, tests = case.reference["entry_point"], case.reference["tests"]
        source = code_to_run(reply, _prompt(case.messages), name, case.reference.get("before"))
        if source is None:
            return Score(0.0, f"the reply has no Python code that defines {name}")
        outcome = await self._sandbox.run(source, self._limits, tests=_tests_to_run(tests, name))
        return Score(1.0 if outcome.status == "passed" else 0.0, _why(outcome, tests))


def code_to_run(reply: str, prompt: str, entry_point: str, before: str | None = None) -> str | None:
    """The program that a reply means: `before`, or what the prompt defines, then the reply's code; None if it has none.

    Of several blocks that define the function the last counts, together with the definitions of the blocks before it.
    """
    reply = reply.rpartition("</think>")[2].replace("\r\n", "\n")[:_CODE_CHARACTERS_MAX]
    given = _given(prompt.replace("\r\n", "\n")[:_CODE_CHARACTERS_MAX])
    before = _without(given, entry_point) if before is None else before
    blocks = list(_blocks(reply))
    for index in range(len(blocks) - 1, -1, -1):
        if entry_point in _defined(_parsed(blocks[index])):
            return _joined(before, *map(_definitions, blocks[:index]), blocks[index])
    if (code := _code_among_prose(reply)) is not None and entry_point in _defined(_parsed(code)):
        return _joined(before, code)
    if entry_point in _defined(_parsed(given)):
        for text in (*blocks, reply):
            if (code := _continued(given, text)) is not None:
                return code
    return None


def _prompt(messages: tuple[Message, ...]) -> str:
    """What the last user message says."""
    for message in reversed(messages):
        if message.role == "user":
            return "\n".join(part.text for part in message.parts if isinstance(part, TextPart))
    return ""


def _blocks(reply: str) -> Iterator[str]:
    for found in _FENCE.finditer(reply):
        if found["language"].lower() in _PYTHON_NAMES:
            margin = found["margin"]
            yield re.sub(rf"^{margin}", "", found["code"], flags=re.MULTILINE) if margin else found["code"]


def _given(prompt: str) -> str:
    """The code of a prompt: a function to complete, what stands before it; empty where there is none."""
    fenced = [block for block in _blocks(prompt) if _defined(_parsed(block))]
    return "\n".join(fenced) if fenced else _code_among_prose(prompt) or ""


def _code_among_prose(text: str) -> str | None:
    """From the first line that starts like code, the most lines that parse."""
    for start in list(_CODE_STARTS.finditer(text))[:20]:
        lines = text[start.start() :].split("\n")
        for end in range(len(lines), max(0, len(lines) - 400), -1):
            tree = _parsed("\n".join(lines[:end]))
            if tree is not None and _defined(tree):
                return "\n".join(lines[:end])
    return None


def _continued(given: str, text: str) -> str | None:
    """The prompt's function with `text` as its body: as it stands, with its first line's margin lost, with all lost."""
    body = text.strip("\n")
    if not body.strip():
        return None
    for attempt in (body, f"    {body}", textwrap.indent(textwrap.dedent(body), "    ")):
        code = f"{given.rstrip()}\n{attempt}\n"
        tree = _parsed(code)
        # It must have become part of the function, not lines after it that happen to be Python.
        if tree is not None and attempt[0].isspace():
            return code
    return None


def _without(code: str, name: str) -> str:
    """Code less one function, which a reply writes out again."""
    tree = _parsed(code)
    if tree is None:
        return ""
    kept = [node for node in tree.body if getattr(node, "name", None) != name and isinstance(node, _HARMLESS)]
    return "\n".join(ast.unparse(node) for node in kept)


def _definitions(code: str) -> str:
    return _without(code, "")


def _joined(*parts: str) -> str:
    """One program. Imports from __future__ must come first."""
    lines = [line for part in parts for line in part.split("\n")]
    future = [line for line in lines if line.startswith("from __future__ import")]
    return "\n".join([*dict.fromkeys(future), *(line for line in lines if line not in future)]) + "\n"


def _defined(tree: ast.Module | None) -> set[str]:
    """The functions and classes, and names given to such, at the top of a program."""
    names = set()
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _parsed(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes such as "\d"
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
            return None


def _tests_to_run(tests: str, entry_point: str) -> str:
    tree = _parsed(tests)
    calls = tree is not None and any(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "check"
        for node in tree.body
    )
    return tests if calls or "check" not in _defined(tree) else f"{tests}\ncheck({entry_point})\n"


def _why(outcome: Outcome, tests: str) -> str:
    if outcome.status == "passed":
        return "all tests passed"
    if outcome.status == "stopped":
        return _cut(f"stopped: {outcome.text}")
    place = _test_at(outcome.line, tests)
    if outcome.solution_line is not None:
        place = f" in line {outcome.solution_line} of the code{place and ','}{place}"
    return _cut(f"{outcome.text}{place}")


def _test_at(line: int | None, tests: str) -> str:
    """The assertion at a line of the tests, by its number among all of them."""
    tree = _parsed(tests)
    if line is None or tree is None:
        return ""
    found = sorted((n for n in ast.walk(tree) if isinstance(n, ast.Assert)), key=lambda n: (n.lineno, n.col_offset))
    for number, node in enumerate(found, start=1):
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            return f" in test {number}: {' '.join(ast.unparse(node).split())}"
    return f" in line {line} of the tests"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
