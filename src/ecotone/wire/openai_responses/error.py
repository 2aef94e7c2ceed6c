"""Errors inside replies and streams of this wire; those with an HTTP status of their own are in `openai_error`.

The API reference has the `error` event flat (`code`, `message`, `param` beside the type); what the vendor sends has
them in an `error` object (https://github.com/openai/openai-dotnet/issues/881), and it is on that object that the
official SDKs raise (https://github.com/openai/openai-python/pull/3934). Both are read, and both are written.
"""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, RequestError, UpstreamError, UpstreamRejected
from ecotone.wire.openai_error import decode_error

# `ResponseErrorCode` of the SDK: all others of its words speak of the request.
_STATUSES = {
    "server_error": 500,
    "vector_store_timeout": 500,
    "internal_error": 500,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "service_unavailable_error": 503,
    "server_is_overloaded": 503,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
}
_REQUESTS_FAULT = frozenset(
    {
        "invalid_request_error",
        "context_length_exceeded",
        "invalid_prompt",
        "bio_policy",
        "misalignment_policy_violation",
        "data_residency_mismatch",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "invalid_image_mode",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
    }
)


def decode_failure(error: Any, *, raw: bytes | None = None) -> UpstreamError | RequestError:
    """What the error object of a failed response or of an `error` event means, from its decoded JSON."""
    fields: Json = error if isinstance(error, dict) else {}
    nested = fields.get("error")
    said = nested if isinstance(nested, dict) else fields
    words = [word for word in (said.get("code"), said.get("type")) if isinstance(word, str) and word != "error"]
    known = [_STATUSES.get(word) or (400 if word in _REQUESTS_FAULT else None) for word in words]
    status = next((found for found in known if found is not None), 500)
    told = {name: said.get(name) for name in ("message", "code", "param")}
    told["type"] = said.get("type") if said.get("type") != "error" else None
    fault = decode_error(status, msgspec.json.encode({"error": told}))
    if isinstance(fault, UpstreamError) and fault.raw is not None:
        fault.raw = raw or fault.raw
    return fault


def error_event(error: EcotoneError, sequence_number: int) -> bytes:
    """The event that tells a client of `error` within a stream."""
    param = error.param if isinstance(error, RequestError | UpstreamRejected) else None
    said: Json = {"code": error.code, "message": error.message, "param": param}
    event: Json = {"type": "error", "sequence_number": sequence_number, **said, "error": {"type": error.type, **said}}
    return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"
