"""A gateway with its console, and a browser that is signed in to it, for tests that walk pages as people do."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from ecotone.gateway.sessions import Sessions
from ecotone.storage.database import Database
from ecotone.web.console import sign_in_link

_READY_S = 60.0
_STOP_S = 20.0
_COMMAND_S = 120.0
# For every action and every expectation: the machine may have much else to do.
_PAGE_MS = 15_000
expect.set_options(timeout=_PAGE_MS)
WIDE = (1280, 900)
PHONE = (360, 740)
SMALL = """
[models.small]
engine = "llama.cpp"
source = "file:{path}"
context = 1024
threads = 1
"""
"""One embedded model, whose file is at `path`."""


@dataclass
class House:
    """A running gateway. `said` is what it has said to the terminal so far; `faults` what went wrong in its pages."""

    url: str
    home: Path
    folder: Path
    process: "subprocess.Popen[str]"
    browser: Browser
    said: list[str]
    faults: list[str] = field(default_factory=list)

    def link(self) -> str:
        """A fresh link that signs `ada` in."""
        with closing(Database(self.home / "ecotone.db")) as database:
            return sign_in_link(Sessions(database), self.url, "ada", datetime.now(UTC))

    def heard(self, text: str, within_s: float = 10.0) -> str:
        """The first line it said that has this text."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for line in tuple(self.said):
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"it never said {text!r}: {self.said}")

    def page(
        self, *, size: tuple[int, int] = WIDE, theme: Literal["light", "dark"] = "light", signed_in: bool = True
    ) -> Page:
        """A page of a browser profile of its own. Whatever it complains of fails the test, at the latest when the
        house is left."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            base_url=self.url,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(_PAGE_MS)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        if signed_in:
            context.add_cookies([{"name": self.cookie, "value": self._begun(), "url": self.url}])
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def forget_refused(self, status: int) -> None:
        """Browsers complain of every request that is refused with such a status; here it should be."""
        self.faults[:] = [fault for fault in self.faults if f"status of {status} " not in fault]

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """What comes of an `ecotone` command in the house's own folder and home."""
        return subprocess.run(
            [sys.executable, "-m", "ecotone", *arguments],
            cwd=self.folder,
            env=_environment(self.home),
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
        )

    def api(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        """What the control plane answers to a program of the owner's. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/v1{path}", data=data, method=method)
        request.add_header("authorization", f"Bearer {token or self.token()}")
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as response:
            said = response.read()
        return json.loads(said) if said else None

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds a session's token."""
        return f"ecotone_session_{urlsplit(self.url).port}"

    def token(self) -> str:
        """A session's token, for programs: always the same."""
        if not hasattr(self, "_token"):
            self._token = self._begun()
        return self._token

    def _begun(self) -> str:
        """The token of a new session of `ada`'s, without the page that a link leads to."""
        with closing(Database(self.home / "ecotone.db")) as database:
            return Sessions(database).begin("ada", urlsplit(self.url).netloc, datetime.now(UTC), timedelta(hours=1))


def _environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    kept.pop("ECOTONE_URL", None)
    return {**kept, "ECOTONE_HOME": str(home), **(extra or {})}


@contextmanager
def house(
    folder: Path,
    browser: Browser,
    config: str | None = None,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """`ecotone up` on a free port with a home of its own; `config` is its ecotone.toml, None for none."""
    home = folder / "home"
    command = [sys.executable, "-m", "ecotone", "up", "--port", "0", *arguments]
    if config is not None:
        (folder / "ecotone.toml").write_text(config)
        command += ["--config", str(folder / "ecotone.toml")]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_environment(home, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    listening = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
    listening.start()
    killer = threading.Timer(_READY_S, process.kill)
    killer.start()
    try:
        line = process.stdout.readline()
        killer.cancel()
        if not line.startswith("ready "):
            process.kill()
            listening.join(_STOP_S)
            raise AssertionError(f"the gateway did not start: {said}")
        made = House(line.split()[1], home, folder, process, browser, said)
        yield made
        assert not made.faults, made.faults
    finally:
        killer.cancel()
        for context in browser.contexts:
            context.close()
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_S)
        process.stdout.close()
        listening.join(_STOP_S)
        process.stderr.close()
