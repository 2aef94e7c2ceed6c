"""Advice on this installation: with what was measured here, the newest listing, and what the organisation says."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from threading import Lock

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.evaluation.advice.answer import Advice, advise
from ecotone.evaluation.advice.measured import measurements, this_machine
from ecotone.evaluation.advice.options import Measurement
from ecotone.evaluation.advice.question import Question
from ecotone.evaluation.runs import RunFolder, RunStore
from ecotone.gateway.inventory.listings import listing_file, stored_listing
from ecotone.gateway.settings.paths import Home
from ecotone.values.errors import SetupError

_ANSWERS_MAX = 48

_State = tuple[tuple[str, int, int], ...]


class Adviser:
    """Answers questions, and keeps the last answers for as long as nothing they rest on has changed. One at a time:
    it may be called from any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._runs = RunStore(home.evaluations)
        self._lock = Lock()
        self._answers: OrderedDict[tuple[bytes, date], Advice] = OrderedDict()
        self._measured: dict[str | None, Mapping[str, Measurement]] = {}
        self._unread: dict[str | None, list[str]] = {}
        self._suites: tuple[str, ...] | None = None
        self._newer: str | None = None
        self._state: _State | None = None

    def answer(self, question: Question, *, organisation: Organisation | None, today: date) -> Advice:
        """`organisation` is who asks, unless the question says. A suite's question without own machines is held against
        the machine that it was measured on. Raises SetupError where there is no evidence at all."""
        with self._lock:
            self._renew()
            asked = self._completed(question, organisation)
            key = msgspec.json.encode(asked), today
            found = self._answers.get(key)
            if found is None:
                found = advise(asked, self._measurements(asked.work.suite), today=today, newer=self._newer)
                found = msgspec.structs.replace(found, notes=(*found.notes, *self._unread[asked.work.suite]))
                self._answers[key] = found
                if len(self._answers) > _ANSWERS_MAX:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(key)
            return found

    def knows(self, question: Question, *, organisation: Organisation | None, today: date) -> bool:
        """Whether the answer is at hand, without work or waiting."""
        if self._lock.locked():
            return False
        with self._lock:
            self._renew()
            key = msgspec.json.encode(self._completed(question, organisation)), today
            return key in self._answers

    def suites(self) -> tuple[str, ...]:
        """The suites that anything was measured on here."""
        with self._lock:
            self._renew()
            if self._suites is None:
                self._suites = tuple(sorted({name for folder in self._runs.runs() for name in _suites(folder)}))
            return self._suites

    def _completed(self, question: Question, organisation: Organisation | None) -> Question:
        if organisation is not None and question.organisation == Organisation():
            question = msgspec.structs.replace(question, organisation=organisation)
        if question.work.suite is None:
            return question
        here = this_machine(dict(self._measurements(question.work.suite)))
        named = {model for machine in question.machines for model in machine.tokens_per_s}
        if here is None or named & set(here.tokens_per_s):
            return question
        return msgspec.structs.replace(question, machines=(*question.machines, here))

    def _measurements(self, suite: str | None) -> Mapping[str, Measurement]:
        if suite not in self._measured:
            self._unread[suite] = []
            self._measured[suite] = measurements(self._runs, suite, self._unread[suite].append)
        return self._measured[suite]

    def _renew(self) -> None:
        """Forget everything when a run has gone on or another listing has come."""
        files = [listing_file(self._home), *(folder.results_file for folder in self._runs.runs())]
        state = tuple(seen for file in files if (seen := _seen(file)) is not None)
        if state != self._state:
            self._answers.clear()
            self._measured.clear()
            self._suites = None
            self._newer = stored_listing(self._home)
            self._state = state


def _seen(file: Path) -> tuple[str, int, int] | None:
    """What changes with the file; None where there is none."""
    try:
        stat = file.stat()
    except FileNotFoundError:  # such as a run that has just been deleted
        return None
    return str(file), stat.st_mtime_ns, stat.st_size


def _suites(folder: RunFolder) -> Iterable[str]:
    try:
        return folder.suites()
    except SetupError:  # answers say so of a run that cannot be read
        return ()
