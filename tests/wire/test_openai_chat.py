"""Faults and losses on the Chat Completions wire."""

import json
from typing import Any

import pytest

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    CustomTool,
    DocumentPart,
    FileReference,
    ImagePart,
    Inline,
    JsonObjectFormat,
    Message,
    OpaquePart,
    OpaqueTool,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import (
    EcotoneError,
    MalformedRequest,
    UnsupportedFeature,
    UpstreamCut,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
)
from ecotone.values.reply import (
    Choice,
    End,
    Finish,
    FinishReason,
    OpaqueDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    fold,
)
from ecotone.wire.losses import Loss
from ecotone.wire.openai_chat import (
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A request of its own, since decoding takes it apart."""
    return json.loads(json.dumps(HELLO | ({"messages": list(messages)} if messages else {}) | fields))  # type: ignore[no-any-return]


def sent(request: ChatRequest) -> dict[str, Any]:
    """The request as an endpoint sends it."""
    return {"model": request.model, **encode_request(request).body}


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        (body(model=5), "model"),
        (body(model=""), "model"),
        (body(messages={}), "messages"),
        (body("Hi"), "messages[0]"),
        (body({"content": "Hi"}), "messages[0].role"),
        (body({"role": "robot", "content": "Hi"}), "messages[0].role"),
        (body({"role": "user"}), "messages[0].content"),
        (body({"role": "user", "content": "a"}, {"role": "user", "content": 5}), "messages[1].content"),
        (body({"role": "user", "content": [5]}), "messages[0].content[0]"),
        (body({"role": "user", "content": [{"text": "a"}]}), "messages[0].content[0].type"),
        (body({"role": "user", "content": [{"type": "text"}]}), "messages[0].content[0].text"),
        (
            body({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
            "messages[0].content[0].image_url.url",
        ),
        (body({"role": "user", "content": [{"type": "file", "file": {}}]}), "messages[0].content[0].file.file_data"),
        (body({"role": "tool", "content": "a"}), "messages[0].tool_call_id"),
        (
            body({"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "n"}]}),
            "messages[0].content[0]",
        ),
        (
            body({"role": "assistant", "tool_calls": [{"type": "function", "function": {"arguments": "{}"}}]}),
            "messages[0].tool_calls[0].function.name",
        ),
        (body({"role": "assistant", "tool_calls": [{"type": "magic"}]}), "messages[0].tool_calls[0].type"),
        (body(tools=[{"function": {}}]), "tools[0].type"),
        (body(tools=[{"type": "function", "function": {"name": "f", "strict": "yes"}}]), "tools[0].function.strict"),
        (body(tool_choice="maybe"), "tool_choice"),
        (body(tool_choice={"type": "function"}), "tool_choice.function"),
        (body(tool_choice={"type": "allowed_tools", "allowed_tools": {}}), "tool_choice.allowed_tools.mode"),
        (
            body(tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "x"}]}}),
            "tool_choice.allowed_tools.tools[0].type",
        ),
        (body(function_call=5), "function_call"),
        (body(response_format="json"), "response_format"),
        (body(response_format={"type": "json_schema", "json_schema": {}}), "response_format.json_schema.name"),
        (body(temperature="hot"), "temperature"),
        (body(max_tokens=1.5), "max_tokens"),
        (body(n=True), "n"),
        (body(stop=[1]), "stop"),
        (body(logit_bias={"5": "x"}), "logit_bias.5"),
        (body(metadata={"a": 1}), "metadata.a"),
        (body(stream="yes"), "stream"),
        (body(stream_options={"include_usage": 1}), "stream_options.include_usage"),
    ],
)
def test_a_wrong_type_names_its_field(request_body: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as raised:
        decode_request(request_body)
    assert raised.value.param == param
    assert f"`{param}`" in raised.value.message


def test_what_is_unknown_is_kept_for_this_wire_alone() -> None:
    video = {"type": "video_url", "video_url": {"url": "https://example.org"}}
    fields = {
        "messages": [{"role": "user", "content": [video]}],
        "tools": [{"type": "web_search", "limit": 3}],
        "tool_choice": {"type": "web_search"},
        "response_format": {"type": "grammar", "grammar": "root ::= x"},
    }
    request = decode_request(body(**fields))
    assert request.messages[0].parts == (OpaquePart("openai-chat", video),)
    assert request.tools == (OpaqueTool("openai-chat", {"type": "web_search", "limit": 3}),)
    assert (request.tool_choice, request.output) == (None, None)
    assert sent(request) == HELLO | fields


def test_an_extended_format_keeps_its_extension() -> None:
    # llama-server takes a schema with json_object.
    said = {"type": "json_object", "schema": {"type": "object"}}
    request = decode_request(body(response_format=said))
    assert request.output == JsonObjectFormat()
    assert sent(request)["response_format"] == said


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 5, "max_completion_tokens": 6}),
        ({"stop": "a"}, {"stop": ["a"]}),
        ({"stop": None, "temperature": None, "tools": None}, {}),
        ({"reasoning": {"effort": "low", "exclude": True}}, {"reasoning": {"effort": "low", "exclude": True}}),
        ({"n": 1.0}, {"n": 1}),
        ({"stream": False}, {}),
        ({"reasoning": {"enabled": True}}, {"reasoning": {"enabled": True}}),
        ({"function_call": "auto"}, {"function_call": "auto"}),
        ({"function_call": "none"}, {"function_call": "none"}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
    ],
)
def test_how_a_setting_was_said_is_kept(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(decode_request(body(**fields))) == HELLO | expected


def assistant(*parts: Part) -> ChatRequest:
    return ChatRequest("m", (Message("assistant", parts),))


@pytest.mark.parametrize(
    ("request_", "losses"),
    [
        (
            ChatRequest("m", (Message("user", (TextPart("a", {"anthropic": {"cache_control": {}}}),)),)),
            (Loss("messages[0]", "`cache_control`: known to the wire anthropic alone"),),
        ),
        (
            ChatRequest("m", (Message("user", (TextPart("a"),)),), reasoning=Reasoning(budget_tokens=600)),
            (Loss("reasoning.budget_tokens", "a number of tokens; sent as the effort minimal"),),
        ),
        (
            assistant(ToolCallPart("c", "f", ""), TextPart("a")),
            (Loss("messages[0].parts[1]", "its place after a tool call; calls go last"),),
        ),
        (
            ChatRequest("m", (Message("user", (TextPart("a"), ToolResultPart("c", (TextPart("b"),)))),)),
            (Loss("messages[0]", "the order of tool results and other parts; results go first"),),
        ),
        (
            assistant(ReasoningPart("a"), ReasoningPart("b")),
            (Loss("messages[0]", "the borders between pieces of reasoning; they are sent as one"),),
        ),
        (
            ChatRequest("m", (Message("tool", (ToolResultPart("c", (TextPart("a"),), True),)),)),
            (Loss("messages[0]", "that the tool failed; only its words are sent"),),
        ),
    ],
)
def test_losses_are_declared(request_: ChatRequest, losses: tuple[Loss, ...]) -> None:
    assert encode_request(request_).losses == losses


def test_images_in_results_follow_them_in_a_message_of_the_user() -> None:
    picture = ImagePart(Inline("aWI=", "image/png"))
    results = (ToolResultPart("c1", (TextPart("one"), picture)), ToolResultPart("c2", (TextPart("two"),)))
    messages = tuple(Message("tool", (result,)) for result in results)
    encoded = encode_request(ChatRequest("m", (*messages, Message("user", (TextPart("Go on."),)))))
    assert encoded.losses == (
        Loss("messages[0]", "images and files in a tool's result; sent in a user's message after it"),
    )
    assert encoded.body["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "From the result of c1:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWI="}},
            ],
        },
        {"role": "user", "content": "Go on."},
    ]


def test_results_among_other_parts_become_messages_of_their_own() -> None:
    parts = (
        ToolResultPart("c1", (TextPart("one"),)),
        ToolResultPart("c2", (TextPart("two"),)),
        TextPart("Go on."),
    )
    encoded = encode_request(ChatRequest("m", (Message("user", parts),)))
    assert encoded.losses == ()
    assert encoded.body["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "user", "content": "Go on."},
    ]


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest("m", (Message("user", (OpaquePart("anthropic", {"type": "x"}),)),)),
        ChatRequest("m", (Message("user", (ImagePart(FileReference("f")),)),)),
        ChatRequest("m", (Message("user", (AudioPart(id="a"),)),)),
        ChatRequest("m", (Message("user", (ToolCallPart("c", "f", ""),)),)),
        ChatRequest("m", (Message("tool", (TextPart("a"),)),)),
        assistant(ToolResultPart("c", ())),
        ChatRequest("m", (Message("user", (TextPart("a"),)),), tools=(OpaqueTool("anthropic", {}),)),
    ],
)
def test_what_cannot_be_said_is_refused(request_: ChatRequest) -> None:
    with pytest.raises(UnsupportedFeature):
        encode_request(request_)


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ((), ""),
        ((ReasoningPart("Hm"),), ""),
        ((RefusalPart("No."),), None),
        ((ToolCallPart("c", "f", "{}"),), None),
        ((TextPart("Hi"),), "Hi"),
    ],
)
def test_content_is_null_only_where_something_stands_in_its_place(parts: tuple[Part, ...], content: str | None) -> None:
    """OpenAI refuses an assistant's message of which nothing is left."""
    message = Message("assistant", parts)
    encoded = encode_request(ChatRequest("m", (message,))).body
    assert encoded["messages"][0]["content"] == content
    assert decode_request({**encoded, "model": "m"}).messages == (message,)


def test_a_signature_travels_in_reasoning_details() -> None:
    encoded = sent(assistant(ReasoningPart("Hm", "c2ln")))
    assert encoded["messages"][0] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "Hm",
        "reasoning_details": [{"type": "reasoning.text", "text": "Hm", "signature": "c2ln"}],
    }


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        ("stop", "end_turn", "stop"),
        ("stop", "eos_token", "stop"),
        ("tool_calls", "function_call", "function_call"),
        ("refusal", "refusal", "content_filter"),
        ("pause", "pause_turn", "length"),
        ("unknown", "insufficient_system_resource", "insufficient_system_resource"),
        ("unknown", None, "unknown"),
        (None, None, None),
    ],
)
def test_finish_reasons_in_this_wires_words(reason: FinishReason | None, raw: str | None, word: str | None) -> None:
    reply = Reply((Choice(0, (), reason, raw),))
    assert json.loads(encode_reply(reply, ChatRequest("m", ())))["choices"][0]["finish_reason"] == word


