"""The HTTP client against servers that behave, and against servers that do not."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ecotone.upstream.http import HttpClient, Response, Target, is_loopback
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import (
    ConfigError,
    MalformedRequest,
    UpstreamCut,
    UpstreamMalformed,
    UpstreamTimeout,
    UpstreamUnreachable,
)

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Timeouts(connect_s=0.5, first_byte_s=0.4, between_bytes_s=0.4, whole_s=5.0)


class Server:
    """A server that reads whole requests and answers each as it is told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.requests: list[bytes] = []
        self.connections = 0
        self.left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._handle(reader, writer)))

    async def drop_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                await self._behaviour(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@asynccontextmanager
async def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, str]]:
    server = Server(behaviour)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield server, f"{'https' if tls else 'http'}://localhost:{port}/v1/x"
    finally:
        listener.close()
        await server.drop_all()


def answering(*pieces: bytes, then_close: bool = False) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if then_close:
            writer.close()

    return behave


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


@asynccontextmanager
async def client(ca_bundle: bytes | None = None, proxy: str | None = None) -> AsyncIterator[HttpClient]:
    made = HttpClient(ca_bundle=ca_bundle, proxy_for=lambda scheme, host: proxy)
    try:
        yield made
    finally:
        await made.close()


async def body_of(response: Response) -> bytes:
    pieces = []
    while (piece := await response.read_chunk()) is not None:
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_request_goes_out_whole_and_its_connection_is_used_again() -> None:
    async with serving(answering(OK)) as (server, url), client() as http:
        target = http.target("POST", url + "?a=1", [("authorization", "Bearer k")])
        for _ in range(3):
            response = await http.send(target, b'{"a":1}')
            assert (response.status, response.header("content-type")) == (200, "text/plain")
            assert await body_of(response) == b"hello"
        assert server.connections == 1
    lines = server.requests[0].split(b"\r\n")
    assert lines[0] == b"POST /v1/x?a=1 HTTP/1.1"
    assert b"authorization: Bearer k" in lines
    assert b"content-type: application/json" in lines
    assert lines[-1] == b'{"a":1}'


async def test_a_requests_own_headers_go_beside_the_constant_ones() -> None:
    async with serving(answering(OK)) as (server, url), client() as http:
        target = http.target("POST", url, [("x-api-key", "k")])
        await body_of(await http.send(target, b"{}", headers=[("x-a", "1"), ("x-b", "\xe9")]))
        await body_of(await http.send(target, b"{}"))
    first, second = (request.split(b"\r\n") for request in server.requests)
    assert first[-4:] == [b"x-a: 1", b"x-b: \xe9", b"", b"{}"]
    assert b"x-api-key: k" in first
    assert [line for line in first if line not in (b"x-a: 1", b"x-b: \xe9")] == second


async def test_chunked_answers_in_pieces_of_any_size() -> None:
    stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
    pieces = [stream[index : index + 1] for index in range(len(stream))]
    async with serving(answering(*pieces)) as (server, url), client() as http:
        for _ in range(2):
            assert await body_of(await http.send(http.target("GET", url))) == b"abcdefg"
        assert server.connections == 1


async def test_an_answer_without_length_ends_with_the_connection() -> None:
    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\n\r\nall ", b"of it", then_close=True)) as (_, url),
        client() as http,
    ):
        assert await body_of(await http.send(http.target("GET", url))) == b"all of it"


async def test_interim_answers_are_passed_over() -> None:
    async with (
        serving(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK)) as (_, url),
        client() as http,
    ):
        response = await http.send(http.target("GET", url))
        assert (response.status, response.header("link"), await body_of(response)) == (200, None, b"hello")


async def test_a_server_that_lies_about_its_length_is_found_out() -> None:
    lie = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
    async with serving(answering(lie, then_close=True)) as (_, url), client() as http:
        response = await http.send(http.target("GET", url))
        assert await response.read_chunk() == b"hello"
        with pytest.raises(UpstreamCut, match="in the middle"):
            await response.read_chunk()


async def test_a_chunked_answer_that_breaks_off_is_an_error() -> None:
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    async with serving(answering(cut, then_close=True)) as (_, url), client() as http:
        with pytest.raises(UpstreamCut):
            await body_of(await http.send(http.target("GET", url)))


