"""Ollama's API towards its clients: what requests become, and what replies look like. Expected values by hand."""

import json
from typing import Any

import pytest

from ecotone.values.chat import (
    ImagePart,
    Inline,
    JsonObjectFormat,
    Message,
    Reasoning,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import EcotoneError, MalformedRequest, UpstreamCut, UpstreamMalformed
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
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
from ecotone.wire.ollama import CHAT, GENERATE

ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
AT = "2026-06-01T00:00:00Z"
CREATED = 1780272000


def chat(**more: Any) -> Any:
    return CHAT.decode_request(json.loads(json.dumps({**ASKED, **more})))


def test_a_conversation_with_all_that_it_can_hold() -> None:
    call = {"function": {"name": "look", "arguments": {"a": [1]}}}
    request = chat(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "See.", "images": ["/9j/AAAA", "AAAA"]},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [call, call]},
            {"role": "tool", "content": "1", "tool_name": "look"},
            {"role": "tool", "content": "2"},
        ]
    )
    assert request.system == (Message("system", (TextPart("Be brief."),)),)
    assert request.messages == (
        Message(
            "user", (TextPart("See."), ImagePart(Inline("/9j/AAAA", "image/jpeg")), ImagePart(Inline("AAAA", None)))
        ),
        Message(
            "assistant",
            (
                ReasoningPart("Hm."),
                ToolCallPart("call_0", "look", '{"a":[1]}'),
                ToolCallPart("call_1", "look", '{"a":[1]}'),
            ),
        ),
        Message("tool", (ToolResultPart("call_0", (TextPart("1"),)),)),
        Message("tool", (ToolResultPart("call_1", (TextPart("2"),)),)),
    )


def test_ids_are_kept_where_clients_keep_them() -> None:
    calls = [{"id": name, "function": {"name": "look", "arguments": {}}} for name in ("x", "y")]
    request = chat(
        messages=[
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "content": "2", "tool_call_id": "y", "tool_name": "look"},
            {"role": "tool", "content": "1", "tool_name": "look"},
        ]
    )
    results = [part for message in request.messages[1:] for part in message.parts]
    assert [part.tool_call_id for part in results if isinstance(part, ToolResultPart)] == ["y", "x"]


@pytest.mark.parametrize(
    ("think", "wanted"),
    [
        (True, Reasoning("medium", shown=True)),
        (False, Reasoning("none", shown=False)),
        ("high", Reasoning("high", shown=True)),
        (None, None),
    ],
)
def test_thinking(think: Any, wanted: Reasoning | None) -> None:
    assert chat(think=think).reasoning == wanted


def test_options() -> None:
    request = chat(options={"num_predict": -1, "stop": "x", "num_ctx": 9, "min_p": 0.1}, keep_alive=0, format="json")
    assert (request.sampling.max_tokens, request.sampling.stop, request.sampling.min_p) == (None, ("x",), 0.1)
    assert request.output == JsonObjectFormat()
    assert request.vendor == {"ollama": {"keep_alive": 0, "options.num_ctx": 9}}
    assert (request.stream, chat(stream=False).stream, chat(format="").output) == (True, False, None)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "1"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "images": [1]}]}, "messages[0].images"),
        ({"options": {"stop": 1}}, "options.stop"),
        ({"options": {"seed": "1"}}, "options.seed"),
        ({"format": "yaml"}, "format"),
        ({"think": 3}, "think"),
        ({"model": None}, "model"),
    ],
)
def test_what_is_wrong_is_named(more: Any, place: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        chat(**more)
    assert caught.value.param == place


REPLY = Reply(
    choices=(
        Choice(0, (ReasoningPart("Hm."), TextPart("Hello."), ToolCallPart("c", "look", '{"a":1}')), "tool_calls"),
    ),
    created=CREATED,
    usage=Usage(input_tokens=3, output_tokens=2),
)


def test_a_whole_reply() -> None:
    assert json.loads(CHAT.encode_reply(REPLY, chat())) == {
        "model": "m",
        "created_at": AT,
        "message": {
            "role": "assistant",
            "content": "Hello.",
            "thinking": "Hm.",
            "tool_calls": [{"id": "c", "function": {"index": 0, "name": "look", "arguments": {"a": 1}}}],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 3,
        "eval_count": 2,
    }
    text = Reply((Choice(0, (TextPart("Hello."),), "length"),), created=CREATED)
    request = GENERATE.decode_request({"model": "m", "prompt": "hi"})
    assert json.loads(GENERATE.encode_reply(text, request)) == {
        "model": "m",
        "created_at": AT,
        "response": "Hello.",
        "done": True,
        "done_reason": "length",
    }


def test_a_stream_of_lines() -> None:
    encoder = CHAT.event_encoder(chat())
    events: list[Event] = [
        Start(created=CREATED),
        ReasoningDelta(0, 0, "Hm."),
        TextDelta(0, 1, 'He"llo.\n'),
        LogprobsDelta(0, (TokenLogprob("He", -0.5, (72, 101)),)),
        ToolCallDelta(0, 2, "c", "look", '{"a"'),
        ToolCallDelta(0, 3, "d", "look"),
        ToolCallDelta(0, 2, arguments=":1}"),
        TextDelta(1, 0, "another choice"),
        Finish(0, "tool_calls"),
        UsageReport(Usage(input_tokens=3, output_tokens=2)),
        End(),
    ]
    written = b"".join(encoder.encode(event) for event in events)
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["message"]["content"] for line in lines] == ["", 'He"llo.\n', "", "", ""]
    assert [line["done"] for line in lines] == [False, False, False, False, True]
    assert {(line["model"], line["created_at"]) for line in lines} == {("m", AT)}
    assert lines[0]["message"]["thinking"] == "Hm."
    assert lines[2]["logprobs"] == [{"token": "He", "logprob": -0.5, "bytes": [72, 101]}]
    assert [call["function"]["arguments"] for call in lines[3]["message"]["tool_calls"]] == [{"a": 1}, {}]
    assert (lines[4]["done_reason"], lines[4]["prompt_eval_count"], lines[4]["eval_count"]) == ("stop", 3, 2)


def test_calls_that_are_no_json_are_not_passed_off_as_some() -> None:
    encoder = CHAT.event_encoder(chat())
    encoder.encode(ToolCallDelta(0, 0, "c", "look", "{no"))
    with pytest.raises(UpstreamMalformed, match="no JSON object"):
        encoder.encode(Finish(0, "tool_calls"))


@pytest.mark.parametrize("error", [UpstreamCut("It broke."), EcotoneError("It broke.")])
def test_errors(error: EcotoneError) -> None:
    assert json.loads(CHAT.encode_error(error)) == {"error": "It broke."}
    assert CHAT.event_encoder(chat()).encode_error(error) == b'{"error":"It broke."}\n'
