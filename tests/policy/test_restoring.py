"""Pseudonyms in replies are put back, however a stream is cut."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.restoring import Pseudonymous, Restorer
from ecotone.values.chat import ReasoningPart, TextPart, ToolCallPart
from ecotone.values.filters import close_filters, filter_events, filtered_reply
from ecotone.values.reply import (
    AudioDelta,
    Choice,
    End,
    Event,
    Finish,
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
)
from tests.steps import steps

ORIGINALS = {
    "9999 4726 4051 4449": "4111 1111 1111 1111",
    "9999472640514449": "4111111111111111",
    "gromatei.trio04@nuviolo.example": 'anna"k\\@uni.edu',
    "Prutae": "Mária",
    "Prutae Dreiduklei": "Mária Schmidt",
    "科米帕卡": "王小明",
    "https://druveiko.example/f/b?q=4&r=5": "https://www.hospital.org/a/b?x=1&y=2",
    "-----BEGIN KEY-----\nabc\n-----END KEY-----": "-----BEGIN KEY-----\nxyz\n-----END KEY-----",
}
LONGEST_FIRST = sorted(ORIGINALS, key=len, reverse=True)
# Beginnings of pseudonyms among them.
FILLERS = [" ", "9", "99", "Pru", "Prutae Drei", "https://", "\n", '"', "\\", "é", "😀", "the card", "-----", "科", "g"]


def plainly(text: str) -> str:
    for form in LONGEST_FIRST:
        text = text.replace(form, ORIGINALS[form])
    return text


def texts() -> st.SearchStrategy[str]:
    # A blank after each pseudonym, so that none runs together with what follows to another.
    pieces = st.one_of(st.sampled_from([f"{form}." for form in ORIGINALS]), st.sampled_from(FILLERS))
    return st.lists(pieces, max_size=8).map("".join)


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def restored(events: Sequence[Event], **options: bool) -> list[Event]:
    return list(filter_events(events, [Restorer(ORIGINALS, **options)]))


def parts_of(events: Sequence[Event]) -> tuple[Any, ...]:
    return fold(events).choices[0].parts


CUTS = st.lists(st.integers(0, 10_000), max_size=30)


@given(texts(), CUTS)
@settings(max_examples=60)
def test_text_however_it_is_cut(text: str, places: list[int]) -> None:
    events: list[Event] = [Start(), *(TextDelta(0, 0, piece) for piece in cut(text, places)), Finish(0, "stop"), End()]
    given_on = restored(events)
    assert "".join(event.text for event in given_on if isinstance(event, TextDelta)) == plainly(text)
    assert [type(event) for event in given_on if not isinstance(event, TextDelta)] == [Start, Finish, End]


@given(texts(), CUTS, st.booleans())
@settings(max_examples=60)
def test_arguments_however_they_are_cut_and_escaped(text: str, places: list[int], ascii_only: bool) -> None:
    arguments = json.dumps({"a": [text, 1], text: "b"}, ensure_ascii=ascii_only)
    if ascii_only:
        # As some vendors' encoders write them.
        arguments = arguments.replace("&", "\\u0026").replace("/", "\\/").replace("k", "\\u006B")
    pieces = cut(arguments, places)
    begun = ToolCallDelta(0, 0, "id", "name", "", "function")
    given_on = restored([begun, *(ToolCallDelta(0, 0, arguments=piece) for piece in pieces), Finish(0, "tool_calls")])
    written = "".join(event.arguments for event in given_on if isinstance(event, ToolCallDelta))
    assert json.loads(written) == {"a": [plainly(text), 1], plainly(text): "b"}


@given(st.lists(texts(), min_size=3, max_size=3), CUTS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_parts_that_come_at_the_same_time(said: list[str], places: list[int], random: Random) -> None:
    """Each part is restored by itself, and nothing of one comes before what came before it in the same part."""
    arguments = [json.dumps({"a": text}) for text in said[1:]]
    begun: list[Event] = [
        ToolCallDelta(0, 1, "c1", "f", "", "function"),
        ToolCallDelta(0, 2, "c2", "f", "", "function"),
    ]
    queues: list[list[Event]] = [
        [TextDelta(1, 0, piece) for piece in cut(said[0], places)],
        [ToolCallDelta(0, 1, arguments=piece) for piece in cut(arguments[0], places)],
        [ToolCallDelta(0, 2, arguments=piece) for piece in cut(arguments[1], places)],
    ]
    events = list(begun)
    while queues := [queue for queue in queues if queue]:
        events.append(random.choice(queues).pop(0))
    events += [Finish(0, "tool_calls"), Finish(1, "stop"), End()]
    reply = fold(restored(events))
    calls = [part for part in reply.choices[0].parts if isinstance(part, ToolCallPart)]
    assert [json.loads(call.arguments) for call in calls] == [{"a": plainly(text)} for text in said[1:]]
    if said[0]:
        assert reply.choices[1].parts == (TextPart(plainly(said[0])),)


def test_what_cannot_begin_a_pseudonym_is_not_held_back() -> None:
    filter_ = Restorer(ORIGINALS)
    event = TextDelta(0, 0, "The card is ")
    assert filter_.feed(event) == [event]
    assert filter_.feed(event)[0] is event
    assert filter_.feed(TextDelta(0, 0, "number 99")) == [TextDelta(0, 0, "number ")]
    assert filter_.feed(TextDelta(0, 0, "9")) == []
    assert filter_.feed(TextDelta(0, 0, "8 it")) == [TextDelta(0, 0, "9998 it")]


def test_the_longest_pseudonym_wins() -> None:
    filter_ = Restorer(ORIGINALS)
    assert filter_.feed(TextDelta(0, 0, "Prutae")) == []
    assert filter_.feed(TextDelta(0, 0, " Drei")) == []
    assert filter_.feed(TextDelta(0, 0, "duklei!")) == [TextDelta(0, 0, "Mária Schmidt!")]
    assert filter_.feed(TextDelta(0, 0, "Prutae Dr")) == []
    assert filter_.feed(TextDelta(0, 0, ".")) == [TextDelta(0, 0, "Mária Dr.")]


def test_what_is_held_back_comes_before_the_next_part() -> None:
    events: list[Event] = [
        TextDelta(0, 0, "By 99"),
        ToolCallDelta(0, 1, "c", "f", '{"a":"99', "function"),
        TextDelta(0, 2, "x"),
    ]
    given_on = restored([*events, Finish(0, "stop")])
    assert given_on == [
        TextDelta(0, 0, "By "),
        TextDelta(0, 0, "99"),
        ToolCallDelta(0, 1, "c", "f", '{"a":"', "function"),
        TextDelta(0, 2, "x"),
        ToolCallDelta(0, 1, arguments="99"),
        Finish(0, "stop"),
    ]


def test_what_is_held_back_of_a_broken_stream_is_given_on() -> None:
    filters = [Restorer(ORIGINALS)]
    assert filter_events([TextDelta(0, 0, "Prutae")], filters) == []
    assert close_filters(filters) == [TextDelta(0, 0, "Mária")]


def test_refusals_and_transcripts() -> None:
    events: list[Event] = [
        RefusalDelta(0, 0, "Not for Pru"),
        RefusalDelta(0, 0, "tae."),
        AudioDelta(0, 1, data="AAAA", transcript="Hello Prut", id="a"),
        AudioDelta(0, 1, data="BBBB"),
        AudioDelta(0, 1, transcript="ae"),
    ]
    refusal, audio = parts_of(restored([*events, Finish(0, "stop")]))
    assert refusal.text == "Not for Mária."
    assert (audio.transcript, audio.data, audio.id) == ("Hello Mária", "AAAABBBB", "a")


def test_reasoning_is_restored_unless_it_is_signed() -> None:
    unsigned: list[Event] = [ReasoningDelta(0, 0, "Pru"), ReasoningDelta(0, 0, "tae")]
    signed: list[Event] = [ReasoningDelta(0, 1, "Pru", wire="anthropic"), ReasoningDelta(0, 1, "tae", wire="anthropic")]
    signed.append(ReasoningDelta(0, 1, "", "c2ln", wire="anthropic"))
    told = parts_of(restored([*unsigned, *signed, Finish(0, "stop")]))
    assert told == (ReasoningPart("Mária"), ReasoningPart("Prutae", "c2ln", wire="anthropic"))


def test_a_signature_comes_after_what_it_signs() -> None:
    given_on = restored([ReasoningDelta(0, 0, "I think 99"), ReasoningDelta(0, 0, "", "c2ln", wire="gemini")])
    assert given_on == [
        ReasoningDelta(0, 0, "I think "),
        ReasoningDelta(0, 0, "99"),
        ReasoningDelta(0, 0, "", "c2ln", wire="gemini"),
    ]


def test_free_text_for_a_tool_is_not_taken_for_json() -> None:
    events: list[Event] = [
        ToolCallDelta(0, 0, "c", "f", "write gromatei.trio04@", "custom"),
        ToolCallDelta(0, 0, arguments="nuviolo.example 99"),
        TextDelta(0, 1, "done"),
    ]
    given_on = restored(events)
    assert given_on[-2:] == [ToolCallDelta(0, 0, arguments="99"), TextDelta(0, 1, "done")]
    assert parts_of(given_on)[0].arguments == 'write anna"k\\@uni.edu 99'


def test_an_answer_in_json_stays_json() -> None:
    text = '{"mail": "gromatei.trio04@nuviolo.example"}'
    events: list[Event] = [TextDelta(0, 0, text), Finish(0, "stop")]
    (part,) = parts_of(restored(events, json_text=True))
    assert json.loads(part.text) == {"mail": 'anna"k\\@uni.edu'}


def test_metadata_is_restored_and_keeps_its_place() -> None:
    citation = {"anthropic": {"citations": [{"cited_text": "Prutae was here"}]}}
    signed = {"gemini": {"thoughtSignature": "c2ln"}}
    events: list[Event] = [
        TextDelta(0, 0, "", citation),
        TextDelta(0, 1, "See Prut", signed),
        OpaqueDelta(0, 2, "anthropic", {"type": "result", "found": ["Prutae"]}),
        Finish(0, "stop", vendor={"gemini": {"citationMetadata": {"title": "Prutae"}}}),
        End({"gemini": {"note": "Prutae"}}),
    ]
    assert restored(events) == [
        TextDelta(0, 0, "", {"anthropic": {"citations": [{"cited_text": "Mária was here"}]}}),
        TextDelta(0, 1, "See "),
        TextDelta(0, 1, "Prut", signed),
        OpaqueDelta(0, 2, "anthropic", {"type": "result", "found": ["Mária"]}),
        Finish(0, "stop", vendor={"gemini": {"citationMetadata": {"title": "Mária"}}}),
        End({"gemini": {"note": "Mária"}}),
    ]


def test_each_piece_says_in_which_form_it_came() -> None:
    """Open servers tell reasoning in one of two fields, and a client reads one of them."""
    form = {"openai-chat.form": {"at": "reasoning"}}
    events = [ReasoningDelta(0, 0, "I see Prut", vendor=form), ReasoningDelta(0, 0, "ae.", vendor=form)]
    assert restored(events) == [
        ReasoningDelta(0, 0, "I see ", vendor=form),
        ReasoningDelta(0, 0, "Mária.", vendor=form),
    ]


def test_log_probabilities_come_after_their_text() -> None:
    tokens = LogprobsDelta(0, (TokenLogprob("Prut", -0.1),))
    more = LogprobsDelta(0, (TokenLogprob("ae.", -0.2),))
    events: list[Event] = [TextDelta(0, 0, "Prut"), tokens, UsageReport(Usage(1, 2)), TextDelta(0, 0, "ae."), more]
    assert restored(events) == [UsageReport(Usage(1, 2)), TextDelta(0, 0, "Mária."), tokens, more]
    assert restored([TextDelta(0, 0, "Prut"), tokens, Finish(0, "length")]) == [
        TextDelta(0, 0, "Prut"),
        tokens,
        Finish(0, "length"),
    ]


def test_whole_replies() -> None:
    call = ToolCallPart("c", "f", '{"to": "gromatei.trio04@nuviolo.example"}')
    reply = Reply((Choice(0, (TextPart("Hello Prutae"), call), "tool_calls", "tool_calls"),), "id", "m", 1, Usage(1, 2))
    found = filtered_reply(reply, [Restorer(ORIGINALS)])
    text, called = found.choices[0].parts
    assert text == TextPart("Hello Mária")
    assert isinstance(called, ToolCallPart)
    assert json.loads(called.arguments) == {"to": 'anna"k\\@uni.edu'}
    assert (found.id, found.model, found.created, found.usage) == ("id", "m", 1, Usage(1, 2))
    assert found.choices[0].finish == "tool_calls"
    assert filtered_reply(reply, []) is reply


def test_json_of_any_shape() -> None:
    inner = json.dumps({"to": "gromatei.trio04@nuviolo.example"})
    value = {"Prutae": ["Prutae", 1, None, {"arguments": inner}], "text": "[see] gromatei.trio04@nuviolo.example"}
    found = Pseudonymous(ORIGINALS).restored_json(value)
    assert found["text"] == '[see] anna"k\\@uni.edu'
    name, number, nothing, call = found["Mária"]
    assert (name, number, nothing) == ("Mária", 1, None)
    assert json.loads(call["arguments"]) == {"to": 'anna"k\\@uni.edu'}
    untouched = {"a": ["b", {"c": "d"}]}
    assert Pseudonymous(ORIGINALS).restored_json(untouched) is untouched


def test_nothing_to_restore() -> None:
    assert Pseudonymous({}).restored("Prutae", more=True) == ("Prutae", 6)
    with pytest.raises(ValueError, match="two characters"):
        Restorer({"a": "b"})


def test_work_is_in_proportion_to_the_reply() -> None:
    def work(count: int) -> int:
        # Each of another length, and the same beginning.
        originals = {f"https://vubreiko.example/{'a' * number}": f"real {number}" for number in range(count)}
        events: list[Event] = [Start(), TextDelta(0, 0, " ".join(originals)), Finish(0, "stop"), End()]
        return steps(lambda: filter_events(events, [Restorer(originals)]))

    assert work(400) < 3 * work(200)


@pytest.mark.parametrize("longest", [5, 63, 64, 65, 130])
def test_pseudonyms_that_begin_with_each_other(longest: int) -> None:
    # Of "abab...", "ababab..." and so on the longest that is there whole is put back.
    originals = {("ab" * 70)[:size]: f"<{size}>" for size in range(4, longest + 1)}
    known = Pseudonymous(originals)
    assert known.restored(("ab" * 70)[:longest] + "!") == (f"<{longest}>!", longest + 1)
    assert known.restored("ababa!") == ("<5>!", 6)
    assert known.restored("x" + "ab" * 70 + "ab", more=True)[1] <= 143
    for size in range(4, longest):
        assert known.restored(("ab" * 70)[:size], more=True) == ("", 0)