async def test_a_second_answer_is_never_taken_for_the_next_one() -> None:
    async with serving(answering(OK + OK.replace(b"hello", b"HELLO"))) as (server, url), client() as http:
        for _ in range(2):
            assert await body_of(await http.send(http.target("GET", url))) == b"hello"
        assert server.connections == 2


async def test_what_is_not_http_is_malformed() -> None:
    async with serving(answering(b"SSH-2.0-OpenSSH_9.7\r\n")) as (_, url), client() as http:
        with pytest.raises(UpstreamMalformed, match="not HTTP"):
            await http.send(http.target("GET", url))


async def test_endless_headers_are_refused() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(20_000):
            writer.write(b"x-%d: %s\r\n" % (number, b"y" * 100))
            await writer.drain()

    async with serving(flood) as (_, url), client() as http:
        with pytest.raises(UpstreamMalformed, match="too large"):
            await http.send(http.target("GET", url))


async def test_a_pooled_connection_that_was_closed_meanwhile_is_replaced() -> None:
    answers = iter((answering(OK), answering(then_close=True), answering(OK)))

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with serving(behave) as (server, url), client() as http:
        target = http.target("POST", url)
        for _ in range(2):
            assert await body_of(await http.send(target, b"{}")) == b"hello"
        assert server.connections == 2


async def test_a_fresh_connection_that_is_closed_unanswered_is_unreachable() -> None:
    async with serving(answering(then_close=True)) as (server, url), client() as http:
        with pytest.raises(UpstreamUnreachable, match="without an answer"):
            await http.send(http.target("GET", url))
        assert server.connections == 1


async def test_nobody_listening_is_unreachable() -> None:
    async with serving(answering(OK)) as (_, url):
        pass
    async with client() as http:
        with pytest.raises(UpstreamUnreachable, match="cannot connect to localhost"):
            await http.send(http.target("GET", url))


async def test_each_timeout_says_what_was_waited_for() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
    async with serving(answering()) as (_, url), client() as http:
        with pytest.raises(UpstreamTimeout, match="first byte"):
            await http.send(http.target("GET", url), timeouts=QUICK)
    async with serving(answering(head, b"some")) as (_, url), client() as http:
        response = await http.send(http.target("GET", url), timeouts=QUICK)
        with pytest.raises(UpstreamTimeout, match="next bytes"):
            await body_of(response)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(trickle) as (_, url), client() as http:
        response = await http.send(
            http.target("GET", url), timeouts=Timeouts(first_byte_s=1.0, between_bytes_s=1.0, whole_s=0.3)
        )
        with pytest.raises(UpstreamTimeout, match="complete answer"):
            await body_of(response)


async def test_closing_an_unfinished_answer_tells_the_server() -> None:
    async with (
        serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nsome")) as (server, url),
        client() as http,
    ):
        response = await http.send(http.target("GET", url))
        response.close()
        await asyncio.wait_for(server.left.wait(), 2)


async def test_cancelling_a_request_tells_the_server() -> None:
    async with serving(answering()) as (server, url), client() as http:
        waiting = asyncio.create_task(http.send(http.target("GET", url)))
        while not server.requests:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(server.left.wait(), 2)


