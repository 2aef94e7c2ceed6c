"""What items, events and errors of the Responses wire mean, and how Chat Completions says the same, written by hand."""

import json
from typing import Any

import pytest

from ecotone.values.chat import (
    ChatRequest,
    ImagePart,
    Inline,
    Message,
    Need,
    OpaquePart,
    Reasoning,
    ReasoningPart,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import (
    ContextExceeded,
    EcotoneError,
    MalformedRequest,
    UnsupportedFeature,
    UpstreamCut,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
)
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
    FinishReason,
    LogprobsDelta,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire import WIRES
from ecotone.wire.losses import Loss
from ecotone.wire.openai_responses import (
    FORM,
    NAME,
    EventDecoder,
    EventEncoder,
    StreamWatch,
    check_request,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    prepare_request,
    read_usage,
)
from ecotone.wire.openai_responses.history import replayable

CHAT = WIRES["openai-chat"]
HI = [{"type": "message", "role": "user", "content": "Hi"}]


def asked(**fields: Any) -> ChatRequest:
    return decode_request({"model": "m", "input": "Hi"} | fields)


def events_of(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.partition("\ndata: ")[2]) for event in stream.decode().split("\n\n")[:-1]]


def sent(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def encoded(events: list[Event], request: ChatRequest | None = None) -> list[dict[str, Any]]:
    encoder = EventEncoder(request or asked())
    return events_of(b"".join(encoder.encode(event) for event in events))


CODING: dict[str, Any] = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "No jokes."},
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": "u"}],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "E",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "see", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "shell", "input": "ls"},
        {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
    ],
    "tools": [
        {"type": "function", "name": "see", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "shell", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "see"}]},
    "reasoning": {"effort": "low"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}},
    "max_output_tokens": 19,
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "store": False,
}


def test_a_coding_agents_request_in_chat_completions() -> None:
    request = decode_request(json.loads(json.dumps(CODING)))
    assert [message.role for message in request.messages] == ["user", "assistant", "tool", "tool"]
    body, losses = CHAT.encode_request(request).body, CHAT.encode_request(request).losses
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "No jokes."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hm",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "see", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": "x"},
    ]
    assert body["tools"][1]["custom"]["format"] == {
        "type": "grammar",
        "grammar": {"syntax": "lark", "definition": "d"},
    }
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "see"}}]},
    }
    told = ("verbosity", "reasoning_effort", "max_completion_tokens", "prompt_cache_key", "safety_identifier")
    assert [body[name] for name in told] == ["low", "low", 19, "k", "s"]
    assert "store" not in body
    assert [loss.field for loss in losses] == ["messages[3].parts[0]", "messages[3]"]


def test_the_same_wire_keeps_every_field_of_it() -> None:
    body = encode_request(decode_request(json.loads(json.dumps(CODING)))).body
    given = json.loads(json.dumps(CODING))
    del given["model"]
    # What is equal and said more fully.
    for place in (0, 1):
        given["input"][place]["type"] = "message"
    given["input"][1]["content"][1]["detail"] = "auto"
    given["include"] = ["reasoning.encrypted_content"]
    assert body == given


def test_a_chat_request_in_responses() -> None:
    request = CHAT.decode_request(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": "Let me see.",
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "see", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
            ],
            "tools": [{"type": "function", "function": {"name": "see", "parameters": {"type": "object"}}}],
            "reasoning_effort": "high",
            "verbosity": "low",
            "service_tier": "flex",
            "logprobs": True,
            "seed": 7,
            "stream": True,
            "stream_options": {"include_usage": True, "include_obfuscation": False},
        }
    )
    result = encode_request(request)
    assert result.body == {
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "user", "content": "Hi"},
            {
                "type": "message",
                "id": "msg_01",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
            },
            {"type": "function_call", "call_id": "c1", "name": "see", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
        ],
        # Left out, chat takes it for false and Responses for true.
        "tools": [{"type": "function", "name": "see", "parameters": {"type": "object"}, "strict": False}],
        "reasoning": {"effort": "high"},
        "stream": True,
        "service_tier": "flex",
        "stream_options": {"include_obfuscation": False},
        "text": {"verbosity": "low"},
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
        "store": False,
    }
    assert result.losses == (Loss("sampling.seed", "the wire has no such field"),)


