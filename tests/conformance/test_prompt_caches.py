"""Vendors' prompt caches hit: from turn to turn each upstream gets the same beginning, byte for byte, of any client."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, Client, MessagesClient, Model, Result, Results, Seen, Tool, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.scripts import Reply, Text, Thinking, ToolCall

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

MARK = {"type": "ephemeral"}
# Where a vendor's request has the turns. All its other fields stay the same from turn to turn.
TURNS = {"openai-chat": "messages", "openai-responses": "input", "anthropic": "messages", "gemini": "contents"}
TOOLS = [
    Tool(
        "get_weather",
        {"type": "object", "properties": {"city": {"type": "string"}, "at": {"type": "number"}}, "required": ["city"]},
    ),
    Tool("get_time", {"type": "object", "properties": {"zone": {"type": "string"}}}),
]
REPLIES = [
    Reply(
        parts=[
            Thinking("Two cities, 東京 among them."),
            Text("I look it up."),
            ToolCall("get_weather", '{"city": "Zürich", "at": 1.50}'),
            ToolCall("get_weather", '{"at":7,"city":"東京"}'),
        ]
    ),
    Reply(reasoning="Now the time.", tool_calls=[ToolCall("get_time", "{}")]),
    Reply(text="Rain / sun, 👩‍🔬 \u2028 9:00."),
    Reply(text="You are welcome."),
]


class MarkingClient(MessagesClient):
    """Marks the end of the last turn for the cache, as Anthropic's clients do; the mark moves on with each turn."""

    def _messages(self, ask: Ask) -> list[Any]:
        *before, last = super()._messages(ask)
        content = last["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return [*before, {**last, "content": [*blocks[:-1], {**blocks[-1], "cache_control": MARK}]}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("caches")) as built:
        marking = MarkingClient(built.gate.url)
        unmarked, built.clients["anthropic"] = built.clients["anthropic"], marking
        yield built
        built.clients["anthropic"] = unmarked
        await marking.close()


async def conversation(client: Client, model: str, system: str, stream: bool) -> list[Seen]:
    """Four turns: two with tools, an answer, and a question that goes on."""
    turns: list[Any] = [User(["The weather in Zürich and 東京?"])]
    told = []
    for number in range(len(REPLIES)):
        ask = Ask(turns, system=system, tools=TOOLS, effort="high", stream=stream)
        seen = await client.ask(model, ask)
        told.append(seen)
        results = [Result(call.id, call.name, f"é {number}") for call in seen.calls]
        turns = [*turns, Model(seen.turn), Results(results) if results else User(["Thank you."])]
    return told


@pytest.mark.parametrize("upstream", WIRES)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_was_sent_before_is_the_beginning(home: House, wire: str, upstream: str, stream: bool) -> None:
    vendor = home.vendors[upstream]
    before = len(vendor.requests)
    vendor.script(*REPLIES)
    # Nobody has said this before, so nothing of it is cached.
    system = f"{wire} {upstream} {stream}"
    told = await conversation(home.clients[wire], f"{upstream}-thinking", system, stream)
    assert told[-1].text == "You are welcome."
    bodies = [request.body for request in vendor.requests[before:]]
    assert len(bodies) == len(REPLIES)
    cached = [seen.usage.cached or 0 for seen in told]
    if upstream == "gemini" or wire == upstream == "anthropic":
        # The whole of the prompt before is found again.
        assert cached == [0, *(seen.usage.prompt for seen in told[:-1])]
        assert cached[1] > 0
    if wire == upstream == "anthropic":
        # Marks that move on are among the bytes; the vendor's cache, which leaves them out, has just found the rest.
        return
    for earlier, later in itertools.pairwise(bodies):
        assert_begins(later, earlier, TURNS[upstream])


def assert_begins(later: bytes, earlier: bytes, turns: str) -> None:
    """The later request has all fields of the earlier one as they were, and more turns after the same ones."""
    was, now = (msgspec.json.decode(body, type=dict[str, msgspec.Raw]) for body in (earlier, later))
    assert list(was) == list(now)
    for name, value in was.items():
        if name == turns:
            assert bytes(now[name]).startswith(bytes(value).removesuffix(b"]") + b",")
        else:
            assert bytes(now[name]) == bytes(value)