async def test_a_slow_reader_stops_the_server_from_filling_memory() -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with serving(pour) as (_, url), client() as http:
        response = await http.send(http.target("GET", url))
        before = -1
        while sent != before:  # until the server is stuck
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 30_000_000
        assert len(await body_of(response)) == 100_000_000


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _authority() -> tuple[bytes, Callable[[Path], ssl.SSLContext]]:
    """A private certificate authority, and a way to serve as `localhost` under it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Private Root", root_key, "Private Root", root_key, authority=True)
    certificate = _certificate("localhost", key, "Private Root", root_key, authority=False)

    def context(folder: Path) -> ssl.SSLContext:
        file = folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(file)
        return made

    return root.public_bytes(serialization.Encoding.PEM), context


async def test_tls_under_a_private_authority(tmp_path: Path) -> None:
    pem, context = _authority()
    async with serving(answering(OK), context(tmp_path)) as (server, url):
        async with client(ca_bundle=pem) as http:
            target = http.target("POST", url, [("authorization", "Bearer k")])
            response = await http.send(target, b"{}", headers=[("x-a", "1")])
            assert (response.status, await body_of(response)) == (200, b"hello")
        assert b"authorization: bearer k" in server.requests[0].lower()
        assert b"x-a: 1\r\n" in server.requests[0].lower()
        async with client() as http:
            with pytest.raises(UpstreamUnreachable, match="certificate"):
                await http.send(http.target("GET", url))


async def test_a_name_that_nobody_has_is_said_to_be_unknown() -> None:
    async with client() as http:
        with pytest.raises(UpstreamUnreachable) as raised:
            await http.send(http.target("GET", "http://nohost.invalid:4100/"))
    with pytest.raises(socket.gaierror) as told:
        socket.getaddrinfo("nohost.invalid", 4100)
    assert raised.value.message == f"cannot connect to nohost.invalid:4100: {told.value.strerror}"


@asynccontextmanager
async def _no_tls(answer: bytes) -> AsyncIterator[str]:
    """An https address whose server says this to whatever comes, then waits."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        while await reader.read(1000):
            pass
        writer.close()

    listener = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    finally:
        listener.close()


async def test_plain_http_where_tls_was_expected_is_named() -> None:
    async with _no_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url, client() as http:
        with pytest.raises(UpstreamUnreachable, match="speaks no TLS; its address may have to begin with http://"):
            await http.send(http.target("GET", url))


async def test_timeouts_over_tls_say_what_was_waited_for(tmp_path: Path) -> None:
    async with _no_tls(b"") as url, client() as http:
        with pytest.raises(UpstreamTimeout, match=r"no connection within 0\.3 s"):
            await http.send(http.target("GET", url), timeouts=Timeouts(connect_s=0.3))
    pem, context = _authority()
    async with serving(answering(), context(tmp_path)) as (_, url), client(ca_bundle=pem) as http:
        with pytest.raises(UpstreamTimeout, match=r"no complete answer within 0\.5 s"):
            await http.send(http.target("GET", url), timeouts=Timeouts(whole_s=0.5))


async def test_tls_answers_that_break_or_stall_are_errors(tmp_path: Path) -> None:
    pem, context = _authority()
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"
    async with client(ca_bundle=pem) as http:
        async with serving(answering(cut, then_close=True), context(tmp_path)) as (_, url):
            with pytest.raises(UpstreamCut):
                await body_of(await http.send(http.target("GET", url)))
        async with serving(answering(cut), context(tmp_path)) as (_, url):
            response = await http.send(http.target("GET", url), timeouts=QUICK)
            assert await response.read_chunk() == b"hello"
            with pytest.raises(UpstreamTimeout, match="next bytes"):
                await response.read_chunk()
            response.close()
        async with serving(answering(), context(tmp_path)) as (_, url):
            with pytest.raises(UpstreamTimeout, match="first byte"):
                await http.send(http.target("GET", url), timeouts=QUICK)
        with pytest.raises(UpstreamUnreachable, match="cannot connect"):
            await http.send(http.target("GET", url), timeouts=QUICK)


async def test_a_proxy_carries_what_is_not_loopback() -> None:
    async with serving(answering(OK)) as (server, url):
        proxy = url.removesuffix("/v1/x").replace("localhost", "127.0.0.1")
        async with client(proxy=proxy) as http:
            assert await body_of(await http.send(http.target("GET", "http://model.example/v1/models"))) == b"hello"
            assert server.requests[0].startswith(b"GET http://model.example/v1/models HTTP/1.1")
            assert await body_of(await http.send(http.target("GET", url))) == b"hello"
            assert server.requests[1].startswith(b"GET /v1/x HTTP/1.1")


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "localhost:8000/v1", "http://a b/", "http://x:99999/"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not an http:// or https:// address"):
        Target("GET", url)


def test_a_header_cannot_smuggle_another_one() -> None:
    with pytest.raises(ConfigError, match="line break"):
        Target("GET", "http://x/", [("authorization", "Bearer a\r\nx-evil: 1")])
    for value in ("a\r\nx-evil: 1", "a\x01", "a\x7f"):
        with pytest.raises(MalformedRequest, match="control character"):
            Target("POST", "http://x/").request(b"", [("anthropic-beta", value)])


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("gpu1", False)],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
