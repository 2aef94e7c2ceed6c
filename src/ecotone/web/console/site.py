"""The console and the control plane behind one door: who is let in, and what leads where."""

import mimetypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecotone.gateway.sessions import SESSION_PREFIX, SESSION_VALID, Session, Sessions
from ecotone.values.errors import EcotoneError, Forbidden, NotFound, Unauthenticated
from ecotone.web.console.pages import ROUTES
from ecotone.web.console.rendering import STATIC, form_of, render
from ecotone.web.control.api import PREFIX, describe, error_response
from ecotone.web.control.control import Control
from ecotone.web.control.subjects import SUBJECTS
from ecotone.web.door import Door, read_headers

HOME = "/console/"
SIGN_IN = "/console/sign-in"
_CSRF = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PROTECTION = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
]


class Site:
    """An ASGI application for all paths under /console/ and /control/.

    A session's token is a cookie, and then whatever changes something must carry the session's CSRF token; or it is
    shown as a bearer token, which no page of another site can send. It is good at the host alone where it was given.
    """

    def __init__(self, control: Control, sessions: Sessions, door: Callable[[], Door]) -> None:
        """`door` gives the rules in force for `Host` and `Origin`."""
        self._sessions = sessions
        self._door = door
        described = describe(SUBJECTS)
        calls = [call.route() for group in SUBJECTS.values() for call in group]
        routes: list[BaseRoute] = [
            Route(f"{PREFIX}/openapi.json", lambda _: JSONResponse(described)),
            *calls,
            Route(SIGN_IN, self._sign_in, methods=["GET", "POST"]),
            Route("/console/sign-out", self._sign_out, methods=["POST"]),
            Route("/console", lambda _: RedirectResponse(HOME, 307)),
            Route("/console/static/{name:path}", _Static(STATIC).serve),
            Mount("/console", routes=list(ROUTES)),
        ]
        self._inner = Starlette(
            routes=routes, exception_handlers={HTTPException: _not_there, EcotoneError: _failed, Exception: _fault}
        )
        self._inner.state.control = control
        self._inner.state.described = described
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            answer: ASGIApp = await self._admitted(request)
        except EcotoneError as error:
            answer = _refusal(request, error)
        with suppress(ClientDisconnect):  # one who left in the middle of a request is told nothing
            await answer(scope, receive, _protected(send))

    async def _admitted(self, request: Request) -> ASGIApp:
        """Who answers this request. Raises Forbidden and Unauthenticated."""
        headers = read_headers(request.scope["headers"])
        path = request.url.path
        page = not path.startswith(PREFIX)
        # A link that somebody was sent leads here from another site. It changes nothing, and its page cannot be read.
        followed = page and request.method in _SAFE and headers.sent.get(b"sec-fetch-mode") == b"navigate"
        self._door().check_page(headers, followed_link=followed)
        if path.startswith("/console/static/") or path == SIGN_IN:
            request.state.session = self._session(request)[0]
            return self._inner
        session, by_cookie = self._session(request)
        if session is None:
            if page and not _of_page(request):
                return RedirectResponse(f"{SIGN_IN}?next={quote(_target(request))}", 303)
            raise Unauthenticated(
                "Sign in first: `ecotone console` prints a link. Programs send 'authorization: Bearer ecs_...'."
            )
        if by_cookie and request.method not in _SAFE and request.headers.get(_CSRF) != session.csrf:
            raise Forbidden("This did not come from a page of the console. Load the page again, and try once more.")
        request.state.session = session
        return self._inner

    def _session(self, request: Request) -> tuple[Session | None, bool]:
        """Who is signed in, and whether a cookie says so."""
        host = request.headers.get("host", "")
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and shown.startswith(SESSION_PREFIX):
            return self._sessions.find(shown, host, self._control.now()), False
        kept = request.cookies.get(_cookie(host))
        return (None if kept is None else self._sessions.find(kept, host, self._control.now())), True

    async def _sign_in(self, request: Request) -> Response:
        """An invitation, in a link or typed into the form, becomes a session."""
        said = dict(request.query_params) if request.method == "GET" else await form_of(request)
        target = _local(said.get("next"))
        invitation = said.get("token", "").strip()
        if not invitation:
            if request.state.session is not None:
                return RedirectResponse(target, 303)
            return render(request, "sign_in.html", target=target, refused=False)
        host = request.headers.get("host", "")
        token = self._sessions.sign_in(_bare(invitation), host, self._control.now())
        if token is None:
            if request.state.session is not None:
                return RedirectResponse(target, 303)
            return render(request, "sign_in.html", status=403, target=target, refused=True)
        response = RedirectResponse(target, 303)
        response.set_cookie(
            _cookie(host),
            token,
            max_age=int(SESSION_VALID.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    async def _sign_out(self, request: Request) -> Response:
        host = request.headers.get("host", "")
        self._sessions.end(request.cookies.get(_cookie(host), ""))
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(_cookie(host))
        return response


class _Static:
    """The static files, read once and kept: there are few, and pages wait for them. What has its version in its
    address, and what others made, may be kept by browsers; the rest is asked for again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[bytes, str, str]] = {}

    async def serve(self, request: Request) -> Response:
        """Raises HTTPException for a file that there is not."""
        name = request.path_params["name"]
        if not self._files:
            self._files = {str(path.relative_to(self._folder)): _read(path) for path in _files_in(self._folder)}
        if name not in self._files:
            raise HTTPException(404)
        body, kind, tag = self._files[name]
        lasts = "v" in request.query_params or name.startswith("vendor/")
        headers = {"etag": tag, "cache-control": "public, max-age=31536000, immutable" if lasts else "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _read(path: Path) -> tuple[bytes, str, str]:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return body, kind, f'"{sha256(body).hexdigest()[:16]}"'


def _cookie(host: str) -> str:
    """Browsers keep cookies by host without its port, where several gateways may serve."""
    return f"ecotone_session_{urlsplit(f'//{host}').port or 80}"


def _bare(invitation: str) -> str:
    """The token, also of somebody who pasted the whole link."""
    return invitation.rpartition("token=")[2]


def _target(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _local(target: str | None) -> str:
    """A path of the console; whatever else it may be, home."""
    if target is None or not target.startswith("/console/") or "\\" in target or not target.isprintable():
        return HOME
    return HOME if ".." in target or target.startswith(SIGN_IN) else target


def _protected(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_PROTECTION]
        await send(message)

    return sending


def _of_page(request: Request) -> bool:
    """Is a part of a page asked for, by the page's own scripts? Then no page is given in its place."""
    return "hx-request" in request.headers


def _refusal(request: Request, error: EcotoneError) -> Response:
    if request.url.path.startswith(PREFIX):
        return error_response(error)
    return Response(error.message, status_code=error.status, media_type="text/plain")


async def _not_there(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 404
    return await _failed(request, NotFound(f"There is nothing at {request.url.path}."), status)


async def _failed(request: Request, problem: Exception, status: int | None = None) -> Response:
    error = problem if isinstance(problem, EcotoneError) else EcotoneError(str(problem))
    if request.url.path.startswith(PREFIX):
        response = error_response(error)
        response.status_code = status or response.status_code
        return response
    if getattr(request.state, "session", None) is None or _of_page(request):
        return Response(error.message, status_code=status or error.status, media_type="text/plain")
    return render(request, "problem.html", status=status or error.status, message=error.message)


async def _fault(request: Request, problem: Exception) -> Response:
    # Starlette raises it again, for the server's log.
    return await _failed(request, EcotoneError("Ecotone failed at this; its log says why."))
