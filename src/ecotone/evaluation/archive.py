"""The runs that were made, as those look at them who look often: read once, and again when their files change."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from statistics import fmean
from typing import TypeVar

import msgspec

from ecotone.evaluation.cases import Suite
from ecotone.evaluation.results import Results, Summary, summarise
from ecotone.evaluation.runs import Run, RunFolder, RunStore
from ecotone.values.errors import SetupError

_T = TypeVar("_T")


class Glance(msgspec.Struct, frozen=True):
    """A run in a line. `cases` is how many questions it asks in all, `results` how many have a result. `scores` are
    those of its models, each suite counting the same, from 0 to 1; None where nothing is scored. `trouble` says why a
    run cannot be read; what else is told of it is empty then."""

    id: str
    started_at: datetime | None
    finished_at: datetime | None
    who: str
    models: tuple[str, ...]
    suites: tuple[str, ...]
    cases: int
    results: int
    scores: dict[str, float | None]
    trouble: str | None = None


class Opened(msgspec.Struct, frozen=True, eq=False):
    """A run with all that is in its folder, and what it comes to."""

    run: Run
    suites: Mapping[str, Suite]
    results: Results
    summary: Summary


class _Score(msgspec.Struct, frozen=True):
    """As much of a result as a glance takes."""

    model: str
    suite: str
    case: str
    score: float | None = None


class Archive:
    """Reads the runs of a store. May be used by several threads, which wait for each other."""

    def __init__(self, store: RunStore, *, opened_max: int = 6, glances_max: int = 500) -> None:
        self.store = store
        self._opened: OrderedDict[str, tuple[Hashable, Opened]] = OrderedDict()
        self._glances: OrderedDict[str, tuple[Hashable, Glance]] = OrderedDict()
        self._opened_max = opened_max
        self._glances_max = glances_max
        self._turn = threading.Lock()

    def glances(self, *, count_max: int) -> list[Glance]:
        """The latest runs, the latest first."""
        return [self.glance(folder) for folder in reversed(self.store.runs()[-count_max:])]

    def glance(self, folder: RunFolder) -> Glance:
        """One run in a line."""
        return self._kept(self._glances, self._glances_max, folder, _glance)

    def open(self, folder: RunFolder) -> Opened:
        """One run with everything. Raises SetupError where it cannot be read."""
        return self._kept(self._opened, self._opened_max, folder, _opened)

    def delete(self, folder: RunFolder) -> None:
        """Delete a run, and what is known of it here. Raises SetupError while it goes on."""
        self.store.delete(folder)
        with self._turn:
            self._opened.pop(folder.path.name, None)
            self._glances.pop(folder.path.name, None)

    def _kept(
        self,
        kept: "OrderedDict[str, tuple[Hashable, _T]]",
        kept_max: int,
        folder: RunFolder,
        read: Callable[[RunFolder], _T],
    ) -> _T:
        name, stamp = folder.path.name, _stamp(folder)
        with self._turn:
            found = kept.get(name)
            if found is not None and found[0] == stamp:
                kept.move_to_end(name)
                return found[1]
            made = read(folder)
            kept[name] = (stamp, made)
            kept.move_to_end(name)
            while len(kept) > kept_max:
                kept.popitem(last=False)
            return made


def _stamp(folder: RunFolder) -> Hashable:
    """Changes with what is in the folder."""
    stamps = []
    for file in (folder.path / "run.json", folder.results_file):
        try:
            told = file.stat()
            stamps.append((told.st_mtime_ns, told.st_size))
        except OSError:
            stamps.append((0, 0))
    return tuple(stamps)


def _glance(folder: RunFolder) -> Glance:
    try:
        run = folder.read()
    except SetupError as error:
        return Glance(folder.path.name, None, None, "", (), (), 0, 0, {}, error.message)
    scores: dict[tuple[str, str, str], float | None] = {}
    for line in _whole_lines(folder):
        try:
            told = msgspec.json.decode(line, type=_Score)
        except msgspec.DecodeError:  # opening the run says which line it is
            continue
        scores[told.model, told.suite, told.case] = told.score
    names = tuple(model.name for model in run.models)
    return Glance(
        id=run.id,
        started_at=run.started_at,
        finished_at=run.finished_at,
        who=run.who,
        models=names,
        suites=tuple(suite.name for suite in run.suites),
        cases=len(run.models) * sum(len(suite.cases) for suite in run.suites),
        results=len(scores),
        scores={name: _score(name, scores) for name in names},
    )


def _whole_lines(folder: RunFolder) -> list[bytes]:
    try:
        return folder.results_file.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _score(model: str, scores: Mapping[tuple[str, str, str], float | None]) -> float | None:
    by_suite: dict[str, list[float]] = {}
    for (name, suite, _), score in scores.items():
        if name == model and score is not None:
            by_suite.setdefault(suite, []).append(score)
    return fmean(map(fmean, by_suite.values())) if by_suite else None


def _opened(folder: RunFolder) -> Opened:
    run, suites, results = folder.read(), folder.suites(), folder.results()
    return Opened(run, suites, results, summarise(run, suites, results))
