"""What the documentation says of the code is so: links, tables made from code, errors, dependencies."""

import importlib
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ecotone
from ecotone.gateway.request_log import RequestRow
from ecotone.values.errors import EcotoneError
from tests.docs.pages import PAGES, ROOT, anchors, links

DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for line, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(f"{page.relative_to(ROOT)}:{line}: {target}")
    assert broken == []


def test_every_page_is_linked_to() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page in PAGES for _, target in links(page)}
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in linked and page.name != "README.md"] == []


def all_errors() -> list[type[EcotoneError]]:
    """The whole tree, with members that other packages declare."""
    for module in pkgutil.walk_packages(ecotone.__path__, "ecotone."):
        if not module.name.endswith(("__main__", "engine_process")):
            importlib.import_module(module.name)
    found: list[type[EcotoneError]] = []
    waiting: list[type[EcotoneError]] = [EcotoneError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("ecotone."):
            found.append(kind)
    return found


def test_every_error_is_listed_with_its_status_type_and_code() -> None:
    page = (DOCS / "reference" / "http-api.md").read_text("utf-8")
    listed = {
        name.strip("`"): (status, kind.strip("`"), code.strip("`"))
        for name, status, kind, code in re.findall(r"^\| (`\w+`) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", page, re.M)
    }
    # A refusal of the upstream keeps the upstream's own words, and its groups are never raised themselves.
    groups = {"RequestError", "UpstreamError", "SetupError"}
    expected = {
        kind.__name__: (str(kind.status), kind.type, kind.code or "null")
        for kind in all_errors()
        if kind.__name__ not in groups | {"UpstreamRejected"}
    }
    assert {name: row for name, row in listed.items() if name != "UpstreamRejected"} == expected
    assert "UpstreamRejected" in listed


def test_every_column_of_the_request_log_is_explained() -> None:
    page = (DOCS / "concepts" / "what-is-recorded.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert [name for name in listed if name in RequestRow.__struct_fields__] == list(RequestRow.__struct_fields__)


def test_the_table_of_what_wires_carry_is_current() -> None:
    """It is made by trying each feature on each wire, and fails where a difference is not declared."""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "wires_reference.py"], capture_output=True, text=True, check=True
    ).stdout
    assert (DOCS / "reference" / "wires.md").read_text("utf-8") == made, (
        "run: python scripts/wires_reference.py > docs/reference/wires.md"
    )


def test_the_table_of_providers_is_current() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "providers_reference.py"], capture_output=True, text=True, check=True
    ).stdout
    assert (DOCS / "reference" / "providers.md").read_text("utf-8") == made, (
        "run: python scripts/providers_reference.py > docs/reference/providers.md"
    )


def test_the_pictures_are_current() -> None:
    drawn = runpy.run_path(str(ROOT / "scripts" / "pictures.py"))["drawn"]()
    old = [name for name, svg in drawn.items() if (DOCS / "images" / name).read_text("utf-8") != svg]
    assert old == [], "run: python scripts/pictures.py"


def test_every_dependency_has_its_decision() -> None:
    said = "\n".join(page.read_text("utf-8").lower() for page in (DOCS / "decisions").glob("[0-9]*.md"))
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = [re.split(r"[<>=;\[ ]", dependency)[0] for dependency in wanted]
    assert [name for name in names if name.lower() not in said and name.replace("-", "_") not in said] == []


def test_decisions_are_numbered_and_complete() -> None:
    files = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for file in files:
        headings = re.findall(r"^## (.*)$", file.read_text("utf-8"), re.M)
        assert headings == ["Context", "Choice", "Measurement", "What it costs"], file.name
