"""What each vendor's payloads mean, written by hand; the payloads and their sources are in `goldens/`."""

import json
from pathlib import Path
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
    Reasoning,
    ReasoningPart,
    RefusalPart,
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
from ecotone.wire.openai_chat import (
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

GOLDENS = Path(__file__).parent / "goldens"


def golden(name: str) -> bytes:
    return (GOLDENS / name).read_bytes()


def ours(**rest: Any) -> dict[str, dict[str, Any]]:
    return {"openai-chat": rest}


def form(**form: str) -> dict[str, dict[str, Any]]:
    return {"openai-chat.form": form}


REQUEST = ChatRequest(
    model="gpt-x",
    system=(Message("developer", (TextPart("Be brief."),)),),
    messages=(
        Message(
            "user",
            (
                TextPart("What is this?"),
                ImagePart(Url("https://example.org/cat.png"), "low"),
                ImagePart(Inline("iVBORw0KGgo=", "image/png")),
                AudioPart(data="UklGRg==", format="wav"),
                DocumentPart(FileReference("file-7"), vendor=ours(prompt_cache_breakpoint={"mode": "explicit"})),
                DocumentPart(Inline("JVBERg==", "application/pdf"), "a.pdf"),
            ),
            name="ada",
        ),
        Message(
            "assistant",
            (
                ToolCallPart("call_1", "look", '{"at":1}'),
                ToolCallPart("call_2", "code", "print(1)", "custom"),
            ),
        ),
        Message("tool", (ToolResultPart("call_1", (TextPart("a cat"),)),)),
        Message("tool", (ToolResultPart("call_2", (TextPart("1"),)),), vendor=form(content="list")),
        Message("assistant", (TextPart("A"), TextPart(" cat."), AudioPart(id="audio_1"))),
        Message("assistant", (RefusalPart("I will not say."),)),
        Message("system", (TextPart("Now in French."),)),
        Message("user", (TextPart("Again?"),)),
    ),
    tools=(
        FunctionTool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "integer"}}}, True),
        CustomTool("code", format={"type": "grammar", "grammar": {"syntax": "regex", "definition": ".*"}}),
    ),
    tool_choice=AllowedTools((NamedTool("look"), NamedTool("code", "custom")), "required"),
    parallel_tool_calls=True,
    output=JsonSchemaFormat("answer", {"type": "object"}, "The answer.", True),
    sampling=Sampling(
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        seed=7,
        stop=("END", "\n\n"),
        max_tokens=100,
        logit_bias={"50256": -100},
        n=2,
        logprobs=True,
        top_logprobs=3,
    ),
    reasoning=Reasoning("low"),
    stream=True,
    include_usage=True,
    metadata={"team": "blue"},
    user="u-1",
    vendor=ours(
        stream_options={"include_obfuscation": False},
        verbosity="low",
        safety_identifier="s-1",
        prompt_cache_key="k",
        service_tier="flex",
        store=False,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "wav"},
        prediction={"type": "content", "content": "A cat."},
        web_search_options={"search_context_size": "low"},
    ),
    needs=tuple(Need("openai-chat", name) for name in ("modalities", "audio", "web_search_options")),
)


def test_a_request_with_everything() -> None:
    assert decode_request(json.loads(golden("openai_request.json"))) == REQUEST
    encoded = encode_request(REQUEST)
    assert {"model": REQUEST.model, **encoded.body} == json.loads(golden("openai_request.json"))
    assert encoded.losses == ()


def legacy_call(number: int, city: str) -> tuple[Message, Message]:
    identity = f"call_{number}_time"
    call = ToolCallPart(identity, "time", f'{{"in":"{city}"}}', vendor=form(at="function_call"))
    result = ToolResultPart(identity, (TextPart("10:00"),))
    return Message("assistant", (call,)), Message("tool", (result,), "time", form(role="function"))