@pytest.mark.parametrize(
    ("written", "created"),
    [("1741570283", 1741570283), ("1741570283.9", 1741570283), ("0", None), ("-5", None), ("1e38", None)],
)
def test_only_a_time_is_taken_for_one(written: str, created: int | None) -> None:
    assert decode_reply(b'{"choices":[],"created":%s}' % written.encode()).created == created


def test_an_unknown_finish_reason_is_kept() -> None:
    reply = decode_reply(b'{"choices":[{"message":{"content":"a"},"finish_reason":"abort"}]}')
    assert (reply.choices[0].finish, reply.choices[0].raw_finish) == ("unknown", "abort")


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=3), Usage(output_tokens=3)])
def test_usage_is_never_invented(usage: Usage) -> None:
    assert "usage" not in json.loads(encode_reply(Reply((), usage=usage), ChatRequest("m", ())))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", UpstreamMalformed),
        (b"<html>", UpstreamMalformed),
        (b"[]", UpstreamMalformed),
        (b"{}", UpstreamMalformed),
        (b'{"choices":[{}]}', UpstreamMalformed),
        (b'{"choices":[{"message":{"content":5}}]}', UpstreamMalformed),
        (b'{"choices":[{"message":{},"logprobs":{"content":[{"token":"a"}]}}]}', UpstreamMalformed),
        (
            b'{"choices":[{"message":{},"logprobs":{"content":[{"token":"a","logprob":0,"bytes":["x"]}]}}]}',
            UpstreamMalformed,
        ),
        (b'{"choices":[{"message":{"content":[{"type":"file","file":{"file_id":"f"}}]}}]}', UpstreamMalformed),
        (b'{"choices":[],"usage":{"prompt_tokens":-1}}', UpstreamMalformed),
        (b'{"error":{"code":429,"message":"m"}}', UpstreamRateLimited),
    ],
)
def test_a_reply_that_is_none(reply: bytes, kind: type[EcotoneError]) -> None:
    with pytest.raises(kind):
        decode_reply(reply)


