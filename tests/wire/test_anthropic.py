"""The Messages wire: what it says of requests that came from elsewhere, and what it makes of odd requests."""

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
    JsonObjectFormat,
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
)
from ecotone.values.reply import Choice, Reply
from ecotone.wire.anthropic import (
    decode_request,
    encode_reply,
    encode_request,
)
from ecotone.wire.anthropic.ids import accepted_id, original_id

HELLO = (Message("user", (TextPart("Hello"),)),)
ASKED = ChatRequest("m", ())
Json = dict[str, Any]


def body(*messages: Message, **fields: Any) -> Json:
    return encode_request(ChatRequest("m", messages or HELLO, **fields)).body


def losses(*messages: Message, **fields: Any) -> list[str]:
    """The places of what was lost, but for the output cap, which `fields` need not give."""
    found = encode_request(ChatRequest("m", messages or HELLO, **fields)).losses
    return [loss.field for loss in found if loss.field != "sampling.max_tokens"]


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def result(identity: str, text: str) -> Message:
    return Message("tool", (ToolResultPart(identity, (TextPart(text),)),))


# --- the conversation in this vendor's grammar ---


def test_answers_and_what_the_user_says_become_one_turn_answers_first() -> None:
    conversation = (
        *HELLO,
        assistant(TextPart("Wait."), ToolCallPart("a", "f", '{"z": 1, "b": 2}'), ToolCallPart("b", "g", "")),
        result("a", "one"),
        user(TextPart("Well?")),
        result("b", ""),
    )
    assert body(*conversation)["messages"] == [
        {"role": "user", "content": "Hello"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Wait."},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"z": 1, "b": 2}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "one"},
                {"type": "tool_result", "tool_use_id": "b"},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    assert list(body(*conversation)["messages"][1]["content"][1]["input"]) == ["z", "b"]
    assert losses(*conversation) == ["messages[4]"]


def test_turns_of_the_same_role_are_merged_and_empty_ones_dropped() -> None:
    conversation = (user(TextPart("One.")), assistant(TextPart(" ")), user(TextPart("Two.")), user(TextPart("")))
    texts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert body(*conversation)["messages"] == [{"role": "user", "content": texts}]
    assert losses(*conversation) == ["messages[1].parts[0]", "messages[3].parts[0]"]


def test_a_conversation_that_the_assistant_begins_gets_an_opening() -> None:
    messages = body(assistant(TextPart("Hi.")), *HELLO)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert losses(assistant(TextPart("Hi.")), *HELLO) == ["messages[0]"]


def test_the_beginning_of_an_answer_loses_its_last_space() -> None:
    conversation = (*HELLO, assistant(TextPart("The answer is ")))
    assert body(*conversation)["messages"][-1] == {"role": "assistant", "content": "The answer is"}
    assert losses(*conversation) == ["messages"]


def test_leading_system_messages_become_system_blocks() -> None:
    system = (Message("system", (TextPart("One."),)), Message("developer", (TextPart("Two."),)))
    encoded = body(system=system)
    assert encoded["system"] == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert losses(system=system) == []


def test_nothing_but_a_system_message_is_said_by_the_user() -> None:
    encoded = encode_request(ChatRequest("m", (), (Message("system", (TextPart("Tell a joke."),)),)))
    assert encoded.body["messages"] == [{"role": "user", "content": "Tell a joke."}]
    assert "system" not in encoded.body
    assert "messages" in [loss.field for loss in encoded.losses]


def test_a_later_system_message_of_another_wire_is_marked_text() -> None:
    conversation = (*HELLO, Message("developer", (TextPart("Be brief."),)))
    texts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "<system>\nBe brief.\n</system>"}]
    assert body(*conversation)["messages"] == [{"role": "user", "content": texts}]
    assert losses(*conversation) == ["messages[1]"]


@pytest.mark.parametrize("arguments", ["{bad", "[1]", '"text"', "[" * 100_000])
def test_arguments_that_are_no_object_are_kept_as_text(arguments: str) -> None:
    conversation = (*HELLO, assistant(ToolCallPart("a", "f", arguments)), result("a", "no"))
    call = body(*conversation)["messages"][1]["content"][0]
    assert call["input"] == {"arguments": arguments}
    assert losses(*conversation) == ["messages[1].parts[0]"]


def test_ids_that_the_vendor_would_not_take_are_spelt_out_for_call_and_answer_alike() -> None:
    conversation = (*HELLO, assistant(ToolCallPart("functions.f:0", "f", "{}")), result("functions.f:0", "x"))
    messages = body(*conversation)["messages"]
    # "functions.f:0" in base64 for URLs.
    assert messages[1]["content"][0]["id"] == "ecotone_ZnVuY3Rpb25zLmY6MA"
    assert messages[2]["content"][0]["tool_use_id"] == "ecotone_ZnVuY3Rpb25zLmY6MA"


