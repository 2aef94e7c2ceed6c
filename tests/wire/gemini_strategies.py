"""Requests and replies as the Gemini wire can say them, for property tests."""

from typing import Any

from hypothesis import strategies as st

from ecotone.values.chat import (
    AllowedTools,
    AudioPart,
    ChatRequest,
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
    ReplyPart,
    Sampling,
    TextFormat,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
    Vendor,
)
from ecotone.values.reply import Choice, FinishReason, Reply, TokenLogprob, Usage
from tests.wire.chat_strategies import floats, maybe

text = st.text(st.characters(codec="utf-8"), max_size=4)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
names = st.sampled_from(["weather", "_a.b:c-d", "f1"])
base64 = st.sampled_from(["AAAA", "c2ln", "+/+/AQ=="])
counts = st.integers(0, 2**31)
# Fields that the wire does not have; an upper-case letter keeps them from the names that the proto has too.
unknown: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"xXa": 1}, {"xXa": {"b": [None, "ü"]}, "xXb": []}])
vendors: st.SearchStrategy[Vendor] = unknown.map(lambda rest: {"gemini": rest} if rest else {})
arguments = st.sampled_from(['{"city":"Bern"}', "{}", '{"a":[1,2.5,{"b":null}]}', '{"ü":"😀"}'])

texts = st.builds(TextPart, words, vendors)
files = st.builds(FileReference, names.map(lambda name: f"gs://bucket/{name}.png"))
pictures = st.builds(
    ImagePart,
    names.map(lambda name: Url(f"https://example.org/{name}.png"))
    | files
    | st.builds(Inline, base64, st.sampled_from(["image/png", "image/jpeg"])),
    st.none(),
    vendors,
)
documents = st.builds(DocumentPart, st.builds(Inline, base64, st.just("application/pdf")), st.none(), vendors)
sounds = st.builds(AudioPart, base64, st.sampled_from(["wav", "mp3", "flac"]), vendor=vendors)
codes = st.builds(OpaquePart, st.just("gemini"), st.just({"executableCode": {"language": "PYTHON", "code": "1"}}))
signatures = base64
thoughts = st.builds(ReasoningPart, words) | st.builds(ReasoningPart, words, signatures, vendors, st.just("gemini"))
signed = st.builds(
    lambda text, rest, sig: TextPart(text, {"gemini": {**rest, "thoughtSignature": sig}}), words, unknown, signatures
)

instructions = st.builds(Message, st.just("system"), st.lists(texts, min_size=1, max_size=2).map(tuple), vendor=vendors)
spoken = st.builds(
    Message,
    st.just("user"),
    st.lists(texts | pictures | documents | sounds, min_size=1, max_size=3).map(tuple),
    vendor=vendors,
)


@st.composite
def turns(draw: st.DrawFn, number: int) -> list[Message]:
    """What the user says, what the model answers, and the results of what it calls."""
    messages: list[Message] = [draw(spoken)]
    parts: list[Part] = [draw(thoughts)] if draw(st.booleans()) else []
    if parts:
        parts += draw(st.lists(texts, max_size=1))
    else:
        parts += draw(st.lists(texts | signed | codes, min_size=1, max_size=2))
    results: list[ToolResultPart] = []
    for place in range(draw(st.integers(0, 2))):
        rest = draw(unknown) | ({} if place else {"thoughtSignature": draw(signatures)})
        call = ToolCallPart(
            f"id-{number}-{place}", draw(names), draw(arguments), vendor={"gemini": rest} if rest else {}
        )
        parts.append(call)
        said = TextPart(draw(words | st.sampled_from(['{"a":1}', '{"output":5}', "[1]"])))
        shown = draw(st.lists(pictures | documents, max_size=1))
        failed = True if draw(st.booleans()) and not said.text.startswith("{") else None
        results.append(ToolResultPart(call.id, (said, *shown), failed, draw(vendors)))
    messages.append(Message("assistant", tuple(parts), vendor=draw(vendors)))
    if results:
        messages.append(Message("tool", tuple(results), vendor=draw(vendors)))
    return messages


