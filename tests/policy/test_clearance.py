"""Nothing is sent that the rules have not cleared: what a clearance is for, and what it is not."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ecotone.catalog.clearance import Clearance
from ecotone.catalog.providers import PROVIDERS
from ecotone.policy.clearance import ClearanceMinter
from ecotone.policy.verdict import Spoken, Verdict
from ecotone.upstream.clearance import ClearanceChecker
from ecotone.upstream.endpoints import Call, Post
from ecotone.upstream.http import Headers, HttpClient
from ecotone.upstream.operations import Service
from ecotone.upstream.remote import RemoteEndpoint
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import NotCleared, StaleClearance
from ecotone.wire import WIRES
from tests.adversarial.asks import Ask, made
from tests.adversarial.configs import House, Place
from tests.adversarial.gate import Gate, Sent
from tests.adversarial.replies import Canned, answered

KEY = b"the key of both"
ALLOWED = Verdict(True)
BODY, HEADERS = b'{"model":"m"}', (("anthropic-beta", "context-1m"),)


def checked(
    clearance: Clearance | None, endpoint: str = "m@groq", body: bytes = BODY, headers: Headers = HEADERS
) -> None:
    ClearanceChecker(KEY, epoch=3).check(clearance, endpoint, body, headers)


def minted(key: bytes = KEY, epoch: int = 3) -> Clearance:
    return ClearanceMinter(key).clear(ALLOWED, "m@groq", epoch, BODY, HEADERS)


def test_a_clearance_is_for_what_was_cleared() -> None:
    checked(minted())


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint": "m@groq#2"},
        {"endpoint": "m@openai"},
        {"body": BODY + b" "},
        {"body": b""},
        {"headers": ()},
        {"headers": (("anthropic-beta", "context-2m"),)},
        {"headers": (*HEADERS, ("x", "y"))},
        # Where one ends and the next begins is part of what is cleared.
        {"headers": (("anthropic-betacontext", "-1m"),)},
    ],
)
def test_it_is_for_nothing_else(other: Any) -> None:
    with pytest.raises(NotCleared):
        checked(minted(), **other)


def test_nothing_goes_without_one_or_with_one_of_another_key() -> None:
    for clearance in (None, minted(b"another key"), Clearance("m@groq", 3, b""), Clearance("m@groq", 3, bytes(32))):
        with pytest.raises(NotCleared):
            checked(clearance)


def test_another_endpoints_clearance_does_not_pass_under_this_ones_name() -> None:
    other = ClearanceMinter(KEY).clear(ALLOWED, "m@openai", 3, BODY, HEADERS)
    with pytest.raises(NotCleared):
        checked(Clearance("m@groq", 3, other.mac))


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_a_clearance_of_other_rules_is_stale(epoch: int) -> None:
    with pytest.raises(StaleClearance):
        checked(minted(epoch=epoch))


def test_an_old_clearance_cannot_be_made_to_look_new() -> None:
    with pytest.raises(NotCleared) as raised:
        checked(Clearance("m@groq", 3, minted(epoch=2).mac))
    assert not isinstance(raised.value, StaleClearance)


def test_what_the_rules_deny_gets_none() -> None:
    denied = Verdict(False, (Spoken("r", "deny", "no"),))
    with pytest.raises(ValueError, match="do not allow"):
        ClearanceMinter(KEY).clear(denied, "m@groq", 3, BODY)


# --- at an endpoint


class SlowSigner:
    """Takes its time to prove a request; the rules change meanwhile."""

    def __init__(self, checker: ClearanceChecker) -> None:
        self._checker = checker

    async def headers(self, method: str, url: str, body: bytes) -> Headers:
        del method, url, body
        await asyncio.sleep(0)
        self._checker.epoch += 1
        return (("x-proof", "1"),)


class Watched:
    """A vendor's endpoint whose client keeps what it is given."""

    def __init__(self, *, signed: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.checker = ClearanceChecker(KEY, epoch=1)
        self._http = HttpClient()
        self._http.send = self._send  # type: ignore[method-assign,assignment]  # it only listens
        provider = PROVIDERS["bedrock" if signed else "groq"]
        self.endpoint = RemoteEndpoint(
            identity="m@vendor",
            upstream_name="there",
            provider=provider,
            base_url="http://vendor.test/v1",
            hosting="vendor",
            wires=WIRES,
            settings={"region": "eu-west-1"},
            signers={"aws": SlowSigner(self.checker)} if signed else {},
            timeouts=Timeouts(),
            http=self._http,
            checker=self.checker,
        )

    async def _send(self, target: Any, body: bytes, timeouts: Any, headers: Headers = ()) -> Canned:
        del timeouts, headers
        self.bodies.append(body)
        return answered("ok", target.url, body)

    async def send(self, call: Call, clearance: Clearance | None) -> None:
        await self.endpoint.send(self.endpoint.prepare(call), clearance)

    def clearance(self, call: Call, epoch: int = 1) -> Clearance:
        prepared = self.endpoint.prepare(call)
        return ClearanceMinter(KEY).clear(ALLOWED, "m@vendor", epoch, prepared.body, prepared.headers)

    async def close(self) -> None:
        await self._http.close()


def chat(text: str, wire: str) -> Call:
    return Call("chat", wire, {"model": "m", "messages": [{"role": "user", "content": text}]})


def vectors(text: str, wire: str) -> Call:
    post = Post(Service("openai", "embeddings", wire), lambda model: f'{{"input":"{text}"}}'.encode())
    return Call("embeddings", wire, {}, post=post)


@pytest.mark.parametrize("kind", [chat, vectors])
async def test_an_endpoint_sends_only_what_was_cleared_for_it(kind: Any) -> None:
    watched = Watched()
    wire = watched.endpoint.wires[0]
    call, other = kind("hello", wire), kind("my secret", wire)
    good = watched.clearance(call)
    elsewhere = Clearance("m@other", 1, good.mac)
    for clearance in (None, elsewhere, watched.clearance(other)):
        with pytest.raises(NotCleared):
            await watched.send(call, clearance)
    with pytest.raises(StaleClearance):
        await watched.send(call, watched.clearance(call, epoch=0))
    assert watched.bodies == []
    await watched.send(call, good)
    assert [b"hello" in body for body in watched.bodies] == [True]
    await watched.close()


async def test_rules_that_change_while_a_request_is_signed_count() -> None:
    watched = Watched(signed=True)
    call = chat("hello", watched.endpoint.wires[0])
    with pytest.raises(StaleClearance):
        await watched.send(call, watched.clearance(call))
    assert watched.bodies == []
    await watched.close()


# --- in a gateway

GUARD = ("deny = 'data.class >= restricted && endpoint.hosting == \"vendor\"'",)
CLASSES = ("public", "internal", "confidential", "restricted")


def house(places: Sequence[tuple[str, bool]], rules: tuple[str, ...] = GUARD) -> House:
    """One model `alpha` at these places (the host's name, and whether it is at home), all of one provider."""
    found = tuple(Place(f"{host}.test", "openai-compatible", None, home) for host, home in places)
    homes = frozenset(place.host for place in found if place.home)
    return House(CLASSES, {"alpha": found}, {}, {}, {}, None, rules, bool(rules), homes)


def restricted(ask: Ask) -> Ask:
    ask.headers.append((b"x-ecotone-class", b"restricted"))
    return ask


def hello() -> Ask:
    return restricted(made("chat", Random(0), "hello", "alpha"))


def hosts(gate: Gate) -> list[str]:
    return [sent.host for sent in gate.sent]


async def test_places_of_one_provider_have_ids_of_their_own(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house([("one", False), ("two", True), ("three", False)]))
    endpoints = gate.runtime.gateway.directory.models["alpha"].endpoints
    ids = [endpoint.id for endpoint in endpoints]
    assert ids == ["alpha@openai-compatible", "alpha@openai-compatible#2", "alpha@openai-compatible#3"]
    answer = await gate.ask(hello())
    assert answer.status == 200
    assert hosts(gate) == ["two.test"]
    await gate.close()


async def test_the_second_plans_verdict_counts(tmp_path: Path) -> None:
    """The first place fails, and in that moment the second becomes a vendor's: what was planned is sent no more."""
    gate = Gate(tmp_path, house([("one", True), ("two", True)]))
    gate.outcome = lambda host: "error"

    def reload(sent: Sent) -> None:
        if sent.host == "one.test":
            gate.apply(house([("one", False), ("two", False)]))

    gate.on_send = reload
    answer = await gate.ask(hello())
    assert answer.refused
    assert hosts(gate) == ["one.test"]
    await gate.close()


async def test_a_second_plan_may_allow_what_the_first_did_not(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house([("one", True), ("two", False)]))
    gate.outcome = lambda host: "error" if host == "one.test" else "ok"
    gate.on_send = lambda sent: gate.apply(house([("one", False), ("two", True)])) if gate.reloads == 1 else None
    answer = await gate.ask(hello())
    # The first place fails under the old rules and nobody else is left there: that is the answer.
    assert answer.status == 502
    assert hosts(gate) == ["one.test"]
    assert (await gate.ask(hello())).status == 200
    assert hosts(gate) == ["two.test"]
    await gate.close()


async def test_rules_that_come_while_a_request_is_labelled_count(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house([("one", False)], rules=()))
    ask = hello()
    ask.headers.append((b"x-ecotone-conversation", b"talk"))
    asyncio.get_running_loop().call_soon(lambda: gate.apply(house([("one", False)])))
    answer = await gate.ask(ask)
    assert gate.reloads == 2
    assert answer.refused
    assert gate.sent == []
    await gate.close()


async def test_rules_that_never_stand_still_send_nothing(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house([("one", True), ("two", True)]))
    gate.outcome = lambda host: "error"
    gate.on_send = lambda sent: gate.apply(house([("one", True), ("two", True)]))
    answer = await gate.ask(hello())
    assert answer.status == 503
    assert "changed while it worked" in answer.code
    assert len(gate.sent) == 3
    await gate.close()
