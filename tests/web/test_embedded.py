"""The gateway with the real model inside, and the official SDK in front."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionToolParam

from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, FakeOpenAI, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUESTION: Any = [{"role": "user", "content": "What is an ecotone?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


def embedded(path: Path, context: int = 1024) -> str:
    return f"""
[models.local]
engine = "llama.cpp"
source = "file:{path}"
context = {context}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Path) -> AsyncIterator[RunningGateway]:
    config = embedded(smollm2_path) + '\n[routes.assistant]\nmodels = ["local"]\n'
    async with gateway(tmp_path_factory.mktemp("embedded"), config) as gate:
        yield gate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(house: RunningGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with house.client() as made:
        yield made


def engine_pids(gate: RunningGateway) -> list[int]:
    """Processes of the gateway's engines, as the operating system sees them."""
    children = Path(f"/proc/{gate.process.pid}/task").glob("*/children")
    return [int(pid) for listing in children for pid in listing.read_text().split()]


async def read_all(stream: Any) -> str:
    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])


async def test_chat_and_stream_agree(client: openai.AsyncOpenAI) -> None:
    settings: Any = {"model": "assistant", "messages": QUESTION, "max_tokens": 24, "temperature": 0, "seed": 1}
    whole = await client.chat.completions.create(**settings)
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 24
    assert await read_all(await client.chat.completions.create(stream=True, **settings)) == (
        whole.choices[0].message.content
    )


async def test_json_schema_output_validates(client: openai.AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 30},
            "legs": {"type": "integer", "minimum": 0, "maximum": 8},
            "habitat": {"enum": ["forest", "sea", "desert"]},
        },
        "required": ["name", "legs", "habitat"],
        "additionalProperties": False,
    }
    reply = await client.chat.completions.create(
        model="assistant",
        messages=[{"role": "user", "content": "Describe a fox as JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "animal", "schema": schema, "strict": True}},
        max_tokens=200,
    )
    jsonschema.validate(json.loads(reply.choices[0].message.content or ""), schema)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}], ids=["required", "named"]
)
async def test_a_required_tool_is_called_within_its_schema(client: openai.AsyncOpenAI, choice: Any) -> None:
    ask: Any = {
        "model": "assistant",
        "messages": [{"role": "user", "content": "How warm is it in Paris, in celsius?"}],
        "tools": [WEATHER],
        "tool_choice": choice,
        "max_tokens": 200,
    }
    whole = await client.chat.completions.create(**ask)
    async with client.chat.completions.stream(**ask) as stream:
        streamed = await stream.get_final_completion()
    for reply in (whole, streamed):
        assert reply.choices[0].finish_reason == "tool_calls"
        (call,) = reply.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "get_weather"
        jsonschema.validate(json.loads(call.function.arguments), WEATHER["function"]["parameters"])


async def test_embeddings_beside_chat(client: openai.AsyncOpenAI) -> None:
    texts = ["A fox runs through the forest.", "A wolf runs through the woods.", "Quarterly revenue rose by 4 %."]
    reply = await client.embeddings.create(model="assistant", input=texts)
    fox, wolf, revenue = (row.embedding for row in reply.data)
    assert len(fox) == 576  # the width of SmolLM2-135M, from its model card

    def likeness(one: list[float], other: list[float]) -> float:
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert likeness(fox, wolf) > likeness(fox, revenue)


async def test_four_streams_at_once_all_finish(client: openai.AsyncOpenAI) -> None:
    async def one(number: int) -> str:
        stream = await client.chat.completions.create(
            model="assistant",
            messages=[{"role": "user", "content": f"Tell me fact number {number} about rivers."}],
            stream=True,
            max_tokens=40,
        )
        return await read_all(stream)

    answers = await asyncio.gather(*(one(number) for number in range(4)))
    assert all(answers)


async def test_a_prompt_over_the_context_is_explained(client: openai.AsyncOpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="1,024") as raised:
            await client.chat.completions.create(
                model="assistant", messages=[{"role": "user", "content": "word " * 4000}], stream=stream
            )
        assert raised.value.code == "context_length_exceeded"


async def test_a_client_that_leaves_frees_its_slot(house: RunningGateway, client: openai.AsyncOpenAI) -> None:
    """All four slots are taken by clients who leave; within a second a fifth is answered."""
    endless: Any = {"model": "assistant", "messages": QUESTION, "stream": True, "max_tokens": 900}
    endless["extra_body"] = {"ignore_eos": True}
    since = len(await house.rows(0))
    streams = [await client.chat.completions.create(**endless) for _ in range(4)]
    for stream in streams:
        await anext(aiter(stream))
    for stream in streams:
        await stream.close()
    async with asyncio.timeout(20):  # 900 tokens in each of four slots take far longer
        await client.chat.completions.create(model="assistant", messages=QUESTION, max_tokens=1)
    async with asyncio.timeout(20):  # rows of those who left may follow the fifth's
        while [row["status"] for row in await house.rows(5, since=since)].count(499) < 4:
            await asyncio.sleep(0.05)


