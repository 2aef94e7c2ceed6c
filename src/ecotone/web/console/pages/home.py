"""The first page: what runs, what it did, what left the house, and what to do next."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecotone.gateway.standing import EndpointStanding, Standing
from ecotone.gateway.traffic import EndpointTraffic, Traffic
from ecotone.web.console.pages.models import address_of
from ecotone.web.console.rendering import control_of, render
from ecotone.web.control.status import Status, StatusWatch

_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
_STATES = {
    "ready": ("ready", "good"),
    "answering": ("answering", "good"),
    "loading": ("loading", "accent"),
    "asleep": ("asleep", ""),
    "resting": ("failed lately", "warn"),
    "failed": ("failed", "bad"),
    "unavailable": ("not available", "warn"),
}


class Row(msgspec.Struct, frozen=True):
    """One endpoint in the table of what runs. `page` is its model's."""

    standing: EndpointStanding
    traffic: EndpointTraffic | None
    state: str
    chip: str
    page: str


class Part(msgspec.Struct, frozen=True):
    """One part of a bar: `kind` is its look, `begins` and `takes` are percent of the bar's length."""

    label: str
    kind: str
    requests: int
    begins: float
    takes: float


async def page(request: Request) -> Response:
    return render(request, "home.html", **_told(await control_of(request).once(StatusWatch).status()))


async def live(request: Request) -> Response:
    """The part of the page that changes by itself."""
    return render(request, "home_live.html", **_told(await control_of(request).once(StatusWatch).status()))


def _told(status: Status) -> dict[str, Any]:
    traffic, standing = status.traffic, status.standing
    total = traffic.total
    by_endpoint = {one.endpoint: one for one in traffic.endpoints}
    return {
        "gateway": status,
        "percent": percent,
        "headline": headline(standing),
        "aside": aside(traffic),
        "rows": [_row(one, by_endpoint.get(one.id)) for one in standing.endpoints],
        "went": _parts(
            ("in this gateway", "embedded", _at(traffic, "embedded")),
            ("on your machines", "own", _at(traffic, "self-hosted")),
            ("left the house", "left", _at(traffic, "vendor")),
        ),
        "weights": _parts(
            ("open", "open", total.house.open + total.left.open),
            ("closed", "closed", total.house.closed + total.left.closed),
            ("not known", "unknown", total.house.unknown + total.left.unknown),
        ),
        "left": [one for one in traffic.endpoints if not one.whereabouts.in_house],
        "busy": [minute for minute in reversed(traffic.minutes) if minute.tally.requests],
        "sent": total.house.requests + total.left.requests,
    }


def _row(standing: EndpointStanding, traffic: EndpointTraffic | None) -> Row:
    state, chip = _STATES[standing.state]
    return Row(standing, traffic, state, chip, address_of(standing.model))


def _at(traffic: Traffic, hosting: str) -> int:
    return sum(one.tally.requests for one in traffic.endpoints if one.whereabouts.hosting == hosting)


def _parts(*counts: tuple[str, str, int]) -> list[Part]:
    total = sum(count for *_, count in counts) or 1
    parts, before = [], 0
    for label, kind, count in counts:
        parts.append(Part(label, kind, count, 100 * before / total, 100 * count / total))
        before += count
    return parts


def headline(standing: Standing) -> str:
    """How many models can answer, as a sentence."""
    models = {endpoint.model for endpoint in standing.endpoints}
    able = {endpoint.model for endpoint in standing.endpoints if endpoint.can_answer}
    if not able:
        return "Vendors’ models can answer." if standing.vendors else "Nothing can answer yet."
    if len(able) == len(models):
        return "One model can answer." if len(able) == 1 else f"{_word(len(able))} models can answer."
    return f"{_word(len(able))} of {_word(len(models)).lower()} models can answer."


def aside(traffic: Traffic) -> str:
    """What the last hour was like, as a sentence that follows."""
    total = traffic.total
    if not total.requests:
        return "Nobody has asked anything in the last hour."
    if not total.left.requests:
        return "Nothing left the house in the last hour."
    if not total.house.requests:
        return "All that was asked in the last hour left the house."
    share = 100 * total.left.requests / (total.left.requests + total.house.requests)
    return f"Of what was asked in the last hour, {percent(share)} left the house."


def percent(share: float) -> str:
    """A share of 100; what is some is never nothing, and what is not all is never all."""
    said = "less than 1" if 0 < share < 1 else "over 99" if 99 < share < 100 else f"{share:.0f}"
    return f"{said}\u202f%"


def _word(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


ROUTES = (Route("/", page), Route("/home/live", live))
