"""Battles over a real gateway: asked at once, watched as they come, blind until the vote, kept in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from ecotone.evaluation.arena import MIGRATIONS, Battle, Settings
from ecotone.evaluation.contests import Asked, Change, Contests, Deleted, Ended, Pieces, Whole
from ecotone.gateway.client import GatewayClient
from ecotone.storage.database import Database
from ecotone.upstream.http import HttpClient
from ecotone.values.errors import EcotoneError, NotFound, SetupError
from tests.running import RunningGateway
from tests.two_models import two_models
from tests.vendors import Delivery, Failure, FakeOpenAI, Received, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")
MORE = """
[models.twin]
provider = "vllm"
base_url = "{address}"
name = "gpt-4o"
key_env = "TWO_MODELS_KEY"
hosting = "self-hosted"

[routes.assistant]
models = ["mini", "own"]

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[RunningGateway, FakeOpenAI]]:
    async with two_models(tmp_path_factory.mktemp("contests"), MORE) as made:
        yield made


@pytest.fixture
def vendor(house: tuple[RunningGateway, FakeOpenAI]) -> FakeOpenAI:
    _, made = house
    made.requests.clear()
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def contests(house: tuple[RunningGateway, FakeOpenAI], tmp_path: Path) -> AsyncIterator[Contests]:
    running, _ = house
    http = HttpClient()
    made = Contests(
        GatewayClient(http, running.url, None),
        lambda: Database(tmp_path / "arena.db", MIGRATIONS),
        lambda: datetime.now(UTC),
    )
    yield made
    await made.close()
    await http.close()


async def begun(contests: Contests, *, blind: bool = False, prompt: str = "Well?") -> Battle:
    return await contests.begin(("mini", "own"), prompt, blind=blind, settings=Settings(), by="ana")


async def seen(contests: Contests, battle: Battle, ends: int) -> list[Change]:
    """What a watcher is told until so many sides have ended."""
    changes: list[Change] = []
    async with asyncio.timeout(20), aclosing(contests.watch(battle.id)) as watch:
        async for change in watch:
            changes.append(change)
            if sum(isinstance(one, Ended) for one in changes) == ends:
                break
    return changes


async def ended(contests: Contests, battle: Battle) -> Battle:
    async with asyncio.timeout(20):
        while True:
            found = await contests.get(battle.id)
            if all(answer and answer.state not in ("waiting", "streaming") for answer in found.rounds[-1].answers):
                return found
            await asyncio.sleep(0.01)


def asked_of(vendor: FakeOpenAI, model: str) -> list[Received]:
    return [request for request in vendor.requests if request.json["model"] == model]


async def test_all_are_asked_the_same_and_all_of_it_is_kept(contests: Contests, vendor: FakeOpenAI) -> None:
    settings = Settings("Be brief.", max_tokens=9, temperature=0.5)
    battle = await contests.begin(("mini", "own"), "Well?", blind=False, settings=settings, by="ana")
    kept = await ended(contests, battle)
    mini, own = kept.rounds[0].answers
    assert mini is not None and own is not None
    assert (mini.state, mini.text, own.text) == ("done", "gpt-4o-mini heard: Well?", "gpt-4o heard: Well?")
    assert mini.facts is not None and own.facts is not None
    assert (mini.facts.hosting, own.facts.hosting) == ("vendor", "self-hosted")
    assert mini.facts.cost_usd is not None and own.facts.cost_usd is None
    for request in vendor.requests:
        assert request.json["messages"][0] == {"role": "system", "content": "Be brief."}
        assert request.json["temperature"] == 0.5
        assert 9 in (request.json.get("max_completion_tokens"), request.json.get("max_tokens"))


