"""The one HTTP client. Nothing else in Ecotone opens a connection to a model.

Two transports stand behind it, chosen by the address alone: plain HTTP goes over `http1` on the event loop (servers
next door, where latency shows); HTTPS, and plain HTTP that a proxy must carry, goes over pyreqwest (TLS, HTTP/2,
proxies). Callers see one interface and one set of errors.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    ConnectError,
    ConnectTimeoutError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response as PyreqwestResponse

from ecotone.upstream.http1 import Pool, request_head
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import (
    ConfigError,
    MalformedRequest,
    UpstreamCut,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)

Headers = Sequence[tuple[str, str]]

# RFC 9110, section 5.5: all but the tab.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "x-amz-security-token"})


class Response(Protocol):
    """An answer as it arrives. Every response must be read to its end or closed."""

    status: int

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""

    async def read_chunk(self) -> bytes | None:
        """The next bytes, at least one; None at the end of a complete answer. Raises UpstreamError."""

    def close(self) -> None:
        """Stop listening; an unfinished answer's connection is closed."""


class Target:
    """One method at one address with constant headers, prepared once and sent to many times."""

    def __init__(self, method: str, url: str, headers: Headers = (), *, via_proxy: bool = False) -> None:
        """Raises ConfigError for an address that is not http(s) or a header that holds a line break."""
        self.method = method
        self.url = url
        parts = _checked_url(url)
        for name, value in headers:
            if any(mark in name + value for mark in "\r\n\0"):
                raise ConfigError(f"the value of header {name!r} holds a line break; check the key it was made from")
        self.headers = tuple(headers)
        self.direct = parts.scheme == "http" and not via_proxy
        host = parts.hostname or ""
        self.address = (host, parts.port or (443 if parts.scheme == "https" else 80))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = request_head(method, path, parts.netloc.rpartition("@")[2], headers)

    def request(self, body: bytes, headers: Headers = ()) -> bytes:
        """What goes over the connection. `headers` are this request's own, beside the constant ones.

        Raises MalformedRequest for one that holds a control character."""
        if not headers:
            return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in checked_headers(headers))
        return b"%b%d\r\n%b\r\n%b" % (self._head, len(body), lines.encode("latin-1", "replace"), body)


def checked_headers(headers: Headers) -> Headers:
    """`headers`, none of which holds a line break or another control character. Raises MalformedRequest."""
    for name, value in headers:
        if _CONTROL.search(name + value):
            raise MalformedRequest(f"The header {name!r} holds a line break or another control character.")
    return headers


def _checked_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid or any(mark <= " " for mark in url):
        raise ConfigError(f"{url!r} is not an http:// or https:// address")
    return parts


