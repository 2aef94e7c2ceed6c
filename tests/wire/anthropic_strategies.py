"""Requests and replies of the Messages wire as JSON, in the form in which Ecotone writes them, for property tests."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

text = st.text(st.characters(codec="utf-8"), max_size=12)
words = text.filter(lambda value: bool(value.strip()))
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True).filter(lambda name: not name.startswith("ecotone_"))
base64 = st.from_regex(r"([A-Za-z0-9+/]{4}){1,3}", fullmatch=True)
counts = st.integers(0, 2**31)
json_values = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
json_objects = st.dictionaries(text, json_values, max_size=3)
# Fields that the wire does not have.
unknown: st.SearchStrategy[Json] = st.just({}) | st.dictionaries(
    names.map(lambda name: "x_" + name), json_values, min_size=1, max_size=2
)
marks = st.sampled_from(
    [{}, {"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]
)


def block(kind: str, fields: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Any:
    """Blocks of a type with these fields, a cache mark or none, and unknown fields."""
    known = st.fixed_dictionaries({"type": st.just(kind), **fields}, optional=optional)
    return st.builds(lambda block, mark, rest: {**block, **mark, **rest}, known, marks, unknown)


def source(kind: str, **fields: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


citations = st.lists(
    st.builds(
        lambda cited, start: {
            "type": "char_location",
            "cited_text": cited,
            "document_index": 0,
            "document_title": None,
            "start_char_index": start,
            "end_char_index": start + len(cited),
        },
        words,
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=2,
)
texts = block("text", {"text": words})
cited = block("text", {"text": words}, citations=citations)
urls = source("url", url=words.map(lambda path: "https://example.org/" + path))
files = source("file", file_id=words)
images = block(
    "image",
    {"source": source("base64", media_type=st.sampled_from(["image/png", "image/webp"]), data=base64) | urls | files},
)
documents = block(
    "document",
    {
        "source": source("base64", media_type=st.just("application/pdf"), data=base64)
        | source("text", media_type=st.just("text/plain"), data=text)
        | source("content", content=words)
        | urls
        | files
    },
    title=words,
    context=words,
    citations=st.just({"enabled": True}),
)
search_results = block("search_result", {"source": words, "title": words, "content": st.lists(texts, max_size=2)})
thoughts = st.fixed_dictionaries({"type": st.just("thinking"), "thinking": text, "signature": words})
redacted = st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": words})
callers = st.sampled_from([{"type": "direct"}, {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}])
calls = block("tool_use", {"id": names, "name": names, "input": json_objects}, caller=callers)
server_calls = st.fixed_dictionaries(
    {"type": st.just("server_tool_use"), "id": names, "name": st.just("web_search"), "input": json_objects}
)
server_results = st.fixed_dictionaries(
    {
        "type": st.just("web_search_tool_result"),
        "tool_use_id": names,
        "content": st.just({"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}),
    }
)


def content(parts: Any, *, min_size: int = 1) -> Any:
    return words | st.lists(parts, min_size=min_size, max_size=3)


results = block(
    "tool_result",
    {"tool_use_id": names},
    content=st.just("") | content(texts | images | documents | search_results, min_size=0),
    is_error=st.booleans(),
)
answers = st.builds(
    lambda first, then: first + then, st.lists(results, max_size=2), st.lists(texts | images, max_size=2)
)
user_turns = st.builds(
    lambda said, rest: {"role": "user", "content": said, **rest},
    content(texts | images | documents | search_results) | answers.filter(bool),
    unknown,
)
assistant_turns = st.builds(
    lambda said, rest: {"role": "assistant", "content": said, **rest},
    content(cited | thoughts | redacted | calls | server_calls | server_results),
    unknown,
)
system_turns = st.builds(lambda said: {"role": "system", "content": said}, content(texts))


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """Turns of user and assistant in alternation, a system message after a user's turn here and there."""
    messages = [draw(user_turns)]
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            messages.append(draw(system_turns))
        messages += [draw(assistant_turns), draw(user_turns)]
    return messages


