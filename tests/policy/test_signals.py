"""Signs of misuse: given when the numbers say so, once an hour, with bounded memory."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.policy.signals import Signal, Signals, skeleton

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_800_000_000 * SECOND  # a whole minute


def denied(signals: Signals, times: list[int], *blocked: str, principal: str = "ann") -> list[Signal]:
    return [one for at in times for one in signals.note(principal, START + at, denied=True, blocked=blocked)]


def asked(signals: Signals, texts: list[str], *, every: int, principal: str = "ann", since: int = 0) -> list[Signal]:
    return [
        one
        for number, text in enumerate(texts)
        for one in signals.note(principal, START + since + number * every, text=text)
    ]


def test_the_tenth_denial_in_ten_minutes_is_a_signal() -> None:
    signals = Signals()
    assert denied(signals, [minute * MINUTE for minute in range(9)]) == []
    assert denied(signals, [9 * MINUTE]) == [
        Signal(
            "rising_denials",
            "ann",
            START + 9 * MINUTE,
            {"denials": 10, "minutes": 10, "before": 0, "before_minutes": 60},
        )
    ]


def test_ten_denials_in_eleven_minutes_are_none() -> None:
    assert denied(Signals(), [minute * MINUTE for minute in range(9)] + [10 * MINUTE]) == []


@pytest.mark.parametrize(("before", "lately"), [(0, 10), (19, 10), (20, 10), (21, 11), (22, 11), (23, 12), (40, 20)])
def test_denials_must_have_tripled(before: int, lately: int) -> None:
    # Three times the rate: lately/10 >= 3 * before/60, that is 2 * lately >= before, from ten denials on. The earlier
    # ones lie in 50 minutes, so that no ten minutes of them have more than eight or nine.
    signals = Signals()
    assert denied(signals, [number * 50 * MINUTE // before for number in range(before)]) == []
    found = denied(signals, [65 * MINUTE + number for number in range(lately)])
    assert [(one.detail["denials"], one.detail["before"]) for one in found] == [(lately, before)]


def test_what_is_refused_all_the_time_is_no_news() -> None:
    # One a minute is ten in ten minutes, with sixty in the hour before; only the first hour tells of a rise.
    found = denied(Signals(), [minute * MINUTE for minute in range(600)])
    assert [(one.kind, one.at_us) for one in found] == [("rising_denials", START + 9 * MINUTE)]


def test_it_is_said_again_after_an_hour() -> None:
    signals = Signals()
    burst = list(range(10))
    assert len(denied(signals, burst)) == 1
    # An hour less a second later is too soon; the next comes with an hour past, counting ten before it.
    assert denied(signals, [59 * MINUTE + number for number in range(20)]) == []
    (again,) = denied(signals, [HOUR + MINUTE])
    assert again.at_us == START + HOUR + MINUTE
    assert again.detail == {"denials": 21, "minutes": 10, "before": 10, "before_minutes": 60}


def test_callers_are_told_apart() -> None:
    signals = Signals()
    assert denied(signals, list(range(9)), principal="ann") == []
    assert denied(signals, list(range(9)), principal="bob") == []
    assert [one.principal for one in denied(signals, [10], principal="bob")] == ["bob"]


def test_what_is_allowed_is_no_denial() -> None:
    signals = Signals()
    assert [one for at in range(1000) for one in signals.note("ann", START + at * SECOND)] == []


def test_the_fifth_block_of_one_risk_in_an_hour_is_a_signal() -> None:
    signals = Signals()
    quarter = 14 * MINUTE
    assert denied(signals, [number * quarter for number in range(4)], "content.weapons", "content.hate") == []
    found = denied(signals, [4 * quarter], "content.weapons")
    assert found == [
        Signal(
            "repeated_blocks",
            "ann",
            START + 4 * quarter,
            {"blocked": "content.weapons", "times": 5, "minutes": 60},
        )
    ]
    assert denied(signals, [4 * quarter + 1], "content.hate") == []  # the kind was given in this hour


def test_five_blocks_in_more_than_an_hour_are_none() -> None:
    assert denied(Signals(), [number * 15 * MINUTE for number in range(20)], "content.weapons") == []


def test_different_risks_do_not_add_up() -> None:
    found = [denied(Signals(), list(range(4)), risk) for risk in ("content.hate", "content.fraud", "rule no keys")]
    assert found == [[], [], []]


def test_two_hundred_requests_of_one_template_are_a_sweep() -> None:
    signals = Signals()
    texts = [f"Tell me all about the number {number}." for number in range(200)]
    assert asked(signals, texts[:199], every=17 * SECOND) == []
    at = 199 * 17 * SECOND
    assert asked(signals, texts[199:], every=1, since=at) == [
        Signal("sweep", "ann", START + at, {"requests": 200, "minutes": 60})
    ]


def test_slower_than_two_hundred_an_hour_is_none() -> None:
    # 18 seconds apart the first is just an hour old when the 201st comes, so that there are never more than 200; with
    # 19 seconds there are never more than 190.
    texts = [f"Tell me all about the number {number}." for number in range(600)]
    assert asked(Signals(), texts, every=19 * SECOND) == []
    assert [one.at_us for one in asked(Signals(), texts[:201], every=18 * SECOND)] == [START + 199 * 18 * SECOND]


def test_the_same_request_counts_once() -> None:
    texts = [f"Tell me all about the number {number % 199}." for number in range(3000)]
    assert asked(Signals(), texts, every=SECOND) == []


def test_the_same_sweep_is_told_again_another_day() -> None:
    signals = Signals()
    texts = [f"Tell me all about the number {number}." for number in range(200)]
    found = [one for day in range(3) for one in asked(signals, texts, every=SECOND, since=day * 24 * HOUR)]
    assert [one.at_us for one in found] == [START + day * 24 * HOUR + 199 * SECOND for day in range(3)]


def in_letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def test_a_sweep_is_seen_among_other_requests() -> None:
    mixed = [
        f"Tell me all about the number {number}." if number % 5 == 0 else f"what is {in_letters(number)}"
        for number in range(1000)
    ]
    (found,) = asked(Signals(), mixed, every=SECOND)
    assert (found.kind, found.at_us, found.detail["requests"]) == ("sweep", START + 995 * SECOND, 200)


def test_different_texts_are_no_sweep() -> None:
    texts = [f"what is {in_letters(number)}" for number in range(1000)]
    assert asked(Signals(), texts, every=SECOND) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("What is the capital of Lithuania in 1925?", "what is the of in"),
        ("What is the capital of Peru in 4?", "what is the of in"),
        ('Say "the cat is on my mat" to me', "say to me"),
        ('Say "no" to me', "say to me"),
        ("Say “it is not” to me", "say to me"),
        ("Расскажи мне всё про Рим", "мне всё про"),
        ("Расскажи мне всё про Константинополь 15", "мне всё про"),
        ("is it " + "9" * 391 + " so", "is it so"),
        ("is it " + "9" * 391 + " some", "is it"),
        ("is it " + "9" * 393 + " so", "is it"),
        ("is it " + "big " * 22 + "extraordinary", "is it big big big big big big"),
        ("is it " + "LARGE " * 21 + "so or extraordinary", "is it so"),
        ("Constantinople", None),
        ("继续写下去", None),
        ("", None),
        ("  ", None),
        ('"', None),
    ],
)
def test_what_is_filled_in_is_folded_away(text: str, kept: str | None) -> None:
    assert skeleton(text) == kept


@given(st.lists(st.from_regex(r"[A-Z][a-z]{4,12}|[0-9]{1,9}|[a-z]{5,12}", fullmatch=True), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_template_has_one_skeleton_whatever_is_put_in(filled: list[str]) -> None:
    first, *others = filled
    text = f"speak to me as if it were {first} and not {' '.join(others)}, in a few words of his or her own"
    assert skeleton(text) == "to me as if it were and not"


@given(st.text(max_size=600))
@settings(max_examples=100, deadline=None)
def test_a_skeleton_is_short_and_has_no_long_word(text: str) -> None:
    words = (skeleton(text) or "").split()
    assert len(words) <= 8
    assert all(1 <= len(word) <= 4 and not any(character.isdigit() for character in word) for word in words)


NOTES = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "eve"]),
        st.integers(-MINUTE, 8 * MINUTE),
        st.booleans(),
        st.sets(st.sampled_from(["content.hate", "content.fraud", "rule x"])),
    ),
    max_size=150,
)


@given(NOTES)
@settings(max_examples=80, deadline=None)
def test_no_kind_is_given_twice_in_an_hour(notes: list[tuple[str, int, bool, set[str]]]) -> None:
    signals, at = Signals(), START
    last: dict[tuple[str, str], int] = {}
    for number, (principal, gap, refused, blocked) in enumerate(notes):
        at += gap
        text = f"tell me of the number {number}"
        for one in signals.note(principal, at, denied=refused, blocked=blocked, text=text):
            assert one.principal == principal
            assert one.at_us - last.get((principal, one.kind), -HOUR) >= HOUR
            last[principal, one.kind] = one.at_us


@given(st.lists(st.integers(0, 150), min_size=10, max_size=150))
@settings(max_examples=80, deadline=None)
def test_rises_are_those_that_counting_all_denials_finds(gaps_s: list[int]) -> None:
    signals, at, minutes, quiet_until = Signals(), START, list[int](), 0
    for gap in gaps_s:
        at += gap * SECOND
        minutes.append(at // MINUTE)
        ago = [minutes[-1] - minute for minute in minutes]
        lately = len([one for one in ago if one <= 9])
        before = len([one for one in ago if 10 <= one <= 69])
        risen = lately >= 10 and lately / 10 >= 3 * before / 60 and at >= quiet_until
        if risen:
            quiet_until = at + HOUR
        assert bool(signals.note("ann", at, denied=True)) is risen


def test_memory_is_bounded() -> None:
    signals = Signals(principals_max=20, requests_max=50)
    tracemalloc.start()
    for number in range(6_000):
        principal = f"caller {number % 400}" if number % 2 else "one"
        text = f"what is {in_letters(number)}"
        signals.note(principal, START + number * SECOND, denied=True, blocked=(f"rule {number}",), text=text)
        assert len(signals) <= 20
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Fifty requests of the busy caller and a few of each other take about 150 kB; all of them would take megabytes.
    assert grown < 400_000


def test_of_a_caller_only_so_many_requests_are_remembered() -> None:
    texts = [f"Tell me all about the number {number}." for number in range(1000)]
    assert asked(Signals(requests_max=199), texts, every=SECOND) == []
    assert len(asked(Signals(requests_max=200), texts, every=SECOND)) == 1


def test_who_was_heard_of_lately_is_not_forgotten() -> None:
    signals = Signals(principals_max=2)
    assert denied(signals, list(range(9)), principal="ann") == []
    assert denied(signals, [10], principal="bob") == []
    assert signals.note("ann", START + 11) == ()
    assert denied(signals, [12], principal="eve") == []
    assert [one.principal for one in denied(signals, [13], principal="ann")] == ["ann"]


def test_who_is_forgotten_begins_anew() -> None:
    signals = Signals(principals_max=2)
    assert denied(signals, list(range(9)), principal="ann") == []
    assert denied(signals, [10], principal="bob") == []
    assert denied(signals, [11], principal="eve") == []
    assert denied(signals, [12], principal="ann") == []
