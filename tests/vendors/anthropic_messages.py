"""A faithful fake of Anthropic's Messages API: messages whole and streamed, token counts and models, over HTTP/1.1.

    async with FakeAnthropic(key="sk-ant-test") as vendor:
        vendor.script(Reply(reasoning="Hm.", text="Hello."), Failure(529))
        ... point a client at vendor.base_url ...
        assert vendor.requests[0].json["model"] == "claude-sonnet-4-6"

Requests are checked as the vendor checks them before the script is looked at. Marked prefixes are cached for as long
as the vendor lives, so `usage` shows whether a client's second request could be served from the cache.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace

from anthropic.types import MessageTokensCount

from .anthropic_cache import PromptCache, input_tokens
from .anthropic_models import MODELS, facts, model_info
from .anthropic_replies import Answer
from .anthropic_rules import Call, Refusal, broken_rule
from .anthropic_schema import VERSIONS, first_violation
from .anthropic_seal import Seal
from .http_server import Exchange, FakeVendor, Json, Received, compact, json_body, sse_event
from .scripts import Failure, Reply, Scripted
from .sdk_models import checked

OAUTH_BETA = "oauth-2025-04-20"
BETA_NAME = re.compile(r"[a-z0-9-]+-\d{4}-?\d{2}-?\d{2}")
BODY_MAX_BYTES = 32 * 1024 * 1024
MESSAGES, COUNT_TOKENS, MODELS_PATH = "/v1/messages", "/v1/messages/count_tokens", "/v1/models"
RESET = "2026-08-21T12:00:01Z"
RATE_LIMITS = {
    f"anthropic-ratelimit-{what}-{word}": value
    for what, limit, left in (
        ("requests", "4000", "3999"),
        ("tokens", "480000", "479000"),
        ("input-tokens", "400000", "399000"),
        ("output-tokens", "80000", "80000"),
    )
    for word, value in (("limit", limit), ("remaining", left), ("reset", RESET))
}
# As the vendor's page "Errors" has them.
FAILURES: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "There was an issue with the format or content of your request."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}

# Of the request that this task answers.
REQUEST_ID: ContextVar[str] = ContextVar("REQUEST_ID", default="req_unchecked")


class FakeAnthropic(FakeVendor):
    """The vendor. `key` is the only one accepted, as `x-api-key` or as a bearer token, which is how the SDK sends it
    from 2.0 on; with `oauth` it is a login's token, which wants its beta header. `models` are the only ones it has;
    `cache_tokens_min`: shorter prefixes are not cached."""

    ping = b'event: ping\ndata: {"type":"ping"}\n\n'

    def __init__(
        self,
        key: str = "sk-ant-test",
        models: Sequence[str] = MODELS,
        otherwise: Scripted | None = None,
        port: int = 0,
        *,
        oauth: bool = False,
        cache_tokens_min: int = 0,
    ) -> None:
        super().__init__(key, models, otherwise, port)
        self.oauth, self.seal, self.cache = oauth, Seal(), PromptCache(cache_tokens_min)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers(self, received: Received) -> Mapping[str, str]:
        own = {"request-id": REQUEST_ID.get(), "anthropic-organization-id": "11111111-2222-3333-4444-555555555555"}
        return own if received.path != MESSAGES else own | RATE_LIMITS

    def failure_headers(self, failure: Failure) -> Mapping[str, str]:
        headers = dict(super().failure_headers(failure))
        headers["x-should-retry"] = "true" if failure.status == 429 or failure.status >= 500 else "false"
        if failure.status == 429:
            headers["anthropic-ratelimit-requests-remaining"] = "0"
        return headers

    def failure_body(self, failure: Failure) -> bytes:
        return failed(failure).body()

    def late_error(self, failure: Failure, sent: int) -> bytes:
        return sse_event(failed(failure).body(), "error")

    def refusal(self, received: Received) -> Refusal | None:
        REQUEST_ID.set(f"req_fake{len(self.requests):020d}")
        refusal = self._unauthorised(received) or header_refusal(received) or self._refused(received)
        return refusal and replace(refusal, request_id=REQUEST_ID.get())

    def _unauthorised(self, received: Received) -> Refusal | None:
        scheme, _, token = received.headers.get("authorization", "").partition(" ")
        token = token if scheme == "Bearer" else ""
        key = "" if self.oauth else received.headers.get("x-api-key", "")
        if not key and not token:
            return unauthorised("Authorization header is required" if self.oauth else "x-api-key header is required")
        if (key or token) != self.key:
            return unauthorised("invalid x-api-key" if key else "Invalid bearer token")
        if self.oauth and OAUTH_BETA not in betas(received):
            return unauthorised("OAuth authentication is not supported.")
        return None

    def _refused(self, received: Received) -> Refusal | None:
        model = received.path.removeprefix(f"{MODELS_PATH}/")
        if received.path == MODELS_PATH or model != received.path:
            if received.method != "GET":
                return Refusal("Method Not Allowed", 405)
            if received.path == MODELS_PATH:
                return self._page_refusal(received.query)
            return None if model in self.models else no_such_model(model)
        if received.path not in (MESSAGES, COUNT_TOKENS):
            return Refusal("Not Found", 404, "not_found_error")
        if received.method != "POST":
            return Refusal("Method Not Allowed", 405)
        if len(received.body) > BODY_MAX_BYTES:
            return failed(Failure(413))
        if received.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return Refusal("Content-Type must be application/json")
        try:
            received.json = json_body(received)
        except ValueError as error:
            return Refusal(f"The request body is not valid JSON: {error}")
        version = received.headers["anthropic-version"]
        if message := first_violation(received.body, version, betas(received), counting=received.path == COUNT_TOKENS):
            return Refusal(message)
        if received.json["model"] not in self.models:
            return no_such_model(received.json["model"])
        return broken_rule(self._call(received))

    def _call(self, received: Received) -> Call:
        name = received.json["model"]
        version = received.headers["anthropic-version"]
        return Call(received.json, name, facts(name), version, betas(received), self.seal)

    def fact(self, received: Received) -> Json | None:
        if received.path == COUNT_TOKENS:
            return checked(MessageTokensCount, {"input_tokens": input_tokens(self._call(received))})
        if received.path == MODELS_PATH:
            return self._listed(received.query)
        if received.path.startswith(f"{MODELS_PATH}/"):
            return model_info(received.path.removeprefix(f"{MODELS_PATH}/"))
        return None

    def _page_refusal(self, query: Mapping[str, str]) -> Refusal | None:
        limit = query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            return Refusal("limit: Input should be from 1 to 1000")
        after = query.get("after_id", self.models[0])
        return None if after in self.models else Refusal("after_id: no such model")

    def _listed(self, query: Mapping[str, str]) -> Json:
        """A page of the models: `limit` of them, after the one named `after_id`."""
        names = self.models[self.models.index(query["after_id"]) + 1 :] if "after_id" in query else self.models
        page = names[: int(query.get("limit", "20"))]
        ends = {"first_id": page[0], "last_id": page[-1]} if page else {"first_id": None, "last_id": None}
        return {"data": [model_info(name) for name in page], "has_more": len(page) < len(names), **ends}

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        call = self._call(received)
        answer = Answer(call, reply, self.cache.use(call), len(self.requests))
        if not received.json.get("stream"):
            return await exchange.send_json(answer.whole(), delivery=reply.delivery)
        events = [sse_event(compact(event), event["type"]) for event in answer.events()]
        return await exchange.send_events(events[:-1], events[-1], reply.delivery)


def betas(received: Received) -> frozenset[str]:
    """The names in the beta header, of which the query's `beta=true` counts as one."""
    names = {name.strip() for name in received.headers.get("anthropic-beta", "").split(",")} - {""}
    return frozenset(names | ({"beta=true"} if received.query.get("beta") == "true" else set()))


def header_refusal(received: Received) -> Refusal | None:
    version = received.headers.get("anthropic-version")
    if version is None:
        return Refusal("anthropic-version: header is required")
    if version not in VERSIONS:
        return Refusal(f'anthropic-version: "{version}" is not a valid version')
    for name in sorted(betas(received) - {"beta=true"}):
        if not BETA_NAME.fullmatch(name):
            return Refusal(f"Unexpected value(s) `{name}` for the `anthropic-beta` header.")
    return None


def unauthorised(message: str) -> Refusal:
    return Refusal(message, 401, "authentication_error")


def no_such_model(model: str) -> Refusal:
    return Refusal(f"model: {model}", 404, "not_found_error")


def failed(failure: Failure) -> Refusal:
    """The error object of a scripted failure."""
    kind, message = FAILURES.get(failure.status, ("api_error", "The request failed."))
    return Refusal(failure.message or message, failure.status, failure.code or kind, REQUEST_ID.get())