def test_deprecated_functions_are_tools() -> None:
    request = decode_request(json.loads(golden("openai_request_legacy.json")))
    assert request == ChatRequest(
        model="gpt-old",
        messages=(
            Message("user", (TextPart("Time in Rome and Oslo?"),)),
            *legacy_call(0, "Rome"),
            *legacy_call(1, "Oslo"),
        ),
        tools=(FunctionTool("time", parameters={"type": "object"}, vendor=form(tools="functions")),),
        tool_choice=NamedTool("time"),
        sampling=Sampling(max_tokens=50),
        vendor=form(tool_choice="function_call", max_tokens="max_tokens"),
    )
    assert {"model": request.model, **encode_request(request).body} == json.loads(golden("openai_request_legacy.json"))


REPLIES = {
    "openai_reply.json": Reply(
        id="chatcmpl-1",
        model="gpt-x-2026",
        created=1741570283,
        vendor=ours(service_tier="default", system_fingerprint="fp_1"),
        choices=(
            Choice(
                0,
                (TextPart("Yes"),),
                "stop",
                "stop",
                logprobs=(
                    TokenLogprob("Yes", -0.5, None, (TokenLogprob("Yes", -0.5), TokenLogprob("No", -1.5, (78, 111)))),
                ),
                vendor=ours(
                    message={
                        "annotations": [
                            {
                                "type": "url_citation",
                                "url_citation": {
                                    "start_index": 0,
                                    "end_index": 3,
                                    "title": "T",
                                    "url": "https://example.org",
                                },
                            }
                        ]
                    }
                ),
            ),
            Choice(
                1,
                (RefusalPart("No."),),
                "content_filter",
                "content_filter",
                refusal_logprobs=(TokenLogprob("No", -0.25, (78, 111)),),
                vendor=ours(message={"annotations": []}),
            ),
        ),
        usage=Usage(
            input_tokens=19,
            output_tokens=10,
            cached_input_tokens=4,
            reasoning_tokens=6,
            audio_input_tokens=0,
            audio_output_tokens=0,
            vendor=ours(completion_tokens_details={"accepted_prediction_tokens": 1, "rejected_prediction_tokens": 2}),
        ),
    ),
    "openai_reply_audio.json": Reply(
        id="chatcmpl-2",
        model="gpt-audio",
        created=1741570284,
        choices=(
            Choice(
                0,
                (AudioPart(data="UklGRg==", id="audio_9", transcript="Hello.", expires_at=1741573884),),
                "stop",
                "stop",
            ),
        ),
    ),
    "deepseek_reply.json": Reply(
        id="930c60df",
        model="deepseek-reasoner",
        created=1741570289,
        choices=(Choice(0, (ReasoningPart("Compare the tenths."), TextPart("9.8")), "stop", "stop"),),
        usage=Usage(
            input_tokens=16,
            output_tokens=30,
            cached_input_tokens=12,
            reasoning_tokens=25,
            vendor=ours(prompt_cache_hit_tokens=12, prompt_cache_miss_tokens=4),
        ),
        vendor=ours(system_fingerprint="fp_ds"),
    ),
    "ollama_reply.json": Reply(
        id="chatcmpl-9",
        model="qwen3:0.6b",
        created=1741570292,
        choices=(
            Choice(
                0,
                (
                    ReasoningPart("Call it.", vendor=form(at="reasoning")),
                    ToolCallPart("call_x", "time", "{}", vendor=ours(index=0)),
                ),
                "tool_calls",
                "tool_calls",
                vendor=form(content="empty"),
            ),
        ),
        usage=Usage(100, 12),
        vendor=ours(system_fingerprint="fp_ollama"),
    ),
    "mistral_reply.json": Reply(
        id="m-1",
        model="magistral",
        created=1741570293,
        choices=(
            Choice(
                0,
                (
                    ReasoningPart("Let me see. Yes.", vendor=form(at="content")),
                    TextPart("It is 4."),
                    OpaquePart("openai-chat", {"type": "reference", "reference_ids": [1]}),
                ),
                "length",
                "model_length",
            ),
        ),
        usage=Usage(5, 9),
    ),
    "xai_reply.json": Reply(
        id="x-1",
        model="grok",
        created=1741570295,
        choices=(Choice(0, (ReasoningPart("Count."), TextPart("101")), "stop", "stop"),),
        usage=Usage(
            input_tokens=32,
            output_tokens=103,
            cached_input_tokens=6,
            reasoning_tokens=94,
            audio_input_tokens=0,
            audio_output_tokens=0,
            vendor=ours(prompt_tokens_details={"text_tokens": 32, "image_tokens": 0}, num_sources_used=0),
        ),
    ),
}


