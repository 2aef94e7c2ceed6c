"""Faults, losses and other vendors' conversations on the Gemini wire."""

import base64
import json
from typing import Any

import pytest

from ecotone.values.chat import (
    AllowedTools,
    AudioPart,
    ChatRequest,
    CustomTool,
    DocumentPart,
    FileReference,
    FunctionTool,
    ImagePart,
    Inline,
    JsonSchemaFormat,
    Message,
    NamedTool,
    Need,
    OpaquePart,
    OpaqueTool,
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
)
from ecotone.values.errors import (
    MalformedRequest,
    UnsupportedFeature,
    UpstreamMalformed,
)
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
    FinishReason,
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire import openai_chat
from ecotone.wire.gemini import (
    EventDecoder,
    EventEncoder,
    StreamWatch,
    check_request,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    read_usage,
)
from ecotone.wire.losses import Loss

HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
STAND_IN = base64.b64encode(b"skip_thought_signature_validator").decode()
ASKED = ChatRequest("m", ())


def body(*contents: Any, **fields: Any) -> dict[str, Any]:
    """A request of its own, since decoding takes it apart."""
    whole = HELLO | ({"contents": list(contents)} if contents else {}) | fields
    return json.loads(json.dumps(whole))  # type: ignore[no-any-return]


def said(*parts: Part, role: Any = "user") -> ChatRequest:
    return ChatRequest("m", (Message(role, parts),))


def contents(*messages: Message) -> Any:
    return encode_request(ChatRequest("m", messages)).body["contents"]


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        ({}, "contents"),
        (body(contents=[]), "contents"),
        (body("Hi"), "contents[0]"),
        (body({"role": "system", "parts": []}), "contents[0].role"),
        (body({"role": "user", "parts": [5]}), "contents[0].parts[0]"),
        (body({"role": "user", "parts": [{"text": 5}]}), "contents[0].parts[0].text"),
        (body({"role": "user", "parts": [{"functionCall": {"name": "f"}}]}), "contents[0].parts[0].functionCall"),
        (
            body({"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}),
            "contents[0].parts[0].functionCall.args",
        ),
        (body({"role": "model", "parts": [{"functionCall": {}}]}), "contents[0].parts[0].functionCall.name"),
        (
            body({"role": "model", "parts": [{"functionResponse": {"name": "f"}}]}),
            "contents[0].parts[0].functionResponse",
        ),
        (body(systemInstruction={"parts": [{"inlineData": {}}]}), "systemInstruction.parts[0]"),
        (body(tools=[{"functionDeclarations": [{}]}]), "tools[0].functionDeclarations[0].name"),
        (
            body(toolConfig={"functionCallingConfig": {"mode": "SOME"}}),
            "toolConfig.functionCallingConfig.mode",
        ),
        (body(generationConfig={"temperature": "hot"}), "generationConfig.temperature"),
        (body(generationConfig={"thinkingConfig": 5}), "generationConfig.thinkingConfig"),
    ],
)
def test_faults_in_a_request_name_their_place(request_body: dict[str, Any], param: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode_request(request_body)
    assert caught.value.param == param


def test_a_schema_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(3000):
        schema = {"type": "ARRAY", "items": schema}
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        decode_request({**body(), "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]})


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"tools": [{"googleSearch": {}}]}, "googleSearch"),
        ({"tools": {"url_context": {}}}, "urlContext"),
        ({"cachedContent": "cachedContents/1"}, "cachedContent"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"speech_config": {}}}, "generationConfig.speechConfig"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        (
            {"contents": {"parts": {"fileData": {"fileUri": "https://youtu.be/x"}}}},
            "contents.parts.fileData",
        ),
        (
            {"contents": {"parts": {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {}}}},
            "contents.parts.inlineData",
        ),
    ],
)
def test_what_only_this_wire_can_say_is_needed_and_kept(fields: dict[str, Any], feature: str) -> None:
    request = decode_request(body(**fields))
    assert request.needs == (Need("gemini", feature),)
    assert decode_request(encode_request(request).body) == request
    with pytest.raises(UnsupportedFeature):
        openai_chat.encode_request(request)


