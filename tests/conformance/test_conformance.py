"""Every client against every upstream: four official SDKs by four strict fake vendors, through one real gateway.

The vendors check each request with their own SDK's types and rules, so that a test that gets an answer has also shown
that the request was one the vendor takes; signatures, ids and the pairing of calls and results among it.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, Call, Client, Image, Model, Result, Results, Seen, Tool, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.http_server import FakeVendor
from tests.vendors.scripts import Delivery, Ending, Failure, Reply, Text, Thinking, ToolCall, Usage

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

PAIRS = list(itertools.product(WIRES, WIRES))
WEATHER = Tool(
    "get_weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "The weather in a city.",
)
CLOCK = Tool("get_time", {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]})
PNG = b"\x89PNG\r\n\x1a\n and so on"
TRICKY = 'Grüße, 東京 🌧️👩‍🔬 \u2028 "quoted" \\ back\n\nslash </s> \x7f end'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("conformance")
    async with house(folder) as built:
        yield built


class Pair:
    """One client and one upstream; `model` is the gateway's name of the upstream's."""

    def __init__(self, home: House, client: str, upstream: str) -> None:
        self.client: Client = home.clients[client]
        self.vendor: FakeVendor = home.vendors[upstream]
        self.upstream = upstream
        self.model = upstream
        self.before = len(self.vendor.requests)
        # What a failed test has left.
        self.vendor.forget()

    @property
    def shows_thoughts(self) -> bool:
        """These vendors show thoughts to those who ask for them, which a client of the chat wire cannot."""
        return self.client.wire != "openai-chat" or self.upstream not in ("openai-responses", "gemini")

    @property
    def sent(self) -> list[Any]:
        """What the vendor was sent in this test."""
        return [request.json for request in self.vendor.requests[self.before :]]

    async def ask(self, *turns: Any, thinking: bool = False, **fields: Any) -> Seen:
        return await self.client.ask(f"{self.model}-thinking" if thinking else self.model, Ask(turns, **fields))

    async def fails(self, *turns: Any, **fields: Any) -> Exception:
        """The SDK's exception that this raises; the status is not looked at."""
        try:
            seen = await self.ask(*turns, **fields)
        except Exception as error:
            self.client.status_of(error)
            return error
        raise AssertionError(f"no error, but {seen}")


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}<-{pair[1]}")
def pair(request: pytest.FixtureRequest, home: House) -> Pair:
    return Pair(home, *request.param)


streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@streamed
async def test_text_with_a_system_prompt(pair: Pair, stream: bool) -> None:
    pair.vendor.script(Reply(text=TRICKY))
    seen = await pair.ask(User([f"Say it: {TRICKY}"]), system="Be exact.", stream=stream)
    assert (seen.text, seen.finish, seen.calls) == (TRICKY, "stop", [])
    request = json.dumps(pair.sent, ensure_ascii=False)
    assert "Be exact." in request
    assert json.dumps(TRICKY, ensure_ascii=False)[1:-1] in request


@streamed
async def test_a_conversation_with_thinking_and_tools(pair: Pair, stream: bool) -> None:
    """Three turns: thinking and two calls at once, a second call, and an answer; then a question that goes on."""
    pair.vendor.script(
        Reply(
            reasoning="Two cities, so two calls.",
            tool_calls=[
                ToolCall("get_weather", '{"city":"Zürich","days":2}'),
                ToolCall("get_weather", '{"city":"東京"}'),
            ],
        ),
        Reply(reasoning="The time is missing.", tool_calls=[ToolCall("get_time", '{"zone":"Asia/Tokyo"}')]),
        Reply(text="Rain in Zürich, sun in 東京."),
        Reply(text="You are welcome."),
    )
    settings: dict[str, Any] = {"tools": [WEATHER, CLOCK], "effort": "high", "thinking": True, "stream": stream}
    turns: list[Any] = [User(["Weather in Zürich and 東京?"])]
    first = await pair.ask(*turns, **settings)
    assert [(call.name, call.arguments) for call in first.calls] == [
        ("get_weather", {"city": "Zürich", "days": 2}),
        ("get_weather", {"city": "東京"}),
    ]
    assert first.finish == "tool_calls"
    assert len({call.id for call in first.calls}) == 2
    assert first.thoughts == ("Two cities, so two calls." if pair.shows_thoughts else "")

    turns += [Model(first.turn), Results([answer(first.calls[0], "rain"), answer(first.calls[1], "sun")])]
    second = await pair.ask(*turns, **settings)
    assert [(call.name, call.arguments) for call in second.calls] == [("get_time", {"zone": "Asia/Tokyo"})]
    assert second.calls[0].id not in {call.id for call in first.calls}

    turns += [Model(second.turn), Results([answer(second.calls[0], "09:00")])]
    third = await pair.ask(*turns, **settings)
    assert (third.text, third.finish) == ("Rain in Zürich, sun in 東京.", "stop")

    turns += [Model(third.turn), User(["Thank you."])]
    assert (await pair.ask(*turns, **settings)).text == "You are welcome."
    # What was sent before is the beginning of what is sent now: vendors' caches of prompts rest on it.
    for earlier, later in itertools.pairwise(map(conversation, pair.sent)):
        assert later[: len(earlier)] == earlier