async def test_a_killed_engine_ends_its_stream_at_once_and_the_next_request_is_served(
    house: RunningGateway, client: openai.AsyncOpenAI
) -> None:
    (chat_engine, *_) = engine_pids(house)
    stream = await client.chat.completions.create(
        model="assistant", messages=QUESTION, stream=True, max_tokens=900, extra_body={"ignore_eos": True}
    )
    seen = 0
    with pytest.raises(openai.APIError, match="closed the connection in the middle"):
        async for _ in stream:
            seen += 1
            if seen == 3:
                for pid in engine_pids(house):
                    os.kill(pid, signal.SIGKILL)
    reply = await client.chat.completions.create(model="assistant", messages=QUESTION, max_tokens=5)
    assert reply.choices[0].message.content
    assert chat_engine not in engine_pids(house)
    assert house.process.returncode is None


async def test_the_swap(tmp_path: Path, smollm2_path: Path) -> None:
    """One line of config moves a talking client from the model inside to a vendor's and back."""
    async with FakeOpenAI("sk-vendor") as vendor:
        models = embedded(smollm2_path) + (
            f'[models.closed]\nprovider = "openai"\nbase_url = "{vendor.base_url}"\n'
            'name = "gpt-4o"\nkey_env = "VENDOR_KEY"\n'
        )

        def config(*names: str) -> str:
            return models + f"[routes.assistant]\nmodels = {json.dumps(names)}\n"

        answered: list[str] = []
        stop = asyncio.Event()

        async def keep_talking(client: openai.AsyncOpenAI) -> None:
            while not stop.is_set():
                raw = await client.chat.completions.with_raw_response.create(
                    model="assistant", messages=QUESTION, max_tokens=3
                )
                assert raw.parse().choices[0].message.content
                answered.append(raw.headers["x-ecotone-model"])

        async def answers_from(model: str) -> None:
            since = len(answered) + 1  # one may be under way
            async with asyncio.timeout(30):
                while len(answered) < since + 3:
                    await asyncio.sleep(0.02)
            assert set(answered[since:]) == {model}

        async with (
            gateway(tmp_path, config("local"), environment={"VENDOR_KEY": "sk-vendor"}) as gate,
            gate.client() as client,
        ):
            talking = asyncio.create_task(keep_talking(client))
            await answers_from("local")
            for models_of_route, expected in ((("closed",), "closed"), (("local",), "local"), (("closed",), "closed")):
                await gate.reconfigure(config(*models_of_route))
                await answers_from(expected)
            stop.set()
            await talking  # raises if any request failed

            await gate.reconfigure(config("closed", "local"))
            vendor.script(Reply(deltas=["never", "seen"], delivery=Delivery(events=1, gate=asyncio.Event())))

            async def begin() -> Any:
                return await client.chat.completions.with_raw_response.create(
                    model="assistant", messages=QUESTION, max_tokens=3, stream=True
                )

            stream = asyncio.create_task(begin())
            asked = len(vendor.requests)
            while len(vendor.requests) == asked:
                await asyncio.sleep(0.01)
            await vendor.stop()  # killed before its first token
            raw = await stream
            assert raw.headers["x-ecotone-model"] == "local"
            assert await read_all(raw.parse())

            await gate.reconfigure(config("local", "closed"))
            async with vendor:
                for pid in engine_pids(gate):
                    os.kill(pid, signal.SIGKILL)
                replies = [
                    await client.chat.completions.create(model="assistant", messages=QUESTION, max_tokens=3)
                    for _ in range(3)
                ]
            assert all(reply.choices[0].message.content for reply in replies)


async def test_a_bad_config_is_refused_and_the_old_one_stays(house: RunningGateway, client: openai.AsyncOpenAI) -> None:
    good = house.config.read_text()
    await house.reconfigure(good.replace("engine =", "engin ="))
    assert "ecotone.toml:3: unknown key 'engin'" in house.log[-1]
    assert "did you mean 'engine'?" in house.log[-1]
    await client.chat.completions.create(model="assistant", messages=QUESTION, max_tokens=1)
    await house.reconfigure(good)
    assert "reloaded" in house.log[-1]


async def test_sigterm_lets_a_stream_finish(tmp_path: Path, smollm2_path: Path) -> None:
    async with gateway(tmp_path, embedded(smollm2_path)) as gate, gate.client() as client:
        stream = await client.chat.completions.create(model="local", messages=QUESTION, stream=True, max_tokens=60)
        chunks = aiter(stream)
        first = await anext(chunks)
        for pid in (gate.process.pid, *engine_pids(gate)):  # as a supervisor does that signals the whole group
            os.kill(pid, signal.SIGTERM)
        rest = [chunk async for chunk in chunks]
        assert rest[-1].choices[0].finish_reason in ("stop", "length")
        assert first.id == rest[-1].id
        assert await gate.stop() == 0
        assert not (gate.home / "gateway.json").exists()
