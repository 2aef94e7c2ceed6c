"""Requests passed on, replies watched."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.wire.chat_strategies as some
from ecotone.values.errors import (
    EcotoneError,
    MalformedRequest,
    UpstreamCut,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
)
from ecotone.values.reply import Usage
from ecotone.wire.json_body import asks_for_stream, decode_json_object, encode_json_object, model_named
from ecotone.wire.openai_chat import StreamWatch, check_request, prepare_request, read_usage
from ecotone.wire.openai_chat.fast_lane import Content

GOLDENS = Path(__file__).parent / "goldens"
# A client that wants the usage chunk.
SHOWN = {"stream_options": {"include_usage": True}}


def checked(body: bytes, content: Content = "messages") -> dict[str, Any]:
    """The request in this body, as far as it is looked at before it is passed on."""
    request = decode_json_object(body)
    model_named(request)
    check_request(request, content)
    return request


@given(st.lists(st.tuples(some.names, some.json_values), max_size=5, unique_by=lambda field: field[0]))
def test_unknown_fields_and_order_stay(fields: list[tuple[str, Any]]) -> None:
    body = dict(fields) | {"messages": [{"z": 1, "a": None}], "model": "m"}
    body = {**dict(fields), **body}
    encoded = encode_json_object(decode_json_object(json.dumps(body).encode()))
    assert json.loads(encoded, object_pairs_hook=list) == json.loads(json.dumps(body), object_pairs_hook=list)


def test_numbers_stay_as_large_as_they_are() -> None:
    body = b'{"model":"m","messages":[{}],"big":123456789012345678901234567890,"small":-1e-9,"whole":1.0}'
    assert encode_json_object(decode_json_object(body)) == body


def test_a_duplicate_key_cannot_hide() -> None:
    body = b'{"model":"m","messages":[{"content":"harmless"}],"messages":[{"content":"other"}]}'
    assert encode_json_object(decode_json_object(body)) == b'{"model":"m","messages":[{"content":"other"}]}'


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b"", "The body is not valid JSON: it ends too early, at line 1, column 1 (byte 0).", None),
        (b'{\n "a": tru', "The body is not valid JSON: it ends too early, at line 2, column 10 (byte 11).", None),
        (
            '{\n"ä": NaN}'.encode(),
            "The body is not valid JSON: invalid character at line 2, column 6 (byte 8).",
            None,
        ),
        (b'{"a": Infinity}', "The body is not valid JSON: invalid character at line 1, column 7 (byte 6).", None),
        (b'{"a":1} x', "The body is not valid JSON: trailing characters at line 1, column 9 (byte 8).", None),
        (
            rb'{"a":"\\\ud800"}',
            "The body is not valid JSON: half a surrogate pair at line 1, column 7 (byte 6).",
            None,
        ),
        (b'{"a":"\xff"}', "The body is not UTF-8: invalid start byte at line 1, column 7 (byte 6).", None),
        (b"[" * 100_000, "The body's JSON is nested too deeply.", None),
        (b"[1]", "The body must be a JSON object.", None),
        (b'{"messages":[{}]}', "`model` must be a non-empty string: the name of a model or route.", "model"),
        (b'{"model":"","messages":[{}]}', "`model` must be a non-empty string: the name of a model or route.", "model"),
        (b'{"model":7,"messages":[{}]}', "`model` must be a non-empty string: the name of a model or route.", "model"),
        (b'{"model":"m"}', "`messages` must be a list with at least one message.", "messages"),
        (b'{"model":"m","messages":[]}', "`messages` must be a list with at least one message.", "messages"),
        (b'{"model":"m","messages":"hi"}', "`messages` must be a list with at least one message.", "messages"),
    ],
)
def test_a_body_that_cannot_be_passed_on_is_told_where(body: bytes, message: str, param: str | None) -> None:
    with pytest.raises(MalformedRequest) as raised:
        checked(body)
    assert (raised.value.message, raised.value.param) == (message, param)


@pytest.mark.parametrize("number", [b"1e999", b"9" * 5000])
def test_a_number_out_of_range_is_told(number: bytes) -> None:
    with pytest.raises(MalformedRequest, match="out of range"):
        checked(b'{"model":"m","messages":[{"n":' + number + b"}]}")


@pytest.mark.parametrize("content", ["prompt", "input"])
def test_completions_and_embeddings_have_their_own_content(content: Any) -> None:
    for value in ("text", ["a", "b"], [1, 2]):
        body = {"model": "m", content: value}
        assert checked(json.dumps(body).encode(), content) == body
    wrongs: list[Any] = [None, [], {}, 5]
    for wrong in wrongs:
        with pytest.raises(MalformedRequest) as raised:
            checked(json.dumps({"model": "m", content: wrong}).encode(), content)
        assert raised.value.param == content


def test_usage_of_whole_replies() -> None:
    assert read_usage((GOLDENS / "openai_reply.json").read_bytes()) == Usage(19, 10, 4, None, 6, 0, 0)
    assert read_usage((GOLDENS / "deepseek_reply.json").read_bytes()) == Usage(16, 30, 12, None, 25)
    assert read_usage((GOLDENS / "xai_reply.json").read_bytes()) == Usage(32, 103, 6, None, 94, 0, 0)
    assert read_usage((GOLDENS / "openai_reply_audio.json").read_bytes()) is None
    embeddings = b'{"object":"list","data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":8,"total_tokens":8}}'
    assert read_usage(embeddings) == Usage(input_tokens=8)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", UpstreamMalformed),
        (b'{"choices":[{}', UpstreamMalformed),
        (b"<html>", UpstreamMalformed),
        (b"[]", UpstreamMalformed),
        (b"{}", UpstreamMalformed),
        (b'{"choices":{}}', UpstreamMalformed),
        (b'{"choices":[],"usage":{"prompt_tokens":-1}}', UpstreamMalformed),
        (b'{"error":{"message":"m","code":429}}', UpstreamRateLimited),
        (b'{"error":"m"}', UpstreamFailed),
        # Wrong in what is not looked at.
        (b'{"error":"m","x":1e400}', UpstreamMalformed),
        (b'{"error":"m","x":"\x80"}', UpstreamMalformed),
    ],
)
def test_a_body_that_is_no_reply(body: bytes, kind: type[EcotoneError]) -> None:
    with pytest.raises(kind):
        read_usage(body)


def text(content: str, more: str = "") -> bytes:
    return f'data: {{"model":"m","choices":[{{"index":0,"delta":{{"content":"{content}"}}{more}}}]}}\n\n'.encode()


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}\n\n'
DONE = b"data: [DONE]\n\n"
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


def test_whole_events_pass_untouched() -> None:
    watch = StreamWatch(SHOWN)
    first = text("") + b": a comment\n\n"
    assert watch.feed(first) is first
    assert (watch.token_seen, watch.model, watch.events) == (False, "m", 1)
    second = text("a") + text("b")
    assert watch.feed(second) is second
    assert (watch.token_seen, watch.finished) == (True, False)
    rest = FINISH + USAGE + DONE
    assert watch.feed(rest) is rest
    assert (watch.finished, watch.ended, watch.events) == (True, True, 6)
    assert watch.usage == Usage(3, 4)
    watch.close()
    assert watch.feed(text("late")) == b""


@pytest.mark.parametrize(
    "delta",
    [
        '{"content":"a"}',
        '{"content":[{"type":"text","text":"a"}]}',
        '{"reasoning_content":"a"}',
        '{"reasoning":"a"}',
        '{"refusal":"a"}',
        '{"tool_calls":[{"index":0}]}',
        '{"function_call":{"name":"f"}}',
        '{"audio":{"id":"a"}}',
    ],
)
def test_every_kind_of_content_is_a_token(delta: str) -> None:
    watch = StreamWatch(SHOWN)
    watch.feed(b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}\n\n')
    assert not watch.token_seen
    watch.feed(f'data: {{"choices":[{{"index":0,"delta":{delta}}}]}}\n\n'.encode())
    assert watch.token_seen


def test_completions_are_watched_too() -> None:
    watch = StreamWatch(SHOWN)
    watch.feed(b'data: {"choices":[{"index":0,"text":"a","finish_reason":"length"}]}\n\n')
    assert watch.token_seen
    assert watch.finished


def test_usage_that_the_client_did_not_ask_for_is_hidden() -> None:
    watch = StreamWatch({})
    # With a choice in the chunk there is more to it than usage.
    mixed = text("a", ',"finish_reason":"stop"')[:-3] + b',"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    assert watch.feed(text("a") + mixed + USAGE + DONE) == text("a") + mixed + DONE
    assert watch.usage == Usage(3, 4)
    watch.close()


def test_a_byte_order_mark_does_not_become_the_first_of_a_stream_whose_first_event_is_hidden() -> None:
    """Further on it makes of `data` another field, so that the upstream's stream has no end: nor may the client's."""
    watch = StreamWatch({})
    forwarded = watch.feed(USAGE) + watch.feed(b"\xef\xbb\xbf" + DONE)
    assert forwarded == b":\n\n\xef\xbb\xbf" + DONE
    with pytest.raises(UpstreamCut):
        watch.close()


@given(
    st.lists(st.integers(0, 10_000), max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.booleans(),
    st.sampled_from([DONE, b"", text("cut")[:-4], b'data: {"error":{"message":"m","code":503}}\n\n', b"data: {x\n\n"]),
)
def test_any_split_of_the_bytes_shows_the_same(places: list[int], end: bytes, hide: bool, last: bytes) -> None:
    stream = b": hi\n\n" + text("") + text("a") + b"id: 1\n" + text("b") + FINISH + USAGE
    data = (stream + last + (DONE if last else b"")).replace(b"\n", end)
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    seen, passed = [], []
    for pieces in ([data], [data[start:stop] for start, stop in itertools.pairwise(borders)]):
        watch = StreamWatch({} if hide else SHOWN)
        forwarded = b"".join(watch.feed(piece) for piece in pieces)
        passed.append(forwarded.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n"))
        fault = None if watch.error is None else (type(watch.error), watch.error.message)
        seen.append((watch.token_seen, watch.finished, watch.ended, fault, watch.usage, watch.events, watch.model))
    assert seen[0] == seen[1]
    assert passed[0] == passed[1]
    # What passes is whole events of what came, and never one that is at fault.
    shown = stream.replace(USAGE, b"") if hide else stream
    assert passed[0] == (shown + (DONE if last == DONE else b"")).strip(b"\n")


def test_an_error_in_the_stream_is_held_back() -> None:
    watch = StreamWatch(SHOWN)
    error = b'data: {"error":{"message":"CUDA","code":503}}\n\n'
    assert watch.feed(text("a") + error + text("b")) == text("a")
    assert type(watch.error) is UpstreamFailed
    assert watch.feed(text("c")) == b""
    with pytest.raises(UpstreamFailed, match="HTTP 503"):
        watch.close()


@pytest.mark.parametrize("token_first", [True, False])
@pytest.mark.parametrize(
    "data", [b"{", b"[]", b"null", b'{"choices":5}', b'{"choices":[{"finish_reason":1}]}', b"\xff"]
)
def test_an_event_that_cannot_be_read_is_held_back(data: bytes, token_first: bool) -> None:
    watch = StreamWatch(SHOWN)
    before = text("a") if token_first else text("")
    assert watch.feed(before + b"data: " + data + b"\n\n") == before
    assert type(watch.error) is UpstreamMalformed


def test_an_event_over_the_bound_is_held_back() -> None:
    watch = StreamWatch(SHOWN)
    assert watch.feed(text("a") + text("b" * 16 * 2**20)) == text("a")
    assert type(watch.error) is UpstreamMalformed
    assert "16,777,216 bytes" in watch.error.message


@pytest.mark.parametrize("cut", [b"", text("a"), text("a") + FINISH, text("a") + FINISH + b"data: [DO"])
def test_a_stream_without_its_end_is_cut(cut: bytes) -> None:
    watch = StreamWatch(SHOWN)
    watch.feed(cut)
    with pytest.raises(UpstreamCut):
        watch.close()


def test_the_upstream_is_asked_for_usage_and_the_request_stays_as_it_was() -> None:
    request = {"model": "m", "messages": [{}], "stream": True, "stream_options": {"x": 1}}
    assert prepare_request(request)["stream_options"] == {"x": 1, "include_usage": True}
    assert request["stream_options"] == {"x": 1}
    assert "stream_options" not in prepare_request({"model": "m", "messages": [{}]})


@pytest.mark.parametrize(("said", "streams"), [({}, False), ({"stream": None}, False), ({"stream": True}, True)])
def test_a_stream_is_asked_for_with_true(said: dict[str, Any], streams: bool) -> None:
    assert asks_for_stream(said) is streams
    with pytest.raises(MalformedRequest, match="`stream` must be true or false"):
        asks_for_stream({"stream": "yes"})
