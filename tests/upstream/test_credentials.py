"""Proofs that are made anew: Google's tokens from a real exchange, AWS's signatures beside botocore's own."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ecotone.upstream.aws_auth import AwsSigner
from ecotone.upstream.event_stream import EventStreamResponse
from ecotone.upstream.google_auth import SCOPE, GoogleTokens
from ecotone.upstream.http import HttpClient
from ecotone.values.errors import UpstreamCredentials, UpstreamCut, UpstreamMalformed
from tests.aws_frames import frame

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TokenServer:
    """Google's token endpoint: checks the assertion's signature and gives tokens, each with its number."""

    def __init__(self) -> None:
        self.url = ""
        self.claims: list[dict[str, Any]] = []
        self.lifetime_s = 3600
        self.refuses = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        form = parse_qs((await reader.readexactly(length)).decode())
        signed, _, signature = form["assertion"][0].rpartition(".")
        KEY.public_key().verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        self.claims.append(json.loads(decoded(signed.split(".")[1])))
        token = {"access_token": f"token-{len(self.claims)}", "expires_in": self.lifetime_s, "token_type": "Bearer"}
        body = json.dumps({"error": "invalid_grant"} if self.refuses else token).encode()
        status = b"400 Bad Request" if self.refuses else b"200 OK"
        head_out = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\nconnection: close\r\n" % status
        writer.write(head_out + b"content-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def google(folder: Path) -> AsyncIterator[tuple[TokenServer, GoogleTokens]]:
    server = TokenServer()
    listener = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/token"
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "key.json"
    account = {"type": "service_account", "client_email": "a@p1.example", "token_uri": server.url}
    file.write_text(json.dumps({**account, "private_key": private.decode(), "private_key_id": "1"}))
    http = HttpClient()
    try:
        yield server, GoogleTokens(http, file)
    finally:
        await http.close()
        listener.close()
        await listener.wait_closed()


async def test_a_service_accounts_token_is_got_once_and_kept(tmp_path: Path) -> None:
    async with google(tmp_path) as (server, tokens):
        several = await asyncio.gather(*(tokens.headers("POST", "https://x", b"") for _ in range(5)))
        assert set(several) == {(("authorization", "Bearer token-1"),)}
        assert [claim["scope"] for claim in server.claims] == [SCOPE]
        assert server.claims[0]["iss"] == "a@p1.example"


async def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    async with google(tmp_path) as (server, tokens):
        server.lifetime_s = 60  # within the minutes in which the library calls a token stale
        assert await tokens.headers("POST", "https://x", b"") == (("authorization", "Bearer token-1"),)
        assert await tokens.headers("POST", "https://x", b"") == (("authorization", "Bearer token-2"),)


async def test_a_token_that_cannot_be_had_is_said_without_secrets(tmp_path: Path) -> None:
    async with google(tmp_path) as (server, tokens):
        server.refuses = True
        with pytest.raises(UpstreamCredentials, match=r"No token could be had from Google \(RefreshError\)") as raised:
            await tokens.headers("POST", "https://x", b"")
        assert "PRIVATE KEY" not in raised.value.message


async def test_a_key_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    http = HttpClient()
    with pytest.raises(UpstreamCredentials, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await GoogleTokens(http, tmp_path / "none.json").headers("POST", "https://x", b"")
    await http.close()


URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-opus-5-v1:0/invoke"
AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


@pytest.mark.parametrize("token", [None, "session-1"])
async def test_a_request_is_signed_as_botocore_signs_it(token: str | None) -> None:
    environment = {**AWS, **({"AWS_SESSION_TOKEN": token} if token else {})}
    headers = dict(await AwsSigner("eu-west-1", environment).headers("POST", URL, b'{"a":1}'))
    assert headers.get("x-amz-security-token") == token

    signed = "content-type;host;x-amz-date" + (";x-amz-security-token" if token else "")
    assert f"SignedHeaders={signed}, " in headers["authorization"]
    # The parts of the signature one by one, for the request as it goes out, with the time at which it was made.
    credentials = botocore.credentials.Credentials(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"], token)
    auth = botocore.auth.SigV4Auth(credentials, "bedrock", "eu-west-1")
    out = {"host": urlsplit(URL).netloc, "content-type": "application/json", "x-amz-date": headers["x-amz-date"]}
    if token:
        out["x-amz-security-token"] = token
    request = botocore.awsrequest.AWSRequest("POST", URL, headers=out, data=b'{"a":1}')
    request.context["timestamp"] = headers["x-amz-date"]
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert (
        f"Credential=AKIDEXAMPLE/{headers['x-amz-date'][:8]}/eu-west-1/bedrock/aws4_request" in headers["authorization"]
    )


async def test_every_request_has_its_own_signature() -> None:
    signer = AwsSigner("eu-west-1", AWS)
    one, other = [dict(await signer.headers("POST", URL, body))["authorization"] for body in (b"1", b"2")]
    assert one.split("Signature=")[1] != other.split("Signature=")[1]


async def test_aws_without_credentials_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(UpstreamCredentials, match=r"No AWS credentials were found\. Set AWS_ACCESS_KEY_ID"):
        await AwsSigner("eu-west-1", {}).headers("POST", URL, b"")


class Arriving:
    """An answer that arrives in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.status = 200
        self.closed = False
        self._pieces = list(pieces)

    def header(self, name: str) -> str | None:
        return {"content-type": "application/vnd.amazon.eventstream", "x-a": "1"}.get(name)

    async def read_chunk(self) -> bytes | None:
        return self._pieces.pop(0) if self._pieces else None

    def close(self) -> None:
        self.closed = True