@pytest.mark.parametrize(
    ("sampling", "param"), [(Sampling(stop=("x",)), "stop"), (Sampling(n=2), "n")], ids=["stop", "n"]
)
def test_what_would_change_the_meaning_is_refused(sampling: Sampling, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        encode_request(ChatRequest("m", (Message("user", (TextPart("Hi"),)),), sampling=sampling))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "i"}]}, "item_reference"),
        ({"input": [{"id": "i"}]}, "item_reference"),
        ({"input": [{"type": "compaction", "encrypted_content": "E"}]}, "compaction"),
        ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]}, "computer_call_output"),
    ],
)
def test_what_only_this_wire_can_say_is_needed(fields: dict[str, Any], feature: str) -> None:
    request = asked(**fields)
    assert request.needs == (Need(NAME, feature),)
    with pytest.raises(UnsupportedFeature, match=feature):
        CHAT.encode_request(request)
    body = encode_request(asked(**json.loads(json.dumps(fields)))).body
    for name, value in fields.items():
        wanted = [{"type": "item_reference"} | item for item in value] if name == "input" else value
        assert body[name] == wanted


@pytest.mark.parametrize("fields", [{"background": True}, {"conversation": "conv_1"}])
def test_what_needs_a_vendor_that_keeps_things_is_refused_on_the_fast_lane(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        check_request({"model": "m", "input": "Hi", **fields})
    assert refused.value.param == next(iter(fields))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"input": 5}, "input"),
        ({"input": [{"role": "critic", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"include": [1]}, "include"),
    ],
)
def test_malformed_requests_name_the_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        asked(**fields)
    assert refused.value.param == place


def test_the_upstream_is_told_to_keep_nothing() -> None:
    request = {"model": "m", "input": "Hi", "store": True, "x": 1}
    assert prepare_request(request) == {"model": "m", "input": "Hi", "store": False, "x": 1}
    assert request["store"] is True


def test_reasoning_that_others_signed_is_left_out_and_declared() -> None:
    parts = (ReasoningPart("Hm", "sig", wire="anthropic"), ReasoningPart("Hm"), TextPart("Hi."))
    result = encode_request(ChatRequest("m", (Message("assistant", parts),)))
    assert [item["type"] for item in result.body["input"]] == ["message"]
    assert [loss.field for loss in result.losses] == ["messages[0].parts[0]", "messages[0].parts[1]"]


def test_a_foreign_signature_travels_in_encrypted_content() -> None:
    part = ReasoningPart("Hm", "sig", {"anthropic": {"x": 1}}, "anthropic")
    events: list[Event] = [Start("r"), ReasoningDelta(0, 0, "Hm", wire="anthropic")]
    events += [ReasoningDelta(0, 0, "", "sig", {"anthropic": {"x": 1}}, "anthropic"), TextDelta(0, 1, "Hi"), End()]
    request = asked(include=["reasoning.encrypted_content"])
    item = encoded(events, request)[-1]["response"]["output"][0]
    assert (item["type"], item["summary"]) == ("reasoning", [{"type": "summary_text", "text": "Hm"}])
    back = asked(input=[item, {"role": "assistant", "content": "Hi"}]).messages[0].parts[0]
    assert isinstance(back, ReasoningPart)
    assert (back.text, back.signature, back.wire) == (part.text, part.signature, part.wire)
    assert back.vendor["anthropic"] == {"x": 1}
    assert "encrypted_content" not in encoded(events)[-1]["response"]["output"][0]


def test_results_with_images_and_long_ids() -> None:
    image = ImagePart(Inline("AAAA", "image/png"))
    long = "c" * 65
    messages = (
        Message("assistant", (ToolCallPart(long, "shell", "ls", "custom"),)),
        Message("user", (ToolResultPart(long, (TextPart("see"), image), is_error=True), TextPart("Go on"))),
    )
    result = encode_request(ChatRequest("m", messages))
    call, output, said = result.body["input"]
    assert call["call_id"] == output["call_id"]
    assert len(call["call_id"]) <= 64
    assert output["type"] == "custom_tool_call_output"
    assert output["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
    ]
    assert said == {"type": "message", "role": "user", "content": "Go on"}
    assert [loss.reason for loss in result.losses] == ["that the tool failed; only its words are sent"]


