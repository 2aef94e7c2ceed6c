"""Client and vendor speak the same wire: what vendors sign, mark and number passes in both directions byte for byte."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conformance.house import PLAIN, PROVIDERS, WIRES, House, house
from tests.vendors.scripts import Raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
SIGNATURE = "EpwBCkYIBRgCKkDx+/8=not-ours"
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini:generateContent",
}
STREAM_PATHS = PATHS | {"gemini": "/v1beta/models/gemini:streamGenerateContent?alt=sse"}


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def function(name: str) -> Json:
    return {"name": name, "description": "é", "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}


# Each turn as that vendor's API has it: signatures, ids, marks for the prompt cache, an order of one's own, and a field
# that nobody here has ever heard of.
OPENING: dict[str, Json] = {
    "openai-chat": {
        "x_new": {"b": 1, "a": [None, 1.0, 0.25]},
        "model": "openai-chat",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "x"}}]}],
        "tools": [{"type": "function", "function": function("b")}, {"type": "function", "function": function("a")}],
    },
    "openai-responses": {
        "x_new": {"b": 1, "a": [None, 1.0, 0.25]},
        "model": "openai-responses",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi", "x_mark": True}]}],
        "tools": [{"type": "function", **function("b")}, {"type": "web_search"}, {"type": "function", **function("a")}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    },
    "anthropic": {
        "x_new": {"b": 1, "a": [None, 1.0, 0.25]},
        "model": "anthropic",
        "max_tokens": 2048,
        "system": [{"type": "text", "text": "Be.", "cache_control": {"ttl": "1h", "type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"cache_control": {"type": "ephemeral"}, "type": "text", "text": "Hi"}]}
        ],
        "tools": [
            {"name": "b", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search"},
            {"name": "a", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
        ],
    },
    "gemini": {
        "xNew": {"b": 1, "a": [None, 1.0, 0.25]},
        "contents": [{"role": "user", "parts": [{"text": "Hi", "x_mark": True}]}],
        "tools": [{"functionDeclarations": [function("b"), function("a")]}, {"googleSearch": {}}],
    },
}
REPLIES: dict[str, Json] = {
    "openai-chat": {
        "id": "gen-1",
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": None,
                    "reasoning": "Hm.",
                    "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": SIGNATURE}],
                    "tool_calls": [
                        {"id": "functions.b:0", "type": "function", "function": {"name": "b", "arguments": "{ }"}},
                        {"id": "functions.a:1", "type": "function", "function": {"name": "a", "arguments": "{}"}},
                    ],
                },
                "finish_reason": "tool_calls",
                "index": 0,
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "x_cost": 0.1},
        "x_new": 1,
    },
    "openai-responses": {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "x_new": 1,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SIGNATURE},
            {"type": "function_call", "id": "fc_1", "call_id": "call_b", "name": "b", "arguments": "{ }"},
            {"type": "function_call", "id": "fc_2", "call_id": "call_a", "name": "a", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    },
    "anthropic": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "x_new": 1,
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": SIGNATURE},
            {"type": "tool_use", "id": "toolu_b", "name": "b", "input": {"z": 1.0, "a": 2}},
            {"type": "tool_use", "id": "toolu_a", "name": "a", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 4},
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"thought": True, "text": "Hm."},
                        {"functionCall": {"name": "b", "args": {"z": 1.0}}, "thoughtSignature": SIGNATURE},
                        {"functionCall": {"name": "a", "args": {}}},
                    ],
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        "xNew": 1,
    },
}


def second_turn(wire: str) -> Json:
    """The opening, the reply as it came, and the results."""
    request: Json = json.loads(compact(OPENING[wire]))
    results: list[Json]
    reply = REPLIES[wire]
    if wire == "openai-chat":
        results = [{"role": "tool", "tool_call_id": f"functions.{name}", "content": "1"} for name in ("b:0", "a:1")]
        request["messages"] += [reply["choices"][0]["message"], *results]
    elif wire == "openai-responses":
        results = [{"type": "function_call_output", "call_id": f"call_{name}", "output": "1"} for name in "ba"]
        request["input"] += [*reply["output"], *results]
    elif wire == "anthropic":
        results = [{"type": "tool_result", "tool_use_id": f"toolu_{name}", "content": "1"} for name in "ba"]
        request["messages"] += [
            {"role": "assistant", "content": reply["content"]},
            {"role": "user", "content": results},
        ]
    else:
        results = [{"functionResponse": {"name": name, "response": {"result": "1"}}} for name in "ba"]
        request["contents"] += [reply["candidates"][0]["content"], {"role": "user", "parts": results}]
    return request


# Streams as these vendors send them, cut short to what matters here.
STREAMS: dict[str, bytes] = {
    "openai-chat": b": hello\n\ndata: "
    + compact({"x": 1, "choices": [{"index": 0, "delta": {"reasoning": "H"}}]})
    + b"\n\ndata: "
    + compact({"choices": [{"index": 0, "delta": {"reasoning_details": [{"signature": SIGNATURE}]}}]})
    + b'\n\ndata: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "openai-responses": b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":'
    b'{"id":"resp_1","status":"in_progress","output":[]}}\n\nevent: response.output_text.delta\ndata: '
    b'{"type":"response.output_text.delta","sequence_number":1,"delta":"a","x":1}\n\nevent: response.completed\ndata: '
    + compact({"type": "response.completed", "sequence_number": 2, "response": REPLIES["openai-responses"]})
    + b"\n\n",
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":'
    b'"assistant","content":[],"model":"claude","usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking",'
    b'"thinking":"","signature":""}}\n\nevent: content_block_delta\ndata: '
    + compact({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}})
    + b'\n\nevent: ping\ndata: {"type":"ping"}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop",'
    b'"index":0}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
    b'{"output_tokens":4}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0}],"x":1}\r\n\r\ndata: '
    + compact(REPLIES["gemini"])
    + b"\r\n\r\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    # OpenAI itself takes no reasoning back on the chat wire; servers that do are of this kind.
    providers = PROVIDERS | {"openai-chat": "openai-compatible"}
    async with house(tmp_path_factory.mktemp("same"), providers) as built:
        for vendor in built.vendors.values():
            # What is new on a wire is what these vendors, who know no more than their SDKs, would refuse.
            vendor.checks = False
        yield built


def sent(wire: str, body: bytes) -> bytes:
    """What the vendor must get: the same bytes with its own name of the model."""
    return body.replace(compact({"model": wire})[1:-1], compact({"model": PLAIN[wire]})[1:-1], 1)


@pytest.mark.parametrize("wire", WIRES)
async def test_two_turns_pass_byte_for_byte(home: House, wire: str) -> None:
    vendor = home.vendors[wire]
    before = len(vendor.requests)
    reply = compact(REPLIES[wire])
    vendor.script(Raw(reply), Raw(reply))
    first, second = compact(OPENING[wire]), compact(second_turn(wire))
    async with httpx.AsyncClient(base_url=home.gate.url, verify=False) as client:
        for body in (first, second):
            answer = await client.post(PATHS[wire], content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.content) == (200, reply)
    received = [request.body for request in vendor.requests[before:]]
    assert received == [sent(wire, first), sent(wire, second)]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_stream_passes_byte_for_byte(home: House, wire: str) -> None:
    vendor = home.vendors[wire]
    vendor.script(Raw(STREAMS[wire], content_type="text/event-stream"))
    asked: Json = OPENING[wire] if wire == "gemini" else OPENING[wire] | {"stream": True}
    async with httpx.AsyncClient(base_url=home.gate.url, verify=False) as client:
        answer = await client.post(STREAM_PATHS[wire], json=asked)
    assert (answer.status_code, answer.content) == (200, STREAMS[wire])