def test_text_alone_among_the_modalities_needs_nothing() -> None:
    request = decode_request(body(generationConfig={"responseModalities": ["TEXT"], "mediaResolution": "X"}))
    assert request.needs == ()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ChatRequest("m", (user("a"),), needs=(Need("anthropic", "container"),)), "container"),
        (ChatRequest("m", (user("a"),), tools=(CustomTool("c"),)), "no tools with free-text input"),
        (
            ChatRequest("m", (user("a"),), tools=(OpaqueTool("openai-responses", {"type": "x"}),)),
            "known to the wire openai-resp",
        ),
        (ChatRequest("m", (user("a"),), tool_choice=NamedTool("c", "custom")), "free-text"),
        (ChatRequest("m", ()), "needs a message"),
        (said(OpaquePart("openai-chat", {"type": "x"})), "only the wire openai-chat"),
        (said(DocumentPart(FileReference("file-7"))), "another vendor"),
        (said(ImagePart(Inline("AAAA"))), "media type"),
        (said(AudioPart(id="a")), "sound only as data"),
        (said(ToolCallPart("c", "f", "{}")), "of this role cannot hold"),
    ],
)
def test_what_would_change_the_meaning_is_refused(request_: ChatRequest, message: str) -> None:
    with pytest.raises(UnsupportedFeature, match=message):
        encode_request(request_)


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="`c` answers no call"):
        encode_request(said(ToolResultPart("c", (TextPart("x"),)), role="tool"))


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (ChatRequest("m", (Message("user", (TextPart("a"),), "ada"),)), ["messages[0]"]),
        (ChatRequest("m", (user("a"), Message("system", (TextPart("b"),)))), ["messages[1]"]),
        (ChatRequest("m", (user("a"),), (Message("developer", (TextPart("b"),)),)), ["system[0]"]),
        (said(ImagePart(Url("https://example.org/a.png"), "low")), ["messages[0].parts[0]"]),
        (said(RefusalPart("no"), role="assistant"), ["messages[0].parts[0]"]),
        (said(TextPart("a"), ReasoningPart("b", "sig", wire="anthropic"), role="assistant"), ["messages[0].parts[1]"]),
        (said(ReasoningPart("b", "sig"), role="assistant"), ["messages[0].parts[0]"]),
        (
            ChatRequest("m", (user("a"),), sampling=Sampling(min_p=0.1, logit_bias={})),
            ["sampling.min_p", "sampling.logit_bias"],
        ),
        (
            ChatRequest("m", (user("a"),), tools=(FunctionTool("f", strict=True),), parallel_tool_calls=False),
            ["tools[0]", "parallel_tool_calls"],
        ),
        (ChatRequest("m", (user("a"),), metadata={"k": "v"}, user="u"), ["metadata", "user"]),
        (
            ChatRequest("m", (user("a"),), reasoning=Reasoning("max", 5)),
            ["reasoning.effort", "reasoning.budget_tokens"],
        ),
        (ChatRequest("m", (user("a"),), output=JsonSchemaFormat("n", {}, strict=False)), ["output", "output.strict"]),
        (ChatRequest("m", (user("a"),), vendor={"openai-chat": {"service_tier": "flex"}}), [""]),
    ],
)
def test_what_is_lost_is_declared(request_: ChatRequest, fields: list[str]) -> None:
    assert [loss.field for loss in encode_request(request_).losses] == fields


def test_instructions_alone_are_answered() -> None:
    request = ChatRequest("m", (), (Message("system", (TextPart("Say hi."),)),))
    assert encode_request(request).body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}


