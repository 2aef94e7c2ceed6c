"""The errors of Google's APIs (https://cloud.google.com/apis/design/errors) and how a scripted failure becomes one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .http_server import Json
from .scripts import Failure

# The canonical codes with the HTTP status of each, and what the API says (https://ai.google.dev/gemini-api/docs/
# troubleshooting and the reports in its clients' repositories).
FAILURES: dict[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    409: ("ABORTED", "The operation was aborted."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    501: ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
TYPES = "type.googleapis.com/google.rpc."


@dataclass(frozen=True)
class Refusal:
    """An error of the vendor. `code`: the canonical code; without it, the one of the HTTP status."""

    message: str
    status: int = 400
    code: str | None = None
    details: Sequence[Json] = ()

    def fields(self) -> Json:
        code = self.code or (FAILURES[self.status][0] if self.status in FAILURES else "UNKNOWN")
        error: Json = {"code": self.status, "message": self.message, "status": code}
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}

    def body(self) -> bytes:
        return json.dumps(self.fields(), indent=2, ensure_ascii=False).encode() + b"\n"


def bad_fields(violations: Sequence[tuple[str, str]]) -> Refusal:
    """The refusal of a body that does not fit its message, every violation at once."""
    listed = [({"field": place} if place else {}) | {"description": text} for place, text in violations]
    detail = {"@type": f"{TYPES}BadRequest", "fieldViolations": listed}
    return Refusal("\n".join(text for _, text in violations), details=[detail])


def error_info(reason: str, service: str, message: str | None = None) -> list[Json]:
    details: list[Json] = [
        {
            "@type": f"{TYPES}ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": {"service": service},
        }
    ]
    if message:
        details.append({"@type": f"{TYPES}LocalizedMessage", "locale": "en-US", "message": message})
    return details


def failed(failure: Failure) -> Refusal:
    """The error object of a scripted failure."""
    code, message = FAILURES.get(failure.status, ("UNKNOWN", "The request failed."))
    details: list[Json] = []
    if failure.status == 429:
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
            "quotaDimensions": {"location": "global", "model": "gemini"},
            "quotaValue": "10",
        }
        details.append({"@type": f"{TYPES}QuotaFailure", "violations": [violation]})
    if failure.retry_after_s is not None:
        details.append({"@type": f"{TYPES}RetryInfo", "retryDelay": f"{failure.retry_after_s:g}s"})
    return Refusal(failure.message or message, failure.status, failure.code or code, details)
