"""Runs on disk: what was asked of whom, with which settings, and every result as it came.

A run is a folder: `run.json` says everything that is needed to repeat it, `suites/` holds its cases as they were, and
`results.jsonl` grows by one line for each case, on the disk before the next is counted as done.
"""

import fcntl
import os
import platform
import secrets
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from ecotone import __version__
from ecotone.evaluation.answers import AnswerCache, Answered, Identity
from ecotone.evaluation.cases import Suite
from ecotone.evaluation.scorers.judge import Agreement
from ecotone.upstream.machine import usable_cores, usable_memory_bytes
from ecotone.values.errors import SetupError

FORMAT: Literal[1] = 1
Outcome = Literal["answered", "truncated", "failed", "unscored"]
_LOCK_TRIES = 25
_DELETED = ".deleted"
_LOCK_PAUSE_S = 0.02
_LINE_BYTES_MAX = 64 * 1024 * 1024


class Machine(msgspec.Struct, frozen=True):
    """Where the run was started; embedded models run there too, unless the gateway was elsewhere."""

    system: str
    processor: str
    cores: int
    memory_bytes: int


class RunSettings(msgspec.Struct, frozen=True):
    """How models are asked. None leaves the choice to the suite (`limit`, `temperature`, `max_tokens`), or says that
    there is no limit (`requests_per_minute`, `budget_usd`). `concurrency` None is 4 requests at a time for each model.

    `own_temperature` sends none, for models that refuse to be told. With `fresh`, answers to earlier runs are not
    used. `limit` 0 takes all cases.
    """

    seed: int = 0
    limit: int | None = None
    temperature: float | None = None
    own_temperature: bool = False
    max_tokens: int | None = None
    concurrency: int | None = None
    requests_per_minute: float | None = None
    budget_usd: Decimal | None = None
    judge: str | None = None
    fresh: bool = False
    timeout_s: float = 600.0


class RunSuite(msgspec.Struct, frozen=True):
    """A suite of the run. `origin` is `bundled`, or the folder it was read from; `cases` are the ids that are asked."""

    name: str
    title: str
    category: str
    digest: str
    origin: str
    cases: tuple[str, ...]
    of: int


class Run(msgspec.Struct, frozen=True):
    """A run. Times are UTC; `finished_at` is None until every case has a result. `judge` scores where suites ask for
    one; `agreement` is how far it agrees with people, by suite. `software` is names and versions."""

    id: str
    started_at: datetime
    who: str
    models: tuple[Identity, ...]
    suites: tuple[RunSuite, ...]
    settings: RunSettings
    machine: Machine
    software: dict[str, str]
    judge: Identity | None = None
    finished_at: datetime | None = None
    agreement: dict[str, Agreement] = {}
    format: Literal[1] = FORMAT

    def identity(self, model: str) -> Identity:
        return next(found for found in self.models if found.name == model)


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer, or no score. `transient`: the same request may well succeed later."""

    kind: str
    message: str
    transient: bool = False


class CaseResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one case with one model.

    `outcome`: `answered` in full; `truncated` at the limit of tokens (scored as it is); `failed`, without an answer;
    `unscored`, with an answer that could not be judged. `cost_usd` is what the answer costs, None if unknown or if the
    model runs on an own machine; nothing was paid for it again where it is `cached_from` another run. `judge_usd` was
    paid for judging.
    """

    model: str
    suite: str
    case: str
    outcome: Outcome
    finished_at: datetime
    score: float | None = None
    why: str = ""
    answer: Answered | None = None
    attempts: int = 0
    cached_from: str | None = None
    cost_usd: Decimal | None = None
    judge_usd: Decimal | None = None
    failure: Failure | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.model, self.suite, self.case

    @property
    def settled(self) -> bool:
        """Is there nothing to gain by asking again?"""
        return self.failure is None or not self.failure.transient

    @property
    def spent_usd(self) -> Decimal:
        """What this run paid for it, as far as is known."""
        asked = Decimal(0) if self.cached_from is not None else self.cost_usd or Decimal(0)
        return asked + (self.judge_usd or Decimal(0))


def this_machine() -> Machine:
    return Machine(platform.platform(), _processor(), usable_cores(), usable_memory_bytes())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def this_software() -> dict[str, str]:
    return {"ecotone": __version__, "python": platform.python_version()}


def new_run_id(now: datetime) -> str:
    """Sorts by time; two of the same millisecond differ."""
    return now.astimezone(UTC).strftime("%Y%m%d-%H%M%S") + f"{now.microsecond // 1000:03d}-{secrets.token_hex(2)}"


def command_of(run: Run) -> str:
    """The command that asks the same again."""
    settings = run.settings
    words = ["ecotone", "eval", "run"]
    for suite in run.suites:
        words += ["--suite", suite.name if suite.origin == "bundled" else suite.origin]
    for model in run.models:
        words += ["-m", model.name]
    options = {
        "--limit": "all" if settings.limit == 0 else settings.limit,
        "--seed": settings.seed,
        "--temperature": "own" if settings.own_temperature else settings.temperature,
        "--max-tokens": settings.max_tokens,
        "--concurrency": settings.concurrency,
        "--rpm": settings.requests_per_minute,
        "--budget": settings.budget_usd,
        "--judge": settings.judge,
    }
    for option, value in options.items():
        if value is not None:
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


