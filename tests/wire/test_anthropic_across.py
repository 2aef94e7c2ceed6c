"""The Messages wire against the Chat Completions wire: what clients of one get from upstreams of the other."""

import json
from typing import Any

from ecotone.values.reply import Start
from ecotone.wire import WIRES
from ecotone.wire.translation import StreamTranslation

CHAT, MESSAGES = WIRES["openai-chat"], WIRES["anthropic"]
Json = dict[str, Any]

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = "iVBORw0KGgo="


def copied(value: Json) -> Json:
    copy: Json = json.loads(json.dumps(value))
    return copy


CHAT_REQUEST: Json = {
    "model": "claude",
    "max_completion_tokens": 900,
    "messages": [
        {"role": "system", "content": "Be exact."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this, and how warm?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Two places.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}},
                {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Brno"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "12"},
        {"role": "tool", "tool_call_id": "call_2", "content": "9"},
        {"role": "user", "content": "So?"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "How warm it is.", "parameters": SCHEMA, "strict": True},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "stop": ["END"],
    "user": "u-1",
    "stream": True,
}
MESSAGES_REQUEST: Json = {
    "max_tokens": 900,
    "system": "Be exact.",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this, and how warm?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Two places."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"city": "Brno"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "12"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "9"},
                {"type": "text", "text": "So?"},
            ],
        },
    ],
    "tools": [{"name": "weather", "description": "How warm it is.", "input_schema": SCHEMA, "strict": True}],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u-1"},
    "stream": True,
}


def test_a_chat_request_for_claude() -> None:
    encoded = MESSAGES.encode_request(CHAT.decode_request(copied(CHAT_REQUEST)))
    assert encoded.body == MESSAGES_REQUEST
    assert encoded.losses == ()


def test_a_messages_request_for_a_chat_model() -> None:
    request = MESSAGES.decode_request({"model": "claude", **copied(MESSAGES_REQUEST)})
    encoded = CHAT.encode_request(request)
    assert {"model": "claude", **encoded.body} == CHAT_REQUEST
    assert encoded.losses == ()


def sse(*events: Json) -> bytes:
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode() for event in events
    )


def chunk(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "g"}
    return f"data: {json.dumps(head | {'choices': [choice]})}\n\n".encode()


def test_a_chat_models_stream_for_a_client_of_messages() -> None:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 20},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    upstream = (
        chunk({"role": "assistant", "content": None, "reasoning_content": "Hm."})
        + chunk({"content": "Let me "})
        + chunk({"content": "look."})
        + chunk({"tool_calls": [call]})
        + chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]})
        + chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Bern"}'}}]})
        + chunk({}, "tool_calls")
        + f"data: {json.dumps({'id': 'chatcmpl-1', 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n".encode()
    )
    request = MESSAGES.decode_request({"model": "m", **copied(MESSAGES_REQUEST)})
    translation = StreamTranslation(CHAT, MESSAGES, request, start=Start("id", None, 1))
    given = translation.feed(upstream)
    translation.close()
    # An envelope for reasoning that nobody signed: the mark "ecotone:1" and its content in base64.
    unsigned = "ZWNvdG9uZTox" + "WyIiLHsic2lnbmF0dXJlIjpudWxsfV0="
    tool = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}}
    message: Json = {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "g",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        # Not known yet.
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    blocks = (
        ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking", ["Hm."]),
        ({"type": "text", "text": ""}, "text_delta", "text", ["Let me ", "look."]),
        (tool, "input_json_delta", "partial_json", ['{"city":', '"Bern"}']),
    )
    expected: list[Json] = [{"type": "message_start", "message": message}]
    for index, (block, kind, field, pieces) in enumerate(blocks):
        expected.append({"type": "content_block_start", "index": index, "content_block": block})
        deltas = [{"type": kind, field: piece} for piece in pieces]
        if kind == "thinking_delta":
            deltas.append({"type": "signature_delta", "signature": unsigned})
        expected += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        expected.append({"type": "content_block_stop", "index": index})
    counts = {
        "input_tokens": 10,
        "cache_read_input_tokens": 20,
        "output_tokens": 12,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    ending = {"stop_reason": "tool_use", "stop_sequence": None}
    expected += [{"type": "message_delta", "delta": ending, "usage": counts}, {"type": "message_stop"}]
    assert given.decode().split("\n\n") == sse(*expected).decode().split("\n\n")


def test_a_signature_survives_two_turns_with_a_chat_client() -> None:
    """The client keeps what it was given in a stream and sends it back with the tool's answer."""
    thinking = {"type": "thinking", "thinking": "Bern is cold.", "signature": "EqQBsig=="}
    redacted = {"type": "redacted_thinking", "data": "EmwKAhgB"}
    call = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Bern", "at": 1.0}}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "content": []}
    upstream = sse(
        {"type": "message_start", "message": message | {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": thinking | {"thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Bern "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "is cold."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQBsig=="}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": redacted},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": call | {"input": {}}},
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"city": "Bern", "at": 1.0}'},
        },
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    first = CHAT.decode_request(copied(CHAT_REQUEST))
    translation = StreamTranslation(MESSAGES, CHAT, first, start=Start("id", None, 1))
    given = translation.feed(upstream)
    translation.close()
    details: list[Json] = []
    calls: list[Json] = []
    for event in given.decode().split("\n\n")[:-2]:
        for choice in json.loads(event.removeprefix("data: "))["choices"]:
            details += choice["delta"].get("reasoning_details") or []
            for piece in choice["delta"].get("tool_calls") or []:
                if "id" in piece:
                    calls.append({"id": piece["id"], "type": "function", "function": piece["function"]})
                else:
                    calls[-1]["function"]["arguments"] += piece["function"]["arguments"]
    said = {"role": "assistant", "content": None, "tool_calls": calls, "reasoning_details": details}
    answer = {"role": "tool", "tool_call_id": calls[0]["id"], "content": "4"}
    second = copied(CHAT_REQUEST)
    second["messages"] += [said, answer]
    before = MESSAGES.encode_request(first).body["messages"]
    after = MESSAGES.encode_request(CHAT.decode_request(copied(second))).body["messages"]
    assert after == [
        *before,
        {"role": "assistant", "content": [thinking, redacted, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": "4"}]},
    ]
    assert json.dumps(after).startswith(json.dumps(before)[:-1])


def test_a_cut_or_failed_stream_never_ends_well_for_the_client() -> None:
    request = MESSAGES.decode_request({"model": "m", **copied(MESSAGES_REQUEST)})
    for late in (b"", b'data: {"error": {"message": "x", "type": "server_error"}}\n\n'):
        translation = StreamTranslation(CHAT, MESSAGES, request, start=Start("id", None, 1))
        given = translation.feed(chunk({"content": "Half"}) + late)
        assert b"Half" in given
        assert b"message_stop" not in given
        assert not translation.ended
