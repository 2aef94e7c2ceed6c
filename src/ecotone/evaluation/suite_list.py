"""Suites to choose from: those that come with Ecotone, and those that lie in a folder."""

import functools
from pathlib import Path

import msgspec

from ecotone.evaluation import sandbox
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.planning import needs_judge, runs_code
from ecotone.evaluation.suites import bundled_suites, load_bundled, load_suite
from ecotone.evaluation.wording import SCORED_BY
from ecotone.values.errors import EcotoneError

_OWN_MAX = 50


class SuiteFacts(msgspec.Struct, frozen=True):
    """A suite that can be run: `word` is how a run names it, its own name or the path of its folder. `proposed` is how
    many of its cases a run takes unless told otherwise; `scored_by` says when a reply scores. `problem` says why it
    cannot be run here."""

    word: str
    name: str
    title: str
    category: str
    description: str
    cases: int
    proposed: int
    scored_by: str
    needs_judge: bool
    max_tokens: int
    licence: str
    source: str
    bundled: bool
    problem: str | None = None


def suites_for(folder: Path) -> list[SuiteFacts]:
    """The bundled suites, then those in `folder` and in its folder `suites`."""
    found = [_facts(name, load_bundled(name), bundled=True) for name in bundled_suites()]
    places = (folder, folder / "suites")
    own = [file.parent for place in places if place.is_dir() for file in sorted(place.glob("*/suite.toml"))]
    return [*found, *(_own(path, folder) for path in own[:_OWN_MAX])]


def _own(path: Path, folder: Path) -> SuiteFacts:
    word = f"./{path.relative_to(folder)}"
    try:
        return _facts(word, load_suite(path), bundled=False)
    except EcotoneError as error:
        return SuiteFacts(word, path.name, path.name, "", "", 0, 0, "", False, 0, "", "", False, error.message)


def _facts(word: str, suite: Suite, *, bundled: bool) -> SuiteFacts:
    return SuiteFacts(
        word=word,
        name=suite.name,
        title=suite.title,
        category=suite.category,
        description=suite.description,
        cases=len(suite.cases),
        proposed=min(suite.limit or len(suite.cases), len(suite.cases)),
        scored_by=SCORED_BY[suite.scorer.kind],
        needs_judge=needs_judge(suite),
        max_tokens=suite.max_tokens,
        licence=suite.licence,
        source=suite.source,
        bundled=bundled,
        problem=_sandbox_problem() if runs_code(suite) else None,
    )


@functools.cache
def _sandbox_problem() -> str | None:
    return sandbox.problem()
