"""The Gemini wire as upstream, against the strict fake vendor, for clients of another wire."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ecotone.values.chat import ChatRequest, ToolCallPart
from ecotone.values.errors import UpstreamCredentials, UpstreamCut, UpstreamFailed, UpstreamRateLimited
from ecotone.values.reply import Reply as HubReply
from ecotone.values.reply import fold
from ecotone.wire import gemini, openai_chat
from tests.vendors import Delivery, Ending, Failure, Reply, Text, Thinking, ToolCall, Usage
from tests.vendors.gemini_generate import FakeGemini
from tests.vendors.gemini_replies import GeminiReply

MODEL = "gemini-3.5-flash"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/city"}},
            "$defs": {"city": {"type": "string"}},
            "additionalProperties": False,
        },
    },
}
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}],
    "tools": [WEATHER],
    "reasoning_effort": "low",
}


@pytest.fixture(params=["developer", "vertex"])
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[FakeGemini]:
    async with FakeGemini(key="AIza-test", vertex=request.param == "vertex") as server:
        yield server


async def post(vendor: FakeGemini, body: Any, *, stream: bool = False, model: str = MODEL) -> httpx.Response:
    root, headers = f"{vendor.base_url}/v1beta", {"x-goog-api-key": "AIza-test"}
    if vendor.vertex:
        root = f"{vendor.base_url}/v1/projects/p/locations/global/publishers/google"
        headers = {"authorization": "Bearer AIza-test"}
    async with httpx.AsyncClient() as client:
        return await client.post(root + gemini.path(model, stream), json=body, headers=headers)


def chat(body: Any) -> ChatRequest:
    return openai_chat.decode_request(json.loads(json.dumps(body)))


async def answer(vendor: FakeGemini, request: ChatRequest, *, stream: bool = False) -> HubReply:
    response = await post(vendor, gemini.encode_request(request).body, stream=stream)
    assert response.status_code == 200, response.text
    if not stream:
        return gemini.decode_reply(response.content)
    decoder = gemini.EventDecoder()
    events = [event for byte in response.content for event in decoder.feed(bytes([byte]))]
    decoder.close()
    return fold(events)


def chat_message(reply: HubReply, request: ChatRequest) -> dict[str, Any]:
    """The message that a client of the chat wire gets, and sends back."""
    message: dict[str, Any] = json.loads(openai_chat.encode_reply(reply, request))["choices"][0]["message"]
    return message


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_and_their_signatures_survive_a_client_of_the_chat_wire(vendor: FakeGemini, stream: bool) -> None:
    calls = [ToolCall("weather", '{"city": "Bern"}'), ToolCall("weather", '{"city": "Rome"}')]
    vendor.script(Reply(tool_calls=calls, usage=Usage(prompt=40, completion=30, cached=8, reasoning=20)), Reply("Sun."))
    request = chat(ASKED)
    first = await answer(vendor, request, stream=stream)
    assert first.choices[0].finish == "tool_calls"
    assert first.usage is not None
    assert (first.usage.input_tokens, first.usage.output_tokens) == (40, 30)
    assert (first.usage.cached_input_tokens, first.usage.reasoning_tokens) == (8, 20)
    message = chat_message(first, request)
    # Results in another order than the calls.
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": words}
        for call, words in zip(message["tool_calls"], ["cold", '{"t": 30}'], strict=True)
    ]
    body = {**ASKED, "messages": [*ASKED["messages"], message, *reversed(results)]}
    second = await answer(vendor, chat(body), stream=stream)
    assert chat_message(second, request)["content"] == "Sun."
    sent = vendor.requests[1].json["contents"]
    assert [content["role"] for content in sent] == ["user", "model", "user"]
    part = first.choices[0].parts[0]
    assert isinstance(part, ToolCallPart)
    assert sent[1]["parts"][0]["thoughtSignature"] == part.vendor["gemini"]["thoughtSignature"]
    assert "thoughtSignature" not in sent[1]["parts"][1]
    assert [one["functionResponse"]["response"] for one in sent[2]["parts"]] == [{"output": "cold"}, {"t": 30}]
    assert vendor.requests[0].json["contents"] == sent[:1]


@pytest.mark.parametrize("stream", [False, True])
async def test_shown_thoughts_carry_the_signature_of_the_text(vendor: FakeGemini, stream: bool) -> None:
    vendor.script(Reply(parts=[Thinking("Let me see."), Text("Sun, I think.")]), Reply("Yes."))
    request = chat({**ASKED, "tools": []})
    body = gemini.encode_request(request).body
    body["generationConfig"]["thinkingConfig"]["includeThoughts"] = True
    response = await post(vendor, body)
    reply = gemini.decode_reply(response.content)
    message = chat_message(reply, request)
    assert (message["reasoning_content"], message["content"]) == ("Let me see.", "Sun, I think.")
    turns = [*ASKED["messages"], message, {"role": "user", "content": "Sure?"}]
    await answer(vendor, chat({**ASKED, "tools": [], "messages": turns}), stream=stream)
    sent = vendor.requests[1].json["contents"][1]["parts"]
    whole = json.loads(response.content)["candidates"][0]["content"]["parts"]
    assert sent == [{"text": "Sun, I think.", "thoughtSignature": whole[-1]["thoughtSignature"]}]


async def test_a_conversation_moves_here_from_another_vendor(vendor: FakeGemini) -> None:
    call = {"id": "call_9", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
    turns = [
        *ASKED["messages"],
        {"role": "assistant", "content": "Let me look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": "cold"},
    ]
    request = chat({**ASKED, "messages": turns})
    assert [loss.reason for loss in gemini.encode_request(request).losses] == [
        "the signature that another vendor's call lacks; a stand-in is sent"
    ]
    vendor.script(Reply("Cold."))
    reply = await answer(vendor, request)
    assert chat_message(reply, request)["content"] == "Cold."
    assert [content["role"] for content in vendor.requests[0].json["contents"]] == ["user", "model", "user"]


async def test_a_blocked_prompt_is_a_filtered_answer(vendor: FakeGemini) -> None:
    vendor.script(GeminiReply(block_reason="PROHIBITED_CONTENT"), GeminiReply(block_reason="SAFETY"))
    for stream, word in ((False, "PROHIBITED_CONTENT"), (True, "SAFETY")):
        reply = await answer(vendor, chat(ASKED), stream=stream)
        assert (reply.choices[0].finish, reply.choices[0].raw_finish) == ("content_filter", word)
        assert reply.usage is not None
        assert reply.usage.output_tokens == 0


async def test_failures(vendor: FakeGemini) -> None:
    vendor.script(Failure(429, retry_after_s=37), Failure(503), Failure(400, "API key expired. Please renew it."))
    body = gemini.encode_request(chat(ASKED)).body
    for kind, seconds in ((UpstreamRateLimited, 37), (UpstreamFailed, None), (UpstreamCredentials, None)):
        response = await post(vendor, body)
        error = gemini.decode_error(response.status_code, response.content)
        assert isinstance(error, kind)
        assert error.retry_after_s == seconds


@pytest.mark.parametrize(("ending", "kind"), [(Ending.NO_DONE, UpstreamCut), (Ending.ERROR_EVENT, UpstreamFailed)])
async def test_a_stream_that_does_not_end_well(
    vendor: FakeGemini, ending: Ending, kind: type[UpstreamCut | UpstreamFailed]
) -> None:
    vendor.script(Reply("one two three", delivery=Delivery(events=2, ending=ending, pings=True)))
    response = await post(vendor, gemini.encode_request(chat(ASKED)).body, stream=True)
    decoder, watch = gemini.EventDecoder(), gemini.StreamWatch({})
    assert len(decoder.feed(response.content)) == 3
    watch.feed(response.content)
    for one in (decoder, watch):
        with pytest.raises(kind):
            one.close()


async def test_counting(vendor: FakeGemini) -> None:
    encoded = gemini.encode_count_request(chat(ASKED), MODEL, vertex=vendor.vertex)
    path = gemini.path(MODEL, False).replace("generateContent", "countTokens")
    root, headers = f"{vendor.base_url}/v1beta", {"x-goog-api-key": "AIza-test"}
    if vendor.vertex:
        root = f"{vendor.base_url}/v1/projects/p/locations/global/publishers/google"
        headers = {"authorization": "Bearer AIza-test"}
    async with httpx.AsyncClient() as client:
        response = await client.post(root + path, json=encoded.body, headers=headers)
    assert response.status_code == 200, response.text
    assert gemini.decode_count(response.content) == response.json()["totalTokens"]