def test_a_chat_conversation_with_tools_and_images() -> None:
    chat = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Compare."},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg?x=1"}},
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                    {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
                    {"id": "c3", "type": "function", "function": {"name": "f", "arguments": "oops"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c3", "content": "[1, 2]"},
            {"role": "tool", "tool_call_id": "c1", "content": '{"ok": true}'},
            {"role": "tool", "tool_call_id": "c2", "content": "fine"},
            {"role": "user", "content": "And?"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {}}}}],
        "tool_choice": "required",
        "max_tokens": 50,
        "stop": "END",
        "n": 2,
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_object"},
        "reasoning_effort": "none",
    }
    encoded = encode_request(openai_chat.decode_request(chat))
    assert encoded.body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "parametersJsonSchema": {"type": "object", "properties": {}}},
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Compare."},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/a.jpg?x=1"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": STAND_IN},
                    {"functionCall": {"id": "c2", "name": "g", "args": {}}},
                    {"functionCall": {"id": "c3", "name": "f", "args": {"input": "oops"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "f", "response": {"ok": True}}},
                    {"functionResponse": {"id": "c2", "name": "g", "response": {"output": "fine"}}},
                    {"functionResponse": {"id": "c3", "name": "f", "response": {"output": "[1, 2]"}}},
                ],
            },
            {"role": "user", "parts": [{"text": "And?"}]},
        ],
        "generationConfig": {
            "candidateCount": 2,
            "maxOutputTokens": 50,
            "stopSequences": ["END"],
            "responseLogprobs": True,
            "logprobs": 2,
            "thinkingConfig": {"thinkingBudget": 0},
            "responseMimeType": "application/json",
        },
    }
    assert encoded.losses == (
        Loss("messages[1].parts[2]", "arguments that are no JSON object; sent as an object with an `input`"),
        Loss("contents[1]", "the signature that another vendor's call lacks; a stand-in is sent"),
    )


def test_failed_results_and_pictures_in_results() -> None:
    call = Message("assistant", (ToolCallPart("c", "f", "{}"),))
    picture = ImagePart(Inline("/9j/AA"))
    made = contents(
        call, Message("user", (ToolResultPart("c", (TextPart("a"), TextPart("b"), picture), True), TextPart("x")))
    )
    assert made[1]["parts"] == [
        {
            "functionResponse": {
                "id": "c",
                "name": "f",
                "response": {"error": "ab"},
                "parts": [{"inlineData": {"mimeType": "image/jpeg", "data": "/9j/AA"}}],
            }
        },
        {"text": "x"},
    ]


def test_prefixes_stay_the_same_from_turn_to_turn() -> None:
    turn = [
        user("a"),
        Message("assistant", (ToolCallPart("c", "f", "{}"),)),
        Message("tool", (ToolResultPart("c", (TextPart("r"),)),)),
    ]
    longer = [*turn, Message("assistant", (TextPart("done"),)), user("more")]
    assert json.dumps(contents(*longer)).startswith(json.dumps(contents(*turn))[:-1])


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, "auto"),
        ({"mode": "any"}, "required"),
        ({"mode": "NONE"}, "none"),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, NamedTool("f")),
        (
            {"mode": "ANY", "allowed_function_names": ["f", "g"]},
            AllowedTools((NamedTool("f"), NamedTool("g")), "required"),
        ),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, AllowedTools((NamedTool("f"),))),
        ({"allowedFunctionNames": ["f"]}, AllowedTools((NamedTool("f"),))),
        ({}, None),
    ],
)
def test_modes_of_calling(config: dict[str, Any], choice: Any) -> None:
    assert decode_request(body(tool_config={"function_calling_config": config})).tool_choice == choice


def test_a_choice_among_no_tools_is_not_sent() -> None:
    assert "toolConfig" not in encode_request(ChatRequest("m", (user("a"),), tool_choice="auto")).body


