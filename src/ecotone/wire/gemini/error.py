"""Errors of Google's APIs, read and written.

The body is `{"error": {"code", "message", "status", "details"}}`, `status` a canonical code and `details` typed
messages (https://cloud.google.com/apis/design/errors); in a stream that is one JSON array it is an element of that. A
refused key is told of with status 400, a time to wait in a `RetryInfo`.
"""

import math
import re
from typing import Any

import msgspec

from ecotone.values.errors import (
    ContextExceeded,
    EcotoneError,
    RequestError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from ecotone.wire import openai_error
from ecotone.wire.retry_after import meant_s
from ecotone.wire.sse import format_event

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# The HTTP status of each canonical code (google/rpc/code.proto).
_CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_TYPES = "type.googleapis.com/google.rpc."
_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
# https://github.com/google-gemini/gemini-cli/issues/4231
_CONTEXT = re.compile(
    r"input token count(?: is)? \(?(\d+)\)?,? (?:but model only supports up to|exceeds the maximum number of tokens"
    r" allowed)(?: of)? \(?(\d+)",
    re.I,
)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")
_MESSAGE_CHARS_MAX = 2000
_decoder = msgspec.json.Decoder()


class ErrorBody(msgspec.Struct, frozen=True):
    """What an error body said; None where it did not. `reasons` are those of its `ErrorInfo`s."""

    code: int | None = None
    message: str | None = None
    status: str | None = None
    reasons: tuple[str, ...] = ()
    retry_after_s: float | None = None


def read_error(body: bytes) -> ErrorBody:
    """What this error body says; nothing where it is none."""
    try:
        return _read(_decoder.decode(body))
    except (ValueError, RecursionError):
        return ErrorBody()


def _read(decoded: Any) -> ErrorBody:
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]
    error = decoded.get("error") if isinstance(decoded, dict) else None
    if not isinstance(error, dict):
        return ErrorBody(message=error[:_MESSAGE_CHARS_MAX] if isinstance(error, str) else None)
    code, message, status, details = (error.get(name) for name in ("code", "message", "status", "details"))
    listed = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    reasons = tuple(str(detail["reason"]) for detail in listed if detail.get("reason"))
    waits = [_SECONDS.fullmatch(str(detail.get("retryDelay"))) for detail in listed]
    return ErrorBody(
        code=code if isinstance(code, int) and 400 <= code <= 599 else None,
        message=message[:_MESSAGE_CHARS_MAX] if isinstance(message, str) and message else None,
        status=status if isinstance(status, str) else None,
        reasons=reasons,
        retry_after_s=meant_s(next((float(found[1]) for found in waits if found), None)),
    )


def decode_error(
    status: int, body: bytes, *, endpoint: str | None = None, retry_after_s: float | None = None
) -> UpstreamError | RequestError:
    """What an answer with this HTTP status means, the status first and the text last.

    `endpoint` names where it came from. The upstream's own words reach the client only where the request itself is at
    fault; where a key was refused they are not kept at all, since they may hold part of it.
    """
    said = read_error(body)
    if status < 300:
        status = said.code or _CODES.get(said.status or "") or 500
    if retry_after_s is None:
        retry_after_s = said.retry_after_s
    if status == 400 and _KEY_REASONS.intersection(said.reasons):
        return openai_error.key_refused(status, endpoint)
    context = _CONTEXT.search(said.message or "") if status == 400 else None
    if context is not None:
        return ContextExceeded(
            f"The prompt has {int(context[1]):,} tokens, more than the model's context of {int(context[2]):,}. Shorten"
            " it or ask for a model with a longer context.",
            param="contents",
        )
    # The vendor's client gave up, which is the vendor's own failure where ours did not.
    understood = 500 if status == 499 else status
    plain = msgspec.json.encode({"error": {"message": said.message}}) if said.message else body
    error = openai_error.decode_error(understood, plain, endpoint=endpoint, retry_after_s=retry_after_s)
    if isinstance(error, UpstreamError) and error.raw is not None:
        error.raw, error.upstream_status = body, status
    if isinstance(error, UpstreamRejected):
        error.code = said.status
    return error


def decode_error_object(
    decoded: Any, *, endpoint: str | None = None, raw: bytes | None = None
) -> UpstreamError | RequestError:
    """What an error means that came with status 200 or inside a stream, from its decoded JSON."""
    return decode_error(200, raw or msgspec.json.encode(decoded), endpoint=endpoint)


def encode_error(error: EcotoneError) -> bytes:
    """The body that tells a client of `error`; its HTTP status is `error.status`. The SDKs raise ClientError or
    ServerError for it, by `code`."""
    status = _STATUSES.get(error.status) or ("INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    if error.code in _CODES and _CODES[error.code] == error.status:
        status = error.code
    fields: dict[str, Any] = {"code": error.status, "message": error.message, "status": status}
    details = _details(error, status)
    if details:
        fields["details"] = details
    return msgspec.json.encode({"error": fields})


def _details(error: EcotoneError, status: str) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    if error.code is not None and error.code != status:
        details.append({"@type": f"{_TYPES}ErrorInfo", "reason": error.code.upper(), "domain": "ecotone"})
    param = error.param if isinstance(error, RequestError | UpstreamRejected) else None
    if param is not None:
        violation = {"field": param, "description": error.message}
        details.append({"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]})
    if isinstance(error, UpstreamRateLimited) and error.retry_after_s is not None:
        delay = f"{math.ceil(error.retry_after_s * 1000) / 1000:g}s"
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": delay})
    return details


def encode_error_event(error: EcotoneError) -> bytes:
    """The event that tells a client of `error` within a stream."""
    return format_event(encode_error(error))
