"""OAuth tokens for Google Cloud, through the library google-auth (the extra `google`)."""

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ecotone.upstream.http import Headers, HttpClient
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import UpstreamCredentials, UpstreamError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
MISSING = "pip install 'ecotone[google]', which brings the library that gets Google's tokens"
_TIMEOUTS = Timeouts(connect_s=10.0, first_byte_s=30.0, between_bytes_s=30.0, whole_s=60.0)
_ANSWER_MAX_BYTES = 1024 * 1024


class GoogleTokens:
    """Proves requests with a token that is got when it is needed and kept until shortly before it ends."""

    def __init__(self, http: HttpClient, key_file: Path | None = None) -> None:
        """`key_file` is what GOOGLE_APPLICATION_CREDENTIALS names. If it is no service account's, the library looks
        where it usually does (that variable, `gcloud auth application-default login`, the metadata server)."""
        self._http = http
        self._key_file = key_file
        self._credentials: Any = None
        self._getting = asyncio.Lock()

    @staticmethod
    def problem() -> str | None:
        """What to do before this can work; None if nothing."""
        return None if _installed() else MISSING

    async def headers(self, method: str, url: str, body: bytes) -> Headers:
        del method, url, body
        if not self._fresh():
            async with self._getting:
                if not self._fresh():
                    await self._refresh()
        return (("authorization", f"Bearer {self._credentials.token}"),)

    def _fresh(self) -> bool:
        return self._credentials is not None and self._credentials.token_state.name == "FRESH"

    async def _refresh(self) -> None:
        exceptions = importlib.import_module("google.auth.exceptions")
        transport = _Transport(self._http, asyncio.get_running_loop())
        try:
            await asyncio.to_thread(self._get, transport)
        except (exceptions.GoogleAuthError, OSError, ValueError) as error:
            if self._credentials is not None and self._credentials.valid:
                return  # the old one still holds for some minutes
            # What the library says may quote the key file; the kind of failure is enough.
            raise UpstreamCredentials(
                f"No token could be had from Google ({type(error).__name__}). Check GOOGLE_APPLICATION_CREDENTIALS, or"
                " run `gcloud auth application-default login` where the gateway runs."
            ) from error

    def _get(self, transport: "_Transport") -> None:
        """Runs in a thread of its own: the library waits."""
        if self._credentials is None:
            self._credentials = self._service_account() or self._usual(transport)
        self._credentials.refresh(transport)

    def _service_account(self) -> Any:
        """The account whose key the file holds; None if it holds none or there is no file."""
        info = msgspec.json.decode(self._key_file.read_bytes()) if self._key_file is not None else None
        if not isinstance(info, dict) or info.get("type") != "service_account":
            return None
        account = importlib.import_module("google.oauth2.service_account")
        return account.Credentials.from_service_account_info(info, scopes=[SCOPE])

    def _usual(self, transport: "_Transport") -> Any:
        credentials, _ = importlib.import_module("google.auth").default(scopes=[SCOPE], request=transport)
        return credentials


class _Answer(msgspec.Struct, frozen=True):
    """What google-auth wants of an answer: google.auth.transport.Response."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Transport:
    """google-auth's requests (google.auth.transport.Request), sent by the one HTTP client."""

    def __init__(self, http: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self._http = http
        self._loop = loop

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: object,
    ) -> _Answer:
        del timeout, more
        data = body.encode() if isinstance(body, str) else body or b""
        sending = asyncio.run_coroutine_threadsafe(self._send(url, method, data, headers or {}), self._loop)
        try:
            return sending.result()
        except UpstreamError as error:
            raise importlib.import_module("google.auth.exceptions").TransportError(error.message) from error

    async def _send(self, url: str, method: str, body: bytes, headers: Mapping[str, str]) -> _Answer:
        lower = [(name.lower(), value) for name, value in headers.items() if name.lower() != "content-length"]
        response = await self._http.send(self._http.target(method, url, lower), body, _TIMEOUTS)
        data = b""
        while len(data) < _ANSWER_MAX_BYTES and (chunk := await response.read_chunk()) is not None:
            data += chunk
        response.close()
        kept = {name: value for name in ("content-type", "metadata-flavor") if (value := response.header(name))}
        return _Answer(response.status, kept, data)


def _installed() -> bool:
    try:
        importlib.import_module("google.auth")
    except ImportError:
        return False
    return True
