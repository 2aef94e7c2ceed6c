"""Getting bytes over HTTP into files: resumable, checked, interruptible.

This is urllib and not `ecotone.upstream.http`: a pull is blocking work for a terminal or a worker thread, where Ctrl-C
must end a stalled read at once and clean up. pyreqwest's blocking client aborts the process when a signal arrives
during a read; measured with 0.15.1.
"""

import base64
import errno
import hashlib
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Literal, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import truststore

from ecotone.upstream.sources import shown_url, without_password
from ecotone.values.errors import StoreError

CHUNK_BYTES = 1024 * 1024
_WAIT_STEP_S = 0.2
_RETRY_WAIT_MAX_S = 30.0
_TRIES_MAX = 200
_SPACE_RESERVE_BYTES = 64 * 1024 * 1024
_GONE = {404: "is not there (404)", 410: "is gone (410)", 451: "is blocked for legal reasons (451)"}

T = TypeVar("T")
Phase = Literal["waiting", "looking up", "downloading", "unpacking", "checking"]


class Progress(msgspec.Struct, frozen=True):
    """How far a pull is. `what` is the thing worked on, `done` and `total` count its bytes; None where unknown."""

    phase: Phase
    what: str
    done: int = 0
    total: int | None = None


@dataclass(frozen=True)
class FetchSettings:
    """How to reach the places that models come from.

    `indexes` are package indexes (PEP 503 and 691), asked in order, the first that knows a package wins; user and
    password in one are sent to that host only and never shown. `ca_bundle` holds PEM certificates to trust beside the
    system's. `proxy_for(scheme, host)` names a proxy, None for a direct connection. `hf_endpoint` is None for
    huggingface.co. `silence_max_s` bounds connecting and each wait for bytes. `attempts_max` counts tries in a row that
    brought nothing new; the wait between tries starts at `retry_wait_s` and doubles.
    """

    indexes: tuple[str, ...] = field(default=("https://pypi.org/simple",), repr=False)
    ca_bundle: bytes | None = field(default=None, repr=False)
    proxy_for: Callable[[str, str], str | None] = field(default=lambda scheme, host: None, repr=False)
    hf_endpoint: str | None = None
    hf_token: str | None = field(default=None, repr=False)
    silence_max_s: float = 20.0
    attempts_max: int = 4
    retry_wait_s: float = 0.5
    lock_wait_max_s: float = 6 * 3600.0