def chunk(event: dict[str, Any], **padding: str) -> bytes:
    data = base64.b64encode(json.dumps(event).encode()).decode()
    payload = json.dumps({"bytes": data, **padding}).encode()
    return frame({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, payload)


async def read_all(response: EventStreamResponse) -> bytes:
    read = b""
    while (piece := await response.read_chunk()) is not None:
        assert piece
        read += piece
    return read


async def test_bedrocks_chunks_become_the_events_of_anthropics_wire() -> None:
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "1"}}, {"type": "message_stop"}]
    data = (
        chunk(events[0], p="abc") + frame({":event-type": "later", ":message-type": "event"}, b"{}") + chunk(events[1])
    )
    response = EventStreamResponse(Arriving(*(data[at : at + 50] for at in range(0, len(data), 50))))
    assert response.header("content-type") == "text/event-stream"
    assert response.header("x-a") == "1"
    assert await read_all(response) == (
        b'event: message_start\ndata: {"type": "message_start", "message": {"id": "1"}}\n\n'
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
    )


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("validationException", "invalid_request_error"),
        ("throttlingException", "rate_limit_error"),
        ("modelTimeoutException", "timeout_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("internalServerException", "api_error"),
        ("modelStreamErrorException", "api_error"),
    ],
)
async def test_an_exception_in_the_stream_is_an_error_of_anthropics_wire(exception: str, kind: str) -> None:
    data = frame({":message-type": "exception", ":exception-type": exception}, b'{"message":"Too many"}')
    said = await read_all(EventStreamResponse(Arriving(data)))
    name, payload, *rest = said.split(b"\n")
    assert (name, rest) == (b"event: error", [b"", b""])
    assert json.loads(payload.removeprefix(b"data: ")) == {
        "type": "error",
        "error": {"type": kind, "message": "Too many"},
    }


async def test_a_stream_that_breaks_off_or_cannot_be_read_is_an_error() -> None:
    whole = chunk({"type": "ping"})
    cut = Arriving(whole + whole[:-3])
    with pytest.raises(UpstreamCut):
        await read_all(EventStreamResponse(cut))
    assert cut.closed
    for payload in (b"", b"{}", b'{"bytes":"!"}', b'{"bytes":"e30="}'):
        data = frame({":event-type": "chunk", ":message-type": "event"}, payload)
        with pytest.raises(UpstreamMalformed):
            await read_all(EventStreamResponse(Arriving(data)))
