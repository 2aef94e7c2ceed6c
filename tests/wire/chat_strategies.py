"""Requests, replies and streams as the Chat Completions wire can say them, for property tests."""

from typing import Any

from hypothesis import strategies as st

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
    Part,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    Sampling,
    TextFormat,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
    Vendor,
)
from ecotone.values.reply import Choice, Reply, TokenLogprob, Usage

# Any text that UTF-8 can hold: no halves of surrogate pairs.
text = st.text(st.characters(codec="utf-8"), max_size=12)
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
base64 = st.from_regex(r"([A-Za-z0-9+/]{4}){1,3}", fullmatch=True)
counts = st.integers(0, 2**31)
floats = st.floats(-2, 2)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
json_objects = st.dictionaries(text, json_values, max_size=3)
# Fields that the wire does not have; a name of its own kind keeps them from clashing with those it has.
unknown = st.dictionaries(names.map(lambda name: "x_" + name), json_values, min_size=1, max_size=2)
vendors: st.SearchStrategy[Vendor] = st.just({}) | unknown.map(lambda rest: {"openai-chat": rest})

texts = st.builds(TextPart, text)
urls = words.map(lambda path: Url("https://example.org/" + path))
inline = st.builds(Inline, base64, st.sampled_from(["image/png", "image/jpeg", "application/pdf"]))
images = st.builds(ImagePart, urls | inline, maybe(st.sampled_from(["auto", "low", "high"])), vendors)
sounds = st.builds(AudioPart, data=base64, format=st.sampled_from(["wav", "mp3"]), vendor=vendors)
documents = st.builds(
    DocumentPart, st.builds(FileReference, words) | inline | st.builds(Inline, base64), maybe(words), vendors
)
calls = st.builds(ToolCallPart, words, words, text, st.sampled_from(["function", "custom"]), vendors)
reasonings = st.builds(ReasoningPart, words) | st.builds(ReasoningPart, words, words, wire=st.just("openai-chat"))


def _content(part: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One plain text or several parts: a list with one plain text is remembered as such and tested elsewhere."""
    with_rest = st.builds(TextPart, text, unknown.map(lambda rest: {"openai-chat": rest}))
    return texts.map(lambda one: (one,)) | st.lists(with_rest | part, min_size=2, max_size=3).map(tuple)


instructions = st.builds(Message, st.sampled_from(["system", "developer"]), _content(texts), maybe(words), vendors)
user_messages = st.builds(
    Message, st.just("user"), _content(texts | images | sounds | documents), maybe(words), vendors
)
results = st.builds(ToolResultPart, words, _content(texts))
tool_messages = st.builds(Message, st.just("tool"), results.map(lambda one: (one,)), maybe(words), vendors)


@st.composite
def assistant_messages(draw: st.DrawFn) -> Message:
    parts: list[Part] = draw(st.lists(reasonings, max_size=1))
    parts += draw(st.just([]) | st.lists(st.builds(TextPart, words), min_size=1, max_size=3))
    parts += draw(st.lists(st.builds(RefusalPart, text), max_size=1))
    parts += draw(st.lists(st.builds(AudioPart, id=words), max_size=1))
    parts += draw(st.lists(calls, max_size=2))
    return Message("assistant", tuple(parts), draw(maybe(words)), draw(vendors))


functions = st.builds(FunctionTool, words, maybe(text), maybe(json_objects), maybe(st.booleans()), vendors)
custom_tools = st.builds(CustomTool, words, maybe(text), maybe(json_objects), vendors)
named = st.builds(NamedTool, words, st.sampled_from(["function", "custom"]))
choices = (
    st.sampled_from(["auto", "none", "required"])
    | named
    | st.builds(AllowedTools, st.lists(named, max_size=2).map(tuple), st.sampled_from(["auto", "required"]))
)
formats = (
    st.just(TextFormat())
    | st.just(JsonObjectFormat())
    | st.builds(JsonSchemaFormat, words, maybe(json_objects), maybe(text), maybe(st.booleans()))
)
samplings = st.builds(
    Sampling,
    temperature=maybe(floats),
    top_p=maybe(floats),
    top_k=maybe(counts),
    min_p=maybe(floats),
    frequency_penalty=maybe(floats),
    presence_penalty=maybe(floats),
    seed=maybe(counts),
    stop=st.lists(text, max_size=2).map(tuple),
    max_tokens=maybe(counts),
    logit_bias=maybe(st.dictionaries(names, floats, max_size=2)),
    n=maybe(counts),
    logprobs=maybe(st.booleans()),
    top_logprobs=maybe(counts),
)
later_messages = user_messages | assistant_messages() | tool_messages
requests = st.builds(
    ChatRequest,
    model=words,
    # A leading system message belongs to `system`, so the first of `messages` is another.
    messages=st.tuples(later_messages, later_messages | instructions),
    system=st.lists(instructions, max_size=2).map(tuple),
    tools=st.lists(functions | custom_tools, max_size=2).map(tuple),
    tool_choice=maybe(choices),
    parallel_tool_calls=maybe(st.booleans()),
    output=maybe(formats),
    sampling=samplings,
    reasoning=maybe(st.builds(Reasoning, words)),
    stream=st.booleans(),
    include_usage=maybe(st.booleans()),
    metadata=maybe(st.dictionaries(text, text, max_size=2)),
    user=maybe(text),
    vendor=vendors,
)

tokens = st.builds(
    TokenLogprob,
    text,
    floats,
    maybe(st.lists(st.integers(0, 255), max_size=3).map(tuple)),
    st.lists(st.builds(TokenLogprob, text, floats), max_size=2).map(tuple),
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_input_tokens=maybe(counts),
    cache_write_tokens=maybe(counts),
    reasoning_tokens=maybe(counts),
    audio_input_tokens=maybe(counts),
    audio_output_tokens=maybe(counts),
    vendor=vendors,
)
FINISHES: list[tuple[Any, str]] = [
    ("stop", "stop"),
    ("length", "length"),
    ("tool_calls", "tool_calls"),
    ("tool_calls", "function_call"),
    ("content_filter", "content_filter"),
]


@st.composite
def reply_choices(draw: st.DrawFn, index: int) -> Choice:
    parts: list[ReplyPart] = draw(st.lists(reasonings, max_size=1))
    parts += draw(st.lists(st.builds(TextPart, words), max_size=1))
    parts += draw(st.lists(st.builds(RefusalPart, words), max_size=1))
    speech = st.builds(AudioPart, data=base64, id=words, transcript=words, expires_at=st.integers(1, 253_402_300_799))
    parts += draw(st.lists(speech, max_size=1))
    parts += draw(st.lists(st.builds(ImagePart, urls | inline), max_size=2))
    parts += draw(st.lists(calls, max_size=3))
    finish, raw = draw(st.sampled_from(FINISHES))
    logprobs = maybe(st.lists(tokens, max_size=2).map(tuple))
    rest = draw(vendors)
    return Choice(index, tuple(parts), finish, raw, draw(logprobs), draw(logprobs), rest)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    return Reply(
        choices=tuple(draw(reply_choices(index)) for index in range(draw(st.integers(1, 3)))),
        id=draw(maybe(words)),
        model=draw(maybe(words)),
        created=draw(maybe(st.integers(1, 253_402_300_799))),
        usage=draw(maybe(usages)),
        vendor=draw(vendors),
    )
