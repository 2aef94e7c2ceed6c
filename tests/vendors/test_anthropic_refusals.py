"""The fake Anthropic API refuses what the vendor refuses, in its words."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.vendors.anthropic_messages import FakeAnthropic
from tests.vendors.anthropic_requests import (
    BUDGET,
    CITY,
    FORMER,
    HELLO,
    LATEST,
    MARK,
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


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"max_tokens": 1.5}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 128_001}, "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens"),
        ({"foo": 1}, "foo: Extra inputs are not permitted"),
        ({"stop": ["x"]}, "stop: Extra inputs are not permitted"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"stream_options": {}}, "stream_options: Extra inputs are not permitted"),
        ({"system": 5}, "system: Input should be a valid list"),
        ({"system": [{"type": "text", "text": "a", "x": 1}]}, "system.0.x: Extra inputs are not permitted"),
        ({"system": [said("")]}, "system: text content blocks must be non-empty"),
        ({"metadata": {"team": "a"}}, "metadata.team: Extra inputs are not permitted"),
        ({"metadata": {"user_id": "u" * 257}}, "metadata.user_id: String should have at most 256 characters"),
        ({"service_tier": "gold"}, "service_tier: Input should be 'auto' or 'standard_only'"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"stop_sequences": ["\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
        ({"stop_sequences": [""]}, "stop_sequences: each stop sequence must be non-empty"),
        ({"temperature": 1.1}, "temperature: Input should be less than or equal to 1"),
        ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
        ({"temperature": 0.5, "top_p": 0.5}, "`temperature` and `top_p` cannot both be specified for this model."),
        ({"model": LATEST, "temperature": 0.5}, "`temperature` is deprecated for this model."),
        ({"thinking": BUDGET, "temperature": 0}, "`temperature` may only be set to 1 when thinking is enabled"),
        ({"thinking": BUDGET, "top_k": 5}, "`top_k` must be unset when thinking is enabled"),
        ({"thinking": BUDGET, "top_p": 0.5}, "`top_p` must be greater than or equal to 0.95"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        (
            {"thinking": BUDGET | {"budget_tokens": 1023}},
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        ({"thinking": BUDGET, "max_tokens": 1024}, "`max_tokens` must be greater than `thinking.budget_tokens`."),
        (
            {"thinking": {"type": "adaptive", "effort": "low"}},
            "thinking.adaptive.effort: Extra inputs are not permitted",
        ),
        ({"thinking": BUDGET, "model": LATEST}, '"thinking.type.enabled" is not supported for this model.'),
        ({"thinking": {"type": "adaptive"}, "model": FORMER}, "adaptive thinking is not supported on this model"),
        ({"thinking": {"type": "disabled"}, "model": "claude-fable-5"}, '"thinking.type.disabled" is not supported'),
        (
            {"thinking": {"type": "adaptive"}, "tools": [WEATHER], "tool_choice": {"type": "any"}},
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        ({"output_config": {"effort": "huge"}}, "output_config.effort: Input should be 'low', 'medium', 'high'"),
        ({"output_config": {"effort": "xhigh"}}, "Supported levels: high, low, max, medium."),
        ({"output_config": {"effort": "low"}, "model": FORMER}, "This model does not support the effort parameter."),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": CITY}}},
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        ),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "integer", "minimum": 1}}}},
            "output_config.format.schema: For 'integer' type, property 'minimum' is not supported",
        ),
        ({"output_format": {"type": "json_schema"}}, "output_format: Extra inputs are not permitted"),
    ],
)
async def test_refuses_what_the_vendor_refuses(vendor: FakeAnthropic, fields: dict[str, Any], message: str) -> None:
    assert message in await refused(vendor, **fields)


TOOLS_TAGS = "tools.0: Input tag 'function' found using 'type' does not match any of the expected tags: 'custom', "


@pytest.mark.parametrize(
    ("tools", "choice", "message"),
    [
        ([{"type": "function", "function": {}}], None, TOOLS_TAGS),
        ([{"name": "a b", "input_schema": CITY}], None, "tools.0.custom.name: String should match pattern"),
        ([{"name": "a"}], None, "tools.0.custom.input_schema: Field required"),
        ([{"name": "a", "input_schema": {}}], None, "tools.0.custom.input_schema.type: Field required"),
        ([{"name": "a", "input_schema": {"type": "array"}}], None, "input_schema.type: Input should be 'object'"),
        (
            [{"name": "a", "input_schema": {"type": "object", "anyOf": []}}],
            None,
            "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
        ),
        ([WEATHER, WEATHER], None, "tools: Tool names must be unique."),
        ([WEATHER | {"strict": True}], None, "tools.0.custom: For 'object' type, 'additionalProperties' must be"),
        ([WEATHER], {"type": "required"}, "tool_choice: Input tag 'required' found using 'type'"),
        ([WEATHER], {"type": "tool", "name": "other"}, "Tool 'other' not found in provided tools"),
        ([WEATHER], {"type": "tool"}, "tool_choice.tool.name: Field required"),
        ([WEATHER], "auto", "tool_choice.type: Field required"),
        (None, {"type": "auto"}, "tool_choice may only be specified while providing tools"),
    ],
)
async def test_tools_must_be_sound(vendor: FakeAnthropic, tools: Any, choice: Any, message: str) -> None:
    assert message in await refused(vendor, tools=tools, tool_choice=choice)


UNANSWERED = "`tool_use` ids were found without `tool_result` blocks immediately after: "
UNASKED = "unexpected `tool_use_id` found in `tool_result` blocks: "


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "messages: at least one message is required"),
        ([called("a")], 'messages: first message must use the "user" role'),
        ([{"role": "system", "content": "x"}, *HELLO], 'messages: Unexpected role "system".'),
        ([*HELLO, {"role": "tool", "content": "x"}], "messages.1: Input tag 'tool' found using 'role'"),
        ([{"role": "user", "content": None}], "messages.0.content: Input should be a valid list"),
        ([{"role": "user", "content": ""}], "messages.0: all messages must have non-empty content"),
        ([{"role": "user", "content": "x", "name": "eve"}], "messages.0.name: Extra inputs are not permitted"),
        ([user(said(""))], "messages: text content blocks must be non-empty"),
        ([user(said(" \n"))], "messages: text content blocks must contain non-whitespace text"),
        ([user({"text": "a"})], "messages.0.content.0.type: Field required"),
        ([user(said("a") | {"x": 1})], "messages.0.content.0.text.x: Extra inputs are not permitted"),
        ([user({"type": "image_url", "image_url": {}})], "messages.0.content.0: Input tag 'image_url' found"),
        ([user(image(media_type="image/bmp"))], "messages.0.content.0.image.source.base64.media_type: Input should be"),
        ([user(image("AAAA"))], "Could not process image"),
        ([user(image("no!"))], "messages.0.content.0.image.source.base64: invalid base64 data"),
        ([user(image(media_type="image/gif"))], "but the image appears to be a image/png image"),
        (
            [user({"type": "image", "source": {"type": "url", "url": "http://a/b.png"}})],
            "messages.0.content.0.image.source.url: Only HTTPS URLs are supported.",
        ),
        ([*HELLO, called("a")], f"messages.1: {UNANSWERED}a. Each"),
        ([*HELLO, called("a"), *HELLO], f"messages.1: {UNANSWERED}a. Each"),
        ([*HELLO, called("a", "b"), user(result("a"))], f"messages.1: {UNANSWERED}b. Each"),
        ([*HELLO, called("a"), user(said("x"), result("a"))], f"messages.1: {UNANSWERED}a. Each"),
        ([*HELLO, called("a"), user(result("b"))], f"messages.1: {UNANSWERED}a. Each"),
        ([user(result("a"))], f"messages.0.content.0: {UNASKED}a. Each"),
        ([*HELLO, called("a"), user(result("a"), result("b"))], f"messages.2.content.1: {UNASKED}b. Each"),
        ([*HELLO, called("a"), user(result("a"), result("a"))], "Found multiple `tool_result` blocks with id: a"),
        ([*HELLO, called("a", "a"), user(result("a"))], "messages.1.content.1: `tool_use` ids must be unique"),
        ([*HELLO, called("a b"), user(result("a b"))], "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
        ([*HELLO, called("a"), user(result("a", ""))], None),
        (
            [*HELLO, called("a"), user(result("a", [image()], is_error=True))],
            'must be type "text" if "is_error" is true',
        ),
        ([*HELLO, called("a"), user(result("a", [said("")]))], "messages: text content blocks must be non-empty"),
        ([*called("a")["content"]], "messages.0.role: Field required"),
        (
            [user(*called("a")["content"])],
            "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages",
        ),
        ([*HELLO, assistant(said("Well "))], "This model does not support assistant message prefill."),
        ([*HELLO, {"role": "system", "content": "x"}], "messages.1: role 'system' is not supported on this model"),
        (
            [*HELLO, assistant({"type": "thinking", "thinking": "x", "signature": "", "cache_control": MARK}), *HELLO],
            "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
        ),
        (
            [*HELLO, assistant({"type": "thinking", "thinking": "x"}), *HELLO],
            "messages.1.content.0.thinking.signature: Field required",
        ),
        (
            [user(*[said("a") | {"cache_control": MARK}] * 5)],
            "A maximum of 4 blocks with cache_control may be provided.",
        ),
        (
            [user(said("a") | {"cache_control": MARK | {"scope": "x"}})],
            "messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            [user(said("a") | {"cache_control": MARK}, said("b") | {"cache_control": MARK | {"ttl": "1h"}})],
            "messages.0.content.1.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m'",
        ),
    ],
)
async def test_messages_must_make_a_conversation(
    vendor: FakeAnthropic, messages: list[Any], message: str | None
) -> None:
    if message is None:
        assert (await post(vendor, asked(messages=messages))).status_code == 200
    else:
        assert message in await refused(vendor, messages=messages)


async def test_models_that_take_the_start_of_an_answer(vendor: FakeAnthropic) -> None:
    start = [*HELLO, {"role": "assistant", "content": "Well,"}]
    assert (await post(vendor, asked(model=FORMER, messages=start))).status_code == 200
    spaced = [*HELLO, {"role": "assistant", "content": "Well, "}]
    words = "messages: final assistant content cannot end with trailing whitespace"
    assert await refused(vendor, model=FORMER, messages=spaced) == words
    assert "Prefilling" in await refused(vendor, model=FORMER, messages=start, thinking=BUDGET)


async def test_models_that_take_system_turns(vendor: FakeAnthropic) -> None:
    system = {"role": "system", "content": "Be brief."}
    answer = {"role": "assistant", "content": "Yes."}
    for good in ([*HELLO, system], [*HELLO, system, answer, *HELLO]):
        response = await post(vendor, asked(model=LATEST, messages=good))
        assert response.status_code == 200, response.text
    for bad, words in (
        ([*HELLO, answer, system], "messages.2: a system message must immediately follow a user message"),
        ([*HELLO, system, *HELLO], "messages.1: a system message must be the last message or be followed by"),
        ([*HELLO, system, system], "messages.1: a system message must be the last message or be followed by"),
    ):
        assert words in await refused(vendor, model=LATEST, messages=bad)


async def test_versions_differ(vendor: FakeAnthropic) -> None:
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
    place = {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None}
    cited = said("a") | {"citations": [place | {"start_char_index": 0, "end_char_index": 1}]}
    for fields, words in (
        ({"temperature": 1}, "temperature: Extra inputs are not permitted"),
        ({"messages": [*HELLO, assistant(plain), *HELLO]}, "messages.1.content.0: `document` blocks can only be in"),
        ({"messages": [user(cited)]}, "messages.0.content.0.citations: citations are not permitted in `user` messages"),
    ):
        assert (await post(vendor, asked(**fields))).status_code == 200
        response = await post(vendor, asked(**fields), anthropic_version="2026-10-21")
        assert response.status_code == 400 and words in response.json()["error"]["message"]