class Task:
    """One pull as its caller sees it: told about progress, and able to stop it."""

    def __init__(self, progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
        self._progress = progress
        self._cancelled = cancelled

    def tell(self, phase: Phase, what: str, done: int = 0, total: int | None = None) -> None:
        """Report, and raise StoreError if the caller wants to stop."""
        self.raise_if_cancelled()
        self._progress(Progress(phase, what, done, total))

    def raise_if_cancelled(self) -> None:
        if self._cancelled():
            raise StoreError("stopped; pull again to go on from here")

    def pause(self, seconds: float) -> None:
        """Sleep, but not through a request to stop."""
        for _ in range(round(seconds / _WAIT_STEP_S)):
            self.raise_if_cancelled()
            time.sleep(_WAIT_STEP_S)


class RunningHash:
    """SHA-256 of what has been written to a file so far."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def hash_file(path: Path, task: Task, what: str) -> RunningHash:
    """Digest of a whole file, with progress."""
    digest = RunningHash()
    total = path.stat().st_size
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
            task.tell("checking", what, digest.size, total)
    return digest


class _InterruptedError(Exception):
    """A try that failed in a way that another try may not. `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http."""

    max_redirections = 10

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise StoreError(f"{shown_url(req.full_url)} redirects to an address without encryption; refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Dressing(urllib.request.BaseHandler):
    """Adds to each request, redirected ones included, the proxy and the credentials that its host asks for."""

    handler_order = 100

    def __init__(self, settings: FetchSettings, credentials: dict[str, str]) -> None:
        self._settings = settings
        self._credentials = credentials

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        header = self._credentials.get(_origin(request.full_url))
        if header is not None:
            request.add_unredirected_header("Authorization", header)
        proxy = self._settings.proxy_for(request.type, urlsplit(request.full_url).hostname or "")
        if proxy is not None:
            parts = urlsplit(proxy)
            if parts.username is not None:
                request.add_unredirected_header("Proxy-Authorization", _basic(parts.username, parts.password))
            request.set_proxy(parts.netloc.rpartition("@")[2], parts.scheme)
        return request

    https_request = http_request


class Fetcher:
    """HTTP GET for one pull."""

    def __init__(self, settings: FetchSettings, task: Task, free_bytes: Callable[[Path], int]) -> None:
        self.settings = settings
        self.task = task
        self._free_bytes = free_bytes
        self._credentials: dict[str, str] = {}
        for index in settings.indexes:
            self.use_credentials(index)
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca_bundle:
            context.load_verify_locations(cadata=settings.ca_bundle.decode("ascii", "ignore"))
        self._opener = urllib.request.OpenerDirector()
        self._opener.addheaders = [("User-Agent", "ecotone")]
        for handler in (
            _Dressing(settings, self._credentials),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
            _Redirects(),
        ):
            self._opener.add_handler(handler)

    def use_credentials(self, url: str) -> None:
        """Send the URL's own user and password, if it has them, with every request to its host."""
        parts = urlsplit(url)
        if parts.username is not None:
            self._credentials[_origin(url)] = _basic(parts.username, parts.password)

    def use_token(self, url: str, token: str) -> None:
        """Send a bearer token with every request to the URL's host."""
        self._credentials[_origin(url)] = f"Bearer {token}"

    def page(self, url: str, accept: str, size_max: int) -> tuple[str, str, bytes] | None:
        """A small document: its final address, its content type and its bytes. None if there is none (404, 410)."""

        def attempt() -> tuple[str, str, bytes] | None:
            try:
                response = self._open(url, {"Accept": accept})
            except urllib.error.HTTPError as error:
                with error:
                    if error.code in (404, 410):
                        return None
                    raise self._refused(url, error) from None
            with response:
                body = response.read(size_max + 1)
                if len(body) > size_max:
                    raise StoreError(f"{shown_url(url)} is larger than {size_max} bytes; is it the right address?")
                return response.geturl(), response.headers.get_content_type(), body

        return self._persistently(url, attempt)

    def tail(self, url: str, size: int) -> tuple[int, bytes] | None:
        """The whole size of a file and its last `size` bytes (or all). None if the server does not serve ranges."""

        def attempt() -> tuple[int, bytes] | None:
            try:
                response = self._open(url, {"Range": f"bytes=-{size}"})
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 416:
                        return None
                    raise self._refused(url, error) from None
            with response:
                found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
                if response.status != 206 or found is None:
                    return None
                first, last, whole = map(int, found.groups())
                body = response.read(size)
                return (whole, body) if last == whole - 1 and len(body) == whole - first else None

        return self._persistently(url, attempt)

    def require_space(self, folder: Path, size: int, what: str) -> None:
        """Raise StoreError unless `size` more bytes fit on the folder's disk, with some room left."""
        free = self._free_bytes(folder)
        if size + _SPACE_RESERVE_BYTES > free:
            raise StoreError(
                f"{what} needs {in_units(size)} but {folder} has {in_units(free)} free; "
                "make room there or keep the models elsewhere"
            )

    def download(self, url: str, path: Path, *, what: str, sha256: str | None = None) -> RunningHash:
        """Bring the file at `path` to the whole content of the URL, going on from what an earlier try left in it.

        What is there is kept only if the server can confirm that its content is still the same (`If-Range`), or if
        `sha256` will tell. A wrong digest deletes the file and raises StoreError.
        """
        with _Partial(path, trusted=sha256 is not None) as partial:
            self._persistently(url, lambda: self._download_once(url, partial, what), position=lambda: partial.hash.size)
        partial.forget_validator()
        if sha256 is not None and partial.hash.hexdigest() != sha256:
            path.unlink()
            raise StoreError(
                f"{what} from {shown_url(url)} has the sha256 {partial.hash.hexdigest()} where {sha256} is expected. "
                "It was deleted; pull again, and if it stays wrong, do not trust that server"
            )
        return partial.hash

    def _download_once(self, url: str, partial: "_Partial", what: str) -> None:
        self.task.tell("downloading", what, partial.hash.size)
        try:
            response = self._open(url, partial.range_headers())
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 416 or not partial.hash.size:
                    raise self._refused(url, error) from None
                if error.headers.get("Content-Range") != f"bytes */{partial.hash.size}":
                    partial.restart()
                    raise _InterruptedError("the file there is now shorter than what was fetched") from None
                return
        with response:
            asked = f"bytes {partial.hash.size}-"
            if response.status != 206 or not response.headers.get("Content-Range", "").startswith(asked):
                if response.status == 206:
                    partial.restart()
                    raise _InterruptedError("the server answered with another range than asked")
                partial.restart()
            partial.remember_validator(response.headers)
            length = response.headers.get("Content-Length", "")
            total = partial.hash.size + int(length) if length.isdigit() else None
            if total is not None:
                self.require_space(partial.path.parent, total - partial.hash.size, what)
            self._copy(response, partial, total, what)

    def _copy(self, response: http.client.HTTPResponse, partial: "_Partial", total: int | None, what: str) -> None:
        told = partial.hash.size
        self.task.tell("downloading", what, told, total)
        while data := response.read1(CHUNK_BYTES):
            partial.write(data)
            self.task.raise_if_cancelled()
            if partial.hash.size - told >= CHUNK_BYTES:
                told = partial.hash.size
                self.task.tell("downloading", what, told, total)
        if total is not None and partial.hash.size < total:
            raise _InterruptedError(f"the connection broke after {in_units(partial.hash.size)} of {in_units(total)}")
        self.task.tell("downloading", what, partial.hash.size, total)

    def _open(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        request = urllib.request.Request(without_password(url), headers=headers)  # noqa: S310  # only http handlers
        response = self._opener.open(request, timeout=self.settings.silence_max_s)
        if not isinstance(response, http.client.HTTPResponse):
            raise StoreError(f"{shown_url(url)} did not answer over HTTP")
        return response

    def _refused(self, url: str, error: urllib.error.HTTPError) -> Exception:
        """What an HTTP error status means: worth another try, or final."""
        if error.code in (408, 425, 429) or error.code >= 500:
            return _InterruptedError(f"the server answered {error.code} {error.reason}")
        if error.code in (401, 403, 407):
            return StoreError(f"{shown_url(url)} refuses access ({error.code}); give the user and password, or a token")
        if error.code in _GONE:
            return StoreError(f"{shown_url(url)} {_GONE[error.code]}; check the address")
        return StoreError(f"{shown_url(url)} answered {error.code} {error.reason}")

    def _persistently(self, url: str, attempt: Callable[[], T], position: Callable[[], int] = lambda: 0) -> T:
        """The attempt's result; tries again after a failure that may pass, at once forgiving when it moved on."""
        failures = 0
        reason = ""
        for _ in range(_TRIES_MAX):
            self.task.raise_if_cancelled()
            before = position()
            try:
                return attempt()
            except _InterruptedError as error:
                reason = error.reason
            except ssl.SSLCertVerificationError as error:
                raise self._distrusted(url, error) from None
            except urllib.error.URLError as error:
                if isinstance(error.reason, ssl.SSLCertVerificationError):
                    raise self._distrusted(url, error.reason) from None
                reason = _reason(error.reason)
            except (OSError, http.client.HTTPException) as error:
                reason = _reason(error)
            failures = 1 if position() > before else failures + 1
            if failures >= self.settings.attempts_max:
                break
            self.task.pause(min(self.settings.retry_wait_s * 2 ** (failures - 1), _RETRY_WAIT_MAX_S))
        kept = "What was fetched is kept; pull again to go on. " if position() else ""
        raise StoreError(
            f"cannot fetch {shown_url(url)}: {reason}. {kept}"
            "Check the network, the proxy and the address, or use a file that is here with file:/path/to/model.gguf"
        )

    def _distrusted(self, url: str, error: ssl.SSLCertVerificationError) -> StoreError:
        return StoreError(
            f"cannot trust {shown_url(url)}: {error.verify_message}. If your own CA signs it, point "
            "SSL_CERT_FILE at that CA's certificates (PEM)"
        )


class _Partial:
    """A file being fetched: its digest so far, and the validator (RFC 9110, 8.8) of the content it came from."""

    def __init__(self, path: Path, *, trusted: bool) -> None:
        self.path = path
        self.hash = RunningHash()
        self._validator_path = path.with_name(path.name + ".validator")
        self._validator: str | None = None
        with suppress(OSError, UnicodeDecodeError):
            self._validator = self._validator_path.read_text("ascii")
        self._trusted = trusted

    def __enter__(self) -> "_Partial":
        with writing(self.path):
            self._file = self.path.open("r+b" if self.path.exists() else "w+b")
        if self._trusted or self._validator is not None:
            while data := self._file.read(CHUNK_BYTES):
                self.hash.update(data)
        else:
            self._file.truncate()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def range_headers(self) -> dict[str, str]:
        """Headers that ask for what is missing."""
        headers = {"Accept-Encoding": "identity"}
        if self.hash.size:
            headers["Range"] = f"bytes={self.hash.size}-"
            if self._validator is not None:
                headers["If-Range"] = self._validator
        return headers

    def remember_validator(self, headers: Message) -> None:
        """Keep the strong ETag, else the date of the last change, for the next try's If-Range."""
        etag = headers.get("ETag", "")
        self._validator = etag if etag.startswith('"') else headers.get("Last-Modified")
        if self._validator is None:
            self.forget_validator()
        else:
            with writing(self._validator_path):
                self._validator_path.write_text(self._validator, "ascii", "replace")

    def forget_validator(self) -> None:
        self._validator_path.unlink(missing_ok=True)

    def restart(self) -> None:
        """Drop what was fetched."""
        self._file.seek(0)
        self._file.truncate()
        self.hash = RunningHash()
        self._validator = None

    def write(self, data: bytes) -> None:
        with writing(self.path):
            self._file.write(data)
            self._file.flush()
        self.hash.update(data)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the file system says into a StoreError that names the place."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}; {_way_out(error)}") from error


def _way_out(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "let this account write there, or set ECOTONE_HOME to a folder where it may"
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return "make room, or set ECOTONE_HOME to a folder on a larger disk"
    return "set ECOTONE_HOME to another folder"


def in_units(size: int) -> str:
    """A number of bytes for people: 98.4 MB, 2.50 GB (decimal units)."""
    for unit, scale, digits in (("GB", 10**9, 2), ("MB", 10**6, 1), ("kB", 10**3, 1)):
        if size >= scale:
            return f"{size / scale:.{digits}f} {unit}"
    return f"{size} bytes"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _basic(user: str, password: str | None) -> str:
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error) or type(error).__name__