async def test_a_watcher_sees_both_grow_and_end(contests: Contests, vendor: FakeOpenAI) -> None:
    gate = asyncio.Event()
    held = Delivery(events=3, gate=gate)
    vendor.script(Reply(text="left right left", delivery=held), Reply(text="up down up", delivery=held))
    battle = await begun(contests)
    told = {"a": "", "b": ""}
    states = {}
    async with asyncio.timeout(20), aclosing(contests.watch(battle.id)) as watch:
        async for change in watch:
            match change:
                case Whole(record):
                    for side, answer in zip("ab", record.rounds[0].answers, strict=True):
                        told[side] += "" if answer is None else answer.text
                case Pieces(1, pieces):
                    for piece in pieces:
                        told[piece.side] += piece.text
                case Ended(1, side, answer, _):
                    states[side] = answer.state
                    assert answer.text.startswith(told[side]) and told[side]
                    told[side] = answer.text
                    if len(states) == 2:
                        break
            if told["a"] and told["b"]:
                assert gate.is_set() or not states
                gate.set()
    assert states == {"a": "done", "b": "done"}
    assert sorted(told.values()) == ["left right left", "up down up"]


async def test_a_blind_watcher_is_told_nothing_but_words_until_the_vote(contests: Contests, vendor: FakeOpenAI) -> None:
    vendor.script(Failure(400, message="gpt-4o-mini is not to be had"), Reply(text="Fine."))
    battle = await begun(contests, blind=True)
    changes = await seen(contests, battle, ends=2)
    assert isinstance(changes[0], Whole) and changes[0].battle.order is None
    told = msgspec.json.encode([changes[0].battle.rounds, *changes[1:]]).decode()
    for clue in ("mini", "own", "gpt", "openai", "vllm", "hosting", "token", "request_id", "cost", "not to be had"):
        assert clue not in told
    ended_sides = {change.side: change.answer for change in changes if isinstance(change, Ended)}
    assert sorted(answer.state for answer in ended_sides.values()) == ["done", "failed"]
    better = next(side for side, answer in ended_sides.items() if answer.state == "done")
    async with asyncio.timeout(20), aclosing(contests.watch(battle.id)) as watch:
        assert isinstance(await anext(watch), Whole)
        voted = await contests.vote(battle.id, "a" if better == "a" else "b", by="ben")
        change = await anext(watch)
    assert isinstance(change, Whole) and change.battle.order == battle.names
    assert change.battle.winner == voted.winner == battle.names["ab".index(better)]
    failed = change.battle.rounds[0].answers["ba".index(better)]
    assert failed is not None and "not to be had" in (failed.error or "")


async def test_each_side_goes_on_with_its_own_words(contests: Contests, vendor: FakeOpenAI) -> None:
    battle = await begun(contests)
    await ended(contests, battle)
    async with asyncio.timeout(20), aclosing(contests.watch(battle.id)) as watch:
        assert isinstance(await anext(watch), Whole)
        battle = await contests.ask(battle.id, "Why?")
        assert await anext(watch) == Asked(2, "Why?")
    await ended(contests, battle)
    for model in ("gpt-4o-mini", "gpt-4o"):
        assert asked_of(vendor, model)[1].json["messages"] == [
            {"role": "user", "content": "Well?"},
            {"role": "assistant", "content": f"{model} heard: Well?"},
            {"role": "user", "content": "Why?"},
        ]


async def test_a_prompt_without_an_answer_goes_along_with_the_next(contests: Contests, vendor: FakeOpenAI) -> None:
    vendor.script(Failure(400, message="No."), Reply(text="Fine."))
    battle = await begun(contests)
    kept = await ended(contests, battle)
    silent = next(side for side, answer in enumerate(kept.rounds[0].answers) if answer and answer.state == "failed")
    await contests.ask(battle.id, "Why?")
    await ended(contests, battle)
    later = asked_of(vendor, ("gpt-4o-mini", "gpt-4o")[silent])[1].json["messages"]
    assert [message["role"] for message in later] == ["user"]
    assert [part["text"] for part in later[0]["content"]] == ["Well?", "Why?"]