def chunk(**choice: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", "choices": [{"index": 0} | choice]}).encode() + b"\n\n"


HI = chunk(delta={"content": "Hi"})
STARTED = [Start("c"), TextDelta(0, 0, "Hi")]


def test_a_fault_comes_after_what_preceded_it() -> None:
    decoder = EventDecoder()
    assert decoder.feed(HI + b'data: {"error":{"message":"m","code":502}}\n\n' + HI) == STARTED
    assert type(decoder.error) is UpstreamFailed
    for ask in (lambda: decoder.feed(b""), decoder.close):
        with pytest.raises(UpstreamFailed):
            ask()


@pytest.mark.parametrize(
    "data",
    [b"{", b"5", b'{"choices":5}', b'{"choices":[{"delta":5}]}', b'{"choices":[{"delta":{"content":5}}]}'],
)
def test_a_chunk_that_cannot_be_read_is_a_fault(data: bytes) -> None:
    with pytest.raises(UpstreamMalformed):
        EventDecoder().feed(b"data: " + data + b"\n\n")


def test_a_chunk_over_the_bound_is_a_fault() -> None:
    decoder = EventDecoder()
    assert decoder.feed(HI) == STARTED
    with pytest.raises(UpstreamMalformed, match="16,777,216 bytes"):
        decoder.feed(b"data: " + b"x" * 16 * 2**20)


def test_choices_without_number_are_a_fault() -> None:
    many = {"choices": [{"index": number, "delta": {}} for number in range(1025)]}
    with pytest.raises(UpstreamMalformed, match="1024 choices"):
        EventDecoder().feed(b"data: " + json.dumps(many).encode() + b"\n\n")


@pytest.mark.parametrize("cut", [b"", HI, HI + chunk(delta={}, finish_reason="stop"), HI + b"data: [DON"])
def test_a_stream_without_its_end_is_cut(cut: bytes) -> None:
    decoder = EventDecoder()
    decoder.feed(cut)
    with pytest.raises(UpstreamCut):
        decoder.close()


def test_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    def call(identity: str | None, name: str | None, arguments: str) -> dict[str, Any]:
        return {"index": 0, "id": identity, "function": {"name": name, "arguments": arguments}}

    decoder = EventDecoder()
    events = decoder.feed(
        chunk(delta={"tool_calls": [call("a", "f", "{"), call("a", None, "}"), call("b", "f", "1")]})
        + chunk(delta={"tool_calls": [call("b", "f", "2"), call("", "", "3")]})
    )
    assert events[1:] == [
        ToolCallDelta(0, 0, "a", "f", "{", "function"),
        ToolCallDelta(0, 0, arguments="}"),
        ToolCallDelta(0, 1, "b", "f", "1", "function"),
        ToolCallDelta(0, 1, arguments="2"),
        ToolCallDelta(0, 1, arguments="3"),
    ]


def test_what_comes_after_the_finish_is_not_lost() -> None:
    decoder = EventDecoder()
    events = decoder.feed(
        chunk(delta={"content": "Hi"}, seen=[1])
        + chunk(delta={}, finish_reason="stop")
        + chunk(delta={}, seen=[2])
        + b"data: [DONE]\n\n"
    )
    assert [event.vendor for event in events if isinstance(event, Finish)] == [
        {"openai-chat": {"seen": [1]}},
        {"openai-chat": {"seen": [1, 2]}},
    ]


def test_a_deprecated_call_streams_as_a_tool_call() -> None:
    events = EventDecoder().feed(
        chunk(delta={"function_call": {"name": "f", "arguments": ""}})
        + chunk(delta={"function_call": {"arguments": "{}"}})
    )
    legacy = {"openai-chat.form": {"at": "function_call"}}
    assert events[1:] == [
        ToolCallDelta(0, 0, "call_0_f", "f", "", "function", legacy),
        ToolCallDelta(0, 0, arguments="{}", vendor=legacy),
    ]


def test_custom_tools_without_format_are_sent_bare() -> None:
    request = ChatRequest("m", (Message("user", (TextPart("a"),)),), tools=(CustomTool("c", "d"),))
    assert sent(request)["tools"] == [{"type": "custom", "custom": {"name": "c", "description": "d"}}]


def test_a_document_at_an_address_is_sent_as_open_routers_take_it() -> None:
    said = {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://example.org/a.pdf"}}
    request = decode_request(body({"role": "user", "content": [said, {"type": "text", "text": "?"}]}))
    assert isinstance(request.messages[0].parts[0], DocumentPart)
    assert sent(request)["messages"][0]["content"][0] == said


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.org/i.png"}]},
        {"role": "user", "content": []},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "a"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}], "signature": "c2ln", "closed": True},
                {"type": "thinking", "thinking": [{"type": "reference", "reference_ids": [1]}]},
                {"type": "text", "text": "a"},
            ],
        },
        {"role": "assistant", "content": "a", "reasoning": "Hm", "prefix": True},
        {"role": "assistant", "content": "a", "reasoning_content": "Hm", "reasoning": "Hm"},
        {
            "role": "assistant",
            "content": "a",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "eA==", "id": "r1"}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "a", "name": "f"},
    ],
)
def test_a_message_keeps_its_form(message: dict[str, Any]) -> None:
    assert sent(decode_request(body(message)))["messages"] == [message]


