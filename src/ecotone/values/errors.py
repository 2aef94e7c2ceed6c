"""Everything that can go wrong, as one tree.

    EcotoneError
    ├── RequestError                the caller's request is at fault
    │   ├── MalformedRequest        400  not JSON, wrong types, missing fields
    │   │   └── MalformedHeader     400  one of Ecotone's own headers is misspelt or has no such value
    │   ├── UnsupportedFeature      400  this model or wire cannot do it; another may
    │   ├── ContextExceeded         400  more tokens than this model's context holds; another's may
    │   ├── Unauthenticated         401
    │   ├── Forbidden               403  a foreign Host or Origin, or no right to this route
    │   ├── Unredactable            403  what the rules want replaced cannot be replaced where it stands
    │   ├── PolicyRefused           403  the owner's rules forbid it, in the request or in the reply
    │   ├── NotFound                404  no such model, route or path
    │   ├── MethodNotAllowed        405
    │   ├── BodyTooLarge            413
    │   └── UnsupportedMediaType    415
    ├── UpstreamError               the model's side is at fault; another endpoint may well answer
    │   ├── UpstreamUnreachable     refused, unresolved, TLS failure
    │   ├── UpstreamTimeout         connect, first byte, between bytes, or whole
    │   ├── UpstreamCut             the stream ended without its terminator
    │   ├── UpstreamMalformed       an answer that is not in the upstream's own wire format
    │   ├── UpstreamCredentials     401 and 403: the key Ecotone holds was refused
    │   ├── UpstreamRateLimited     429
    │   ├── UpstreamFailed          5xx, or an error event inside a stream
    │   └── UpstreamRejected        any other 4xx: the request itself was refused; not retried elsewhere
    ├── Unavailable                 503  nothing left that could answer
    ├── NotCleared                  500  what was to be sent is not what the rules allowed; nothing was sent
    │   └── StaleClearance          503  the rules have changed meanwhile; planned again
    └── SetupError                  the owner's installation is at fault; the message names the fix
        ├── ConfigError             a place in a file and the reason
        ├── StoreError              a model could not be fetched, is corrupt, or does not exist
        └── EngineError             the embedded engine could not start or load

Each error knows the HTTP status a client gets, the `type` and `code` words of the OpenAI error body (the common
ground of all wires), and whether the same request may be tried at another endpoint.
"""

from typing import ClassVar


class EcotoneError(Exception):
    """Root of the tree. `message` is written for the person who reads it and says what to do."""

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    retryable_elsewhere: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(EcotoneError):
    """The caller's request is at fault. `param` names the field, as the OpenAI error body has it."""

    status = 400
    type = "invalid_request_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class MalformedRequest(RequestError):
    """The body is not what the wire format asks for."""


class MalformedHeader(MalformedRequest):
    """A header of Ecotone's own that cannot be honoured; `param` names it. What it was to protect would not be."""

    code = "invalid_header"


class UnsupportedFeature(RequestError):
    """A feature that the target model or wire cannot express and that may not be dropped silently."""

    code = "unsupported_feature"
    retryable_elsewhere = True


class ContextExceeded(RequestError):
    """The prompt has more tokens than the model's context holds."""

    code = "context_length_exceeded"
    retryable_elsewhere = True


class Unauthenticated(RequestError):
    """No key, or one that is unknown or revoked."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(RequestError):
    """Known caller or page, but not allowed."""

    status = 403
    type = "permission_error"


class PolicyRefused(RequestError):
    """The owner's rules forbid this request, or what the model answered. `message` gives their reasons; `rules` names
    those that spoke."""

    status = 403
    type = "permission_error"
    code = "policy_refused"

    def __init__(self, message: str, *, rules: tuple[str, ...] = (), param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.rules = rules


class Unredactable(RequestError):
    """The rules want something replaced before it goes to this model, and it cannot be replaced where it stands.
    Another model's rules may not ask for it."""

    status = 403
    type = "permission_error"
    code = "cannot_redact"
    retryable_elsewhere = True