@pytest.mark.parametrize("name", REPLIES)
def test_replies(name: str) -> None:
    assert decode_reply(golden(name)) == REPLIES[name]


@pytest.mark.parametrize("name", ["openai_reply.json", "openai_reply_audio.json", "deepseek_reply.json"])
def test_what_came_in_goes_out(name: str) -> None:
    came, went = json.loads(golden(name)), json.loads(encode_reply(REPLIES[name], ChatRequest("m", ())))
    came["choices"].sort(key=lambda choice: choice["index"])
    if name == "deepseek_reply.json":
        # What the official description says elsewhere is added there.
        came["usage"]["prompt_tokens_details"] = {"cached_tokens": 12}
        came["choices"][0]["message"]["refusal"] = None
    assert went == came


def test_reasoning_and_content_go_out_where_they_came_in() -> None:
    ollama = json.loads(encode_reply(REPLIES["ollama_reply.json"], ChatRequest("m", ())))["choices"][0]["message"]
    assert ollama == {
        "role": "assistant",
        "content": "",
        "refusal": None,
        "reasoning": "Call it.",
        "tool_calls": [
            {"id": "call_x", "index": 0, "type": "function", "function": {"name": "time", "arguments": "{}"}}
        ],
    }
    mistral = json.loads(encode_reply(REPLIES["mistral_reply.json"], ChatRequest("m", ())))["choices"][0]
    assert mistral["finish_reason"] == "length"
    assert mistral["message"]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see. Yes."}]},
        {"type": "text", "text": "It is 4."},
        {"type": "reference", "reference_ids": [1]},
    ]


DETAIL = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}


def openrouter_thought(text: str) -> ReasoningDelta:
    kept = ours(reasoning_details=[DETAIL | {"text": text}]) | form(at="reasoning")
    return ReasoningDelta(0, 0, text, vendor=kept, wire="openai-chat")