def test_a_budget_is_an_effort() -> None:
    request = ChatRequest("m", (), reasoning=Reasoning(budget_tokens=9000, shown=True))
    result = encode_request(request)
    assert result.body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert [loss.field for loss in result.losses] == ["reasoning.budget_tokens"]


def test_a_prompt_stays_the_same_from_turn_to_turn() -> None:
    turns = [
        Message("user", (TextPart("Hi"),)),
        Message("assistant", (TextPart("Hello"), ToolCallPart("c", "f", "{}"))),
    ]
    turns += [Message("tool", (ToolResultPart("c", (TextPart("1"),)),)), Message("assistant", (TextPart("One"),))]
    longer = encode_request(ChatRequest("m", tuple(turns))).body["input"]
    for length in range(1, len(turns)):
        shorter = json.dumps(encode_request(ChatRequest("m", tuple(turns[:length]))).body["input"])
        assert json.dumps(longer).startswith(shorter[:-1])


REPLY: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 7,
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "model": "gpt-5.5",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "E"},
        {"id": "ws_1", "type": "web_search_call", "status": "completed"},
        {
            "id": "msg_1",
            "type": "message",
            "status": "incomplete",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation", "url": "u"}]}],
        },
    ],
    "usage": {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 9,
    },
}


@pytest.mark.parametrize(
    ("reason", "raw", "status", "details"),
    [
        ("stop", "STOP", "completed", None),
        ("tool_calls", "tool_use", "completed", None),
        (None, None, "completed", None),
        ("length", "max_tokens", "incomplete", {"reason": "max_output_tokens"}),
        ("pause", "pause_turn", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "SAFETY", "incomplete", {"reason": "content_filter"}),
        ("refusal", "refusal", "incomplete", {"reason": "content_filter"}),
        ("unknown", "steered", "incomplete", {"reason": "steered"}),
        ("unknown", "MALFORMED_FUNCTION_CALL", "incomplete", {}),
        ("unknown", None, "incomplete", {}),
    ],
)
def test_an_end_in_this_wires_words(
    reason: FinishReason | None, raw: str | None, status: str, details: dict[str, str] | None
) -> None:
    whole = json.loads(encode_reply(Reply((Choice(0, (), reason, raw),)), asked()))
    assert (whole["status"], whole["incomplete_details"]) == (status, details)
    if reason is not None:
        encoder = EventEncoder(asked())
        said = b"".join(encoder.encode(event) for event in (Start(), Finish(0, reason, raw), End()))
        last = json.loads(said.rpartition(b"data: ")[2])
        assert (last["type"], last["response"]["incomplete_details"]) == (f"response.{status}", details)


def test_a_reply_and_its_parts() -> None:
    reply = decode_reply(json.dumps(REPLY).encode())
    choice = reply.choices[0]
    assert (choice.finish, choice.raw_finish) == ("length", "max_output_tokens")
    assert choice.parts == (
        ReasoningPart("", "E", {FORM: {"id": "rs_1"}}, NAME),
        OpaquePart(NAME, {"id": "ws_1", "type": "web_search_call", "status": "completed"}),
        TextPart(
            "Hi",
            {
                NAME: {"annotations": [{"type": "url_citation", "url": "u"}]},
                FORM: {"item": {"id": "msg_1", "status": "incomplete"}},
            },
        ),
    )
    assert reply.usage == Usage(5, 4, 2, 1, 3)
    assert read_usage(json.dumps(REPLY).encode()) == reply.usage
    again = json.loads(encode_reply(reply, asked(include=["reasoning.encrypted_content"])))
    # Replies must have the list.
    assert again["output"][2]["content"][0].pop("logprobs") == []
    for name in ("output", "status", "incomplete_details", "usage"):
        assert again[name] == REPLY[name]


def test_a_part_may_have_a_field_called_message() -> None:
    """Whatever else is called so, of an unknown field nothing is taken for the message's own."""
    entry = {"type": "output_text", "text": "a", "annotations": [], "message": "odd"}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [entry]}
    reply = decode_reply(json.dumps({**REPLY, "output": [item]}).encode())
    (again,) = json.loads(encode_reply(reply, asked()))["output"]
    assert again["content"][0].pop("logprobs", []) == []
    assert again == item