def answer(call: Call, text: str) -> Result:
    return Result(call.id, call.name, text)


def conversation(request: dict[str, Any]) -> list[str]:
    """The turns of a vendor's request, each as its bytes."""
    turns = request.get("messages") or request.get("input") or request.get("contents") or []
    return [json.dumps(turn) for turn in turns]


@streamed
async def test_images_from_the_user(pair: Pair, stream: bool) -> None:
    pair.vendor.script(Reply(text="A cat."))
    assert (await pair.ask(User(["What is it?", Image(PNG)]), stream=stream)).text == "A cat."
    assert "iVBORw0KGgogYW5kIHNvIG9u" in json.dumps(pair.sent)


@pytest.mark.parametrize("choice", ["required", "get_time", "none"])
async def test_tool_choice(pair: Pair, choice: str) -> None:
    called = choice != "none"
    pair.vendor.script(Reply(tool_calls=[ToolCall("get_time", '{"zone":"UTC"}')]) if called else Reply(text="No."))
    seen = await pair.ask(User(["What time is it?"]), tools=[WEATHER, CLOCK], choice=choice)
    assert [call.name for call in seen.calls] == (["get_time"] if called else [])
    # How each vendor writes it, from its own documentation.
    words: dict[str, dict[str, Any]] = {
        "openai-chat": {
            "required": "required",
            "none": "none",
            "get_time": {"type": "function", "function": {"name": "get_time"}},
        },
        "openai-responses": {
            "required": "required",
            "none": "none",
            "get_time": {"type": "function", "name": "get_time"},
        },
        "anthropic": {
            "required": {"type": "any"},
            "none": {"type": "none"},
            "get_time": {"type": "tool", "name": "get_time"},
        },
        "gemini": {
            "required": {"mode": "ANY"},
            "none": {"mode": "NONE"},
            "get_time": {"mode": "ANY", "allowedFunctionNames": ["get_time"]},
        },
    }
    [request] = pair.sent
    said = request["toolConfig"]["functionCallingConfig"] if pair.upstream == "gemini" else request["tool_choice"]
    assert said == words[pair.upstream][choice]