STREAMS: dict[str, list[Event]] = {
    "openai_stream_tools.sse": [
        Start("chatcmpl-3", "gpt-x", 1741570285, ours(service_tier="default", system_fingerprint="fp_1")),
        ToolCallDelta(0, 0, "call_a", "weather", "", "function"),
        ToolCallDelta(0, 0, arguments='{"city":'),
        ToolCallDelta(0, 1, "call_b", "time", "{", "function"),
        ToolCallDelta(0, 0, arguments='"Rome"}'),
        ToolCallDelta(0, 1, arguments="}"),
        Finish(0, "tool_calls", "tool_calls"),
        UsageReport(Usage(80, 20, 0, None, 0, 0, 0)),
        End(),
    ],
    "azure_stream.sse": [
        Start(
            "chatcmpl-4",
            "gpt-x",
            1741570286,
            ours(
                prompt_filter_results=[
                    {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
                ]
            ),
        ),
        TextDelta(0, 0, "Hi"),
        Finish(0, "stop", "stop", ours(content_filter_results={"hate": {"filtered": False, "severity": "safe"}})),
        End(),
    ],
    "vllm_stream.sse": [
        Start("chatcmpl-5", "qwen", 1741570287),
        ReasoningDelta(0, 0, "9 is "),
        ReasoningDelta(0, 0, "more."),
        TextDelta(0, 1, "9.8"),
        LogprobsDelta(0, (TokenLogprob("9.8", -0.125, (57, 46, 56)),)),
        Finish(0, "stop", "stop", ours(stop_reason=151645)),
        UsageReport(Usage(17, 23)),
        End(),
    ],
    "llama_server_stream.sse": [
        Start("chatcmpl-6", "smollm2", 1741570288, ours(system_fingerprint="b6000-1")),
        TextDelta(0, 0, "Hel"),
        TextDelta(0, 0, "lo"),
        Finish(0, "length", "length"),
        UsageReport(Usage(31, 2)),
        End(ours(timings={"prompt_n": 31, "predicted_n": 2, "predicted_per_second": 40.5})),
    ],
    "openrouter_stream.sse": [
        Start("gen-7", "anthropic/claude", 1741570290, ours(provider="Anthropic")),
        openrouter_thought("Let me "),
        openrouter_thought("think."),
        ReasoningDelta(
            0,
            0,
            "",
            "c2ln",
            ours(reasoning_details=[DETAIL | {"signature": "c2ln"}]) | form(at="reasoning_details"),
            "openai-chat",
        ),
        TextDelta(0, 1, "Done."),
        Finish(0, "stop", "stop", ours(native_finish_reason="end_turn")),
        UsageReport(Usage(10, 8, vendor=ours(cost=0.0012, cost_details={"upstream_inference_cost": None}))),
        End(),
    ],
    "groq_stream.sse": [
        Start("chatcmpl-8", "qwen3-32b", 1741570291, ours(system_fingerprint="fp_g", x_groq={"id": "req_1"})),
        ReasoningDelta(0, 0, "Hm.", vendor=form(at="reasoning")),
        TextDelta(0, 1, "Ok"),
        Finish(0, "stop", "stop"),
        UsageReport(Usage(9, 3, vendor=ours(queue_time=0.01))),
        End(
            ours(
                x_groq={
                    "id": "req_1",
                    "usage": {"queue_time": 0.01, "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
                }
            )
        ),
    ],
    "gemini_stream_tools.sse": [
        Start("g-1", "gemini", 1741570294),
        ToolCallDelta(
            0, 0, "f-1", "a", '{"x":1}', "function", ours(extra_content={"google": {"thought_signature": "c2ln"}})
        ),
        ToolCallDelta(0, 1, "f-2", "b", "{}", "function"),
        Finish(0, "tool_calls", "tool_calls"),
        UsageReport(Usage(4, 6)),
        End(),
    ],
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("step_bytes", [1, 7, 100_000])
def test_streams(name: str, step_bytes: int) -> None:
    data = golden(name)
    decoder = EventDecoder()
    events = [
        event for start in range(0, len(data), step_bytes) for event in decoder.feed(data[start : start + step_bytes])
    ]
    decoder.close()
    assert events == STREAMS[name]


def test_a_stream_as_it_goes_out() -> None:
    encoder = EventEncoder(ChatRequest("m", (), include_usage=True))
    events: list[Event] = [
        Start("c", "m", 5, ours(system_fingerprint="fp", prompt_filter_results=[1])),
        ReasoningDelta(0, 0, "Hm"),
        TextDelta(0, 1, "Hi"),
        ToolCallDelta(0, 2, "t", "f", "", "function"),
        ToolCallDelta(0, 2, arguments="{}"),
        Finish(0, "tool_calls"),
        UsageReport(Usage(3, 4)),
        End(ours(timings={"n": 1})),
    ]
    head = '"id":"c","object":"chat.completion.chunk","created":5,"model":"m","system_fingerprint":"fp"'

    def chunk(delta: str, finish: str = "null") -> str:
        return (
            f'{{{head},"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":null'
        )

    assert b"".join(encoder.encode(event) for event in events).decode().split("\n\n") == [
        "data: " + chunk('{"role":"assistant","reasoning_content":"Hm"}') + ',"prompt_filter_results":[1]}',
        "data: " + chunk('{"content":"Hi"}') + "}",
        "data: "
        + chunk('{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}')
        + "}",
        "data: " + chunk('{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}') + "}",
        "data: " + chunk("{}", '"tool_calls"') + "}",
        f'data: {{{head},"choices":[],"usage":{{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}},'
        '"timings":{"n":1}}',
        "data: [DONE]",
        "",
    ]


def test_a_client_that_did_not_ask_for_usage_gets_no_chunk_without_choices() -> None:
    encoder = EventEncoder(ChatRequest("m", ()))
    events: list[Event] = [
        Start("c", "m", 5),
        TextDelta(0, 0, "Hi"),
        Finish(0, "stop"),
        UsageReport(Usage(3, 4)),
        End(ours(timings={"n": 1})),
    ]
    sent = b"".join(encoder.encode(event) for event in events)
    assert b"usage" not in sent
    assert b"timings" not in sent
    assert sent.count(b"\n\n") == 3
