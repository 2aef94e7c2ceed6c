"""Commands that a running gateway carries out, over its control plane."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ecotone.cli.running import read_note
from ecotone.gateway.build import http_client, open_database
from ecotone.gateway.sessions import Sessions
from ecotone.gateway.settings.paths import Home, find_home
from ecotone.upstream.http import HttpClient, Response
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import SetupError, UpstreamError
from ecotone.web.console import owner

_SESSION_VALID = timedelta(hours=4)
# What is asked for may take long: models are fetched and loaded.
_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=900.0, between_bytes_s=900.0, whole_s=14_400.0)
_BODY_BYTES_MAX = 64 * 1024 * 1024


class ControlClient:
    """The control plane of one gateway, asked by a program of its owner's."""

    def __init__(self, runner: asyncio.Runner, http: HttpClient, url: str, token: str) -> None:
        self._runner = runner
        self._http = http
        self._url = f"{url}/control/v1"
        self._headers = [("authorization", f"Bearer {token}")]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What it answers, None for nothing. Raises SetupError in its own words."""
        return self._runner.run(self._ask(method, path, body))

    def follow(self, path: str, show: Callable[[str, Any], bool]) -> None:
        """Each event's name and data go to `show`, until that returns False or the stream ends. Raises SetupError."""
        self._runner.run(self._follow(path, show))

    async def _ask(self, method: str, path: str, body: object) -> Any:
        response = await self._send(method, path, b"" if body is None else msgspec.json.encode(body))
        try:
            said = await _read(response)
        finally:
            response.close()
        return msgspec.json.decode(said) if said else None

    async def _follow(self, path: str, show: Callable[[str, Any], bool]) -> None:
        response = await self._send("GET", path, b"")
        held = b""
        try:
            while (chunk := await response.read_chunk()) is not None:
                *whole, held = (held + chunk).split(b"\n\n")
                for event in whole:
                    fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line[1:])
                    if b"event" in fields and not show(fields[b"event"].decode(), msgspec.json.decode(fields[b"data"])):
                        return
        finally:
            response.close()

    async def _send(self, method: str, path: str, body: bytes) -> Response:
        target = self._http.target(method, self._url + path, self._headers)
        try:
            response = await self._http.send(target, body, _TIMEOUTS)
        except UpstreamError as error:
            raise SetupError(f"the gateway does not answer: {error.message}") from None
        if response.status < 400:
            return response
        try:
            said = await _read(response)
        finally:
            response.close()
        raise SetupError(_told(response.status, said))


async def _read(response: Response) -> bytes:
    body = b""
    while len(body) < _BODY_BYTES_MAX and (chunk := await response.read_chunk()) is not None:
        body += chunk
    return body


def _told(status: int, said: bytes) -> str:
    try:
        return str(msgspec.json.decode(said)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"the gateway answers with HTTP {status} and no reason"


@contextmanager
def control_client() -> Iterator[ControlClient]:
    """The control plane of the gateway that runs on this home. Raises SetupError where none does."""
    home = find_home(os.environ)
    note = read_note(home)
    if note is None:
        raise SetupError("no gateway runs on this home; start one with `ecotone up`")
    token = _session(home, note.url)
    with asyncio.Runner() as runner:
        http = runner.run(_http())
        try:
            yield ControlClient(runner, http, note.url, token)
        finally:
            runner.run(http.close())
            with closing(open_database(home)) as database:
                Sessions(database).end(token)


def _session(home: Home, url: str) -> str:
    with closing(open_database(home)) as database:
        return Sessions(database).begin(owner(), urlsplit(url).netloc, datetime.now(UTC), _SESSION_VALID)


async def _http() -> HttpClient:
    return http_client(os.environ)
