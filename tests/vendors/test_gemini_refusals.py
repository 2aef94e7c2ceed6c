"""What the fake Gemini refuses, and what it takes that looks as if it would not."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.vendors import Reply, ToolCall
from tests.vendors.gemini_generate import FakeGemini

MODEL = "gemini-3.5-flash"
HELLO: list[Any] = [{"role": "user", "parts": [{"text": "Hello there"}]}]
WEATHER: dict[str, Any] = {
    "name": "weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}
TOOLS: list[Any] = [{"functionDeclarations": [WEATHER]}]


@pytest.fixture
async def vendor() -> AsyncIterator[FakeGemini]:
    async with FakeGemini(key="AIza-test") as server:
        yield server


async def post(vendor: FakeGemini, body: Any, method: str = "generateContent", model: str = MODEL) -> httpx.Response:
    url = f"{vendor.base_url}/v1beta/models/{model}:{method}"
    content = body if isinstance(body, bytes) else json.dumps(body)
    # No TLS is spoken here, and loading the roots takes longer than a whole test.
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(url, content=content, headers={"x-goog-api-key": vendor.key})


async def refused(vendor: FakeGemini, model: str = MODEL, **fields: Any) -> dict[str, Any]:
    """The error of a request that differs from a good one in these fields."""
    response = await post(vendor, {"contents": HELLO} | fields, model=model)
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    return error


def called(*names: str, **more: Any) -> dict[str, Any]:
    return {"role": "model", "parts": [{"functionCall": {"name": name, "args": {}}, **more} for name in names]}


def responded(*names: str, **more: Any) -> dict[str, Any]:
    parts = [{"functionResponse": {"name": name, "response": {}, **more}} for name in names]
    return {"role": "user", "parts": parts}


async def test_gemini_3_demands_its_signatures_in_the_current_turn_only(vendor: FakeGemini) -> None:
    vendor.script(Reply(tool_calls=[ToolCall("weather", '{"city": "Bern", "days": 2}')] * 2))
    first = (await post(vendor, {"contents": HELLO, "tools": TOOLS})).json()["candidates"][0]["content"]
    answer: dict[str, Any] = {"role": "user", "parts": []}
    for part in first["parts"]:
        call = part["functionCall"]
        answer["parts"].append({"functionResponse": {"id": call["id"], "name": call["name"], "response": {"sky": 1}}})

    async def again(edited: dict[str, Any], *more: Any, model: str = MODEL) -> tuple[int, str]:
        contents = [*HELLO, edited, answer, *more]
        response = await post(vendor, {"contents": contents, "tools": TOOLS}, model=model)
        return response.status_code, response.json().get("error", {}).get("message", "")

    def edited(number: int, **fields: Any) -> dict[str, Any]:
        content = json.loads(json.dumps(first))
        part = content["parts"][number] | fields
        content["parts"][number] = {name: value for name, value in part.items() if value is not None}
        return dict(content)

    assert (await again(first))[0] == 200
    status, message = await again(edited(0, thoughtSignature=None))
    assert status == 400 and message.startswith("Function call is missing a thought_signature in functionCall parts.")
    assert "function call `default_api:weather` , position 2." in message
    # An earlier turn is not looked at, nor are older models, nor the stand-in of the vendor's guide.
    spoken = [{"role": "model", "parts": [{"text": "Sun"}]}, *HELLO]
    assert (await again(edited(0, thoughtSignature=None), *spoken))[0] == 200
    assert (await again(edited(0, thoughtSignature=None), model="gemini-2.5-flash"))[0] == 200
    assert (await again(edited(0, thoughtSignature="skip_thought_signature_validator")))[0] == 200
    # The same call with its numbers and names written otherwise is the same call; another call is not.
    call = first["parts"][0]["functionCall"]
    rewritten = call | {"args": {"days": 2.0, "city": "Bern"}}
    assert (await again(edited(0, functionCall=rewritten)))[0] == 200
    changed = call | {"args": {"days": 3, "city": "Bern"}}
    made_up = base64.b64encode(b"not a signature").decode()
    for fields in ({"functionCall": changed}, {"thoughtSignature": made_up}):
        assert await again(edited(0, **fields), *spoken) == (400, "Corrupted thought signature.")


async def test_names_may_be_written_as_the_proto_has_them(vendor: FakeGemini) -> None:
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "_-8"}}, {"text": "What?"}]}],
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "generation_config": {"max_output_tokens": "5", "thinking_config": {"thinking_level": "low"}, "top_k": None},
        "tools": [{"function_declarations": [{"name": "weather", "parameters": None}]}],
    }
    assert (await post(vendor, body)).status_code == 200
    assert vendor.requests[0].json == {
        "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "_-8"}}, {"text": "What?"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 5, "thinkingConfig": {"thinkingLevel": "LOW"}},
        "tools": [{"functionDeclarations": [{"name": "weather"}]}],
    }


def declared(**schema: Any) -> list[Any]:
    parameters = {"type": "OBJECT", "properties": {"a": schema}}
    return [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]


AT_A = "tools[0].function_declarations[0].parameters.properties[0].value"


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ({"x": 1}, None, 'Unknown name "x": Cannot find field.'),
        ({"contents": [{"parts": [{"text": "a", "x": 1}]}]}, "contents[0].parts[0]", 'Unknown name "x" at'),
        ({"messages": []}, None, 'Unknown name "messages"'),
        ({"contents": [{"parts": [{"text": "a"}], "role": 1}]}, "contents[0].role", "(TYPE_STRING), 1"),
        ({"contents": [{"parts": [{"text": ["a"]}]}]}, "contents[0].parts[0]", "Proto field is not repeating"),
        ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "contents[0].parts[0]", "(oneof)"),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "*"}}]}]},
            "contents[0].parts[0].inline_data.data",
            "Base64 decoding failed",
        ),
        ({"generationConfig": {"temperature": "hot"}}, "generation_config.temperature", "(TYPE_FLOAT)"),
        ({"generationConfig": {"seed": 2**31}}, "generation_config.seed", "(TYPE_INT32)"),
        ({"generationConfig": {"candidateCount": True}}, "generation_config.candidate_count", "(TYPE_INT32)"),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "huge"}}},
            "generation_config.thinking_config.thinking_level",
            "v1beta.ThinkingLevel",
        ),
        ({"generationConfig": {"max_tokens": 1}}, "generation_config", 'Unknown name "max_tokens"'),
        ({"generationConfig": {"audioTimestamp": True}}, "generation_config", 'Unknown name "audioTimestamp"'),
        ({"tools": declared(type="STRING", const="a")}, AT_A, 'Unknown name "const"'),
        ({"tools": declared(type="OBJECT", additionalProperties=False)}, AT_A, 'Unknown name "additionalProperties"'),
        ({"tools": declared(**{"$ref": "#/a"})}, AT_A, 'Unknown name "$ref"'),
        ({"tools": declared(type=["STRING", "NULL"])}, AT_A, "Proto field is not repeating"),
        ({"tools": declared(type="INTEGER", enum=[1])}, f"{AT_A}.enum[0]", "(TYPE_STRING), 1"),
        ({"tools": [{"retrieval": {}}]}, "tools[0]", 'Unknown name "retrieval"'),
    ],
)
async def test_refuses_fields_as_protocol_buffers_do(
    vendor: FakeGemini, fields: dict[str, Any], place: str | None, message: str
) -> None:
    error = await refused(vendor, **fields)
    assert message in error["message"]
    violations = error["details"][0]["fieldViolations"]
    assert error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [violation.get("field") for violation in violations] == [place]


TEXT = {"text": "a"}


def said(*roles: str) -> list[Any]:
    return [{"role": role, "parts": [TEXT]} for role in roles]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([], "contents is not specified"),
        ([{"role": "user", "parts": []}], "contents[0].parts: contents.parts must not be empty."),
        ([{"parts": [{"thought": True}]}], "contents[0].parts[0].data: required oneof field 'data'"),
        (said("assistant"), "Please use a valid role: user, model."),
        (said("system", "user"), "Please use a valid role: user, model."),
        (said("tool"), "Please use a valid role: user, model."),
        (said("model"), "Please ensure that single turn requests end with a user role"),
        ([{"parts": [{"inlineData": {"data": "AAAA"}}]}], "Unsupported MIME type: "),
        ([{"parts": [{"inlineData": {"data": "AAAA", "mimeType": "x/y"}}]}], "Unsupported MIME type: x/y"),
        ([{"parts": [{"fileData": {"mimeType": "image/png"}}]}], "Unsupported file URI type"),
        ([*HELLO, called("f")], "number of function response parts is equal"),
        ([*HELLO, called("f"), *HELLO], "number of function response parts is equal"),
        ([*HELLO, called("f", "g"), responded("f")], "number of function response parts is equal"),
        ([*HELLO, called("f", "g"), responded("f"), responded("g")], "number of function response parts is equal"),
        ([*HELLO, called("f"), responded("g")], "names match the function call names"),
        ([*HELLO, responded("f")], "function response turn comes immediately after a function call turn"),
        ([called("f"), responded("f")], "function call turn comes immediately after a user turn"),
        ([*said("user", "model"), called("f"), responded("f")], "function call turn comes immediately after a user"),
        ([{"role": "user", "parts": called("f")["parts"]}, responded("f")], "function call parts have the role model"),
        ([*HELLO, called("f"), {"role": "model", "parts": responded("f")["parts"]}], "parts have the role user"),
        ([*HELLO, called(""), responded("")], "Name cannot be empty"),
        ([*HELLO, called("f", thoughtSignature="AAAA"), responded("f")], "Corrupted thought signature."),
    ],
)
async def test_turns_have_an_order(vendor: FakeGemini, contents: list[Any], message: str) -> None:
    assert message in (await refused(vendor, "gemini-2.5-flash", contents=contents))["message"]


async def test_ids_of_responses_are_those_of_the_calls(vendor: FakeGemini) -> None:
    calls: dict[str, Any] = {
        "role": "model",
        "parts": [{"functionCall": {"name": "f", "args": {}, "id": i}} for i in ("a", "b")],
    }
    calls["parts"][0]["thoughtSignature"] = "skip_thought_signature_validator"

    async def status(*ids: str | None, model: str = MODEL) -> int:
        parts = [{"functionResponse": {"name": "f", "response": {}} | ({"id": name} if name else {})} for name in ids]
        return (await post(vendor, {"contents": [*HELLO, calls, {"parts": parts}]}, model=model)).status_code

    assert [await status("a", "b"), await status("b", "a"), await status(None, None)] == [200, 200, 200]
    assert [await status("a", "c"), await status("a", "a")] == [400, 400]
    assert await status("a", None, model="gemini-3.8-flash") == 400


async def test_function_responses_may_have_their_old_roles(vendor: FakeGemini) -> None:
    for role in ("function", "tool", "user"):
        contents = [*HELLO, called("f"), responded("f") | {"role": role}]
        assert (await post(vendor, {"contents": contents}, model="gemini-2.5-pro")).status_code == 200


def function(**fields: Any) -> list[Any]:
    return [{"functionDeclarations": [{"name": "f"} | fields]}]


def calling(**fields: Any) -> dict[str, Any]:
    return {"toolConfig": {"functionCallingConfig": fields}}


JSON = "application/json"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"systemInstruction": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]}}, "text only"),
        ({"systemInstruction": {"parts": []}}, "must not be empty"),
        ({"tools": [{}]}, "tools[0].tool_type: required one_of"),
        ({"tools": function(name="1f")}, "tools[0].function_declarations[0].name: Invalid function name."),
        ({"tools": function(name="f" * 129)}, "Invalid function name."),
        ({"tools": function() + function()}, "Duplicate function declaration found: f"),
        ({"tools": function(parameters={}, parametersJsonSchema={"type": "object"})}, "must not be set together"),
        ({"tools": function(parameters={"type": "STRING"})}, "schema should be of type OBJECT"),
        ({"tools": function(parameters={"type": "OBJECT"})}, "properties: should be non-empty for OBJECT type"),
        ({"tools": function(parametersJsonSchema={"type": "wrong"})}, "invalid JSON schema"),
        ({"tools": declared(type="ARRAY")}, "parameters.properties[a].items: missing field."),
        ({"tools": declared(type="INTEGER", enum=["1"])}, "properties[a].enum: only allowed for STRING type"),
        ({"tools": declared(description="d")}, "properties[a].type: must be specified"),
        ({"tools": declared(type="STRING", format="email")}, "only 'enum' and 'date-time' are supported"),
        ({"tools": declared(anyOf=[{"type": "ARRAY"}])}, "properties[a].any_of[0].items: missing field."),
        (calling(mode="AUTO"), "Function calling config is set without function_declarations."),
        ({"tools": TOOLS} | calling(allowedFunctionNames=["weather"]), "mode is ANY or VALIDATED"),
        ({"tools": TOOLS} | calling(mode="ANY", allowedFunctionNames=["x"]), "contains `x`"),
        ({"generationConfig": {"temperature": 2.5}}, "temperature must be in the range [0, 2]"),
        ({"generationConfig": {"topP": 1.5}}, "top_p must be in the range [0, 1]"),
        ({"generationConfig": {"topK": 0}}, "top_k must be in the range"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "max_output_tokens must be in the range"),
        ({"generationConfig": {"candidateCount": 2}}, "Multiple candidates is not enabled for this model"),
        ({"generationConfig": {"stopSequences": list("abcdef")}}, "at most 5 stop sequences"),
        ({"generationConfig": {"stopSequences": [""]}}, "stop sequence cannot be empty"),
        ({"generationConfig": {"logprobs": 2}}, "when response_logprobs is true"),
        ({"generationConfig": {"responseMimeType": "text/html"}}, "allowed mimetypes"),
        ({"generationConfig": {"responseSchema": {"type": "STRING"}}}, "only allowed when response_mime_type"),
        ({"generationConfig": {"responseJsonSchema": {"type": "string"}}}, "only allowed when response_mime_type"),
        (
            {"generationConfig": {"responseMimeType": JSON, "responseSchema": {}, "responseJsonSchema": {}}},
            "response_schema must be omitted",
        ),
        (
            {"generationConfig": {"responseMimeType": JSON, "responseSchema": {"type": "OBJECT"}}},
            "response_schema.properties: should be non-empty",
        ),
        ({"safetySettings": [{"category": "HARM_CATEGORY_JAILBREAK"}]}, "element predicate failed"),
        ({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT"}] * 2}, "only one safety setting per category"),
    ],
)
async def test_refuses_what_the_vendor_refuses(vendor: FakeGemini, fields: dict[str, Any], message: str) -> None:
    assert message in (await refused(vendor, **fields))["message"]


@pytest.mark.parametrize(
    ("model", "thinking", "message"),
    [
        (MODEL, {"thinkingLevel": "LOW", "thinkingBudget": 5}, "only one of thinking budget and thinking level"),
        ("gemini-3.8-flash", {"thinkingLevel": "MINIMAL"}, "Thinking level MINIMAL is not supported for this model."),
        (MODEL, {"thinkingLevel": "MINIMAL"}, None),
        (MODEL, {"thinkingBudget": 100}, None),
        ("gemini-2.5-flash", {"thinkingLevel": "LOW"}, "Thinking level is not supported for this model."),
        ("gemini-2.5-pro", {"thinkingBudget": 0}, "Budget 0 is invalid. This model only works in thinking mode."),
        ("gemini-2.5-flash", {"thinkingBudget": 0}, None),
        ("gemini-2.5-pro", {"thinkingBudget": -1}, None),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 100}, "budget 100 is invalid. Please choose a value between 512"),
        ("gemini-2.5-pro", {"thinkingBudget": 52428}, "between 128 and 32768"),
        ("gemini-2.0-flash", {"includeThoughts": True}, "Thinking is not enabled for models/gemini-2.0-flash"),
    ],
)
async def test_models_think_in_their_own_ways(
    vendor: FakeGemini, model: str, thinking: dict[str, Any], message: str | None
) -> None:
    response = await post(vendor, {"contents": HELLO, "generationConfig": {"thinkingConfig": thinking}}, model=model)
    assert response.status_code == (400 if message else 200)
    assert message is None or message in response.json()["error"]["message"]


async def test_models_differ_in_what_they_refuse(vendor: FakeGemini) -> None:
    prefilled = {"contents": said("user", "model")}
    calls_with_json = {"contents": HELLO, "tools": TOOLS, "generationConfig": {"responseMimeType": JSON}}
    for model, body, message in (
        (MODEL, prefilled, None),
        ("gemini-3.8-flash", prefilled, "Requests ending with a model turn are not supported."),
        (MODEL, calls_with_json, None),
        ("gemini-2.5-pro", calls_with_json, "Function calling with a response mime type: 'application/json'"),
    ):
        response = await post(vendor, body, model=model)
        assert response.json().get("error", {}).get("message", "").startswith(message or "")
        assert response.status_code == (400 if message else 200)


async def test_the_model_in_the_body_is_the_one_of_the_path(vendor: FakeGemini) -> None:
    for name, status in ((f"models/{MODEL}", 200), ("models/other", 400), (MODEL, 400)):
        assert (await post(vendor, {"model": name, "contents": HELLO})).status_code == status


async def test_refuses_what_is_not_json(vendor: FakeGemini) -> None:
    for body in (b'{"contents": [', b"", b"\xff", b"[1]", b'{"generationConfig": {"topP": NaN}}'):
        response = await post(vendor, body)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("Invalid JSON payload received.")