def test_a_chat_reply_in_responses() -> None:
    chat = {
        "id": "chatcmpl-1",
        "created": 7,
        "model": "gpt-4o",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "reasoning_content": "Hm",
                    "content": "Let me see.",
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "see", "arguments": "{}"}}],
                },
            }
        ],
    }
    fields: dict[str, Any] = {"instructions": "Be brief.", "metadata": {"a": "b"}, "temperature": 0.5}
    body = json.loads(encode_reply(CHAT.decode_reply(json.dumps(chat).encode()), asked(**fields)))
    assert [body[name] for name in ("instructions", "metadata", "temperature", "id", "status")] == [
        "Be brief.",
        {"a": "b"},
        0.5,
        "resp_chatcmpl-1",
        "completed",
    ]
    reasoning, message, call = body["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm"}]
    assert message["content"][0]["text"] == "Let me see."
    assert (call["call_id"], call["name"], call["arguments"], call["status"]) == ("c1", "see", "{}", "completed")
    assert len({item["id"] for item in body["output"]}) == 3


def test_parallel_calls_that_interleave_come_one_after_the_other() -> None:
    events: list[Event] = [
        Start("r"),
        TextDelta(0, 0, "Two"),
        ToolCallDelta(0, 1, "a", "f", "", "function"),
        ToolCallDelta(0, 2, "b", "g", "", "function"),
        ToolCallDelta(0, 1, arguments='{"x":'),
        ToolCallDelta(0, 2, arguments='{"y":2'),
        TextDelta(0, 0, " calls"),
        ToolCallDelta(0, 1, arguments="1}"),
        ToolCallDelta(0, 2, arguments="}"),
        Finish(0, "tool_calls"),
        End(),
    ]
    output = encoded(events)[-1]["response"]["output"]
    assert [(item["type"], item.get("arguments")) for item in output] == [
        ("message", None),
        ("function_call", '{"x":1}'),
        ("function_call", '{"y":2}'),
        ("message", None),
    ]
    assert [item["content"][0]["text"] for item in output if item["type"] == "message"] == ["Two", " calls"]


def test_a_call_whose_arguments_never_end_is_over_with_the_answer() -> None:
    events: list[Event] = [Start("r"), ToolCallDelta(0, 0, "a", "f", '{"x"', "function"), TextDelta(0, 1, "Oh"), End()]
    output = encoded(events)[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call", "message"]
    assert output[0]["arguments"] == '{"x"'


def test_log_probabilities_stand_with_their_text() -> None:
    token = TokenLogprob("Hi", -0.5, top=(TokenLogprob("Ho", -1.0),))
    events: list[Event] = [Start("r"), TextDelta(0, 0, "Hi"), LogprobsDelta(0, (token,)), End()]
    stream = encoded(events, asked(include=["message.output_text.logprobs"]))
    delta = next(event for event in stream if event["type"] == "response.output_text.delta")
    assert delta["logprobs"] == [{"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.0}]}]
    entry = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
    top = {"token": "Ho", "logprob": -1.0, "bytes": [72, 111]}
    assert stream[-1]["response"]["output"][0]["content"][0]["logprobs"] == [{**entry, "top_logprobs": [top]}]


def test_items_that_were_never_streamed_come_with_the_end() -> None:
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    response = {"id": "resp_1", "status": "completed", "output": [item, call]}
    decoder = EventDecoder()
    events = decoder.feed(sent({"type": "response.completed", "response": response}))
    assert [event for event in events if isinstance(event, TextDelta | ToolCallDelta | Finish)] == [
        TextDelta(0, 0, "Hi", {FORM: {"item": {"id": "msg_1"}}}),
        ToolCallDelta(0, 1, "c", "f", "{}", "function", {FORM: {"id": "fc_1"}}),
        Finish(0, "tool_calls", "completed"),
    ]


ERRORS: list[tuple[dict[str, Any], type[EcotoneError]]] = [
    ({"code": "rate_limit_exceeded", "message": "slow"}, UpstreamRateLimited),
    ({"code": "server_error", "message": "oh"}, UpstreamFailed),
    ({"code": "invalid_prompt", "message": "no"}, UpstreamRejected),
    ({"code": "context_length_exceeded", "message": "long"}, ContextExceeded),
    ({"code": "never_heard_of", "message": "?"}, UpstreamFailed),
]


@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_errors_within_streams_and_replies(error: dict[str, Any], kind: type[EcotoneError]) -> None:
    failed = {"id": "r", "status": "failed", "error": error, "output": []}
    forms = [
        {"type": "response.failed", "response": failed},
        {"type": "error", **error},
        {"type": "error", "error": error},
    ]
    for form in forms:
        decoder = EventDecoder()
        with pytest.raises(kind):
            decoder.feed(sent(form))
        watch = StreamWatch({})
        assert watch.feed(sent(form)) == b""
        assert isinstance(watch.error, kind)
    for body in (failed, {"error": error}):
        with pytest.raises(kind):
            decode_reply(json.dumps(body).encode())
        with pytest.raises(kind):
            read_usage(json.dumps(body).encode())


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "response.output_text.delta", "delta": "Hi"}, {"type": "response.refusal.delta", "delta": "No"}],
        [{"type": "response.function_call_arguments.delta", "delta": "{}"}],
        [{"type": "response.output_item.added", "item": {"type": "function_call", "name": "f"}}],
        [{"type": "response.output_item.done", "item": {"type": {}}}],
        [{"type": "response.completed"}],
    ],
)
def test_what_is_no_stream_of_this_wire_is_the_upstreams_fault(events: list[dict[str, Any]]) -> None:
    decoder = EventDecoder()
    with pytest.raises(UpstreamMalformed):
        decoder.feed(sent(*events))
        decoder.close()