def is_loopback(host: str) -> bool:
    """Does this name or address mean the machine itself?"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HttpClient:
    """Pools for all upstreams of one process. Belongs to one running event loop."""

    def __init__(
        self,
        *,
        ca_bundle: bytes | None = None,
        proxy_for: Callable[[str, str], str | None] = lambda scheme, host: None,
        user_agent: str = "ecotone",
    ) -> None:
        """`ca_bundle` holds PEM certificates to trust beside the system's. `proxy_for(scheme, host)` names the proxy
        that must carry requests to that host, None for a direct connection; loopback is always direct."""
        self._ca_bundle = ca_bundle
        self._proxy_for = proxy_for
        self._user_agent = user_agent
        self._pool = Pool(asyncio.get_running_loop())
        self._clients: dict[tuple[str | None, Timeouts], Client] = {}

    def target(self, method: str, url: str, headers: Headers = ()) -> Target:
        """Prepare an address. `content-type` is JSON unless the headers say otherwise."""
        parts = _checked_url(url)
        names = {name.lower() for name, _ in headers}
        defaults = [("user-agent", self._user_agent), ("accept", "*/*")]
        if method != "GET":
            defaults.append(("content-type", "application/json"))
        complete = [*((name, value) for name, value in defaults if name not in names), *headers]
        return Target(method, url, complete, via_proxy=self._proxy(parts.scheme, parts.hostname or "") is not None)

    def _proxy(self, scheme: str, host: str) -> str | None:
        return None if is_loopback(host) else self._proxy_for(scheme, host)

    async def send(
        self,
        target: Target,
        body: bytes = b"",
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        headers: Headers = (),
    ) -> Response:
        """Send, and return once status and headers are there. `headers` go along beside the target's own.

        Raises UpstreamUnreachable, UpstreamTimeout and UpstreamMalformed; an HTTP error status is an answer like any
        other."""
        if target.direct:
            return await self._pool.send(target.address, target.request(body, headers), timeouts)
        return await self._send_elsewhere(target, body, timeouts, headers)

    async def _send_elsewhere(self, target: Target, body: bytes, timeouts: Timeouts, headers: Headers) -> Response:
        parts = urlsplit(target.url)
        client = self._client(self._proxy(parts.scheme, parts.hostname or ""), timeouts)
        builder = client.request(target.method, target.url)
        for name, value in (*target.headers, *checked_headers(headers)):
            builder = builder.header(name, value, is_sensitive=name.lower() in _SECRET_HEADERS)
        # No reading ahead: by default the first 64 KiB of an answer are waited for before its head is handed over.
        request = builder.body_bytes(body).streamed_read_buffer_limit(0).build_streamed()
        exchange = _ReqwestExchange(request, timeouts)
        await exchange.head()
        return exchange

    def _client(self, proxy: str | None, timeouts: Timeouts) -> Client:
        client = self._clients.get((proxy, timeouts))
        if client is None:
            builder = (
                ClientBuilder()
                .http2(True)
                .follow_redirects(False)
                .referer(False)
                .connect_timeout(timedelta(seconds=timeouts.connect_s))
                .timeout(timedelta(seconds=timeouts.whole_s))
                .no_proxy()
            )
            if proxy is not None:
                builder = builder.proxy(ProxyBuilder.all(proxy))
            if self._ca_bundle:
                builder = builder.add_root_certificate_pem(self._ca_bundle)
            client = self._clients[(proxy, timeouts)] = builder.build()
        return client

    async def close(self) -> None:
        self._pool.close()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()


class _ReqwestExchange:
    """An answer that pyreqwest brings."""

    def __init__(self, request: StreamRequest, timeouts: Timeouts) -> None:
        self._request = request
        self._timeouts = timeouts
        self._response: PyreqwestResponse | None = None
        self._closing: asyncio.Task[None] | None = None
        self.status = 0

    async def head(self) -> None:
        try:
            async with asyncio.timeout(self._timeouts.first_byte_s):
                self._response = await self._request.__aenter__()
        except PyreqwestError as error:  # its own timeouts are TimeoutErrors, too
            raise _translated(error, self._timeouts, answering=False) from None
        except TimeoutError:
            raise UpstreamTimeout(f"waited {self._timeouts.first_byte_s:g} s for the first byte") from None
        self.status = self._response.status

    def header(self, name: str) -> str | None:
        return None if self._response is None else self._response.get_header(name)

    async def read_chunk(self) -> bytes | None:
        assert self._response is not None  # noqa: S101 - only an exchange with a head is handed out
        limit_s = self._timeouts.between_bytes_s
        try:
            async with asyncio.timeout(limit_s):
                chunk = await self._response.body_reader.read_chunk()
        except PyreqwestError as error:
            raise _translated(error, self._timeouts, answering=True) from None
        except TimeoutError:
            raise UpstreamTimeout(f"waited {limit_s:g} s for the next bytes") from None
        if chunk is None:
            self.close()
            return None
        return bytes(chunk)

    def close(self) -> None:
        if self._response is not None and self._closing is None:
            self._closing = asyncio.ensure_future(self._request.__aexit__(None, None, None))


def _translated(error: PyreqwestError, timeouts: Timeouts, *, answering: bool) -> UpstreamError:
    """The same failure as a member of Ecotone's own tree."""
    match error:
        # pyreqwest calls everything so that ran out before the body; only its causes tell how far it came.
        case ConnectTimeoutError() if any("(Connect)" in cause for cause in _causes(error)):
            return UpstreamTimeout(f"no connection within {timeouts.connect_s:g} s")
        case RequestTimeoutError():
            return UpstreamTimeout(f"no complete answer within {timeouts.whole_s:g} s")
        case ConnectError():
            return UpstreamUnreachable(f"cannot connect: {_innermost(error)}")
    if answering:
        return UpstreamCut(f"the connection broke in the middle of the answer: {_innermost(error)}")
    return UpstreamUnreachable(f"the connection broke before an answer came: {_innermost(error)}")


def _innermost(error: PyreqwestError) -> str:
    """The most telling of the causes that pyreqwest lists; its outer layers only repeat the address."""
    told = _causes(error)[-1]
    if "InvalidContentType" in told:  # rustls' word for bytes that are no TLS record
        return "what answers there speaks no TLS; its address may have to begin with http://"
    return told


def _causes(error: PyreqwestError) -> list[str]:
    """From the outermost to the innermost; at least one."""
    causes = error.details.get("causes") if isinstance(error, DetailedPyreqwestError) else None
    return [cause["message"] for cause in causes or ()] or [error.message]