def test_calls_without_ids_find_their_results() -> None:
    calls = [{"functionCall": {"name": name}} for name in ("f", "g", "f")]
    results = [
        {"functionResponse": {"name": name, "response": {"output": o}}}
        for name, o in (("f", "1"), ("g", "2"), ("f", "3"))
    ]
    turns = [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]
    request = decode_request(body(*turns, *turns))
    ids = [[p.id for p in m.parts if isinstance(p, ToolCallPart)] for m in request.messages if m.role == "assistant"]
    answers = [
        [p.tool_call_id for p in m.parts if isinstance(p, ToolResultPart)] for m in request.messages if m.role == "tool"
    ]
    assert ids == [["call_0_f", "call_1_g", "call_2_f"], ["call_3_f", "call_4_g", "call_5_f"]]
    assert answers == ids


def test_chunks_kept_as_contents_are_one_message_and_go_out_apart() -> None:
    history = [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo"}, {"text": "!"}]},
        {"role": "user", "parts": [{"text": "More"}]},
    ]
    request = decode_request(body(*history))
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].parts == (TextPart("Hel"), TextPart("lo"), TextPart("!"))
    assert encode_request(request).body["contents"] == history


def client_stream(*events: Event) -> list[Any]:
    encoder = EventEncoder(ASKED)
    data = b"".join(encoder.encode(event) for event in events).decode()
    return [json.loads(event.removeprefix("data: ")) for event in data.split("\n\n")[:-1]]


def test_another_vendors_signature_comes_back_from_a_stream() -> None:
    """As Google's SDK keeps it: every chunk a content of its own, bytes in base64 for URLs."""
    own = {"anthropic": {"kind": "x?>~"}}
    chunks = client_stream(
        Start("r", "m"),
        ReasoningDelta(0, 0, "Let me ", wire="anthropic"),
        ReasoningDelta(0, 0, "see.", wire="anthropic"),
        ReasoningDelta(0, 0, "", "s?g~>", own, "anthropic"),
        ToolCallDelta(0, 1, "t", "f", "{}", "function", {"openai-chat": {"extra": 1}}),
        Finish(0, "tool_calls"),
        End(),
    )
    history = [chunk["candidates"][0]["content"] for chunk in chunks]
    for content in history:
        for part in content["parts"]:
            if "thoughtSignature" in part:
                signature = base64.b64decode(part["thoughtSignature"])
                part["thoughtSignature"] = base64.urlsafe_b64encode(signature).decode()
    request = decode_request(body(HELLO["contents"][0], *history))
    assert request.messages[1].parts == (
        ReasoningPart("Let me see.", "s?g~>", own, "anthropic"),
        ToolCallPart("t", "f", "{}", vendor={"openai-chat": {"extra": 1}}),
    )


def test_this_vendors_signatures_ride_in_ids_and_envelopes_of_another_wires_client() -> None:
    call = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Y2FsbA=="}
    parts = [{"text": "Hm", "thought": True, "thoughtSignature": "dGg="}, call]
    whole = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}], "responseId": "r"}
    reply = decode_reply(json.dumps(whole).encode())
    message = json.loads(openai_chat.encode_reply(reply, ASKED))["choices"][0]["message"]
    assert message["tool_calls"][0]["id"].startswith("call_r_1_")
    back = openai_chat.decode_request({"model": "m", "messages": [{"role": "user", "content": "a"}, message]})
    call["functionCall"] = {"id": "call_r_1", "name": "f", "args": {}}
    assert encode_request(back).body["contents"][1]["parts"] == parts


