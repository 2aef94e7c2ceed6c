"""`ecotone battles`: begun and voted on in the running gateway, read without one."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

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
