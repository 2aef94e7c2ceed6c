"""Signatures and metadata that a client of another wire carries back."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.wire.chat_strategies as some
from ecotone.values.chat import ChatRequest, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from ecotone.values.reply import Choice, End, Event, Finish, ReasoningDelta, Reply, Start, TextDelta
from ecotone.wire.envelope import open_id, opened_reasoning, seal, seal_id, sealed_signature, unseal
from ecotone.wire.openai_chat import EventEncoder, decode_request, encode_reply, encode_request

ASKED = ChatRequest("m", ())
# Worked out with `printf 'ecotone:1["gemini",{"signature":"c2ln","vendor":{}}]' | base64 -w0`.
SEALED = "ZWNvdG9uZToxWyJnZW1pbmkiLHsic2lnbmF0dXJlIjoiYzJsbiIsInZlbmRvciI6e319XQ=="


def test_an_envelope_is_base64_of_a_mark_the_wire_and_the_data() -> None:
    assert seal("gemini", {"signature": "c2ln", "vendor": {}}) == SEALED
    assert unseal(SEALED) == ("gemini", {"signature": "c2ln", "vendor": {}})


@pytest.mark.parametrize("text", ["", "c2ln", SEALED[:-3], SEALED[:12], SEALED + "!", "ZWNvdG9uZTox" + "bnVsbA=="])
def test_what_is_no_envelope_is_left_alone(text: str) -> None:
    assert unseal(text) is None
    assert opened_reasoning("Hm.", text, "anthropic", {}) == ReasoningPart("Hm.", text, {}, "anthropic")


def test_a_signature_of_the_same_wire_stays_byte_for_byte() -> None:
    part = ReasoningPart("Hm.", "c2ln", {}, "anthropic")
    assert sealed_signature(part, "anthropic") == "c2ln"
    assert opened_reasoning("Hm.", "c2ln", "anthropic", {}) == part


@given(some.words, some.words, some.json_objects)
def test_a_signature_of_another_wire_comes_back_with_what_belongs_to_it(text: str, made: str, beside: object) -> None:
    part = ReasoningPart(text, made, {"gemini": {"x": beside}, "gemini.form": {"y": "z"}}, "gemini")
    sealed = sealed_signature(part, "anthropic")
    assert sealed is not None
    base64.b64decode(sealed, validate=True)
    assert opened_reasoning(text, sealed, "anthropic", {}) == part


def test_metadata_that_is_none_is_not_believed() -> None:
    forged = seal("gemini", {"signature": 5, "vendor": {"gemini": "x", "anthropic": {"a": 1}}})
    assert opened_reasoning("a", forged, "openai-chat", {}) == ReasoningPart(
        "a", None, {"anthropic": {"a": 1}}, "gemini"
    )


@given(some.names, st.dictionaries(some.names, some.json_objects, max_size=2))
def test_an_id_carries_what_other_wires_must_get_back(identity: str, fields: dict[str, object]) -> None:
    vendor = {"gemini": dict(fields)}
    sealed = seal_id(
        identity, {**vendor, "openai-chat": {"x": 1}, "openai-responses.form": {"id": "fc_1"}}, "openai-chat"
    )
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", sealed)
    assert open_id(sealed) == (identity, vendor)
    assert seal_id(identity, {"gemini": dict(fields)}, "gemini") == identity


@pytest.mark.parametrize(
    "identity", ["", "call_1", "call_ZWNvdG9uZTox", "call_ZWNvdG9uZTox___", "a_ZWNvdG9uZToxbnVsbA"]
)
def test_an_ordinary_id_is_left_alone(identity: str) -> None:
    assert open_id(identity) == (identity, {})


def test_a_chat_client_carries_an_anthropic_signature_from_turn_to_turn() -> None:
    thought = ReasoningPart("Compare.", "c2ln", {}, "anthropic")
    call = ToolCallPart("toolu_1", "add", "{}", vendor={"gemini": {"thoughtSignature": "dHM="}})
    reply = Reply((Choice(0, (thought, TextPart("Yes."), call), "tool_calls"),))
    message = json.loads(encode_reply(reply, ASKED))["choices"][0]["message"]
    assert message["reasoning_content"] == "Compare."
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "3"}
    request = decode_request({"model": "m", "messages": [{"role": "user", "content": "?"}, message, result]})
    assert request.messages[1].parts == (thought, TextPart("Yes."), call)
    assert request.messages[2].parts == (ToolResultPart("toolu_1", (TextPart("3"),)),)


def test_the_same_from_a_stream_as_a_client_puts_it_together() -> None:
    events: list[Event] = [
        Start("r", "m", 1),
        ReasoningDelta(0, 0, "Comp", wire="anthropic"),
        ReasoningDelta(0, 0, "are.", wire="anthropic"),
        ReasoningDelta(0, 0, "", "c2ln", {}, "anthropic"),
        TextDelta(0, 1, "Yes."),
        Finish(0, "stop", "end_turn"),
        End(),
    ]
    encoder = EventEncoder(ASKED)
    stream = b"".join(map(encoder.encode, events)).decode()
    deltas = [
        json.loads(event[6:])["choices"][0]["delta"] for event in stream.split("\n\n") if event[6:].startswith("{")
    ]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", [])]
    message = {
        "role": "assistant",
        "content": "".join(delta.get("content") or "" for delta in deltas),
        "reasoning_content": "".join(delta.get("reasoning_content") or "" for delta in deltas),
        "reasoning_details": details,
    }
    assert message["reasoning_content"] == "Compare."
    request = decode_request({"model": "m", "messages": [message]})
    assert request.messages[0].parts == (ReasoningPart("Compare.", "c2ln", {}, "anthropic"), TextPart("Yes."))


def test_an_upstream_gets_the_words_but_not_a_stranger_s_signature() -> None:
    thought = ReasoningPart("Compare.", "c2ln", {}, "anthropic")
    encoded = encode_request(ChatRequest("m", (Message("assistant", (thought, TextPart("Yes."))),)))
    assert encoded.body["messages"] == [{"role": "assistant", "content": "Yes.", "reasoning_content": "Compare."}]
    assert [loss.reason for loss in encoded.losses] == ["the signature of a vendor on the wire anthropic"]