def test_a_stream_without_its_end_is_cut() -> None:
    started = sent({"type": "response.created", "sequence_number": 0, "response": {"id": "r", "output": []}})
    started += sent({"type": "response.output_text.delta", "sequence_number": 1, "delta": "Hi", "output_index": 0})
    for ending in (b"", b"data: [DONE]\n\n"):
        decoder = EventDecoder()
        decoder.feed(started + ending)
        watch = StreamWatch({})
        assert watch.feed(started + ending).startswith(started)
        assert watch.token_seen
        for reader in (decoder, watch):
            with pytest.raises(UpstreamCut):
                reader.close()
        # What follows is numbered on.
        assert events_of(watch.encode_error(UpstreamCut("It was cut.")))[0]["sequence_number"] == 2


def test_the_watch_passes_on_what_it_does_not_know() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2}
    data = sent(
        {"type": "response.created", "sequence_number": 0, "response": {"model": "m-1"}},
        {"type": "response.web_search_call.searching", "sequence_number": 1, "output_index": 0},
        {"type": "response.brand_new", "sequence_number": 2},
        {"type": "response.completed", "sequence_number": 3, "response": {"output": [], "usage": usage}},
    )
    watch = StreamWatch({})
    assert watch.feed(data[:100]) + watch.feed(data[100:]) == data
    assert (watch.model, watch.usage, watch.ended, watch.finished) == ("m-1", Usage(1, 2), True, True)


def test_an_error_in_a_stream_is_said_in_both_forms() -> None:
    encoder = EventEncoder(asked())
    body = encoder.encode(Start("r")) + encoder.encode(TextDelta(0, 0, "Hi"))
    body += encoder.encode_error(UpstreamFailed("The model failed."))
    event = events_of(body)[-1]
    assert (event["type"], event["message"], event["code"]) == ("error", "The model failed.", "upstream_failed")
    assert event["error"]["message"] == "The model failed."
    assert event["sequence_number"] == len(events_of(body)) - 1


def test_what_goes_back_of_a_conversation_that_was_kept() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    assert replayable([*HI, thought, call]) == [*HI, thought, call]
    nameless = {name: value for name, value in call.items() if name != "id"}
    bare = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert replayable([*HI, bare, call]) == [*HI, nameless]
    assert replayable([*HI, thought, *HI]) == [*HI, *HI]


def test_usage_and_end_follow_the_text() -> None:
    events = encoded([Start("r", "m", 7), TextDelta(0, 0, "Hi"), Finish(0, "length"), UsageReport(Usage(1, 2)), End()])
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]
    last = events[-1]["response"]
    assert last["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["usage"] == {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    }
