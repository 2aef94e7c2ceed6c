"""The fake Responses API is what it claims to be: driven by the official SDK and by bytes written by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import CustomToolParam, FunctionToolParam, Response, ResponseStreamEvent
from pydantic import BaseModel

from tests.vendors import (
    Declined,
    Delivery,
    Ending,
    Failure,
    FakeResponses,
    Reply,
    ScriptError,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.vendors.openai_rules import definitions, violations

MODEL = "gpt-5.5"
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
SHELL: CustomToolParam = {"type": "custom", "name": "shell"}
USER = {"role": "user", "content": "Hello there"}
ENCRYPTED: Any = ["reasoning.encrypted_content"]


@pytest.fixture
async def vendor() -> AsyncIterator[FakeResponses]:
    async with FakeResponses() as server:
        yield server


@pytest.fixture
async def client(vendor: FakeResponses) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-test", base_url=vendor.base_url, max_retries=0) as sdk:
        yield sdk


async def ask(client: AsyncOpenAI, **fields: Any) -> Response:
    asked: dict[str, Any] = {"model": MODEL, "input": "Hello there", "store": False} | fields
    reply = await client.responses.create(**asked)
    assert isinstance(reply, Response)
    return reply


async def stream(client: AsyncOpenAI, **fields: Any) -> list[ResponseStreamEvent]:
    asked: dict[str, Any] = {"model": MODEL, "input": "Hello there", "store": False, "stream": True} | fields
    return [event async for event in await client.responses.create(**asked)]


async def post(vendor: FakeResponses, body: Any, path: str = "/responses") -> httpx.Response:
    headers = {"authorization": "Bearer sk-test", "content-type": "application/json"}
    async with httpx.AsyncClient() as http:
        return await http.post(vendor.base_url + path, content=json.dumps(body), headers=headers)


async def refused(vendor: FakeResponses, status: int = 400, **fields: Any) -> dict[str, Any]:
    """The error of a request that differs from a good one in these fields."""
    response = await post(vendor, {"model": MODEL, "input": "Hello there", "store": False} | fields)
    assert response.status_code == status, response.text
    assert violations("ErrorResponse", response.json()) == []
    error: dict[str, Any] = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


async def test_says_who_answered_when_nothing_is_scripted(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    reply = await ask(client, model="gpt-4o", instructions="Be brief.")
    assert reply.output_text == "gpt-4o heard: Hello there"
    assert (reply.status, reply.instructions, reply.reasoning and reply.reasoning.effort) == (
        "completed",
        "Be brief.",
        None,
    )
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.total_tokens) == (8, 4, 12)
    assert vendor.requests[0].headers["user-agent"].startswith("AsyncOpenAI")


async def test_the_synchronous_sdk_works_from_a_thread(vendor: FakeResponses) -> None:
    def say() -> str:
        with OpenAI(api_key="sk-test", base_url=vendor.base_url) as sdk:
            return sdk.responses.create(model=MODEL, input="Hello there", store=False).output_text

    assert await asyncio.to_thread(say) == "gpt-5.5 heard: Hello there"


async def test_a_stream_keeps_the_grammar(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    vendor.script(
        Reply(
            parts=[
                Thinking("Rain or\n\nsun?"),
                Text("Let me"),
                Declined("not"),
                ToolCall("weather", '{"city":"Bern"}'),
                ToolCall("shell", "ls", kind="custom"),
            ]
        )
    )
    events = await stream(client, tools=[WEATHER, SHELL], reasoning={"summary": "auto"}, include=ENCRYPTED)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    summary = ["part.added", "text.delta", "text.delta", "text.done", "part.done"]
    second = ["part.added", "text.delta", "text.done", "part.done"]
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        *(f"reasoning_summary_{step}" for step in summary + second),
        "output_item.done",
        "output_item.added",
        "content_part.added",
        *("output_text.delta", "output_text.delta", "output_text.done"),
        "content_part.done",
        "content_part.added",
        *("refusal.delta", "refusal.done"),
        "content_part.done",
        "output_item.done",
        "output_item.added",
        *("function_call_arguments.delta",) * 3,
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        *("custom_tool_call_input.delta", "custom_tool_call_input.done"),
        "output_item.done",
        "completed",
    ]
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert events[-1].type == "response.completed"
    assert done == events[-1].response.output
    assert [event.output_index for event in events if event.type == "response.output_item.added"] == [0, 1, 2, 3]


def described(payload: dict[str, Any]) -> dict[str, Any]:
    """Without what the vendor sends and its description lacks: padding, and null for usage that is not known yet."""
    plain = {
        name: value for name, value in payload.items() if name != "obfuscation" and (name, value) != ("usage", None)
    }
    return plain | {"response": described(plain["response"])} if "response" in plain else plain


async def test_every_reply_obeys_the_vendors_own_schemas(vendor: FakeResponses) -> None:
    body = {
        "model": MODEL,
        "input": "Hi",
        "store": False,
        "tools": [WEATHER, SHELL],
        "include": [*ENCRYPTED, "message.output_text.logprobs"],
        "top_logprobs": 1,
        "reasoning": {"summary": "auto", "effort": "high"},
    }
    call = ToolCall("weather", '{"city": "Bern"}')
    scripts = [
        Reply(text="a b", usage=Usage(cached=1, cache_write=2, reasoning=3)),
        Reply(parts=[Thinking("Hm.\n\nAh."), Text("a"), call, ToolCall("shell", "ls", kind="custom"), Declined("No.")]),
        Reply(text="a", finish_reason="length"),
        Reply(text="a", finish_reason="content_filter"),
        Reply(text="a", finish_reason="rate_limit_exceeded"),
    ]
    vendor.script(*scripts, *scripts)
    for _ in scripts:
        assert violations("Response", described((await post(vendor, body)).json())) == []
    schemas = {}
    for ref in definitions()["ResponseStreamEvent"]["anyOf"]:
        name = ref["$ref"].rpartition("/")[2]
        schemas[definitions()[name]["properties"]["type"]["enum"][0]] = name
    for _ in scripts:
        frames = (await post(vendor, body | {"stream": True})).text.split("\n\n")[:-1]
        for frame in frames:
            label, data = frame.split("\n")
            event = json.loads(data.removeprefix("data: "))
            assert label == f"event: {event['type']}"
            assert violations(schemas[event["type"]], described(event)) == []


async def test_obfuscation_can_be_declined(vendor: FakeResponses) -> None:
    body = {"model": MODEL, "input": "Hi", "store": False, "stream": True}
    assert '"obfuscation":"xx' in (await post(vendor, body)).text
    assert "obfuscation" not in (await post(vendor, body | {"stream_options": {"include_obfuscation": False}})).text


class Place(BaseModel):
    name: str
    people: int


async def test_structured_outputs_parse(client: AsyncOpenAI) -> None:
    parsed = await client.responses.parse(model=MODEL, input="Where?", text_format=Place, store=False)
    assert parsed.output_parsed == Place(name="fake", people=1)


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "weather"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
    ],
)
async def test_a_forced_tool_is_called(client: AsyncOpenAI, choice: Any) -> None:
    reply = await ask(client, tools=[WEATHER, SHELL], tool_choice=choice)
    assert [(item.type, getattr(item, "arguments", "")) for item in reply.output] == [
        ("function_call", '{"city": "fake"}')
    ]


async def test_a_conversation_with_tools_and_reasoning_goes_round(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    thought = "Two places.\n\nTwo calls."
    calls = [ToolCall("weather", '{"city":"Bern"}', id="call_a"), ToolCall("shell", "date", kind="custom")]
    vendor.script(Reply(reasoning=thought, text="I look.", tool_calls=calls, usage=Usage(50, 30, 20, 25)), Reply())
    fields: Any = {"tools": [WEATHER, SHELL], "reasoning": {"summary": "detailed"}, "include": ENCRYPTED}
    first = await ask(client, **fields)
    reasoning, message, called, ran = first.output
    assert reasoning.type == "reasoning" and reasoning.encrypted_content is not None
    assert [part.text for part in reasoning.summary] == ["Two places.", "Two calls."]
    assert message.type == "message" and called.type == "function_call" and ran.type == "custom_tool_call"
    assert (called.call_id, called.arguments, ran.input) == ("call_a", '{"city":"Bern"}', "date")
    assert first.usage is not None
    assert first.usage.input_tokens_details.cached_tokens == 20
    assert first.usage.output_tokens_details.reasoning_tokens == 25

    history: list[Any] = [USER, *(item.model_dump(mode="json", exclude_none=True) for item in first.output)]
    outputs = [
        {"type": "custom_tool_call_output", "call_id": ran.call_id, "output": "Sunday"},
        {"type": "function_call_output", "call_id": "call_a", "output": [{"type": "input_text", "text": "sun"}]},
    ]
    second = await ask(client, input=[*history, *outputs, USER], **fields)
    assert second.output_text == "gpt-5.5 heard: Hello there"
    # What the item was opened with in a stream is not what comes back.
    vendor.script(Reply(reasoning=thought, text="Well."))
    opened = next(event for event in await stream(client, **fields) if event.type == "response.output_item.added").item
    assert opened.type == "reasoning" and opened.encrypted_content
    error = await refused(vendor, input=[USER, opened.model_dump(exclude_none=True), message.model_dump()])
    assert error["code"] == "invalid_encrypted_content"


async def test_encrypted_content_is_the_same_each_time_and_only_on_request(
    vendor: FakeResponses, client: AsyncOpenAI
) -> None:
    async with FakeResponses() as twin, AsyncOpenAI(api_key="sk-test", base_url=twin.base_url) as other:
        tokens = []
        for server, sdk in ((vendor, client), (twin, other)):
            server.script(Reply(reasoning="Hm.", text="a"))
            item = (await ask(sdk, include=ENCRYPTED)).output[0]
            assert item.type == "reasoning" and item.summary == [] and item.encrypted_content
            tokens.append(item.encrypted_content)
        assert tokens[0] == tokens[1] and tokens[0].startswith("gAAAAA")
    vendor.script(Reply(reasoning="Hm.", text="a"))
    bare = (await ask(client)).output[0]
    assert bare.type == "reasoning" and bare.encrypted_content is None


async def test_a_scripted_signature_and_hidden_reasoning(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    vendor.script(Reply(parts=[Thinking("secret", signature="c2lnbmVk", hidden=True), Text("a")]))
    reply = await ask(client, include=ENCRYPTED, reasoning={"summary": "auto"})
    item = reply.output[0]
    assert item.type == "reasoning" and (item.summary, item.encrypted_content) == ([], "c2lnbmVk")
    back: list[Any] = [USER, *(one.model_dump(exclude_none=True) for one in reply.output), USER]
    assert (await ask(client, input=back)).status == "completed"


@pytest.mark.parametrize(
    ("finish", "status", "reason", "last"),
    [
        ("length", "incomplete", "max_output_tokens", "response.incomplete"),
        ("content_filter", "incomplete", "content_filter", "response.incomplete"),
        ("server_error", "failed", None, "response.failed"),
        ("stop", "completed", None, "response.completed"),
    ],
)
async def test_replies_end_in_each_way(
    vendor: FakeResponses, client: AsyncOpenAI, finish: str, status: str, reason: str | None, last: str
) -> None:
    vendor.script(*[Reply(text="one", finish_reason=finish)] * 2)
    reply = await ask(client)
    assert reply.status == status
    assert (reply.incomplete_details and reply.incomplete_details.reason) == reason
    assert (reply.error and reply.error.code) == ("server_error" if status == "failed" else None)
    assert (await stream(client))[-1].type == last


async def test_the_output_limit_cuts(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    vendor.script(Reply(text=" ".join(map(str, range(20))), tool_calls=[ToolCall("weather")]))
    reply = await ask(client, max_output_tokens=16, tools=[WEATHER])
    assert reply.output_text == " ".join(map(str, range(16)))
    assert (reply.status, len(reply.output)) == ("incomplete", 1)
    assert reply.output[0].type == "message" and reply.output[0].status == "incomplete"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"foo": 1}, "foo", "unknown_parameter"),
        ({"messages": []}, "messages", "unknown_parameter"),
        ({"max_tokens": 5}, "max_tokens", "unknown_parameter"),
        ({"model": None}, "model", "invalid_type"),
        ({"input": None}, "input", "invalid_type"),
        ({"input": []}, "input", "missing_required_parameter"),
        ({"input": [{"role": "robot", "content": "a"}]}, "input[0].role", "invalid_value"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        ({"input": [{"type": "tool_result", "content": "a"}]}, "input[0].type", "invalid_value"),
        ({"input": [USER | {"cache_control": {}}]}, "input[0].cache_control", "unknown_parameter"),
        (
            {"input": [{"role": "user", "content": [{"type": "output_text", "text": "a"}]}]},
            "input[0].content[0].type",
            "invalid_value",
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]},
            "input[0].content[0]",
            "invalid_value",
        ),
        (
            {"input": [{"type": "message", "id": "x1", "role": "assistant", "content": []}]},
            "input[0].id",
            "invalid_value",
        ),
        (
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "txt": 1, "id": 2}]}]},
            "input[0].content[0].text",
            "missing_required_parameter",
        ),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"top_logprobs": 21}, "top_logprobs", "integer_above_max_value"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        ({"include": ["reasoning"]}, "include[0]", "invalid_value"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options", None),
        (
            {"stream": True, "stream_options": {"include_usage": True}},
            "stream_options.include_usage",
            "unknown_parameter",
        ),
        ({"model": "gpt-4o", "include": ENCRYPTED}, "include", None),
        ({"model": "gpt-4o", "reasoning": {"effort": "low"}}, "reasoning.effort", "unsupported_parameter"),
        ({"model": "o3", "temperature": 1}, "temperature", "unsupported_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools[0].name", "missing_required_parameter"),
        ({"tools": [WEATHER | {"name": "a b"}]}, "tools[0].name", "invalid_value"),
        ({"tools": [WEATHER | {"strict": True}]}, "tools[0].parameters", "invalid_function_parameters"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "other"}}, "tool_choice", None),
        ({"tools": [WEATHER], "tool_choice": {"type": "custom", "name": "weather"}}, "tool_choice", None),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"text": {"format": {"type": "json_object"}}}, "input", None),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name", "missing_required_parameter"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": {"type": "object"}}}},
            "text.format.schema",
            "invalid_json_schema",
        ),
        ({"response_format": {"type": "text"}}, "response_format", "unknown_parameter"),
    ],
)
async def test_refuses_what_the_vendor_refuses(
    vendor: FakeResponses, fields: dict[str, Any], param: str, code: str | None
) -> None:
    error = await refused(vendor, **fields)
    assert (error["param"], error["code"]) == (param, code)


def call(call_id: str, kind: str = "function_call") -> dict[str, Any]:
    said = {"arguments": "{}"} if kind == "function_call" else {"input": ""}
    return {"type": kind, "call_id": call_id, "name": "weather"} | said


def output(call_id: str, kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": call_id, "output": "sun"}


SAID = {"role": "assistant", "content": "Well."}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([output("a")], "No tool call found for function call output with call_id a."),
        ([output("a"), call("a")], "No tool call found for function call output with call_id a."),
        ([call("a")], "No tool output found for function call a."),
        ([call("a"), call("b"), output("b")], "No tool output found for function call a."),
        ([call("a"), output("a"), output("a")], "No tool call found for function call output with call_id a."),
        ([call("a", "custom_tool_call"), output("a")], "No tool call found for function call output with call_id a."),
        ([call("a", "custom_tool_call")], "No tool output found for custom tool call a."),
    ],
)
async def test_outputs_must_answer_calls(vendor: FakeResponses, items: list[Any], message: str) -> None:
    error = await refused(vendor, input=[USER, *items])
    assert (error["message"], error["param"], error["code"]) == (message, "input", None)


async def test_reasoning_must_be_the_vendors_own_and_in_its_place(vendor: FakeResponses) -> None:
    token = vendor.seals.seal("x")
    own = THOUGHT | {"encrypted_content": token}
    for items in ([own], [own, USER], [own, call("a"), output("a"), own]):
        error = await refused(vendor, input=[USER, *items])
        assert error["message"].endswith("of type 'reasoning' was provided without its required following item.")
    for forged in ("WyJhIl0=", "not base64!", token[:-4], token.swapcase()):
        error = await refused(vendor, input=[USER, own | {"encrypted_content": forged}, SAID])
        assert error["code"] == "invalid_encrypted_content"
    kept = await refused(vendor, 404, input=[USER, THOUGHT, SAID])
    assert kept["message"].startswith("Item with id 'rs_1' not found. Items are not persisted")
    for items in ([own, SAID], [own, own, call("a"), output("a")], [{**own, "id": "rs_2"}, SAID, USER]):
        assert (await post(vendor, {"model": MODEL, "input": items, "store": False})).status_code == 200
    other = await refused(vendor, input=[own | {"id": "abc"}, SAID])
    assert "begins with 'rs'" in other["message"]


async def test_accepts_a_long_and_varied_conversation(vendor: FakeResponses) -> None:
    parts = [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
    ]
    said = {"type": "output_text", "text": "Hm", "annotations": []}
    body = {
        "model": "gpt-5.5",
        "input": [
            {"role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": parts},
            {"type": "reasoning", "summary": [], "encrypted_content": vendor.seals.seal("x")},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [said]},
            call("a") | {"id": "fc_1", "status": "completed"},
            call("b", "custom_tool_call"),
            {"role": "assistant", "content": [{"type": "output_text", "text": "between"}], "phase": "commentary"},
            output("b", "custom_tool_call_output"),
            output("a"),
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "user", "content": "JSON please"},
        ],
        "instructions": None,
        "tools": [WEATHER, SHELL, {"type": "web_search"}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "shell"}]},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "xhigh", "summary": "concise"},
        "include": [*ENCRYPTED, "message.output_text.logprobs"],
        "temperature": 0,
        "top_p": None,
        "max_output_tokens": 16,
        "metadata": {"team": "a"},
        "parallel_tool_calls": True,
        "prompt_cache_key": "k",
        "safety_identifier": "s" * 128,
        "service_tier": "auto",
        "store": False,
        "truncation": "auto",
        "stream": True,
    }
    response = await post(vendor, body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_input_tokens_and_compaction(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    counted = await client.responses.input_tokens.count(model=MODEL, input="one two three", instructions="four")
    assert counted.input_tokens == 8
    history: Any = [USER, SAID, call("a"), output("a")]
    compacted = await post(vendor, {"model": MODEL, "input": history}, "/responses/compact")
    assert violations("CompactResource", compacted.json()) == []
    kept, summary = compacted.json()["output"]
    assert (kept["role"], summary["type"]) == ("user", "compaction")
    assert (await client.responses.compact(model=MODEL, input=history)).output[-1].type == "compaction"
    assert (await post(vendor, {"model": MODEL, "input": [summary, USER], "store": False})).status_code == 200
    error = await refused(vendor, input=[summary | {"encrypted_content": "AAAA"}, USER])
    assert error["code"] == "invalid_encrypted_content"
    assert (await post(vendor, {"input": history}, "/responses/compact")).json()["error"]["param"] == "model"
    assert (await post(vendor, {"model": MODEL, "stream": True}, "/responses/input_tokens")).status_code == 400


@pytest.mark.parametrize("fields", [{"store": True}, {}, {"store": False, "previous_response_id": "resp_1"}])
async def test_a_request_that_would_be_kept_fails_the_test(fields: dict[str, Any]) -> None:
    with pytest.raises(ScriptError, match="keep data"):
        async with FakeResponses() as vendor:
            response = await post(vendor, {"model": MODEL, "input": "Hi"} | fields)
            assert response.status_code == 500


async def test_keeps_what_it_may_keep() -> None:
    async with FakeResponses(require_stateless=False) as vendor:
        sdk = AsyncOpenAI(api_key="sk-test", base_url=vendor.base_url, max_retries=0)
        async with sdk as client:
            vendor.script(Reply(reasoning="Hm.", tool_calls=[ToolCall("weather", id="call_a")]))
            first = await client.responses.create(model=MODEL, input="Hi", tools=[WEATHER])
            answer: Any = [output("call_a")]
            with pytest.raises(openai.BadRequestError, match="No tool call found"):
                await client.responses.create(model=MODEL, input=answer)
            second = await client.responses.create(model=MODEL, input=answer, previous_response_id=first.id)
            assert (second.previous_response_id, second.status) == (first.id, "completed")
            with pytest.raises(openai.BadRequestError) as unknown:
                await client.responses.create(model=MODEL, input="Hi", previous_response_id="resp_other")
            assert unknown.value.code == "previous_response_not_found"


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(piece_bytes=1),
        Delivery(crlf=True, pings=True),
        Delivery(crlf=True, piece_bytes=3),
        Delivery(events=2, insert=b": still here\n\n"),
    ],
)
async def test_odd_but_lawful_deliveries_carry_the_same_words(
    vendor: FakeResponses, client: AsyncOpenAI, delivery: Delivery
) -> None:
    vendor.script(Reply(text="Zürich 🌊", delivery=delivery))
    final = (await stream(client))[-1]
    assert final.type == "response.completed" and final.response.output_text == "Zürich 🌊"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_cut_streams_break_off(vendor: FakeResponses, client: AsyncOpenAI, ending: Ending) -> None:
    vendor.script(Reply(text="one two", delivery=Delivery(events=3, ending=ending)))
    with pytest.raises((httpx.TransportError, openai.APIConnectionError)):
        await stream(client)


async def test_a_stream_may_lack_its_terminator(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    vendor.script(*[Reply(text="one", delivery=Delivery(events=events, ending=Ending.NO_DONE)) for events in (2, None)])
    assert [event.type for event in await stream(client)] == ["response.created", "response.in_progress"]
    assert (await stream(client))[-1].type == "response.output_item.done"


@pytest.mark.parametrize(("status", "code"), [(500, None), (429, "rate_limit_exceeded")])
async def test_an_error_may_come_late(
    vendor: FakeResponses, client: AsyncOpenAI, status: int, code: str | None
) -> None:
    delivery = Delivery(events=2, ending=Ending.ERROR_EVENT, late_status=status)
    vendor.script(Reply(text="one", delivery=delivery))
    with pytest.raises(openai.APIError) as caught:
        await stream(client)
    assert caught.value.code == code


async def test_a_late_error_as_it_is_documented() -> None:
    async with (
        FakeResponses(documented_errors=True) as vendor,
        AsyncOpenAI(api_key="sk-test", base_url=vendor.base_url) as client,
    ):
        vendor.script(Reply(text="one", delivery=Delivery(events=2, ending=Ending.ERROR_EVENT)))
        last = (await stream(client))[-1]
    assert last.type == "error"
    assert (last.message, last.sequence_number) == ("The server had an error while processing your request.", 2)
    assert violations("ResponseErrorEvent", last.model_dump(mode="json")) == []


async def test_failures_raise_the_sdks_own_errors(vendor: FakeResponses, client: AsyncOpenAI) -> None:
    vendor.script(Failure(429, retry_after_s=2), Failure(503))
    with pytest.raises(openai.RateLimitError) as limited:
        await ask(client)
    assert limited.value.response.headers["retry-after"] == "2"
    with pytest.raises(openai.InternalServerError):
        await ask(client, stream=True)
    with pytest.raises(openai.NotFoundError) as absent:
        await ask(client, model="gpt-9")
    assert absent.value.code == "model_not_found"
    async with AsyncOpenAI(api_key="sk-other", base_url=vendor.base_url) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await ask(stranger)
    assert [model.id async for model in client.models.list()] == list(vendor.models)
    assert (await post(vendor, {}, "/chat/completions")).json()["error"]["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(tool_calls=[ToolCall("weather")]), "no tool"),
        (Reply(finish_reason="end_turn"), "does not end"),
        (Reply(text="a", reasoning="b", signature="c"), "does not include"),
    ],
)
async def test_a_script_that_no_vendor_would_follow_fails_the_test(reply: Reply, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        async with FakeResponses() as vendor:
            vendor.script(reply)
            assert (await post(vendor, {"model": MODEL, "input": "Hi", "store": False})).status_code == 500