class NotFound(RequestError):
    """No such model, route or path."""

    status = 404
    code = "not_found"


class ModelNotFound(NotFound):
    """The name is neither a route nor a model here."""

    code = "model_not_found"


class MethodNotAllowed(RequestError):
    """The path exists, but not for this HTTP method."""

    status = 405
    code = "method_not_allowed"


class BodyTooLarge(RequestError):
    """The body is over the limit; it was not read."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaType(RequestError):
    """The content type is one that a web page may send without asking, or simply not JSON."""

    status = 415
    code = "unsupported_media_type"


class UpstreamError(EcotoneError):
    """A model's side failed.

    `endpoint` names where. `upstream_status`, `raw` are the answer as it came (None where none came): kept for
    explanation, never shown to clients unless the error is the request's own fault. `retry_after_s` is what the
    upstream asked for, None if it did not say.
    """

    status = 502
    type = "upstream_error"
    retryable_elsewhere = True

    def __init__(
        self,
        message: str,
        *,
        endpoint: str | None = None,
        upstream_status: int | None = None,
        raw: bytes | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.endpoint = endpoint
        self.upstream_status = upstream_status
        self.raw = raw
        self.retry_after_s = retry_after_s


class UpstreamUnreachable(UpstreamError):
    """No connection: refused, unresolved, or TLS failed."""

    code = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    """One of the four timeouts ran out; the message says which."""

    status = 504
    code = "upstream_timeout"


class UpstreamCut(UpstreamError):
    """The answer stopped before its end."""

    code = "upstream_cut"


class UpstreamMalformed(UpstreamError):
    """The answer is not in the upstream's own wire format."""

    code = "upstream_malformed"


class UpstreamCredentials(UpstreamError):
    """The vendor refused the key that Ecotone holds (401, 403)."""

    code = "upstream_credentials"


class UpstreamRateLimited(UpstreamError):
    """The vendor asked to slow down (429)."""

    status = 429
    type = "rate_limit_error"
    code = "upstream_rate_limited"


class UpstreamFailed(UpstreamError):
    """The upstream failed on its own side (5xx, or an error event in a stream)."""

    code = "upstream_failed"


class UpstreamRejected(UpstreamError):
    """The upstream refused the request itself (400, 404, 413, 422): its status and words are the client's answer.

    `error_type`, `error_code` and `param` are the upstream's own words, None where it gave none.
    """

    retryable_elsewhere = False

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int,
        endpoint: str | None = None,
        raw: bytes | None = None,
        error_type: str | None = None,
        error_code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, endpoint=endpoint, upstream_status=upstream_status, raw=raw)
        self.status = upstream_status
        self.type = error_type or "invalid_request_error"
        self.code = error_code
        self.param = param


class Unavailable(EcotoneError):
    """Nothing is left that could answer."""

    status = 503
    type = "service_unavailable"
    code = "no_endpoint_available"


class NotCleared(EcotoneError):
    """What was to be sent has no clearance, or one for something else: a fault of Ecotone's own. Nothing was sent."""

    code = "not_cleared"


class StaleClearance(NotCleared):
    """The rules have changed since the clearance was given. The gateway plans once more."""

    status = 503
    code = "rules_changed"


class SetupError(EcotoneError):
    """The owner's installation is at fault."""

    type = "setup_error"


class ConfigError(SetupError):
    """A config that cannot be honoured. `file` and `line` (1-based) say where; None where there is no such place."""

    code = "config_error"

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(place + message)
        self.file = file
        self.line = line


class StoreError(SetupError):
    """A model could not be fetched, does not exist, or its file is not what it should be."""

    code = "model_store_error"


class EngineError(SetupError):
    """The embedded engine could not start or load a model. Another endpoint may still answer."""

    status = 503
    code = "engine_error"
    retryable_elsewhere = True
