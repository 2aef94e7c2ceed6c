"""The Responses API of a running gateway: the official SDK in front, the vendors' fakes behind."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from ecotone.gateway.build import open_database
from ecotone.gateway.keys import Keys
from ecotone.gateway.settings.paths import Home
from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI, FakeResponses, Raw, Reply, Text, Thinking, ToolCall

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
ENCRYPTED: Any = ["reasoning.encrypted_content"]
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def vendor() -> AsyncIterator[FakeResponses]:
    async with FakeResponses() as server:
        yield server


@pytest.fixture
async def chat_vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as server:
        yield server


def config(vendor: FakeResponses, chat_vendor: FakeOpenAI, more: str = "") -> str:
    return f"""
[models.responses]
provider = "openai"
wire = "openai-responses"
name = "gpt-5.5"
base_url = "{vendor.base_url}"
key_env = "TEST_CREDENTIAL"

[models.chat]
provider = "openai-compatible"
name = "gpt-4o"
base_url = "{chat_vendor.base_url}"
key_env = "TEST_CREDENTIAL"
{more}
"""


@pytest.fixture
async def running(tmp_path: Path, vendor: FakeResponses, chat_vendor: FakeOpenAI) -> AsyncIterator[RunningGateway]:
    environment = {"TEST_CREDENTIAL": "sk-test"}
    async with gateway(tmp_path, config(vendor, chat_vendor), environment=environment) as started:
        yield started


async def whole(client: openai.AsyncOpenAI, **fields: Any) -> Response:
    reply = await client.responses.create(**fields)
    assert isinstance(reply, Response)
    return reply


async def streamed(client: openai.AsyncOpenAI, **fields: Any) -> Response:
    """The response at the end of a stream, after the SDK has put it together."""
    async with client.responses.stream(**fields) as stream:
        numbers = [event.sequence_number async for event in stream]
        assert numbers == list(range(len(numbers)))
        return await stream.get_final_response()


async def test_a_conversation_goes_on_from_what_is_kept(running: RunningGateway, vendor: FakeResponses) -> None:
    fields: dict[str, Any] = {"model": "responses", "tools": [WEATHER], "reasoning": {"summary": "auto"}}
    answer: Any = [{"type": "function_call_output", "call_id": "call_1", "output": "rain"}]
    async with running.client() as client:
        for ask in (whole, streamed):
            call = ToolCall("weather", '{"city":"Bern"}', id="call_1")
            vendor.script(Reply(parts=[Thinking("Rain?"), call]), Reply(text="It rains."))
            first = await ask(client, input="Rain in Bern?", instructions="Be brief.", **fields)
            assert [item.type for item in first.output] == ["reasoning", "function_call"]
            # Encrypted reasoning is for those who ask for it; it is kept all the same.
            assert getattr(first.output[0], "encrypted_content", None) is None
            second = await ask(client, input=answer, previous_response_id=first.id, **fields)
            assert (second.output_text, second.previous_response_id) == ("It rains.", first.id)
            upstream = vendor.requests[-1].json
            assert upstream["store"] is False
            assert not {"previous_response_id", "instructions"} & upstream.keys()
            items = upstream["input"]
            assert [item["type"] for item in items] == ["message", "reasoning", "function_call", "function_call_output"]
            assert vendor.seals.knows(items[1]["encrypted_content"])
            assert items[0] == {"type": "message", "role": "user", "content": "Rain in Bern?"}


async def test_it_goes_on_at_an_upstream_of_another_wire(running: RunningGateway, chat_vendor: FakeOpenAI) -> None:
    async with running.client() as client:
        for ask in (whole, streamed):
            chat_vendor.script(Reply(text="Hello, Ada."), Reply(text="You are Ada."))
            first = await ask(client, model="chat", input="I am Ada.", instructions="Be brief.")
            second = await ask(client, model="chat", input="Who am I?", previous_response_id=first.id)
            assert (second.output_text, second.previous_response_id) == ("You are Ada.", first.id)
            assert chat_vendor.requests[-1].json["messages"] == [
                {"role": "user", "content": "I am Ada."},
                {"role": "assistant", "content": "Hello, Ada."},
                {"role": "user", "content": "Who am I?"},
            ]


async def test_reading_listing_and_deleting(running: RunningGateway, vendor: FakeResponses) -> None:
    vendor.script(Reply(parts=[Thinking("Hm."), Text("Hi.")]))
    async with running.client() as client:
        made = await whole(client, model="responses", input="Hello", include=ENCRYPTED)
        read = await client.responses.retrieve(made.id, include=ENCRYPTED)
        assert read == made
        shown: Any = (await client.responses.retrieve(made.id)).output[0]
        assert shown.encrypted_content is None
        listed = await client.responses.input_items.list(made.id)
        assert [item.to_dict() for item in listed.data] == [
            {
                "id": "msg_000000",
                "type": "message",
                "role": "user",
                "status": "completed",
                "content": [{"type": "input_text", "text": "Hello"}],
            }
        ]
        referred: Any = [{"type": "item_reference", "id": made.output[1].id}, {"role": "user", "content": "Again"}]
        await whole(client, model="responses", input=referred)
        assert vendor.requests[1].json["input"][0]["content"][0]["text"] == "Hi."
        with pytest.raises(openai.BadRequestError, match="background"):
            await client.responses.cancel(made.id)
        await client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError, match=f"Response with id '{made.id}' not found"):
            await client.responses.retrieve(made.id)
        with pytest.raises(openai.BadRequestError) as refused:
            await whole(client, model="responses", input="Go on", previous_response_id=made.id)
        assert refused.value.code == "previous_response_not_found"
        kept = await whole(client, model="responses", input="Three words here")
        counted = await client.responses.input_tokens.count(
            model="responses", input="And two", previous_response_id=kept.id
        )
        # By the fake's own rule: four for each item, and one for each word of them; it echoed with five.
        assert counted.input_tokens == 12 + 3 + 5 + 2
        compacted = await client.responses.compact(model="responses", previous_response_id=kept.id)
        assert [item.type for item in compacted.output] == ["message", "compaction"]
        for refused_call in (client.responses.input_tokens.count, client.responses.compact):
            with pytest.raises(openai.BadRequestError, match="Ask for a model that does"):
                await refused_call(model="chat", input="Hello")
            with pytest.raises(openai.BadRequestError, match="Conversations are not kept here"):
                await refused_call(model="responses", extra_body={"conversation": "conv_1"})
        with pytest.raises(openai.BadRequestError, match="`input` must be a string or a list of items"):
            await whole(client, model="responses", input=["Hello"], previous_response_id=kept.id)
        unkept = await whole(client, model="responses", input="Hello", store=False)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(unkept.id)


async def test_what_cannot_be_kept_is_no_answer(running: RunningGateway, vendor: FakeResponses) -> None:
    item = b'{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[],"x":1e999}'
    async with running.client() as client:
        vendor.script(Raw(b'{"id":"resp_1","object":"response","status":"completed","output":[' + item + b"]}"))
        with pytest.raises(openai.InternalServerError, match="cannot be read") as raised:
            await whole(client, model="responses", input="Hello")
        assert raised.value.status_code == 502
        done = b'{"type":"response.output_item.done","output_index":0,"sequence_number":0,"item":' + item + b"}"
        event = b"event: response.output_item.done\ndata: " + done + b"\n\n"
        vendor.script(Raw(event, "text/event-stream"))
        with pytest.raises(openai.APIError, match="cannot be read"):
            await streamed(client, model="responses", input="Hello")


async def test_what_cannot_be_is_refused_clearly(
    tmp_path: Path, vendor: FakeResponses, chat_vendor: FakeOpenAI
) -> None:
    text = config(vendor, chat_vendor, '[retention]\nresponses = "none"')
    async with (
        gateway(tmp_path, text, environment={"TEST_CREDENTIAL": "sk-test"}) as running,
        running.client() as client,
    ):
        reply = await whole(client, model="responses", input="Hello")
        assert reply.output_text == "gpt-5.5 heard: Hello"
        impossible: list[dict[str, Any]] = [{"store": True}, {"previous_response_id": reply.id}, {"background": True}]
        impossible.append({"conversation": "conv_1"})
        for fields in impossible:
            with pytest.raises(openai.BadRequestError) as refused:
                await whole(client, model="responses", input="Hello", **fields)
            assert refused.value.code == "unsupported_feature"
            assert refused.value.param == next(iter(fields))
        with pytest.raises(openai.NotFoundError, match="retention"):
            await client.responses.retrieve(reply.id)
    assert len(vendor.requests) == 1


async def test_nobody_sees_another_callers_responses(
    tmp_path: Path, vendor: FakeResponses, chat_vendor: FakeOpenAI
) -> None:
    database = open_database(Home(tmp_path / "home"))
    ada, bob = (Keys(database).create(name, now=_NOW) for name in ("ada", "bob"))
    database.close()
    text = config(vendor, chat_vendor)
    async with (
        gateway(tmp_path, text, environment={"TEST_CREDENTIAL": "sk-test"}) as running,
        running.client(api_key=ada) as hers,
        running.client(api_key=bob) as his,
    ):
        made = await whole(hers, model="responses", input="A secret")
        assert (await hers.responses.retrieve(made.id)).id == made.id
        with pytest.raises(openai.NotFoundError):
            await his.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            await his.responses.input_items.list(made.id)
        with pytest.raises(openai.NotFoundError):
            await his.responses.delete(made.id)
        with pytest.raises(openai.BadRequestError, match="not found"):
            await whole(his, model="responses", input="What was it?", previous_response_id=made.id)
        stolen: Any = [{"type": "item_reference", "id": made.output[0].id}]
        with pytest.raises(openai.NotFoundError):
            await whole(his, model="responses", input=stolen)
        assert (await hers.responses.retrieve(made.id)).id == made.id
