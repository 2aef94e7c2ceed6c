"""Suites that were added: checked whole, then kept under their names, a folder each, to be run from anywhere."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from ecotone.evaluation.cases import Suite
from ecotone.evaluation.suites import NAME, bundled_suites, load_suite, parse_suite
from ecotone.values.errors import BodyTooLarge, NotFound, SetupError

CASES_BYTES_MAX = 16 * 1024 * 1024
SETTINGS_BYTES_MAX = 64 * 1024
ADDED_MAX = 100
_NAME_CHARS_MAX = 60

CasesForm = Literal["csv", "jsonl"]


class AddedSuites:
    """Those of one home. Threads and processes may use it at once: a suite is there whole, or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """In alphabetical order."""
        return sorted(file.parent.name for file in self.folder.glob("[!.]*/suite.toml"))

    def add(self, cases: bytes, form: CasesForm, settings: bytes, name: str, file: str | None = None) -> Suite:
        """Keep the suite that a file of cases and a `suite.toml` make. `file` is what errors call the file of cases.

        Raises SetupError, with file, line and what to do, for what is no suite, and for a name that is taken;
        BodyTooLarge.
        """
        for what, data, most in (
            ("file of cases", cases, CASES_BYTES_MAX),
            ("suite.toml", settings, SETTINGS_BYTES_MAX),
        ):
            if len(data) > most:
                raise BodyTooLarge(f"The {what} is over the limit of {most // 1024:,} KiB: split the suite.")
        self._check_name(name)
        suite = parse_suite(settings, cases, Path(name, f"cases.{form}"), called=file)
        if suite.name != name:
            raise SetupError(f"its suite.toml calls the suite {suite.name!r}, not {name!r}: give it one name")
        self._write(name, {"suite.toml": settings, f"cases.{form}": cases})
        return suite

    def _check_name(self, name: str) -> None:
        if not re.fullmatch(NAME, name) or len(name) > _NAME_CHARS_MAX:
            raise SetupError(
                f"a suite cannot be called {name!r}: a name begins with a letter or a digit, has letters, digits,"
                f" hyphens, dots and underscores, and at most {_NAME_CHARS_MAX} of them"
            )
        if name in bundled_suites():
            raise SetupError(f"a suite that comes with Ecotone is called {name!r}: choose another name")
        if name in self.names():
            raise SetupError(f"there is a suite {name!r} already: choose another name, or delete that one first")
        if len(self.names()) >= ADDED_MAX:
            raise SetupError(f"{ADDED_MAX} suites have been added, and more are not kept: delete one first")

    def _write(self, name: str, files: dict[str, bytes]) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
            try:
                for file, data in files.items():
                    (fresh / file).write_bytes(data)
                # Refused where a folder that is not empty has the name: two that add it at once do not mix.
                fresh.rename(self.folder / name)
            except OSError:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        except OSError as error:
            raise SetupError(f"the suite cannot be kept in {self.folder}: {error.strerror}") from None

    def load(self, name: str) -> Suite:
        """Raises NotFound, SetupError."""
        return load_suite(self._folder_of(name))

    def delete(self, name: str) -> None:
        """Delete a suite; the runs made with it have its cases themselves. Raises NotFound, SetupError."""
        folder = self._folder_of(name)
        try:
            away = Path(tempfile.mkdtemp(prefix=".old-", dir=self.folder))
            folder.rename(away / name)  # at once: it is never there in part
            shutil.rmtree(away)
        except FileNotFoundError:
            raise NotFound(f"There is no suite {name!r} that was added.") from None
        except OSError as error:
            raise SetupError(f"{error.filename} cannot be deleted: {error.strerror}") from None

    def _folder_of(self, name: str) -> Path:
        if name not in self.names():
            raise NotFound(f"There is no suite {name!r} that was added.")
        return self.folder / name
