"""A faithful fake of a closed vendor's API: OpenAI Chat Completions, Completions, Embeddings and Models over HTTP/1.1.

    async with FakeOpenAI(key="sk-test") as vendor:
        vendor.script(Failure(429, retry_after_s=2), Reply(text="Hello.", delivery=Delivery(ending=Ending.RESET)))
        ... point a client at vendor.base_url ...
        assert vendor.requests[0].json["model"] == "gpt-4o-mini"

Requests are checked as the vendor checks them before the script is looked at. Each accepted request takes the next
item of the script; with none left it gets `otherwise` (an echo that names the model). The server runs in the test's
own event loop and writes its own bytes, because a test may want them cut anywhere.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from .openai_replies import (
    ChatAnswer,
    CompletionAnswer,
    Delivery,
    Ending,
    Failure,
    Raw,
    Reply,
    Scripted,
    ScriptError,
    checked_models,
    embeddings,
)
from .openai_rules import Json, Refusal, chat_refusal, completion_refusal, embedding_refusal

MODELS = (
    "gpt-5.5",
    "gpt-5.4-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "o3",
    "o3-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "text-embedding-ada-002",
)
HEAD_MAX_BYTES = 64 * 1024
BODY_MAX_BYTES = 64 * 1024 * 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
REASONS |= {405: "Method Not Allowed", 413: "Content Too Large", 429: "Too Many Requests"}
REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "29976",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "48ms",
}
EXHAUSTED = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}


@dataclass
class Received:
    """One request as it arrived. `json` is None when the body is none; `answered` is the status, None before."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    json: Any = None
    answered: int | None = None
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed its connection while the reply was still under way."""


class ClientLeft(Exception):
    """The client closed the connection."""


class FakeOpenAI:
    """The vendor. `key` is the only one accepted; `models` are the only ones it has."""

    def __init__(
        self,
        key: str = "sk-test",
        models: Sequence[str] = MODELS,
        otherwise: Scripted | None = None,
        port: int = 0,
    ) -> None:
        self.key, self.models, self.port = key, tuple(models), port
        self.otherwise: Scripted = otherwise or Reply()
        self.requests: list[Received] = []
        self.connections = 0
        self._script: deque[Scripted] = deque()
        self._script_errors: list[ScriptError] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def script(self, *items: Scripted) -> None:
        """Append what the next accepted requests get, one each."""
        self._script.extend(items)

    @property
    def base_url(self) -> str:
        """As the official SDK takes it."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=HEAD_MAX_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._script_errors and error is None:
            raise self._script_errors[0]

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
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while received := await read_request(reader, writer):
                self.requests.append(received)
                exchange = Exchange(reader, writer, received)
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
        refusal = self._unauthorised(received) or self._parse(received)
        if refusal:
            return await exchange.send_refusal(refusal)
        if received.path.startswith("/v1/models"):
            return await exchange.send_json(200, self._models(received.path))
        item = self._script.popleft() if self._script else self.otherwise
        try:
            if isinstance(item, Failure):
                return await exchange.send_failure(item)
            if isinstance(item, Raw):
                return await exchange.send_body(item.status, item.body, item.content_type, delivery=item.delivery)
            return await self._reply(exchange, received, item)
        except ScriptError as error:
            self._script_errors.append(error)
            return await exchange.send_refusal(Refusal(f"The test's script: {error}", status=500))

    async def _reply(self, exchange: "Exchange", received: Received, reply: Reply) -> None:
        request, serial = received.json, len(self.requests)
        if received.path == "/v1/embeddings":
            return await exchange.send_json(200, embeddings(request), delivery=reply.delivery)
        answer: ChatAnswer | CompletionAnswer
        if received.path == "/v1/chat/completions":
            answer = ChatAnswer(request, reply, serial)
        else:
            answer = CompletionAnswer(request, reply, serial)
        if request.get("stream"):
            return await exchange.send_events(list(answer.events()), reply.delivery)
        return await exchange.send_json(200, answer.whole(), delivery=reply.delivery)

    def _unauthorised(self, received: Received) -> Refusal | None:
        scheme, _, key = received.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            message = "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
            return Refusal(message, status=401)
        if key != self.key:
            message = f"Incorrect API key provided: {key[:4]}***."
            return Refusal(message, code="invalid_api_key", status=401)
        return None

    def _parse(self, received: Received) -> Refusal | None:
        """Fill in `received.json`, or say why this is no request of the API."""
        if received.path.startswith("/v1/models"):
            if received.method != "GET":
                return not_allowed(received)
            known = received.path == "/v1/models" or received.path.removeprefix("/v1/models/") in self.models
            return None if known else no_such_model(received.path.removeprefix("/v1/models/"))
        check = CHECKS.get(received.path)
        if check is None:
            message = f"Invalid URL ({received.method} {received.path})"
            return Refusal(message, code="unknown_url", status=404)
        if received.method != "POST":
            return not_allowed(received)
        media_type = received.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            message = f"Invalid Content-Type header ({media_type}), expected application/json."
            return Refusal(message, code="unsupported_content_type")
        try:
            received.json = json.loads(received.body, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            return Refusal("We could not parse the JSON body of your request. The API expects a JSON payload.")
        return check(received.json) or self._unsuited(received.json["model"], received.path)

    def _unsuited(self, model: str, path: str) -> Refusal | None:
        if model not in self.models:
            return no_such_model(model)
        kind = "/v1/chat/completions"
        if model.startswith("text-embedding"):
            kind = "/v1/embeddings"
        elif model.endswith("-instruct"):
            kind = "/v1/completions"
        if kind != path:
            return Refusal(f"This model is not supported at {path}. Did you mean {kind}?", "model", status=404)
        return None

    def _models(self, path: str) -> Json:
        entries = checked_models(self.models)
        if path == "/v1/models":
            return {"object": "list", "data": list(entries.values())}
        return entries[path.removeprefix("/v1/models/")]


CHECKS: dict[str, Callable[[Any], Refusal | None]] = {
    "/v1/chat/completions": chat_refusal,
    "/v1/completions": completion_refusal,
    "/v1/embeddings": embedding_refusal,
}


def refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def not_allowed(received: Received) -> Refusal:
    message = f"Not allowed to {received.method} on {received.path}."
    return Refusal(message, code="method_not_supported", status=405)


def no_such_model(model: str) -> Refusal:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(message, code="model_not_found", status=404)


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
    return Received(method, target.partition("?")[0], headers, await read_body(reader, headers))


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


class Exchange:
    """The answer to one request, written byte by byte as its delivery says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: Received) -> None:
        self.reader, self.writer, self.received = reader, writer, received
        self.reusable = received.headers.get("connection", "").lower() != "close"

    async def send_refusal(self, refusal: Refusal) -> None:
        await self.send_body(refusal.status, refusal.body())

    async def send_failure(self, failure: Failure) -> None:
        headers = dict(EXHAUSTED) if failure.status == 429 else {}
        if failure.retry_after_s is not None:
            headers["retry-after"] = f"{failure.retry_after_s:g}"
            headers["retry-after-ms"] = f"{failure.retry_after_s * 1000:.0f}"
        body = failure.refusal().body() if failure.body is None else failure.body
        await self.send_body(failure.status, body, headers=headers | dict(failure.headers), delivery=failure.delivery)

    async def send_json(self, status: int, payload: Json, delivery: Delivery | None = None) -> None:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        await self.send_body(status, body, delivery=delivery)

    async def send_body(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        delivery = delivery or Delivery()
        length = len(body) if delivery.content_length is None else delivery.content_length
        framing = {"content-type": content_type, "content-length": str(length)}
        if delivery.ending in (Ending.NO_DONE, Ending.ERROR_EVENT):
            raise ScriptError(f"{delivery.ending} is for streams; this request did not ask for one")
        await self._before_first_byte(delivery)
        await self._write(self._head(status, framing | (headers or {})), delivery)
        whole = delivery.ending is Ending.COMPLETE
        await self._write(body if whole else body[: len(body) // 2], delivery)
        if length != len(body):
            self.reusable = False
        if not whole:
            await self._end_badly(delivery.ending)

    async def send_events(self, events: Sequence[Json], delivery: Delivery) -> None:
        if delivery.content_length is not None:
            raise ScriptError("a stream has no content-length to lie about")
        await self._before_first_byte(delivery)
        framing = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
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
            await self._write_events([json.loads(Failure(500).refusal().body())], delivery)
        elif delivery.ending is Ending.COMPLETE:
            await self._write_events(events[before:], delivery)
            await self._write(http_chunk(sse_event("[DONE]", delivery)), delivery)
        await self._write(b"0\r\n\r\n", delivery)

    async def _before_first_byte(self, delivery: Delivery) -> None:
        if delivery.delay_s:
            await self._or_client_leaves(asyncio.sleep(delivery.delay_s))
        if delivery.gate is not None and delivery.events is None:
            await self._or_client_leaves(delivery.gate.wait())

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        self.received.answered = status
        common = {
            "date": "Fri, 21 Aug 2026 12:00:00 GMT",
            "openai-organization": "fake-org",
            "openai-processing-ms": "7",
            "openai-version": "2020-10-01",
            "x-request-id": f"req_fake{id(self.received):016x}",
        }
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}"]
        lines += [f"{name}: {value}" for name, value in (common | RATE_LIMITS | headers).items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _write_events(self, events: Iterable[Json], delivery: Delivery) -> None:
        for event in events:
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            await self._write(http_chunk(sse_event(text, delivery)), delivery)

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

    async def _or_client_leaves(self, waited: Any) -> None:
        """Wait, but no longer than the client does."""
        wanted = asyncio.ensure_future(waited)
        left = asyncio.ensure_future(self.reader.read(1))
        try:
            await asyncio.wait({wanted, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            left.cancel()
        if not wanted.done() or wanted.cancelled():
            raise ClientLeft


def split(data: bytes, piece_bytes: int | None) -> Iterator[bytes]:
    step = piece_bytes or len(data) or 1
    for start in range(0, len(data), step):
        yield data[start : start + step]


def sse_event(text: str, delivery: Delivery) -> bytes:
    event = f": ping\n\ndata: {text}\n\n" if delivery.pings else f"data: {text}\n\n"
    return (event.replace("\n", "\r\n") if delivery.crlf else event).encode()


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
