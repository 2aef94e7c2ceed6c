"""What the vendor answers: replies scripted in a few words, built in full, checked against the SDK's own models."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from anthropic.types import (
    Message,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    StopReason,
)
from pydantic import BaseModel

from .anthropic_cache import InputTokens
from .anthropic_rules import Call, content_blocks
from .scripts import Declined, Part, Reply, ScriptError, Text, Thinking, ToolCall, pieces
from .sdk_models import checked, example

Json = dict[str, Any]

ARGUMENT_PIECE = 7  # characters of a tool's input in one streamed delta
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
EVENTS: dict[str, type[BaseModel]] = {
    "message_start": RawMessageStartEvent,
    "content_block_start": RawContentBlockStartEvent,
    "content_block_delta": RawContentBlockDeltaEvent,
    "content_block_stop": RawContentBlockStopEvent,
    "message_delta": RawMessageDeltaEvent,
    "message_stop": RawMessageStopEvent,
}


@dataclass(frozen=True)
class Block:
    """A content block: `whole`, or `opened` and then `deltas`. `tokens`: what it cost, `thought` of it in thinking."""

    opened: Json
    deltas: list[Json]
    whole: Json | None
    tokens: int
    thought: int = 0


@dataclass
class Ended:
    """How the words came to their end."""

    reason: str = "end_turn"
    sequence: str | None = None
    details: Json | None = None
    blocks: list[Block] = field(default_factory=list)


class Answer:
    """A scripted reply worked out for one request; writes itself whole or as a stream."""

    def __init__(self, call: Call, reply: Reply, billed: InputTokens, serial: int) -> None:
        self.call, self.reply, self.serial = call, reply, serial
        self.billed = scripted_input(reply, billed)
        self.ended = self._said()
        self.content = self.ended.blocks

    def _said(self) -> Ended:
        ended = Ended()
        if self.call.request["max_tokens"] == 0:
            ended.reason = "max_tokens"
            return ended
        parts = permitted(self.reply.said(), self.call) or default_parts(self.call)
        left = self.call.request["max_tokens"]
        for number, part in enumerate(parts):
            if isinstance(part, Declined):
                ended.details = {"type": "refusal", "category": None, "explanation": part.text}
                ended.reason = "refusal"
                continue
            if isinstance(part, Text):
                words, sequence = up_to_stop(part.words, self.call.request.get("stop_sequences") or [])
                cut = len(words) > left
                words, left = words[:left], left - len(words)
                if words:
                    ended.blocks.append(text_block(words))
                if sequence is not None or cut:
                    ended.reason = "max_tokens" if cut else "stop_sequence"
                    ended.sequence = None if cut else sequence
                    break
            elif isinstance(part, Thinking):
                ended.blocks.append(self._thought(part))
            else:
                ended.blocks.append(tool_block(part, part.id or f"toolu_fake{self.serial:06d}_{number}"))
                ended.reason = "tool_use"
        if self.reply.finish_reason is not None:
            self._finish_as(ended, self.reply.finish_reason)
        return ended

    def _finish_as(self, ended: Ended, reason: str) -> None:
        ended.reason = STOP_REASONS.get(reason, reason)
        if ended.reason not in get_args(StopReason):
            raise ScriptError(f"the vendor has no stop reason {reason!r}")
        if ended.reason == "stop_sequence" and ended.sequence is None:
            stops = self.call.request.get("stop_sequences")
            if not stops:
                raise ScriptError("the request has no stop sequences")
            ended.sequence = stops[0]
        if ended.reason == "refusal" and ended.details is None:
            ended.details = {"type": "refusal", "category": None, "explanation": None}

    def _thought(self, part: Thinking) -> Block:
        cost = len(pieces(part.text))
        seal = self.call.seal
        if part.hidden:
            if part.signature:
                seal.remember(None, part.signature)
            whole = {"type": "redacted_thinking", "data": part.signature or seal.redacted(part.text)}
            return Block(whole, [], whole, cost, cost)
        display = (self.call.request.get("thinking") or {}).get("display")
        omitted = self.call.model.omits if display is None else display == "omitted"
        shown = "" if omitted else part.text
        signature = part.signature or seal.signature(shown, part.text)
        if part.signature:
            seal.remember(shown, part.signature)
        opened = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": word} for word in pieces(shown)]
        deltas.append({"type": "signature_delta", "signature": signature})
        whole = {"type": "thinking", "thinking": shown, "signature": signature}
        return Block(opened, deltas, whole, cost, cost)

    def whole(self) -> Json:
        content = [block.whole for block in self.content]
        if None in content:
            raise ScriptError("a tool's input that is no JSON object can only be streamed")
        reason = {"stop_reason": self.ended.reason, "stop_sequence": self.ended.sequence}
        payload = self._message(content, reason, self._usage(self._output_tokens(), self._thinking_tokens()))
        return checked(Message, payload | {"stop_details": self.ended.details})

    def events(self) -> Iterator[Json]:
        """The stream's events, `message_stop` the last."""
        start = self._message([], {"stop_reason": None, "stop_sequence": None}, self._usage(1, 0))
        yield event("message_start", message=start | {"stop_details": None})
        for index, block in enumerate(self.content):
            yield event("content_block_start", index=index, content_block=block.opened)
            if index == 0:
                yield {"type": "ping"}
            for delta in block.deltas:
                yield event("content_block_delta", index=index, delta=delta)
            yield event("content_block_stop", index=index)
        reason = {"stop_reason": self.ended.reason, "stop_sequence": self.ended.sequence}
        yield event("message_delta", delta=reason | {"stop_details": self.ended.details}, usage=self._usage_in_delta())
        yield event("message_stop")

    def _message(self, content: list[Any], reason: Json, usage: Json) -> Json:
        head = {
            "id": f"msg_fake{self.serial:020d}",
            "type": "message",
            "role": "assistant",
            "model": self.reply.model or self.call.name,
        }
        message = {**head, "content": content, **reason, "usage": usage}
        if "diagnostics" in self.call.request:
            message["diagnostics"] = None
        return message

    def _output_tokens(self) -> int:
        said = sum(block.tokens for block in self.content)
        # Never 0, not even for an empty reply; but a request to fill the cache alone writes nothing.
        least = 1 if self.call.request["max_tokens"] else 0
        return max(said, least) if self.reply.usage.completion is None else self.reply.usage.completion

    def _thinking_tokens(self) -> int:
        return self.reply.usage.reasoning or sum(block.thought for block in self.content)

    def _cached(self) -> Json:
        return {
            "input_tokens": self.billed.fresh,
            "cache_creation_input_tokens": self.billed.written,
            "cache_read_input_tokens": self.billed.read,
        }

    def _usage(self, output: int, thought: int) -> Json:
        by_ttl = {
            "ephemeral_5m_input_tokens": self.billed.written_5m,
            "ephemeral_1h_input_tokens": self.billed.written_1h,
        }
        usage = self._cached() | {"cache_creation": by_ttl, "output_tokens": output, "service_tier": "standard"}
        if thought:
            usage["output_tokens_details"] = {"thinking_tokens": thought}
        return usage

    def _usage_in_delta(self) -> Json:
        usage = self._cached() | {"output_tokens": self._output_tokens()}
        if thought := self._thinking_tokens():
            usage["output_tokens_details"] = {"thinking_tokens": thought}
        return usage


