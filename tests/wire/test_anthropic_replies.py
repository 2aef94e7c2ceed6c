"""The Messages wire: replies, streams, the fast lane, errors and counts that are out of the ordinary."""

import json
from typing import Any

import pytest

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    FunctionTool,
    Message,
    Sampling,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import (
    ContextExceeded,
    MalformedRequest,
    UpstreamCredentials,
    UpstreamCut,
    UpstreamError,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ecotone.values.reply import Choice, Reply, Start, TextDelta, Usage, fold
from ecotone.wire.anthropic import (
    EventDecoder,
    EventEncoder,
    StreamWatch,
    check_request,
    decode_error,
    decode_reply,
    encode_reply,
    prepare_request,
    read_usage,
)
from ecotone.wire.anthropic.counting import decode_count, encode_count, encode_count_request

HELLO = (Message("user", (TextPart("Hello"),)),)
ASKED = ChatRequest("m", ())
F = FunctionTool("f")
Json = dict[str, Any]


def test_a_reply_from_elsewhere_says_what_it_can() -> None:
    reply = Reply(
        (
            Choice(0, (AudioPart("AAAA", transcript="Spoken."), ToolCallPart("a", "f", "{bad")), "stop", "stop"),
            Choice(1, (TextPart("another"),), "stop"),
        ),
        id="chatcmpl-1",
        usage=Usage(input_tokens=5, output_tokens=None, cached_input_tokens=8),
    )
    assert json.loads(encode_reply(reply, ASKED)) == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "",
        "content": [
            {"type": "text", "text": "Spoken."},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"arguments": "{bad"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        # Counts cannot be below zero, and what is unknown is said as 0.
        "usage": {"input_tokens": 0, "cache_read_input_tokens": 8, "output_tokens": 0},
    }


@pytest.mark.parametrize("sent", [b"", b"<html>", b"[]", b'{"id": "x"}', b'{"content": [{"type": "text"}]}', b"{" * 99])
def test_what_is_no_reply_is_malformed(sent: bytes) -> None:
    with pytest.raises(UpstreamMalformed):
        decode_reply(sent)


def event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


START = event("message_start", message={"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 3}})
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
PIECE = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def test_a_stream_without_its_last_event_is_cut() -> None:
    decoder = EventDecoder()
    events = decoder.feed(START + TEXT + PIECE + event("message_delta", delta={"stop_reason": "end_turn"}, usage={}))
    assert events[0] == Start("msg_1", "m")
    with pytest.raises(UpstreamCut):
        decoder.close()


def test_an_error_late_in_a_stream_follows_what_came_before() -> None:
    decoder = EventDecoder()
    assert decoder.feed(START + TEXT + PIECE + OVERLOADED + PIECE)[-1] == TextDelta(0, 0, "Hi")
    assert isinstance(decoder.error, UpstreamFailed)
    with pytest.raises(UpstreamFailed):
        decoder.feed(b"")


@pytest.mark.parametrize(
    "sent",
    [
        PIECE,
        START + PIECE,
        START + START,
        TEXT,
        START + TEXT + event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "x"}),
        START + event("content_block_start", content_block={"type": "text", "text": ""}),
        START + event("content_block_start", index=0, content_block={"type": "image", "source": {"type": "file"}}),
        START + b"data: {nonsense\n\n",
        START + b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
def test_a_stream_against_the_grammar_is_malformed(sent: bytes) -> None:
    decoder = EventDecoder()
    with pytest.raises(UpstreamMalformed):
        decoder.feed(sent)
        decoder.close()


def test_an_event_over_the_bound_is_malformed() -> None:
    with pytest.raises(UpstreamMalformed, match="more than 16,777,216 bytes"):
        EventDecoder().feed(b"data: " + b"x" * 16 * 2**20)


def test_a_call_with_free_text_is_read_as_one() -> None:
    call = {"type": "tool_use", "id": "a", "name": "patch__free_text", "input": {"input": 'x"\n'}}
    part = ToolCallPart("a", "patch", 'x"\n', "custom")
    assert decode_reply(json.dumps({"content": [call]}).encode()).choices[0].parts == (part,)
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"input": "x\\', '"\\n"}')]
    stream = START + event("content_block_start", index=0, content_block=call | {"input": {}})
    stream += b"".join(event("content_block_delta", index=0, delta=piece) for piece in pieces)
    stream += event("content_block_stop", index=0) + event("message_stop")
    assert fold(EventDecoder().feed(stream)).choices[0].parts == (part,)


def test_a_watch_forwards_whole_events_up_to_an_error_and_none_of_it() -> None:
    watch = StreamWatch({})
    assert watch.feed(START[:40]) == b""
    assert watch.feed(START[40:] + TEXT + PIECE[:9]) == START + TEXT
    seen = [watch.token_seen]
    assert watch.feed(PIECE[9:] + OVERLOADED) == PIECE
    assert [*seen, watch.token_seen] == [False, True]
    assert isinstance(watch.error, UpstreamFailed)
    assert watch.feed(PIECE) == b""
    with pytest.raises(UpstreamFailed):
        watch.close()


def test_a_watch_forwards_nothing_after_the_end() -> None:
    watch = StreamWatch({})
    stop = event("message_stop")
    assert watch.feed(START + stop + PIECE) == START + stop
    watch.close()
    assert watch.usage == Usage(input_tokens=3)


def test_a_watched_stream_without_its_last_event_is_cut() -> None:
    watch = StreamWatch({})
    watch.feed(START + TEXT + PIECE)
    with pytest.raises(UpstreamCut):
        watch.close()


def test_the_fast_lane_passes_a_request_on_as_it_is() -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": "x"}], "x_new": 1}
    check_request(request)
    assert prepare_request(request) == request
    with pytest.raises(MalformedRequest):
        check_request({"model": "m", "messages": "x"})


def test_the_fast_lane_reads_errors_and_counts_of_whole_replies() -> None:
    usage = {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 4, "output_tokens": 8}
    assert read_usage(json.dumps({"content": [], "usage": usage}).encode()) == Usage(7, 8, 2, 4)
    assert read_usage(b'{"content": []}') is None
    with pytest.raises(UpstreamFailed):
        read_usage(b'{"type": "error", "error": {"type": "api_error", "message": "x"}}')
    with pytest.raises(UpstreamMalformed):
        read_usage(b"{}")


# --- errors ---


def told(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "messages: too odd", UpstreamRejected),
        (400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", ContextExceeded),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
            ContextExceeded,
        ),
        (400, "invalid_request_error", "Your credit balance is too low to access the API.", UpstreamRateLimited),
        (401, "authentication_error", "invalid x-api-key", UpstreamCredentials),
        (402, "billing_error", "pay", UpstreamRateLimited),
        (403, "permission_error", "no", UpstreamCredentials),
        (404, "not_found_error", "model: x", UpstreamRejected),
        (413, "request_too_large", "too much", UpstreamRejected),
        (429, "rate_limit_error", "slowly", UpstreamRateLimited),
        (500, "api_error", "oops", UpstreamFailed),
        (504, "timeout_error", "late", UpstreamTimeout),
        (529, "overloaded_error", "busy", UpstreamFailed),
    ],
)
def test_an_upstreams_error_is_the_same_by_status_and_in_a_stream(
    status: int, kind: str, message: str, expected: type[UpstreamError]
) -> None:
    error = decode_error(status, told(kind, message), endpoint="claude", retry_after_s=3.0)
    assert type(error) is expected
    if expected is UpstreamRateLimited:
        assert isinstance(error, UpstreamRateLimited)
        assert error.retry_after_s == 3.0
    assert type(decode_error(200, told(kind, message))) is expected


def test_the_upstreams_words_reach_the_client_where_the_request_is_at_fault() -> None:
    error = decode_error(400, told("invalid_request_error", "tools.0: no such type"))
    assert error.message == "tools.0: no such type"
    assert error.status == 400


# --- counting ---


def test_counting_asks_about_the_prompt_alone() -> None:
    request = ChatRequest(
        "m",
        HELLO,
        (Message("system", (TextPart("Be brief."),)),),
        tools=(F,),
        sampling=Sampling(temperature=0.5, max_tokens=9, stop=("x",)),
        stream=True,
        user="u",
        vendor={"anthropic": {"cache_control": {"type": "ephemeral"}, "service_tier": "auto"}},
    )
    assert encode_count_request(request).body == {
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "cache_control": {"type": "ephemeral"},
    }


def test_counts_are_read_and_written() -> None:
    assert decode_count(b'{"input_tokens": 2095}') == 2095
    assert encode_count(2095) == b'{"input_tokens":2095}'
    with pytest.raises(UpstreamMalformed):
        decode_count(b'{"input_tokens": "many"}')


def test_a_stream_is_silent_about_other_choices() -> None:
    encoder = EventEncoder(ASKED)
    assert encoder.encode(TextDelta(0, 0, "x"))
    assert encoder.encode(TextDelta(1, 0, "y")) == b""
