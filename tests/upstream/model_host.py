"""A package index, a file server, a model hub and an HTTP proxy in one, which misbehaves as it is told."""

import base64
import hashlib
import io
import json
import random
import re
import socket
import ssl
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from ecotone.upstream.fetch import FetchSettings
from ecotone.upstream.sources import Source, parse_source
from ecotone.upstream.store import ModelStore

STALL_MAX_S = 60


@dataclass(frozen=True)
class Fault:
    """What happens to one request. `after` bytes of the body are sent, then the connection closes or waits."""

    after: int | None = None
    stall: bool = False
    status: int | None = None
    location: str | None = None
    ignore_range: bool = False
    body: bytes | None = None
    claim: int | None = None
    shift: int = 0


@dataclass
class File:
    body: bytes
    content_type: str = "application/octet-stream"
    etag: str | None = '"one"'
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]


def wheel(name: str, version: str, members: dict[str, bytes], tags: str = "py3-none-any") -> tuple[str, bytes]:
    """File name and bytes of a wheel."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in members.items():
            archive.writestr(path, body)
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n")
    return f"{name}-{version}-{tags}.whl", buffer.getvalue()


class ModelHost:
    """Serves `files` by path until closed; `faults` are used up one a request, GETs without suffix ranges only."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.seen: list[Seen] = []
        self.go_on = threading.Event()
        self.basic: str | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"host": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "ModelHost":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def use_tls(self, context: ssl.SSLContext) -> None:
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def require_basic(self, user: str, password: str) -> None:
        self.basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}"

    @property
    def index(self) -> str:
        return f"{self.url}/simple"

    def package(
        self,
        name: str,
        *wheels: tuple[str, bytes],
        yanked: tuple[str, ...] = (),
        as_json: bool = False,
        hashes: bool = True,
        wrong_hash: bool = False,
    ) -> None:
        """List wheels of a package in the index and serve them under /files/."""
        rows = []
        for file_name, body in wheels:
            self.files[f"/files/{file_name}"] = File(body)
            digest = "0" * 64 if wrong_hash else hashlib.sha256(body).hexdigest()
            rows.append((file_name, digest, file_name in yanked))
        if as_json:
            files = [
                {
                    "filename": file_name,
                    "url": f"../../files/{file_name}",
                    "hashes": {"sha256": digest} if hashes else {},
                    "yanked": "it is broken" if withdrawn else False,
                    "requires-python": ">=3.8",
                }
                for file_name, digest, withdrawn in rows
            ]
            page = json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files}).encode()
            kind = "application/vnd.pypi.simple.v1+json"
        else:
            links = []
            for file_name, digest, withdrawn in rows:
                fragment = f"#sha256={digest}" if hashes else ""
                yanked_mark = ' data-yanked=""' if withdrawn else ""
                links.append(f'<a href="../../files/{file_name}{fragment}"{yanked_mark}>{file_name}</a><br/>\n')
            page = "".join(links).encode()
            page = b"<!DOCTYPE html><html><body>" + page + b"</body></html>"
            kind = "text/html"
        self.files[f"/simple/{name}/"] = File(page, kind)

    def fetched(self, path: str) -> list[str | None]:
        """The Range header of each GET of a path, in order, without the looks at the end of a wheel."""
        ranges = [seen.headers.get("range") for seen in self.seen if seen.path == path and seen.method == "GET"]
        return [found for found in ranges if not (found or "").startswith("bytes=-")]


class _Handler(BaseHTTPRequestHandler):
    host: ModelHost
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        return None

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_CONNECT(self) -> None:
        """Tunnel to where the client wants, until either side ends."""
        self.close_connection = True
        self.host.seen.append(Seen("CONNECT", self.path, {k.lower(): v for k, v in self.headers.items()}))
        name, _, port = self.path.partition(":")
        with socket.create_connection((name, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_relay, args=(server, self.connection))
            back.start()
            _relay(self.connection, server)
            back.join()

    def _answer(self) -> None:
        self.close_connection = True
        path = re.sub(r"^http://[^/]+", "", self.path)
        self.host.seen.append(Seen(self.command, path, {name.lower(): value for name, value in self.headers.items()}))
        if self.host.basic is not None and self.headers.get("Authorization") != self.host.basic:
            return self._plain(401)
        suffix_range = self.headers.get("Range", "").startswith("bytes=-")
        queue = self.host.faults[path]
        fault = queue.popleft() if queue and self.command == "GET" and not suffix_range else Fault()
        if fault.status is not None:
            return self._plain(fault.status, {"Location": fault.location} if fault.location else {})
        file = self.host.files.get(path)
        return self._plain(404) if file is None else self._send(file, fault)

    def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, file: File, fault: Fault) -> None:
        body = file.body if fault.body is None else fault.body
        first, last = 0, len(body) - 1
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range") in (None, file.etag)
        if asked and file.ranges and unchanged and not fault.ignore_range:
            first = int(asked[1]) + fault.shift if asked[1] else max(0, len(body) - int(asked[2]))
            if first > last:
                return self._plain(416, {"Content-Range": f"bytes */{len(body)}"})
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        else:
            self.send_response(int(file.headers.get(":status", "200")))
        piece = body[first:]
        self.send_header("Content-Type", file.content_type)
        self.send_header("Content-Length", str(len(piece) if fault.claim is None else fault.claim))
        if file.etag is not None:
            self.send_header("ETag", file.etag)
        for name, value in file.headers.items():
            if not name.startswith(":"):
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return None
        with suppress(ConnectionError):  # the client may hang up when it has seen enough
            self.wfile.write(piece[: fault.after])
            if fault.stall:
                self.wfile.flush()
                self.host.go_on.wait(STALL_MAX_S)
                self.wfile.write(piece[fault.after :])
        return None


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


MODEL = random.Random(1).randbytes(3_000_000)
MODEL_SHA256 = hashlib.sha256(MODEL).hexdigest()
WHEEL = wheel("my_model", "1.0", {"my_model/__init__.py": b"", "my_model/model.gguf": MODEL})
WHEEL_PATH = f"/files/{WHEEL[0]}"
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def source(text: str = "pypi:my-model/model.gguf") -> Source:
    return parse_source(text, Path("/"))


def store_for(
    host: ModelHost,
    models_dir: Path,
    *,
    check: Callable[[Path], None] | None = None,
    free_bytes: Callable[[Path], int] = lambda folder: 10**12,
) -> ModelStore:
    """A store that asks only this host and does not wait between tries."""
    settings = FetchSettings(
        indexes=(host.index,), hf_endpoint=host.url, silence_max_s=10, attempts_max=2, retry_wait_s=0
    )
    return ModelStore(models_dir, settings, check=check, now=lambda: NOON, free_bytes=free_bytes)


def visible(models_dir: Path) -> list[str]:
    """Names of the finished models in a store."""
    return [path.name for path in models_dir.iterdir() if not path.name.startswith(".")] if models_dir.exists() else []


def partial_bytes(models_dir: Path, file_name: str) -> int:
    """What has been fetched of a file so far."""
    return sum(path.stat().st_size for path in models_dir.glob(f".partial/*/{file_name}"))
