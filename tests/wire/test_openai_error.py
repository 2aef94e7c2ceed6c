"""Errors of the OpenAI wires, classified and written; the shapes and their sources are in the module's docstring."""

import json

import pytest

from ecotone.values.errors import (
    ConfigError,
    ContextExceeded,
    EcotoneError,
    MalformedRequest,
    ModelNotFound,
    UnsupportedFeature,
    UpstreamCredentials,
    UpstreamError,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ecotone.wire.openai_error import decode_error, decode_error_object, encode_error, encode_error_event, read_error

OPENAI = b'{"error":{"message":"Bad `n`.","type":"invalid_request_error","param":"n","code":"bad_n"}}'


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, UpstreamMalformed, True),
        (400, UpstreamRejected, False),
        (401, UpstreamCredentials, True),
        (402, UpstreamRateLimited, True),
        (403, UpstreamCredentials, True),
        (404, UpstreamRejected, False),
        (408, UpstreamTimeout, True),
        (409, UpstreamFailed, True),
        (413, UpstreamRejected, False),
        (422, UpstreamRejected, False),
        (425, UpstreamFailed, True),
        (429, UpstreamRateLimited, True),
        (500, UpstreamFailed, True),
        (502, UpstreamFailed, True),
        (503, UpstreamFailed, True),
        (504, UpstreamTimeout, True),
        (524, UpstreamTimeout, True),
        (529, UpstreamFailed, True),
    ],
)
@pytest.mark.parametrize("body", [OPENAI, b"<html>Bad gateway</html>", b"", b"[1]", b"[" * 5000])
def test_the_status_comes_first(status: int, kind: type[EcotoneError], retryable: bool, body: bytes) -> None:
    error = decode_error(status, body, endpoint="gpu1", retry_after_s=2.5)
    assert type(error) is kind
    assert error.retryable_elsewhere is retryable
    assert isinstance(error, UpstreamError)
    assert error.endpoint == "gpu1"
    assert error.upstream_status == status
    assert error.retry_after_s == (2.5 if kind in (UpstreamRateLimited, UpstreamTimeout, UpstreamFailed) else None)
    assert error.raw == (None if kind is UpstreamCredentials else body)


def test_a_refusal_is_the_clients_own_answer() -> None:
    error = decode_error(422, OPENAI, endpoint="gpu1")
    assert isinstance(error, UpstreamRejected)
    assert error.status == 422
    assert json.loads(encode_error(error)) == json.loads(OPENAI)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"object":"error","message":"No such.","type":"NotFoundError","param":null,"code":404}', "No such.", None),
        (b'{"error":{"code":400,"message":"Bad grammar","type":"invalid_request_error"}}', "Bad grammar", None),
        (b'{"error":"model \\"x\\" not found"}', 'model "x" not found', None),
        (b'{"error":"Bad parameter","error_type":"validation"}', "Bad parameter", None),
        (b'{"detail":"Not Found"}', "Not Found", None),
        (
            b'{"error":{"code":400,"message":"[json.exception.type_error.302] type must be number, but is string"}}',
            "type must be number, but is string",
            None,
        ),
        (
            b'{"detail":[{"loc":["body","n"],"msg":"not a number","type":"int"},{"msg":"and more"}]}',
            "body.n: not a number; and more",
            None,
        ),
        (b'{"detail":[{"loc":5,"msg":"nowhere"}]}', "nowhere", None),
        (
            b'{"detail":[{"loc":["body",' + b'{"a":' * 400 + b"1" + b"}" * 400 + b',0],"msg":"deep"}]}',
            "body.0: deep",
            None,
        ),
        (b'{"error":{"message":"Tool?","code":"tool_unsupported"}}', "Tool?", "tool_unsupported"),
        (b'{"error":{"code":"404","message":"none"}}', "none", None),
        (b"<html>", None, None),
        (b"", None, None),
    ],
)
def test_every_shape_is_read(body: bytes, message: str | None, code: str | None) -> None:
    said = read_error(body)
    assert (said.message, said.code) == (message, code)
    error = decode_error(400, body, endpoint="gpu1")
    assert error.message == (message or "The upstream gpu1 refused the request (HTTP 400) and gave no reason.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"error":{"code":400,"message":"the request exceeds the available context size",'
            b'"type":"exceed_context_size_error","n_prompt_tokens":8100,"n_ctx":4096}}',
            "The prompt has 8,100 tokens, more than the model's context of 4,096."
            " Shorten it or ask for a model with a longer context.",
        ),
        (
            b'{"error":{"message":"Too long.","type":"invalid_request_error","param":"messages",'
            b'"code":"context_length_exceeded"}}',
            "Too long.",
        ),
        (
            b'{"object":"error","message":"This model\'s maximum context length is 2048 tokens.","code":400}',
            "This model's maximum context length is 2048 tokens.",
        ),
    ],
)
def test_a_prompt_over_the_context_is_told_as_such(body: bytes, message: str) -> None:
    error = decode_error(400, body, endpoint="gpu1")
    assert type(error) is ContextExceeded
    assert json.loads(encode_error(error)) == {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }


@pytest.mark.parametrize(
    ("message", "kind", "param", "told"),
    [
        (
            "input (601 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
            ContextExceeded,
            "input",
            "The input has 601 tokens; the model takes at most 512 at once. Shorten it.",
        ),
        (
            "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            UnsupportedFeature,
            "messages",
            "The model takes no image input. Ask for one that does.",
        ),
        (
            "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            UnsupportedFeature,
            "messages",
            "The model takes no audio input. Ask for one that does.",
        ),
        (
            "Failed to parse tools: Missing tool type: 5; tools = [\n  5\n]",
            MalformedRequest,
            "tools",
            "`tools` cannot be read: Missing tool type: 5.",
        ),
        (
            "Failed to parse messages: Missing 'role' in message: {}",
            MalformedRequest,
            "messages",
            "`messages` cannot be read: Missing 'role' in message: {}.",
        ),
    ],
)
def test_faults_of_the_request_that_llama_cpp_takes_for_its_own(
    message: str, kind: type[EcotoneError], param: str, told: str
) -> None:
    body = json.dumps({"error": {"code": 500, "message": message, "type": "server_error"}}).encode()
    for error in (decode_error(500, body, endpoint="gpu1"), decode_error_object(json.loads(body), endpoint="gpu1")):
        assert type(error) is kind
        assert json.loads(encode_error(error)) == {
            "error": {"message": told, "type": "invalid_request_error", "param": param, "code": kind.code}
        }
    assert type(decode_error(502, body)) is UpstreamFailed
    assert type(decode_error(400, body)) is UpstreamRejected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"error":{"message":"Incorrect API key provided: sk-abc***xyz.","code":"invalid_api_key"}}'),
        (403, b'{"error":{"message":"Incorrect API key provided: sk-abc***xyz.","code":"invalid_api_key"}}'),
        (400, b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: sk-a***z."}'),
    ],
)
def test_the_upstreams_words_about_our_key_go_nowhere(status: int, body: bytes) -> None:
    error = decode_error(status, body, endpoint="openai")
    assert type(error) is UpstreamCredentials
    assert "sk-" not in f"{error} {encode_error(error)!r} {vars(error)}"


def test_no_credit_left_is_said() -> None:
    body = b'{"error":{"message":"You exceeded","type":"insufficient_quota","code":"insufficient_quota"}}'
    assert "no credit left" in decode_error(429, body).message
    assert "no credit left" in decode_error(402, b"").message
    assert "credit" not in decode_error(429, b"").message


@pytest.mark.parametrize(
    ("decoded", "kind"),
    [
        ({"error": {"message": "m", "code": 429}}, UpstreamRateLimited),
        ({"error": {"message": "m", "code": 400}}, UpstreamRejected),
        ({"error": {"message": "m", "code": "502"}}, UpstreamFailed),
        ({"error": {"message": "m", "type": "rate_limit_exceeded"}}, UpstreamRateLimited),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, UpstreamRejected),
        ({"error": {"message": "m", "code": 0}}, UpstreamFailed),
        ({"error": "text"}, UpstreamFailed),
        ({"object": "error", "message": "m", "code": 503}, UpstreamFailed),
        (None, UpstreamFailed),
    ],
)
def test_an_error_without_a_status_has_its_own_or_is_a_failure(decoded: object, kind: type[EcotoneError]) -> None:
    assert type(decode_error_object(decoded)) is kind
    assert type(decode_error(200, json.dumps(decoded).encode())) is kind


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            MalformedRequest("`n` must be a whole number.", param="n"),
            {"message": "`n` must be a whole number.", "type": "invalid_request_error", "param": "n", "code": None},
        ),
        (
            ModelNotFound("No model x."),
            {"message": "No model x.", "type": "invalid_request_error", "param": None, "code": "model_not_found"},
        ),
        (
            ConfigError("bad key", file="ecotone.toml", line=3),
            {"message": "ecotone.toml:3: bad key", "type": "setup_error", "param": None, "code": "config_error"},
        ),
    ],
)
def test_errors_are_written_as_the_official_body(error: EcotoneError, expected: dict[str, str]) -> None:
    assert json.loads(encode_error(error)) == {"error": expected}
    event = encode_error_event(error)
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert json.loads(event[6:]) == {"error": expected}


def test_a_long_message_is_cut() -> None:
    body = json.dumps({"error": {"message": "x" * 100_000}}).encode()
    assert decode_error(400, body).message == "x" * 2000


def test_a_refusal_by_another_gateways_rules_keeps_its_reason() -> None:
    body = b'{"error":{"message":"stays home","type":"permission_error","param":null,"code":"policy_refused"}}'
    error = decode_error(403, body, endpoint="e")
    assert (type(error).__name__, error.status, error.code, error.message) == (
        "UpstreamRejected",
        403,
        "policy_refused",
        "stays home",
    )
