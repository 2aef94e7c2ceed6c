"""Ollama's own client against the gateway: a vendor of another wire and the embedded model behind it."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import ollama
import pytest
import pytest_asyncio

from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, Ending, Failure, FakeOpenAI, Reply, ToolCall, Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "vendor-secret"
HELLO: Any = [{"role": "user", "content": "hello"}]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA: Any = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class House:
    """A gateway and the vendor behind it."""

    def __init__(self, gate: RunningGateway, vendor: FakeOpenAI) -> None:
        self.gate, self.vendor = gate, vendor
        self.client = ollama.AsyncClient(host=gate.url)

    def sent(self) -> Any:
        return self.vendor.requests[-1].json


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Any) -> AsyncIterator[House]:
    async with FakeOpenAI(KEY) as vendor:
        config = f"""
[models.far]
provider = "openai-compatible"
base_url = "{vendor.base_url}"
name = "gpt-5.5"
key_env = "VENDOR_KEY"
[models.local]
engine = "llama.cpp"
source = "file:{smollm2_path}"
context = 1024
threads = 1
[routes.assistant]
models = ["local"]
"""
        async with gateway(tmp_path_factory.mktemp("ollama"), config, environment={"VENDOR_KEY": KEY}) as gate:
            house = House(gate, vendor)
            async with house.client:
                yield house


async def test_a_conversation_whole_and_as_a_stream(house: House) -> None:
    usage = Usage(prompt=11, completion=3)
    house.vendor.script(Reply(text="Hello to you.", usage=usage), Reply(text="Hello to you.", usage=usage))
    whole = await house.client.chat(model="far", messages=HELLO)
    assert (whole.message.role, whole.message.content) == ("assistant", "Hello to you.")
    assert (whole.model, whole.done, whole.done_reason) == ("far", True, "stop")
    assert (whole.prompt_eval_count, whole.eval_count) == (11, 3)
    chunks = [chunk async for chunk in await house.client.chat(model="far", messages=HELLO, stream=True)]
    assert "".join(chunk.message.content or "" for chunk in chunks) == "Hello to you."
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (chunks[-1].prompt_eval_count, chunks[-1].eval_count, chunks[-1].done_reason) == (11, 3, "stop")
    row = (await house.gate.rows(2))[1]
    assert (row["operation"], row["input_tokens"], row["stream"]) == ("chat", 11, 1)


async def test_a_stream_is_what_comes_unasked(house: House) -> None:
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{house.gate.url}/api/chat", json={"model": "far", "messages": HELLO})
    assert reply.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert len(lines) > 1
    assert set(lines[-1]) >= {"model", "created_at", "message", "done", "done_reason"}


async def test_options_and_format_arrive(house: House) -> None:
    options = {"temperature": 0.5, "num_predict": 7, "stop": ["x"], "seed": 3, "top_p": 0.9}
    await house.client.chat(model="far", messages=HELLO, options=options, format=SCHEMA)
    sent = house.sent()
    assert {name: sent[name] for name in ("temperature", "seed", "stop", "top_p")} == {
        "temperature": 0.5,
        "seed": 3,
        "stop": ["x"],
        "top_p": 0.9,
    }
    assert sent["max_completion_tokens"] == 7
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_what_a_server_of_its_own_would_do_is_told_as_lost(house: House) -> None:
    body = {"model": "far", "messages": HELLO, "options": {"num_ctx": 99}, "keep_alive": "5m", "stream": False}
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{house.gate.url}/api/chat", json=body)
    assert "`options.num_ctx`" in reply.headers["x-ecotone-losses"]
    assert "`keep_alive`" in reply.headers["x-ecotone-losses"]


async def test_a_field_of_any_name_can_be_told_of_in_a_header(house: House) -> None:
    body = {"model": "far", "messages": HELLO, "stream": False, "a\r\nset-cookie: b\x7f\u20ac": 1}
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{house.gate.url}/api/chat", json=body)
    assert "`a??set-cookie: b??`" in reply.headers["x-ecotone-losses"]
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_answered(house: House, stream: bool) -> None:
    call = ToolCall("get_weather", '{"city": "Bern"}', id="call_x")
    house.vendor.script(Reply(tool_calls=[call, ToolCall("get_weather", '{"city": "Basel"}')]), Reply(text="Rain."))
    ask: Any = {"model": "far", "messages": HELLO, "tools": [WEATHER]}
    if stream:
        chunks = [chunk async for chunk in await house.client.chat(**ask, stream=True)]
        (message,) = [chunk.message for chunk in chunks if chunk.message.tool_calls]
    else:
        message = (await house.client.chat(**ask)).message
    calls = message.tool_calls or []
    assert [dict(call.function.arguments) for call in calls] == [{"city": "Bern"}, {"city": "Basel"}]
    results = [{"role": "tool", "tool_name": "get_weather", "content": said} for said in ("12", "14")]
    last = await house.client.chat(**{**ask, "messages": [*HELLO, message, *results]})
    assert last.message.content == "Rain."
    _, said, first, second = house.sent()["messages"]
    ids = [call["id"] for call in said["tool_calls"]]
    assert len(set(ids)) == 2
    assert [(first["tool_call_id"], first["content"]), (second["tool_call_id"], second["content"])] == [
        (ids[0], "12"),
        (ids[1], "14"),
    ]


async def test_images_and_thinking(house: House) -> None:
    house.vendor.script(Reply(reasoning="Hm.", text="A dot."))
    message = {"role": "user", "content": "What is it?", "images": [PIXEL]}
    reply = await house.client.chat(model="far", messages=[message], think="low")
    assert (reply.message.thinking, reply.message.content) == ("Hm.", "A dot.")
    sent = house.sent()
    assert sent["reasoning_effort"] == "low"
    assert sent["messages"][0]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PIXEL}"


@pytest.mark.parametrize("stream", [False, True])
async def test_generate(house: House, stream: bool) -> None:
    house.vendor.script(Reply(text="Once upon a time."))
    ask: Any = {"model": "far", "prompt": "Tell.", "system": "Be brief."}
    if stream:
        chunks = [chunk async for chunk in await house.client.generate(**ask, stream=True)]
        assert "".join(chunk.response or "" for chunk in chunks) == "Once upon a time."
        assert chunks[-1].done_reason == "stop"
    else:
        reply = await house.client.generate(**ask)
        assert (reply.response, reply.done) == ("Once upon a time.", True)
    assert [(message["role"], message["content"]) for message in house.sent()["messages"]] == [
        ("system", "Be brief."),
        ("user", "Tell."),
    ]


@pytest.mark.parametrize("more", [{"raw": True}, {"template": "{{.Prompt}}"}, {"suffix": "end"}, {"context": [1]}])
async def test_what_goes_past_the_template_is_refused(house: House, more: Any) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        await house.client.generate(**{"model": "far", "prompt": "x", **more})
    assert caught.value.status_code == 400
    assert next(iter(more)) in caught.value.error


async def test_errors_are_ollamas(house: House) -> None:
    with pytest.raises(ollama.ResponseError, match="There is no model or route 'fra'") as caught:
        await house.client.chat(model="fra", messages=HELLO)
    assert caught.value.status_code == 404
    house.vendor.script(Failure(429))
    with pytest.raises(ollama.ResponseError, match="accepts no more requests") as caught:
        await house.client.chat(model="far", messages=HELLO, stream=False)
    assert caught.value.status_code == 429
    with pytest.raises(ollama.ResponseError, match="There is nothing at /api/pull"):
        await house.client.pull("far")


async def test_a_stream_that_breaks_ends_with_an_error(house: House) -> None:
    house.vendor.script(Reply(text="a b c", delivery=Delivery(events=3, ending=Ending.NO_DONE)))
    seen: list[ollama.ChatResponse] = []
    with pytest.raises(ollama.ResponseError, match="ended before"):
        async for chunk in await house.client.chat(model="far", messages=HELLO, stream=True):
            seen += [chunk]
    assert seen
    assert not any(chunk.done for chunk in seen)


async def test_what_there_is(house: House) -> None:
    listed = await house.client.list()
    assert [model.model for model in listed.models] == ["assistant", "far", "local"]
    shown = await house.client.show("local")
    assert "completion" in (shown.capabilities or [])
    with pytest.raises(ollama.ResponseError, match="no model or route"):
        await house.client.show("nothing")
    async with httpx.AsyncClient(base_url=house.gate.url) as client:
        assert (await client.head("/")).status_code == 200
        assert (await client.get("/")).text == "Ecotone is running"
        assert (await client.get("/api/version")).json()["version"].startswith("0.13.0+ecotone.")
        wrong = await client.get("/api/chat")
        assert (wrong.status_code, wrong.json()) == (405, {"error": "/api/chat takes POST, not GET."})


async def test_the_embedded_model_chats(house: House) -> None:
    assert not (await house.client.ps()).models
    ask: Any = {"model": "assistant", "messages": HELLO, "options": {"temperature": 0, "num_predict": 8, "seed": 1}}
    whole = await house.client.chat(**ask)
    assert (whole.eval_count, whole.done_reason) == (8, "length")
    streamed = [chunk.message.content or "" async for chunk in await house.client.chat(**ask, stream=True)]
    assert "".join(streamed) == whole.message.content
    assert [model.model for model in (await house.client.ps()).models] == ["local"]


async def test_a_model_is_loaded_and_let_go_without_a_word(house: House) -> None:
    asked = len(house.vendor.requests)
    ready = await house.client.generate(model="far")
    assert (ready.response, ready.done, ready.done_reason) == ("", True, "load")
    gone = await house.client.chat(model="far", messages=[], keep_alive=0)
    assert (gone.message.content, gone.done_reason) == ("", "unload")
    with pytest.raises(ollama.ResponseError, match="nobody") as raised:
        await house.client.generate(model="nobody")
    assert raised.value.status_code == 404
    assert len(house.vendor.requests) == asked
