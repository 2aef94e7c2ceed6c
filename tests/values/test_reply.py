"""A reply is a fold over its events, and unfolds into events again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.values.chat import (
    AudioPart,
    FileReference,
    ImagePart,
    Inline,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Url,
    Vendor,
)
from ecotone.values.reply import (
    AudioDelta,
    Choice,
    End,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
    merge_vendor,
    unfold,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


text = st.text(max_size=5)
counts = st.integers(0, 1000)
json = st.dictionaries(text, st.none() | st.integers() | st.lists(text, max_size=2) | st.just({"a": 1}), max_size=2)
vendor = st.dictionaries(st.sampled_from(["one", "two"]), json, max_size=2)
source = st.builds(Url, text) | st.builds(Inline, text, maybe(text)) | st.builds(FileReference, text)
parts = st.one_of(
    st.builds(TextPart, text, vendor),
    st.builds(ReasoningPart, text, maybe(text), vendor),
    st.builds(RefusalPart, text, vendor),
    st.builds(ToolCallPart, text, text, text, st.sampled_from(["function", "custom"]), vendor),
    st.builds(AudioPart, maybe(text), maybe(text), maybe(text), maybe(text), maybe(counts), vendor),
    st.builds(ImagePart, source, maybe(text), vendor),
    st.builds(OpaquePart, text, json, vendor),
)
several_parts = st.lists(parts, max_size=4).map(tuple)
tokens = st.builds(TokenLogprob, text, st.floats(-9, 0))
logprobs = maybe(st.lists(tokens, max_size=2).map(tuple))
finishes = maybe(st.sampled_from(["stop", "length", "tool_calls", "refusal", "unknown"]))
choices = st.lists(
    st.builds(
        Choice, counts, st.lists(parts, max_size=4).map(tuple), finishes, maybe(text), logprobs, logprobs, vendor
    ),
    max_size=3,
    unique_by=lambda choice: choice.index,
).map(lambda found: tuple(sorted(found, key=lambda choice: choice.index)))
usages = st.builds(Usage, maybe(counts), maybe(counts), maybe(counts), vendor=vendor)
replies = st.builds(Reply, choices, maybe(text), maybe(text), maybe(counts), maybe(usages), vendor)


@given(replies)
def test_fold_undoes_unfold(reply: Reply) -> None:
    assert fold(unfold(reply)) == reply


def test_deltas_fold_to_the_parts_they_name() -> None:
    reply = fold(
        [
            Start("r1", "m", 17, {"w": {"region": "eu"}}),
            ReasoningDelta(0, 0, "Hm", vendor={"w": {"details": ["a"]}}),
            ReasoningDelta(0, 0, ", yes", "proof", {"w": {"details": ["b"]}}),
            TextDelta(1, 0, "other "),
            TextDelta(0, 1, "Paris"),
            ToolCallDelta(0, 2, "c1", "f", '{"a"', "custom"),
            TextDelta(0, 1, "!"),
            ToolCallDelta(0, 2, arguments=": 1}"),
            TextDelta(1, 0, "choice"),
            AudioDelta(0, 3, data="QUJD", id="a1"),
            AudioDelta(0, 3, data="REVG", transcript="Hi"),
            AudioDelta(0, 3, expires_at=99),
            RefusalDelta(0, 4, "No."),
            ImageDelta(0, 5, Url("https://example.org/i")),
            OpaqueDelta(0, 6, "w", {"type": "citation"}),
            LogprobsDelta(0, (TokenLogprob("Paris", -0.5),)),
            LogprobsDelta(0, (TokenLogprob("!", -1.0),), ()),
            Finish(0, "stop", "eos"),
            UsageReport(Usage(1, 2)),
            UsageReport(Usage(1, 3)),
            End({"w": {"took_ms": 5}}),
        ]
    )
    assert reply == Reply(
        id="r1",
        model="m",
        created=17,
        usage=Usage(1, 3),
        vendor={"w": {"region": "eu", "took_ms": 5}},
        choices=(
            Choice(
                0,
                (
                    ReasoningPart("Hm, yes", "proof", {"w": {"details": ["a", "b"]}}),
                    TextPart("Paris!"),
                    ToolCallPart("c1", "f", '{"a": 1}', "custom"),
                    AudioPart(data="QUJDREVG", id="a1", transcript="Hi", expires_at=99),
                    RefusalPart("No."),
                    ImagePart(Url("https://example.org/i")),
                    OpaquePart("w", {"type": "citation"}),
                ),
                "stop",
                "eos",
                (TokenLogprob("Paris", -0.5), TokenLogprob("!", -1.0)),
                (),
            ),
            Choice(1, (TextPart("other choice"),)),
        ),
    )


def test_one_part_cannot_hold_two_kinds() -> None:
    with pytest.raises(ValueError, match="part 0 of choice 2 mixes kinds"):
        fold([TextDelta(2, 0, "a"), RefusalDelta(2, 0, "b")])


def test_an_image_cannot_come_in_pieces() -> None:
    with pytest.raises(ValueError, match="part 1 of choice 0 comes in pieces"):
        fold([ImageDelta(0, 1, Url("a")), ImageDelta(0, 1, Url("b"))])


def test_merging_metadata_joins_lists_and_objects_and_keeps_the_last_word() -> None:
    first: Vendor = {"w": {"list": [1], "object": {"a": 1, "b": 1}, "word": "x", "kept": 1}}
    second: Vendor = {"w": {"list": [2], "object": {"b": 2}, "word": "y", "kept": None}, "v": {"z": None}}
    assert merge_vendor([first, second]) == {
        "w": {"list": [1, 2], "object": {"a": 1, "b": 2}, "word": "y", "kept": 1},
        "v": {"z": None},
    }
    assert first == {"w": {"list": [1], "object": {"a": 1, "b": 1}, "word": "x", "kept": 1}}
