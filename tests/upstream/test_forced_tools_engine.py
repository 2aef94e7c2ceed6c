"""Forced tool calls and JSON-schema output with the real engine and a real model."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion import Choice

from ecotone.upstream.endpoints import Call, EmbeddedEndpoint
from ecotone.upstream.engine import EngineSpec
from ecotone.upstream.engines import EnginePool
from ecotone.upstream.http import HttpClient
from ecotone.upstream.operations import Operation
from ecotone.values.errors import ContextExceeded, MalformedRequest, RequestError, UnsupportedFeature
from ecotone.wire.openai_chat import StreamWatch
from ecotone.wire.openai_error import decode_error
from tests.clearing import CHECKER, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")
GIB = 1024**3

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 8}, "unit": {"enum": ["celsius", "fahrenheit"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
TIMER = {
    "type": "object",
    "properties": {"minutes": {"type": "integer", "minimum": 1, "maximum": 59}},
    "required": ["minutes"],
    "additionalProperties": False,
}
# Braces, quotes and what is beyond ASCII, in a value that the model has no choice about.
TEMPLATE = {
    "type": "object",
    "properties": {"text": {"const": 'a } " \\ { b: été 😀'}},
    "required": ["text"],
    "additionalProperties": False,
}
NODE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "required": ["root"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "side": {"$ref": "#/$defs/a~1b"},
                "next": {"type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 1},
            },
            "required": ["side", "next"],
            "additionalProperties": False,
        },
        "leaf": {"type": "integer", "minimum": 0, "maximum": 9},
        "a/b": {"enum": ["left", "right"]},
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "get_weather": WEATHER,
    "set_timer": TIMER,
    "fill_in": TEMPLATE,
    "store_node": NODE,
    "ping": {"type": "object", "properties": {}, "additionalProperties": False},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EnginePool]:
    spec = EngineSpec("smollm2", smollm2_path, context=1_024, parallel=2)
    logs = tmp_path_factory.mktemp("logs")
    pool = EnginePool([spec], memory_budget_bytes=8 * GIB, cores=2, logs_dir=logs)
    yield pool
    await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(pool: EnginePool) -> AsyncIterator[EmbeddedEndpoint]:
    http = HttpClient()
    yield EmbeddedEndpoint(model="smollm2", engines=pool, http=http, checker=CHECKER, file_problem=lambda model: None)
    await http.close()


def tool(name: str) -> dict[str, Any]:
    parameters = {} if name == "ping" else {"parameters": SCHEMAS[name]}
    return {"type": "function", "function": {"name": name, **parameters}}


def asking(*names: str, **fields: Any) -> dict[str, Any]:
    """A request about something else than the tools, so that a model free to choose would not call one."""
    request = {
        "model": "assistant",
        "messages": [{"role": "user", "content": "Write a line about the sea."}],
        "tools": [tool(name) for name in names],
        "max_tokens": 150,
        "temperature": 0,
    }
    return request | fields


async def answer(endpoint: EmbeddedEndpoint, request: dict[str, Any], operation: Operation = "chat") -> Any:
    """The whole reply; an error status raises what the gateway would make of it."""
    response = await opened(endpoint, Call(operation, "openai-chat", request))
    pieces = []
    while (piece := await response.read_chunk()) is not None:
        pieces.append(piece)
    body = b"".join(pieces)
    if response.status != 200:
        raise decode_error(response.status, body)
    length = response.header("content-length")
    assert length is None or int(length) == len(body)
    return json.loads(body)


async def streamed(
    endpoint: EmbeddedEndpoint, request: dict[str, Any]
) -> tuple[list[ChatCompletionChunk], StreamWatch]:
    """The chunks of a stream, each checked by the official types, after the gateway's own watch let them through."""
    response = await opened(
        endpoint,
        Call("chat", "openai-chat", request | {"stream": True, "stream_options": {"include_usage": True}}, stream=True),
    )
    assert response.status == 200
    watch = StreamWatch({})
    passed = b""
    while (piece := await response.read_chunk()) is not None:
        passed += watch.feed(piece)
    watch.close()
    events = [part.removeprefix(b"data: ") for part in passed.split(b"\n\n")]
    assert events[-2:] == [b"[DONE]", b""]
    return [ChatCompletionChunk.model_validate_json(event, strict=True) for event in events[:-2]], watch


