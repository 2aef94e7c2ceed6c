"""uvicorn with Ecotone's manners: it stops as its owner expects, and speaks to people in Ecotone's own words."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from ecotone.web.app import App

_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_AT_ONCE_S = 0.2
_GRACE_S = 1.0
_BACKSTOP_S = 10
_COMPLAINT_EVERY_S = 60.0


class Server(uvicorn.Server):
    """Serves `app` until SIGTERM or SIGINT. `ready` is set when it serves; `say` tells the owner what happens, and
    `let_go` ends at once what would wait for ever.

    Requests that are being answered then get `drain_s` seconds to end, or until a further SIGINT. What is left gets an
    error as its answer, in a stream as its last event.
    """

    def __init__(self, app: App, *, drain_s: int, say: Callable[[str], None], let_go: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # nobody may say for another where a request came from
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=drain_s + _BACKSTOP_S,
            )
        )
        self.ready = asyncio.Event()
        self._app = app
        self._drain_s = drain_s
        self._say = say
        self._let_go = let_go
        self._stopped_by: int | None = None
        self._hurry = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        logging.getLogger("uvicorn.error").addFilter(_NotHttp(say))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal. Signal handlers may interrupt anything, so what follows from it happens on the loop."""
        if self.should_exit and sig == signal.SIGINT:
            self._loop.call_soon_threadsafe(self._hurry.set)
        self.should_exit = True
        self._stopped_by = self._stopped_by or sig

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._let_go()
        ending = asyncio.create_task(self._end_answers())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_answers(self) -> None:
        """See to it that all connections end in time. Cancelled when the last is gone."""
        answering = self.server_state.tasks
        if answering:
            await asyncio.wait(tuple(answering), timeout=_AT_ONCE_S)  # what only watched ends by itself
        if answering:
            again = " again" if self._stopped_by == signal.SIGINT else ""
            self._say(
                f"stopping: {_requests(len(answering))} still being answered (at most {self._drain_s} s);"
                f" Ctrl-C{again} ends it now"
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._drain_s)
        if answering:
            self._say(f"{_requests(len(answering))} cut short")
        self._app.end_answers()
        await asyncio.sleep(_GRACE_S)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()  # its client does not take what was sent


def _requests(count: int) -> str:
    return "1 request is" if count == 1 else f"{count} requests are"


class _NotHttp(logging.Filter):
    """Replaces what uvicorn logs for each connection that is no HTTP, by one line a minute that names the cause."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say
        self._quiet_until_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith("Invalid HTTP request"):
            if time.monotonic() >= self._quiet_until_s:
                self._quiet_until_s = time.monotonic() + _COMPLAINT_EVERY_S
                self._say(
                    "a client sent what is not HTTP; most likely its address begins with https:// instead of http://"
                )
            return False
        if message.startswith("ASGI callable returned without completing"):
            return False  # a stream that broke, and whose client cannot be told in any other way
        # Asked for HTTP/2 or WebSockets on the way, a client is answered in HTTP/1.1, as it must expect.
        return not message.startswith(("Unsupported upgrade request", "No supported WebSocket library"))
