"""How a run goes on: bars on a terminal, a line for each suite elsewhere."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ecotone.cli.output import err, say, visible
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.runner import Observer
from ecotone.evaluation.runs import CaseResult, Run

Done = Mapping[tuple[str, str, str], CaseResult]


@contextmanager
def progress_of(run: Run, suites: Mapping[str, Suite], done: Done) -> Iterator[Observer]:
    """Shows results as they come. `done` are those that the run has already."""
    if not err.is_terminal:
        yield _Lines(run, suites, done)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        yield _Bars(bars, run, suites, done)


class _Bars:
    """A bar for each model."""

    def __init__(self, bars: Progress, run: Run, suites: Mapping[str, Suite], done: Done) -> None:
        self._bars = bars
        self._tallies = {model.name: _Tally() for model in run.models}
        total = sum(len(suite.cases) for suite in suites.values())
        settled = Counter(result.model for result in done.values() if result.settled)
        self._tasks = {
            model.name: bars.add_task(
                escape(visible(model.name)), total=total, completed=settled[model.name], start=False, said=""
            )
            for model in run.models
        }

    def result(self, result: CaseResult) -> None:
        task, tally = self._tasks[result.model], self._tallies[result.model]
        if not tally.count:
            self._bars.start_task(task)
        tally.add(result)
        self._bars.update(task, advance=1, said=f"{escape(result.suite)}  {tally.words}")

    def note(self, text: str) -> None:
        self._bars.console.print(escape(visible(text)))


class _Lines:
    """A line when a model is through with a suite."""

    def __init__(self, run: Run, suites: Mapping[str, Suite], done: Done) -> None:
        settled = Counter((result.model, result.suite) for result in done.values() if result.settled)
        self._left = {
            (model.name, name): len(suite.cases) - settled[model.name, name]
            for model in run.models
            for name, suite in suites.items()
        }
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def result(self, result: CaseResult) -> None:
        place = (result.model, result.suite)
        tally = self._tallies.setdefault(place, _Tally())
        tally.add(result)
        self._left[place] -= 1
        if not self._left[place]:
            say(f"{result.model}, {result.suite}: {tally.words}")

    def note(self, text: str) -> None:
        say(text)


class _Tally:
    """What the results so far come to."""

    def __init__(self) -> None:
        self.count = self.scored = self.failed = self.cached = 0
        self._sum = 0.0

    def add(self, result: CaseResult) -> None:
        self.count += 1
        self.cached += result.cached_from is not None
        if result.score is None:
            self.failed += 1
        else:
            self.scored += 1
            self._sum += result.score

    @property
    def words(self) -> str:
        parts = [f"score {100 * self._sum / self.scored:.0f} %"] if self.scored else []
        if self.failed:
            parts.append(f"{self.failed} without one")
        if self.cached:
            parts.append(f"{self.cached} answered before")
        return ", ".join(parts)
