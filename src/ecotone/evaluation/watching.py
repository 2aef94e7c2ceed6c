"""A run seen from outside while it goes on: what of it is on the disk, whoever writes it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from ecotone.evaluation.runs import CaseResult, Run, RunFolder

State = Literal["running", "stopped", "finished"]
"""`stopped`: cases are left, and nobody asks them. It can go on."""

_READ_BYTES_MAX = 8 * 1024 * 1024


class Progress(msgspec.Struct, frozen=True):
    """One model on one suite, so far. `done` of `cases` have a result; `score` is the mean of those with a score, from
    0 to 1; `failed` have no answer or no score; `before` were answered in earlier runs."""

    model: str
    suite: str
    cases: int
    done: int
    failed: int
    before: int
    score: float | None


class RunWatch:
    """Reads what is added to a run's results. For one thread at a time."""

    def __init__(self, folder: RunFolder) -> None:
        """Raises SetupError for what is no run."""
        self._folder = folder
        self._run = folder.read()
        self._results: dict[tuple[str, str, str], CaseResult] = {}
        self._read_bytes = 0

    def look(self) -> list[CaseResult]:
        """The results that have come since the last look, the oldest first."""
        found = []
        for line in self._new_lines():
            # A line that cannot be read is told of where results are shown, not while they come.
            try:
                result = msgspec.json.decode(line, type=CaseResult)
            except msgspec.DecodeError:
                continue
            self._results[result.key] = result
            found.append(result)
        return found

    def _new_lines(self) -> list[bytes]:
        try:
            with self._folder.results_file.open("rb") as file:
                file.seek(self._read_bytes)
                data = file.read(_READ_BYTES_MAX)
                data += file.readline()  # a long reply may be in a line that is longer than that
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        self._read_bytes += whole
        return data[:whole].splitlines()

    def progress(self) -> list[Progress]:
        """Each model on each suite, in the run's order, as of the last look."""
        return progress_of(self._run, self._results)


def progress_of(run: Run, results: Mapping[tuple[str, str, str], CaseResult]) -> list[Progress]:
    """How far each model is with each suite."""
    rows = []
    for model in run.models:
        for suite in run.suites:
            found = [row for case in suite.cases if (row := results.get((model.name, suite.name, case))) is not None]
            scores = [row.score for row in found if row.score is not None]
            rows.append(
                Progress(
                    model.name,
                    suite.name,
                    len(suite.cases),
                    len(found),
                    len(found) - len(scores),
                    sum(row.cached_from is not None for row in found),
                    sum(scores) / len(scores) if scores else None,
                )
            )
    return rows
