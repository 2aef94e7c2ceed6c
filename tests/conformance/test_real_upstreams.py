"""Every client against an upstream that nobody here wrote: llama.cpp's own server, by each of the wires it speaks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ecotone.upstream.engine import Engine, EngineSpec, plan_engine
from tests.conformance.clients import Ask, Model, ResponsesClient, Result, Results, Seen, Tool, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.scripts import Reply, ToolCall

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

GIB = 1024**3
REAL_WIRES = ("openai-chat", "openai-responses", "anthropic")
WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
# The least that the Responses wire can ask for.
MAX_TOKENS = 16


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The house, whose gateway also has a real engine as the models `real-WIRE`."""
    folder: Path = tmp_path_factory.mktemp("real")
    spec = EngineSpec("smollm2", smollm2_path, context=2_048, parallel=2)
    engine = Engine(
        plan_engine(spec, "chat", cores=1, memory_bytes=8 * GIB), logs_dir=folder, on_exit=lambda _ended: None
    )
    # The one that the gateway has in its environment.
    engine.key = "vendor-key"
    await engine.start(timeout_s=60)
    try:
        async with house(folder) as built:
            more = "".join(
                f'[models.real-{wire}]\nprovider = "llama-server"\nwire = "{wire}"\nname = "smollm2"\n'
                f'base_url = "{engine.base_url}"\nkey_env = "VENDOR_KEY"\n\n'
                for wire in REAL_WIRES
            )
            await built.gate.reconfigure(built.gate.config.read_text() + more)
            yield built
    finally:
        await engine.stop()


@dataclass(frozen=True)
class Pair:
    """A client and the wire by which the engine is asked."""

    home: House
    wire: str
    upstream: str

    @property
    def passed_on(self) -> bool:
        """The engine's own Responses, unchanged: it numbers no events and takes no thoughts that have no text."""
        return self.wire == self.upstream == "openai-responses"

    @property
    def says_why(self) -> bool:
        """The engine's Responses call each answer completed."""
        return self.upstream != "openai-responses"

    async def ask(self, *turns: Any, **fields: Any) -> Seen:
        client = self.home.clients[self.wire]
        if isinstance(client, ResponsesClient):
            client.numbered = not self.passed_on
        return await client.ask(f"real-{self.upstream}", Ask(turns, max_tokens=MAX_TOKENS, **fields))


@pytest.fixture(
    params=[(wire, upstream) for wire in WIRES for upstream in REAL_WIRES], ids=lambda pair: f"{pair[0]}<-{pair[1]}"
)
def pair(request: pytest.FixtureRequest, home: House) -> Pair:
    return Pair(home, *request.param)


async def test_two_turns_of_text(pair: Pair) -> None:
    turns: list[Any] = [User(["Tell me a very long story about a fox."])]
    whole = await pair.ask(*turns, system="You are a writer.")
    streamed = await pair.ask(*turns, system="You are a writer.", stream=True)
    for seen in (whole, streamed):
        assert seen.text.strip() and not seen.thoughts and not seen.calls
        assert seen.usage.completion == MAX_TOKENS
        assert seen.finish == ("length" if pair.says_why else "stop")
    assert whole.usage.prompt == streamed.usage.prompt
    turns += [Model(whole.turn), User(["Go on, for a long time."])]
    for stream in (False, True):
        later = await pair.ask(*turns, system="You are a writer.", stream=stream)
        assert later.text.strip()
        # The earlier question and answer are in it.
        assert (later.usage.prompt or 0) > (whole.usage.prompt or 0) + MAX_TOKENS


async def test_a_conversation_with_tools_goes_on_here(pair: Pair) -> None:
    """Its first turn, thoughts and a call, came from a vendor of the client's own wire."""
    thoughts = None if pair.passed_on else "The weather, then."
    pair.home.vendors[pair.wire].script(
        Reply(reasoning=thoughts, tool_calls=[ToolCall("get_weather", '{"city":"Zürich"}')])
    )
    turns: list[Any] = [User(["Weather in Zürich?"])]
    first = await pair.home.clients[pair.wire].ask(
        f"{pair.wire}-thinking", Ask(turns, tools=[WEATHER], effort="high", stream=True)
    )
    [call] = first.calls
    turns += [Model(first.turn), Results([Result(call.id, call.name, "Rain, and more rain to come.")])]
    seen = await pair.ask(*turns, tools=[WEATHER], choice="none", stream=True)
    assert seen.text.strip() and not seen.calls