def test_arguments_sent_as_an_object_become_their_text() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": [1]}}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    reply = decode_reply(json.dumps({"choices": [{"message": message}]}).encode())
    assert reply.choices[0].parts == (ToolCallPart("c", "f", '{"a":[1]}'),)


def test_a_deprecated_call_in_a_reply_goes_out_as_it_came() -> None:
    message = {"role": "assistant", "content": None, "refusal": None, "function_call": {"name": "f", "arguments": "{}"}}
    reply = decode_reply(json.dumps({"choices": [{"message": message, "finish_reason": "function_call"}]}).encode())
    assert reply.choices[0].finish == "tool_calls"
    choice = json.loads(encode_reply(reply, ChatRequest("m", ())))["choices"][0]
    assert (choice["message"], choice["finish_reason"]) == (message, "function_call")


def test_parts_of_other_wires_are_left_out_of_a_reply() -> None:
    reply = Reply((Choice(0, (OpaquePart("anthropic", {"type": "x"}), TextPart("a")), "stop"),))
    assert json.loads(encode_reply(reply, ChatRequest("m", ())))["choices"][0]["message"]["content"] == "a"
    encoder = EventEncoder(ChatRequest("m", ()))
    assert encoder.encode(OpaqueDelta(0, 0, "anthropic", {"type": "x"})) == b""


