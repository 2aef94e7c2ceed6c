"""A whole gateway in this process. What would go to upstreams is judged and answered here instead."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ecotone.catalog.providers import PROVIDERS
from ecotone.gateway import build
from ecotone.gateway.build import Runtime
from ecotone.gateway.health import Health
from ecotone.gateway.keys import Keys
from ecotone.gateway.settings.config import parse_config
from ecotone.gateway.settings.paths import Home
from ecotone.policy.detectors import Detectors
from ecotone.policy.settings import DataSettings
from ecotone.storage.database import Database
from ecotone.upstream.http import Target
from ecotone.upstream.timeouts import Timeouts
from ecotone.web.app import App
from ecotone.web.door import Door
from tests.adversarial.asks import Ask
from tests.adversarial.configs import PRINCIPALS, VENDORS, House
from tests.adversarial.replies import Canned, answered

_ENVIRONMENT = {"SOME_KEY": "sk-upstream", "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "GROQ_API_KEY": "k"}
_MAX_BODY_BYTES = 1 << 25


@cache
def _detectors_for(data: bytes) -> Detectors:
    return Detectors(msgspec.json.decode(data, type=DataSettings))


def _known_detectors(settings: DataSettings) -> Detectors:
    return _detectors_for(msgspec.json.encode(settings))


def remember_detectors() -> None:
    """Make the detectors of equal settings once: that takes longer than a hundred requests."""
    build.Detectors = _known_detectors  # type: ignore[attr-defined,assignment]  # a stand-in that remembers


class Sent(msgspec.Struct, frozen=True):
    """What was handed to the HTTP client."""

    host: str
    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


class Answered(msgspec.Struct, frozen=True):
    """What a client got. `whole` is false for a body that was broken off."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """Of an error, as the client's wire tells it; all of the body where that has no place for it."""
        return self.body.decode(errors="replace")

    @property
    def refused(self) -> bool:
        return self.status == 403 and "The rules of this gateway do not allow" in self.code


class Gate:
    """The gateway. `on_send` is asked before anything is answered, and `outcome` says how a host answers."""

    def __init__(self, folder: Path, house: House) -> None:
        self._folder = folder
        self.house = house
        config = parse_config(house.toml(), folder / "ecotone.toml")
        database = Database(folder / "ecotone.db", build.MIGRATIONS)
        keys = Keys(database)
        self.keys = {name: keys.create(name, datetime.now(UTC)) for name in PRINCIPALS if name != "local"}
        database.close()
        self.runtime = Runtime(Home(folder), _ENVIRONMENT, config, folder=folder)
        self.runtime.http.send = self._send  # type: ignore[method-assign]
        self.sent: list[Sent] = []
        self.outcome: Callable[[str], str] = lambda host: "ok"
        self.on_send: Callable[[Sent], None] = lambda sent: None
        self.reloads = 0
        self.apply(house)
        door = Door(keyring=self.runtime.keyring, loopback=True, allowed_hosts=(), cors_origins=())
        self._app = App(
            self.runtime.gateway,
            door,
            max_body_bytes=_MAX_BODY_BYTES,
            model_problem=self.runtime.problem,
            started_at_s=1,
        )

    def apply(self, house: House, text: str | None = None) -> None:
        """Put a house in force, as a change of the file would; with `text` its config is said to be that one."""
        config = parse_config(text or house.toml(), self._folder / "ecotone.toml")
        self.runtime.apply(config, tuple(PROVIDERS[name] for name in VENDORS))
        self.house = house
        self.reloads += 1

    async def ask(self, ask: Ask) -> Answered:
        """Send a request through the whole application."""
        self.sent.clear()
        self.runtime.gateway.health = Health()
        headers = ask.headers
        if ask.caller is not None:
            headers = [pair for pair in headers if pair[0] != b"authorization"]
            headers.append((b"x-api-key", self.keys[ask.caller].encode()))
        scope = {"type": "http", "method": "POST", "path": ask.path, "query_string": ask.query, "headers": headers}
        status, pieces = 0, []
        bodies = [ask.body]

        async def receive() -> dict[str, Any]:
            if not bodies:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                pieces.append(message["body"])

        await self._app(scope, receive, send)
        return Answered(status, b"".join(pieces))

    async def _send(
        self,
        target: Target,
        body: bytes = b"",
        timeouts: Timeouts | None = None,
        headers: Any = (),
    ) -> Canned:
        del timeouts
        sent = Sent(target.address[0], target.url, body, (*target.headers, *headers))
        self.sent.append(sent)
        self.on_send(sent)
        return answered(self.outcome(sent.host), target.url, body)

    async def close(self) -> None:
        await self.runtime.close()


_RESPONSE_ID = re.compile(rb'"id":"(resp_[0-9]+|req_[0-9a-f]+)"')
_ITEM_ID = re.compile(rb'"id":"(msg_[0-9]+)"')


def kept(body: bytes) -> tuple[str | None, str | None]:
    """The ids of the response and of its item in a reply of the Responses API."""
    if body.startswith(b"{"):
        reply = json.loads(body)
        items = [item.get("id") for item in reply.get("output") or () if isinstance(item, dict)]
        return reply.get("id"), items[0] if items else None
    response, item = _RESPONSE_ID.search(body), _ITEM_ID.search(body)
    return response and response[1].decode(), item and item[1].decode()