def test_a_stand_in_from_a_client_is_no_signature() -> None:
    for word in ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go", STAND_IN):
        call = {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": word}
        request = decode_request(body({"role": "model", "parts": [call]}))
        [part] = request.messages[0].parts
        assert "gemini" not in part.vendor
        assert encode_request(request).body["contents"][0]["parts"] == [call]


def test_what_cannot_be_passed_on() -> None:
    refused: list[dict[str, Any]] = [{}, {"contents": "Hi"}, {"contents": []}, body(generationConfig=[])]
    for request in refused:
        with pytest.raises(MalformedRequest):
            check_request(request)
    check_request(body())


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        ("stop", "stop", "STOP"),
        ("tool_calls", "tool_calls", "STOP"),
        ("length", "max_tokens", "MAX_TOKENS"),
        ("pause", "pause_turn", "MAX_TOKENS"),
        ("content_filter", "content_filter", "SAFETY"),
        ("refusal", "refusal", "SAFETY"),
        ("unknown", "strange", "OTHER"),
    ],
)
def test_ends_of_other_vendors(reason: FinishReason, raw: str, word: str) -> None:
    reply = Reply((Choice(0, (RefusalPart("No."),), reason, raw),))
    [candidate] = json.loads(encode_reply(reply, ASKED))["candidates"]
    assert candidate == {"content": {"parts": [{"text": "No."}], "role": "model"}, "finishReason": word, "index": 0}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("IMAGE_SAFETY", "content_filter"),
        ("SPII", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "unknown"),
        ("SOMETHING_NEW", "unknown"),
    ],
)
def test_ends_of_this_vendor(raw: str, reason: str) -> None:
    choice = decode_reply(json.dumps({"candidates": [{"finishReason": raw}]}).encode()).choices[0]
    assert (choice.finish, choice.raw_finish, choice.parts) == (reason, raw, ())


def test_a_call_that_is_no_object_is_told_of_as_malformed() -> None:
    broken = ToolCallPart("c", "f", '{"a":')
    [candidate] = json.loads(encode_reply(Reply((Choice(0, (broken,), "tool_calls"),)), ASKED))["candidates"]
    told = {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": 'Malformed function call: f({"a":)'}
    assert candidate == {"content": {"parts": [], "role": "model"}, **told, "index": 0}
    chunks = client_stream(Start(), ToolCallDelta(0, 0, "c", "f", '{"a":', "function"), Finish(0, "length"), End())
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == ["MAX_TOKENS"]


def test_a_blocked_prompt_comes_and_goes() -> None:
    blocked: dict[str, Any] = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
    }
    reply = decode_reply(json.dumps(blocked).encode())
    assert (reply.choices[0].finish, reply.choices[0].raw_finish) == ("content_filter", "SAFETY")
    assert reply.usage == Usage(4, 0)
    blocked["usageMetadata"]["candidatesTokenCount"] = 0
    assert json.loads(encode_reply(reply, ASKED)) == blocked
    decoder = EventDecoder()
    events = decoder.feed(b"data: " + json.dumps(blocked).encode() + b"\n\n")
    decoder.close()
    assert client_stream(*events) == [blocked]
    watch = StreamWatch({})
    watch.feed(b'data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n')
    watch.close()


def test_no_answer_at_all() -> None:
    silent = b'{"candidates":[],"usageMetadata":{"promptTokenCount":4}}'
    for broken in (b"{}", b"[]", b"<html>", b'{"candidates":5}', b'{"usageMetadata":{"promptTokenCount":4}}', silent):
        with pytest.raises(UpstreamMalformed):
            decode_reply(broken)
    for broken in (b"{}", b"[]", b"<html>", b'{"usageMetadata":{"promptTokenCount":-1}}'):
        with pytest.raises(UpstreamMalformed):
            read_usage(broken)


def test_text_after_a_call_waits_for_the_call() -> None:
    chunks = client_stream(
        Start(),
        ToolCallDelta(0, 0, "c", "f", "", "function"),
        TextDelta(0, 1, "then"),
        ToolCallDelta(0, 0, arguments='{"a":1}'),
        TextDelta(1, 0, "other"),
        Finish(0, "tool_calls"),
        Finish(1, "stop"),
        UsageReport(Usage(1, 2)),
        End(),
    )
    assert [[c.get("index") for c in chunk["candidates"]] for chunk in chunks] == [[1], [0], [0, 1]]
    call = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": STAND_IN}
    assert chunks[1]["candidates"][0]["content"]["parts"] == [call, {"text": "then"}]
    assert chunks[2]["usageMetadata"] == {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