async def test_a_side_is_stopped_and_keeps_what_it_said(contests: Contests, vendor: FakeOpenAI) -> None:
    gate = asyncio.Event()
    held = Delivery(events=3, gate=gate)
    vendor.script(Reply(text="left right left", delivery=held), Reply(text="left right left", delivery=held))
    battle = await begun(contests)
    async with asyncio.timeout(20):
        while not all(answer and answer.text for answer in (await contests.get(battle.id)).rounds[0].answers):
            await asyncio.sleep(0.01)
    with pytest.raises(SetupError, match="Wait until all answers have ended"):
        await contests.ask(battle.id, "Why?")
    with pytest.raises(SetupError, match="Wait until all answers have ended"):
        await contests.vote(battle.id, "a", by="ana")
    contests.stop(battle.id, "a")
    await seen_to_end_of(contests, battle, "a")
    contests.stop(battle.id)
    kept = await ended(contests, battle)
    gate.set()
    assert [answer.state for answer in kept.rounds[0].answers if answer] == ["stopped", "stopped"]
    assert all(answer and "left right left".startswith(answer.text) for answer in kept.rounds[0].answers)


async def seen_to_end_of(contests: Contests, battle: Battle, side: str) -> None:
    async with asyncio.timeout(20):
        while True:
            answer = (await contests.get(battle.id)).rounds[-1].answers["abcd".index(side)]
            if answer is not None and answer.state == "stopped":
                return
            await asyncio.sleep(0.01)


async def test_watchers_learn_that_a_battle_was_deleted(contests: Contests, vendor: FakeOpenAI) -> None:
    gate = asyncio.Event()
    vendor.script(*[Reply(text="left right", delivery=Delivery(events=2, gate=gate))] * 2)
    battle = await begun(contests)
    async with asyncio.timeout(20), aclosing(contests.watch(battle.id)) as watch:
        await anext(watch)
        await contests.delete(battle.id)
        changes = [change async for change in watch]
    gate.set()
    assert changes[-1] == Deleted()
    with pytest.raises(NotFound):
        await contests.get(battle.id)


async def test_a_name_that_is_not_there_begins_nothing(contests: Contests) -> None:
    with pytest.raises(EcotoneError, match="Did you mean 'mini'"):
        await contests.begin(("mimi", "own"), "Well?", blind=True, settings=Settings(), by="ana")
    assert await contests.read(lambda battles: battles.count()) == 0


async def test_a_prompt_that_is_none_begins_nothing(contests: Contests) -> None:
    with pytest.raises(EcotoneError, match="nothing to ask"):
        await contests.begin(("mini", "own"), " ", blind=True, settings=Settings(), by="ana")
    assert await contests.read(lambda battles: battles.count()) == 0


async def test_two_who_ask_at_once_do_not_mix_their_rounds(contests: Contests) -> None:
    battle = await begun(contests)
    await ended(contests, battle)
    first, second = await asyncio.gather(
        contests.ask(battle.id, "Why?"), contests.ask(battle.id, "How?"), return_exceptions=True
    )
    assert isinstance(first, Battle) and isinstance(second, SetupError)
    kept = await ended(contests, battle)
    assert [asked.prompt for asked in kept.rounds] == ["Well?", "Why?"]


async def test_what_is_stopped_before_it_began_has_ended_too(contests: Contests) -> None:
    battle = await begun(contests)
    contests.stop(battle.id)
    kept = await ended(contests, battle)
    assert [answer.state for answer in kept.rounds[0].answers if answer] == ["stopped", "stopped"]


async def test_the_class_that_was_declared_decides_who_gets_it(contests: Contests, vendor: FakeOpenAI) -> None:
    settings = Settings(data_class="restricted")
    battle = await contests.begin(("mini", "own"), "Well?", blind=False, settings=settings, by="ana")
    mini, own = (await ended(contests, battle)).rounds[0].answers
    assert mini is not None and own is not None
    assert (mini.state, mini.code) == ("failed", "policy_refused")
    assert "restricted data stays on our own machines" in (mini.error or "")
    assert own.text == "gpt-4o heard: Well?"
    assert [request.json["model"] for request in vendor.requests] == ["gpt-4o"]


async def test_a_route_and_a_second_name_are_known_for_the_models_they_are(contests: Contests) -> None:
    names = ("assistant", "mini", "own", "twin")
    battle = await contests.begin(names, "Well?", blind=False, settings=Settings(), by="ana")
    await ended(contests, battle)
    await contests.vote(battle.id, "tie", by="ana")
    (vote,) = await contests.read(lambda battles: battles.votes(blind=False))
    assert {(names[one], names[other]) for one, other in vote.same} == {("assistant", "mini"), ("own", "twin")}
