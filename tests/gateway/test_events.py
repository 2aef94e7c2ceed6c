"""Events: what requests come to, how it is kept, and how it is read."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ecotone.gateway.build import open_database
from ecotone.gateway.decision import Decision
from ecotone.gateway.events import Event, EventRow, read_events
from ecotone.gateway.jobs import CompletionJob, EmbeddingsJob, Job
from ecotone.gateway.labelling import Labelled
from ecotone.gateway.misuse import MisuseWatch, last_text
from ecotone.gateway.request_log import RequestLog
from ecotone.gateway.settings.paths import Home
from ecotone.policy.labels import Labels
from ecotone.policy.policy import Policy
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.settings import DataSettings, GuardSettings
from ecotone.policy.verdict import Spoken, Verdict
from ecotone.storage.database import Database
from ecotone.values.errors import PolicyRefused, Unavailable
from ecotone.values.reply import End, Start, TextDelta
from ecotone.wire.openai_error import encode_error

AT = datetime(2026, 7, 1, 12, 0, 0, 250_000, UTC)
AT_US = 1_782_907_200_250_000  # date -d 2026-07-01T12:00:00.25Z +%s%6N
SECOND = 1_000_000
REFUSED = PolicyRefused("no", rules=("r",))


def test_events_are_written_and_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    database = open_database(home)
    log = RequestLog(lambda: Database(home.database))
    log.add(EventRow(AT_US + 1, "sweep", "bob", '{"requests":200}'))
    log.add(EventRow(AT_US, "rising_denials", "ann", '{"denials":10}'))
    log.close()
    later = Event(AT + timedelta(microseconds=1), "sweep", "bob", {"requests": 200})
    assert read_events(database, AT) == (Event(AT, "rising_denials", "ann", {"denials": 10}), later)
    assert read_events(database, AT + timedelta(microseconds=1)) == (later,)
    elsewhere = timezone(timedelta(hours=2))
    assert read_events(database, (AT + timedelta(microseconds=1)).astimezone(elsewhere)) == (later,)
    assert read_events(database, AT + timedelta(hours=1)) == ()


def decision(scores: dict[str, float] | None = None, *, reply: ReplyRules | None = None) -> Decision:
    policy = Policy.compile(data=DataSettings(), guard=GuardSettings(), principals={}, routes={}, rules=())
    made = Decision(policy, Labelled(Labels(0, principal="ann", scores=scores)), {})
    made.reply = reply
    return made


def noted(decisions: list[Decision], error: Any = REFUSED, job: Job | None = None) -> list[EventRow]:
    rows: list[EventRow] = []
    watch = MisuseWatch(rows.append)
    for number, one in enumerate(decisions):
        text = f'{{"model": "m", "prompt": "tell me all about the number {number}"}}'
        watch.look_at(one, job or CompletionJob(text.encode()), error, AT_US + number * SECOND)
    return rows


def test_risks_at_the_threshold_are_what_a_request_was_blocked_for() -> None:
    scores = {"weapons": 0.5, "hate": 0.49}
    assert noted([decision(scores)] * 5) == [
        EventRow(AT_US + 4 * SECOND, "repeated_blocks", "ann", '{"blocked":"content.weapons","times":5,"minutes":60}')
    ]


def test_refusals_without_risks_rise_only() -> None:
    (event,) = noted([decision()] * 10)
    assert event == EventRow(
        AT_US + 9 * SECOND, "rising_denials", "ann", '{"denials":10,"minutes":10,"before":0,"before_minutes":60}'
    )


@pytest.mark.parametrize("error", [None, Unavailable("nobody is there")])
def test_other_failures_are_no_denials(error: Any) -> None:
    assert noted([decision({"weapons": 1.0})] * 20, error) == []


def refused_reply(scores: dict[str, float] | None) -> ReplyRules:
    """A reply that a rule has refused, and another rule flagged."""
    verdict = Verdict(False, (Spoken("no keys", "deny", "nobody is told"), Spoken("told", "flag", "to be looked at")))
    rules = ReplyRules(lambda kinds, found: verdict, guard=None if scores is None else lambda text: scores)
    with pytest.raises(PolicyRefused):
        for event in (Start(), TextDelta(0, 0, "hello"), End()):
            rules.feed(event)
    return rules


def test_a_refused_reply_names_its_rule() -> None:
    # What the request itself scored did not keep it from being answered.
    (event,) = noted([decision({"weapons": 1.0}, reply=refused_reply(None))] * 5)
    assert event.detail == '{"blocked":"rule no keys","times":5,"minutes":60}'


def test_a_refused_reply_names_its_risk() -> None:
    (event,) = noted([decision({"weapons": 1.0}, reply=refused_reply({"hate": 0.9}))] * 5)
    assert event.detail == '{"blocked":"content.hate","times":5,"minutes":60}'


def test_sweeps_are_of_requests_that_want_words() -> None:
    (event,) = noted([decision()] * 200, None)
    assert (event.kind, event.detail) == ("sweep", '{"requests":200,"minutes":60}')
    rows: list[EventRow] = []
    watch = MisuseWatch(rows.append)
    for number in range(300):
        job = EmbeddingsJob("openai", f'{{"model": "m", "input": "tell me of all in {number}"}}'.encode(), encode_error)
        watch.look_at(decision(), job, None, AT_US + number)
    assert rows == []


def turns(*contents: Any) -> list[Any]:
    return [{"role": "user" if number % 2 == 0 else "assistant", "content": one} for number, one in enumerate(contents)]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"messages": turns("a", "b", "c")}, "c"),
        ({"model": "m", "headers": [], "body": {"messages": turns("a", "b")}}, "a"),
        ({"messages": turns([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}])}, "a"),
        ({"messages": turns([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])}, "b"),
        ({"messages": [*turns("a"), {"role": "tool", "tool_call_id": "1", "content": "b"}]}, "a"),
        ({"messages": turns("a", "b", [{"type": "tool_result", "tool_use_id": "1", "content": "c"}])}, "a"),
        ({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]}, "a"),
        ({"contents": [{"parts": [{"text": "a"}]}]}, "a"),
        ({"input": "a"}, "a"),
        ({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}]}, "a"),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": "a"}]}, None),
        ({"prompt": "a"}, "a"),
        ({"prompt": ["a", "b"]}, "b"),
        ({"prompt": [1, 2, 3]}, None),
        ({"messages": [{"role": ["user"], "type": {}, "content": "a"}]}, None),
        ({"messages": [{"role": "user", "type": [], "content": "a"}]}, None),
        ({"messages": None}, None),
        ({}, None),
    ],
)
def test_the_last_words_of_the_user_are_found_in_every_wire(said: Any, text: str | None) -> None:
    assert last_text(said) == text


def test_a_deep_request_ends() -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    assert last_text({"messages": deep}) is None