@streamed
async def test_output_by_a_schema(pair: Pair, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    pair.vendor.script(Reply(text='{"city":"Bern","people":5}'))
    seen = await pair.ask(User(["The capital?"]), schema=schema, stream=stream)
    assert json.loads(seen.text) == {"city": "Bern", "people": 5}
    [request] = pair.sent
    places: dict[str, Any] = {
        "openai-chat": lambda: request["response_format"]["json_schema"]["schema"],
        "openai-responses": lambda: request["text"]["format"]["schema"],
        "anthropic": lambda: request["output_config"]["format"]["schema"],
        "gemini": lambda: request["generationConfig"]["responseJsonSchema"],
    }
    assert places[pair.upstream]() == schema


async def test_stop_sequences(pair: Pair) -> None:
    if pair.client.wire == "openai-responses":
        pytest.skip("the Responses API has no stop sequences to ask for")
    if pair.upstream == "openai-responses":
        error = await pair.fails(User(["Count."]), stop=["three"])
        assert pair.client.status_of(error) == 400
        assert "stop" in str(error)
        assert pair.sent == []
        return
    pair.vendor.script(Reply(text="one two three four"))
    seen = await pair.ask(User(["Count."]), stop=["three"])
    assert (seen.text.strip(), seen.finish) == ("one two", "stop")


@streamed
@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_why_an_answer_ended(pair: Pair, reason: str, stream: bool) -> None:
    pair.vendor.script(Reply(text="As far as", finish_reason=reason))
    seen = await pair.ask(User(["Tell me everything."]), stream=stream)
    expected = "refusal" if (reason, pair.client.wire) == ("content_filter", "anthropic") else reason
    assert seen.finish == expected
    if not (reason == "content_filter" and pair.upstream in ("anthropic", "gemini")):
        # These vendors withhold what their filter stopped.
        assert seen.text == "As far as"


@streamed
async def test_usage(pair: Pair, stream: bool) -> None:
    counts = Usage(prompt=900, completion=70, cached=512, reasoning=50)
    pair.vendor.script(Reply(reasoning="Hm.", text="Seventy.", usage=counts))
    seen = await pair.ask(User(["How many?"]), effort="high", thinking=True, stream=stream)
    usage = seen.usage
    assert (usage.prompt, usage.completion, usage.cached, usage.reasoning) == (900, 70, 512, 50)


@streamed
async def test_an_empty_answer(pair: Pair, stream: bool) -> None:
    pair.vendor.script(Reply(text=""))
    seen = await pair.ask(User(["Say nothing."]), stream=stream)
    assert (seen.text, seen.calls, seen.finish) == ("", [], "stop")


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(piece_bytes=1),
        Delivery(piece_bytes=7, crlf=True),
        Delivery(pings=True, piece_bytes=50),
    ],
    ids=["byte by byte", "crlf", "keep-alives"],
)
async def test_streams_however_they_are_cut_and_padded(pair: Pair, delivery: Delivery) -> None:
    pair.vendor.script(
        Reply(
            parts=[
                Thinking("Hm, 東京."),
                Text(TRICKY),
                ToolCall("get_weather", '{"city":"東京 🌧️","days":3}'),
                ToolCall("get_time", '{"zone":"a\\"b\\\\c"}'),
            ],
            delivery=delivery,
        )
    )
    seen = await pair.ask(User(["Weather?"]), tools=[WEATHER, CLOCK], effort="high", thinking=True, stream=True)
    assert (seen.thoughts, seen.text) == ("Hm, 東京." if pair.shows_thoughts else "", TRICKY)
    assert [(call.name, call.arguments) for call in seen.calls] == [
        ("get_weather", {"city": "東京 🌧️", "days": 3}),
        ("get_time", {"zone": 'a"b\\c'}),
    ]


async def test_a_huge_delta(pair: Pair) -> None:
    text = "ö" * 700_000
    pair.vendor.script(Reply(text=text, deltas=[text]))
    assert (await pair.ask(User(["Much."]), stream=True)).text == text


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, 400), (401, 502), (403, 502), (413, 413), (429, 429), (500, 502), (503, 502)],
)
@streamed
async def test_each_class_of_error(pair: Pair, status: int, expected: int, stream: bool) -> None:
    pair.vendor.script(Failure(status))
    error = await pair.fails(User(["Hello?"]), stream=stream)
    assert pair.client.status_of(error) == expected


async def test_an_unknown_model(pair: Pair) -> None:
    pair.model = "nobody"
    error = await pair.fails(User(["Hello?"]))
    assert pair.client.status_of(error) == 404
    assert "nobody" in str(error)


@pytest.mark.parametrize("ending", [Ending.NO_DONE, Ending.CLOSE, Ending.RESET, Ending.ERROR_EVENT])
@pytest.mark.parametrize("events", [4, None], ids=["in the middle", "at the end"])
async def test_a_broken_stream_is_never_a_finished_one(pair: Pair, ending: Ending, events: int | None) -> None:
    pair.vendor.script(Reply(text="one two three four five six", delivery=Delivery(ending=ending, events=events)))
    await pair.fails(User(["Count."]), stream=True)


async def test_a_cut_whole_reply_is_an_error(pair: Pair) -> None:
    pair.vendor.script(Reply(text="one two three", delivery=Delivery(ending=Ending.CLOSE)))
    error = await pair.fails(User(["Count."]))
    assert pair.client.status_of(error) == 502


async def test_a_slow_trickle(pair: Pair) -> None:
    pair.vendor.script(Reply(text="one two three", delivery=Delivery(gap_s=0.005)))
    async with asyncio.timeout(20):
        assert (await pair.ask(User(["Count."]), stream=True)).text == "one two three"