def event(kind: str, **fields: Any) -> Json:
    return checked(EVENTS[kind], {"type": kind, **fields})


def scripted_input(reply: Reply, billed: InputTokens) -> InputTokens:
    """What the script says of the prompt's tokens, else what the cache found."""
    usage = reply.usage
    if usage.prompt is None and not usage.cached and not usage.cache_write:
        return billed
    total = billed.total if usage.prompt is None else usage.prompt
    fresh = total - usage.cached - usage.cache_write
    if fresh < 0:
        raise ScriptError("the prompt has fewer tokens than were cached of it")
    return InputTokens(fresh, usage.cached, usage.cache_write)


def text_block(words: list[str]) -> Block:
    deltas = [{"type": "text_delta", "text": word} for word in words]
    return Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": "".join(words)}, len(words))


def tool_block(call: ToolCall, name: str) -> Block:
    opened = {"type": "tool_use", "id": name, "name": call.name, "input": {}, "caller": {"type": "direct"}}
    # An empty piece comes first, and for no arguments nothing after it.
    argued = "" if call.arguments == "{}" else call.arguments
    cuts = ["", *(argued[start : start + ARGUMENT_PIECE] for start in range(0, len(argued), ARGUMENT_PIECE))]
    deltas = [{"type": "input_json_delta", "partial_json": cut} for cut in cuts]
    try:
        value = json.loads(call.arguments)
    except ValueError:
        value = None
    whole = {**opened, "input": value} if isinstance(value, dict) else None
    return Block(opened, deltas, whole, (len(call.name) + len(call.arguments)) // 4 + 1)


def up_to_stop(words: list[str], stops: list[str]) -> tuple[list[str], str | None]:
    """The words before the first stop sequence, and which one it was."""
    text = "".join(words)
    found = min(((text.find(stop), stop) for stop in stops if stop in text), default=None)
    return (words, None) if found is None else (pieces(text[: found[0]]), found[1])


def permitted(parts: tuple[Part, ...], call: Call) -> tuple[Part, ...]:
    """The parts, if the vendor would answer this request with them."""
    calls = [part for part in parts if isinstance(part, ToolCall)]
    tools: list[Json] = call.request.get("tools") or []
    choice: Json = call.request.get("tool_choice") or {"type": "auto"}
    if strangers := {part.name for part in calls} - {tool.get("name") for tool in tools}:
        raise ScriptError(f"the request offers no tool {strangers}")
    if any(part.kind != "function" for part in calls):
        raise ScriptError("the vendor has no tools of free text")
    if calls and choice["type"] == "none":
        raise ScriptError("the request forbids tools")
    if len(calls) > 1 and choice.get("disable_parallel_tool_use"):
        raise ScriptError("the request forbids parallel tool calls")
    thinks = call.thinking in ("enabled", "adaptive", "between_tools")
    unasked = call.thinking == "" and call.model.thinks_unasked
    if any(isinstance(part, Thinking) for part in parts) and not thinks and not unasked:
        raise ScriptError("the request did not turn thinking on")
    return parts


def default_parts(call: Call) -> tuple[Part, ...]:
    """The tool that is forced, JSON after the wanted schema, or an echo that names the model."""
    choice = call.request.get("tool_choice") or {"type": "auto"}
    tools = {tool["name"]: tool for tool in call.request.get("tools") or () if "input_schema" in tool}
    wanted = choice["name"] if choice["type"] == "tool" else next(iter(tools), None)
    if choice["type"] in ("any", "tool") and wanted is not None and wanted in tools:
        schema = tools[wanted]["input_schema"]
        return (ToolCall(wanted, json.dumps(example(schema, schema.get("$defs", {})))),)
    if call.output_format:
        schema = call.output_format["schema"]
        return (Text(json.dumps(example(schema, schema.get("$defs", {})))),)
    return (Text(f"{call.name} heard: {last_heard(call)}"),)


def last_heard(call: Call) -> str:
    """The words of the last user turn, tools' results among them."""
    turn = next(turn for turn in reversed(call.turns) if turn.role == "user")
    heard = []
    for place, block in turn.blocks:
        inner = content_blocks(block.get("content"), place) if block["type"] == "tool_result" else [(place, block)]
        heard += [part["text"] for _, part in inner if part["type"] == "text"]
    return " ".join(heard)
