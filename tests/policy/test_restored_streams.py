"""Streams of every wire, given on in every wire: pseudonyms come back, and rules on replies hold."""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from bench.restoring import REQUEST, START, Said, case, fault, read, said
from ecotone.policy.findings import Finding
from ecotone.policy.reply_filter import ReplyRules
from ecotone.policy.restoring import Pseudonymous, Restorer
from ecotone.policy.verdict import Spoken, Verdict
from ecotone.values.errors import PolicyRefused, UpstreamCut, UpstreamError
from ecotone.values.filters import EventFilter
from ecotone.wire import WIRES
from ecotone.wire.translation import StreamTranslation

STREAMS = 400

PAIRS = [(upstream, client) for upstream in sorted(WIRES) for client in sorted(WIRES)]
ORIGINALS = {"brobri.tae12@nuviolo.example": 'anna"k\\@uni.edu', "9999 4726 4051 4449": "4111 1111 1111 1111"}
TEXT = ["I write to brobri.", "tae12@nuviolo", ".example about 9999 47", "26 4051 4449. Or 9999 it is."]
ARGUMENTS = ['{"to": "brobri.tae12\\u0040nuv', 'iolo.example", "card": "99', '99 4726 4051 4449"}']
WHOLE_TEXT = 'I write to anna"k\\@uni.edu about 4111 1111 1111 1111. Or 9999 it is.'
WHOLE_ARGUMENTS = {"to": 'anna"k\\@uni.edu', "card": "4111 1111 1111 1111"}


def test_generated_streams() -> None:
    for number in range(STREAMS):
        made = case(number)
        wrong = fault(made, Random(number))
        assert wrong is None, f"stream {number} ({made.upstream} to {made.client}): {wrong}"


def lines(events: list[Any], *, named: bool = False) -> bytes:
    told = [json.dumps(event) if isinstance(event, dict) else event for event in events]
    names = [f"event: {event['type']}\n" if named else "" for event in events]
    return "".join(f"{name}data: {data}\n\n" for name, data in zip(names, told, strict=True)).encode()


def chat_stream() -> bytes:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    def call(**said: Any) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": 0, **said}]})

    return lines(
        [
            chunk({"role": "assistant", "content": ""}),
            *(chunk({"content": piece}) for piece in TEXT),
            call(id="call_1", type="function", function={"name": "send", "arguments": ""}),
            *(call(function={"arguments": piece}) for piece in ARGUMENTS),
            chunk({}, "tool_calls"),
            "[DONE]",
        ]
    )


def responses_stream() -> bytes:
    whole = {"id": "r1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    text, arguments = "".join(TEXT), "".join(ARGUMENTS)
    content = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "send", "status": "completed"}
    in_text = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    in_call = {"item_id": "fc_1", "output_index": 1}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": whole},
        {"type": "response.output_item.added", "output_index": 0, "item": message | {"content": []}},
        {"type": "response.content_part.added", **in_text, "part": content | {"text": ""}},
        *({"type": "response.output_text.delta", **in_text, "delta": piece} for piece in TEXT),
        {"type": "response.output_text.done", **in_text, "text": text},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.output_item.added", "output_index": 1, "item": call | {"arguments": ""}},
        *({"type": "response.function_call_arguments.delta", **in_call, "delta": piece} for piece in ARGUMENTS),
        {"type": "response.function_call_arguments.done", **in_call, "arguments": arguments},
        {"type": "response.output_item.done", "output_index": 1, "item": call | {"arguments": arguments}},
        {"type": "response.completed", "response": whole | {"status": "completed"}},
    ]
    return lines(events, named=True)


