"""Requests in Gemini's wire that only somebody hostile, or a fuzzer, sends."""

from typing import Any

import msgspec
import pytest

from ecotone.values.chat import ChatRequest, Message, ReasoningPart, TextPart
from ecotone.values.errors import MalformedRequest, UpstreamMalformed, UpstreamRateLimited
from ecotone.values.reply import Choice, Reply, fold
from ecotone.wire.gemini import WIRE
from ecotone.wire.gemini.schema import json_schema

USER: Any = {"role": "user", "parts": [{"text": "hi"}]}


def test_a_field_under_both_its_names_is_refused() -> None:
    request = {"contents": [USER], "systemInstruction": {"parts": [{"text": "a"}]}, "system_instruction": ""}
    with pytest.raises(MalformedRequest, match="`systemInstruction` and `system_instruction` are one field"):
        WIRE.decode_request(request)


def test_a_number_too_long_for_one_stays_text() -> None:
    assert json_schema({"type": "STRING", "maxLength": "12", "minLength": "9" * 5000}) == {
        "type": "string",
        "maxLength": 12,
        "minLength": "9" * 5000,
    }


@pytest.mark.parametrize(
    "part", [{}, {"text": "", "thoughtSignature": "c2lnbmVk"}, {"text": "thought", "thought": True}]
)
@pytest.mark.parametrize("role", ["user", "model"])
def test_very_many_parts_are_read_in_passing(role: str, part: Any) -> None:
    """Looking at all earlier parts for each would take minutes."""
    request = {"contents": [USER, {"role": role, "parts": [{**part} for _ in range(30_000)]}]}
    decoded = WIRE.decode_request(request)
    assert len(decoded.messages) == 2
    WIRE.encode_request(decoded)


def test_a_thought_that_claims_to_stand_on_a_text_without_a_signature_stays_where_it_is() -> None:
    """What Ecotone notes for its way back comes from clients, who may have made it up."""
    part = ReasoningPart("why", vendor={"gemini.form": {"at": "text"}})
    message = Message("assistant", (TextPart("so"), part))
    request = ChatRequest("m", (message,))
    (content,) = WIRE.encode_request(request).body["contents"]
    assert content["parts"] == [{"text": "so"}, {"text": "why"}]
    reply = Reply((Choice(0, (TextPart("so"), part), "stop"),))
    (candidate,) = msgspec.json.decode(WIRE.encode_reply(reply, request))["candidates"]
    assert candidate["content"]["parts"] == [{"text": "so"}, {"text": "why"}]


@pytest.mark.parametrize("delay", ["9" * 400 + "s", "40000000s"])
def test_a_wait_that_nobody_can_mean_is_unsaid(delay: str) -> None:
    body = {"error": {"code": 429, "details": [{"retryDelay": delay}]}}
    error = WIRE.decode_error(429, msgspec.json.encode(body))
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after_s is None
    WIRE.encode_error(error)


def _chunk(*parts: Any, **candidate: Any) -> bytes:
    chunk = {"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, **candidate}]}
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def test_a_signature_on_a_text_that_is_no_string_is_an_upstreams_fault() -> None:
    """Whether a thought came before or not: kept, it would be found out by whoever reads what is passed on."""
    with pytest.raises(UpstreamMalformed, match=r"thoughtSignature` must be a string"):
        list(WIRE.event_decoder().feed(_chunk({"text": "lo", "thoughtSignature": [1]}, finishReason="STOP")))


def test_a_thought_that_comes_after_the_first_chunk_owns_the_signature_on_the_text() -> None:
    decoder = WIRE.event_decoder()
    stream = (
        _chunk({"text": "Well, "})
        + _chunk({"text": "they ask for six.", "thought": True})
        + _chunk({"text": "Six.", "thoughtSignature": "c2lnbmVk"}, finishReason="STOP")
    )
    events = list(decoder.feed(stream))
    decoder.close()
    parts = fold(events).choices[0].parts
    assert [(type(part), part.signature) for part in parts if isinstance(part, ReasoningPart)] == [
        (ReasoningPart, None),
        (ReasoningPart, "c2lnbmVk"),
    ]
