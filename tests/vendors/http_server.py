"""What every fake vendor is: a server in the test's own event loop that does what the test scripts.

A vendor derives from `FakeVendor` and says what it refuses and how it answers. The server writes its own bytes,
because a test may want them cut anywhere.
"""

import abc
import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl

from .scripts import Delivery, Ending, Failure, Raw, Reply, Scripted, ScriptError

Json = dict[str, Any]

HEAD_MAX_BYTES = 64 * 1024
BODY_MAX_BYTES = 64 * 1024 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
REASONS |= {405: "Method Not Allowed", 413: "Content Too Large", 429: "Too Many Requests"}
REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Received:
    """One request as it arrived. `json` is None when the body is none; `answered` is the status, None before."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)
    json: Any = None
    answered: int | None = None
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed its connection while the reply was still under way."""


class ClientLeft(Exception):
    """The client closed the connection."""


class Refused(Protocol):
    """An error of the vendor, in its own form."""

    @property
    def status(self) -> int: ...

    def body(self) -> bytes: ...


class FakeVendor(abc.ABC):
    """The vendor. `key` is the only one accepted; `models` are the only ones it has.

    Each request that the vendor would accept takes the next item of the script; with none left it gets `otherwise`
    (an echo that names the model).
    """

    ping = b": ping\n\n"
    """What keeps an event stream alive."""

    def __init__(self, key: str, models: Sequence[str], otherwise: Scripted | None = None, port: int = 0) -> None:
        self.key, self.models, self.port = key, tuple(models), port
        self.otherwise: Scripted = otherwise or Reply()
        self.requests: list[Received] = []
        self.connections = 0
        self._script: deque[Scripted] = deque()
        # Off for a vendor of tomorrow, who knows fields that nobody knows yet.
        self.checks = True
        self._errors: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def forget(self) -> None:
        """Drop what is scripted and has not been asked for."""
        self._script.clear()

    def script(self, *items: Scripted) -> None:
        """Append what the next accepted requests get, one each."""
        self._script.extend(items)

    @property
    @abc.abstractmethod
    def base_url(self) -> str:
        """As the official SDK takes it."""

    @abc.abstractmethod
    def refusal(self, received: Received) -> Refused | None:
        """Why this is no request that the vendor accepts, or None. Fills in `received.json` (see `json_body`)."""

    def fact(self, received: Received) -> Json | None:
        """The answer to an accepted request over which the script has no say (the list of models), or None."""
        return None

    @abc.abstractmethod
    async def reply(self, exchange: "Exchange", received: Received, reply: Reply) -> None:
        """Give this reply to an accepted request: `exchange.send_json` or `exchange.send_events`."""

    @abc.abstractmethod
    def failure_body(self, failure: Failure) -> bytes:
        """The body of this HTTP error, in the vendor's form."""

    def failure_headers(self, failure: Failure) -> Mapping[str, str]:
        """Headers that go with this HTTP error."""
        return {} if failure.retry_after_s is None else {"retry-after": f"{failure.retry_after_s:g}"}

    def headers(self, received: Received) -> Mapping[str, str]:
        """Headers of every answer."""
        return {}

    @abc.abstractmethod
    def late_error(self, failure: Failure, sent: int) -> bytes:
        """The event that reports this error within a stream, after `sent` other events."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=HEAD_MAX_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._errors and error is None:
            raise self._errors[0]

    async def stop(self) -> None:
        """Stop listening and drop every connection, as a killed server does. Entering again uses the same port."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._errors.append(error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while received := await read_request(reader, writer):
                self.requests.append(received)
                exchange = Exchange(self, reader, writer, received)
                try:
                    await self._answer(exchange, received)
                except (ClientLeft, ConnectionError):
                    received.left.set()
                    return
                if not exchange.reusable:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, exchange: "Exchange", received: Received) -> None:
        try:
            if self.checks and (refused := self.refusal(received)):
                return await exchange.send_body(refused.status, refused.body())
            if (fact := self.fact(received)) is not None:
                return await exchange.send_json(fact)
            item = self._script.popleft() if self._script else self.otherwise
            if isinstance(item, Failure):
                return await exchange.send_failure(item)
            if isinstance(item, Raw):
                return await exchange.send_body(item.status, item.body, item.content_type, delivery=item.delivery)
            return await self.reply(exchange, received, item)
        except ScriptError as error:
            self._errors.append(error)
            return await exchange.send_body(500, self.failure_body(Failure(500, f"The test's script: {error}")))


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received | None:
    """The next request of the connection, None when the client is done with it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, version = first.split(" ")
    if version != "HTTP/1.1":
        raise ConnectionError(f"only HTTP/1.1 is spoken here, not {version}")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() in headers:
            raise ConnectionError(f"header {name} came twice")
        headers[name.lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    path, _, query = target.partition("?")
    body = await read_body(reader, headers)
    return Received(method, path, headers, body, dict(parse_qsl(query, keep_blank_values=True)))


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        length = int(headers.get("content-length", "0"))
        if length > BODY_MAX_BYTES:
            raise ConnectionError("the body is over the limit")
        return await reader.readexactly(length)
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if len(body) + size > BODY_MAX_BYTES:
            raise ConnectionError("the body is over the limit")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return bytes(body)


def json_body(received: Received) -> Any:
    """The body as strict JSON. Raises ValueError when it is none, or nested too deep."""
    try:
        return json.loads(received.body, parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


class Exchange:
    """The answer to one request, written byte by byte as its delivery says."""

    def __init__(
        self, vendor: FakeVendor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: Received
    ) -> None:
        self.vendor, self.reader, self.writer, self.received = vendor, reader, writer, received
        self.reusable = received.headers.get("connection", "").lower() != "close"

    async def send_failure(self, failure: Failure) -> None:
        body = self.vendor.failure_body(failure) if failure.body is None else failure.body
        headers = {**self.vendor.failure_headers(failure), **failure.headers}
        await self.send_body(failure.status, body, headers=headers, delivery=failure.delivery)

    async def send_json(self, payload: Json, delivery: Delivery | None = None) -> None:
        await self.send_body(200, compact(payload), delivery=delivery)

    async def send_body(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        """A body with its length."""
        delivery = delivery or Delivery()
        length = len(body) if delivery.content_length is None else delivery.content_length
        framing = {"content-type": content_type, "content-length": str(length)}
        if delivery.ending in (Ending.NO_DONE, Ending.ERROR_EVENT):
            raise ScriptError(f"{delivery.ending} is for streams; this request did not ask for one")
        await self._before_first_byte(delivery)
        await self._write(self._head(status, framing | dict(headers or {})), delivery)
        whole = delivery.ending is Ending.COMPLETE
        await self._write(body if whole else body[: len(body) // 2], delivery)
        if length != len(body):
            self.reusable = False
        if not whole:
            await self._end_badly(delivery.ending)

    async def send_events(
        self,
        events: Sequence[bytes],
        terminator: bytes,
        delivery: Delivery,
        content_type: str = "text/event-stream; charset=utf-8",
    ) -> None:
        """A stream of events, each with its framing (`sse_event`). `terminator`: the bytes by which a client knows a
        complete stream, sent after `events` when the stream ends well and never otherwise."""
        if delivery.content_length is not None:
            raise ScriptError("a stream has no content-length to lie about")
        await self._before_first_byte(delivery)
        framing = {"content-type": content_type, "transfer-encoding": "chunked"}
        await self._write(self._head(200, framing), delivery)
        before = len(events) if delivery.events is None else delivery.events
        await self._write_events(events[:before], delivery)
        if delivery.gate is not None and delivery.events is not None:
            await self._or_client_leaves(delivery.gate.wait())
        if delivery.insert:
            await self._write(http_chunk(delivery.insert), delivery)
        if delivery.ending in (Ending.CLOSE, Ending.RESET, Ending.STALL):
            await self._end_badly(delivery.ending)
            return
        if delivery.ending is Ending.ERROR_EVENT:
            late = self.vendor.late_error(Failure(delivery.late_status), min(before, len(events)))
            await self._write_events([late], delivery)
        elif delivery.ending is Ending.COMPLETE:
            await self._write_events([*events[before:], terminator], delivery)
        await self._write(b"0\r\n\r\n", delivery)

    async def _before_first_byte(self, delivery: Delivery) -> None:
        if delivery.delay_s:
            await self._or_client_leaves(asyncio.sleep(delivery.delay_s))
        if delivery.gate is not None and delivery.events is None:
            await self._or_client_leaves(delivery.gate.wait())

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        self.received.answered = status
        always = {"date": "Fri, 21 Aug 2026 12:00:00 GMT", **self.vendor.headers(self.received)}
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in {**always, **headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _write_events(self, events: Iterable[bytes], delivery: Delivery) -> None:
        for event in events:
            data = self.vendor.ping + event if delivery.pings else event
            data = data.replace(b"\n", b"\r\n") if delivery.crlf else data
            if data:
                await self._write(http_chunk(data), delivery)

    async def _write(self, data: bytes, delivery: Delivery) -> None:
        for piece in split(data, delivery.piece_bytes):
            if self.reader.at_eof():
                raise ClientLeft
            self.writer.write(piece)
            await self.writer.drain()
            # Also at 0 s: each piece is to leave as a write of its own.
            if delivery.gap_s or delivery.piece_bytes:
                await asyncio.sleep(delivery.gap_s)

    async def _end_badly(self, ending: Ending) -> None:
        self.reusable = False
        if ending is Ending.STALL:
            await self._or_client_leaves(asyncio.Event().wait())
        if ending is Ending.RESET:
            raw: socket.socket = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.writer.transport.abort()

    async def _or_client_leaves(self, waited: Awaitable[object]) -> None:
        """Wait, but no longer than the client does."""
        wanted = asyncio.ensure_future(waited)
        left = asyncio.ensure_future(self.reader.read(1))
        try:
            await asyncio.wait({wanted, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            left.cancel()
            # The reader lets nobody else read before this one has gone.
            await asyncio.gather(wanted, left, return_exceptions=True)
        if not wanted.done() or wanted.cancelled():
            raise ClientLeft


def split(data: bytes, piece_bytes: int | None) -> Iterator[bytes]:
    step = piece_bytes or len(data) or 1
    for start in range(0, len(data), step):
        yield data[start : start + step]


def compact(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def sse_event(data: bytes, event: str | None = None) -> bytes:
    """One event of a stream, with its name in front where the vendor gives one."""
    name = b"" if event is None else b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (name, data)


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
