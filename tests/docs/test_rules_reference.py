"""The page on rules has every variable, effect and word of the schema, and no other."""

import re
from collections.abc import Iterator

import pytest

from ecotone.policy.classes import DEFAULT_CLASSES
from ecotone.policy.guard.categories import CATEGORIES
from ecotone.policy.rules import EFFECTS
from ecotone.policy.schema import Kind, Schema
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "rules.md").read_text("utf-8")
SCHEMA = Schema(DEFAULT_CLASSES)


def kind(of: Kind) -> str:
    words = of.words or (of.element.words if of.element is not None else None)
    if of.element is not None:
        return "list of " + (" ".join(f"`{word}`" for word in words) if words else f"{of.element.sort}s")
    return "class" if of.sort == "rank" else ", ".join(f"`{word}`" for word in words) if words else of.sort


def tables() -> Iterator[str]:
    for root, record in SCHEMA.records.items():
        yield f"| `{root}` | | is | unknown where |\n|---|---|---|---|"
        for name, variable in record.items():
            of = kind(variable.kind) if name != "flagged" else "list of categories"
            yield f"| `{root}.{name}` | {of} | {variable.about} | {variable.unknown or 'never'} |"
        yield ""


@pytest.mark.parametrize("path", SCHEMA.variables)
def test_every_variable_has_its_row(path: str) -> None:
    assert next(line for line in tables() if line.startswith(f"| `{path}` ")) in PAGE.splitlines()


def test_there_are_no_other_variables() -> None:
    rows = re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE)
    assert rows == list(SCHEMA.variables)


def test_every_effect_has_its_row() -> None:
    assert (
        tuple(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| the candidate is refused \|$", PAGE, re.MULTILINE))
        == EFFECTS
    )


def test_the_categories_of_the_guard_are_variables() -> None:
    assert all(f"content.{category}" in SCHEMA.variables for category in CATEGORIES)
