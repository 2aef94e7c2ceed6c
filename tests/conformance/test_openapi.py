"""What the gateway says is valid by each API's own description: replies, events and errors, whatever the upstream.

OpenAI's is the OpenAPI description, closed to fields it does not name; all four are also checked against the official
SDK's models, where a field that a model does not know is a fault.
"""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import anthropic.types
import httpx
import pytest
import pytest_asyncio
from anthropic.types.shared import ErrorResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.conformance.house import WIRES, House, house
from tests.vendors.gemini_replies import GeminiReply
from tests.vendors.gemini_replies import checked as checked_by_google
from tests.vendors.openai_rules import definitions, violations
from tests.vendors.scripts import Delivery, Ending, Failure, Reply, Scripted, Text, Thinking, ToolCall, Usage
from tests.vendors.sdk_models import unknown_fields

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

Json = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}
REPLIES: dict[str, Reply] = {
    "text": Reply(text="Rain in Zürich, sun in 東京.", usage=Usage(prompt=90, completion=9, cached=64)),
    "thoughts and calls": Reply(
        parts=[
            Thinking("Two cities."),
            Text("I look it up."),
            ToolCall("get_weather", '{"city":"Zürich"}'),
            ToolCall("get_weather", '{"city":"東京"}'),
        ],
        usage=Usage(prompt=90, completion=40, reasoning=20),
    ),
    "cut short": Reply(text="As far", finish_reason="length"),
    "filtered": Reply(text="As far", finish_reason="content_filter"),
    "nothing": Reply(text=""),
}
# What only some vendors can say.
OWN: dict[str, dict[str, Reply]] = {
    "openai-chat": {"refusal": Reply(refusal="No.")},
    "openai-responses": {"refusal": Reply(refusal="No.")},
    "anthropic": {"refusal": Reply(text="Well, ", refusal="No.")},
    "gemini": {"blocked prompt": GeminiReply(block_reason="SAFETY")},
}
CASES = [(upstream, name, reply) for upstream in WIRES for name, reply in (REPLIES | OWN[upstream]).items()]
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
}
STREAM_PATHS = PATHS | {"gemini": "/v1beta/models/{model}:streamGenerateContent?alt=sse"}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
MESSAGE_EVENT: TypeAdapter[Any] = TypeAdapter(anthropic.types.RawMessageStreamEvent)


def request(wire: str, model: str, *, stream: bool = False) -> Json:
    """A question with a tool, asked so that thoughts are shown where the API can ask for that."""
    said: list[Any] = [{"role": "user", "content": "Weather in Zürich and 東京?"}]
    if wire == "openai-chat":
        tools = [{"type": "function", "function": FUNCTION}]
        asked: Json = {"model": model, "messages": said, "tools": tools, "reasoning_effort": "high"}
        return asked | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})
    if wire == "openai-responses":
        asked = {"model": model, "input": said, "store": False, "include": ["reasoning.encrypted_content"]}
        asked["tools"] = [{"type": "function", "strict": False, **FUNCTION}]
        asked["reasoning"] = {"effort": "high", "summary": "auto"}
        return asked | ({"stream": True} if stream else {})
    if wire == "anthropic":
        asked = {"model": model, "messages": said, "max_tokens": 4096, "thinking": {"type": "adaptive"}}
        asked["tools"] = [{"name": "get_weather", "input_schema": SCHEMA}]
        return asked | ({"stream": True} if stream else {})
    thinking = {"thinkingLevel": "high", "includeThoughts": True}
    return {
        "contents": [{"role": "user", "parts": [{"text": "Weather in Zürich and 東京?"}]}],
        "tools": [{"functionDeclarations": [{**FUNCTION, "parameters": SCHEMA | {"type": "OBJECT"}}]}],
        "generationConfig": {"thinkingConfig": thinking},
    }


def by_sdk(model: type[BaseModel] | TypeAdapter[Any], value: Json, extensions: frozenset[str] = frozenset()) -> None:
    """The value is one of the SDK's model, and nothing in it is unknown to that but `extensions`."""
    adapter = model if isinstance(model, TypeAdapter) else TypeAdapter[Any](model)
    parsed = adapter.validate_json(json.dumps(value), strict=True)
    assert set(unknown_fields(parsed)) <= extensions


# Open servers' fields for thoughts, and for what proves them: OpenAI's own models show none on this wire.
THOUGHTS = ("reasoning_content", "reasoning_details")


def check_chat(value: Json) -> None:
    by_sdk(ChatCompletion, value, frozenset(THOUGHTS))
    for choice in value["choices"]:
        for name in THOUGHTS:
            choice["message"].pop(name, None)
    assert violations("CreateChatCompletionResponse", value) == []


def check_chunk(value: Json) -> None:
    by_sdk(ChatCompletionChunk, value, frozenset(THOUGHTS))
    for choice in value["choices"]:
        for name in THOUGHTS:
            choice["delta"].pop(name, None)
    assert violations("CreateChatCompletionStreamResponse", value) == []


def check_response(value: Json) -> None:
    by_sdk(Response, value)
    assert violations("Response", value) == []


def check_event(value: Json) -> None:
    # The description has this field, and requires it.
    by_sdk(EVENT, value, frozenset({"name"} if value["type"] == "response.function_call_arguments.done" else ()))
    [name] = [
        name
        for option in definitions()["ResponseStreamEvent"]["anyOf"]
        for name in [option["$ref"].rpartition("/")[2]]
        if value["type"] in definitions()[name]["properties"]["type"]["enum"]
    ]
    assert violations(name, value) == []


def check_message_event(value: Json) -> None:
    # The SDK passes these over before it reads them.
    if value != {"type": "ping"}:
        by_sdk(MESSAGE_EVENT, value)


