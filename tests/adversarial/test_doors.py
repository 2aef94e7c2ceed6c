"""Restricted data by somebody's word: no vendor gets it, through whichever door; and the harness would notice."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ecotone.gateway import labelling
from ecotone.gateway.conversations import Conversations
from ecotone.storage.database import DatabaseError
from tests.adversarial.asks import FRONTS, Ask, encoded, made
from tests.adversarial.configs import House, Place
from tests.adversarial.gate import Gate, kept
from tests.adversarial.trials import WEAKENED, run

CLASSES = ("public", "internal", "confidential", "restricted")
GUARD = ("deny = 'data.class >= restricted && endpoint.hosting == \"vendor\"'",)
REDACT = ('redact = \'endpoint.hosting == "vendor"\'\nkinds = ["email"]',)


def house(rules: tuple[str, ...] = GUARD) -> House:
    """A model at home, one at a vendor's that speaks every wire of a vendor's, and routes to them."""
    models = {
        "home": (Place("home.test", "openai-compatible", None, True),),
        "away": (Place("away.test", "openai", None, False),),
        "claude": (Place("claude.test", "anthropic", None, False),),
        "gemini": (Place("gemini.test", "gemini", None, False),),
        "ranker": (Place("ranker.test", "vllm", None, False),),
    }
    routes = {"any": ("away", "home"), "medical": ("away", "home")}
    floors = {"medical": "restricted"}
    return House(CLASSES, models, routes, floors, {}, None, rules, bool(rules), frozenset({"home.test"}))


def ask(front: str, asked: str, text: str = "hello", data_class: str | None = None, seed: int = 0) -> Ask:
    found = made(front, Random(seed), text, asked)
    if data_class is not None:
        found.headers.append((b"x-ecotone-class", data_class.encode()))
    return found


async def test_none_of_many_gets_through(tmp_path: Path) -> None:
    tally = await run(tmp_path, 1500, seed=11)
    assert tally.leaks == []
    assert tally.shows_something, tally.told()
    assert {"header", "caller", "route", "conversation", "response"} <= set(tally.by)
    assert set(tally.fronts) == set(FRONTS)
    assert tally.reloaded > 10


@pytest.mark.parametrize(("weaken", "restricted"), [("rule", 60), ("header", 60), ("route", 200), ("fallback", 300)])
async def test_a_broken_gateway_is_noticed(tmp_path: Path, weaken: str, restricted: int) -> None:
    assert weaken in {"rule", *WEAKENED}
    tally = await run(tmp_path, restricted, seed=5, weaken=weaken)
    assert tally.leaks


async def test_every_front_leads_to_vendors_and_is_guarded(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house())
    reached: set[str] = set()
    for front in FRONTS:
        for model in ("away", "claude", "gemini", "ranker"):
            await gate.ask(ask(front, model))
            reached.update(front for _ in gate.sent)
            answer = await gate.ask(ask(front, model, data_class="restricted"))
            assert answer.refused, front
            assert gate.sent == [], front
    assert reached == set(FRONTS)
    await gate.close()


async def test_a_detector_that_fails_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("a detector's fault")

    monkeypatch.setattr(labelling, "inspect", failing)
    gate = Gate(tmp_path, house())
    for front in FRONTS:
        # The longer text is read in a thread.
        for text in ("hello", "hello " * 9000):
            answer = await gate.ask(ask(front, "any", text))
            assert answer.status == 500, front
            assert gate.sent == [], front
            assert "a detector's fault" not in answer.code
    assert "a detector's fault" in caplog.text
    await gate.close()


async def test_a_guard_model_at_a_vendors_is_a_vendor(tmp_path: Path) -> None:
    """What scores content is asked under the rules, too; and what it may not score does not pass."""
    rules = (*GUARD, "deny = 'content.violence > 0.9'")
    guards = '[guard.models.judge]\nmodel = "claude"\nform = "llama-guard"\n'
    gate = Gate(tmp_path, house(rules))
    gate.apply(house(rules), house(rules).toml() + guards)
    await gate.ask(ask("chat", "home"))
    assert [sent.host for sent in gate.sent][:1] == ["claude.test"]
    for found in (ask("chat", "home", data_class="restricted"), ask("chat", "home", "My SSN is 536-90-4399.")):
        answer = await gate.ask(found)
        assert gate.sent == []
        assert answer.status == 503
        assert "may not pass" in answer.code
    await gate.close()


async def test_what_cannot_be_remembered_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(Conversations, "remember", failing)
    gate = Gate(tmp_path, house())
    found = ask("chat", "any", data_class="restricted")
    found.headers.append((b"x-ecotone-conversation", b"talk"))
    assert (await gate.ask(found)).status >= 500
    assert gate.sent == []
    await gate.close()


async def test_the_last_of_five_million_characters_is_read(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house())
    assert (await gate.ask(ask("chat", "away", "All is well. " * 400_000 + "536-90-4399"))).refused
    assert gate.sent == []
    await gate.close()


async def test_where_redaction_is_impossible_nothing_goes_to_that_vendor(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house(REDACT))
    found = ask("chat", "any")
    found.body = found.body[:-1] + b',"metadata":{"ada@lovelace-engines.co.uk":"x"}}'
    answer = await gate.ask(found)
    assert answer.status == 200
    assert [sent.host for sent in gate.sent] == ["home.test"]
    found.body = found.body.replace(b'"any"', b'"away"')
    assert (await gate.ask(found)).status == 403
    assert gate.sent == []
    await gate.close()


async def test_a_class_from_before_there_were_rules_is_remembered(tmp_path: Path) -> None:
    """Routes and callers have classes without any rule, and a kept response has them when rules come."""
    gate = Gate(tmp_path, house(rules=()))
    first = await gate.ask(ask("responses", "medical", seed=2))
    assert first.status == 200
    identity = kept(first.body)[0]
    second = ask("responses", "home", seed=2)
    second.body = second.body[:-1] + b',"previous_response_id":' + json.dumps(identity).encode() + b"}"
    later = kept((await gate.ask(second)).body)[0]
    gate.apply(house())
    for known in (identity, later):
        for front in ("responses", "input_tokens"):
            third = ask(front, "away", seed=2)
            third.body = third.body[:-1] + b',"previous_response_id":' + json.dumps(known).encode() + b"}"
            assert (await gate.ask(third)).refused
            assert gate.sent == []
    await gate.close()


async def test_a_class_that_the_owner_has_done_away_with_is_not_forgotten(tmp_path: Path) -> None:
    """What counts as the highest in between has reached it, also once there are the old classes again."""
    gate = Gate(tmp_path, house())

    def talking(data_class: str, classes: tuple[str, ...]) -> Ask:
        gate.apply(replace(house(), classes=classes, route_floors={}))
        found = ask("chat", "any", data_class=data_class)
        found.headers.append((b"x-ecotone-conversation", b"talk"))
        return found

    await gate.ask(talking("internal", CLASSES))
    await gate.ask(talking("restricted", ("open", "restricted")))
    answer = await gate.ask(talking("public", CLASSES))
    assert answer.status == 200
    assert [sent.host for sent in gate.sent] == ["home.test"]
    await gate.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"x-ecotone-class", b"restricted"), (b"x-ecotone-class", b"public")], 400),
        ([(b"x-ecotone-class", b"public"), (b"x-ecotone-class", b"public")], 400),
        ([(b"x-ecotone-class", b"Restricted")], 400),
        ([(b"x-ecotone-class", b"")], 400),
        ([(b"x-ecotone-class", b"restricted, public")], 400),
        ([(b"x-ecotone-class", b"\t restricted ")], 403),
        ([(b"x-ecotone-conversation", b"a"), (b"x-ecotone-conversation", b"b")], 400),
        ([(b"x-ecotone-conversation", b"")], 400),
        ([(b"x-ecotone-conversation", b"a" * 257)], 400),
    ],
)
async def test_headers_that_could_be_read_in_two_ways_are_refused(
    tmp_path: Path, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    gate = Gate(tmp_path, house())
    found = ask("chat", "away")
    found.headers += headers
    assert (await gate.ask(found)).status == status
    assert gate.sent == []
    await gate.close()


async def test_the_model_that_is_judged_is_the_one_that_is_asked(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house())
    for names in (b'"model":"home","model":"away"', b'"model":"home","\\u006dodel":"away"'):
        found = ask("chat", "away", data_class="restricted")
        found.body = b"{" + names + b',"messages":[{"role":"user","content":"hello"}]}'
        assert (await gate.ask(found)).refused
        assert gate.sent == []
    parts = [("model", None, b"home"), ("model", None, b"away"), ("file", "a", b"x")]
    found = ask("upload", "away", data_class="restricted")
    found.path, found.body = "/v1/audio/transcriptions", encoded(parts)[1]
    assert (await gate.ask(found)).status == 400
    assert gate.sent == []
    await gate.close()


async def test_a_server_at_home_cannot_send_a_request_on(tmp_path: Path) -> None:
    gate = Gate(tmp_path, house())
    gate.outcome = lambda host: "elsewhere" if host == "home.test" else "ok"
    answer = await gate.ask(ask("chat", "any", data_class="restricted"))
    assert answer.status >= 400
    assert {sent.host for sent in gate.sent} == {"home.test"}
    await gate.close()
