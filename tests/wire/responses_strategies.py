"""Requests and replies as the Responses wire can say them, for property tests."""

from typing import Any

from hypothesis import strategies as st

import tests.wire.chat_strategies as chat
from ecotone.values.chat import (
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
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    Sampling,
    TextFormat,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Vendor,
)
from ecotone.values.reply import Choice, Reply, TokenLogprob, Usage

NAME, FORM = "openai-responses", "openai-responses.form"
text, words, names, base64, counts, floats = (
    chat.text,
    chat.words,
    chat.names,
    chat.base64,
    chat.counts,
    chat.floats,
)
maybe = chat.maybe
statuses = st.sampled_from(["completed", "incomplete"])
vendors: st.SearchStrategy[Vendor] = st.just({}) | chat.unknown.map(lambda rest: {NAME: rest})


@st.composite
def item_vendors(draw: st.DrawFn, prefix: str, *, status: bool = True) -> Vendor:
    """What an item that the vendor made remembers."""
    made = st.just("completed") if prefix == "ig_" else statuses
    form = {"id": prefix + draw(names)} | ({"status": draw(made)} if status else {})
    return {FORM: form} | draw(vendors)


@st.composite
def messages(draw: st.DrawFn) -> list[ReplyPart]:
    """The parts of one message of the assistant's."""
    spoken = st.builds(TextPart, words, vendors) | st.builds(RefusalPart, words)
    parts = draw(st.lists(spoken, min_size=1, max_size=2))
    first = parts[0]
    vendor = {**first.vendor, FORM: {"item": {"id": "msg_" + draw(names), "status": draw(statuses)}}}
    return [type(first)(first.text, vendor), *parts[1:]]


@st.composite
def reasonings(draw: st.DrawFn) -> list[ReplyPart]:
    """Reasoning that the vendor signed: one summary, or several pieces with a blank line between them."""
    kinds = sorted(draw(st.lists(st.sampled_from(["summary", "content"]), max_size=3)), reverse=True)
    pieces = [(kind, draw(words)) for kind in kinds]
    form: dict[str, Any] = {"id": "rs_" + draw(names)}
    if kinds not in ([], ["summary"]):
        form["pieces"] = [[kind, len(piece)] for kind, piece in pieces]
    joined = "\n\n".join(piece for _, piece in pieces)
    return [ReasoningPart(joined, draw(words), {FORM: form} | draw(vendors), NAME)]


calls = st.builds(ToolCallPart, names, words, text, st.just("function"), item_vendors("fc_"))
custom_calls = st.builds(ToolCallPart, names, words, text, st.just("custom"), item_vendors("ctc_", status=False))
made_images = st.builds(
    ImagePart, st.builds(Inline, base64, st.sampled_from(["image/png", "image/webp"])), vendor=item_vendors("ig_")
)


def _alone(part: ReplyPart) -> list[ReplyPart]:
    return [part]


def _joined(runs: list[list[ReplyPart]]) -> list[ReplyPart]:
    return [part for run in runs for part in run]


listed = (calls | custom_calls | made_images).map(_alone)
own_parts = st.lists(messages() | reasonings() | listed, min_size=1, max_size=4).map(_joined)

sources = chat.urls | chat.inline | st.builds(FileReference, words)
images = st.builds(ImagePart, sources, st.sampled_from(["auto", "low", "high"]), vendors)
documents = st.builds(DocumentPart, sources | st.builds(Inline, base64), maybe(words), vendors)
inputs = st.builds(TextPart, text) | images | documents


def content(part: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One plain text or several parts."""
    return st.builds(TextPart, text).map(lambda one: (one,)) | st.lists(part, min_size=2, max_size=3).map(tuple)


user_messages = st.builds(Message, st.just("user"), content(inputs), vendor=vendors)
results = st.builds(ToolResultPart, names, content(inputs), vendor=vendors)
tool_messages = st.builds(Message, st.just("tool"), results.map(lambda one: (one,)))
later_instructions = st.builds(
    Message, st.sampled_from(["system", "developer"]), content(inputs), vendor=st.just({FORM: {"at": "input"}})
)
instructions = st.builds(
    Message,
    st.just("system"),
    st.builds(TextPart, text).map(lambda one: (one,)),
    vendor=st.just({FORM: {"at": "instructions"}}),
)
# Reasoning at the end would be left out: nothing follows it.
assistant_messages = own_parts.map(
    lambda parts: Message("assistant", (*parts, ToolCallPart("call_1", "f", "{}", "function", {FORM: {"id": "fc_1"}})))
)
functions = st.builds(FunctionTool, names, maybe(text), maybe(chat.json_objects), st.booleans(), vendors)
grammars = st.just({"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}) | st.just({"type": "text"})
custom_tools = st.builds(CustomTool, names, maybe(text), maybe(grammars), vendors)
formats = (
    st.just(TextFormat())
    | st.just(JsonObjectFormat())
    | st.builds(JsonSchemaFormat, words, chat.json_objects.filter(bool), maybe(text), maybe(st.booleans()))
)
samplings = st.builds(
    Sampling,
    temperature=maybe(floats),
    top_p=maybe(floats),
    max_tokens=maybe(st.integers(16, 2**31)),
    logprobs=st.sampled_from([None, True]),
    top_logprobs=maybe(counts),
)
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"])


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    system = draw(st.lists(instructions, max_size=1)) + draw(st.lists(later_instructions, max_size=1))
    middle = draw(st.lists(assistant_messages | tool_messages | later_instructions | user_messages, max_size=2))
    later = [draw(user_messages), *middle]
    # Neighbours of the assistant's are one message on this wire.
    kept = [m for n, m in enumerate(later) if n == 0 or m.role != "assistant" or later[n - 1].role != "assistant"]
    return ChatRequest(
        model=draw(words),
        messages=tuple(kept),
        system=tuple(system),
        tools=tuple(draw(st.lists(functions | custom_tools, max_size=2))),
        tool_choice=draw(maybe(chat.choices)),
        parallel_tool_calls=draw(maybe(st.booleans())),
        output=draw(maybe(formats)),
        sampling=draw(samplings),
        reasoning=draw(maybe(st.builds(Reasoning, efforts, shown=st.sampled_from([None, True])))),
        stream=draw(st.booleans()),
        metadata=draw(maybe(st.dictionaries(text, text, max_size=2))),
        user=draw(maybe(text)),
        vendor={FORM: {"encrypted": True}} | draw(vendors),
    )


logprobs = st.builds(
    TokenLogprob,
    text,
    floats,
    st.lists(st.integers(0, 255), max_size=3).map(tuple),
    st.lists(
        st.builds(TokenLogprob, text, floats, st.lists(st.integers(0, 255), max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_input_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
    vendor=vendors,
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    parts: list[ReplyPart] = draw(own_parts)
    called = any(isinstance(part, ToolCallPart) for part in parts)
    ends: list[tuple[Any, str]] = [("tool_calls" if called else "stop", "completed"), ("length", "max_output_tokens")]
    finish, raw = draw(st.sampled_from([*ends, ("content_filter", "content_filter"), ("unknown", "steered")]))
    texts = sum(isinstance(part, TextPart) for part in parts)
    tokens = tuple(draw(st.lists(logprobs, min_size=1, max_size=2))) if texts == 1 and draw(st.booleans()) else None
    return Reply(
        choices=(Choice(0, tuple(parts), finish, raw, tokens),),
        id="resp_" + draw(names),
        model=draw(words),
        created=draw(st.integers(1, 253_402_300_799)),
        usage=draw(maybe(usages)),
    )