@pytest.mark.parametrize("identity", ["call_1", "a:1", "", "ecotone_", "ecotone_YTox", "é", "ecotone_é", "a=b"])
def test_a_spelt_id_can_be_read_again(identity: str) -> None:
    assert original_id(accepted_id(identity)) == identity


def test_what_the_client_sees_of_an_odd_id_comes_back_as_it_was() -> None:
    reply = Reply((Choice(0, (ToolCallPart("f:0", "f", "{}", vendor={"gemini": {"thoughtSignature": "x"}}),)),))
    block = json.loads(encode_reply(reply, ASKED))["content"][0]
    answer = {"type": "tool_result", "tool_use_id": block["id"], "content": "y"}
    messages = [{"role": "assistant", "content": [block]}, {"role": "user", "content": [answer]}]
    request = decode_request({"model": "m", "max_tokens": 1, "messages": messages})
    call = request.messages[0].parts[0]
    assert call == ToolCallPart("f:0", "f", "{}", vendor={"gemini": {"thoughtSignature": "x"}})
    assert request.messages[1].parts[0] == ToolResultPart("f:0", (TextPart("y"),))


# --- reasoning ---


def test_another_vendors_signature_survives_a_client_of_this_wire() -> None:
    part = ReasoningPart("Hm.", "rs_1", {"openai-responses": {"id": 3}}, "openai-responses")
    block = json.loads(encode_reply(Reply((Choice(0, (part,)),)), ASKED))["content"][0]
    assert block["thinking"] == "Hm."
    request = decode_request({"model": "m", "messages": [{"role": "assistant", "content": [block]}]})
    assert request.messages[0].parts == (part,)


def test_reasoning_that_nobody_signed_comes_back_unsigned() -> None:
    part = ReasoningPart("Hm.")
    block = json.loads(encode_reply(Reply((Choice(0, (part,)),)), ASKED))["content"][0]
    assert block["signature"]
    request = decode_request({"model": "m", "messages": [{"role": "assistant", "content": [block]}]})
    assert request.messages[0].parts == (part,)


def test_only_this_vendors_reasoning_is_sent() -> None:
    conversation = (
        *HELLO,
        assistant(
            ReasoningPart("a", "s", wire="gemini"),
            ReasoningPart("b"),
            ReasoningPart("c", "sig", wire="anthropic"),
            TextPart("d"),
        ),
        *HELLO,
    )
    assert body(*conversation)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "c", "signature": "sig"},
        {"type": "text", "text": "d"},
    ]
    assert losses(*conversation) == ["messages[1].parts[0]", "messages[1].parts[1]"]


@pytest.mark.parametrize(
    ("reasoning", "sent", "lost"),
    [
        (Reasoning("high"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, []),
        (Reasoning("minimal"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, ["effort"]),
        (Reasoning("none"), {"thinking": {"type": "disabled"}}, []),
        (Reasoning(budget_tokens=0), {"thinking": {"type": "disabled"}}, []),
        (Reasoning(budget_tokens=-1), {"thinking": {"type": "adaptive"}}, []),
        (
            Reasoning(budget_tokens=9000, shown=True),
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "medium"}},
            ["budget_tokens"],
        ),
        (Reasoning(shown=False), {"thinking": {"type": "adaptive", "display": "omitted"}}, []),
    ],
)
def test_how_much_to_think(reasoning: Reasoning, sent: Json, lost: list[str]) -> None:
    encoded = body(reasoning=reasoning)
    assert {name: encoded[name] for name in ("thinking", "output_config") if name in encoded} == sent
    assert losses(reasoning=reasoning) == [f"reasoning.{name}" for name in lost]


def test_an_effort_without_thinking_is_kept_for_this_wire() -> None:
    request = {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}
    decoded = decode_request({"model": "m", "messages": [{"role": "user", "content": "x"}], **request})
    assert decoded.reasoning == Reasoning("none")
    encoded = encode_request(decoded).body
    assert encoded["output_config"] == {"effort": "low"}
    assert encoded["thinking"] == {"type": "disabled"}


# --- settings ---


def test_what_the_client_left_open_is_filled_in_and_declared() -> None:
    encoded = encode_request(ChatRequest("m", HELLO))
    assert encoded.body["max_tokens"] == 32_000
    assert [loss.field for loss in encoded.losses] == ["sampling.max_tokens"]