def check_calls(choices: Sequence[Choice], called: set[str]) -> None:
    """Each choice is one finished call of one of these functions, with an id of its own."""
    ids: set[str] = set()
    for choice in choices:
        assert choice.finish_reason == "tool_calls"
        assert not choice.message.content
        assert choice.message.tool_calls is not None
        (call,) = choice.message.tool_calls
        assert call.type == "function"
        assert call.function.name in called
        jsonschema.validate(json.loads(call.function.arguments), SCHEMAS[call.function.name])
        assert len(call.id) <= 40
        ids.add(call.id)
    assert len(ids) == len(choices)


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


async def test_a_forced_call_is_made(endpoint: EmbeddedEndpoint, pool: EnginePool) -> None:
    request = asking("get_weather", "set_timer", tool_choice="required", parallel_tool_calls=True, n=2, temperature=1)
    reply = ChatCompletion.model_validate(await answer(endpoint, request))
    assert len(reply.choices) == 2
    check_calls(reply.choices, {"get_weather", "set_timer"})
    assert reply.usage is not None
    assert pool.states()[0].leases == 0


@pytest.mark.parametrize(
    ("offered", "choice", "called"),
    [
        (["get_weather", "set_timer"], "required", {"get_weather", "set_timer"}),
        (["get_weather", "set_timer"], named("set_timer"), {"set_timer"}),
        (
            ["get_weather", "fill_in"],
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named("fill_in")]}},
            {"fill_in"},
        ),
        (["ping"], "required", {"ping"}),
        (["store_node", "set_timer"], named("store_node"), {"store_node"}),
    ],
)
async def test_a_forced_call_is_streamed(
    endpoint: EmbeddedEndpoint, pool: EnginePool, offered: list[str], choice: Any, called: set[str]
) -> None:
    chunks, watch = await streamed(endpoint, asking(*offered, tool_choice=choice))
    assert watch.token_seen
    assert watch.finished
    assert watch.usage is not None
    assert watch.usage.output_tokens
    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(chunk)
    check_calls(state.get_final_completion().choices, called)
    assert pool.states()[0].leases == 0


async def test_arguments_come_while_they_are_written(endpoint: EmbeddedEndpoint) -> None:
    chunks, _ = await streamed(endpoint, asking("fill_in", tool_choice="required"))
    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert [call.function.name for call in deltas if call.function] == ["fill_in"] + [None] * (len(deltas) - 1)
    assert [bool(call.id) for call in deltas] == [True] + [False] * (len(deltas) - 1)
    assert len(deltas) > 5
    assert "".join((call.function and call.function.arguments) or "" for call in deltas).count("😀") == 1


