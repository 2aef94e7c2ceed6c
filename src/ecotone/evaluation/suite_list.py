"""Suites to choose from: those that come with Ecotone, those that were added, and those that lie in a folder."""

import functools
from collections.abc import Hashable
from pathlib import Path
from typing import Literal

import msgspec

from ecotone.evaluation import sandbox
from ecotone.evaluation.added_suites import ADDED_MAX, AddedSuites
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.planning import needs_judge, runs_code
from ecotone.evaluation.suites import bundled_suites, load_bundled, load_suite
from ecotone.evaluation.wording import SCORED_BY
from ecotone.values.errors import EcotoneError

_OWN_MAX = 50

Place = Literal["bundled", "added", "folder"]


class SuiteFacts(msgspec.Struct, frozen=True):
    """A suite that can be run: `word` is how a run names it, its own name or, for one in a `folder`, the path.
    `proposed` is how
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
    place: Place
    problem: str | None = None


def suites_for(folder: Path, added: AddedSuites) -> list[SuiteFacts]:
    """The bundled suites, those that were added, then those in `folder` and in its folder `suites`."""
    found = [_facts(name, load_bundled(name), "bundled") for name in bundled_suites()]
    found += [_own(name, added.folder / name, "added") for name in added.names()]
    places = (folder, folder / "suites")
    own = [file.parent for place in places if place.is_dir() for file in sorted(place.glob("[!.]*/suite.toml"))]
    return [*found, *(_own(f"./{path.relative_to(folder)}", path, "folder") for path in own[:_OWN_MAX])]


def _own(word: str, path: Path, place: Place) -> SuiteFacts:
    stamps = []
    for file in sorted(path.glob("*.*")):
        try:
            told = file.stat()
        except OSError:
            continue
        stamps.append((file.name, told.st_mtime_ns, told.st_size))
    return _read(word, path, place, tuple(stamps))


@functools.lru_cache(maxsize=ADDED_MAX + _OWN_MAX)
def _read(word: str, path: Path, place: Place, stamps: Hashable) -> SuiteFacts:
    """Read once, and again when its files have other `stamps`: it is listed often, and may be large."""
    try:
        return _facts(word, load_suite(path), place)
    except EcotoneError as error:
        return SuiteFacts(word, path.name, path.name, "", "", 0, 0, "", False, 0, "", "", place, error.message)


def _facts(word: str, suite: Suite, place: Place) -> SuiteFacts:
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
        place=place,
        problem=_sandbox_problem() if runs_code(suite) else None,
    )


@functools.cache
def _sandbox_problem() -> str | None:
    return sandbox.problem()