def check_google(value: Json) -> None:
    checked_by_google("GenerateContentResponse", value)


CHECKS: dict[str, tuple[Callable[[Json], None], Callable[[Json], None]]] = {
    "openai-chat": (check_chat, check_chunk),
    "openai-responses": (check_response, check_event),
    "anthropic": (
        lambda value: by_sdk(anthropic.types.Message, value),
        check_message_event,
    ),
    "gemini": (check_google, check_google),
}


def check_error(wire: str, status: int, value: Json) -> None:
    """The body of an error in the client's form."""
    if wire == "anthropic":
        assert value["error"]["type"] == ERROR_TYPES[status]
        if status == 413:
            # Documented, and not among the SDK's.
            value["error"]["type"] = "invalid_request_error"
        by_sdk(ErrorResponse, value)
    elif wire == "gemini":
        assert list(value) == ["error"]
        assert set(value["error"]) <= {"code", "message", "status", "details"}
        assert (value["error"]["code"], value["error"]["status"]) == (status, STATUSES[status])
        assert value["error"]["message"]
    else:
        assert violations("ErrorResponse", value) == []


# https://platform.claude.com/docs/en/api/errors
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    502: "api_error",
}
# https://cloud.google.com/apis/design/errors#handling_errors; what stands before a server answers 502 unavailable.
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
}


@dataclass
class Raw:
    """The house, and a client that takes answers as they are."""

    home: House
    http: httpx.AsyncClient

    async def ask(self, wire: str, upstream: str, scripted: Scripted, *, stream: bool = False) -> httpx.Response:
        vendor = self.home.vendors[upstream]
        vendor.forget()
        vendor.script(scripted)
        model = f"{upstream}-thinking"
        path = (STREAM_PATHS if stream else PATHS)[wire].replace("{model}", model)
        return await self.http.post(path, json=request(wire, model, stream=stream))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def raw(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Raw]:
    async with (
        house(tmp_path_factory.mktemp("openapi")) as home,
        httpx.AsyncClient(base_url=home.gate.url, verify=False) as http,
    ):
        yield Raw(home, http)


each_case = pytest.mark.parametrize(
    ("wire", "upstream", "name", "reply"),
    # What a client gets from a vendor of its own wire is that vendor's.
    [(wire, *case) for wire, case in itertools.product(WIRES, CASES) if wire != case[0]],
    ids=lambda value: value if isinstance(value, str) else "",
)


@each_case
async def test_a_whole_reply(raw: Raw, wire: str, upstream: str, name: str, reply: Reply) -> None:
    answer = await raw.ask(wire, upstream, reply)
    assert answer.status_code == 200, answer.text
    CHECKS[wire][0](answer.json())


@each_case
async def test_each_event_of_a_stream(raw: Raw, wire: str, upstream: str, name: str, reply: Reply) -> None:
    answer = await raw.ask(wire, upstream, reply, stream=True)
    assert answer.status_code == 200, answer.text
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    if wire == "openai-chat":
        assert events.pop() == "[DONE]"
    assert events
    for event in events:
        CHECKS[wire][1](json.loads(event))


@pytest.mark.parametrize("upstream", WIRES)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("failure", "status"), [(400, 400), (401, 502), (404, 404), (413, 413), (429, 429), (500, 502)]
)
async def test_an_upstreams_error(raw: Raw, wire: str, upstream: str, failure: int, status: int) -> None:
    answer = await raw.ask(wire, upstream, Failure(failure))
    assert answer.status_code == status
    check_error(wire, status, answer.json())


@pytest.mark.parametrize("wire", WIRES)
async def test_the_gateways_own_errors(raw: Raw, wire: str) -> None:
    path = PATHS[wire].replace("{model}", "nobody")
    as_json = {"content-type": "application/json"}
    unknown = await raw.http.post(path, json=request(wire, "nobody"))
    broken = await raw.http.post(path, content=b'{"model":', headers=as_json)
    big = await raw.http.post(path, content=b" " * (33 * 1024 * 1024), headers=as_json)
    # Only what looks like a key of Ecotone is taken for one where nobody needs any.
    stranger = await raw.http.post(path, json=request(wire, "nobody"), headers={"x-api-key": "eco_not-one-of-ours"})
    for status, answer in ((404, unknown), (400, broken), (413, big), (401, stranger)):
        assert answer.status_code == status, answer.text
        check_error(wire, status, answer.json())


@pytest.mark.parametrize(("wire", "upstream"), [pair for pair in itertools.product(WIRES, WIRES) if pair[0] != pair[1]])
async def test_an_error_within_a_stream(raw: Raw, wire: str, upstream: str) -> None:
    """After events that are as they should be the last one is an error, and no end comes before or after it."""
    delivery = Delivery(ending=Ending.ERROR_EVENT, events=8)
    answer = await raw.ask(
        wire, upstream, Reply(text="one two three four five six seven", delivery=delivery), stream=True
    )
    assert answer.status_code == 200, answer.text
    *events, last = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert "[DONE]" not in answer.text
    for event in events:
        CHECKS[wire][1](event)
    if wire == "openai-responses":
        # Flat as it is described, and nested as the vendor really sends it and its SDKs want it.
        assert violations("ErrorResponse", {"error": last.pop("error")}) == []
        assert violations("ResponseErrorEvent", last) == []
    elif wire == "anthropic":
        by_sdk(ErrorResponse, last)
        assert events[-1]["type"] != "message_stop"
    elif wire == "gemini":
        check_error(wire, 502, last)
    else:
        check_error(wire, 502, last)
        assert not any(choice["finish_reason"] for event in events for choice in event["choices"])
