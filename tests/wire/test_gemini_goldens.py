"""What payloads of Google's APIs mean, written by hand; the payloads are in `goldens/`."""

import json
from pathlib import Path
from typing import Any

import pytest

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    FileReference,
    FunctionTool,
    ImagePart,
    Inline,
    JsonSchemaFormat,
    Message,
    OpaquePart,
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
    ReasoningDelta,
    Reply,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.gemini import (
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

GOLDENS = Path(__file__).parent / "goldens"
ASKED = ChatRequest("m", ())


def golden(name: str) -> bytes:
    return (GOLDENS / name).read_bytes()


def ours(**rest: Any) -> dict[str, dict[str, Any]]:
    return {"gemini": rest}


def form(**form: Any) -> dict[str, dict[str, Any]]:
    return {"gemini.form": form}


OPENAPI = json.loads(golden("gemini_request.json"))["tools"][0]["functionDeclarations"][0]["parameters"]
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "enum": ["cat", "dog"], "minLength": 1},
        "depth": {"type": ["integer", "null"], "format": "int32", "examples": [3]},
        "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}, {"type": "null"}]},
    },
    "required": ["name"],
}
REQUEST = ChatRequest(
    model="",
    system=(Message("system", (TextPart("Be brief."),), vendor=form(role="system")),),
    messages=(
        Message(
            "user",
            (
                TextPart("What is this, and where?"),
                ImagePart(
                    Inline("iVBORw0KGg+/", "image/png"), vendor=ours(mediaResolution={"level": "MEDIA_RESOLUTION_LOW"})
                ),
                DocumentPart(FileReference("gs://bucket/plan.pdf")),
                ImagePart(Url("https://example.org/cat.webp"), vendor=form(mimeType="")),
                AudioPart("SUQz", "mp3", vendor=form(mimeType="audio/mpeg")),
            ),
            vendor=form(role=""),
        ),
        Message(
            "assistant",
            (
                ReasoningPart("A cat. Where?"),
                ToolCallPart("f-1", "locate", '{"name":"cat"}', vendor=ours(thoughtSignature="c2ln")),
                ToolCallPart("call_1_clock", "clock", "{}", vendor=form(id="absent", args="absent")),
            ),
        ),
        Message(
            "tool",
            (
                ToolResultPart(
                    "call_1_clock",
                    (TextPart("stopped"),),
                    True,
                    ours(functionResponse={"scheduling": "SILENT"}) | form(id="absent"),
                ),
                ToolResultPart("f-1", (TextPart('{"place":"sofa"}'), ImagePart(Inline("/9j/", "image/jpeg")))),
            ),
            vendor=form(role="function"),
        ),
    ),
    tools=(
        FunctionTool(
            "locate",
            "Finds things.",
            JSON_SCHEMA,
            vendor=ours(response={"type": "OBJECT"}) | form(group=0, parameters=OPENAPI),
        ),
        FunctionTool("clock", parameters={"type": "object"}, vendor=ours(behavior="BLOCKING") | form(group=1)),
    ),
    tool_choice="auto",
    output=JsonSchemaFormat("response", {"type": "object", "properties": {"a": {"type": "string"}}}),
    sampling=Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        frequency_penalty=0.2,
        presence_penalty=0.1,
        seed=7,
        stop=("END",),
        max_tokens=100,
        n=2,
        logprobs=True,
        top_logprobs=3,
    ),
    reasoning=Reasoning(budget_tokens=256, shown=True),
    vendor=ours(
        toolConfig={"retrievalConfig": {"languageCode": "en"}},
        generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"},
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        labels={"team": "a"},
    )
    | form(mode="VALIDATED"),
)


def test_a_request() -> None:
    assert decode_request(json.loads(golden("gemini_request.json"))) == REQUEST


def test_a_request_goes_out_as_it_came_with_the_usual_names() -> None:
    expected = json.loads(golden("gemini_request.json"))
    expected["systemInstruction"] = {"role": "system", "parts": [{"text": "Be brief."}]}
    del expected["system_instruction"]
    seen = expected["contents"][0]["parts"][1]
    seen["inlineData"] = {"mimeType": "image/png", "data": "iVBORw0KGg+/"}
    del seen["inline_data"]
    responses = expected["contents"][2]["parts"]
    responses[1]["functionResponse"] = responses[1].pop("function_response")
    # In the order of the calls.
    responses.reverse()
    config = expected["generationConfig"]
    config["topP"] = config.pop("top_p")
    config["stopSequences"] = ["END"]
    config["thinkingConfig"]["thinkingBudget"] = config["thinkingConfig"].pop("thinking_budget")
    expected["toolConfig"]["functionCallingConfig"]["mode"] = "VALIDATED"
    encoded = encode_request(REQUEST)
    assert encoded.body == expected
    assert encoded.losses == ()