def anthropic_stream() -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }

    def delta(index: int, **said: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": said}

    call = {"type": "tool_use", "id": "call_1", "name": "send", "input": {}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message | {"stop_sequence": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(delta(0, type="text_delta", text=piece) for piece in TEXT),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": call},
        *(delta(1, type="input_json_delta", partial_json=piece) for piece in ARGUMENTS),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return lines(events, named=True)


def gemini_stream() -> bytes:
    def chunk(part: dict[str, Any], **said: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": [part], "role": "model"}, "index": 0, **said}
        return {"candidates": [candidate], "modelVersion": "m", "responseId": "g1"}

    call = {"name": "send", "args": json.loads("".join(ARGUMENTS)), "id": "call_1"}
    return lines(
        [*(chunk({"text": piece}) for piece in TEXT), chunk({"functionCall": call}, finishReason="STOP")],
    )


STREAMS_BY_HAND: Mapping[str, Callable[[], bytes]] = {
    "openai-chat": chat_stream,
    "openai-responses": responses_stream,
    "anthropic": anthropic_stream,
    "gemini": gemini_stream,
}


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_streams_written_by_hand(upstream: str, client: str) -> None:
    stream = STREAMS_BY_HAND[upstream]()
    for size in (7, 64, len(stream)):
        translation = StreamTranslation(
            WIRES[upstream], WIRES[client], REQUEST, start=START, filters=[Restorer(ORIGINALS)]
        )
        told = b"".join(translation.feed(stream[place : place + size]) for place in range(0, len(stream), size))
        translation.close()
        assert said(read(WIRES[client], told)) == Said(WHOLE_TEXT, "", [("send", WHOLE_ARGUMENTS)])


def find(text: str) -> list[Finding]:
    place = text.find("9999 4726 4051 4449")
    return [Finding(place, place + 19, "credit_card", "test")] if place >= 0 else []


def deny(kinds: frozenset[str], scores: Mapping[str, float] | None) -> Verdict:
    return Verdict(not kinds, (Spoken("no cards", "deny", "cards stay here"),) if kinds else ())


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_a_refused_reply_is_an_error_in_the_client_s_wire(upstream: str, client: str) -> None:
    stream = STREAMS_BY_HAND[upstream]()
    rules = ReplyRules(deny, find=find, tail_chars=20, window_chars=30)
    translation = StreamTranslation(WIRES[upstream], WIRES[client], REQUEST, start=START, filters=[rules])
    told = b"".join(translation.feed(stream[place : place + 50]) for place in range(0, len(stream), 50))
    assert isinstance(translation.error, PolicyRefused)
    assert not translation.ended
    with pytest.raises(PolicyRefused, match="cards stay here"):
        translation.close()
    told += translation.encode_error(translation.error)
    assert b"4051" not in told
    assert b"cards stay here (no cards)" in told
    with pytest.raises(UpstreamError):
        read(WIRES[client], told)


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_rules_stand_before_what_restores(upstream: str, client: str) -> None:
    """They see pseudonyms, which are no finds, and never what these stand for."""
    seen: list[str] = []

    def guard(text: str) -> Mapping[str, float]:
        seen.append(text)
        return {"privacy": 0.1}

    rules = ReplyRules(deny, find=find, guard=guard, pseudonyms=Pseudonymous(ORIGINALS), tail_chars=20, window_chars=30)
    filters: list[EventFilter] = [rules, Restorer(ORIGINALS)]
    translation = StreamTranslation(WIRES[upstream], WIRES[client], REQUEST, start=START, filters=filters)
    stream = STREAMS_BY_HAND[upstream]()
    told = b"".join(translation.feed(stream[place : place + 50]) for place in range(0, len(stream), 50))
    translation.close()
    assert said(read(WIRES[client], told)) == Said(WHOLE_TEXT, "", [("send", WHOLE_ARGUMENTS)])
    assert rules.complete and rules.kinds == frozenset() and rules.scores == {"privacy": 0.1}
    assert "9999 4726 4051 4449" in "".join(seen)
    assert "anna" not in "".join(seen)


def test_no_token_has_come_before_the_rules_let_one_through() -> None:
    """So a reply that they refuse at once is an error with its own status, as nothing has been sent."""
    rules = ReplyRules(deny, find=find)
    translation = StreamTranslation(WIRES["openai-chat"], WIRES["openai-chat"], REQUEST, start=START, filters=[rules])
    stream = chat_stream()
    assert translation.feed(stream[: stream.index(b"tool_calls")]) == b""
    assert not translation.token_seen
    translation.feed(stream[stream.index(b"tool_calls") :])
    assert isinstance(translation.error, PolicyRefused)
    assert not translation.token_seen


def test_a_stream_that_breaks_off_tells_what_was_held_back() -> None:
    stream = chat_stream()
    restorer = Restorer(ORIGINALS)
    translation = StreamTranslation(
        WIRES["openai-chat"], WIRES["openai-chat"], REQUEST, start=START, filters=[restorer]
    )
    told = translation.feed(stream[: stream.index(b'"26 4051')])
    assert b"9999" not in told
    with pytest.raises(UpstreamCut) as cut:
        translation.close()
    ending = translation.encode_error(cut.value)
    assert b"9999 47" in ending
    assert ending.index(b"9999 47") < ending.index(b"error")
