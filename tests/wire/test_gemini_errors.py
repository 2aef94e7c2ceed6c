"""Errors, counts, paths and other small things of the Gemini wire."""

import json
from typing import Any

import pytest

from ecotone.values.chat import (
    ChatRequest,
    JsonObjectFormat,
    Message,
    Reasoning,
    Sampling,
    TextPart,
)
from ecotone.values.errors import (
    ContextExceeded,
    EcotoneError,
    MalformedRequest,
    ModelNotFound,
    Unauthenticated,
    Unavailable,
    UpstreamCredentials,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ecotone.values.reply import (
    Start,
    TextDelta,
)
from ecotone.wire.gemini import (
    EventDecoder,
    EventEncoder,
    StreamWatch,
    decode_count,
    decode_count_request,
    decode_error,
    decode_reply,
    decode_request,
    encode_count,
    encode_count_request,
    encode_error,
    encode_request,
    path,
    read_usage,
)

HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
ASKED = ChatRequest("m", ())


def user(text: str) -> Message:
    return Message("user", (TextPart(text),))


ERRORS: list[tuple[int, dict[str, Any], type[EcotoneError], str | None]] = [
    (400, {"message": "API key not valid. Please pass a valid API key."}, UpstreamCredentials, None),
    (400, {"message": "x", "details": [{"reason": "API_KEY_INVALID"}]}, UpstreamCredentials, None),
    (401, {"message": "secret"}, UpstreamCredentials, None),
    (403, {"message": "secret", "status": "PERMISSION_DENIED"}, UpstreamCredentials, None),
    (
        400,
        {"message": "The input token count (3475108) exceeds the maximum number of tokens allowed (1048576)."},
        ContextExceeded,
        "3,475,108 tokens, more than the model's context of 1,048,576",
    ),
    (400, {"message": "Bad field.", "status": "INVALID_ARGUMENT"}, UpstreamRejected, "Bad field."),
    (404, {"message": "No such model.", "status": "NOT_FOUND"}, UpstreamRejected, "No such model."),
    (429, {"message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}, UpstreamRateLimited, None),
    (499, {"message": "Cancelled."}, UpstreamFailed, None),
    (500, {"message": "x"}, UpstreamFailed, None),
    (503, {"message": "overloaded"}, UpstreamFailed, None),
    (504, {"message": "late"}, UpstreamTimeout, None),
]


@pytest.mark.parametrize(("status", "error", "kind", "text"), ERRORS)
def test_errors_of_an_upstream(status: int, error: dict[str, Any], kind: type[EcotoneError], text: str | None) -> None:
    whole = {"error": {"code": status, **error}}
    for sent in (whole, [whole]):
        found = decode_error(status, json.dumps(sent).encode())
        assert type(found) is kind
        assert "secret" not in found.message
        assert text is None or text in found.message
    decoder, watch = EventDecoder(), StreamWatch({})
    event = b"data: " + json.dumps(whole).encode() + b"\n\n"
    with pytest.raises(kind):
        decoder.feed(event)
    assert watch.feed(event) == b""
    with pytest.raises(kind):
        watch.close()
    with pytest.raises(kind):
        decode_reply(json.dumps(whole).encode())
    with pytest.raises(kind):
        read_usage(json.dumps(whole).encode())


def test_how_long_an_upstream_wants_to_be_left_alone() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.5s"}]
    whole = json.dumps({"error": {"code": 429, "message": "x", "details": details}}).encode()
    error = decode_error(429, whole)
    assert isinstance(error, UpstreamRateLimited)
    assert (error.retry_after_s, error.upstream_status, error.raw) == (36.5, 429, whole)
    assert json.loads(encode_error(error))["error"]["details"][-1]["retryDelay"] == "36.5s"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (MalformedRequest("bad", param="contents"), 400, "INVALID_ARGUMENT"),
        (Unauthenticated("who?"), 401, "UNAUTHENTICATED"),
        (ModelNotFound("none"), 404, "NOT_FOUND"),
        (UpstreamRateLimited("slow"), 429, "RESOURCE_EXHAUSTED"),
        (UpstreamFailed("down"), 502, "UNAVAILABLE"),
        (Unavailable("none left"), 503, "UNAVAILABLE"),
        (UpstreamTimeout("late"), 504, "DEADLINE_EXCEEDED"),
        (UpstreamRejected("no", upstream_status=400, error_code="FAILED_PRECONDITION"), 400, "FAILED_PRECONDITION"),
    ],
)
def test_errors_for_a_client(error: EcotoneError, code: int, status: str) -> None:
    told = json.loads(encode_error(error))["error"]
    assert (told["code"], told["status"], told["message"]) == (code, status, error.message)


def test_an_error_ends_a_stream_in_either_form() -> None:
    encoder = EventEncoder(ChatRequest("m", (), vendor={"gemini.form": {"alt": "json"}}))
    sent = encoder.encode(Start()) + encoder.encode(TextDelta(0, 0, "a")) + encoder.encode_error(UpstreamFailed("down"))
    assert [list(element) for element in json.loads(sent)] == [["candidates"], ["error"]]
    sent = EventEncoder(ASKED).encode_error(UpstreamFailed("down"))
    assert sent.startswith(b'data: {"error":{"code":502,')


def test_counting() -> None:
    plain = ChatRequest("m", (user("a"),))
    counted = [{"role": "user", "parts": [{"text": "a"}]}]
    assert encode_count_request(plain, "g").body == {"contents": counted}
    whole = ChatRequest("m", (user("a"),), (Message("system", (TextPart("s"),)),), sampling=Sampling(seed=1))
    fields = {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": counted, "generationConfig": {"seed": 1}}
    assert encode_count_request(whole, "g").body == {"generateContentRequest": {"model": "models/g", **fields}}
    assert encode_count_request(whole, "g", vertex=True).body == fields
    for sent in (fields, {"generate_content_request": {"model": "models/m", **fields}}):
        request = decode_count_request(json.loads(json.dumps(sent)))
        assert (request.messages, request.system, request.sampling) == (whole.messages, whole.system, whole.sampling)
    with pytest.raises(MalformedRequest):
        decode_count_request({"contents": counted, "generateContentRequest": {}})
    assert decode_count(encode_count(12)) == 12
    assert json.loads(encode_count(12)) == {"totalTokens": 12}
    with pytest.raises(UpstreamMalformed):
        decode_count(b"{}")


def test_paths() -> None:
    assert path("gemini-3.5-flash", False) == "/models/gemini-3.5-flash:generateContent"
    assert path("models/g", True) == "/models/g:streamGenerateContent?alt=sse"
    assert path("a b/c?d", False) == "/models/a%20b%2Fc%3Fd:generateContent"


def test_levels_become_budgets_for_models_that_know_no_levels() -> None:
    newer, older = (
        encode_request(ChatRequest(model, (user("a"),), reasoning=Reasoning("low", shown=True)))
        for model in ("gemini-3.5-flash", "gemini-2.5-pro")
    )
    assert newer.body["generationConfig"] == {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}}
    assert newer.losses == ()
    assert older.body["generationConfig"] == {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}}
    assert [loss.field for loss in older.losses] == ["reasoning.effort"]


def test_any_json_is_an_object_here() -> None:
    request = decode_request({**HELLO, "generationConfig": {"response_mime_type": "application/json"}})
    assert request.output == JsonObjectFormat()
