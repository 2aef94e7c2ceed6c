"""Chunks that repeat the one before them mean what they would mean to whoever reads each as JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.values.errors import UpstreamMalformed
from ecotone.values.reply import Event, TextDelta
from ecotone.wire.openai_chat import EventDecoder
from ecotone.wire.openai_chat.repeats import Repeats

texts = st.sampled_from(["a", "", "ü😀", '"', "\\", '"content":', '"}', "\n", "}}]}", "\x01", '\\"obfuscation":"'])


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]}


deltas = (
    st.builds(lambda text: {"content": text}, texts)
    | st.builds(lambda text: {"content": text, "refusal": None}, texts)
    | st.builds(lambda text: {"content": None, "reasoning_content": text}, texts)
    | st.builds(lambda text: {"reasoning": text}, texts)
    | st.builds(lambda one, other: {"reasoning": one, "reasoning_content": other}, texts, texts)
    | st.builds(call, st.integers(0, 1), texts)
    | st.builds(call, st.integers(0, 1), texts, id=st.sampled_from(["c1", "c2"]), type=st.just("function"))
    | st.just({"content": [{"type": "text", "text": "a"}]})
    | st.just({"x_unknown": [1]})
)
choices = st.builds(
    lambda index, delta, finish, logprobs: {"index": index, "delta": delta} | finish | logprobs,
    st.sampled_from([0, 0, 0, 1]),
    deltas,
    st.sampled_from([{}, {}, {"finish_reason": None}, {"finish_reason": "stop"}]),
    st.sampled_from([{}, {"logprobs": None}, {"logprobs": {"content": [{"token": "a", "logprob": -1}]}}]),
)
chunks = st.builds(
    lambda head, choice, tail: head | {"choices": [choice]} | tail,
    st.sampled_from([{"id": "c"}, {"id": "c"}, {"id": "c", "x": 1}, {"content": "no"}]),
    choices,
    st.sampled_from([{}, {}, {"usage": None}, {"usage": {"prompt_tokens": 1}}, {"x_late": [1]}])
    | texts.map(lambda text: {"obfuscation": text}),
)
# Most chunks of a stream are alike.
streams = st.lists(chunks.flatmap(lambda chunk: st.integers(1, 4).map(lambda times: [chunk] * times)), max_size=8)


def decoded(data: list[str]) -> list[Event]:
    decoder = EventDecoder()
    events = decoder.feed("".join(f"data: {one}\n\n" for one in (*data, "[DONE]")).encode())
    decoder.close()
    return events


@settings(max_examples=100)
@given(streams, st.booleans())
def test_the_same_events_as_from_chunks_that_are_never_alike(
    stream: list[list[dict[str, Any]]], ascii_only: bool
) -> None:
    written = [json.dumps(chunk, ensure_ascii=ascii_only) for alike in stream for chunk in alike]
    # Space before the first field makes each begin in another way than the one before it.
    unlike = ["{" + " " * (number % 2) + chunk[1:] for number, chunk in enumerate(written)]
    assert decoded(written) == decoded(unlike)


def text_chunk(text: str, **more: Any) -> str:
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]} | more)


@pytest.mark.parametrize("more", [{}, {"obfuscation": "x8"}])
def test_what_repeats_is_not_read_as_json(more: dict[str, Any]) -> None:
    repeats = Repeats.of(text_chunk("a", **more).encode(), TextDelta(0, 0, "a"))
    assert repeats is not None
    again = more | {"obfuscation": "another"} if more else more
    assert repeats.read(text_chunk('b"ü', **again).encode()) == TextDelta(0, 0, 'b"ü')
    assert repeats.read(text_chunk("b", x=1, **more).encode()) is None
    assert repeats.read(text_chunk("", **more).encode()) is None


def test_what_is_no_string_is_still_a_fault() -> None:
    bad = text_chunk("a").replace('"a"', '"a" "b"')
    with pytest.raises(UpstreamMalformed):
        decoded([text_chunk("a"), text_chunk("a"), bad])


def test_text_that_looks_like_a_field_is_text() -> None:
    alike = [text_chunk("a"), text_chunk("b"), text_chunk('","x":"')]
    assert [event.text for event in decoded(alike) if isinstance(event, TextDelta)] == ["a", "b", '","x":"']


def test_a_field_of_the_same_name_elsewhere_is_not_taken_for_the_text() -> None:
    chunk = json.loads(text_chunk("\x01."))
    alike = [json.dumps({"content": name} | chunk) for name in ("no", "no", "other")]
    texts = [event.text for event in decoded(alike) if isinstance(event, TextDelta)]
    assert texts == ["\x01.", "\x01.", "\x01."]
