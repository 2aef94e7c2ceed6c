"""Where Ecotone keeps its state."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs


class Home(msgspec.Struct, frozen=True):
    """One installation's folder, and what lies in it."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "ecotone.db"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def evaluations(self) -> Path:
        """Runs of suites, a folder each, and the answers that they share."""
        return self.folder / "evaluations"

    @property
    def suites(self) -> Path:
        """Suites that were added, a folder each."""
        return self.folder / "suites"

    @property
    def config(self) -> Path:
        return self.folder / "ecotone.toml"

    @property
    def pseudonym_key(self) -> Path:
        """What pseudonyms are made with: random, made once."""
        return self.folder / "pseudonyms.key"

    @property
    def running(self) -> Path:
        """Written by a gateway that serves: its address and process number, as JSON."""
        return self.folder / "gateway.json"


def find_home(environment: Mapping[str, str]) -> Home:
    """`$ECOTONE_HOME`, else the platform's data folder."""
    named = environment.get("ECOTONE_HOME")
    return Home(Path(named).expanduser().absolute() if named else platformdirs.user_data_path("ecotone", False))


def find_config(named: Path | None, home: Home, here: Path) -> Path | None:
    """The config to use: the one named, else `ecotone.toml` here, else in the home folder, else none."""
    if named is not None:
        return named.absolute()
    for candidate in (here / "ecotone.toml", home.config):
        if candidate.exists():
            return candidate
    return None
