"""A conversation that begins with a model of one vendor goes on with another's, whichever API the client speaks.

What the first vendor signed comes back with the client's next turn; the second, who checks what it is sent, must not
see it. Back at the first vendor, its own signatures are there again.
"""

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, Model, Result, Results, Tool, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.scripts import Reply, ToolCall

pytestmark = pytest.mark.asyncio(loop_scope="module")
WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("moving")) as built:
        yield built


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("first", "second"), list(permutations(WIRES, 2)))
@pytest.mark.parametrize("client", WIRES)
async def test_there_and_back(home: House, client: str, first: str, second: str, stream: bool) -> None:
    sdk = home.clients[client]
    for vendor in home.vendors.values():
        # What a failed test has left.
        vendor.forget()
    home.vendors[first].script(
        Reply(reasoning="Ask for it.", tool_calls=[ToolCall("get_weather", '{"city":"Bern"}')]), Reply(text="At home.")
    )
    home.vendors[second].script(Reply(reasoning="So it rains.", text="Rain."))
    settings: dict[str, Any] = {"tools": [WEATHER], "effort": "high", "stream": stream}
    turns: list[Any] = [User(["Weather in Bern?"])]
    asked = await sdk.ask(f"{first}-thinking", Ask(turns, **settings))
    [call] = asked.calls
    turns += [Model(asked.turn), Results([Result(call.id, call.name, "rain")])]
    moved = await sdk.ask(f"{second}-thinking", Ask(turns, **settings))
    assert moved.text == "Rain."
    turns += [Model(moved.turn), User(["And you?"])]
    assert (await sdk.ask(f"{first}-thinking", Ask(turns, **settings))).text == "At home."
