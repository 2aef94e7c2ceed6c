"""Commands run in this process: for the many ways in which one can be asked, where a process for each takes long."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecotone.cli.app import app
from ecotone.cli.output import visible
from ecotone.values.errors import EcotoneError
from tests.cli.terminal import Done, Place, Shell


@dataclass
class InProcess(Place):
    """As a `Shell` for the same folder: with the same home and environment, and the same to be said of an error."""

    def run(self, *arguments: str, stdin: str | None = None) -> Done:
        """Run to the end. What a command does not mean to raise is raised."""
        done = CliRunner().invoke(app, arguments, input=stdin, env=self.variables)
        if isinstance(done.exception, EcotoneError):
            return Done(1, done.stdout, f"ecotone: {visible(done.exception.message)}\n")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)


def in_process(folder: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str] | None = None) -> InProcess:
    """Until the end of the test that `monkeypatch` belongs to."""
    shell = Shell(folder)
    for name in set(os.environ) - set(shell.environment):
        monkeypatch.delenv(name)
    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return InProcess(folder, dict(variables or {}))