functions = st.builds(
    lambda tool, mark, rest: {**tool, **mark, **rest},
    st.fixed_dictionaries(
        {"name": names, "input_schema": json_objects.map(lambda schema: {**schema, "type": "object"})},
        optional={"description": text, "strict": st.booleans(), "type": st.just("custom")},
    ),
    marks,
    unknown,
)
server_tools = st.just({"type": "web_search_20250305", "name": "web_search", "max_uses": 3})
one_at_a_time = {"disable_parallel_tool_use": st.booleans()}
choices = (
    st.fixed_dictionaries({"type": st.sampled_from(["auto", "any"])}, optional=one_at_a_time)
    | st.fixed_dictionaries({"type": st.just("tool"), "name": names}, optional=one_at_a_time)
    | st.just({"type": "none"})
)
display = {"display": st.sampled_from(["summarized", "omitted"])}
efforts = st.sampled_from(["low", "medium", "high", "xhigh", "max"])
thinking = st.one_of(
    st.just({"type": "disabled"}),
    st.just({"type": "between_tools"}),
    st.fixed_dictionaries({"type": st.just("adaptive")}, optional=display),
    st.fixed_dictionaries({"type": st.just("enabled"), "budget_tokens": st.integers(1024, 9999)}, optional=display),
)
formats = st.fixed_dictionaries({"type": st.just("json_schema"), "schema": json_objects})
requests = st.builds(
    lambda request, tools, rest: {**request, **tools, **rest},
    st.fixed_dictionaries(
        {"model": words, "max_tokens": st.integers(1, 10**6), "messages": conversations()},
        optional={
            "system": content(texts),
            "temperature": st.floats(0, 1),
            "top_p": st.floats(0, 1),
            "top_k": st.integers(0, 500),
            "stop_sequences": st.lists(words, min_size=1, max_size=3),
            "stream": st.just(True),
            "thinking": thinking,
            "output_config": st.fixed_dictionaries({"effort": efforts}, optional={"format": formats})
            | st.just({"format": {"type": "json_schema", "schema": {}}}),
            "metadata": st.fixed_dictionaries({"user_id": words}),
            "cache_control": st.just({"type": "ephemeral"}),
            "service_tier": st.sampled_from(["auto", "standard_only"]),
            "container": words,
            "inference_geo": words,
        },
    ),
    st.just({})
    | st.fixed_dictionaries(
        {"tools": st.lists(functions | server_tools, min_size=1, max_size=3)}, optional={"tool_choice": choices}
    ),
    unknown,
)

usages = st.fixed_dictionaries(
    {"input_tokens": counts, "output_tokens": counts},
    optional={
        "cache_creation_input_tokens": counts,
        "cache_read_input_tokens": counts,
        "cache_creation": st.just({"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0}),
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": counts}),
        "server_tool_use": st.just({"web_search_requests": 1, "web_fetch_requests": 0}),
        "service_tier": st.just("standard"),
    },
)
endings = st.sampled_from(
    [
        {"stop_reason": "end_turn", "stop_sequence": None},
        {"stop_reason": "max_tokens", "stop_sequence": None},
        {"stop_reason": "stop_sequence", "stop_sequence": "\n\nHuman:"},
        {"stop_reason": "tool_use", "stop_sequence": None},
        {"stop_reason": "pause_turn", "stop_sequence": None},
        {
            "stop_reason": "refusal",
            "stop_sequence": None,
            "stop_details": {"type": "refusal", "category": "cyber", "explanation": None},
        },
        {"stop_reason": "model_context_window_exceeded", "stop_sequence": None},
    ]
)
spoken = st.builds(
    lambda block, rest: {**block, **rest},
    st.fixed_dictionaries({"type": st.just("text"), "text": words}, optional={"citations": citations}),
    unknown,
)
replies = st.builds(
    lambda reply, ending, rest: {**reply, **ending, **rest},
    st.fixed_dictionaries(
        {
            "id": names,
            "type": st.just("message"),
            "role": st.just("assistant"),
            "model": words,
            "content": st.lists(
                spoken
                | thoughts
                | redacted
                | server_calls
                | server_results
                | st.fixed_dictionaries(
                    {"type": st.just("tool_use"), "id": names, "name": names, "input": json_objects},
                    optional={"caller": callers},
                ),
                max_size=4,
            ),
            "usage": usages,
        },
        optional={"container": st.just({"id": "container_1", "expires_at": "2026-05-01T10:00:00Z"})},
    ),
    endings,
    unknown,
)
