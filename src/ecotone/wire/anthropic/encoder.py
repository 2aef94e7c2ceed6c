"""A stream for a client, written: events become the blocks that this wire's grammar wants, one after the other.

A block is open until another part begins. Parts that an upstream sends at the same time are brought into an order:
text and reasoning are parted into several blocks, and what belongs to other parts waits until a tool call's arguments
are complete.
"""

from collections import deque
from typing import Any

import msgspec

from ecotone.values.chat import ChatRequest, Json, ReasoningPart, ToolCallPart, Vendor
from ecotone.values.errors import EcotoneError
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    ImageDelta,
    LogprobsDelta,
    OpaqueDelta,
    PartDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    merge_vendor,
)
from ecotone.wire.anthropic.blocks import UNSIGNED, call_rest, client_id, read_arguments, thinking_block
from ecotone.wire.anthropic.error import encode_error_event
from ecotone.wire.anthropic.events import format_event
from ecotone.wire.anthropic.reply import stop_reason
from ecotone.wire.anthropic.usage import encode_usage
from ecotone.wire.anthropic.vendor import NAME, form_of, rest_of
from ecotone.wire.envelope import sealed_signature
from ecotone.wire.fields import add_rest

_encode = msgspec.json.Encoder().encode
_STOP = format_event("message_stop", b'{"type":"message_stop"}')
# What MessageDeltaUsage has, and is said again at the end.
_COUNTS = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens_details",
        "server_tool_use",
    }
)


class _Open:
    """The block that is open: `part` is its part's number, `before` the bytes before a delta's text."""

    def __init__(self, index: int, part: int, field: str, delta: str) -> None:
        self.part = part
        self.kind = delta
        self.before = (
            f"event: content_block_delta\ndata: "
            f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"{delta}","{field}":'
        ).encode()


