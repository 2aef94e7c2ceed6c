"""What the official SDK makes of the bytes that clients of the Messages wire get: errors, and streams."""

import json

import anthropic
import httpx2
import pytest

from ecotone.values.chat import ChatRequest
from ecotone.values.errors import (
    BodyTooLarge,
    ContextExceeded,
    EcotoneError,
    Forbidden,
    MalformedRequest,
    ModelNotFound,
    Unauthenticated,
    Unavailable,
    UnsupportedFeature,
    UpstreamCut,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ecotone.values.reply import (
    End,
    Event,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.anthropic import EventEncoder, encode_error

ASKED = ChatRequest("m", ())


def client(status: int, body: bytes, media_type: str = "application/json") -> anthropic.Anthropic:
    """The SDK, talking to a server that answers everything with this."""
    answer = httpx2.MockTransport(
        lambda request: httpx2.Response(status, content=body, headers={"content-type": media_type}, request=request)
    )
    return anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=answer))


def stream(body: bytes) -> anthropic.types.Message:
    """The message that the SDK puts together from a stream."""
    told = client(200, body, "text/event-stream")
    with told.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "?"}]) as events:
        return events.get_final_message()


def written(*events: Event) -> bytes:
    encoder = EventEncoder(ASKED)
    return b"".join(encoder.encode(event) for event in (Start("msg_1", "m"), *events, End()))


@pytest.mark.parametrize(
    ("error", "raised", "kind"),
    [
        (MalformedRequest("no"), anthropic.BadRequestError, "invalid_request_error"),
        (UnsupportedFeature("no"), anthropic.BadRequestError, "invalid_request_error"),
        (ContextExceeded("too long"), anthropic.BadRequestError, "invalid_request_error"),
        (Unauthenticated("who?"), anthropic.AuthenticationError, "authentication_error"),
        (Forbidden("not you"), anthropic.PermissionDeniedError, "permission_error"),
        (ModelNotFound("what?"), anthropic.NotFoundError, "not_found_error"),
        (BodyTooLarge("too much"), anthropic.APIStatusError, "request_too_large"),
        (UpstreamRateLimited("slowly"), anthropic.RateLimitError, "rate_limit_error"),
        (UpstreamRejected("no", upstream_status=422), anthropic.UnprocessableEntityError, "invalid_request_error"),
        (UpstreamCut("cut"), anthropic.InternalServerError, "api_error"),
        (Unavailable("nobody left"), anthropic.InternalServerError, "overloaded_error"),
        (UpstreamTimeout("late"), anthropic.InternalServerError, "timeout_error"),
    ],
)
def test_each_error_raises_the_sdks_own_class(
    error: EcotoneError, raised: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(raised) as found:
        client(error.status, encode_error(error)).messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "?"}]
        )
    assert found.value.status_code == error.status
    assert found.value.type == kind
    assert error.message in found.value.message


def test_an_error_late_in_a_stream_is_raised() -> None:
    encoder = EventEncoder(ASKED)
    begun = b"".join(encoder.encode(event) for event in (Start("msg_1", "m"), TextDelta(0, 0, "Half of")))
    with pytest.raises(anthropic.APIStatusError) as found:
        stream(begun + encoder.encode_error(Unavailable("Nobody is left.")))
    assert found.value.type == "overloaded_error"
    assert "Nobody is left." in found.value.message


def test_an_error_before_anything_else_is_raised() -> None:
    with pytest.raises(anthropic.APIStatusError, match="late"):
        stream(EventEncoder(ASKED).encode_error(UpstreamTimeout("late")))


def test_parallel_calls_that_arrive_in_turns_come_out_whole() -> None:
    message = stream(
        written(
            TextDelta(0, 0, "Both."),
            ToolCallDelta(0, 1, "call_1", "first", '{"a":', "function"),
            ToolCallDelta(0, 2, "call_2", "second", "", "function"),
            ToolCallDelta(0, 1, arguments=' "}'),
            ToolCallDelta(0, 2, arguments='{"b": [1,'),
            ToolCallDelta(0, 3, "call_3", "third", "", "function"),
            ToolCallDelta(0, 1, arguments='"}'),
            ToolCallDelta(0, 2, arguments=" 2]}"),
            Finish(0, "tool_calls"),
            UsageReport(Usage(7, 9)),
        )
    )
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [(call.id, call.name, call.input) for call in calls] == [
        ("call_1", "first", {"a": "}"}),
        ("call_2", "second", {"b": [1, 2]}),
        ("call_3", "third", {}),
    ]
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 9)


def test_a_call_whose_arguments_are_whole_does_not_hold_up_the_next() -> None:
    encoder = EventEncoder(ASKED)
    for event in (Start(), ToolCallDelta(0, 0, "a", "f", '{"x": {}}', "function")):
        encoder.encode(event)
    assert b'"id":"b"' in encoder.encode(ToolCallDelta(0, 1, "b", "g", "", "function"))


def test_text_and_reasoning_in_turns_become_blocks_in_their_order() -> None:
    message = stream(
        written(
            ReasoningDelta(0, 0, "One. "),
            TextDelta(0, 1, "Two. "),
            ReasoningDelta(0, 0, "Three. "),
            TextDelta(0, 1, "Four."),
            Finish(0, "stop"),
        )
    )
    said = [getattr(block, "thinking", None) or getattr(block, "text", None) for block in message.content]
    assert said == ["One. ", "Two. ", "Three. ", "Four."]


def test_nothing_but_an_end_is_an_empty_message() -> None:
    message = stream(written(Finish(0, "length")))
    assert message.content == []
    assert message.stop_reason == "max_tokens"


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ((TextDelta(0, 0, "x"), Finish(0, "stop", "stop")), "end_turn"),
        # OpenAI ends the answer to a forced call with "stop".
        ((ToolCallDelta(0, 0, "a", "f", "{}", "function"), Finish(0, "stop", "stop")), "tool_use"),
        ((RefusalDelta(0, 0, "No."), Finish(0, "stop", "stop")), "refusal"),
        ((TextDelta(0, 0, "x"), Finish(0, "content_filter", "content_filter")), "refusal"),
        ((TextDelta(0, 0, "x"), Finish(0, "pause")), "pause_turn"),
        ((TextDelta(0, 0, "x"), Finish(0, "length", "length")), "max_tokens"),
        ((TextDelta(0, 0, "x"), Finish(0, "unknown")), "end_turn"),
    ],
)
def test_why_an_answer_ended_is_said_in_the_vendors_words(events: tuple[Event, ...], word: str) -> None:
    assert stream(written(*events)).stop_reason == word


def test_every_block_is_closed_before_the_next_begins() -> None:
    bytes_written = written(
        ReasoningDelta(0, 0, "Hm."),
        ToolCallDelta(0, 1, "a", "f", "{", "function"),
        TextDelta(0, 2, "late"),
        ToolCallDelta(0, 1, arguments="}"),
        Finish(0, "tool_calls"),
    )
    events = [json.loads(event.partition(b"\ndata: ")[2]) for event in bytes_written.split(b"\n\n") if event]
    assert [(event["type"], event.get("index")) for event in events] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        # Reasoning that nobody signed still has a signature for the client to keep.
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