def test_settings_that_this_wire_lacks_are_declared() -> None:
    sampling = Sampling(temperature=1.5, min_p=0.1, frequency_penalty=1, presence_penalty=0, seed=0, n=1, max_tokens=5)
    encoded = body(sampling=sampling, metadata={"a": "b"})
    assert encoded == {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5, "temperature": 1}
    lost = ["temperature", "min_p", "frequency_penalty", "seed"]
    assert losses(sampling=sampling, metadata={"a": "b"}) == [f"sampling.{name}" for name in lost] + ["metadata"]


def test_temperature_goes_with_neither_thinking_nor_top_p() -> None:
    sampling = Sampling(temperature=0.2, top_p=0.5, top_k=3)
    both = body(sampling=sampling)
    assert (both["temperature"], both["top_k"]) == (0.2, 3)
    assert "top_p" not in both
    thinking = body(sampling=sampling, reasoning=Reasoning("low"))
    assert not {"temperature", "top_p", "top_k"} & thinking.keys()
    assert losses(sampling=sampling, reasoning=Reasoning("low")) == [
        "sampling.top_p",
        "sampling.temperature",
        "sampling.top_k",
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"sampling": Sampling(n=2)}, "n"),
        ({"sampling": Sampling(logprobs=True)}, "logprobs"),
        ({"sampling": Sampling(logit_bias={"5": 1.0})}, "logit_bias"),
        ({"sampling": Sampling(stop=("x", "\n"))}, "stop[1]"),
        ({"output": JsonObjectFormat()}, "response_format"),
        ({"output": JsonSchemaFormat("n")}, "response_format"),
        ({"tools": (FunctionTool("a.b"),)}, "tools[0].name"),
        ({"tools": (OpaqueTool("gemini", {"googleSearch": {}}),)}, "googleSearch"),
        ({"needs": (Need("openai-chat", "audio"),)}, "audio"),
    ],
)
def test_what_would_change_the_meaning_is_refused(fields: Json, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        body(**fields)
    assert refused.value.param == param


def test_a_schema_loses_its_name() -> None:
    schema = {"type": "object", "additionalProperties": False}
    output = JsonSchemaFormat("weather", schema, "The weather.", True)
    assert body(output=output)["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert losses(output=output) == ["output", "output"]


def test_the_older_output_format_is_kept() -> None:
    wanted = {"type": "json_schema", "schema": {"type": "object"}}
    messages = [{"role": "user", "content": "x"}]
    request = decode_request({"model": "m", "messages": messages, "output_format": dict(wanted)})
    assert request.output == JsonSchemaFormat("output_config_format", {"type": "object"}, strict=True)
    encoded = encode_request(request).body
    assert encoded["output_format"] == wanted
    assert "output_config" not in encoded


# --- tools ---

F, G = FunctionTool("f"), FunctionTool("g", "Does g.", {"properties": {"x": {}}})


def test_a_schema_gets_the_type_that_the_vendor_wants() -> None:
    assert body(tools=(F, G))["tools"] == [
        {"name": "f", "input_schema": {"type": "object"}},
        {"name": "g", "description": "Does g.", "input_schema": {"type": "object", "properties": {"x": {}}}},
    ]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, {"type": "auto"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        (NamedTool("g"), None, {"type": "tool", "name": "g"}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, sent: Json | None) -> None:
    assert body(tools=(F, G), tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == sent


def test_a_choice_that_asks_for_nothing_needs_no_tools() -> None:
    assert "tool_choice" not in body(tool_choice="none", parallel_tool_calls=False)


def test_of_allowed_tools_only_those_are_sent() -> None:
    choice = AllowedTools((NamedTool("g"),), "required")
    encoded = body(tools=(F, G), tool_choice=choice)
    assert [tool["name"] for tool in encoded["tools"]] == ["g"]
    assert encoded["tool_choice"] == {"type": "any"}
    assert losses(tools=(F, G), tool_choice=choice) == ["tool_choice"]


def test_a_tool_that_takes_free_text_is_a_function_with_one_string() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /x+/"}}
    conversation = (*HELLO, assistant(ToolCallPart("a", "patch", 'x"\n', "custom")), result("a", "done"))
    fields = {"tools": (CustomTool("patch", "Patches.", grammar),), "tool_choice": NamedTool("patch", "custom")}
    encoded = body(*conversation, **fields)
    text = {"type": "string", "description": "The text for the tool, as it is."}
    assert encoded["tools"] == [
        {
            "name": "patch__free_text",
            "description": "Patches.\n\nThe text must follow this lark grammar:\nstart: /x+/",
            "input_schema": {"type": "object", "properties": {"input": text}, "required": ["input"]},
        }
    ]
    assert encoded["tool_choice"] == {"type": "tool", "name": "patch__free_text"}
    call = {"type": "tool_use", "id": "a", "name": "patch__free_text", "input": {"input": 'x"\n'}}
    assert encoded["messages"][1]["content"] == [call]
    assert losses(*conversation, **fields) == ["messages[1].parts[0]", "tools[0]"]


# --- content ---


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            ImagePart(Inline("iVBORw0KGgoAAA==")),
            {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAA=="},
        ),
        (ImagePart(Url("https://e.org/a.png")), {"type": "url", "url": "https://e.org/a.png"}),
        (
            DocumentPart(Inline("JVBERi0xLjcK")),
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjcK"},
        ),
        # "hé" in UTF-8 and base64.
        (DocumentPart(Inline("aMOp", "text/plain")), {"type": "text", "media_type": "text/plain", "data": "hé"}),
        (DocumentPart(Url("https://e.org/a.pdf")), {"type": "url", "url": "https://e.org/a.pdf"}),
        (DocumentPart(FileReference("file_1")), {"type": "file", "file_id": "file_1"}),
    ],
)
def test_sources(part: Part, source: Json) -> None:
    assert body(user(part))["messages"][0]["content"][0]["source"] == source


def test_a_text_of_another_type_is_plain_text() -> None:
    part = DocumentPart(Inline(base64.b64encode(b"a,b").decode(), "text/csv"), "t.csv")
    assert body(user(part))["messages"][0]["content"] == [
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "a,b"},
            "title": "t.csv",
        }
    ]
    assert losses(user(part)) == ["messages[0].parts[0]"]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(Inline("AAAA", "image/tiff")),
        ImagePart(Inline("AAAA")),
        DocumentPart(Inline("AAAA", "application/zip")),
        DocumentPart(Inline("////", "text/plain")),
        DocumentPart(Inline("?", "text/plain")),
        AudioPart("AAAA", "wav"),
        OpaquePart("gemini", {"fileData": {}}),
        ToolCallPart("a", "f", "{}"),
        ReasoningPart("x", "s", wire="anthropic"),
    ],
)
def test_content_that_a_users_message_cannot_hold_is_refused(part: Part) -> None:
    with pytest.raises(UnsupportedFeature) as refused:
        body(user(part))
    assert refused.value.param == "messages[0].parts[0]"


