"""`ecotone battles`: begun and voted on in the running gateway, read without one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ecotone.cli.battles import goes_on
from tests.cli.terminal import Shell
from tests.two_models import two_models

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAID = {"mini": "gpt-4o-mini heard: Well?", "own": "gpt-4o heard: Well?"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    folder = tmp_path_factory.mktemp("battles")
    async with two_models(folder):
        yield Shell(folder)


async def test_a_blind_battle_from_its_beginning_to_its_end(house: Shell) -> None:
    options = ("-m", "mini", "-m", "own", "--blind", "--max-tokens", "50", "--json")
    begun = json.loads((await house.run("battles", "begin", "Well?", *options)).out)
    assert (begun["models"], begun["order"], begun["settings"]) == (["mini", "own"], None, {"max_tokens": 50})
    answers = begun["rounds"][0]["answers"]
    assert sorted(answer["text"] for answer in answers) == sorted(SAID.values())
    assert not any("facts" in answer for answer in answers)
    identity = begun["id"]

    exported = json.loads((await house.run("battles", "export")).out)
    assert (exported["id"], exported["order"], exported["vote"]) == (identity, None, None)

    cast = await house.run("battles", "vote", identity, "b")
    assert cast.code == 0
    second = next(name for name, said in SAID.items() if said == answers[1]["text"])
    assert f"B was {second}" in cast.err

    shown = await house.run("battles", "show", identity)
    assert f"--- B {second}\n{SAID[second]}\n" in shown.out
    assert "cost: own machine; own" in shown.out
    assert f"{second} was found better, said " in shown.err

    counted = await house.run("battles", "standings")
    # Wilson for 1 of 1: from 1 / (1 + 3.84146), which is 21 %.
    first = "own" if second == "mini" else "mini"
    rows = [line.split("  ") for line in counted.out.splitlines()]
    assert [cell.strip() for cell in rows[-1] if cell.strip()] == [
        *(second, first, "1", "0", "0", "0", "100 %", "21 to 100", "not clear")
    ]

    assert (await house.run("battles", "delete", identity)).code == 0
    gone = await house.run("battles", "list")
    assert (gone.out, gone.code) == ("", 0)
    assert "There are no such battles" in gone.err


async def test_a_battle_goes_on_and_ends_without_a_vote(house: Shell) -> None:
    begun = json.loads(
        (await house.run("battles", "begin", "Well?", "-m", "mini", "-m", "own", "--blind", "--json")).out
    )
    asked = await house.run("battles", "ask", begun["id"], "And?")
    # Each side is asked with its own answers before; the vendor says what it heard last.
    assert "> And?" in asked.out and "> Well?" not in asked.out
    assert sorted(line for line in asked.out.splitlines() if "heard" in line) == [
        "gpt-4o heard: And?",
        "gpt-4o-mini heard: And?",
    ]
    assert "No vote yet" in asked.err

    shown = await house.run("battles", "reveal", begun["id"])
    first = "mini" if begun["rounds"][0]["answers"][0]["text"] == SAID["mini"] else "own"
    assert f"A was {first}" in shown.err
    again = await house.run("battles", "show", begun["id"])
    assert "The names were shown without a vote, and none can be cast any more." in again.err
    assert (await house.run("battles", "delete", begun["id"])).code == 0


@pytest.mark.parametrize(
    ("event", "data", "coming"),
    [
        ("battle", {"rounds": [{"answers": [None, {"state": "done"}]}]}, True),
        ("battle", {"rounds": [{"answers": [None]}, {"answers": [{"state": "done"}, {"state": "streaming"}]}]}, True),
        # All had answered before anybody looked: nothing more will be told.
        ("battle", {"rounds": [{"answers": [None]}, {"answers": [{"state": "failed"}, {"state": "done"}]}]}, False),
        ("pieces", {"number": 1, "pieces": []}, True),
        ("ended", {"open": 1}, True),
        ("ended", {"open": 0}, False),
    ],
)
async def test_answers_are_waited_for_as_long_as_any_comes(event: str, data: dict[str, Any], coming: bool) -> None:
    assert goes_on(event, data) is coming