async def test_a_call_cut_by_max_tokens_stays_cut(endpoint: EmbeddedEndpoint) -> None:
    request = asking("fill_in", tool_choice="required", max_tokens=22)
    (choice,) = (await answer(endpoint, request))["choices"]
    assert choice["finish_reason"] == "length"
    function = choice["message"]["tool_calls"][0]["function"]
    assert function["name"] == "fill_in"
    assert function["arguments"].startswith("{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(function["arguments"])
    chunks, _ = await streamed(endpoint, request)
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["length"]
    deltas = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    together = "".join((call.function and call.function.arguments) or "" for call in deltas)
    assert together == function["arguments"]


async def test_a_client_that_leaves_frees_the_engine(endpoint: EmbeddedEndpoint, pool: EnginePool) -> None:
    response = await opened(
        endpoint, Call("chat", "openai-chat", asking("get_weather", tool_choice="required", stream=True), stream=True)
    )
    assert await response.read_chunk()
    assert pool.states()[0].leases == 1
    response.close()
    assert pool.states()[0].leases == 0


async def test_the_request_is_left_as_it_is(endpoint: EmbeddedEndpoint) -> None:
    request = asking("ping", tool_choice="required", max_completion_tokens=1)
    before = json.dumps(request)
    await answer(endpoint, request)
    assert json.dumps(request) == before


OUTPUTS: dict[str, Any] = {
    "nested objects": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 2, "maxLength": 12},
            "home": {
                "type": "object",
                "properties": {"sea": {"type": "boolean"}, "depth": {"type": ["integer", "null"], "maximum": 9}},
                "required": ["sea", "depth"],
                "additionalProperties": False,
            },
        },
        "required": ["name", "home"],
        "additionalProperties": False,
    },
    "enums": {
        "type": "object",
        "properties": {"mood": {"enum": ["calm", "rough", 7, None]}, "kind": {"const": "sea"}},
        "required": ["mood", "kind"],
        "additionalProperties": False,
    },
    "arrays": {
        "type": "array",
        "items": {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
        | {"additionalProperties": False},
        "minItems": 2,
        "maxItems": 3,
    },
    "integers with bounds": {
        "type": "object",
        "properties": {
            "low": {"type": "integer", "minimum": -50, "maximum": -45},
            "high": {"type": "integer", "exclusiveMinimum": 996, "exclusiveMaximum": 1000},
        },
        "required": ["low", "high"],
        "additionalProperties": False,
    },
    "definitions": {
        "type": "object",
        "properties": {
            "port": {"$ref": "#/$defs/side"},
            "others": {"type": "array", "items": {"$ref": "#/$defs/side"}, "maxItems": 1},
        },
        "required": ["port", "others"],
        "additionalProperties": False,
        "$defs": {"side": {"enum": ["left", "right"]}},
    },
    "formats and patterns": {
        "type": "object",
        "properties": {
            "day": {"type": "string", "format": "date"},
            "id": {"type": "string", "pattern": "^[a-c]{2}-[0-9]{3}$"},
        },
        "required": ["day", "id"],
        "additionalProperties": False,
    },
    "alternatives": {
        "anyOf": [
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False},
            {"type": "object", "properties": {"b": {"const": 2}}, "required": ["b"], "additionalProperties": False},
        ]
    },
}


@pytest.mark.parametrize("schema", OUTPUTS.values(), ids=OUTPUTS)
async def test_output_keeps_to_a_schema(endpoint: EmbeddedEndpoint, schema: dict[str, Any]) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    reply = await answer(endpoint, asking(response_format=shape))
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), schema, format_checker=jsonschema.FormatChecker())


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
SOUND = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}


@pytest.mark.parametrize(
    ("fields", "kind", "param"),
    [
        (
            {"tools": [tool("ping")], "tool_choice": named("pong")},
            MalformedRequest,
            "tool_choice",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": "string"}}},
            MalformedRequest,
            "response_format",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, MalformedRequest, "tools"),
        ({"messages": [{"content": "Hi"}]}, MalformedRequest, "messages"),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, UnsupportedFeature, "messages"),
        ({"messages": [{"role": "user", "content": [SOUND]}]}, UnsupportedFeature, "messages"),
    ],
)
async def test_the_requests_own_faults_are_told_as_such(
    endpoint: EmbeddedEndpoint, fields: dict[str, Any], kind: type[RequestError], param: str
) -> None:
    with pytest.raises(kind) as caught:
        await answer(endpoint, asking() | fields)
    assert type(caught.value) is kind
    assert caught.value.param == param


async def test_an_embedding_input_that_is_too_long_is_told_as_such(endpoint: EmbeddedEndpoint) -> None:
    with pytest.raises(ContextExceeded) as caught:
        await answer(endpoint, {"model": "m", "input": "word " * 3_000}, "embeddings")
    assert caught.value.param == "input"
    assert "at most" in caught.value.message