def test_what_the_assistant_heard_and_refused_is_text() -> None:
    said = assistant(AudioPart(id="audio_1", transcript="Spoken."), RefusalPart("No."))
    assert body(*HELLO, said, *HELLO)["messages"][1]["content"] == [
        {"type": "text", "text": "Spoken."},
        {"type": "text", "text": "No."},
    ]
    assert losses(*HELLO, said, *HELLO) == ["messages[1].parts[0]", "messages[1].parts[1]"]


def test_the_assistant_shows_no_images() -> None:
    with pytest.raises(UnsupportedFeature):
        body(*HELLO, assistant(ImagePart(Url("https://e.org/a.png"))))


def test_blocks_that_only_this_vendor_knows_stay_as_they_were() -> None:
    found = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}
    answer = {"type": "tool_result", "tool_use_id": "a", "content": [found]}
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    messages = [
        {"role": "user", "content": [found]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [answer]},
    ]
    request = decode_request({"model": "m", "max_tokens": 1, "messages": json.loads(json.dumps(messages))})
    assert request.messages[0].parts == (OpaquePart("anthropic", found),)
    assert request.messages[2].parts == (OpaquePart("anthropic", answer),)
    assert encode_request(request).body["messages"] == messages


@pytest.mark.parametrize("field", ["container", "mcp_servers", "thread"])
def test_what_belongs_to_the_conversation_is_needed(field: str) -> None:
    value = [{"type": "url", "url": "https://e.org", "name": "x"}] if field == "mcp_servers" else "x"
    request = decode_request({"model": "m", "messages": [{"role": "user", "content": "x"}], field: value})
    assert request.needs == (Need("anthropic", field),)


def test_a_choice_of_an_unknown_type_is_needed() -> None:
    choice = {"type": "best_of_two"}
    request = decode_request({"model": "m", "messages": [{"role": "user", "content": "x"}], "tool_choice": choice})
    assert request.needs == (Need("anthropic", "tool_choice"),)
    assert encode_request(request).body["tool_choice"] == choice


@pytest.mark.parametrize(
    ("request_fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]},
            "messages[0].content[0].source.data",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": 3}]}
                ]
            },
            "messages[0].content[0].input",
        ),
        ({"system": 5}, "system"),
        ({"system": [{"type": "text"}]}, "system.content[0].text"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"tools": [{"description": "x"}]}, "tools[0].name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)
def test_a_malformed_request_is_refused_naming_the_place(request_fields: Json, param: str) -> None:
    good: Json = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(MalformedRequest) as refused:
        decode_request({**good, **request_fields})
    assert refused.value.param == param
