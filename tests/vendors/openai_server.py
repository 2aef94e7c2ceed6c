"""What the endpoints of OpenAI's API have in common: keys, models, errors, headers."""

from collections.abc import Mapping
from typing import Any

from openai.types import Model

from .http_server import FakeVendor, Json, Received, compact, json_body, sse_event
from .openai_rules import Refusal
from .scripts import Failure
from .sdk_models import checked

CREATED = 1_780_000_000
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "30000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "29976",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "48ms",
}
EXHAUSTED = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}

# Messages, types and codes as in the vendor's guide "Error codes".
FAILURES: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("Country, region, or territory not supported.", "request_forbidden", "unsupported_country_region_territory"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("That model is currently overloaded with other requests.", "server_error", None),
}


def failure_refusal(failure: Failure) -> Refusal:
    """The error object of a scripted failure."""
    message, kind, code = FAILURES.get(failure.status, ("The request failed.", "invalid_request_error", None))
    return Refusal(failure.message or message, None, failure.code or code, failure.status, kind)


class OpenAIServer(FakeVendor):
    """An API root at `/v1` with its models; what is posted where is for those who derive from it."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def headers(self, received: Received) -> Mapping[str, str]:
        return RATE_LIMITS | {
            "openai-organization": "fake-org",
            "openai-processing-ms": "7",
            "openai-version": "2020-10-01",
            "x-request-id": f"req_fake{id(received):016x}",
        }

    def failure_body(self, failure: Failure) -> bytes:
        return failure_refusal(failure).body()

    def failure_headers(self, failure: Failure) -> Mapping[str, str]:
        headers = dict(EXHAUSTED) if failure.status == 429 else {}
        if failure.retry_after_s is not None:
            headers["retry-after"] = f"{failure.retry_after_s:g}"
            headers["retry-after-ms"] = f"{failure.retry_after_s * 1000:.0f}"
        return headers

    def late_error(self, failure: Failure, sent: int) -> bytes:
        return sse_event(compact({"error": failure_refusal(failure).fields()}))

    def fact(self, received: Received) -> Json | None:
        if not received.path.startswith("/v1/models"):
            return None
        entries = [{"id": name, "object": "model", "created": CREATED, "owned_by": "system"} for name in self.models]
        listed = {name: checked(Model, entry) for name, entry in zip(self.models, entries, strict=True)}
        if received.path == "/v1/models":
            return {"object": "list", "data": list(listed.values())}
        return listed[received.path.removeprefix("/v1/models/")]

    def refusal(self, received: Received) -> Refusal | None:
        if refusal := self._unauthorised(received):
            return refusal
        if not received.path.startswith("/v1/models"):
            return self.request_refusal(received)
        if received.method != "GET":
            return not_allowed(received)
        known = received.path == "/v1/models" or received.path.removeprefix("/v1/models/") in self.models
        return None if known else no_such_model(received.path.removeprefix("/v1/models/"))

    def request_refusal(self, received: Received) -> Refusal | None:
        """Why a request with the right key that is not about models is refused, or None. Fills in `received.json`."""
        raise NotImplementedError

    def _unauthorised(self, received: Received) -> Refusal | None:
        scheme, _, key = received.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            message = "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
            return Refusal(message, status=401)
        if key != self.key:
            message = f"Incorrect API key provided: {key[:4]}***."
            return Refusal(message, code="invalid_api_key", status=401)
        return None


def posted_json(received: Received) -> Any | Refusal:
    """The JSON body of a POST, or why it is none."""
    if received.method != "POST":
        return not_allowed(received)
    media_type = received.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        message = f"Invalid Content-Type header ({media_type}), expected application/json."
        return Refusal(message, code="unsupported_content_type")
    try:
        return json_body(received)
    except ValueError:
        return Refusal("We could not parse the JSON body of your request. The API expects a JSON payload.")


def no_such_url(received: Received) -> Refusal:
    return Refusal(f"Invalid URL ({received.method} {received.path})", code="unknown_url", status=404)


def not_allowed(received: Received) -> Refusal:
    message = f"Not allowed to {received.method} on {received.path}."
    return Refusal(message, code="method_not_supported", status=405)


def no_such_model(model: str) -> Refusal:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(message, code="model_not_found", status=404)
