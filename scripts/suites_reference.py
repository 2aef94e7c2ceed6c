#!/usr/bin/env python3
"""Print docs/reference/suites.md, made from the bundled suites and from the scorers' own words.

python scripts/suites_reference.py > docs/reference/suites.md
"""

import ast
import inspect
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from ecotone.evaluation import suites
from ecotone.evaluation.scorers import KINDS
from ecotone.evaluation.suites import bundled_suites, load_bundled

HEAD = """\
# Suites and scorers

<!-- Made by scripts/suites_reference.py from the bundled suites and their scorers; change it there. -->

How to make a suite of your own, step by step: [Your own ten prompts](../guides/your-own-ten-prompts.md). `--suite NAME`
takes a bundled one, `--suite ./folder` yours, `--suite all` every bundled one.

## Bundled suites

Small enough for all of them to run on a laptop's processor in minutes. A run takes the number of cases under "asked"
unless `--limit` says another number, or `all`: the same ones each time, spread over the suite. They tell models apart
that differ much; for small differences take more cases, and your own.

| suite | what | cases | asked | scored by | licence | from |
|---|---|---|---|---|---|---|"""
FILES = """\
## Files of a suite

A folder with `suite.toml` and either `cases.jsonl` or `cases.csv`.

- `cases.csv`: the first line names the columns: `prompt`, `reference`, `tags`, and if you like `id` and `source`.
  Commas, semicolons or tabs may part them. A text that has commas or line breaks stands in quotes.
- `cases.jsonl`: one JSON object a line with `prompt` (or `messages`, each with `role` and `content`), `reference`,
  `tags` (a list), and if you like `id` and `source`.

A case without an `id` gets one made from its prompt. Cases with the same `source` (a document, a template) are not
independent: intervals count them as one cluster. A suite is read whole or refused with file, line and what to do.

### `suite.toml`

| setting | type | default | meaning |
|---|---|---|---|"""
SCORERS = """\
## Scorers

`kind` under `[scorer]`, and its options beside it. A score is from 0 to 1, with a reason that `ecotone eval show`
prints."""
NAMES = {str: "text", int: "number", float: "number", bool: "true or false"}


def reference() -> str:
    lines = [HEAD, *bundled(), "", *descriptions(), FILES, *rows(suites._SuiteFile), "", SCORERS, ""]
    for name, kind in KINDS.items():
        lines += [f"### `{name}`\n", inspect.getdoc(kind) or "", ""]
        if options := list(rows(kind)):
            lines += ["| option | type | default | meaning |", "|---|---|---|---|", *options, ""]
    return "\n".join(lines).rstrip() + "\n"


def bundled() -> Iterator[str]:
    for name in bundled_suites():
        suite = load_bundled(name)
        source = suite.source.removeprefix("https://github.com/").partition("/tree/")[0]
        link = f"[{source}]({suite.source})" if suite.source.startswith("https://") else suite.source
        asked = min(suite.limit or len(suite.cases), len(suite.cases))
        cells = (f"`{name}`", suite.title, len(suite.cases), asked, f"`{suite.scorer.kind}`", suite.licence, link)
        yield f"| {' | '.join(map(str, cells))} |"


def descriptions() -> Iterator[str]:
    for name in bundled_suites():
        suite = load_bundled(name)
        system = " The models get an instruction first (`system`)." if suite.system else ""
        yield f"- `{name}`: {suite.description}{system} At most {suite.max_tokens} tokens a reply."
    yield ""


def rows(table: type[msgspec.Struct]) -> Iterator[str]:
    words = meanings(table)
    for field in msgspec.structs.fields(table):
        yield f"| `{field.name}` | {kind_of(field.type)} | {default(field)} | {words.get(field.name, '')} |"


def meanings(table: type[Any]) -> dict[str, str]:
    """The text under each field."""
    body = ast.parse(inspect.getsource(table)).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = " ".join(words.split())
    return found


def kind_of(type_: Any) -> str:
    if get_origin(type_) in (Union, types.UnionType):
        return kind_of(next(part for part in get_args(type_) if part is not types.NoneType))
    if get_origin(type_) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(type_))
    if get_origin(type_) is tuple:
        return "list of texts"
    return "table" if get_origin(type_) is dict else NAMES[type_]


def default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    if field.default in (None, ""):
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    print(reference(), end="")
