"""The Response object around a reply: `Response` of the SDK, which repeats much of the request."""

import re
from typing import Any

from ecotone.values.chat import ChatRequest, Json, TextPart
from ecotone.values.reply import FinishReason, Usage
from ecotone.wire.fields import add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_responses.tools import encode_output, encode_tool_choice, encode_tools
from ecotone.wire.openai_responses.usage import encode_usage
from ecotone.wire.openai_responses.vendor import NAME, form_of, rest_of

_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "max_messages": "unknown",
    "steered": "unknown",
}
_NO_WORD = re.compile(r"[^A-Za-z0-9_-]+")
# What a reply repeats of the fields that have no place in the values.
_REPEATED = ("max_tool_calls", "prompt", "prompt_cache_key", "prompt_cache_retention", "safety_identifier")


def reply_id(identity: str | None) -> str:
    """The id of a reply as this wire's ids look. One that another wire's vendor gave is kept within it."""
    plain = _NO_WORD.sub("", identity or "")
    return plain if plain.startswith("resp_") else f"resp_{plain}"


def decode_finish(status: str | None, details: Any, *, called: bool) -> tuple[FinishReason, str]:
    """Why a reply ended, from its `status` and `incomplete_details`, and the vendor's own word for it."""
    if status == "incomplete":
        reason = details.get("reason") if isinstance(details, dict) else None
        word = reason if isinstance(reason, str) else "incomplete"
        return _INCOMPLETE.get(word, "unknown"), word
    return "tool_calls" if called else "stop", status or "completed"


def encode_finish(reason: FinishReason | None, raw: str | None) -> Json | None:
    """The `incomplete_details`, None where a reply is complete.

    What this wire has no word for: a refusal is `content_filter`, as its content was withheld; a pause is
    `max_output_tokens`, as the answer is incomplete and may be continued; an end of which only the upstream knows what
    it means (a broken call, a shortage) is incomplete for no given reason.
    """
    if raw in _INCOMPLETE and _INCOMPLETE[raw] == reason:
        return {"reason": raw}
    match reason:
        case "length" | "pause":
            return {"reason": "max_output_tokens"}
        case "content_filter" | "refusal":
            return {"reason": "content_filter"}
        case "unknown":
            return {}
    return None


def repeated_request(request: ChatRequest) -> Json:
    """What every Response repeats of the client's request."""
    rest = rest_of(request.vendor)
    text: Json = {"format": encode_output(request.output) if request.output is not None else {"type": "text"}}
    add_rest(text, rest.get("text") or {})
    reasoning: Json = {"effort": None, "summary": None}
    if request.reasoning is not None:
        reasoning["effort"] = request.reasoning.effort
        if request.reasoning.shown:
            reasoning |= form_of(request.vendor, "summary") or {"summary": "auto"}
    said = form_of(request.vendor, "said") or {}
    repeated: Json = {
        "background": False,
        "instructions": _instructions(request),
        "max_output_tokens": request.sampling.max_tokens,
        "metadata": request.metadata or {},
        "parallel_tool_calls": True if request.parallel_tool_calls is None else request.parallel_tool_calls,
        "previous_response_id": form_of(request.vendor, "previous_response_id"),
        "reasoning": reasoning,
        "temperature": request.sampling.temperature,
        "text": text,
        "tool_choice": rest.get("tool_choice") or encode_tool_choice(request.tool_choice or "auto"),
        "tools": encode_tools(request.tools, Losses(NAME)),
        "top_logprobs": request.sampling.top_logprobs or 0,
        "top_p": request.sampling.top_p,
        "truncation": said.get("truncation") or rest.get("truncation") or "disabled",
    }
    repeated |= {name: rest[name] for name in _REPEATED if rest.get(name) is not None}
    if request.user is not None:
        repeated["user"] = request.user
    return repeated


def _instructions(request: ChatRequest) -> str | None:
    for message in request.system[:1]:
        match message.parts:
            case (TextPart(text=text),) if form_of(message.vendor, "at") == "instructions":
                return text
    return None


def response_object(
    head: Json,
    repeated: Json,
    output: list[Json],
    *,
    status: str,
    incomplete: Json | None = None,
    usage: Usage | None = None,
) -> Json:
    """The whole object. `head` has id, time and model; the time of completion is not known here."""
    told = encode_usage(usage)
    return {
        **head,
        "status": status,
        "error": None,
        "incomplete_details": incomplete,
        "output": output,
        **({} if told is None else {"usage": told}),
        **repeated,
    }