class EventEncoder:
    """Events in, bytes of a stream for a client out.

    `message_start` waits for the second event, since an upstream of this wire tells the input's tokens there. What a
    reply of this wire cannot hold is left out, as `encode_reply` does.
    """

    def __init__(self, request: ChatRequest) -> None:
        """`request` is what the client asked, of which a stream need not repeat anything."""
        del request
        self._start: Start = Start()
        self._begun = False
        self._usage: Usage | None = None
        self._said_usage: Json = {}
        self._finish = Finish(0, None)
        self._calls = False
        self._refused = False
        self._count = 0
        self._open: _Open | None = None
        self._thought: list[Vendor] = []
        self._signed = ReasoningDelta(0, 0, "")
        self._arguments: list[str] = []
        self._said_calls: set[int] = set()
        self._waiting: deque[PartDelta] = deque()

    def encode(self, event: Event) -> bytes:
        """The bytes that say `event`, empty for what is said later or not at all."""
        if type(event) is TextDelta and self._open is not None and not event.vendor and self._open.part == event.part:
            # Nearly every event of a stream is this.
            return b"%b%b}}\n\n" % (self._open.before, _encode(event.text)) if event.choice == 0 else b""
        match event:
            case Start():
                self._start = event
                return b""
            case UsageReport():
                self._usage = event.usage
                return b""
            case Finish():
                if event.choice != 0:
                    return b""
                self._finish = event
                return self._begin() + self._close_all()
            case End():
                return self._begin() + self._close_all() + self._end(event.vendor)
            case LogprobsDelta() | AudioDelta(transcript=None) | ImageDelta():
                return b""
            case OpaqueDelta() if event.wire != NAME:
                return b""
        return self._begin() + self._part(event) if event.choice == 0 else b""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event; without `message_stop` after it, no client can take the stream for a finished
        one."""
        return encode_error_event(error)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        self._said_usage = encode_usage(self._usage)
        message: Json = {
            "id": self._start.id or "",
            "type": "message",
            "role": "assistant",
            "model": self._start.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._said_usage,
        }
        add_rest(message, rest_of(self._start.vendor))
        return _event({"type": "message_start", "message": message})

    def _part(self, delta: PartDelta) -> bytes:
        opened = self._open
        if opened is not None and opened.part == delta.part:
            written = self._continue(delta)
            if self._waiting and self._call_is_complete():
                written += self._close() + self._resume()
            return written
        if self._waiting or (opened is not None and not self._call_is_complete()):
            self._waiting.append(delta)
            return b""
        return self._close() + self._continue(delta)

    def _call_is_complete(self) -> bool:
        """Whether the open block may be closed: a tool call's arguments must be whole, and others always are."""
        if self._open is None or self._open.kind != "input_json_delta":
            return True
        pieces = self._arguments
        if not pieces or not pieces[-1].rstrip().endswith("}"):
            return False
        self._arguments = ["".join(pieces)]
        return read_arguments(ToolCallPart("", "", self._arguments[0])) is not None

    def _resume(self) -> bytes:
        """What has waited, in order; what must wait on is kept."""
        waiting, self._waiting = self._waiting, deque()
        return b"".join([self._part(delta) for delta in waiting])

    def _close_all(self) -> bytes:
        """Nothing more comes: whatever is still open or waiting is over, part by part."""
        written = self._close()
        while self._waiting:
            part = self._waiting[0].part
            mine = [delta for delta in self._waiting if delta.part == part]
            self._waiting = deque(delta for delta in self._waiting if delta.part != part)
            written += b"".join([self._continue(delta) for delta in mine]) + self._close()
        return written

    def _continue(self, delta: PartDelta) -> bytes:
        """`delta` in the block that is open for its part, which is opened where there is none."""
        match delta:
            case TextDelta() | RefusalDelta() | AudioDelta():
                return self._text(delta)
            case ReasoningDelta():
                return self._reasoning(delta)
            case ToolCallDelta():
                return self._call(delta)
            case OpaqueDelta():
                return self._opaque(delta)
        return b""

    def _piece(self, text: str) -> bytes:
        return b"%b%b}}\n\n" % (self._open.before, _encode(text)) if self._open is not None and text else b""

    def _begin_block(self, delta: PartDelta, block: Json, field: str, kind: str) -> bytes:
        self._open = _Open(self._count, delta.part, field, kind)
        self._count += 1
        return _event({"type": "content_block_start", "index": self._count - 1, "content_block": block})

    def _delta(self, delta: Json) -> bytes:
        return _event({"type": "content_block_delta", "index": self._count - 1, "delta": delta})

    def _text(self, delta: TextDelta | RefusalDelta | AudioDelta) -> bytes:
        text = delta.transcript or "" if isinstance(delta, AudioDelta) else delta.text
        self._refused = self._refused or isinstance(delta, RefusalDelta)
        rest = dict(rest_of(delta.vendor))
        citations = rest.pop("citations", None)
        citations = citations if isinstance(citations, list) else []
        written = b""
        if self._open is None:
            block: Json = {"type": "text", "text": ""}
            if "citations" in rest_of(delta.vendor):
                # They come one by one.
                block["citations"] = []
            written = self._begin_block(delta, block | rest, "text", "text_delta")
        written += self._piece(text)
        return written + b"".join(
            [self._delta({"type": "citations_delta", "citation": citation}) for citation in citations]
        )

    def _reasoning(self, delta: ReasoningDelta) -> bytes:
        written = b""
        if self._open is None:
            part = ReasoningPart("", delta.signature, delta.vendor, delta.wire)
            if form_of(delta.vendor, "type") == "redacted_thinking" and delta.wire == NAME:
                return self._whole(delta, thinking_block(part, delta.signature or "") | rest_of(delta.vendor))
            block = {"type": "thinking", "thinking": "", "signature": ""} | rest_of(delta.vendor)
            written = self._begin_block(delta, block, "thinking", "thinking_delta")
            self._thought, self._signed = [], ReasoningDelta(0, 0, "")
        self._thought.append(delta.vendor)
        if delta.signature is not None or self._signed.wire is None:
            self._signed = delta
        return written + self._piece(delta.text)

    def _call(self, delta: ToolCallDelta) -> bytes:
        written = b""
        if self._open is None:
            if delta.part in self._said_calls:
                # The arguments were complete before; nothing can be added to them.
                return b""
            self._calls = True
            self._said_calls.add(delta.part)
            block: Json = {"type": "tool_use", "id": client_id(delta), "name": delta.name or "", "input": {}}
            block |= call_rest(delta.vendor)
            written = self._begin_block(delta, block, "partial_json", "input_json_delta")
            self._arguments = []
        if delta.arguments:
            self._arguments.append(delta.arguments)
        return written + self._piece(delta.arguments)

    def _opaque(self, delta: OpaqueDelta) -> bytes:
        block = delta.data | rest_of(delta.vendor)
        called = block.get("input")
        if not isinstance(called, dict) or not called:
            return self._whole(delta, block)
        written = self._begin_block(delta, block | {"input": {}}, "partial_json", "input_json_delta")
        written += self._piece(_encode(called).decode())
        return written + self._stop_block()

    def _whole(self, delta: PartDelta, block: Json) -> bytes:
        """A block that comes whole with its start."""
        return self._begin_block(delta, block, "", "") + self._stop_block()

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        written = b""
        if self._open.kind == "thinking_delta":
            signed = msgspec.structs.replace(self._signed, vendor=merge_vendor(self._thought))
            signature = sealed_signature(signed, NAME)
            signature = UNSIGNED if signature is None else signature
            written = self._delta({"type": "signature_delta", "signature": signature})
        return written + self._stop_block()

    def _stop_block(self) -> bytes:
        self._open = None
        return _event({"type": "content_block_stop", "index": self._count - 1})

    def _end(self, vendor: Vendor) -> bytes:
        finish = self._finish
        word = stop_reason(finish.reason, finish.raw, calls=self._calls, refused=self._refused)
        delta: Json = {"stop_reason": word, "stop_sequence": None} | rest_of(finish.vendor)
        usage = {
            name: count
            for name, count in encode_usage(self._usage).items()
            if name in _COUNTS or self._said_usage.get(name) != count
        }
        event: Json = {"type": "message_delta", "delta": delta, "usage": usage}
        rest = dict(rest_of(vendor))
        container: Any = rest.pop("container", None)
        if container is not None:
            delta["container"] = container
        add_rest(event, rest)
        return _event(event) + _STOP


def _event(event: Json) -> bytes:
    return format_event(event["type"], _encode(event))
