"""Errors as OpenAI's wires say them, read and written: the one place where an upstream's failure is classified.

The official body is `{"error": {"message", "type", "param", "code"}}`
(https://platform.openai.com/docs/guides/error-codes). Servers that speak the wire answer in other shapes too, and all
of these are read:

- older vLLM: `{"object": "error", "message": ..., "type": ..., "param": ..., "code": 400}`
- llama-server: `{"error": {"code": 400, "message": ..., "type": "exceed_context_size_error", "n_prompt_tokens": ...,
  "n_ctx": ...}}` (llama.cpp, tools/server/README.md)
- Ollama and TGI: `{"error": "text"}`, TGI with an `error_type` beside it
- FastAPI: `{"detail": "text"}` or `{"detail": [{"loc": [...], "msg": ..., "type": ...}]}`
- OpenRouter: `{"error": {"code": 429, "message": ..., "metadata": {...}}}`, also with HTTP status 200
  (https://openrouter.ai/docs/api-reference/errors)
- proxies in between: HTML, plain text, or nothing
"""

import re
from typing import Any

import msgspec

from ecotone.values.errors import (
    ContextExceeded,
    EcotoneError,
    MalformedRequest,
    PolicyRefused,
    RequestError,
    Unredactable,
    UnsupportedFeature,
    UpstreamCredentials,
    UpstreamError,
    UpstreamFailed,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ecotone.wire.sse import format_event

_MESSAGE_CHARS_MAX = 2000
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"})
_CONTEXT_TEXT = re.compile(
    r"maximum context length|context[ _](length|window|size)|(prompt|input) is too long|`inputs` tokens \+", re.I
)
# xAI and Google answer a wrong key with status 400; xAI quotes the key's ends.
_KEY_TEXT = re.compile(r"(incorrect|invalid) API key|API key (not valid|expired|not found)", re.I)
# llama.cpp's server (tools/server, common/chat.cpp) answers these with status 500, though another try cannot help.
_OVER_BATCH = re.compile(r"input \((\d+) tokens\) is too large to process.*batch size: (\d+)", re.S)
# What its JSON library, nlohmann's, puts before the reason (https://json.nlohmann.me/home/exceptions/).
_LIBRARY_PREFIX = re.compile(r"\[json\.exception\.\w+\.\d+\] ")
_NO_MEDIA = re.compile(r"(image|audio|video) input is not supported")
_UNREADABLE = re.compile(r"Failed to parse (tools|messages): (.*?)(?:; (?:tools|messages) = .*)?$", re.S)
# A proxy gave up waiting: https://developers.cloudflare.com/support/troubleshooting/http-status-codes/ for 522 and 524.
_TIMEOUT_STATUSES = frozenset({408, 504, 522, 524})
_RETRYABLE_REFUSALS = frozenset({409, 425})
_TYPE_STATUSES = {
    "invalid_request_error": 400,
    "exceed_context_size_error": 400,
    "BadRequestError": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "NotFoundError": 404,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
}
_OWNERS_RULES = (PolicyRefused.code, Unredactable.code)
_decoder = msgspec.json.Decoder()


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error body said; None where it did not. `code` is a word; a number in its place is `status`."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    prompt_tokens: int | None = None
    context_tokens: int | None = None


def encode_error(error: EcotoneError) -> bytes:
    """The body that tells a client of `error`; its HTTP status is `error.status`."""
    param = error.param if isinstance(error, RequestError | UpstreamRejected) else None
    return msgspec.json.encode(
        {"error": {"message": error.message, "type": error.type, "param": param, "code": error.code}}
    )


def encode_error_event(error: EcotoneError) -> bytes:
    """The event that tells a client of `error` within a stream; the official SDKs raise APIError on it."""
    return format_event(encode_error(error))


def decode_error(
    status: int, body: bytes, *, endpoint: str | None = None, retry_after_s: float | None = None
) -> UpstreamError | RequestError:
    """What an answer with this HTTP status means, the status first and the text last.

    `endpoint` names where it came from. The upstream's own words reach the client only where the request itself is
    at fault; where the key was refused they are not kept at all, since they may hold part of it.
    """
    if status < 300:
        try:
            decoded = _decoder.decode(body)
        except (ValueError, RecursionError):
            decoded = None
        return decode_error_object(decoded, endpoint=endpoint, raw=body)
    where = _where(endpoint)
    said = read_error(body)
    if status == 403 and said.code in _OWNERS_RULES:
        # Another gateway like this one: it is not about a key, and its owner's reasons are for the client.
        return UpstreamRejected(
            said.message or f"{where} refuses this by its owner's rules.",
            upstream_status=status,
            endpoint=endpoint,
            raw=body,
            error_type=said.type,
            error_code=said.code,
        )
    if status in (401, 403) or (status == 400 and _KEY_TEXT.match(said.message or "")):
        return key_refused(status, endpoint)
    if status in (402, 429) or said.code == "rate_limit_exceeded":
        return UpstreamRateLimited(
            f"{where} accepts no more requests for now (HTTP {status}){_rate_hint(status, said)}.",
            endpoint=endpoint,
            upstream_status=status,
            raw=body,
            retry_after_s=retry_after_s,
        )
    if status in _TIMEOUT_STATUSES:
        return UpstreamTimeout(
            f"{where} did not answer in time (HTTP {status}). Try again.",
            endpoint=endpoint,
            upstream_status=status,
            raw=body,
            retry_after_s=retry_after_s,
        )
    fault = _requests_own_fault(said.message or "") if status == 500 else None
    if fault is not None:
        return fault
    if status >= 500 or status in _RETRYABLE_REFUSALS:
        return UpstreamFailed(
            f"{where} failed (HTTP {status}). Try again, or ask for another model.",
            endpoint=endpoint,
            upstream_status=status,
            raw=body,
            retry_after_s=retry_after_s,
        )
    if status < 400:
        return UpstreamMalformed(
            f"{where} answered with HTTP {status}, which is neither a reply nor an error. Check its base URL.",
            endpoint=endpoint,
            upstream_status=status,
            raw=body,
        )
    return _refusal(status, said, endpoint, body)


def key_refused(status: int, endpoint: str | None) -> UpstreamCredentials:
    """The error for an answer of this status to the key. Nothing of the answer is kept: it may hold part of the key."""
    return UpstreamCredentials(
        f"{_where(endpoint)} refused the key that Ecotone holds for it (HTTP {status}). The owner of this gateway must"
        " check that key and what it may use.",
        endpoint=endpoint,
        upstream_status=status,
    )


def decode_error_object(
    decoded: Any, *, endpoint: str | None = None, raw: bytes | None = None
) -> UpstreamError | RequestError:
    """What an error means that came with status 200 or inside a stream, from its decoded JSON.

    The status is a number in its `code`, else what its `type` or `code` stands for, else 500.
    """
    said = _read_object(decoded)
    status = said.status or _TYPE_STATUSES.get(said.type or "") or _TYPE_STATUSES.get(said.code or "") or 500
    return decode_error(status, raw or msgspec.json.encode(decoded), endpoint=endpoint)


def read_error(body: bytes) -> ErrorBody:
    """What this error body says, in whichever shape; nothing for HTML and other text that is not an error body."""
    try:
        return _read_object(_decoder.decode(body))
    except (ValueError, RecursionError):
        return ErrorBody()


def _refusal(status: int, said: ErrorBody, endpoint: str | None, body: bytes) -> UpstreamError | RequestError:
    context = {said.code, said.type} & _CONTEXT_CODES or (said.message and _CONTEXT_TEXT.search(said.message))
    if context and status in (400, 413, 422):
        if said.prompt_tokens is not None and said.context_tokens is not None:
            message = (
                f"The prompt has {said.prompt_tokens:,} tokens, more than the model's context of"
                f" {said.context_tokens:,}. Shorten it or ask for a model with a longer context."
            )
        else:
            message = said.message or "The prompt has more tokens than the model's context holds. Shorten it."
        return ContextExceeded(message, param=said.param or "messages")
    return UpstreamRejected(
        said.message or f"{_where(endpoint)} refused the request (HTTP {status}) and gave no reason.",
        upstream_status=status,
        endpoint=endpoint,
        raw=body,
        error_type=said.type,
        error_code=said.code,
        param=said.param,
    )


def _requests_own_fault(message: str) -> RequestError | None:
    """The request's fault that llama.cpp's server told as its own, None if it is none of those."""
    if found := _OVER_BATCH.search(message):
        text = f"The input has {int(found[1]):,} tokens; the model takes at most {int(found[2]):,} at once. Shorten it."
        return ContextExceeded(text, param="input")
    if found := _NO_MEDIA.match(message):
        return UnsupportedFeature(f"The model takes no {found[1]} input. Ask for one that does.", param="messages")
    if found := _UNREADABLE.match(message):
        return MalformedRequest(f"`{found[1]}` cannot be read: {found[2]}.", param=found[1])
    return None


def _where(endpoint: str | None) -> str:
    return f"The upstream {endpoint}" if endpoint else "The upstream"


def _rate_hint(status: int, said: ErrorBody) -> str:
    if status == 402 or "insufficient_quota" in (said.code, said.type):
        return ": the account there has no credit left"
    return ""


def _read_object(decoded: Any) -> ErrorBody:
    if not isinstance(decoded, dict):
        return ErrorBody()
    error = decoded.get("error")
    if isinstance(error, str):
        return ErrorBody(message=_text(error), type=_text(decoded.get("error_type")))
    if "detail" in decoded:
        return ErrorBody(message=_detail(decoded["detail"]))
    fields: dict[str, Any] = error if isinstance(error, dict) else decoded
    code = fields.get("code")
    number = _count(code)
    if number is None and isinstance(code, str) and code.isdecimal():
        number = int(code[:4])
    return ErrorBody(
        message=_text(fields.get("message")),
        type=_text(fields.get("type")),
        code=_text(code) if number is None else None,
        param=_text(fields.get("param")),
        status=number if number is not None and 400 <= number <= 599 else None,
        prompt_tokens=_count(fields.get("n_prompt_tokens")),
        context_tokens=_count(fields.get("n_ctx")),
    )


def _detail(detail: Any) -> str | None:
    if not isinstance(detail, list):
        return _text(detail)
    lines = []
    for entry in detail[:10]:
        if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
            steps = entry.get("loc")
            named = steps if isinstance(steps, list) else []
            place = ".".join(str(step) for step in named if isinstance(step, str | int))
            lines.append(f"{place}: {entry['msg']}" if place else entry["msg"])
    return _text("; ".join(lines))


def _text(value: Any) -> str | None:
    return _LIBRARY_PREFIX.sub("", value[:_MESSAGE_CHARS_MAX]) if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
