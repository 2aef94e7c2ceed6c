"""Forced tool calls: the request as llama.cpp's server keeps to it, and its reply read back."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ecotone.values.errors import MalformedRequest, RequestError, UnsupportedFeature, UpstreamMalformed
from ecotone.wire.forced_tools import CallStream, check_output_format, force_tools, read_call
from ecotone.wire.openai_chat import StreamWatch

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
ZONE = {"type": "object", "properties": {"zone": {"enum": ["utc", "cet"]}}, "required": ["zone"]}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": ZONE}}
CUSTOM = {"type": "custom", "custom": {"name": "shell"}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named(name) for name in names]}}


def request(choice: Any, *tools: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi"}], "tools": list(tools), "tool_choice": choice} | fields


def call_of(name: str, parameters: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


# --- the request


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_what_forces_nothing_stays_the_same_object(choice: Any) -> None:
    asked = request(choice, WEATHER, response_format={"type": "json_object"})
    assert force_tools(asked) == (asked, False)
    assert force_tools(asked)[0] is asked
    untold: dict[str, Any] = {"messages": []}
    assert force_tools(untold)[0] is untold


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("required", [call_of("get_weather", CITY), call_of("get_time", ZONE)]),
        (named("get_time"), [call_of("get_time", ZONE)]),
        (allowed("required", "get_weather"), [call_of("get_weather", CITY)]),
    ],
)
@pytest.mark.parametrize("output", [{}, {"response_format": None}, {"response_format": {"type": "text"}}])
def test_a_forced_request_carries_the_schema_of_its_calls(choice: Any, calls: Any, output: dict[str, Any]) -> None:
    asked = request(choice, WEATHER, TIME, parallel_tool_calls=True, seed=1, **output)
    before = copy.deepcopy(asked)
    sent, forced = force_tools(asked)
    assert forced
    assert asked == before
    shape = {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": {"anyOf": calls}}}
    assert sent == asked | {"tool_choice": "none", "response_format": shape}


def test_tools_that_are_only_allowed_are_the_ones_that_are_sent() -> None:
    asked = request(allowed("auto", "get_time"), WEATHER, TIME)
    assert force_tools(asked) == (asked | {"tools": [TIME], "tool_choice": "auto"}, False)
    assert asked["tools"] == [WEATHER, TIME]


@pytest.mark.parametrize(
    ("parameters", "written"),
    [
        ({}, {"type": "object", "properties": {}, "additionalProperties": False}),
        ({"parameters": None}, {"type": "object", "properties": {}, "additionalProperties": False}),
        ({"parameters": {}}, {"type": "object"}),
        ({"parameters": {"properties": {"a": {"const": 1}}}}, {"properties": {"a": {"const": 1}}, "type": "object"}),
        ({"parameters": CITY | {"anyOf": [{"required": ["b"]}]}}, CITY),
        ({"parameters": {"anyOf": [CITY, ZONE]}}, {"anyOf": [CITY, ZONE]}),
    ],
)
def test_arguments_are_always_an_object(parameters: dict[str, Any], written: Any) -> None:
    sent, _ = force_tools(request("required", {"type": "function", "function": {"name": "f"} | parameters}))
    assert sent["response_format"]["json_schema"]["schema"] == {"anyOf": [call_of("f", written)]}


def test_references_of_each_tool_still_resolve() -> None:
    tree = {
        "type": "object",
        "properties": {"kind": {"$ref": "#/$defs/a~1b%20c"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["kind"],
        "additionalProperties": False,
        "$defs": {"a/b c": {"enum": ["leaf", "branch"]}},
    }
    other = {
        "type": "object",
        "properties": {
            "kind": {"$ref": "#/definitions/a", "description": "What it is"},
            "again": {"$ref": "#/properties/kind"},
            "$ref": {"const": {"$ref": "#/not/a/reference"}},
        },
        "required": ["kind"],
        "additionalProperties": False,
        "definitions": {"a": {"type": "integer", "default": {"$ref": "nor this"}}},
    }
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in (("tree", tree), ("other", other))
    ]
    before = copy.deepcopy(tools)
    sent, _ = force_tools(request("required", *tools))
    assert tools == before
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["$defs"]["0.0"] == {"enum": ["leaf", "branch"]}
    assert schema["$defs"]["1.0"] == {"type": "integer", "default": {"$ref": "nor this"}}
    combined = jsonschema.Draft202012Validator(schema)
    for name, own in (("tree", tree), ("other", other)):
        alone = jsonschema.Draft202012Validator(own)
        for arguments in (
            {"kind": "leaf"},
            {"kind": "branch", "children": [{"kind": "leaf", "children": [{"kind": "leaf"}]}]},
            {"kind": "branch", "children": [{"kind": "twig"}]},
            {"kind": 3},
            {"kind": 3, "again": 4},
            {"kind": 3, "again": "leaf"},
            {"kind": 3, "$ref": {"$ref": "#/not/a/reference"}},
            {"kind": 3, "$ref": 0},
            {},
        ):
            assert combined.is_valid({"name": name, "arguments": arguments}) == alone.is_valid(arguments)


def test_a_list_of_schemas_can_be_pointed_into() -> None:
    parameters = {"anyOf": [CITY, {"type": "object", "properties": {"to": {"$ref": "#/anyOf/0"}}}]}
    sent, _ = force_tools(
        request("required", {"type": "function", "function": {"name": "f", "parameters": parameters}})
    )
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["$defs"] == {"0.0": CITY}
    assert schema["anyOf"][0]["properties"]["arguments"]["anyOf"][1]["properties"]["to"] == {"$ref": "#/$defs/0.0"}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def with_parameters(parameters: Any) -> dict[str, Any]:
    return request("required", {"type": "function", "function": {"name": "f", "parameters": parameters}})


@pytest.mark.parametrize(
    ("asked", "kind", "param", "words"),
    [
        (request("sometimes", WEATHER), MalformedRequest, "tool_choice", '"auto", "none", "required"'),
        (request(5, WEATHER), MalformedRequest, "tool_choice", '"auto", "none", "required"'),
        (request({"type": "tool"}, WEATHER), MalformedRequest, "tool_choice", '"auto", "none", "required"'),
        (request({"type": "function"}, WEATHER), MalformedRequest, "tool_choice", '"function": {"name"'),
        (request(named("get_tim"), WEATHER, TIME), MalformedRequest, "tool_choice", "'get_tim', which is not among"),
        (request(allowed("auto", "a"), WEATHER), MalformedRequest, "tool_choice", "'a', which is not among"),
        (request(allowed("required", "a"), WEATHER), MalformedRequest, "tool_choice", "'a', which is not among"),
        (request(allowed("auto"), WEATHER), MalformedRequest, "tool_choice", "at least one"),
        (request(allowed("none", "get_time"), TIME), MalformedRequest, "tool_choice", "`mode`"),
        (request({"type": "allowed_tools"}, TIME), MalformedRequest, "tool_choice", "`mode`"),
        (request("required"), MalformedRequest, "tool_choice", "no `tools`"),
        (request(named("f")), MalformedRequest, "tool_choice", "no `tools`"),
        (request("required", tools="x"), MalformedRequest, "tool_choice", "no `tools`"),
        (request("required", WEATHER, 5), MalformedRequest, "tools[1]", "`tools[1]` must be"),
        (request("required", {"type": "function", "function": {}}), MalformedRequest, "tools[0]", "must be"),
        (request("required", WEATHER, CUSTOM), UnsupportedFeature, "tools[1]", "another model"),
        (
            request({"type": "custom", "custom": {"name": "shell"}}, CUSTOM),
            UnsupportedFeature,
            "tool_choice",
            "another",
        ),
        (
            request({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CUSTOM]}}, CUSTOM),
            UnsupportedFeature,
            "tool_choice",
            "another",
        ),
        (with_parameters({"type": "string"}), MalformedRequest, "tools[0].function.parameters", 'type "object"'),
        (with_parameters("x"), MalformedRequest, "tools[0].function.parameters", 'type "object"'),
        (with_parameters({"$ref": "#/$defs/A"}), MalformedRequest, "tools[0].function.parameters", "not in them"),
        (with_parameters({"$ref": "#A"}), MalformedRequest, "tools[0].function.parameters", "into themselves"),
        (with_parameters({"$ref": "https://a.example/b"}), MalformedRequest, "tools[0].function.parameters", "into"),
        (with_parameters(nested(3000)), MalformedRequest, "tools[0].function.parameters", "nested too deeply"),
    ],
)
def test_what_cannot_be_forced_is_refused(
    asked: dict[str, Any], kind: type[RequestError], param: str, words: str
) -> None:
    with pytest.raises(kind) as caught:
        force_tools(asked)
    assert type(caught.value) is kind
    assert caught.value.param == param
    assert words in caught.value.message


def test_a_tool_call_and_a_schema_at_once_are_refused() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}
    with pytest.raises(UnsupportedFeature, match="leave out one of them") as caught:
        force_tools(request("required", WEATHER, response_format=shape))
    assert caught.value.param == "response_format"


@pytest.mark.parametrize(
    "output",
    [
        None,
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x"}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": None}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}},
    ],
)
def test_output_formats_that_the_engine_answers_pass(output: Any) -> None:
    check_output_format({"response_format": output})
    check_output_format({})


@pytest.mark.parametrize(
    "output",
    [
        "json_object",
        [],
        {},
        {"type": None},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": "x"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": "string"}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": True}},
    ],
)
def test_output_formats_that_the_engine_would_pass_over_are_refused(output: Any) -> None:
    with pytest.raises(MalformedRequest) as caught:
        check_output_format({"response_format": output})
    assert caught.value.param == "response_format"


# --- the reply


def reply(*choices: tuple[str, str], **fields: Any) -> bytes:
    """A whole reply as the engine writes it; each choice is a text and a finish reason."""
    return json.dumps(
        {
            "choices": [
                {"finish_reason": reason, "index": index, "message": {"role": "assistant", "content": text}}
                for index, (text, reason) in enumerate(choices)
            ],
            "created": 1_795_316_187,
            "model": "smollm2",
            "object": "chat.completion",
            "usage": {"completion_tokens": 37, "prompt_tokens": 182, "total_tokens": 219},
            "id": "chatcmpl-x6RNKpJSCHuU4uruFjsyriAo0xLkLPeT",
            "timings": {"cache_n": 0, "prompt_ms": 4474.532},
        }
        | fields
    ).encode()


def read(body: bytes) -> Any:
    turned = read_call(body)
    ChatCompletion.model_validate_json(turned, strict=True)
    return json.loads(turned)


def test_a_whole_reply_becomes_the_call_that_it_is() -> None:
    body = reply(
        ('{\n  "name": "get_weather",\n  "arguments": {\n    "city": "Rome"\n  }\n}', "stop"),
        (' {"name":"get_time","arguments":{"zone":"a}\\"{\\\\"}} ', "stop"),
    )
    turned, before = read(body), json.loads(body)
    assert turned["choices"] == [
        {
            "finish_reason": "tool_calls",
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_x6RNKpJSCHuU4uruFjsyriAo0xLkLPeT_0",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{\n    "city": "Rome"\n  }'},
                    }
                ],
            },
        },
        {
            "finish_reason": "tool_calls",
            "index": 1,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_x6RNKpJSCHuU4uruFjsyriAo0xLkLPeT_1",
                        "type": "function",
                        "function": {"name": "get_time", "arguments": '{"zone":"a}\\"{\\\\"}'},
                    }
                ],
            },
        },
    ]
    assert {**turned, "choices": 0} == {**before, "choices": 0}


@pytest.mark.parametrize("reason", ["length", "stop"])
@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("", None, None),
        ('{ "na', None, None),
        ('{"name": "get_wea', None, None),
        ('{"name": "get_weather"', "get_weather", ""),
        ('{"name": "get_weather", "arguments": {"city": "Ro', "get_weather", '{"city": "Ro'),
        ('{"name": "get_weather", "arguments": {"city": "Rome"} ', "get_weather", '{"city": "Rome"}'),
    ],
)
def test_a_call_that_was_cut_stays_cut(text: str, name: str | None, arguments: str | None, reason: str) -> None:
    choice = read(reply((text, reason)))["choices"][0]
    assert choice["finish_reason"] == reason
    assert choice["message"]["content"] is None
    calls = choice["message"].get("tool_calls", [])
    assert [call["function"] for call in calls] == ([{"name": name, "arguments": arguments}] if name else [])


@pytest.mark.parametrize(
    "text", ["Rome is warm.", '["name"]', '{"arguments": {}}', '{"name": 5', '{"name": "f" : ', '{"name": "\\x"']
)
def test_text_that_is_no_call_is_the_upstreams_fault(text: str) -> None:
    with pytest.raises(UpstreamMalformed, match="held to a tool call"):
        read_call(reply((text, "stop")))
    with pytest.raises(UpstreamMalformed, match="held to a tool call"):
        CallStream().feed(event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}))


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"error":{"code":500}}', b'{"choices":[5]}', b'{"choices":[]}'])
def test_what_is_no_completion_stays_as_it_is(body: bytes) -> None:
    assert read_call(body) == body
    assert CallStream().feed(b"data: " + body + b"\n\n") == b"data: " + body + b"\n\n"


def test_a_message_without_text_stays_as_it_is() -> None:
    message = {"role": "assistant", "content": None, "reasoning_content": "Hm."}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}).encode()
    assert json.loads(read_call(body)) == json.loads(body)


# --- the stream

FRAME = {
    "created": 1_795_316_265,
    "id": "chatcmpl-OqhlcbM2eYhFtwITW5LIKYBFzTBrrxpR",
    "model": "smollm2",
    "system_fingerprint": "b0-unknown",
    "object": "chat.completion.chunk",
}
USAGE = {
    "choices": [],
    **FRAME,
    "usage": {"completion_tokens": 35, "prompt_tokens": 130, "total_tokens": 165},
    "timings": {"cache_n": 71, "prompt_ms": 5858.898},
}


def event(chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: dict[str, Any], *, index: int = 0, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": reason, "index": index, "delta": delta}], **FRAME, **fields}


def text(content: str, index: int = 0) -> bytes:
    return event(chunk({"content": content}, index=index))


def chunks(stream: bytes) -> list[Any]:
    """The chunks of a stream that ends with `[DONE]`."""
    assert stream.endswith(b"\n\ndata: [DONE]\n\n")
    return [json.loads(part.removeprefix(b"data: ")) for part in stream.split(b"\n\n")[:-2]]


def test_a_stream_token_by_token() -> None:
    role = event(chunk({"role": "assistant", "content": None}))
    usage = event(USAGE)
    tokens = ["{", "\n ", ' "', "name", '":', ' "get', "_time", '",', ' "argu', 'ments":', " ", "{", '"zone"']
    tokens += [':"', "a}", '"', "\n", "}", "\n", "}"]
    stop = event(chunk({}, reason="stop"))
    whole = role + b"".join(text(token) for token in tokens) + stop + usage + b"data: [DONE]\n\n"
    turned = CallStream().feed(whole)
    assert turned.startswith(role)
    assert turned.endswith(usage + b"data: [DONE]\n\n")
    call_id = "call_OqhlcbM2eYhFtwITW5LIKYBFzTBrrxpR_0"
    start = {"index": 0, "id": call_id, "type": "function", "function": {"name": "get_time", "arguments": ""}}
    more = ["{", '"zone"', ':"', "a}", '"', "\n", "}"]
    deltas = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in more]
    expected = [chunk({"tool_calls": [start]}), *(chunk(delta) for delta in deltas), chunk({}, reason="tool_calls")]
    assert chunks(turned)[1:-1] == expected


def test_a_stream_that_was_cut_says_so() -> None:
    whole = text('{"name": "f", "arguments": {"a": "b') + event(chunk({}, reason="length")) + b"data: [DONE]\n\n"
    start, end = chunks(CallStream().feed(whole))
    assert start["choices"][0]["delta"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": "b'}
    assert end == chunk({}, reason="length")


def test_events_beside_the_text_stay_as_they_are() -> None:
    others = [
        b": keep-alive\n\n",
        b"retry: 5\n\n",
        event({"error": {"code": 500, "message": "broken", "type": "server_error"}}),
        event(chunk({"reasoning_content": "Hm."})),
        event(USAGE),
        b"data: {not json\n\n",
        b"data: [DONE]\n\n",
    ]
    assert CallStream().feed(b"".join(others)) == b"".join(others)


def test_a_chunk_with_timings_is_kept_though_its_text_is_held_back() -> None:
    turned = CallStream().feed(event(chunk({"content": "{"}, timings={"predicted_n": 1})))
    assert json.loads(turned[6:]) == chunk({}, timings={"predicted_n": 1})
    assert CallStream().feed(text("{")) == b""


def test_an_endless_event_is_refused() -> None:
    with pytest.raises(UpstreamMalformed, match="more than 16,777,216 bytes"):
        CallStream().feed(b"data: " + b"x" * 16 * 2**20)


blanks = st.text(" \t\r\n", max_size=3)
# JSON texts that json.dumps writes, and strings with every escape, with or without non-ASCII characters as such.
arguments = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(st.characters(codec="utf-8") | st.sampled_from('{}[]"\\')),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text('a"}\\', max_size=3), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=4,
    ),
    st.none() | st.integers(0, 3),
    st.booleans(),
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, list[str]]:
    """A name, the text of the arguments, and the whole call with white space anywhere, cut into tokens anywhere."""
    name, value = draw(names), draw(arguments)
    steps = ["", "{", '"name"', ":", json.dumps(name), ",", '"arguments"', ":", value, "}"]
    whole = "".join(step + draw(blanks) for step in steps)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    return name, value, [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(st.lists(calls(), min_size=1, max_size=3), st.data())
def test_any_split_gives_the_same_calls(called: list[tuple[str, str, list[str]]], data: st.DataObject) -> None:
    queues = [
        [text(token, index) for token in tokens] + [event(chunk({}, index=index, reason="stop"))]
        for index, (_, _, tokens) in enumerate(called)
    ]
    body = b"".join(event(chunk({"role": "assistant", "content": None}, index=n)) for n in range(len(called)))
    while any(queues):
        body += data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0)
    body += event(USAGE) + b"data: [DONE]\n\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))

    stream, watch, state = CallStream(), StreamWatch({}), ChatCompletionStreamState()
    turned = b"".join(watch.feed(stream.feed(body[a:b])) for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True))
    watch.close()
    assert watch.finished
    assert watch.usage is not None
    assert watch.usage.output_tokens == 35
    for each in chunks(turned):
        state.handle_chunk(ChatCompletionChunk.model_validate_json(json.dumps(each), strict=True))
    final = state.current_completion_snapshot
    assert len(final.choices) == len(called)
    for choice, (name, value, _) in zip(sorted(final.choices, key=lambda each: each.index), called, strict=True):
        assert choice.finish_reason == "tool_calls"
        assert not choice.message.content
        assert choice.message.tool_calls is not None
        (call,) = choice.message.tool_calls
        assert (call.function.name, call.function.arguments) == (name, value)
        assert call.id == f"call_OqhlcbM2eYhFtwITW5LIKYBFzTBrrxpR_{choice.index}"

    whole = read(reply(*(("".join(tokens), "stop") for _, _, tokens in called)))
    functions = [choice["message"]["tool_calls"][0]["function"] for choice in whole["choices"]]
    assert functions == [{"name": name, "arguments": value} for name, value, _ in called]


@pytest.mark.parametrize("old", ["functions", "function_call"])
def test_the_old_names_of_tools_are_refused(old: str) -> None:
    with pytest.raises(UnsupportedFeature) as raised:
        force_tools({"model": "m", "messages": [], old: "auto"})
    assert raised.value.param == old
