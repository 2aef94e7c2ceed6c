"""HTTP/1.1 to plain-text servers next door, on the event loop itself.

Servers on this machine or this network are where Ecotone's own share of the latency shows. A client in another
thread costs two thread switches an exchange; this one costs none (measured: docs/decisions/0001-http-client.md).
Parsing is httptools'. TLS, HTTP/2 and proxies are not here: `ecotone.upstream.http` takes those elsewhere.
"""

import asyncio
import os
import re
import socket
from collections.abc import Iterator, Sequence
from typing import cast

import httptools

from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import UpstreamCut, UpstreamError, UpstreamMalformed, UpstreamTimeout, UpstreamUnreachable

_BUFFER_MAX_BYTES = 256 * 1024
_HEAD_MAX_BYTES = 64 * 1024
_IDLE_MAX_S = 50.0
_IDLE_MAX_CONNECTIONS = 256
_TICK_S = 0.05
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout=(\d{1,6})")


class _Connection(asyncio.Protocol):
    """One TCP connection, carrying one exchange at a time. Parser callbacks have the names that httptools asks for."""

    __slots__ = ("_parser", "_pool", "_transport", "address", "exchange", "idle_until_s", "used")

    def __init__(self, pool: "Pool", address: tuple[str, int]) -> None:
        self._pool = pool
        self.address = address
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.idle_until_s = 0.0
        self.exchange: Exchange | None = None
        self.used = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own transports are no subclass of it

    def begin(self, exchange: "Exchange", request: bytes) -> None:
        self.exchange = exchange
        if self._transport is None:  # closed in the moment between
            exchange.lost()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.close()  # bytes nobody asked for: the next answer could not be trusted
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            exchange.fail(UpstreamMalformed(f"the answer is not HTTP/1.1: {error}"))
        else:
            exchange.received(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._pool.forget(self)
        if self.exchange is not None:
            self.exchange.lost()

    def on_message_begin(self) -> None:
        if self.exchange is not None:
            self.exchange.message_begins()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.exchange is not None:
            self.exchange.header_came(name.lower(), value)

    def on_headers_complete(self) -> None:
        if self.exchange is not None:
            self.exchange.headers_complete(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        if self.exchange is not None:
            self.exchange.body_came(body)

    def on_message_complete(self) -> None:
        if self.exchange is not None:
            self.exchange.message_complete(keep=bool(self._parser.should_keep_alive()))

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()


class Exchange:
    """One request and its answer, as it arrives. `head` is resolved when status and headers are there."""

    __slots__ = (
        "_buffered",
        "_chunks",
        "_close_delimited",
        "_complete",
        "_connection",
        "_deadline",
        "_error",
        "_head_bytes",
        "_headers",
        "_idle_s",
        "_keep",
        "_paused",
        "_pool",
        "_surplus",
        "_timeouts",
        "_wake",
        "_whole_deadline",
        "head",
        "status",
    )

    def __init__(self, pool: "Pool", connection: _Connection, timeouts: Timeouts) -> None:
        self._pool = pool
        self._connection: _Connection | None = connection
        self._timeouts = timeouts
        self.head: asyncio.Future[None] = pool.loop.create_future()
        self._wake: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._head_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._close_delimited = True
        self._complete = False
        self._surplus = False
        self._keep = False
        self._idle_s = _IDLE_MAX_S
        self._error: UpstreamError | None = None
        self.status = 0
        now = pool.loop.time()
        self._whole_deadline = now + timeouts.whole_s
        self._deadline = now + timeouts.first_byte_s

    # --- what the connection calls

    def message_begins(self) -> None:
        if self._complete:
            self._surplus = True  # a second answer to one request: the connection cannot be trusted any more

    def header_came(self, name: bytes, value: bytes) -> None:
        """`name` is in lower case."""
        if self._surplus:
            return
        if name in (b"content-length", b"transfer-encoding"):
            self._close_delimited = False
        elif name == b"keep-alive" and (stated := _KEEP_ALIVE_TIMEOUT.search(value)):
            self._idle_s = min(_IDLE_MAX_S, int(stated[1]) - 1.0)  # less than the server's own patience
        self._headers.append((name, value))

    def headers_complete(self, status: int) -> None:
        if self._surplus:
            return
        self.status = status
        if status < 200:
            self._headers.clear()
            self._close_delimited = True
        elif not self.head.done():
            self.head.set_result(None)

    def body_came(self, body: bytes) -> None:
        if not self._surplus:
            self._chunks.append(body)
            self._buffered += len(body)

    def message_complete(self, *, keep: bool) -> None:
        if self.status >= 200:
            self._complete = True
            self._keep = keep and not self._close_delimited

    def received(self, size: int) -> None:
        """So many bytes have just been parsed."""
        if self._complete:
            self._finish(keep=self._keep and not self._surplus)
        else:
            if not self.head.done():
                self._head_bytes += size
                if self._head_bytes > _HEAD_MAX_BYTES + _BUFFER_MAX_BYTES:
                    self.fail(UpstreamMalformed("the answer's headers are too large"))
                    return
            self._deadline = self._pool.loop.time() + self._timeouts.between_bytes_s
            if self._buffered > _BUFFER_MAX_BYTES and not self._paused and self._connection is not None:
                self._paused = True
                self._connection.pause()
        if self._wake is not None:
            self._notify()

    def lost(self) -> None:
        """The connection is gone."""
        if self._complete:
            return
        if self.head.done() and self._close_delimited and self._error is None:
            self._complete = True
            self._finish(keep=False)
            self._notify()
        elif not self.head.done():
            self.fail(UpstreamUnreachable("the server closed the connection without an answer"))
        else:
            self.fail(UpstreamCut("the server closed the connection in the middle of its answer"))

    def check_deadline(self, now: float) -> None:
        if now >= self._whole_deadline:
            self.fail(UpstreamTimeout(f"no complete answer within {self._timeouts.whole_s:g} s"))
        elif now >= self._deadline and not self._paused:
            if self.head.done() or self._head_bytes:
                self.fail(UpstreamTimeout(f"waited {self._timeouts.between_bytes_s:g} s for the next bytes"))
            else:
                self.fail(UpstreamTimeout(f"waited {self._timeouts.first_byte_s:g} s for the first byte"))

    # --- what the caller of the client uses

    def header(self, name: str) -> str | None:
        wanted = name.encode("latin-1")
        return next((value.decode("latin-1") for key, value in self._headers if key == wanted), None)

    @property
    def answered(self) -> bool:
        """Has any byte of an answer come?"""
        return self._head_bytes > 0

    async def read_chunk(self) -> bytes | None:
        """What has arrived since the last call, at least one byte; None at the end of a complete answer.

        Raises UpstreamCut, UpstreamTimeout or UpstreamMalformed once everything that arrived before is read.
        """
        while True:
            if self._chunks:
                data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._chunks.clear()
                self._buffered = 0
                if self._paused and self._connection is not None:
                    self._paused = False
                    self._deadline = self._pool.loop.time() + self._timeouts.between_bytes_s
                    self._connection.resume()
                return data
            if self._error is not None:
                raise self._error
            if self._complete:
                return None
            self._wake = self._pool.loop.create_future()
            await self._wake

    def close(self) -> None:
        """Give up: unless the answer is complete, the connection is closed, which tells the server to stop."""
        connection = self._detach()
        if connection is not None:
            connection.close()

    # --- inside

    def _detach(self) -> _Connection | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            self._pool.active.discard(self)
        return connection

    def _finish(self, *, keep: bool) -> None:
        connection = self._detach()
        if connection is not None:
            if keep and connection.open:
                self._pool.release(connection, self._idle_s)
            else:
                connection.close()

    def fail(self, error: UpstreamError) -> None:
        if self._error is None:
            self._error = error
        self._finish(keep=False)
        if not self.head.done():
            self.head.set_exception(self._error)
        self._notify()

    def _notify(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)


class Pool:
    """Connections by (host, port), the most recently used first; deadlines of all exchanges on one ticking timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.active: set[Exchange] = set()
        self._idle: dict[tuple[str, int], list[_Connection]] = {}
        self._connections: set[_Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, address: tuple[str, int], request: bytes, timeouts: Timeouts) -> Exchange:
        """Send `request` (head and body, ready for the wire) and wait for status and headers.

        A pooled connection that its server closed in that moment, before one byte of an answer, is replaced by a
        fresh one, once. Raises UpstreamUnreachable, UpstreamTimeout, UpstreamMalformed.
        """
        while True:
            connection = self._take(address)
            if connection is None:
                connection = await self._connect(address, timeouts)
            reused, connection.used = connection.used, True
            exchange = Exchange(self, connection, timeouts)
            self.active.add(exchange)
            if self._timer is None:
                self._start_ticking()
            connection.begin(exchange, request)
            try:
                await exchange.head
            except UpstreamUnreachable:
                if reused and not exchange.answered:
                    continue
                raise
            except BaseException:
                exchange.close()
                raise
            return exchange

    def _take(self, address: tuple[str, int]) -> _Connection | None:
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            if connection.open and connection.idle_until_s > self.loop.time():
                return connection
            connection.close()
        return None

    async def _connect(self, address: tuple[str, int], timeouts: Timeouts) -> _Connection:
        host, port = address
        try:
            async with asyncio.timeout(timeouts.connect_s):
                _, connection = await self.loop.create_connection(lambda: _Connection(self, address), host, port)
        except TimeoutError:
            raise UpstreamTimeout(f"no connection to {host}:{port} within {timeouts.connect_s:g} s") from None
        except OSError as error:
            if error.errno and not isinstance(error, socket.gaierror):  # whose numbers have a table of their own
                reason = os.strerror(error.errno)
            else:
                reason = error.strerror or str(error)
            raise UpstreamUnreachable(f"cannot connect to {host}:{port}: {reason}") from None
        self._connections.add(connection)
        return connection

    def release(self, connection: _Connection, idle_s: float) -> None:
        idle = self._idle.setdefault(connection.address, [])
        if self._closed or len(idle) >= _IDLE_MAX_CONNECTIONS:
            connection.close()
            return
        connection.idle_until_s = self.loop.time() + idle_s
        idle.append(connection)

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        idle = self._idle.get(connection.address, [])
        if connection in idle:
            idle.remove(connection)

    def _start_ticking(self) -> None:
        if not self._closed:
            self._timer = self.loop.call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.loop.time()
        for exchange in tuple(self.active):
            exchange.check_deadline(now)
        for connection in tuple(self._idle_connections()):
            if now > connection.idle_until_s:
                connection.close()
        if self.active or any(self._idle.values()):
            self._start_ticking()

    def _idle_connections(self) -> Iterator[_Connection]:
        for connections in self._idle.values():
            yield from connections

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._connections):
            connection.close()


def request_head(method: str, path: str, host: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """The constant part of a request's head; the length of the body and the blank line follow it."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\ncontent-length: "
