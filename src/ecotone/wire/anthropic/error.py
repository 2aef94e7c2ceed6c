"""Errors as this vendor says them: `{"type": "error", "error": {"type", "message"}, "request_id"}`.

https://platform.claude.com/docs/en/api/errors. In a stream an error is an event of its own, after status 200.
"""

import re
from typing import Any

import msgspec

from ecotone.values.errors import ContextExceeded, EcotoneError, RequestError, UpstreamError, UpstreamRateLimited
from ecotone.wire import openai_error
from ecotone.wire.anthropic.events import format_event

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
# The vendor answers these with 400 and a type that says no more than that.
_OVER_CONTEXT = re.compile(r"exceed(s)? context limit", re.I)
_NO_CREDIT = re.compile(r"credit balance is too low", re.I)
_decoder = msgspec.json.Decoder()


def encode_error(error: EcotoneError) -> bytes:
    """The body that tells a client of `error`; its HTTP status is `error.status`, which the SDK goes by."""
    kind = _TYPES.get(error.status) or ("invalid_request_error" if error.status < 500 else "api_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": error.message}, "request_id": None})


def encode_error_event(error: EcotoneError) -> bytes:
    """The event that tells a client of `error` within a stream; the SDK raises APIStatusError on it."""
    return format_event("error", encode_error(error))


def decode_error(
    status: int, body: bytes, *, endpoint: str | None = None, retry_after_s: float | None = None
) -> UpstreamError | RequestError:
    """What an answer with this HTTP status means, classified as `openai_error.decode_error` does."""
    if status < 300:
        try:
            decoded = _decoder.decode(body)
        except (ValueError, RecursionError):
            decoded = None
        return decode_error_object(decoded, endpoint=endpoint, raw=body)
    message = openai_error.read_error(body).message or ""
    if status == 400 and _OVER_CONTEXT.search(message):
        return ContextExceeded(message, param="messages")
    if status == 400 and _NO_CREDIT.search(message):
        where = f"The upstream {endpoint}" if endpoint else "The upstream"
        return UpstreamRateLimited(
            f"{where} accepts no more requests for now: the account there has no credit left.",
            endpoint=endpoint,
            upstream_status=status,
            raw=body,
            retry_after_s=retry_after_s,
        )
    return openai_error.decode_error(status, body, endpoint=endpoint, retry_after_s=retry_after_s)


def decode_error_object(
    decoded: Any, *, endpoint: str | None = None, raw: bytes | None = None
) -> UpstreamError | RequestError:
    """What an error means that came with status 200 or inside a stream, from its decoded JSON: the status is the one
    that its type stands for, else 500."""
    error = decoded.get("error") if isinstance(decoded, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    status = _STATUSES.get(kind, 500) if isinstance(kind, str) else 500
    return decode_error(status, raw or msgspec.json.encode(decoded), endpoint=endpoint)
