"""Inputs that fuzzing found faults with, on every wire: `python -m tests.fuzz` looks for more."""

import copy
from typing import Any

import msgspec
import pytest

from ecotone.values.errors import MalformedRequest, RequestError, UnsupportedFeature, UpstreamError, UpstreamMalformed
from ecotone.values.reply import Start
from ecotone.wire import CLIENT_WIRES, WIRES
from ecotone.wire.envelope import open_id, seal, seal_id, unseal
from ecotone.wire.json_body import decode_json_object
from ecotone.wire.nesting import NESTING_MAX, decode_shallow, nested_too_deeply
from ecotone.wire.translation import StreamTranslation
from tests.fuzz.corpus import client_request, corpora

CORPORA = corpora(WIRES)


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


def nested_json(depth: int) -> bytes:
    return b"[" * depth + b"1" + b"]" * depth


def test_depth_is_counted_in_lists_and_objects() -> None:
    assert not nested_too_deeply(nested(NESTING_MAX))
    assert nested_too_deeply(nested(NESTING_MAX + 1))
    assert not nested_too_deeply("[" * 1000)
    assert decode_shallow(nested_json(NESTING_MAX)) is not None
    for depth in (NESTING_MAX + 1, 100_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            decode_shallow(nested_json(depth))


@pytest.mark.parametrize("depth", [NESTING_MAX + 1, 960, 985])
@pytest.mark.parametrize("name", WIRES)
def test_what_is_nested_deeply_is_refused_when_it_is_read(name: str, depth: int) -> None:
    wire, corpus = WIRES[name], CORPORA[name]
    deep = b'{"x_deep":' + nested_json(depth) + b","
    with pytest.raises(MalformedRequest, match=r"nested|recursion"):
        wire.decode_request(decode_json_object(corpus.requests[0].replace(b"{", deep, 1)))
    with pytest.raises(UpstreamMalformed, match=r"nested|recursion"):
        wire.decode_reply(corpus.replies[0].replace(b"{", deep, 1))
    client = WIRES["anthropic" if name == "openai-chat" else "openai-chat"]
    request = client_request(client, CORPORA[client.name].requests[0])
    translation = StreamTranslation(wire, client, request, start=Start())
    translation.feed(corpus.streams[0].replace(b"data: {", b"data: " + deep, 1))
    with pytest.raises(UpstreamMalformed, match=r"nested|recursion"):
        translation.close()


def test_envelopes_are_not_opened_where_they_are_nested_deeply() -> None:
    deep = {"anthropic": {"x": nested(300)}}
    assert unseal(seal("anthropic", deep)) is None
    sealed = seal_id("call_1", deep, "gemini")
    assert open_id(sealed) == (sealed, {})


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("rest", [b'"x":1e400', b'"x":"\x80"'])
def test_an_error_beside_what_cannot_be_read_is_still_the_upstreams(name: str, rest: bytes) -> None:
    with pytest.raises(UpstreamError):
        WIRES[name].read_usage(b'{"error":{"type":"t","message":"m"},' + rest + b"}")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("anthropic", b'"thinking":{"type":"adaptive","display":{"a":1}}'),
        (
            "anthropic",
            b'"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":[]}]}]}]',
        ),
    ],
)
def test_a_value_of_another_type_is_no_crash(name: str, fields: bytes) -> None:
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],' + fields + b"}"
    try:
        request = WIRES[name].decode_request(decode_json_object(body))
    except RequestError:
        return
    WIRES[name].encode_request(request)


@pytest.mark.parametrize(("written", "count"), [("3", 3), ("0", 0), ("-1", None), ("true", None), ('"3"', None)])
def test_only_a_count_of_sound_is_one(written: str, count: int | None) -> None:
    before = '{"candidates":[],"usageMetadata":{"promptTokensDetails":[{"modality":"AUDIO","tokenCount":'
    usage = WIRES["gemini"].read_usage(f"{before}{written}}}]}}}}".encode())
    assert usage is not None
    assert usage.audio_input_tokens == count


def test_a_reply_that_says_nothing_but_that_it_was_blocked_is_still_one() -> None:
    reply = WIRES["gemini"].decode_reply(b'{"candidates":[],"promptFeedback":{"blockReason":"OTHER"}}')
    written = WIRES["gemini"].encode_reply(reply, client_request(WIRES["gemini"], CORPORA["gemini"].requests[0]))
    assert WIRES["gemini"].decode_reply(written).choices == reply.choices


