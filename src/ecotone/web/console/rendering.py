"""Templates, and what every page knows."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ecotone import __version__
from ecotone.gateway.sessions import Session
from ecotone.values.errors import BodyTooLarge
from ecotone.web.control.control import Control

HERE = Path(__file__).parent
STATIC = HERE / "static"
_FORM_BYTES_MAX = 64 * 1024


class NavItem(msgspec.Struct, frozen=True):
    """A page in the navigation: where it is, what it is called, its icon, and the key that leads there after `g`."""

    path: str
    title: str
    icon: str
    key: str


NAV = (
    NavItem("/console/", "Home", "home", "h"),
    NavItem("/console/chat", "Chat", "chat", "c"),
    NavItem("/console/compare", "Compare", "compare", "v"),
    NavItem("/console/advise", "Open or closed?", "advise", "o"),
    NavItem("/console/models", "Models", "models", "m"),
    NavItem("/console/evaluations", "Evaluations", "evaluations", "e"),
    NavItem("/console/rules", "Rules", "rules", "r"),
    NavItem("/console/connect", "Connect", "connect", "k"),
)


def control_of(request: Request) -> Control:
    """The control plane of the gateway that this page belongs to."""
    return cast("Control", request.app.state.control)


def session_of(request: Request) -> Session:
    """Who is signed in. Every page but the one to sign in has somebody."""
    return cast("Session", request.state.session)


def render(request: Request, template: str, /, *, status: int = 200, **context: Any) -> Response:
    """A page, or a part of one, of this template."""
    text = (
        _templates()
        .get_template(template)
        .render(
            nav=NAV,
            path=request.url.path,
            session=getattr(request.state, "session", None),
            version=__version__,
            address=str(request.base_url).rstrip("/"),
            **context,
        )
    )
    return HTMLResponse(text, status_code=status, headers={"cache-control": "no-store"})


def compile_templates() -> None:
    """Do now what the first page of each kind would wait for."""
    for name in _templates().list_templates():
        _templates().get_template(name)


async def form_of(request: Request, bytes_max: int = _FORM_BYTES_MAX) -> Mapping[str, str]:
    """The fields of a posted form, the last of each name. Raises BodyTooLarge."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            raise BodyTooLarge("The form is too long; send less.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def static(path: str) -> str:
    """The address of a static file, which changes with what is in it."""
    return f"/console/static/{path}?v={_digest(path)}"


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = static
    made.filters.update(thousands=thousands, seconds=seconds, bytes=in_bytes, dollars=dollars)
    return made


@cache
def _digest(path: str) -> str:
    return sha256((STATIC / path).read_bytes()).hexdigest()[:12]


# --- numbers as people read them; None is an em dash


def thousands(value: float | None) -> str:
    """A count, with spaces between thousands kept together."""
    return "—" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def seconds(value: float | None) -> str:
    """A time, in milliseconds below one second."""
    if value is None:
        return "—"
    if value < 1:
        return f"{value * 1000:.0f}\u202fms"
    return f"{value:.1f}\u202fs" if value < 100 else f"{value:.0f}\u202fs"


def in_bytes(value: float | None) -> str:
    """A size, in powers of 1,000."""
    if value is None:
        return "—"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f}\u202f{unit}" if value >= 10 or unit == "B" else f"{value:.1f}\u202f{unit}"
        value /= 1000
    return f"{value:.1f}\u202fTB"


def dollars(value: Decimal | None) -> str:
    """US dollars, with as many digits as tell something."""
    if value is None:
        return "—"
    if value == 0:
        return "$0"
    if value < Decimal("0.000001"):
        return "under $0.000001"
    if value < Decimal("0.01"):
        return f"${value:.2g}" if value >= Decimal("0.0001") else f"${value:.6f}".rstrip("0")
    return f"${value:,.2f}"
