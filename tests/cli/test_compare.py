"""`ecotone compare`: several answers at once, on a terminal and without one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.in_process import in_process
from tests.cli.terminal import Shell, screen
from tests.two_models import two_models
from tests.vendors import Delivery, Failure, FakeOpenAI, Reply, Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Shell, FakeOpenAI]]:
    folder = tmp_path_factory.mktemp("compare")
    async with two_models(folder) as (_, vendor):
        yield Shell(folder), vendor


@pytest.fixture
def house(asked: tuple[Shell, FakeOpenAI]) -> Shell:
    return asked[0]


@pytest.fixture
def sent(asked: tuple[Shell, FakeOpenAI]) -> FakeOpenAI:
    _, vendor = asked
    vendor.requests.clear()
    return vendor


async def test_both_answers_and_where_the_data_goes(house: Shell, sent: FakeOpenAI) -> None:
    options = ("--system", "Be brief.", "--max-tokens", "9", "--temperature", "0.5")
    done = await house.run("compare", "Well?", "-m", "mini", "-m", "own", *options)
    assert done.code == 0
    first, second = done.out.split("--- own\n")
    assert first.startswith("--- mini\ngpt-4o-mini heard: Well?\n")
    assert "goes to OpenAI, by way of the address in the config" in first
    assert "API only" in first
    assert second.startswith("gpt-4o heard: Well?\n")
    assert "cost of your own machine" in second
    assert "goes to your own server (vLLM)" in second
    for request in sent.requests:
        assert request.json["messages"][0] == {"role": "system", "content": "Be brief."}
        assert request.json["temperature"] == 0.5
        assert 9 in (request.json.get("max_completion_tokens"), request.json.get("max_tokens"))


async def test_json_tells_cost_to_the_last_digit(house: Shell, sent: FakeOpenAI) -> None:
    usage = Usage(prompt=1000, completion=2000)
    sent.otherwise, usual = Reply(text="Yes.", usage=usage), sent.otherwise
    done = await house.run("compare", "Well?", "-m", "mini", "-m", "own", "--json")
    sent.otherwise = usual
    mini, own = json.loads(done.out)["answers"]
    # 1,000 tokens at 0.15 and 2,000 at 0.60 dollars a million.
    assert mini["cost_usd"] == "0.00135"
    assert (mini["answer"], mini["input_tokens"], mini["output_tokens"]) == ("Yes.", 1000, 2000)
    assert (mini["own_machine"], own["own_machine"], own["cost_usd"]) == (False, True, None)


async def test_one_that_fails_leaves_the_other_alone(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Failure(400, message="Not to my taste."), Reply(text="Fine."))
    done = await house.run("compare", "Well?", "-m", "mini", "-m", "own")
    assert done.code == 1
    assert "Not to my taste." in done.out and "Fine." in done.out
    unknown = await house.run("compare", "Well?", "-m", "mimi", "-m", "own")
    assert unknown.code == 1
    assert "Did you mean 'mini'?" in unknown.out and "gpt-4o heard: Well?" in unknown.out


async def test_side_by_side_while_both_stream(house: Shell, sent: FakeOpenAI) -> None:
    gate = asyncio.Event()
    held = Delivery(events=3, gate=gate)
    sent.script(Reply(text="left right left", delivery=held), Reply(text="up down up", delivery=held))
    async with screen(house, "compare", "Well?", "-m", "mini", "-m", "own") as shown:
        before = await shown.shows("up")
        if "left" not in before:
            await shown.shows("left")
        assert len(sent.requests) == 2
        gate.set()
        await shown.shows("goes to your own server")
        assert await shown.leaves() == 0


async def test_two_to_four_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 5):
        done = in_process(tmp_path, monkeypatch).run("compare", "Well?", *["-m", "mini"] * count)
        assert done.code == 2
        assert "name two to 4 models" in done.err