class RunFolder:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def results_file(self) -> Path:
        return self.path / "results.jsonl"

    @property
    def said(self) -> Path:
        """What the process that last carried out the run in the background has said."""
        return self.path / "said.txt"

    def read(self) -> Run:
        """Raises SetupError for what is no run, or one of a newer Ecotone."""
        try:
            return msgspec.json.decode((self.path / "run.json").read_bytes(), type=Run)
        except OSError as error:
            raise SetupError(f"{self.path} is no run: {error.strerror}") from None
        except msgspec.DecodeError as error:
            raise SetupError(
                f"{self.path / 'run.json'} cannot be read: {error}. If a newer Ecotone wrote it, upgrade Ecotone"
            ) from None

    def write(self, run: Run) -> None:
        """Replace `run.json`, durably: readers see the old one or the new one, whole."""
        _write_durably(self.path / "run.json", msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")

    def suites(self) -> dict[str, Suite]:
        """The suites by name, as they were when the run began, with the cases that it asks."""
        found = {}
        for file in sorted((self.path / "suites").glob("*.json")):
            try:
                suite = msgspec.json.decode(file.read_bytes(), type=Suite)
            except (OSError, msgspec.DecodeError) as error:
                raise SetupError(f"{file} cannot be read: {error}") from None
            found[suite.name] = suite
        return found

    def results(self) -> dict[tuple[str, str, str], CaseResult]:
        """The last result of each (model, suite, case). A torn last line, as a killed run leaves it, does not count."""
        return {result.key: result for result in self._lines()}

    def _lines(self) -> Iterator[CaseResult]:
        file = self.results_file
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return
        *lines, _torn = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                yield msgspec.json.decode(line, type=CaseResult)
            except msgspec.DecodeError as error:
                raise SetupError(f"{file}:{number} cannot be read: {error}") from None

    @contextmanager
    def writing(self) -> Iterator["ResultWriter"]:
        """The run's results, open for more. Raises SetupError while another process writes them, or where the run has
        been deleted."""
        try:
            opened = self.results_file.open("a+b")
        except FileNotFoundError:
            raise SetupError(f"run {self.path.name} has been deleted") from None
        with opened as file:
            if not _locked(file, fcntl.LOCK_EX, tries=_LOCK_TRIES):
                raise SetupError(f"run {self.path.name} is going on in another process; wait for it to end")
            # It may have been deleted while this waited for its turn.
            if not self.results_file.exists():
                raise SetupError(f"run {self.path.name} has been deleted")
            _drop_torn_line(file)
            yield ResultWriter(file)

    def is_being_written(self) -> bool:
        """Does a process carry out the run?"""
        try:
            with self.results_file.open("rb") as file:
                return not _locked(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False


class ResultWriter:
    """Appends results, each on the disk when `append` returns."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def append(self, result: CaseResult) -> None:
        """Raises SetupError when the disk refuses."""
        try:
            self._file.write(msgspec.json.encode(result) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SetupError(f"{self._file.name} cannot be written: {error.strerror}; make room and resume") from None


def _locked(file: BinaryIO, kind: int, *, tries: int = 1) -> bool:
    """Lock the file until it is closed. Who wants it for long tries again: those who only look whether it is locked
    hold it for a moment."""
    for left in reversed(range(tries)):
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError:
            if left:
                time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False


def _drop_torn_line(file: BinaryIO) -> None:
    """Cut off what follows the last line end."""
    end = position = file.seek(0, os.SEEK_END)
    tail = b""
    while position and b"\n" not in tail and len(tail) <= _LINE_BYTES_MAX:
        step = min(65_536, position)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    whole = position + tail.rfind(b"\n") + 1
    if whole < end:
        file.truncate(whole)
    file.seek(0, os.SEEK_END)


class RunStore:
    """All runs: one folder each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answers(self) -> AnswerCache:
        """The answers that the runs share. Close it in the end."""
        self._make_folder()
        return AnswerCache(self.folder / "answers.db")

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, run: Run, suites: Sequence[Suite]) -> RunFolder:
        """A new run's folder, readable by its owner alone: it holds prompts and replies."""
        self._make_folder()
        made = RunFolder(self.folder / run.id)
        made.path.mkdir(mode=0o700)
        (made.path / "suites").mkdir()
        for number, suite in enumerate(suites):
            _write_durably(made.path / "suites" / f"{number:03d}.json", msgspec.json.encode(suite) + b"\n")
        made.write(run)
        return made

    def delete(self, run: RunFolder) -> None:
        """Delete a run with all that is in its folder, and the answers that later runs would have taken from it.

        Raises SetupError while it goes on, or where the disk refuses.
        """
        if run.is_being_written():
            raise SetupError(f"run {run.path.name} goes on: stop it first")
        with run.writing():
            with closing(self.answers()) as cache:
                cache.forget(run.path.name)
            try:
                # Away at once; what a crash leaves of it goes with the next one.
                away = self.folder / _DELETED
                away.mkdir(mode=0o700, exist_ok=True)
                run.path.rename(away / run.path.name)
                shutil.rmtree(away)
            except OSError as error:
                raise SetupError(f"{error.filename} cannot be deleted: {error.strerror}") from None

    def runs(self) -> list[RunFolder]:
        """The oldest first."""
        if not self.folder.is_dir():
            return []
        return [RunFolder(path) for path in sorted(self.folder.iterdir()) if (path / "run.json").is_file()]

    def find(self, text: str) -> RunFolder:
        """The run with this id, or whose id begins or ends so; `last` is the latest. Raises SetupError."""
        runs = self.runs()
        if text == "last" and runs:
            return runs[-1]
        for fits in (str.__eq__, str.startswith, str.endswith):
            found = [run for run in runs if text and fits(run.path.name, text)]
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(run.path.name for run in found[:5])
                raise SetupError(f"{text!r} may be any of {len(found)} runs: {names}; write more of it")
        raise SetupError(f"there is no run {text!r}; `ecotone eval list` shows those that there are")


def _write_durably(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
