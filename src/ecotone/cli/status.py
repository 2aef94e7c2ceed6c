"""`ecotone status`: what runs in the gateway and how it is, and what left the house."""

import msgspec

from ecotone.cli.controlling import control_client
from ecotone.cli.output import print_json, print_table, say
from ecotone.gateway.traffic import EndpointTraffic
from ecotone.values.sizes import in_bytes
from ecotone.web.control.status import Status

_PLACES = {"embedded": "in this gateway", "self-hosted": "on your machines", "vendor": "leaves the house"}


def run(as_json: bool) -> None:
    with control_client() as control:
        answer = control.ask("GET", "/status")
    if as_json:
        print_json(answer)
        return
    status = msgspec.convert(answer, type=Status)
    _print_endpoints(status)
    _tell_hour(status)
    refused = status.standing.refused_config
    if refused is not None:
        say(f"the config file is not what is in force, since {refused.since:%Y-%m-%d %H:%M} UTC: {refused.why}")
    for problem in (status.standing.problem, status.standing.log_problem):
        if problem is not None:
            say(problem)
    for step in status.next:
        say(f"next: {step.title} ({step.command})")


def _print_endpoints(status: Status) -> None:
    traffic = {one.endpoint: one for one in status.traffic.endpoints}
    print_table(
        ("MODEL", "STATE", "WEIGHTS", "WHERE", "REQUESTS/H", "TOKENS/S", "MEMORY"),
        (
            (
                one.model,
                one.state,
                one.weights or "unknown",
                _PLACES[one.hosting],
                *_asked(traffic.get(one.id)),
                "-" if one.memory_bytes is None else in_bytes(one.memory_bytes),
            )
            for one in status.standing.endpoints
        ),
    )


def _asked(traffic: EndpointTraffic | None) -> tuple[str, str]:
    if traffic is None:
        return "0", "-"
    speed = traffic.tokens_per_s
    return str(traffic.tally.requests), "-" if speed is None else f"{speed:.1f}"


def _tell_hour(status: Status) -> None:
    total = status.traffic.total
    requests = "1 request" if total.requests == 1 else f"{total.requests} requests"
    say(
        f"last hour: {requests}; {total.house.requests} stayed in the house,"
        f" {total.left.requests} left it, {total.kept_back} kept back by rules, {total.failed} failed"
    )
