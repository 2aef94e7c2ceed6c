"""A vendor's own address, https and all, with a fake behind it: what is asked of it goes through a proxy to the fake.

So a config can be tried as it stands, with the provider's address and what its terms say.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.vendors import FakeVendor

_CHUNK_BYTES = 64 * 1024


@asynccontextmanager
async def vendor_at(host: str, fake: FakeVendor, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment in which a gateway finds `fake` at `https://HOST`, and no other host at all."""
    trusted, own = _certificates(host, folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _joined(reader, writer, fake.port)

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(f"CONNECT {host}:443 ".encode()):
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await _joined(reader, writer, secure.sockets[0].getsockname()[1])

    async with AsyncExitStack() as stack:
        secure = await stack.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
        proxy = await stack.enter_async_context(await asyncio.start_server(tunnel, "127.0.0.1", 0))
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}",
            "SSL_CERT_FILE": str(trusted),
            "NO_PROXY": "",
        }


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes between a connection and a port until either side has no more."""
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        tasks = [
            asyncio.ensure_future(_carried(reader, far_writer)),
            asyncio.ensure_future(_carried(far_reader, writer)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        far_writer.close()
    finally:
        writer.close()


async def _carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


def _certificates(host: str, folder: Path) -> tuple[Path, Path]:
    """Files with an authority's certificate, and with a key and a certificate for `host` that it signed."""
    authority, its_key = _signed("A test's authority", None)
    server, key = _signed(host, (authority, its_key))
    trusted, own = folder / "authority.pem", folder / "vendor.pem"
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    own.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + server.public_bytes(serialization.Encoding.PEM)
    )
    return trusted, own


def _signed(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key
