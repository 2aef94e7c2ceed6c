"""What the vendor's payloads mean, written by hand; the payloads and their sources are in `goldens/anthropic/`."""

import json
from pathlib import Path
from typing import Any

import pytest

from ecotone.values.chat import (
    ChatRequest,
    DocumentPart,
    FileReference,
    FunctionTool,
    ImagePart,
    Inline,
    JsonSchemaFormat,
    Message,
    Need,
    OpaqueTool,
    Reasoning,
    ReasoningPart,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
)
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
    OpaqueDelta,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.anthropic import (
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

GOLDENS = Path(__file__).parent / "goldens" / "anthropic"
ASKED = ChatRequest("m", ())
REDACTED = {"anthropic.form": {"type": "redacted_thinking"}}
CITATION = {
    "type": "char_location",
    "cited_text": "Fog at dawn.",
    "document_index": 0,
    "document_title": "log.txt",
    "start_char_index": 0,
    "end_char_index": 12,
    "file_id": None,
}
FOUND = {
    "type": "web_search_result_location",
    "cited_text": "High water 06:00",
    "url": "https://example.org/tides",
    "title": "Tides",
    "encrypted_index": "Eo8B",
}


def golden(name: str) -> bytes:
    return (GOLDENS / name).read_bytes()


def marked(**mark: str) -> dict[str, Any]:
    return {"anthropic": {"cache_control": {"type": "ephemeral", **mark}}}


REQUEST = ChatRequest(
    model="claude-opus-4-6",
    system=(
        Message(
            "system",
            (TextPart("You look after a lighthouse."), TextPart("The log follows.", marked(ttl="1h"))),
        ),
    ),
    messages=(
        Message(
            "user",
            (
                TextPart("What does this say?"),
                ImagePart(Inline("iVBORw0KGgo=", "image/png")),
                ImagePart(Url("https://example.org/lamp.webp")),
                # "Fog at dawn." in base64.
                DocumentPart(
                    Inline("Rm9nIGF0IGRhd24u", "text/plain"), "log.txt", {"anthropic": {"citations": {"enabled": True}}}
                ),
            ),
        ),
        Message(
            "assistant",
            (
                ReasoningPart("I need the gauge.", "EqQBsig==", wire="anthropic"),
                ReasoningPart("", "EmwKAhgB", REDACTED, "anthropic"),
                TextPart("Let me look."),
                ToolCallPart("toolu_01", "gauge", '{"unit":"hPa","at":[1,2.5]}'),
                ToolCallPart("toolu_02", "lamp", "{}"),
            ),
        ),
        Message(
            "user",
            (
                ToolResultPart("toolu_01", (TextPart("1013"), ImagePart(FileReference("file_gauge")))),
                ToolResultPart("toolu_02", (TextPart("broken"),), True),
                TextPart("Well?", marked()),
            ),
        ),
    ),
    tools=(
        FunctionTool(
            "gauge",
            "Reads the gauge.",
            {"type": "object", "properties": {"unit": {"type": "string"}}},
            True,
            marked(),
        ),
        FunctionTool("lamp", None, {"type": "object"}, None, {"anthropic.form": {"type": "custom"}}),
        OpaqueTool("anthropic", {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}),
    ),
    tool_choice="required",
    parallel_tool_calls=False,
    output=JsonSchemaFormat("output_config_format", {"type": "object"}, strict=True),
    sampling=Sampling(temperature=1, stop=("END",), max_tokens=4096),
    reasoning=Reasoning("xhigh", shown=True),
    stream=True,
    user="keeper-7",
    vendor={
        "anthropic": {"service_tier": "standard_only", "container": "container_03"},
        "anthropic.form": {"thinking": "adaptive"},
    },
    needs=(Need("anthropic", "container"), Need("anthropic", "messages[2].content: file file_gauge")),
)


def test_a_request() -> None:
    assert decode_request(json.loads(golden("request.json"))) == REQUEST
    encoded = encode_request(REQUEST)
    assert {"model": "claude-opus-4-6", **encoded.body} == json.loads(golden("request.json"))
    assert encoded.losses == ()


def test_a_reply() -> None:
    reply = Reply(
        choices=(
            Choice(
                0,
                (
                    ReasoningPart("The log says fog.", "EqQBsig==", wire="anthropic"),
                    TextPart("There was fog at dawn.", {"anthropic": {"citations": [CITATION]}}),
                    ToolCallPart("toolu_03", "lamp", '{"on":true}'),
                ),
                "tool_calls",
                "tool_use",
            ),
        ),
        id="msg_01Lamp",
        model="claude-opus-4-6",
        # 21 tokens of input, 300 of them written to the cache besides and 4,000 read from it.
        usage=Usage(
            input_tokens=4321,
            output_tokens=75,
            cached_input_tokens=4000,
            cache_write_tokens=300,
            reasoning_tokens=40,
            vendor={
                "anthropic": {
                    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 0},
                    "service_tier": "standard",
                }
            },
        ),
    )
    assert decode_reply(golden("reply.json")) == reply
    written = json.loads(golden("reply.json"))
    # An empty text, and nulls that mean nothing, are not repeated.
    del written["content"][2], written["stop_details"], written["container"]
    assert json.loads(encode_reply(reply, ASKED)) == written