REPLY = Reply(
    id="Zq_9-x",
    model="gemini-3.5-flash",
    created=1787313600,
    choices=(
        Choice(
            0,
            (
                ReasoningPart("Look it up."),
                OpaquePart("gemini", {"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
                OpaquePart("gemini", {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
                TextPart("It is 1."),
                ReasoningPart("", "dGV4dA==", form(at="text"), "gemini"),
                ToolCallPart("call_Zq_9-x_5", "save it", '{"n":1}', vendor=form(id="absent")),
                ToolCallPart("g-2", "done", "{}"),
            ),
            "tool_calls",
            "STOP",
            (
                TokenLogprob("It", -0.25, top=(TokenLogprob("It", -0.25), TokenLogprob("They", -2))),
                TokenLogprob(" is", 0),
            ),
            vendor=ours(
                safetyRatings=[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}],
                avgLogprobs=-0.25,
                groundingMetadata={"webSearchQueries": ["one"]},
            ),
        ),
    ),
    usage=Usage(
        input_tokens=13,
        output_tokens=12,
        cached_input_tokens=4,
        reasoning_tokens=7,
        audio_input_tokens=2,
        vendor=ours(
            toolUsePromptTokenCount=3,
            promptTokensDetails=[{"modality": "TEXT", "tokenCount": 8}, {"modality": "AUDIO", "tokenCount": 2}],
        ),
    ),
    vendor=form(createTime="2026-08-21T12:00:00.123456789Z"),
)


def test_a_reply() -> None:
    assert decode_reply(golden("gemini_reply.json")) == REPLY


def test_a_reply_goes_out_as_it_came() -> None:
    expected = json.loads(golden("gemini_reply.json"))
    [candidate] = expected["candidates"]
    # Another vendor's call would be signed by nobody.
    candidate["content"]["parts"][4]["thoughtSignature"] = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
    result = candidate["logprobsResult"]
    del result["chosenCandidates"][0]["tokenId"]
    result["chosenCandidates"][1]["logProbability"] = 0
    result["topCandidates"].append({"candidates": []})
    assert json.loads(encode_reply(REPLY, ASKED)) == expected


STREAMS: dict[str, list[Event]] = {
    "gemini_stream.sse": [
        Start("r-1", "gemini-3.5-flash"),
        ReasoningDelta(0, 0, "Hm"),
        ReasoningDelta(0, 0, "m."),
        TextDelta(0, 1, "Hel"),
        TextDelta(0, 1, "lo"),
        ToolCallDelta(
            0, 2, "call_r-1_2", "a", '{"x":1}', "function", ours(thoughtSignature="c2ln") | form(id="absent")
        ),
        ToolCallDelta(0, 3, "call_r-1_3", "b", "{}", "function", form(id="absent")),
        Finish(0, "tool_calls", "STOP", ours(citationMetadata={"citationSources": [{"endIndex": 5}]})),
        UsageReport(Usage(9, 8, reasoning_tokens=2)),
        End(),
    ],
    "gemini_stream_vertex_args.sse": [
        Start("v-1", "gemini-3.1-pro-preview", 1787313600),
        ToolCallDelta(
            0,
            0,
            "call_v-1_0",
            "plan",
            '{"stops":[{"city":"Bern"},{"city":"Rome"}],"days":3,"fast":false,"note":null}',
            "function",
            ours(thoughtSignature="c2ln") | form(id="absent"),
        ),
        Finish(0, "tool_calls", "STOP"),
        UsageReport(Usage(5, 4, vendor=ours(trafficType="ON_DEMAND"))),
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
    encoder = EventEncoder(ASKED)
    events: list[Event] = [
        Start("r", "m", 1787313600),
        ReasoningDelta(0, 0, "Hm"),
        TextDelta(0, 1, "Hi "),
        TextDelta(0, 1, "ü"),
        ToolCallDelta(0, 2, "t", "f", "", "function"),
        ToolCallDelta(0, 3, "u", "g", '{"b":', "function"),
        ToolCallDelta(0, 2, arguments='{"a":1}'),
        ToolCallDelta(0, 3, arguments="2}"),
        Finish(0, "tool_calls", "tool_calls"),
        UsageReport(Usage(3, 4, reasoning_tokens=1)),
        End(),
    ]
    head = '"createTime":"2026-08-21T12:00:00Z","modelVersion":"m","responseId":"r"'
    usage = '{"promptTokenCount":3,"candidatesTokenCount":3,"thoughtsTokenCount":1,"totalTokenCount":7}'

    def chunk(parts: str) -> str:
        return f'data: {{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}},"index":0}}],{head}}}'

    call = '{"functionCall":{"id":"t","name":"f","args":{"a":1}},"thoughtSignature":'
    call += '"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="},{"functionCall":{"id":"u","name":"g","args":{"b":2}}}'
    assert b"".join(encoder.encode(event) for event in events).decode().split("\n\n") == [
        chunk('{"text":"Hm","thought":true}'),
        chunk('{"text":"Hi "}'),
        chunk('{"text":"ü"}'),
        chunk(call),
        'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],'
        f'"usageMetadata":{usage},{head}}}',
        "",
    ]
