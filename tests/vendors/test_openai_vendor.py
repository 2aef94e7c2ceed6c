"""The fake vendor is what it claims to be: driven by the official SDK and by bytes written by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam
from pydantic import BaseModel

from tests.vendors import (
    Declined,
    Delivery,
    Ending,
    Failure,
    FakeOpenAI,
    Raw,
    Received,
    Reply,
    ScriptError,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.vendors.openai_rules import Refusal, violations

MODEL = "gpt-4o-mini"
HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]
WEATHER: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="sk-test") as server:
        yield server


@pytest.fixture
async def client(vendor: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-test", base_url=vendor.base_url, max_retries=0) as sdk:
        yield sdk


async def post(vendor: FakeOpenAI, body: Any, path: str = "/chat/completions", **headers: str) -> httpx.Response:
    sent = {"authorization": "Bearer sk-test", "content-type": "application/json"} | headers
    content = body if isinstance(body, bytes) else json.dumps(body)
    async with httpx.AsyncClient() as http:
        return await http.post(vendor.base_url + path, content=content, headers=sent)


async def refused(vendor: FakeOpenAI, **fields: Any) -> dict[str, Any]:
    """The error of a chat request that differs from a good one in these fields."""
    response = await post(vendor, {"model": MODEL, "messages": HELLO} | fields)
    assert response.status_code == 400, response.text
    assert violations("ErrorResponse", response.json()) == []
    error: dict[str, Any] = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


async def test_says_who_answered_when_nothing_is_scripted(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert reply.choices[0].message.content == "gpt-4o heard: Hello there"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (6, 4, 10)
    assert reply.id.startswith("chatcmpl-") and reply.service_tier == "default" and reply.system_fingerprint
    assert vendor.requests[0].headers["user-agent"].startswith("AsyncOpenAI")
    assert json.loads(vendor.requests[0].body) == {"model": "gpt-4o", "messages": HELLO}


async def test_the_synchronous_sdk_works_from_a_thread(vendor: FakeOpenAI) -> None:
    def ask() -> str | None:
        with OpenAI(api_key="sk-test", base_url=vendor.base_url) as sdk:
            return sdk.chat.completions.create(model=MODEL, messages=HELLO).choices[0].message.content

    assert await asyncio.to_thread(ask) == "gpt-4o-mini heard: Hello there"


async def test_streams_the_same_words(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text="one two three", usage=Usage(prompt=7, cached=5)))
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == ["", "one", " two", " three", None]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    assert usage is not None and usage.prompt_tokens_details is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == (7, 3, 5)
    assert all(chunk.obfuscation for chunk in chunks[:-1])


async def test_every_reply_obeys_the_vendors_own_schemas(vendor: FakeOpenAI) -> None:
    body = {"model": MODEL, "messages": HELLO, "n": 2, "logprobs": True, "top_logprobs": 2, "tools": [WEATHER]}
    call = ToolCall("weather", '{"city": "Bern"}')
    scripts = [Reply(text="a b"), Reply(refusal="No, sorry."), Reply(tool_calls=[call, call])]
    vendor.script(*scripts, *scripts)
    for _ in scripts:
        response = await post(vendor, body)
        assert violations("CreateChatCompletionResponse", response.json()) == []
    for _ in scripts:
        response = await post(vendor, body | {"stream": True, "stream_options": {"include_usage": True}})
        events = [line.removeprefix("data: ") for line in response.text.split("\n\n")][:-1]
        assert events.pop() == "[DONE]"
        assert [
            v for event in events for v in violations("CreateChatCompletionStreamResponse", json.loads(event))
        ] == []
    response = await post(
        vendor, {"model": "gpt-3.5-turbo-instruct", "prompt": ["a", "b"], "logprobs": 1}, "/completions"
    )
    assert violations("CreateCompletionResponse", response.json()) == []
    response = await post(vendor, {"model": "text-embedding-3-small", "input": [[1, 2], [3]]}, "/embeddings")
    assert violations("CreateEmbeddingResponse", response.json()) == []


async def test_parallel_tool_calls_stream_as_argument_deltas(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    bern, geneva = '{"city": "Bern"}', '{"city": "Genève"}'
    calls = [ToolCall("weather", bern, id="call_a"), ToolCall("weather", geneva, id="call_b")]
    vendor.script(Reply(tool_calls=calls), Reply(tool_calls=calls))
    whole = await client.chat.completions.create(model=MODEL, messages=HELLO, tools=[WEATHER])
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, tools=[WEATHER], stream=True)
    pieces: dict[int, list[str]] = {0: [], 1: []}
    finish = None
    async for chunk in stream:
        for delta in chunk.choices[0].delta.tool_calls or ():
            assert delta.function is not None
            pieces[delta.index].append(delta.function.arguments or "")
        finish = chunk.choices[0].finish_reason
    assert finish == whole.choices[0].finish_reason == "tool_calls"
    assert ["".join(arguments) for arguments in pieces.values()] == [bern, geneva]
    assert len(pieces[0]) == 4  # an opening delta, then 16 characters by sevens
    assert [call.id for call in whole.choices[0].message.tool_calls or ()] == ["call_a", "call_b"]


class Place(BaseModel):
    name: str
    people: int


async def test_structured_outputs_parse(client: AsyncOpenAI) -> None:
    parsed = await client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Place)
    assert parsed.choices[0].message.parsed == Place(name="fake", people=1)


async def test_a_forced_tool_is_called(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        tools=[openai.pydantic_function_tool(Place)],
        tool_choice="required",
    )
    calls = reply.choices[0].message.tool_calls
    assert calls is not None and len(calls) == 1 and calls[0].type == "function"
    assert json.loads(calls[0].function.arguments) == {"name": "fake", "people": 1}


async def test_reasoning_is_sent_as_open_servers_send_it(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text="42", reasoning="six times seven"))
    reply = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert reply.choices[0].message.model_extra == {"reasoning_content": "six times seven"}


async def test_parts_are_gathered_by_kind(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(parts=[Text("one "), Thinking("a"), Text("two"), Declined("no"), ToolCall("weather")]))
    reply = await client.chat.completions.create(model=MODEL, messages=HELLO, tools=[WEATHER])
    message = reply.choices[0].message
    assert (message.content, message.refusal, message.model_extra) == ("one two", "no", {"reasoning_content": "a"})
    assert reply.choices[0].finish_reason == "tool_calls"


async def test_choices_take_turns_in_a_stream(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text="yes"))
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, n=2, stream=True)
    texts = {0: "", 1: ""}
    order = []
    async for chunk in stream:
        order.append(chunk.choices[0].index)
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {0: "yes", 1: "yes [1]"}
    assert order[:4] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"max_completion_tokens": 2}, "one two", "length"),
        ({"max_tokens": 3}, "one two three", "stop"),
        ({"stop": [" three"]}, "one two", "stop"),
        ({"stop": "one"}, "", "stop"),
    ],
)
async def test_limits_and_stop_sequences_end_a_reply(
    vendor: FakeOpenAI, client: AsyncOpenAI, fields: dict[str, Any], text: str, reason: str
) -> None:
    vendor.script(Reply(text="one two three"))
    reply = await client.chat.completions.create(model=MODEL, messages=HELLO, **fields)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (text, reason)


async def test_logprobs_come_when_asked_for(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text="é a"))
    reply = await client.chat.completions.create(model=MODEL, messages=HELLO, logprobs=True, top_logprobs=2)
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None and logprobs.content is not None
    assert [entry.token for entry in logprobs.content] == ["é", " a"]
    assert logprobs.content[0].bytes == [0xC3, 0xA9]
    assert [top.token for top in logprobs.content[0].top_logprobs] == ["é", "é'"]


async def test_completions(client: AsyncOpenAI) -> None:
    reply = await client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", echo=True, max_tokens=2)
    assert (reply.choices[0].text, reply.choices[0].finish_reason) == ("Oncegpt-3.5-turbo-instruct heard:", "length")
    stream = await client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["a", "b"], stream=True)
    texts = {0: "", 1: ""}
    async for chunk in stream:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == {0: "gpt-3.5-turbo-instruct heard: a", 1: "gpt-3.5-turbo-instruct heard: b"}


async def test_embeddings_agree_in_both_encodings(client: AsyncOpenAI) -> None:
    texts = ["hello", "world"]
    # The SDK asks for base64 unless told otherwise, and decodes it.
    packed = await client.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=8)
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input=texts, dimensions=8, encoding_format="float"
    )
    assert [len(item.embedding) for item in plain.data] == [8, 8]
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, rel=1e-6)
    assert plain.data[0].embedding != plain.data[1].embedding
    assert sum(value * value for value in plain.data[0].embedding) == pytest.approx(1)
    assert plain.usage.prompt_tokens == 2


async def test_models(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    listed = [model.id async for model in client.models.list()]
    assert listed == list(vendor.models)
    assert (await client.models.retrieve("o3")).owned_by == "system"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("o33")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_failures_raise_the_sdks_own_errors(
    vendor: FakeOpenAI, client: AsyncOpenAI, status: int, kind: type[openai.APIStatusError]
) -> None:
    vendor.script(Failure(status, retry_after_s=2))
    with pytest.raises(kind) as caught:
        await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.request_id is not None and caught.value.request_id.startswith("req_")
    remaining = caught.value.response.headers["x-ratelimit-remaining-requests"]
    assert remaining == ("0" if status == 429 else "499")


async def test_wrong_key_and_unknown_model(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    async with AsyncOpenAI(api_key="sk-other", base_url=vendor.base_url, max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as unknown:
            await stranger.models.list()
    assert unknown.value.code == "invalid_api_key" and "sk-other" not in str(unknown.value)
    with pytest.raises(openai.NotFoundError) as absent:
        await client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert absent.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="text-embedding-3-small", messages=HELLO)
    assert (await post(vendor, {}, authorization="Basic sk-test")).status_code == 401
    assert (await post(vendor, {}, "/chat")).json()["error"]["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"foo": 1}, "foo", "unknown_parameter"),
        ({"x_ecotone": {}}, "x_ecotone", "unknown_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": None}, "messages", "invalid_type"),
        ({"messages": [{"role": "user", "content": "a", "id": 1}]}, "messages[0].id", "unknown_parameter"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "missing_required_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]},
            "messages[0].content[0].cache_control",
            "unknown_parameter",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"detail": "low"}}]}]},
            "messages[0].content[0].image_url.url",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": -1}, "top_p", "integer_below_min_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_parameter_combination"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs", "integer_above_max_value"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", "invalid_parameter_combination"),
        ({"model": "o3-mini", "max_tokens": 5}, "max_tokens", "unsupported_parameter"),
        ({"model": "o3", "stop": "x"}, "stop", "unsupported_parameter"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5", "invalid_value"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        ({"metadata": {str(i): "" for i in range(17)}}, "metadata", "object_above_max_properties"),
        ({"service_tier": "gold"}, "service_tier", "invalid_value"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
        ({"modalities": ["text", "audio"]}, "audio", None),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", None),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"name": "weather", "input_schema": {}}]}, "tools[0].type", "missing_required_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value"),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}},
            "tool_choice",
            None,
        ),
        ({"response_format": {"type": "json_object"}}, "messages", None),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
                }
            },
            "response_format",
            None,
        ),
    ],
)
async def test_refuses_what_the_vendor_refuses(
    vendor: FakeOpenAI, fields: dict[str, Any], param: str, code: str | None
) -> None:
    error = await refused(vendor, **fields)
    assert (error["param"], error["code"]) == (param, code)


def called(*ids: str) -> dict[str, Any]:
    calls = [{"id": name, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for name in ids]
    return {"role": "assistant", "tool_calls": calls}


def answered(name: str) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": name, "content": "sun"}


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([*HELLO, answered("a")], "messages.[1].role"),
        ([*HELLO, called("a")], "messages.[1].role"),
        ([*HELLO, called("a", "b"), answered("a")], "messages.[1].role"),
        ([*HELLO, called("a"), answered("b")], "messages.[2].role"),
        ([*HELLO, called("a"), answered("a"), answered("a")], "messages.[3].role"),
        ([*HELLO, called("a"), *HELLO, answered("a")], "messages.[1].role"),
        ([*HELLO, {"role": "assistant", "content": None}], "messages[1].content"),
        ([*HELLO, {"role": "assistant", "content": "x", "tool_calls": []}], "messages[1].tool_calls"),
    ],
)
async def test_tool_messages_must_answer_tool_calls(vendor: FakeOpenAI, messages: list[Any], param: str) -> None:
    assert (await refused(vendor, messages=messages))["param"] == param


async def test_accepts_a_long_and_varied_conversation(vendor: FakeOpenAI) -> None:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    body = {
        "model": MODEL,
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "eve", "content": parts},
            called("a", "b"),
            answered("b"),
            answered("a") | {"content": [{"type": "text", "text": "rain"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "refusal": None},
            {"role": "user", "content": "JSON please"},
        ],
        "tools": [WEATHER, {"type": "custom", "custom": {"name": "free", "format": {"type": "text"}}}],
        "tool_choice": {"type": "custom", "custom": {"name": "free"}},
        "parallel_tool_calls": True,
        "response_format": {"type": "json_object"},
        "temperature": 0,
        "top_p": None,
        "stop": None,
        "seed": 7,
        "n": 1,
        "logit_bias": {"50256": -100},
        "metadata": {"team": "a"},
        "user": "u",
        "store": False,
        "prediction": {"type": "content", "content": "x"},
        "reasoning_effort": "low",
        "verbosity": "low",
        "service_tier": "auto",
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
    }
    response = await post(vendor, body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "obfuscation" not in response.text


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/embeddings", {"model": "text-embedding-3-small", "input": ""}, "input"),
        ("/embeddings", {"model": "text-embedding-3-small", "input": []}, "input"),
        ("/embeddings", {"model": "text-embedding-3-small", "input": "a", "stream": True}, "stream"),
        ("/embeddings", {"model": "text-embedding-ada-002", "input": "a", "dimensions": 4}, "dimensions"),
        ("/completions", {"model": "gpt-3.5-turbo-instruct"}, "prompt"),
        ("/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "a", "messages": []}, "messages"),
        ("/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "a", "logprobs": 6}, "logprobs"),
        ("/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "a", "n": 3, "best_of": 2}, "best_of"),
    ],
)
async def test_the_other_endpoints_are_as_strict(vendor: FakeOpenAI, path: str, body: Any, param: str) -> None:
    response = await post(vendor, body, path)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


async def test_refuses_what_is_not_json(vendor: FakeOpenAI) -> None:
    for body in (b'{"model": "gpt-4o-mini", "mess', b"", b'{"temperature": NaN}', b"\xff", b"[" * 100_000):
        response = await post(vendor, body)
        assert response.status_code == 400
        assert "could not parse the JSON body" in response.json()["error"]["message"]
    response = await post(vendor, [1])
    assert response.json()["error"]["code"] == "invalid_type"
    response = await post(vendor, {"model": MODEL, "messages": HELLO}, **{"content-type": "text/plain"})
    assert response.json()["error"]["code"] == "unsupported_content_type"
    async with httpx.AsyncClient(headers={"authorization": "Bearer sk-test"}) as http:
        assert (await http.delete(vendor.base_url + "/chat/completions")).status_code == 405


async def collect(client: AsyncOpenAI) -> str:
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(piece_bytes=1),
        Delivery(crlf=True, pings=True),
        Delivery(crlf=True, piece_bytes=3),
        Delivery(delay_s=0.01, gap_s=0.001),
    ],
)
async def test_odd_but_lawful_deliveries_carry_the_same_words(
    vendor: FakeOpenAI, client: AsyncOpenAI, delivery: Delivery
) -> None:
    vendor.script(Reply(text="Zürich 🌊 is fine", delivery=delivery))
    assert await collect(client) == "Zürich 🌊 is fine"


async def test_a_huge_delta_arrives_in_one_event(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(deltas=["x" * 3_000_000]))
    assert len(await collect(client)) == 3_000_000


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_cut_streams_break_off(vendor: FakeOpenAI, client: AsyncOpenAI, ending: Ending) -> None:
    vendor.script(Reply(text="one two three", delivery=Delivery(events=3, ending=ending)))
    seen = 0
    with pytest.raises((httpx.TransportError, openai.APIConnectionError)):
        async for _ in await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
            seen += 1
    # A reset may overtake what was sent before it.
    assert seen == 3 or (ending is Ending.RESET and seen < 3)


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_cut_bodies_break_off(vendor: FakeOpenAI, ending: Ending) -> None:
    vendor.script(Reply(text="one", delivery=Delivery(ending=ending)))
    with pytest.raises(httpx.TransportError):
        await post(vendor, {"model": MODEL, "messages": HELLO})


async def test_a_stream_may_lack_its_terminator(vendor: FakeOpenAI) -> None:
    vendor.script(Reply(text="one", delivery=Delivery(events=2, ending=Ending.NO_DONE)))
    response = await post(vendor, {"model": MODEL, "messages": HELLO, "stream": True})
    assert response.text.count("data: ") == 2
    assert "[DONE]" not in response.text


async def test_an_error_may_come_late(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text="one two", delivery=Delivery(events=2, ending=Ending.ERROR_EVENT)))
    with pytest.raises(openai.APIError, match="The server had an error"):
        await collect(client)
    limited = Delivery(events=0, ending=Ending.ERROR_EVENT, late_status=429)
    vendor.script(Reply(text="one two", delivery=limited))
    with pytest.raises(openai.APIError, match="Rate limit reached") as caught:
        await collect(client)
    assert caught.value.code == "rate_limit_exceeded"


async def test_malformed_bodies_and_events(vendor: FakeOpenAI) -> None:
    vendor.script(
        Raw(b'{"id": "chatcmpl-'),
        Raw(b"data: {oops\n\n", "text/event-stream"),
        Reply(text="one", delivery=Delivery(events=1, insert=b"data: {oops\n\n")),
    )
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    assert (await post(vendor, body)).content == b'{"id": "chatcmpl-'
    assert (await post(vendor, body)).content == b"data: {oops\n\n"
    events = (await post(vendor, body)).text.split("\n\n")
    assert events[1] == "data: {oops" and events[-2] == "data: [DONE]"


async def test_content_length_may_lie(vendor: FakeOpenAI) -> None:
    vendor.script(Reply(text="one", delivery=Delivery(content_length=10_000)))
    with pytest.raises(httpx.RemoteProtocolError):
        await post(vendor, {"model": MODEL, "messages": HELLO})


async def test_a_stalled_reply_lasts_until_the_client_leaves(vendor: FakeOpenAI) -> None:
    vendor.script(Reply(text="one two", delivery=Delivery(events=1, ending=Ending.STALL)))
    reader, writer = await asyncio.open_connection("127.0.0.1", vendor.port)
    body = json.dumps({"model": MODEL, "messages": HELLO, "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-test\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await reader.readuntil(b"data: ")
    assert not vendor.requests[0].left.is_set()
    writer.close()
    await writer.wait_closed()
    await asyncio.wait_for(vendor.requests[0].left.wait(), 5)


async def test_a_gate_holds_a_reply_until_the_test_opens_it(vendor: FakeOpenAI, client: AsyncOpenAI) -> None:
    gate = asyncio.Event()
    vendor.script(Reply(text="one two", delivery=Delivery(events=2, gate=gate)))
    stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    words = []
    async for chunk in stream:
        words.append(chunk.choices[0].delta.content)
        if len(words) == 2:
            gate.set()
    assert words == ["", "one", " two", None]


async def test_connections_are_kept_alive_and_bodies_may_be_chunked(vendor: FakeOpenAI) -> None:
    body = json.dumps({"model": MODEL, "messages": HELLO}).encode()

    async def trickle() -> AsyncIterator[bytes]:
        yield body[:10]
        yield body[10:]

    headers = {"authorization": "Bearer sk-test", "content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers) as http:
        for content in (body, trickle(), body):
            response = await http.post(vendor.base_url + "/chat/completions", content=content)
            assert response.status_code == 200
    assert vendor.connections == 1
    assert [received.body for received in vendor.requests] == [body] * 3


async def test_stopping_drops_connections_and_starting_again_keeps_the_port(vendor: FakeOpenAI) -> None:
    port = vendor.port
    await vendor.stop()
    with pytest.raises(httpx.ConnectError):
        await post(vendor, {"model": MODEL, "messages": HELLO})
    async with vendor:
        assert vendor.port == port
        assert (await post(vendor, {"model": MODEL, "messages": HELLO})).status_code == 200


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(tool_calls=[ToolCall("weather")]), "no tool"),
        (Reply(tool_calls=[ToolCall("weather", kind="custom")]), "no form"),
        (Reply(reasoning="a", signature="b"), "neither signs"),
        (Reply(text="a", finish_reason="end_turn"), "finish_reason"),
    ],
)
async def test_a_script_that_no_vendor_would_follow_fails_the_test(reply: Reply, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        async with FakeOpenAI() as vendor:
            vendor.script(reply)
            response = await post(vendor, {"model": MODEL, "messages": HELLO})
            assert response.status_code == 500


class Broken(FakeOpenAI):
    """A vendor whose own code fails."""

    def request_refusal(self, received: Received) -> Refusal | None:
        raise ZeroDivisionError(received.path)


async def test_a_fault_of_the_fake_itself_fails_the_test() -> None:
    with pytest.raises(ZeroDivisionError, match="completions"):
        async with Broken() as vendor:
            with pytest.raises(httpx.RemoteProtocolError):
                await post(vendor, {"model": MODEL, "messages": HELLO})
