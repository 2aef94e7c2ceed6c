"""Why an answer ended: `FinishReason`, and `BlockedReason` of a prompt that got none."""

from ecotone.values.reply import FinishReason

_REASONS: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "CONTINUATION": "pause",
}
# Words of the vendor that no other wire has one for.
_UNKNOWN = frozenset(
    {
        "FINISH_REASON_UNSPECIFIED",
        "LANGUAGE",
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "ESCALATION",
        "PUP_LIMITED_DISABLED",
    }
)
MALFORMED_CALL = "MALFORMED_FUNCTION_CALL"


def decode_finish(raw: str, *, called: bool) -> FinishReason:
    """What the vendor's word means; it has none of its own for an end with calls."""
    reason = _REASONS.get(raw, "unknown")
    return "tool_calls" if reason == "stop" and called else reason


def encode_finish(reason: FinishReason, raw: str | None) -> str:
    """The word on this wire. An upstream's own word is kept if it is one of this wire's.

    What this wire has no word for: a refusal is `SAFETY`; a pause is `MAX_TOKENS`, as the answer is incomplete and may
    be continued; what is unknown is `OTHER`.
    """
    if raw is not None and (raw in _REASONS or raw in _UNKNOWN):
        return raw
    match reason:
        case "stop" | "tool_calls":
            return "STOP"
        case "length" | "pause":
            return "MAX_TOKENS"
        case "content_filter" | "refusal":
            return "SAFETY"
    return "OTHER"