functions = st.builds(
    FunctionTool,
    names,
    maybe(text),
    maybe(st.just({"type": "object", "properties": {"city": {"type": "string"}}})),
    vendor=vendors,
)
choices = (
    st.sampled_from(["auto", "none", "required"])
    | st.builds(NamedTool, names)
    | st.builds(
        AllowedTools,
        st.lists(st.builds(NamedTool, names), min_size=2, max_size=3).map(tuple),
        st.sampled_from(["auto", "required"]),
    )
)
formats = (
    st.just(TextFormat())
    | st.just(JsonObjectFormat())
    | st.builds(JsonSchemaFormat, st.just("response"), st.just({"type": "array", "items": {"type": "integer"}}))
)
samplings = st.builds(
    Sampling,
    temperature=maybe(floats),
    top_p=maybe(floats),
    top_k=maybe(counts),
    frequency_penalty=maybe(floats),
    presence_penalty=maybe(floats),
    seed=maybe(counts),
    stop=st.lists(text, max_size=2).map(tuple),
    max_tokens=maybe(counts),
    n=maybe(counts),
    logprobs=maybe(st.booleans()),
    top_logprobs=maybe(counts),
)
reasonings = (
    st.builds(Reasoning, st.sampled_from(["minimal", "low", "medium", "high", "xhigh"]), shown=maybe(st.booleans()))
    | st.builds(Reasoning, budget_tokens=st.integers(-1, 2**20), shown=maybe(st.booleans()))
    | st.builds(Reasoning, shown=st.booleans())
)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    messages = [message for number in range(draw(st.integers(0, 2))) for message in draw(turns(number))]
    messages.append(draw(spoken))
    tools: list[Any] = draw(st.lists(functions, max_size=2))
    needs = [
        Need("gemini", "contents.parts.executableCode")
        for message in messages
        for part in message.parts
        if isinstance(part, OpaquePart)
    ]
    if draw(st.booleans()):
        tools.append(OpaqueTool("gemini", {"googleSearch": {}}))
        needs.append(Need("gemini", "googleSearch"))
    return ChatRequest(
        model="",
        messages=tuple(messages),
        system=tuple(draw(st.lists(instructions, max_size=1))),
        tools=tuple(tools),
        tool_choice=draw(maybe(choices)) if tools else None,
        output=draw(maybe(formats)),
        sampling=draw(samplings),
        reasoning=draw(maybe(reasonings)),
        vendor=draw(vendors),
        needs=tuple(dict.fromkeys(needs)),
    )


tokens = st.builds(
    TokenLogprob,
    text,
    floats,
    st.none(),
    st.lists(st.builds(TokenLogprob, text, floats), min_size=1, max_size=2).map(tuple),
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    reasoning = draw(maybe(st.integers(0, 100)))
    return Usage(
        input_tokens=draw(counts),
        output_tokens=draw(counts) + (reasoning or 0),
        cached_input_tokens=draw(maybe(counts)),
        reasoning_tokens=reasoning,
        vendor=draw(vendors),
    )


FINISHES: list[tuple[FinishReason, str]] = [
    ("stop", "STOP"),
    ("length", "MAX_TOKENS"),
    ("content_filter", "SAFETY"),
    ("content_filter", "RECITATION"),
    ("unknown", "LANGUAGE"),
    ("pause", "CONTINUATION"),
]


@st.composite
def reply_choices(draw: st.DrawFn, index: int) -> Choice:
    parts: list[ReplyPart] = draw(st.lists(thoughts, max_size=1))
    # The two are told apart by what follows them: a signed text ends a part, unsigned text goes on.
    shown = bool(parts)
    parts += draw(st.lists(st.builds(TextPart, words), max_size=1))
    if shown and draw(st.booleans()):
        parts.append(ReasoningPart("", draw(signatures), {"gemini.form": {"at": "empty"}}, "gemini"))
    parts += draw(st.lists(st.builds(ImagePart, st.builds(Inline, base64, st.just("image/png"))) | codes, max_size=1))
    if not shown:
        parts += draw(st.lists(signed, max_size=1)) if not any(isinstance(p, TextPart) for p in parts) else []
    called = draw(st.integers(0, 2))
    for place in range(called):
        rest = draw(unknown) | ({} if place else {"thoughtSignature": draw(signatures)})
        call = ToolCallPart(f"id-{place}", draw(names), draw(arguments), vendor={"gemini": rest} if rest else {})
        parts.append(call)
    found, raw = draw(st.sampled_from(FINISHES))
    logprobs = draw(maybe(st.lists(tokens, min_size=1, max_size=2).map(tuple)))
    finish: FinishReason = "tool_calls" if called and found == "stop" else found
    return Choice(index, tuple(parts), finish, raw, logprobs, vendor=draw(vendors))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    return Reply(
        choices=tuple(draw(reply_choices(index)) for index in range(draw(st.integers(1, 2)))),
        id=draw(maybe(words)),
        model=draw(maybe(words)),
        created=draw(maybe(st.integers(1, 2**33))),
        usage=draw(maybe(usages())),
        vendor=draw(vendors),
    )