TOOLS: list[Event] = [
    Start("msg_02", "claude-haiku-4-5"),
    UsageReport(Usage(15, 2, 5, 0, vendor={"anthropic": {"service_tier": "standard"}})),
    TextDelta(0, 0, "Two "),
    TextDelta(0, 0, "calls."),
    ToolCallDelta(0, 1, "toolu_04", "gauge", "", "function", {"anthropic.form": {"caller": "direct"}}),
    ToolCallDelta(0, 1, arguments='{"unit": '),
    ToolCallDelta(0, 1, arguments='"hPa"}'),
    ToolCallDelta(0, 2, "toolu_05", "lamp", "", "function"),
    # A call without arguments has the empty object.
    ToolCallDelta(0, 2, arguments="{}"),
    Finish(0, "tool_calls", "tool_use"),
    UsageReport(Usage(15, 31, 5, 0, vendor={"anthropic": {"service_tier": "standard"}})),
    End(),
]
THINKING: list[Event] = [
    Start("msg_03", "claude-opus-4-6"),
    UsageReport(Usage(8, 1)),
    ReasoningDelta(0, 0, "Is this ", wire="anthropic"),
    ReasoningDelta(0, 0, "safe?", wire="anthropic"),
    ReasoningDelta(0, 0, "", "EqQBnew==", wire="anthropic"),
    ReasoningDelta(0, 1, "", "EmwKBhgB", REDACTED, "anthropic"),
    Finish(
        0,
        "refusal",
        "refusal",
        {"anthropic": {"stop_details": {"type": "refusal", "category": "bio", "explanation": None}}},
    ),
    UsageReport(Usage(8, 12, reasoning_tokens=9)),
    End(),
]
SEARCH: list[Event] = [
    Start("msg_04", "claude-opus-4-6"),
    UsageReport(Usage(8, 1)),
    OpaqueDelta(
        0,
        0,
        "anthropic",
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tides"}},
    ),
    OpaqueDelta(
        0,
        1,
        "anthropic",
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [
                {
                    "type": "web_search_result",
                    "title": "Tides",
                    "url": "https://example.org/tides",
                    "encrypted_content": "EqgfC",
                    "page_age": None,
                }
            ],
        },
    ),
    TextDelta(0, 2, "", {"anthropic": {"citations": []}}),
    TextDelta(0, 2, "High at six."),
    TextDelta(0, 2, "", {"anthropic": {"citations": [FOUND]}}),
    Finish(0, "pause", "pause_turn"),
    UsageReport(Usage(90, 20, vendor={"anthropic": {"server_tool_use": {"web_search_requests": 1}}})),
    End({"anthropic": {"container": {"id": "container_9", "expires_at": "2026-05-01T10:00:00Z"}}}),
]


@pytest.mark.parametrize(
    ("name", "events"),
    [("stream_tools.sse", TOOLS), ("stream_thinking.sse", THINKING), ("stream_search.sse", SEARCH)],
)
def test_a_stream(name: str, events: list[Event]) -> None:
    decoder = EventDecoder()
    assert decoder.feed(golden(name)) == events
    decoder.close()


def said(stream: bytes) -> list[Any]:
    """The events of a stream that say something, as JSON: not pings, not what is not known, no empty pieces."""
    events = [json.loads(event.partition(b"\ndata: ")[2]) for event in stream.split(b"\n\n") if event]
    return [
        event
        for event in events
        if event["type"] not in ("ping", "vendor_news") and event.get("delta", {}).get("partial_json") != ""
    ]


def test_a_stream_is_written_as_the_vendor_writes_it() -> None:
    encoder = EventEncoder(ASKED)
    written = said(b"".join(encoder.encode(event) for event in THINKING))
    expected = said(golden("stream_thinking.sse"))
    # The input's tokens are said again at the end.
    expected[-2]["usage"]["input_tokens"] = 8
    assert written == expected


def test_a_stream_with_calls_is_written_as_the_vendor_writes_it() -> None:
    encoder = EventEncoder(ASKED)
    written = said(b"".join(encoder.encode(event) for event in TOOLS))
    expected = said(golden("stream_tools.sse"))
    expected[-2]["usage"] |= {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0}
    # Arguments that the vendor leaves out because they are empty are written.
    empty = {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": "{}"},
    }
    expected.insert(-3, empty)
    assert written == expected
