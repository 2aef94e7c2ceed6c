"""The fake Gemini is what it claims to be: driven by Google's official SDK and by bytes written by hand."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from google import genai
from google.auth.credentials import Credentials
from google.genai import errors, types
from pydantic import BaseModel

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
from tests.vendors.gemini_generate import FakeGemini
from tests.vendors.gemini_replies import GeminiReply

MODEL = "gemini-3.5-flash"
HELLO: list[Any] = [{"role": "user", "parts": [{"text": "Hello there"}]}]
WEATHER: dict[str, Any] = {
    "name": "weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}
TOOLS: list[Any] = [{"functionDeclarations": [WEATHER]}]


class FixedToken(Credentials):
    """Credentials that need no Google: one access token that does not expire."""

    def __init__(self, token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library has no types
        self.token = token

    def refresh(self, request: object) -> None:
        raise AssertionError("this token does not expire")


@pytest.fixture
async def vendor() -> AsyncIterator[FakeGemini]:
    async with FakeGemini(key="AIza-test") as server:
        yield server


@pytest.fixture
async def vertex() -> AsyncIterator[FakeGemini]:
    async with FakeGemini(key="ya29.test", vertex=True) as server:
        yield server


@asynccontextmanager
async def sdk(vendor: FakeGemini, key: str | None = None) -> AsyncIterator[genai.client.AsyncClient]:
    options = types.HttpOptions(
        base_url=vendor.base_url,
        # Without this the SDK tries five times.
        retry_options=types.HttpRetryOptions(attempts=1),
        # No TLS is spoken here, and loading the roots takes longer than a whole test.
        client_args={"verify": False},
        async_client_args={"verify": False},
    )
    if vendor.vertex:
        credentials = FixedToken(key or vendor.key)
        client = genai.Client(
            vertexai=True, project="p1", location="europe-west1", credentials=credentials, http_options=options
        )
    else:
        client = genai.Client(api_key=key or vendor.key, http_options=options)
    with client:
        async with client.aio as made:
            yield made


@pytest.fixture
async def client(vendor: FakeGemini) -> AsyncIterator[genai.client.AsyncClient]:
    async with sdk(vendor) as made:
        yield made


async def post(vendor: FakeGemini, body: Any, method: str = "generateContent", model: str = MODEL) -> httpx.Response:
    url = f"{vendor.base_url}/v1beta/models/{model}:{method}"
    content = body if isinstance(body, bytes) else json.dumps(body)
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(url, content=content, headers={"x-goog-api-key": vendor.key})


async def test_says_who_answered_when_nothing_is_scripted(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    reply = await client.models.generate_content(model=MODEL, contents="Hello there")
    assert reply.text == "gemini-3.5-flash heard: Hello there"
    assert reply.candidates is not None and reply.candidates[0].finish_reason is types.FinishReason.STOP
    usage = reply.usage_metadata
    assert usage is not None
    # 4 for the turn and "user", "Hello", "there"; 4 words of the answer.
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (7, 4, 11)
    assert (usage.thoughts_token_count, usage.cached_content_token_count) == (None, None)
    assert reply.model_version == MODEL and reply.response_id
    assert vendor.requests[0].path == f"/v1/models/{MODEL}:generateContent"
    assert vendor.requests[0].json == {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}


async def test_streams_the_same_words(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    vendor.script(Reply(text="one two three", usage=Usage(prompt=7, cached=5, completion=9, reasoning=6)))
    stream = await client.models.generate_content_stream(model=MODEL, contents="Hello there")
    chunks = [chunk async for chunk in stream]
    assert [chunk.text for chunk in chunks] == ["one", " two", " three", ""]
    ends = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert ends == [None, None, None, types.FinishReason.STOP]
    assert vendor.requests[0].query == {"alt": "sse"}
    usage = chunks[-1].usage_metadata
    assert usage is not None
    counts = (usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count)
    assert counts == (7, 5, 16)
    # What is thought is not part of what the candidates say.
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (3, 6)
    assert [chunk.usage_metadata.candidates_token_count for chunk in chunks[:3] if chunk.usage_metadata] == [1, 2, 3]


@pytest.mark.parametrize(
    ("model", "sizes"),
    [(MODEL, [1, 1, 1, 1, 1]), ("gemini-2.5-flash", [1, 1, 2])],
    ids=["each call alone", "all calls"],
)
async def test_models_stream_parallel_calls_in_two_ways(vendor: FakeGemini, model: str, sizes: list[int]) -> None:
    calls = [ToolCall("weather", '{"city": "Bern"}'), ToolCall("weather", '{"city": "Basel"}')]
    vendor.script(Reply(text="Look here:", tool_calls=calls))
    response = await post(vendor, {"contents": HELLO, "tools": TOOLS}, "streamGenerateContent", model)
    candidates = [chunk["candidates"][0] for chunk in response.json()]
    assert [len(candidate["content"]["parts"]) for candidate in candidates] == sizes
    assert [candidate.get("finishReason") for candidate in candidates] == [None] * (len(sizes) - 1) + ["STOP"]
    assert ("functionCall" in candidates[-1]["content"]["parts"][-1]) is (sizes[-1] == 2)


async def test_a_stream_without_sse_is_one_json_array(vendor: FakeGemini) -> None:
    vendor.script(Reply(text="one two"), Reply(text="one two", delivery=Delivery(ending=Ending.NO_DONE)))
    vendor.script(Reply(text="one two", delivery=Delivery(events=1, ending=Ending.ERROR_EVENT)))
    response = await post(vendor, {"contents": HELLO}, "streamGenerateContent")
    assert response.headers["content-type"].startswith("application/json")
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in response.json()]
    assert texts == ["one", " two", ""]
    assert response.json()[-1]["candidates"][0]["finishReason"] == "STOP"
    response = await post(vendor, {"contents": HELLO}, "streamGenerateContent")
    assert not response.text.rstrip().endswith("]") and "finishReason" not in response.text
    late = (await post(vendor, {"contents": HELLO}, "streamGenerateContent")).json()
    assert [sorted(element) for element in late][1:] == [["error"]] and late[1]["error"]["status"] == "INTERNAL"


async def test_thoughts_come_when_asked_for(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    said = Reply(reasoning="six times seven", text="42")
    vendor.script(said, said, said)
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    shown = await client.models.generate_content(model=MODEL, contents="6 x 7", config=config)
    assert shown.parts is not None
    assert [(part.thought, part.text) for part in shown.parts] == [(True, "six times seven"), (None, "42")]
    assert shown.parts[0].thought_signature is None and shown.parts[1].thought_signature
    assert shown.usage_metadata is not None and shown.usage_metadata.thoughts_token_count == 3
    quiet = await client.models.generate_content(model=MODEL, contents="6 x 7")
    assert quiet.parts is not None and [part.text for part in quiet.parts] == ["42"]
    assert quiet.usage_metadata is not None and quiet.usage_metadata.thoughts_token_count == 3
    stream = await client.models.generate_content_stream(model=MODEL, contents="6 x 7", config=config)
    parts = [part async for chunk in stream for part in chunk.parts or ()]
    assert [(part.thought, part.text) for part in parts] == [
        (True, "six"),
        (True, " times"),
        (True, " seven"),
        (None, "42"),
        (None, ""),
    ]
    assert parts[-1].thought_signature == shown.parts[1].thought_signature


@pytest.mark.parametrize("streamed", [False, True])
async def test_calls_come_back_with_the_signature_of_the_first(
    vendor: FakeGemini, client: genai.client.AsyncClient, streamed: bool
) -> None:
    bern, geneva = ToolCall("weather", '{"city": "Bern"}'), ToolCall("weather", '{"city": "Genève"}', id="call_b")
    vendor.script(Reply(reasoning="two calls", tool_calls=[bern, geneva]), Reply(tool_calls=[bern]), Reply(text="Sun."))
    config = types.GenerateContentConfig(
        tools=[types.Tool.model_validate(TOOLS[0])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    contents = [types.Content.model_validate(HELLO[0])]

    async def ask() -> list[types.Part]:
        if not streamed:
            reply = await client.models.generate_content(model=MODEL, contents=list(contents), config=config)
            return list(reply.parts or ())
        stream = await client.models.generate_content_stream(model=MODEL, contents=list(contents), config=config)
        return [part async for chunk in stream for part in chunk.parts or ()]

    for wanted in ([True, False], [True]):
        parts = [part for part in await ask() if part.function_call]
        assert [bool(part.thought_signature) for part in parts] == wanted
        calls = [part.function_call for part in parts if part.function_call]
        assert all(call.id for call in calls)
        answers = [types.FunctionResponse(id=call.id, name=call.name, response={"sky": "sun"}) for call in calls]
        contents.append(types.Content(role="model", parts=parts))
        contents.append(types.Content(role="user", parts=[types.Part(function_response=answer) for answer in answers]))
    assert "".join(part.text or "" for part in await ask()) == "Sun."
    assert vendor.requests[-1].json["contents"][1]["parts"][1]["functionCall"]["id"] == "call_b"


async def test_ids_of_calls_are_an_option() -> None:
    call = Reply(tool_calls=[ToolCall("weather", '{"city": "Bern"}')])
    for model, option, wanted in (
        (MODEL, None, True),
        ("gemini-2.5-flash", None, False),
        (MODEL, False, False),
        ("gemini-2.5-flash", True, True),
    ):
        async with FakeGemini(call_ids=option) as vendor:
            vendor.script(call)
            response = await post(vendor, {"contents": HELLO, "tools": TOOLS}, model=model)
            part = response.json()["candidates"][0]["content"]["parts"][0]
            assert ("id" in part["functionCall"]) is wanted


async def test_the_signature_of_a_text_holds_for_its_words(
    vendor: FakeGemini, client: genai.client.AsyncClient
) -> None:
    vendor.script(Reply(text="one two"), Reply(reasoning="Hm.", signature="c2NyaXB0ZWQ=", text="three"))
    stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
    parts = [part async for chunk in stream for part in chunk.parts or ()]
    signature = parts[-1].thought_signature
    assert parts[-1].text == "" and signature
    for words, message in (("one two", None), ("one two.", "Corrupted thought signature.")):
        kept = {"text": words, "thoughtSignature": base64.b64encode(signature).decode()}
        response = await post(vendor, {"contents": [*HELLO, {"role": "model", "parts": [kept]}, *HELLO]})
        assert response.json().get("error", {}).get("message") == message
    # The scripted one came with the 200 above, and is good when it comes back.
    back = {"role": "model", "parts": [{"text": "three", "thoughtSignature": "c2NyaXB0ZWQ="}]}
    assert (await post(vendor, {"contents": [*HELLO, back, *HELLO]})).status_code == 200


class Place(BaseModel):
    name: str
    people: int


@pytest.mark.parametrize("field", ["response_schema", "response_json_schema"])
async def test_structured_outputs_parse(vendor: FakeGemini, client: genai.client.AsyncClient, field: str) -> None:
    schema = Place if field == "response_schema" else Place.model_json_schema()
    config = types.GenerateContentConfig.model_validate({"response_mime_type": "application/json", field: schema})
    reply = await client.models.generate_content(model=MODEL, contents="Where?", config=config)
    assert json.loads(reply.text or "") == {"name": "fake", "people": 1}


@pytest.mark.parametrize("field", ["parameters", "parameters_json_schema"])
async def test_a_forced_tool_is_called(client: genai.client.AsyncClient, field: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    described = [{"name": name, field: schema} for name in ("other", "weather")]
    declarations = [types.FunctionDeclaration.model_validate(function) for function in described]
    forced = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"])
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declarations)],
        tool_config=types.ToolConfig(function_calling_config=forced),
    )
    reply = await client.models.generate_content(model=MODEL, contents="Hello", config=config)
    assert reply.function_calls is not None
    assert [(call.name, call.args) for call in reply.function_calls] == [("weather", {"city": "fake"})]


@pytest.mark.parametrize(
    ("config", "text", "reason"),
    [
        ({"maxOutputTokens": 2}, "one two", "MAX_TOKENS"),
        ({"maxOutputTokens": 3}, "one two three", "STOP"),
        ({"stopSequences": [" three"]}, "one two", "STOP"),
    ],
)
async def test_limits_and_stop_sequences_end_a_reply(
    vendor: FakeGemini, config: dict[str, Any], text: str, reason: str
) -> None:
    vendor.script(Reply(text="one two three"))
    candidate = (await post(vendor, {"contents": HELLO, "generationConfig": config})).json()["candidates"][0]
    assert (candidate["content"]["parts"][0]["text"], candidate["finishReason"]) == (text, reason)


async def test_replies_end_in_the_vendors_own_ways(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    vendor.script(
        Reply(text="Well", finish_reason="content_filter"),
        GeminiReply(silent=True, finish_reason="RECITATION"),
        Reply(finish_reason="MALFORMED_FUNCTION_CALL"),
        GeminiReply(block_reason="PROHIBITED_CONTENT", block_message="No."),
        GeminiReply(no_candidates=True),
    )
    replies = [await client.models.generate_content(model=MODEL, contents="Hello") for _ in range(5)]
    candidates = [reply.candidates[0] for reply in replies if reply.candidates]
    reasons = [candidate.finish_reason for candidate in candidates]
    assert reasons == [types.FinishReason(word) for word in ("SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL")]
    assert candidates[0].safety_ratings is not None and candidates[0].safety_ratings[0].blocked
    assert [candidate.content is None for candidate in candidates] == [False, True, True]
    feedback = [reply.prompt_feedback for reply in replies if not reply.candidates]
    assert feedback[0] is not None and feedback[0].block_reason is types.BlockedReason.PROHIBITED_CONTENT
    assert feedback[0].block_reason_message == "No." and feedback[1] is None
    vendor.script(GeminiReply(block_reason="SAFETY"))
    stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
    chunks = [chunk async for chunk in stream]
    assert len(chunks) == 1 and chunks[0].prompt_feedback is not None


async def test_a_start_seen_before_is_cached(vendor: FakeGemini) -> None:
    instruction = {"parts": [{"text": "Be brief and kind"}]}
    turns = [*HELLO, {"role": "model", "parts": [{"text": "Hi"}]}, {"role": "user", "parts": [{"text": "More"}]}]

    async def cached(contents: list[Any], **fields: Any) -> tuple[int, int]:
        body = {"contents": contents, "systemInstruction": instruction} | fields
        usage = (await post(vendor, body)).json()["usageMetadata"]
        return usage["promptTokenCount"], usage.get("cachedContentTokenCount", 0)

    # 4 words of instruction; 4 + 3 ("user Hello there"); 4 + 2 ("model Hi"); 4 + 2 ("user More").
    assert await cached(turns[:1]) == (11, 0)
    assert await cached(turns) == (23, 11)
    assert await cached([*turns[:2], {"role": "user", "parts": [{"text": "Less"}]}]) == (23, 17)
    # Other tools or another instruction come before all contents.
    assert await cached(turns, tools=TOOLS) != (23, 23) and (await cached(turns, systemInstruction=None))[1] == 0
    assert await cached([{"parts": [{"text": "Hello there"}], "role": "user"}, *turns[1:]]) == (23, 4)


async def test_keys(vendor: FakeGemini) -> None:
    url = f"{vendor.base_url}/v1beta/models/{MODEL}:generateContent"
    body = {"contents": HELLO}
    async with httpx.AsyncClient(verify=False) as http:
        assert (await http.post(f"{url}?key=AIza-test", json=body)).status_code == 200
        response = await http.post(url, json=body)
        assert (response.status_code, response.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
        response = await http.post(url, json=body, headers={"authorization": "Bearer AIza-test"})
        assert (response.status_code, response.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    async with sdk(vendor, "AIza-other") as stranger:
        with pytest.raises(errors.ClientError) as caught:
            await stranger.models.generate_content(model=MODEL, contents="Hello")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_unknown_models_and_paths(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    with pytest.raises(errors.ClientError, match="models/gemini-0 is not found for API version v1") as caught:
        await client.models.generate_content(model="gemini-0", contents="Hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    for method, model in (("generateContent", "gemini-embedding-001"), ("embedContent", MODEL), ("sing", MODEL)):
        assert (await post(vendor, {}, method, model)).status_code == 404


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", errors.ClientError),
        (401, "UNAUTHENTICATED", errors.ClientError),
        (403, "PERMISSION_DENIED", errors.ClientError),
        (404, "NOT_FOUND", errors.ClientError),
        (429, "RESOURCE_EXHAUSTED", errors.ClientError),
        (500, "INTERNAL", errors.ServerError),
        (503, "UNAVAILABLE", errors.ServerError),
        (504, "DEADLINE_EXCEEDED", errors.ServerError),
    ],
)
async def test_failures_raise_the_sdks_own_errors(
    vendor: FakeGemini, client: genai.client.AsyncClient, status: int, word: str, kind: type[errors.APIError]
) -> None:
    vendor.script(Failure(status, retry_after_s=2))
    with pytest.raises(kind) as caught:
        await client.models.generate_content(model=MODEL, contents="Hello")
    assert (caught.value.code, caught.value.status) == (status, word)
    details = {detail["@type"].rpartition(".")[2]: detail for detail in caught.value.details["error"]["details"]}
    assert details["RetryInfo"]["retryDelay"] == "2s"
    assert ("QuotaFailure" in details) is (status == 429)


async def test_embeddings(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    config = types.EmbedContentConfig(output_dimensionality=8)
    reply = await client.models.embed_content(model="gemini-embedding-001", contents=["hello", "world"], config=config)
    assert vendor.requests[0].path == "/v1/models/gemini-embedding-001:batchEmbedContents"
    values = [embedding.values or [] for embedding in reply.embeddings or ()]
    assert [len(vector) for vector in values] == [8, 8] and values[0] != values[1]
    assert sum(value * value for value in values[0]) == pytest.approx(1)
    single = {"content": {"parts": [{"text": "hello"}]}, "outputDimensionality": 8}
    response = await post(vendor, single, "embedContent", "gemini-embedding-001")
    assert response.json()["embedding"]["values"] == pytest.approx(values[0])
    for body in ({}, single | {"title": "t"}, single | {"outputDimensionality": 4000}, single | {"input": "a"}):
        assert (await post(vendor, body, "embedContent", "gemini-embedding-001")).status_code == 400
    batch = {"requests": [single]}
    assert (await post(vendor, batch, "batchEmbedContents", "gemini-embedding-001")).status_code == 400


async def test_tokens_are_counted(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    vendor.script(Reply(text="for the next one that generates"))
    counted = await client.models.count_tokens(model=MODEL, contents="Hello there")
    assert counted.total_tokens == 7
    inner = {"model": f"models/{MODEL}", "contents": HELLO, "systemInstruction": {"parts": [{"text": "Be brief"}]}}
    response = await post(vendor, {"generateContentRequest": inner}, "countTokens")
    assert response.json()["totalTokens"] == 9
    misplaced = {"contents": HELLO, "systemInstruction": inner["systemInstruction"]}
    nothing: dict[str, Any] = {"contents": []}
    for body in (nothing, misplaced):
        assert (await post(vendor, body, "countTokens")).status_code == 400
    both = {"generateContentRequest": inner, "contents": HELLO}
    assert (await post(vendor, both, "countTokens")).status_code == 400
    assert (await client.models.generate_content(model=MODEL, contents="a")).text == "for the next one that generates"


async def test_models(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    listed = [model.name async for model in await client.models.list(config={"page_size": 4})]
    assert listed == [f"models/{name}" for name in vendor.models]
    assert [request.query.get("pageToken") for request in vendor.requests] == [None, "4", "8"]
    model = await client.models.get(model="gemini-2.5-pro")
    assert model.thinking and model.supported_actions == ["generateContent", "countTokens"]
    with pytest.raises(errors.ClientError):
        await client.models.get(model="gemini-0")


async def test_vertex_has_other_paths_and_takes_tokens(vertex: FakeGemini) -> None:
    async with sdk(vertex) as client:
        reply = await client.models.generate_content(model=MODEL, contents="Hello")
        assert reply.text == "gemini-3.5-flash heard: Hello"
        assert reply.create_time is not None
        assert reply.usage_metadata is not None
        assert reply.usage_metadata.traffic_type is types.TrafficType.ON_DEMAND
        path = f"/v1beta1/projects/p1/locations/europe-west1/publishers/google/models/{MODEL}"
        assert vertex.requests[0].path == f"{path}:generateContent"
        stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.text or "" for chunk in chunks) == "gemini-3.5-flash heard: Hello"
        assert chunks[0].usage_metadata is not None and chunks[0].usage_metadata.prompt_token_count is None
        instruction = types.CountTokensConfig(system_instruction="Be brief")
        assert (await client.models.count_tokens(model=MODEL, contents="Hi", config=instruction)).total_tokens == 9
        with pytest.raises(errors.ClientError, match="Publisher Model `projects/p1/locations/europe-west1/"):
            await client.models.generate_content(model="gemini-0", contents="Hello")
    async with sdk(vertex, "ya29.other") as stranger:
        with pytest.raises(errors.ClientError) as caught:
            await stranger.models.generate_content(model=MODEL, contents="Hello")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    async with httpx.AsyncClient(base_url=vertex.base_url, verify=False) as http:
        token = {"authorization": "Bearer ya29.test"}
        v1 = path.replace("v1beta1", "v1")
        assert (await http.post(f"{v1}:generateContent", json={"contents": HELLO}, headers=token)).status_code == 200
        body = {"contents": HELLO, "store": True}
        assert (await http.post(f"{path}:generateContent", json=body, headers=token)).status_code == 400
        closed = {"name": "f", "parameters": WEATHER["parameters"] | {"additionalProperties": False}}
        body = {"contents": HELLO, "tools": [{"functionDeclarations": [closed]}]}
        assert (await http.post(f"{path}:generateContent", json=body, headers=token)).status_code == 200
        key = {"x-goog-api-key": "ya29.test"}
        assert (await http.post(f"{path}:generateContent", json=body, headers=key)).status_code == 401
        assert (await http.post(f"/v1beta/models/{MODEL}:generateContent", json=body, headers=token)).status_code == 404


async def test_vertex_embeds_in_three_ways(vertex: FakeGemini) -> None:
    config = types.EmbedContentConfig(output_dimensionality=8, auto_truncate=True)
    cases: list[tuple[str, list[str], str]] = [
        ("text-embedding-005", ["hello", "world"], "predict"),
        ("gemini-embedding-001", ["hello"], "embedContent"),
        ("gemini-embedding-001", ["hello", "world"], "batchEmbedContents"),
    ]
    async with sdk(vertex) as client:
        for model, texts, method in cases:
            reply = await client.models.embed_content(model=model, contents=list(texts), config=config)
            assert vertex.requests[-1].path.rpartition(":")[2] == method
            assert [len(embedding.values or ()) for embedding in reply.embeddings or ()] == [8] * len(texts)


async def collect(client: genai.client.AsyncClient) -> str:
    stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
    return "".join([chunk.text or "" async for chunk in stream])


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
    vendor: FakeGemini, client: genai.client.AsyncClient, delivery: Delivery
) -> None:
    vendor.script(Reply(text="Zürich 🌊 is fine", delivery=delivery))
    assert await collect(client) == "Zürich 🌊 is fine"


async def test_comments_in_a_stream_are_more_than_the_sdk_can_read(
    vendor: FakeGemini, client: genai.client.AsyncClient
) -> None:
    vendor.script(Reply(text="one two", delivery=Delivery(events=1, insert=b": ping\n\n")))
    with pytest.raises(errors.UnknownApiResponseError):
        await collect(client)


async def test_a_huge_delta_arrives_in_one_event(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    vendor.script(Reply(deltas=["x" * 3_000_000]))
    assert len(await collect(client)) == 3_000_000


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_cut_streams_and_bodies_break_off(vendor: FakeGemini, ending: Ending) -> None:
    vendor.script(Reply(text="one two three", delivery=Delivery(events=2, ending=ending)))
    vendor.script(Reply(text="one", delivery=Delivery(ending=ending)))
    for method in ("streamGenerateContent?alt=sse", "generateContent"):
        with pytest.raises(httpx.TransportError):
            await post(vendor, {"contents": HELLO}, method)


async def test_a_stream_may_lack_its_last_chunk(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    for delivery in (Delivery(ending=Ending.NO_DONE), Delivery(events=2, ending=Ending.NO_DONE)):
        vendor.script(Reply(text="one two", delivery=delivery))
        stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
        chunks = [chunk async for chunk in stream]
        assert [chunk.text for chunk in chunks] == ["one", " two"]
        assert all(chunk.candidates and chunk.candidates[0].finish_reason is None for chunk in chunks)


async def test_an_error_may_come_late(vendor: FakeGemini, client: genai.client.AsyncClient) -> None:
    late = Delivery(events=1, ending=Ending.ERROR_EVENT, late_status=503)
    vendor.script(Reply(text="one two", delivery=late))
    with pytest.raises(errors.ServerError) as caught:
        await collect(client)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


async def test_malformed_bodies_and_lengths_that_lie(vendor: FakeGemini) -> None:
    vendor.script(Raw(b'{"candidates": ['), Reply(text="one", delivery=Delivery(content_length=10_000)))
    assert (await post(vendor, {"contents": HELLO})).content == b'{"candidates": ['
    with pytest.raises(httpx.RemoteProtocolError):
        await post(vendor, {"contents": HELLO})


async def test_a_stalled_reply_lasts_until_the_client_leaves(vendor: FakeGemini) -> None:
    vendor.script(Reply(text="one two", delivery=Delivery(events=1, ending=Ending.STALL)))
    asking = asyncio.ensure_future(post(vendor, {"contents": HELLO}, "streamGenerateContent?alt=sse"))
    async with asyncio.timeout(5):
        while not vendor.requests or vendor.requests[0].answered is None:
            await asyncio.sleep(0)
    assert not vendor.requests[0].left.is_set()
    asking.cancel()
    await asyncio.wait_for(vendor.requests[0].left.wait(), 5)


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (Reply(tool_calls=[ToolCall("sing")]), "no tool"),
        (Reply(tool_calls=[ToolCall("weather", "{oops")]), "MALFORMED_FUNCTION_CALL"),
        (Reply(tool_calls=[ToolCall("weather", kind="custom")]), "function tools only"),
        (Reply(parts=[Declined("No.")]), "no form for declining"),
        (Reply(text="a", usage=Usage(cache_write=5)), "cache"),
        (Reply(text="a", finish_reason="BORED"), "FinishReason"),
        (Reply(parts=[Thinking("Hm."), Text("a")]), "does not think"),
    ],
)
async def test_a_script_that_no_vendor_would_follow_fails_the_test(reply: Reply, match: str) -> None:
    with pytest.raises(ScriptError, match=match):
        async with FakeGemini() as vendor:
            vendor.script(reply)
            response = await post(vendor, {"contents": HELLO, "tools": TOOLS}, model="gemini-2.0-flash")
            assert response.status_code == 500
