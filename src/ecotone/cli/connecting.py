"""Which gateway a command talks to: the one that is named, the one that runs, or one started for the call."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from ecotone.cli.output import say
from ecotone.cli.running import read_note
from ecotone.gateway.build import http_client
from ecotone.gateway.client import GatewayClient, is_healthy
from ecotone.gateway.settings.paths import Home, find_home
from ecotone.upstream.http import HttpClient
from ecotone.values.errors import ConfigError, SetupError

T = TypeVar("T")

_STOP_S = 15.0


class Connection:
    """A gateway to talk to from code that waits. `run` gives the event loop a task and returns its result; Ctrl-C
    meanwhile cancels the task and raises KeyboardInterrupt, and the connection can be used again."""

    def __init__(self, runner: asyncio.Runner, gateway: GatewayClient) -> None:
        self._runner = runner
        self.gateway = gateway

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(task)


@contextmanager
def connected(config_file: Path | None) -> Iterator[Connection]:
    """The gateway at `$ECOTONE_URL`, else the one that runs, else one started for the time of the context.

    A gateway that runs with another config than the one asked for is not used. Raises SetupError.
    """
    home = find_home(os.environ)
    with asyncio.Runner() as runner:
        http = runner.run(_http())
        try:
            with _address(runner, http, home, config_file) as url:
                yield Connection(runner, runner.run(_client(http, url)))
        finally:
            runner.run(http.close())


async def _http() -> HttpClient:
    return http_client(os.environ)


async def _client(http: HttpClient, url: str) -> GatewayClient:
    return GatewayClient(http, url, os.environ.get("ECOTONE_KEY"))


@contextmanager
def _address(runner: asyncio.Runner, http: HttpClient, home: Home, config_file: Path | None) -> Iterator[str]:
    named = os.environ.get("ECOTONE_URL")
    if named:
        if config_file is not None:
            say(f"--config has no effect: ECOTONE_URL names the gateway {named}")
        yield _checked(http, named)
        return
    wanted = None if config_file is None else str(config_file.absolute())
    note = read_note(home)
    running = () if note is None else (note, *note.earlier)
    for known in running:
        if wanted in (None, known.config) and runner.run(is_healthy(http, known.url)):
            yield known.url
            return
    lacking = f"no gateway with the config {config_file} runs" if running and config_file else "no gateway runs"
    say(f"{lacking}; starting one for this call (`ecotone up` in another terminal keeps one ready)")
    with _started(config_file) as url:
        yield url


def _checked(http: HttpClient, named: str) -> str:
    """The gateway's address, given as it is or as OpenAI clients take it."""
    url = named.rstrip("/").removesuffix("/v1")
    try:
        http.target("GET", url)
    except ConfigError as error:
        hint = "" if "://" in named else f"; is it http://{url}?"
        raise SetupError(f"ECOTONE_URL: {error.message}{hint}") from None
    return url


@contextmanager
def _started(config_file: Path | None) -> Iterator[str]:
    """A gateway that lives as long as the context, in a process group of its own: Ctrl-C stops answers, not it."""
    command = [sys.executable, "-P", "-m", "ecotone", "up", "--for-call"]
    if config_file is not None:
        command += ["--config", str(config_file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield _ready_address(process)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready_address(process: "subprocess.Popen[str]") -> str:
    """Wait for its line; as long as it takes, since it may have a large model to fetch, and says so."""
    line = process.stdout.readline() if process.stdout is not None else ""
    word, _, url = line.strip().partition(" ")
    if word == "ready":
        return url
    status = process.wait()
    if status == 1:  # it has said why, on the same terminal
        raise typer.Exit(1)
    raise SetupError(f"the gateway that was started for this call ended with status {status}; try `ecotone up`")
