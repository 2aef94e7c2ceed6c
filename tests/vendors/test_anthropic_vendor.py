"""The fake Anthropic API is what it claims to be: driven by the official SDK and by bytes written by hand."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import ToolUseBlock

from tests.vendors import (
    Declined,
    Delivery,
    Ending,
    Failure,
    Raw,
    Reply,
    ScriptError,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.vendors.anthropic_messages import FakeAnthropic
from tests.vendors.anthropic_models import MODELS
from tests.vendors.anthropic_requests import (
    BUDGET,
    CITY,
    FORMER,
    HELLO,
    LATEST,
    MARK,
    MODEL,
    WEATHER,
    asked,
    assistant,
    called,
    image,
    post,
    refused,
    result,
    said,
    user,
)


@pytest.fixture
async def vendor() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic(key="sk-ant-test") as server:
        yield server


@pytest.fixture
async def client(vendor: FakeAnthropic) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key="sk-ant-test", base_url=vendor.base_url, max_retries=0) as sdk:
        yield sdk


async def test_says_who_answered_when_nothing_is_scripted(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    reply = await client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert reply.content[0].type == "text" and reply.content[0].text == "claude-sonnet-4-6 heard: Hello there"
    assert (reply.stop_reason, reply.stop_sequence, reply.stop_details) == ("end_turn", None, None)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (2, 4)
    assert reply._request_id and reply.id.startswith("msg_")
    assert json.loads(vendor.requests[0].body) == {"model": MODEL, "max_tokens": 100, "messages": HELLO}


async def test_streams_the_documented_events(vendor: FakeAnthropic) -> None:
    vendor.script(Reply(text="one two", usage=Usage(prompt=7, cached=3, cache_write=2)))
    response = await post(vendor, asked(stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    frames = [frame.split("\n") for frame in response.text.strip().split("\n\n")]
    names = [name.removeprefix("event: ") for name, _ in frames]
    events = [json.loads(data.removeprefix("data: ")) for _, data in frames]
    assert names == [event["type"] for event in events]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    started = events[0]["message"]
    assert (started["content"], started["stop_reason"], started["usage"]["output_tokens"]) == ([], None, 1)
    assert [event["delta"]["text"] for event in events[3:5]] == ["one", " two"]
    assert events[6]["delta"]["stop_reason"] == "end_turn"
    assert events[6]["usage"] == {
        "input_tokens": 2,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 3,
        "output_tokens": 2,
    }


async def test_the_stream_helper_adds_up_to_the_whole_reply(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    scripted = Reply(
        parts=[
            Thinking("let me see"),
            Thinking("not for you", hidden=True),
            Text("I shall look."),
            ToolCall("weather", '{"city": "Zürich 🌊"}', id="toolu_a"),
            ToolCall("weather", "{}", id="toolu_b"),
        ]
    )
    vendor.script(scripted, scripted)
    options: Any = {
        **asked(tools=[WEATHER]),
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "max"},
    }
    whole = await client.messages.create(**options)
    async with client.messages.stream(**options) as stream:
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == [
        "thinking",
        "redacted_thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in whole.content]
    assert final.stop_reason == whole.stop_reason == "tool_use"
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert whole.usage.output_tokens_details is not None and whole.usage.output_tokens_details.thinking_tokens == 6


async def test_tool_input_streams_in_small_pieces_an_empty_one_first(vendor: FakeAnthropic) -> None:
    vendor.script(Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}'), ToolCall("weather", "{}")]))
    response = await post(vendor, asked(stream=True, tools=[WEATHER]))
    events = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: ")]
    cuts: list[list[str]] = [[], []]
    for event in events:
        if event["type"] == "content_block_delta":
            cuts[event["index"]].append(event["delta"]["partial_json"])
    assert cuts == [["", '{"city"', ': "Bern', '"}'], [""]]


async def test_thinking_comes_back_signed_through_a_tool_round_trip(
    vendor: FakeAnthropic, client: AsyncAnthropic
) -> None:
    vendor.script(
        Reply(reasoning="look it up", tool_calls=[ToolCall("weather", '{"city":"Bern"}')]),
        Reply(text="Sunny."),
    )
    options: Any = {"model": FORMER, "max_tokens": 2048, "tools": [WEATHER], "thinking": BUDGET}
    first = await client.messages.create(messages=HELLO, **options)
    used = first.content[1]
    assert isinstance(used, ToolUseBlock)
    answer = result(used.id, [said("sun"), image()])
    history: Any = [*HELLO, first.to_param(), user(answer, said("Well?"))]
    second = await client.messages.create(messages=history, **options)
    assert second.content[0].type == "text" and second.content[0].text == "Sunny."

    thought = first.content[0].to_dict()
    turns = [thought | {"thinking": "look it ip"}, used.to_dict()]
    for blocks, words in (
        (turns, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        (
            [used.to_dict()],
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`",
        ),
        (
            [{"type": "redacted_thinking", "data": "AAAA"}, used.to_dict()],
            "Invalid `data` in `redacted_thinking` block",
        ),
    ):
        messages = [*HELLO, {"role": "assistant", "content": blocks}, user(answer)]
        assert words in await refused(vendor, **{**options, "messages": messages})


async def test_omitted_thinking_keeps_its_signature(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    vendor.script(Reply(reasoning="secret", text="a"), Reply(reasoning="secret", text="a"), Reply(text="b"))
    options: Any = {"model": LATEST, "max_tokens": 2048}
    hidden = await client.messages.create(messages=HELLO, thinking={"type": "adaptive"}, **options)
    shown = await client.messages.create(
        messages=HELLO, thinking={"type": "adaptive", "display": "summarized"}, **options
    )
    assert hidden.content[0].type == shown.content[0].type == "thinking"
    assert (hidden.content[0].thinking, shown.content[0].thinking) == ("", "secret")
    assert hidden.content[0].signature != shown.content[0].signature
    await client.messages.create(messages=[*HELLO, hidden.to_param(), *HELLO], **options)


async def test_a_scripted_signature_is_known_again(vendor: FakeAnthropic) -> None:
    vendor.script(Reply(parts=[Thinking("a", signature="c2ln"), Thinking("b", signature="ZGF0YQ==", hidden=True)]))
    thinking = {"type": "adaptive"}
    content = (await post(vendor, asked(thinking=thinking))).json()["content"]
    assert [content[0]["signature"], content[1]["data"]] == ["c2ln", "ZGF0YQ=="]
    assert (await post(vendor, asked(messages=[*HELLO, assistant(*content), *HELLO]))).status_code == 200
    changed = [*HELLO, assistant(content[0] | {"thinking": "A"}), *HELLO]
    assert "Invalid `signature`" in await refused(vendor, messages=changed)


@pytest.mark.parametrize(
    ("fields", "text", "reason", "sequence"),
    [
        ({"max_tokens": 2}, "one two", "max_tokens", None),
        ({"max_tokens": 3}, "one two three", "end_turn", None),
        ({"stop_sequences": ["x", " three"]}, "one two", "stop_sequence", " three"),
    ],
)
async def test_limits_and_stop_sequences_end_a_reply(
    vendor: FakeAnthropic, fields: dict[str, Any], text: str, reason: str, sequence: str | None
) -> None:
    vendor.script(Reply(text="one two three"))
    reply = (await post(vendor, asked(**fields))).json()
    assert (reply["content"][0]["text"], reply["stop_reason"], reply["stop_sequence"]) == (text, reason, sequence)


async def test_replies_may_end_in_every_way(vendor: FakeAnthropic) -> None:
    vendor.script(
        Reply(text="", finish_reason="stop"),
        Reply(refusal="Not this."),
        Reply(text="As I", finish_reason="content_filter"),
        Reply(text="wait", finish_reason="pause_turn"),
        Reply(text="much", finish_reason="model_context_window_exceeded"),
        Reply(parts=[Text("a"), Declined("no")]),
    )
    replies = [(await post(vendor, asked())).json() for _ in range(6)]
    assert [reply["stop_reason"] for reply in replies] == [
        "end_turn",
        "refusal",
        "refusal",
        "pause_turn",
        "model_context_window_exceeded",
        "refusal",
    ]
    assert [len(reply["content"]) for reply in replies] == [0, 0, 1, 1, 1, 1]
    assert replies[1]["stop_details"] == {"type": "refusal", "category": None, "explanation": "Not this."}
    assert replies[0]["usage"]["output_tokens"] == 1


async def test_a_forced_tool_is_called_and_a_wanted_format_kept(client: AsyncAnthropic) -> None:
    tools: Any = [WEATHER]
    forced = await client.messages.create(
        model=MODEL, max_tokens=99, messages=HELLO, tools=tools, tool_choice={"type": "tool", "name": "weather"}
    )
    assert isinstance(forced.content[0], ToolUseBlock) and forced.content[0].input == {"city": "fake"}
    parsed = await client.messages.create(
        model=MODEL,
        max_tokens=99,
        messages=HELLO,
        output_config={"format": {"type": "json_schema", "schema": {**CITY, "additionalProperties": False}}},
    )
    assert parsed.content[0].type == "text" and json.loads(parsed.content[0].text) == {"city": "fake"}


async def test_a_marked_prefix_is_read_from_the_cache_when_every_byte_is_the_same(vendor: FakeAnthropic) -> None:
    system = [said("one two three") | {"cache_control": MARK | {"ttl": "1h"}}]
    history = [user(said("four five") | {"cache_control": MARK})]

    async def cached(**fields: Any) -> tuple[int, int, int]:
        usage = (await post(vendor, asked(**fields))).json()["usage"]
        return usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"], usage["input_tokens"]

    assert await cached(system=system, messages=history) == (5, 0, 0)
    assert await cached(system=system, messages=history) == (0, 5, 0)
    # The mark moves on with the conversation; what it stood at is found again.
    longer = [
        user(said("four five")),
        {"role": "assistant", "content": "six"},
        user(said("7") | {"cache_control": MARK}),
    ]
    assert await cached(system=system, messages=longer) == (2, 5, 0)
    assert await cached(system=system, messages=[*longer, {"role": "assistant", "content": "8"}, *HELLO]) == (0, 7, 3)
    assert await cached(system=system, messages=[user(said("four  five"))]) == (0, 3, 2)
    assert await cached(system="one two three", messages=history) == (0, 5, 0)
    assert await cached(system="one two, three", messages=history) == (5, 0, 0)
    assert await cached(system=system, messages=history, tools=[WEATHER]) != (0, 5, 0)
    assert await cached(messages=HELLO, cache_control=MARK) == (2, 0, 0)


async def test_a_cache_may_want_longer_prefixes() -> None:
    async with FakeAnthropic(cache_tokens_min=3) as vendor:
        for _ in range(2):
            response = await post(vendor, asked(cache_control=MARK))
            assert response.json()["usage"]["cache_creation_input_tokens"] == 0


async def test_counts_tokens(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    vendor.script(Reply(text="still mine"))
    counted = await client.messages.count_tokens(model=MODEL, messages=HELLO, system="You are brief.")
    assert counted.input_tokens == 5
    assert (await post(vendor, asked(), "/v1/messages/count_tokens")).status_code == 400  # max_tokens has no place
    reply = await client.messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    assert reply.content[0].type == "text" and reply.content[0].text == "still mine"


async def test_models(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    assert [model.id async for model in client.models.list(limit=3)] == list(MODELS)
    former = await client.models.retrieve(FORMER)
    assert former.capabilities is not None and former.line == "haiku"
    assert former.capabilities.thinking.types.enabled.supported
    assert not former.capabilities.thinking.types.adaptive.supported
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-2")


@pytest.mark.parametrize(
    ("status", "kind", "error_type"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.APIStatusError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.APIStatusError, "overloaded_error"),
    ],
)
async def test_failures_are_the_sdks_own(
    vendor: FakeAnthropic, client: AsyncAnthropic, status: int, kind: type[anthropic.APIStatusError], error_type: str
) -> None:
    vendor.script(Failure(status, "Words.", retry_after_s=2))
    with pytest.raises(kind) as caught:
        await client.messages.create(model=MODEL, max_tokens=9, messages=HELLO)
    error = caught.value
    assert (error.status_code, error.type, error.api_message) == (status, error_type, "Words.")
    assert error.request_id == error.response.json()["request_id"]
    assert error.response.headers["retry-after"] == "2"
    assert error.response.headers["x-should-retry"] == ("true" if status == 429 or status >= 500 else "false")


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"x_api_key": ""}, 401, "x-api-key header is required"),
        ({"x_api_key": "sk-other"}, 401, "invalid x-api-key"),
        ({"x_api_key": "", "authorization": "Bearer sk-other"}, 401, "Invalid bearer token"),
        ({"x_api_key": "", "authorization": "Basic sk-ant-test"}, 401, "x-api-key header is required"),
        ({"anthropic_version": ""}, 400, "anthropic-version: header is required"),
        ({"anthropic_version": "2024-01-01"}, 400, 'anthropic-version: "2024-01-01" is not a valid version'),
        ({"anthropic_beta": "fast"}, 400, "Unexpected value(s) `fast` for the `anthropic-beta` header."),
        ({"content_type": "text/plain"}, 400, "Content-Type must be application/json"),
    ],
)
async def test_headers_are_checked(vendor: FakeAnthropic, headers: dict[str, str], status: int, message: str) -> None:
    response = await post(vendor, asked(), **headers)
    assert (response.status_code, response.json()["error"]["message"]) == (status, message)


async def test_tokens_of_oauth_are_another_way_in() -> None:
    async with FakeAnthropic(key="token", oauth=True) as vendor:
        headers = {"x_api_key": "", "authorization": "Bearer token"}
        assert (await post(vendor, asked(), **headers)).status_code == 401
        response = await post(vendor, asked(), **headers, anthropic_beta="oauth-2025-04-20,claude-code-20250219")
        assert response.status_code == 200
        assert (await post(vendor, asked(), x_api_key="token")).status_code == 401


async def test_beta_headers_open_beta_fields(vendor: FakeAnthropic, client: AsyncAnthropic) -> None:
    assert (
        await refused(vendor, context_management={"edits": []}) == "context_management: Extra inputs are not permitted"
    )
    reply = await client.beta.messages.create(
        model=MODEL,
        max_tokens=9,
        messages=HELLO,
        betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )
    assert reply.stop_reason == "end_turn"
    assert vendor.requests[-1].headers["anthropic-beta"] == "context-management-2025-06-27"
    schema = {"type": "json_schema", "schema": {**CITY, "additionalProperties": False}}
    response = await post(vendor, asked(output_format=schema), anthropic_beta="structured-outputs-2025-11-13")
    assert json.loads(response.json()["content"][0]["text"]) == {"city": "fake"}


async def test_unknown_models_paths_and_bodies(vendor: FakeAnthropic) -> None:
    response = await post(vendor, asked(model="claude-2"))
    assert (response.status_code, response.json()["error"]) == (
        404,
        {"type": "not_found_error", "message": "model: claude-2"},
    )
    assert (await post(vendor, asked(), "/v1/complete")).status_code == 404
    async with httpx.AsyncClient(headers={"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}) as http:
        assert (await http.get(vendor.base_url + "/v1/messages")).status_code == 405
    for body in (b'{"model": "', b"", b'{"max_tokens": NaN}', b"\xff", b"[" * 100_000):
        response = await post(vendor, body)
        assert response.status_code == 400 and "not valid JSON" in response.json()["error"]["message"]
    surrogate = json.dumps(asked()).replace("Hello", r"\ud83d").encode()
    assert "not valid JSON" in (await post(vendor, surrogate)).json()["error"]["message"]
    assert (await post(vendor, [1])).json()["error"]["message"] == "Input should be a valid dictionary"
    assert (await post(vendor, b" " * (32 * 1024 * 1024 + 1))).json()["error"]["type"] == "request_too_large"


async def test_accepts_a_long_and_varied_conversation(vendor: FakeAnthropic) -> None:
    seal = vendor.seal
    hidden = {"type": "redacted_thinking", "data": seal.redacted("hm")}
    thought = {"type": "thinking", "thinking": "ah", "signature": seal.signature("ah", "ah")}
    pdf = base64.b64encode(b"%PDF-1.7").decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": pdf}
    document = {"type": "document", "source": source, "title": "T", "citations": {"enabled": True}}
    found = {"type": "search_result", "source": "https://a", "title": "A", "content": [said("x")]}
    body = {
        "model": MODEL,
        "max_tokens": 4096,
        "system": [said("Be brief.") | {"cache_control": MARK | {"ttl": "1h"}}],
        "messages": [
            user(said("Look"), image(), document, found),
            *HELLO,
            assistant(hidden, thought, said("I shall."), *called("a", "b")["content"]),
            user(result("b", [said("sun"), image()]), result("a") | {"cache_control": MARK}),
            user(said("and then?")),
            {"role": "assistant", "content": [said("Done.") | {"citations": None}]},
            {"role": "user", "content": "more"},
        ],
        "tools": [
            WEATHER | {"description": "d", "cache_control": MARK | {"ttl": "1h"}},
            {"type": "web_search_20260209", "name": "web_search", "max_uses": 3},
            {"type": "bash_20250124", "name": "bash"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "stop_sequences": ["END"],
        "temperature": 1,
        "stream": True,
    }
    response = await post(vendor, body)
    assert response.status_code == 200, response.text
    assert response.headers["anthropic-ratelimit-requests-limit"] == "4000"


async def collect(client: AsyncAnthropic) -> str:
    async with client.messages.stream(model=MODEL, max_tokens=999, messages=HELLO) as stream:
        return "".join([text async for text in stream.text_stream])


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
    vendor: FakeAnthropic, client: AsyncAnthropic, delivery: Delivery
) -> None:
    vendor.script(Reply(text="Zürich 🌊 is fine", delivery=delivery))
    assert await collect(client) == "Zürich 🌊 is fine"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_cut_streams_break_off(vendor: FakeAnthropic, client: AsyncAnthropic, ending: Ending) -> None:
    vendor.script(Reply(text="one two three", delivery=Delivery(events=4, ending=ending)))
    with pytest.raises((httpx2.TransportError, anthropic.APIConnectionError)):
        await collect(client)


async def test_a_stream_may_lack_its_terminator(vendor: FakeAnthropic) -> None:
    vendor.script(Reply(text="one", delivery=Delivery(ending=Ending.NO_DONE)))
    response = await post(vendor, asked(stream=True))
    assert response.text.rstrip().split("\n")[-2] == "event: message_delta"


@pytest.mark.parametrize(("status", "kind"), [(500, "api_error"), (529, "overloaded_error"), (429, "rate_limit_error")])
async def test_an_error_may_come_late(vendor: FakeAnthropic, client: AsyncAnthropic, status: int, kind: str) -> None:
    delivery = Delivery(events=4, ending=Ending.ERROR_EVENT, late_status=status)
    vendor.script(Reply(text="one two", delivery=delivery), Reply(text="one two", delivery=delivery))
    with pytest.raises(anthropic.APIStatusError) as caught:
        await collect(client)
    assert caught.value.type == kind
    name, data = (await post(vendor, asked(stream=True))).text.strip().split("\n\n")[-1].split("\n")
    error = json.loads(data.removeprefix("data: "))
    assert name == "event: error" and (error["type"], error["error"]["type"]) == ("error", kind)


async def test_malformed_bodies_and_events(vendor: FakeAnthropic) -> None:
    vendor.script(Raw(b'{"id": "msg_'), Reply(text="one", delivery=Delivery(events=1, insert=b"data: {oops\n\n")))
    assert (await post(vendor, asked())).content == b'{"id": "msg_'
    assert (await post(vendor, asked(stream=True))).text.split("\n\n")[1] == "data: {oops"


async def test_an_input_that_is_no_json_can_be_streamed_alone(vendor: FakeAnthropic) -> None:
    vendor.script(Reply(tool_calls=[ToolCall("weather", '{"city": "B')], finish_reason="length"))
    response = await post(vendor, asked(stream=True, tools=[WEATHER]))
    assert '"partial_json":"{\\"city\\""' in response.text and '"stop_reason":"max_tokens"' in response.text


@pytest.mark.parametrize(
    ("reply", "fields", "message"),
    [
        (Reply(tool_calls=[ToolCall("weather")]), {}, "offers no tool"),
        (Reply(tool_calls=[ToolCall("weather", "{")]), {"tools": [WEATHER]}, "only be streamed"),
        (Reply(tool_calls=[ToolCall("weather")]), {"tools": [WEATHER], "tool_choice": {"type": "none"}}, "forbids"),
        (Reply(tool_calls=[ToolCall("weather", "x", kind="custom")]), {"tools": [WEATHER]}, "no tools of free text"),
        (Reply(reasoning="hm"), {}, "did not turn thinking on"),
        (Reply(text="x", finish_reason="tired"), {}, "no stop reason"),
        (Reply(text="x", finish_reason="stop_sequence"), {}, "no stop sequences"),
        (Reply(text="x", usage=Usage(prompt=1, cached=2)), {}, "fewer tokens"),
    ],
)
async def test_a_script_that_the_vendor_would_not_follow_fails_the_test(
    reply: Reply, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScriptError, match=message):
        async with FakeAnthropic() as vendor:
            vendor.script(reply)
            assert (await post(vendor, asked(**fields))).status_code == 500
