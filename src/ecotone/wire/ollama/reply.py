"""Replies to Ollama's clients, whole or as lines of JSON (https://docs.ollama.com/api/streaming).

Times that a server of its own would measure are left out. Calls of tools come at the end, whole.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from ecotone.values.chat import (
    ChatRequest,
    ImagePart,
    Inline,
    Json,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import EcotoneError, UpstreamMalformed
from ecotone.values.reply import (
    Choice,
    End,
    Event,
    Finish,
    ImageDelta,
    LogprobsDelta,
    ReasoningDelta,
    RefusalDelta,
    Reply,
    Start,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.envelope import seal_id
from ecotone.wire.nesting import decode_shallow
from ecotone.wire.ollama.request import NAME

Shape = Literal["chat", "generate"]
_DONE_REASONS = {"tool_calls": "stop"}
_encode = msgspec.json.Encoder().encode


def encode_reply(reply: Reply, request: ChatRequest, shape: Shape) -> bytes:
    """The first choice as the client asked for it. Raises UpstreamMalformed for calls that are no JSON."""
    choice = reply.choices[0] if reply.choices else Choice(0, ())
    message = _message(choice.parts)
    encoded: Json = _head(request, reply.created)
    if shape == "chat":
        encoded["message"] = {"role": "assistant", **message}
    else:
        encoded["response"] = message.pop("content")
        encoded |= message
    if choice.logprobs is not None:
        encoded["logprobs"] = [_logprob(token) for token in choice.logprobs]
    return _encode(encoded | _tail(choice.finish, reply.usage))


def encode_error(error: EcotoneError) -> bytes:
    return _encode({"error": error.message})


def _head(request: ChatRequest, created: int | None) -> Json:
    at = datetime.fromtimestamp(created or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"model": request.model, "created_at": at}


def _tail(finish: str | None, usage: Usage | None) -> Json:
    tail: Json = {"done": True, "done_reason": _DONE_REASONS.get(finish or "stop", finish or "stop")}
    if usage is not None and usage.input_tokens is not None:
        tail["prompt_eval_count"] = usage.input_tokens
    if usage is not None and usage.output_tokens is not None:
        tail["eval_count"] = usage.output_tokens
    return tail


def _message(parts: tuple[ReplyPart, ...]) -> Json:
    message: Json = {"content": "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))}
    if thinking := "".join(part.text for part in parts if isinstance(part, ReasoningPart)):
        message["thinking"] = thinking
    if images := [
        part.source.data for part in parts if isinstance(part, ImagePart) and isinstance(part.source, Inline)
    ]:
        message["images"] = images
    if calls := [part for part in parts if isinstance(part, ToolCallPart)]:
        message["tool_calls"] = [_call(call, number) for number, call in enumerate(calls)]
    return message


def _call(call: ToolCallPart, number: int) -> Json:
    try:
        arguments = decode_shallow(call.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise UpstreamMalformed(f"The model's call of {call.name} has arguments that are no JSON object.")
    function = {"index": number, "name": call.name, "arguments": arguments}
    return {"id": seal_id(call.id, call.vendor, NAME), "function": function}


def _logprob(token: TokenLogprob) -> Json:
    encoded: Json = {"token": token.token, "logprob": token.logprob}
    if token.bytes is not None:
        encoded["bytes"] = list(token.bytes)
    if token.top:
        encoded["top_logprobs"] = [_logprob(other) for other in token.top]
    return encoded


class EventEncoder:
    """A line for each piece of the first choice, and one that says that it is done."""

    def __init__(self, request: ChatRequest, shape: Shape) -> None:
        self._request = request
        self._shape = shape
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._begin(None)

    def _begin(self, created: int | None) -> None:
        head = self._head = _head(self._request, created)
        start = _encode(head)[:-1]
        if self._shape == "chat":
            self._before = start + b',"message":{"role":"assistant","content":'
            self._after = b'},"done":false}\n'
        else:
            self._before, self._after = start + b',"response":', b',"done":false}\n'

    def encode(self, event: Event) -> bytes:
        if isinstance(event, TextDelta):
            return self._before + _encode(event.text) + self._after if event.choice == 0 else b""
        match event:
            case Start():
                self._begin(event.created)
            case ReasoningDelta(choice=0) if event.text:
                return self._line({"content": "", "thinking": event.text})
            case RefusalDelta(choice=0):
                return self._before + _encode(event.text) + self._after
            case ImageDelta(choice=0, source=Inline() as source):
                return self._line({"content": "", "images": [source.data]})
            case ToolCallDelta(choice=0):
                self._calls.setdefault(event.part, []).append(event)
            case LogprobsDelta(choice=0) if event.content is not None:
                return self._line({"content": ""}, {"logprobs": [_logprob(token) for token in event.content]})
            case UsageReport():
                self._usage = event.usage
            case Finish(choice=0):
                self._finish = event.reason
                return self._all_calls()
            case End():
                return self._line({"content": ""}, _tail(self._finish, self._usage))
        return b""

    def _all_calls(self) -> bytes:
        calls = [_joined(self._calls[part]) for part in sorted(self._calls)]
        self._calls = {}
        return self._line({"content": "", "tool_calls": [_call(c, n) for n, c in enumerate(calls)]}) if calls else b""

    def _line(self, message: Json, more: Json | None = None) -> bytes:
        if self._shape == "chat":
            line = {**self._head, "message": {"role": "assistant", **message}}
        else:
            line = {**self._head, "response": message.pop("content"), **message}
        return _encode({**line, "done": False, **(more or {})}) + b"\n"

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error) + b"\n"


def _joined(deltas: list[ToolCallDelta]) -> ToolCallPart:
    first = deltas[0]
    arguments = "".join(delta.arguments for delta in deltas)
    return ToolCallPart(first.id or "", first.name or "", arguments, vendor=first.vendor)