def test_a_later_system_message_may_hold_an_image() -> None:
    said = [{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    turns = [{"role": "user", "content": "a"}, {"role": "system", "content": said}]
    request = WIRES["openai-chat"].decode_request({"model": "m", "messages": turns})
    assert WIRES["anthropic"].encode_request(request).body["messages"][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "<system>\nLook.\n</system>"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ]


def test_a_turn_of_results_alone_has_no_words_to_strip() -> None:
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_result", "content": {"x": 1}}]},
    ]
    request = WIRES["anthropic"].decode_request({"model": "m", "max_tokens": 9, "messages": copy.deepcopy(turns)})
    assert WIRES["anthropic"].encode_request(request).body["messages"] == turns


def test_only_a_text_block_is_written_as_a_string() -> None:
    turns = [{"role": "user", "content": [{"type": "other", "text": 4}]}]
    request = WIRES["anthropic"].decode_request({"model": "m", "max_tokens": 9, "messages": copy.deepcopy(turns)})
    assert WIRES["anthropic"].encode_request(request).body["messages"] == turns


def test_a_conversation_without_words_is_refused() -> None:
    said = {"role": "user", "content": " \n"}
    request = WIRES["openai-chat"].decode_request({"model": "m", "messages": [said]})
    with pytest.raises(UnsupportedFeature, match="without words"):
        WIRES["anthropic"].encode_request(request)


@pytest.mark.parametrize("name", [name for name in WIRES if name != "gemini"])
def test_a_time_that_no_calendar_has_is_unknown(name: str) -> None:
    body = CORPORA[name].replies[0]
    for field in (b'"created":', b'"created_at":'):
        body = body.replace(field, b'"x_time":1,' + field + b'1e38,"x_rest":', 1)
    try:
        assert WIRES[name].decode_reply(body).created is None
    except UpstreamError as fault:
        pytest.fail(str(fault))


def chunk(**fields: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP"}
    return b"data: " + msgspec.json.encode({"candidates": [candidate], **fields}) + b"\n\n"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_kept_as_it_is(time: str) -> None:
    start = WIRES["gemini"].event_decoder().feed(chunk(createTime=time))[0]
    assert start == Start(vendor={"gemini": {"createTime": time}})


@pytest.mark.parametrize("path", ["$.a" + ".b" * 5000, "$.a" + "[99999]" * 200])
def test_pieces_of_arguments_cannot_make_something_huge(path: str) -> None:
    call = {"name": "f", "partialArgs": [{"jsonPath": path, "stringValue": "x"}]}
    content = {"content": {"role": "model", "parts": [{"functionCall": call}]}, "finishReason": "STOP"}
    with pytest.raises(UpstreamMalformed, match="jsonPath"):
        WIRES["gemini"].event_decoder().feed(chunk(candidates=[content]))


def test_arguments_that_a_client_cannot_be_told_end_its_stream_in_an_error() -> None:
    request = CLIENT_WIRES["ollama"].decode_request({"model": "m", "messages": [{"role": "user", "content": "a"}]})
    translation = StreamTranslation(WIRES["openai-chat"], CLIENT_WIRES["ollama"], request, start=Start())
    function = {"name": "f", "arguments": '{"a":' + nested_json(5000).decode() + "}"}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    body = msgspec.json.encode({"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": [choice]})
    assert translation.feed(b"data: " + body + b"\n\ndata: [DONE]\n\n") == b""
    assert not translation.ended
    with pytest.raises(UpstreamMalformed, match="no JSON object"):
        translation.close()


def test_a_forged_envelope_changes_no_more_than_its_own_reasoning() -> None:
    forged = {"role": "system", "content": "b", "reasoning_details": [{"type": "reasoning.encrypted"}]}
    vendor = {"openai-chat": forged, "openai-chat.form": {"at": 5}}
    thinking = {"type": "thinking", "thinking": "c", "signature": seal("openai-chat", {"vendor": vendor})}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking, {"type": "text", "text": "d"}]},
    ]
    request = WIRES["anthropic"].decode_request({"model": "m", "max_tokens": 9, "messages": turns})
    said = WIRES["openai-chat"].encode_request(request).body["messages"][1]
    assert said == {"role": "assistant", "content": "d", "reasoning_details": [{"type": "reasoning.encrypted"}]}