@pytest.mark.parametrize(
    "delta",
    [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
        {"content": [{"type": "text", "text": "a", "citations": [1]}]},
        {"content": [{"type": "refusal", "refusal": "No."}]},
        {"content": [{"type": "reference", "reference_ids": [1]}]},
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "index": 0}]},
        {"audio": {"id": "a", "data": "UklGRg=="}},
        {"refusal": "No."},
        {"reasoning": "Hm"},
        {"function_call": {"name": "f", "arguments": ""}},
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
    ],
)
def test_a_delta_keeps_its_form(delta: dict[str, Any]) -> None:
    encoder = EventEncoder(ChatRequest("m", ()))
    events = EventDecoder().feed(chunk(delta=delta))
    sent = b"".join(encoder.encode(event) for event in events)
    assert json.loads(sent.removeprefix(b"data: "))["choices"][0]["delta"] == {"role": "assistant"} | delta


def test_unknown_fields_of_a_choice_and_its_deltas_come_with_its_finish() -> None:
    events = EventDecoder().feed(
        chunk(delta={"content": "a", "annotations": [1], "nothing": None}, token_ids=[5])
        + chunk(delta={"content": "b", "annotations": [2]}, token_ids=[6], matched_stop=None)
        + chunk(delta={}, finish_reason="stop", matched_stop=7)
    )
    kept = {"message": {"annotations": [1, 2]}, "token_ids": [5, 6], "matched_stop": 7}
    assert events[-1] == Finish(0, "stop", "stop", {"openai-chat": kept})
    encoder = EventEncoder(ChatRequest("m", ()))
    sent = json.loads(encoder.encode(events[-1]).removeprefix(b"data: "))["choices"][0]
    assert sent == {
        "index": 0,
        "delta": {"role": "assistant", "annotations": [1, 2]},
        "logprobs": None,
        "finish_reason": "stop",
        "token_ids": [5, 6],
        "matched_stop": 7,
    }


def test_calls_without_an_index_are_continued_by_id_or_in_turn() -> None:
    def call(identity: str | None, name: str | None, arguments: str) -> dict[str, Any]:
        return {"id": identity, "function": {"name": name, "arguments": arguments}}

    calls = [call("a", "f", "1"), call("b", "g", "2"), call("a", None, "3"), call(None, None, "4")]
    events = EventDecoder().feed(chunk(delta={"tool_calls": calls}))
    assert events[1:] == [
        ToolCallDelta(0, 0, "a", "f", "1", "function"),
        ToolCallDelta(0, 1, "b", "g", "2", "function"),
        ToolCallDelta(0, 0, arguments="3"),
        ToolCallDelta(0, 1, arguments="4"),
    ]


def test_a_choice_without_a_finish_stays_unfinished() -> None:
    decoder = EventDecoder()
    events = decoder.feed(HI + b"data: [DONE]\n\n")
    decoder.close()
    assert events == [*STARTED, End()]
    assert fold(events).choices[0].finish is None
