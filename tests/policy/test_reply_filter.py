"""Rules over replies: what they say is looked at whole before it goes on, however a stream is cut."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.findings import Finding
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.restoring import Pseudonymous
from ecotone.policy.verdict import Spoken, Verdict
from ecotone.values.chat import ReasoningPart, TextPart, ToolCallPart, Url
from ecotone.values.errors import PolicyRefused
from ecotone.values.filters import close_filters, filter_events
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    ReasoningDelta,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    fold,
)
from tests.steps import steps

PATTERNS = {"email": r"[a-z]+@[a-z]+\.org", "credit_card": r"\b4\d{15}\b", "key": r"-BEGIN-[^-]*-END-|-BEGIN-[^-]*\Z"}
ALL = frozenset(PATTERNS)
FLAGGED = Spoken("watch", "flag", "we want to know")


def find(text: str) -> list[Finding]:
    found = [
        Finding(match.start(), match.end(), kind, "test")
        for kind, pattern in PATTERNS.items()
        for match in re.finditer(pattern, text)
    ]
    return sorted(found)


def plainly(text: str) -> str:
    for one in reversed(find(text)):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text


def redacting(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
    return Verdict(True, (FLAGGED,) if kinds else (), redact=ALL)


def denying(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
    if kinds or max((scores or {}).values(), default=0) > 0.5:
        return Verdict(False, (Spoken("no mail", "deny", "no addresses leave here"),))
    return Verdict(True)


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def parts_of(events: Sequence[Event]) -> tuple[Any, ...]:
    return fold(events).choices[0].parts


FILLERS = [
    "word ",
    "One sentence. ",
    "\n",
    "a@",
    "4111",
    "😀",
    "x" * 50 + " ",
    "and so on, ",
    "4111111111111112 ",
    "\\",
    '"',
]
TEXTS = st.lists(
    st.one_of(st.sampled_from(FILLERS), st.sampled_from(["anna@uni.org ", "4111111111111111 ", "-BEGIN-ab\ncd-END- "])),
    max_size=40,
).map("".join)
CUTS = st.lists(st.integers(0, 5000), max_size=40)


@given(TEXTS, CUTS, st.integers(2, 60), st.integers(1, 300))
@settings(max_examples=60)
def test_text_however_it_is_cut(text: str, places: list[int], tail: int, window: int) -> None:
    """With a tail as long as the longest find, nothing is missed and all else is given on as it came."""
    tail += 20
    rules = ReplyRules(redacting, find=find, tail_chars=tail, window_chars=tail + window)
    events: list[Event] = [TextDelta(0, 0, piece) for piece in cut(text, places)]
    given_on = list(filter_events([Start(), *events, Finish(0, "stop"), End()], [rules]))
    told = "".join(event.text for event in given_on if isinstance(event, TextDelta))
    assert told == plainly(text)
    assert rules.kinds == {one.kind for one in find(text)}
    assert sum(rules.redacted.values()) == len(find(text))
    assert set(rules.spoken) == ({"watch"} if find(text) else set())
    assert rules.complete and rules.skipped == set()


@given(TEXTS, CUTS, st.booleans())
@settings(max_examples=60)
def test_arguments_however_they_are_cut(text: str, places: list[int], ascii_only: bool) -> None:
    arguments = json.dumps({"a": text, "b": [4111111111111111, text]}, ensure_ascii=ascii_only)
    if ascii_only:
        arguments = arguments.replace("@", "\\u0040")
    rules = ReplyRules(redacting, find=find, tail_chars=40, window_chars=90)
    begun = ToolCallDelta(0, 0, "id", "f", "", "function")
    events = [begun, *(ToolCallDelta(0, 0, arguments=piece) for piece in cut(arguments, places))]
    (call,) = parts_of(filter_events([*events, Finish(0, "tool_calls"), End()], [rules]))
    assert json.loads(call.arguments) == {"a": plainly(text), "b": ["[credit_card]", plainly(text)]}


def test_a_window_is_given_on_at_the_end_of_a_sentence() -> None:
    rules = ReplyRules(redacting, find=find, tail_chars=10, window_chars=60)
    assert rules.feed(TextDelta(0, 0, "One sentence that is rather long. And then")) == []
    assert rules.feed(TextDelta(0, 0, " one that goes on.")) == [TextDelta(0, 0, "One sentence that is rather long. ")]
    assert rules.feed(Finish(0, "stop")) == [TextDelta(0, 0, "And then one that goes on."), Finish(0, "stop")]


def test_a_denial_is_raised_before_the_find_goes_on() -> None:
    rules = ReplyRules(denying, find=find, tail_chars=20, window_chars=50)
    events: list[Event] = [TextDelta(0, 0, "All is well here, " * 5), TextDelta(0, 0, "write to anna@uni.org ")]
    told = [event for event in rules.feed(events[0]) if isinstance(event, TextDelta)]
    assert told and "anna" not in told[0].text
    with pytest.raises(PolicyRefused, match=r"no addresses leave here \(no mail\)") as refused:
        filter_events([events[1], Finish(0, "stop")], [rules])
    assert refused.value.status == 403
    assert refused.value.rules == ("no mail",)
    assert not rules.complete


def test_the_guard_reads_all_of_it_in_order() -> None:
    read: list[str] = []

    def guard(text: str) -> Mapping[str, float]:
        read.append(text)
        return {"fraud": 0.9 if "send me the money" in text else 0.1}

    calm = "We talk about the weather. " * 40
    rules = ReplyRules(denying, guard=guard)
    assert rules.slow
    told = filter_events([TextDelta(0, 0, piece) for piece in cut(calm, range(0, 1080, 7))], [rules])
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) in calm
    assert rules.scores == {"fraud": 0.1}
    with pytest.raises(PolicyRefused):
        filter_events([TextDelta(0, 0, "Now send me"), TextDelta(0, 0, " the money."), Finish(0, "stop")], [rules])
    assert rules.scores == {"fraud": 0.9}
    assert all(len(text) <= 2500 for text in read)
    assert set(re.findall("weather", " ".join(read))) == {"weather"}


def test_without_a_guard_there_are_no_scores() -> None:
    seen: list[Mapping[str, float] | None] = []

    def decide(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
        seen.append(scores)
        return Verdict(True)

    filter_events([Start(), TextDelta(0, 0, "x"), Finish(0, "stop"), End()], [ReplyRules(decide, find=find)])
    filter_events([Start(), Finish(0, "stop"), End()], [ReplyRules(decide, find=find)])
    assert seen == [None, None]
    filter_events([Start(), Finish(0, "stop"), End()], [ReplyRules(decide, guard=lambda text: {"hate": 0.0})])
    assert seen[2:] == [{"hate": 0.0}]


def test_a_find_longer_than_the_tail_is_held_back_whole() -> None:
    key = "-BEGIN-" + "k" * 900 + "-END-"
    rules = ReplyRules(redacting, find=find, tail_chars=30, window_chars=60)
    pieces = cut("Take it: " + key + " and go.", range(0, 1000, 9))
    told = filter_events([*(TextDelta(0, 0, piece) for piece in pieces), Finish(0, "stop")], [rules])
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == "Take it: [key] and go."


def test_pseudonyms_are_no_finds() -> None:
    rules = ReplyRules(redacting, find=find, pseudonyms=Pseudonymous({"brobri@tolei.org": "real@uni.org"}))
    (part,) = parts_of(filter_events([TextDelta(0, 0, "a@b.org, brobri@tolei.org"), Finish(0, "stop")], [rules]))
    assert part.text == "[email], brobri@tolei.org"


def test_a_pseudonym_longer_than_what_is_seen_before_is_not_taken_apart() -> None:
    """Its end alone would look like a find."""
    key = "-BEGIN-" + "k " * 150 + "a@b.org-END-"
    rules = ReplyRules(redacting, find=find, pseudonyms=Pseudonymous({key: "secret"}), tail_chars=30, window_chars=60)
    pieces = cut(f"Take it: {key} and go.", range(0, 1000, 9))
    told = filter_events([*(TextDelta(0, 0, piece) for piece in pieces), Finish(0, "stop")], [rules])
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == f"Take it: {key} and go."


def test_parts_end_before_the_next_begins() -> None:
    rules = ReplyRules(redacting, find=find)
    first, second = '{"to": "anna@uni.org"}', '{"n": 4111111111111111}'
    events: list[Event] = [
        TextDelta(0, 0, "I call."),
        ToolCallDelta(0, 1, "c1", "f", first, "function"),
        ToolCallDelta(0, 2, "c2", "f", second[:9], "function"),
        ToolCallDelta(0, 2, arguments=second[9:]),
        Finish(0, "tool_calls"),
    ]
    assert filter_events(events, [rules]) == [
        TextDelta(0, 0, "I call."),
        ToolCallDelta(0, 1, "c1", "f", "", "function"),
        ToolCallDelta(0, 1, arguments='{"to": "[email]"}'),
        ToolCallDelta(0, 2, "c2", "f", "", "function"),
        ToolCallDelta(0, 2, arguments='{"n": "[credit_card]"}'),
        Finish(0, "tool_calls"),
    ]


def test_calls_that_come_at_the_same_time() -> None:
    rules = ReplyRules(redacting, find=find)
    events: list[Event] = [
        ToolCallDelta(0, 1, "c1", "f", '{"to": "anna@u', "function"),
        ToolCallDelta(0, 2, "c2", "f", '{"to": "', "function"),
        ToolCallDelta(0, 1, arguments='ni.org"}'),
        ToolCallDelta(0, 2, arguments='bob@uni.org"}'),
        Finish(0, "tool_calls"),
    ]
    calls = parts_of(filter_events(events, [rules]))
    assert [call.arguments for call in calls if isinstance(call, ToolCallPart)] == ['{"to": "[email]"}'] * 2


def test_reasoning_keeps_its_signature_unless_it_is_changed() -> None:
    for text, signature in (("nothing here", "c2ln"), ("write to anna@uni.org", None)):
        events: list[Event] = [
            ReasoningDelta(0, 0, text[:12], wire="anthropic"),
            ReasoningDelta(0, 0, text[12:], wire="anthropic"),
            ReasoningDelta(0, 0, "", "c2ln", wire="anthropic"),
            TextDelta(0, 1, "x"),
        ]
        told = parts_of(filter_events(events, [ReplyRules(redacting, find=find)]))[0]
        assert told == ReasoningPart(plainly(text), signature, wire="anthropic")


def test_metadata_is_looked_at_but_not_what_nobody_can_read() -> None:
    rules = ReplyRules(redacting, find=find)
    secret = "a@b.org"
    citations = {"anthropic": {"citations": [{"cited_text": "by a@b.org", "encrypted_index": secret}]}}
    events: list[Event] = [
        TextDelta(0, 0, "So it is", citations),
        OpaqueDelta(0, 1, "anthropic", {"type": "a@b.org", "content": ["a@b.org"], "signature": "a@b.org"}),
        Finish(0, "stop", vendor={"gemini": {"title": "a@b.org"}}),
        End({"gemini": {"x": 1}}),
    ]
    assert filter_events(events, [rules]) == [
        TextDelta(
            0, 0, "So it is", {"anthropic": {"citations": [{"cited_text": "by [email]", "encrypted_index": secret}]}}
        ),
        OpaqueDelta(0, 1, "anthropic", {"type": "a@b.org", "content": ["[email]"], "signature": "a@b.org"}),
        Finish(0, "stop", vendor={"gemini": {"title": "[email]"}}),
        End({"gemini": {"x": 1}}),
    ]


def test_each_piece_says_in_which_form_it_came() -> None:
    form = {"openai-chat.form": {"at": "reasoning"}}
    rules = ReplyRules(redacting, find=find, tail_chars=5, window_chars=20)
    events: list[Event] = [ReasoningDelta(0, 0, "some words ", vendor=form) for _ in range(4)]
    told = filter_events([*events, Finish(0, "stop")], [rules])
    assert [event.vendor for event in told if isinstance(event, ReasoningDelta)] == [form] * 3


def test_what_is_not_looked_at_is_named() -> None:
    rules = ReplyRules(redacting, find=find)
    image = ImageDelta(0, 0, Url("https://x.example/a.png"))
    sound = AudioDelta(0, 1, data="AAAA", id="a")
    events: list[Event] = [
        image,
        sound,
        AudioDelta(0, 1, transcript="anna@uni."),
        AudioDelta(0, 1, transcript="org says hello"),
    ]
    assert filter_events([*events, Finish(0, "stop")], [rules]) == [
        image,
        sound,
        AudioDelta(0, 1, transcript="[email] says hello"),
        Finish(0, "stop"),
    ]
    assert rules.skipped == {"image", "audio"}


def test_rules_have_a_say_before_what_nobody_looks_at_goes_on() -> None:
    def decide(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
        return Verdict(not rules.skipped)

    rules = ReplyRules(decide, find=find)
    with pytest.raises(PolicyRefused):
        rules.feed(ImageDelta(0, 0, Url("https://x.example/a.png")))


def test_log_probabilities_wait_and_do_not_tell_what_is_replaced() -> None:
    tokens = LogprobsDelta(0, (TokenLogprob("anna", -0.1),))
    for text, expected in (("anna@uni.org", [TextDelta(0, 0, "[email]")]), ("anna", [TextDelta(0, 0, "anna"), tokens])):
        events: list[Event] = [TextDelta(0, 0, text), tokens, Finish(0, "stop")]
        assert filter_events(events, [ReplyRules(redacting, find=find)]) == [*expected, Finish(0, "stop")]


def test_what_was_not_looked_at_is_not_given_on_when_a_stream_breaks() -> None:
    rules = ReplyRules(redacting, find=find)
    assert filter_events([TextDelta(0, 0, "anna@un")], [rules]) == []
    assert close_filters([rules]) == []
    assert not rules.complete


def test_an_answer_in_json_stays_json() -> None:
    rules = ReplyRules(redacting, find=find, json_text=True)
    (part,) = parts_of(filter_events([TextDelta(0, 0, '{"n": 4111111111111111}'), Finish(0, "stop")], [rules]))
    assert part == TextPart('{"n": "[credit_card]"}')


def test_a_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than its tail"):
        ReplyRules(redacting, window_chars=10, tail_chars=10)


def test_work_is_in_proportion_to_the_pseudonyms_in_a_reply() -> None:
    def work(count: int) -> int:
        names = ["".join(chr(97 + number // 26**place % 26) for place in range(4)) for number in range(count)]
        originals = {f"{name}@tolei.org": f"{name}@uni.org" for name in names}
        rules = ReplyRules(redacting, find=find, pseudonyms=Pseudonymous(originals))
        events: list[Event] = [Start(), TextDelta(0, 0, " ".join(originals)), Finish(0, "stop"), End()]
        return steps(lambda: filter_events(events, [rules]))

    assert work(400) < 3 * work(200)


def test_work_is_in_proportion_to_the_parts_of_a_reply() -> None:
    def work(count: int) -> int:
        rules = ReplyRules(redacting, find=find)
        events: list[Event] = [
            Start(),
            *(TextDelta(0, number, "a@uni.org") for number in range(count)),
            Finish(0, "stop"),
            End(),
        ]
        return steps(lambda: filter_events(events, [rules]))

    assert work(400) < 3 * work(200)


def test_a_part_that_goes_on_after_the_next_one_has_begun() -> None:
    rules = ReplyRules(redacting, find=find)
    events: list[Event] = [Start(), *(TextDelta(0, number % 2, f"to anna@uni.org {number}. ") for number in range(6))]
    given_on = filter_events([*events, Finish(0, "stop"), End()], [rules])
    assert parts_of(given_on) == (
        TextPart("to [email] 0. to [email] 2. to [email] 4. "),
        TextPart("to [email] 1. to [email] 3. to [email] 5. "),
    )
    assert rules.redacted == {"email": 6}
