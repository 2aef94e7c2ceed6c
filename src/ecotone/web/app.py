"""The ASGI application: paths, the data plane's handlers, errors in the client's own wire format."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from ecotone.gateway.exchange import CLIENT_LEFT, Exchange, Gateway
from ecotone.values.errors import (
    BodyTooLarge,
    EcotoneError,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    UpstreamError,
)
from ecotone.web.door import Door, Headers, read_headers
from ecotone.web.fronts import PATHS, ErrorForm, Front, as_asked, error_form, find_front, loaded, make_job, wire_at
from ecotone.web.listings import OLLAMA_VERSION, Listings, listing_asked
from ecotone.web.responses import find_response, serve_response

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderPairs = list[tuple[bytes, bytes]]

_log = logging.getLogger(__name__)

_IN_FLIGHT_MAX = 4096
_TICK_S = 0.1
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_LOSSES_CHARS_MAX = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONSOLE = ("/console", "/control/")
_HEADER_NAMES = re.compile(rb"[\w\-, ]{0,4000}", re.ASCII)
_SHOWN_HEADERS = b"x-ecotone-request-id, x-ecotone-model, x-ecotone-endpoint, x-ecotone-losses, retry-after"
_STREAM: HeaderPairs = [
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class App:
    """One gateway's web application. Behind it: `gateway` answers, `door` decides who is let in.

    `model_problem` says why no model can answer at present, None if one can. `console` gives what serves the console
    and the control plane, made when it is first asked for; None where there is none.
    """

    def __init__(
        self,
        gateway: Gateway,
        door: Door,
        *,
        max_body_bytes: int,
        model_problem: Callable[[], str | None],
        started_at_s: int,
        console: Callable[[], AsgiApp] | None = None,
    ) -> None:
        self._gateway = gateway
        self._door = door
        self._max_body_bytes = max_body_bytes
        self._model_problem = model_problem
        self._started_at_s = started_at_s
        self._console = console
        self._in_flight = 0
        self._departures = _Departures()

    def configure(self, door: Door, max_body_bytes: int) -> None:
        """Change the rules for requests that come from now on."""
        self._door = door
        self._max_body_bytes = max_body_bytes

    @property
    def door(self) -> Door:
        """The rules in force for who is let in."""
        return self._door

    def end_answers(self) -> None:
        """Tell those who still wait for an answer, or for the rest of one, that the gateway stops."""
        self._departures.end_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Ecotone serves HTTP alone, not {scope['type']}")
        path: str = scope["path"]
        method: str = scope["method"]
        front = find_front(path) if method == "POST" else None
        if front is not None:
            await self._serve(front, scope, receive, send)
        elif path in ("/healthz", "/readyz") and method in ("GET", "HEAD"):
            await self._health(path, send)
        elif self._console is not None and path.startswith(_CONSOLE):
            await self._console()(scope, receive, send)
        else:
            await self._other(method, path, scope, receive, send)

    # --- the data plane

    async def _serve(self, front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        now_us = time.time_ns() // 1000
        exchange = Exchange(self._gateway, front.operation, now_us)
        form = error_form(front.wire, self._gateway.wires)
        departure = _Departure(receive)
        origin = ""
        self._in_flight += 1
        try:
            headers = read_headers(scope["headers"], scope["query_string"])
            origin = headers.origin
            self._door.check_page(headers)
            principal = self._door.principal(headers)
            self._door.check_content_type(headers, upload=front.upload)
            if self._in_flight > _IN_FLIGHT_MAX:
                raise Unavailable(f"More than {_IN_FLIGHT_MAX} requests are being answered; try again in a moment.")
            body = await self._read_body(headers, receive)
            self._departures.watch(departure)
            ready = loaded(front, body, self._gateway.directory, now_us // 1_000_000)
            if ready is not None:
                await _send_body(send, 200, ready, self._cors(origin))
                exchange.close(200)
                return
            front = as_asked(front, scope["query_string"])
            job = make_job(self._gateway, front, principal, body, headers.sent, exchange, now_us // 1_000_000)
            await exchange.open(principal, job, headers.declared, len(body))
            await self._reply(exchange, origin, send)
            exchange.close(200)
        except EcotoneError as error:
            if exchange.answering:
                # What was begun and left unfinished the server breaks off, which is all that a client can be told.
                exchange.close(200)
            else:
                await self._send_failure(exchange, error, form, origin, send)
        except asyncio.CancelledError:
            if departure.ended:
                departure.stop()
                await self._break_off(exchange, form, origin, send)
            elif not departure.happened:
                raise
        except Exception:
            # A fault of Ecotone's own. The one who reads the log gets the trace; the client gets the request's id.
            _log.exception("request %s failed", exchange.request_id)
            if exchange.answering:
                raise
            fault = EcotoneError(f"Ecotone failed at request {exchange.request_id}; its log says why.")
            await self._send_failure(exchange, fault, form, origin, send)
        finally:
            self._departures.forget(departure)
            departure.stop()
            self._in_flight -= 1
            exchange.close(CLIENT_LEFT)

    async def _reply(self, exchange: Exchange, origin: str, send: Send) -> None:
        headers = [
            (b"x-ecotone-request-id", exchange.request_id.encode()),
            (b"x-ecotone-model", (exchange.model or "").encode()),
            (b"x-ecotone-endpoint", (exchange.endpoint or "").encode()),
            *self._cors(origin),
        ]
        if exchange.losses:
            told = "; ".join(f"{loss.field or 'request'}: {loss.reason}" for loss in exchange.losses)
            # It may quote names of the client's own fields, which may hold anything.
            value = _CONTROL.sub("?", told[:_LOSSES_CHARS_MAX]).encode("ascii", "replace")
            headers.append((b"x-ecotone-losses", value))
        answer = exchange.answer
        exchange.first_byte_sent()
        if answer is not None:
            typed = (b"content-type", exchange.answer_type.encode("latin-1", "replace"))
            length = (b"content-length", b"%d" % len(answer.body))
            await send({"type": "http.response.start", "status": 200, "headers": [typed, length, *headers]})
            await send({"type": "http.response.body", "body": answer.body})
            return
        typed = (b"content-type", exchange.stream_type.encode("latin-1", "replace"))
        await send({"type": "http.response.start", "status": 200, "headers": [typed, *_STREAM, *headers]})
        while (piece := await exchange.next_bytes()) is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _break_off(self, exchange: Exchange, form: ErrorForm, origin: str, send: Send) -> None:
        error = Unavailable("The gateway is stopping; ask again in a moment.")
        if not exchange.answering:
            await self._send_failure(exchange, error, form, origin, send)
        elif exchange.answer is None:
            if told := exchange.break_off(error):
                await send({"type": "http.response.body", "body": told, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            exchange.close(200)

    async def _send_failure(
        self, exchange: Exchange, error: EcotoneError, form: ErrorForm, origin: str, send: Send
    ) -> None:
        exchange.failed(error)
        headers = [(b"x-ecotone-request-id", exchange.request_id.encode()), *self._cors(origin)]
        await _send_error(send, error, form(error), headers)
        exchange.close(error.status)

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes:
        limit = self._max_body_bytes
        if headers.content_length is not None and headers.content_length > limit:
            raise _too_large(limit)
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(body) > limit:
                raise _too_large(limit)
            return body
        pieces = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > limit:
                raise _too_large(limit)
        return b"".join(pieces)

    # --- everything else

    async def _health(self, path: str, send: Send) -> None:
        problem = self._model_problem() if path == "/readyz" else None
        if problem is None:
            await _send_json(send, 200, {"status": "ok"})
        else:
            await _send_json(send, 503, {"status": "not ready", "reason": problem})

    async def _other(self, method: str, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        origin = ""
        sent = dict(scope["headers"])
        try:
            headers = read_headers(scope["headers"], scope["query_string"])
            origin = headers.origin
            self._door.check_page(headers)
            if method == "OPTIONS" and self._door.allows_origin(origin):
                await _preflight(send, self._cors(origin), sent.get(b"access-control-request-headers", b""))
                return
            if path == "/" and method in ("GET", "HEAD"):
                if self._console is not None and b"text/html" in sent.get(b"accept", b""):
                    await _redirect(send, b"/console/")
                    return
                await _send_body(send, 200, b"Ecotone is running", self._cors(origin), _TEXT)
                return
            if find_response(path) is None:
                told = await self._told(method, path, headers, sent, receive)
            else:
                query = scope["query_string"].decode("ascii", "replace")
                caller = self._door.principal(headers).name
                told = serve_response(method, path, query, caller, self._gateway.responses)
            await _send_json(send, 200, told, self._cors(origin))
        except EcotoneError as error:
            form = error_form(wire_at(path, sent), self._gateway.wires)
            await _send_error(send, error, form(error), self._cors(origin))

    async def _told(
        self, method: str, path: str, headers: Headers, sent: dict[bytes, bytes], receive: Receive
    ) -> object:
        """What there is to know at `path`. Raises RequestError."""
        listings = Listings(self._gateway.directory, self._started_at_s)
        if method in ("GET", "HEAD") and path == "/api/version":
            return {"version": OLLAMA_VERSION}
        listing = listing_asked(path, sent) if method == "GET" else None
        if listing is not None:
            self._door.principal(headers)
            return listings.models(*listing)
        if method == "GET" and path == "/api/ps":
            self._door.principal(headers)
            return listings.loaded()
        if method == "POST" and path == "/api/show":
            self._door.principal(headers)
            self._door.check_content_type(headers)
            return listings.show(await self._read_body(headers, receive))
        raise _nothing_there(method, path)

    def _cors(self, origin: str) -> HeaderPairs:
        if not self._door.allows_origin(origin):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _SHOWN_HEADERS),
            (b"vary", b"origin"),
        ]


class _Departures:
    """Notices clients that leave while they are still being answered, and cancels their handlers.

    A watching task is made only for answers that take a while: most are over before the next tick sees them.
    """

    def __init__(self) -> None:
        self._watched: dict[_Departure, None] = {}
        self._ticking = False

    def watch(self, departure: "_Departure") -> None:
        self._watched[departure] = None
        if not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def forget(self, departure: "_Departure") -> None:
        self._watched.pop(departure, None)

    def end_all(self) -> None:
        for departure in self._watched:
            departure.end()

    def _tick(self) -> None:
        for departure in self._watched:
            departure.tick()
        self._ticking = bool(self._watched)
        if self._ticking:
            asyncio.get_running_loop().call_later(_TICK_S, self._tick)


class _Departure:
    """One client. `happened`: it has left before its answer was complete; `ended`: its answer is not to be completed.
    Watched from the second tick on."""

    __slots__ = ("_handler", "_receive", "_ticks", "_watcher", "ended", "happened")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._handler = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._ticks = 0
        self.happened = False
        self.ended = False

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks == 2:
            self._watcher = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._handler is not None:
            self._handler.cancel()

    def end(self) -> None:
        if not self.happened and self._handler is not None:
            self.ended = True
            self._handler.cancel()

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is over the limit of {limit // 1048576} MiB. Send less, or raise max_body_mb under [server] in"
        " ecotone.toml."
    )


def _nothing_there(method: str, path: str) -> EcotoneError:
    if find_front(path) is not None:
        return MethodNotAllowed(f"{path} takes POST, not {method}.")
    if path in ("/", "/v1/models", "/healthz", "/readyz", "/api/tags", "/api/ps", "/api/version"):
        return MethodNotAllowed(f"{path} takes GET, not {method}.")
    known = ", ".join((*PATHS, "/v1/models"))
    return NotFound(
        f"There is nothing at {path}. OpenAI's clients need a base URL that ends in /v1, others one without. Among what"
        f" there is: {known}."
    )


async def _send_json(send: Send, status: int, content: Any, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await _send_body(send, status, msgspec.json.encode(content), extra)


async def _send_error(send: Send, error: EcotoneError, body: bytes, extra: Iterable[tuple[bytes, bytes]]) -> None:
    headers = list(extra)
    if isinstance(error, UpstreamError) and error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    await _send_body(send, error.status, body, headers)


async def _send_body(
    send: Send, status: int, body: bytes, extra: Iterable[tuple[bytes, bytes]], kind: tuple[bytes, bytes] = _JSON
) -> None:
    headers = [kind, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, target: bytes) -> None:
    headers = [(b"location", target), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _preflight(send: Send, cors: HeaderPairs, asked: bytes) -> None:
    """Allow a page of a listed origin all headers that it wants to send: vendors' SDKs send some of their own."""
    headers = [
        *cors,
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", asked if _HEADER_NAMES.fullmatch(asked) else b""),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
