"""An upstream's stream, read: `RawMessageStreamEvent` of the official SDK.

https://platform.claude.com/docs/en/build-with-claude/streaming. Events of unknown types are passed over, as that page
asks.
"""

import msgspec

from ecotone.values.chat import Json, OpaquePart, ReasoningPart, TextPart, ToolCallPart
from ecotone.values.reply import (
    End,
    Event,
    Finish,
    OpaqueDelta,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageReport,
    merge_json,
)
from ecotone.wire.anthropic.blocks import decode_block, free_text
from ecotone.wire.anthropic.custom_tools import FIELD
from ecotone.wire.anthropic.error import decode_error_object
from ecotone.wire.anthropic.events import payload
from ecotone.wire.anthropic.reply import malformed, take_reason
from ecotone.wire.anthropic.usage import decode_usage
from ecotone.wire.anthropic.vendor import NAME, make_vendor, said
from ecotone.wire.fields import Fields
from ecotone.wire.nesting import decode_shallow
from ecotone.wire.sse_stream import SseDecoder

_BLOCKS_MAX = 100_000
_decoder = msgspec.json.Decoder()


class _TextDelta(msgspec.Struct, tag_field="type", tag="text_delta", forbid_unknown_fields=True, gc=False):
    text: str


class _ThinkingDelta(msgspec.Struct, tag_field="type", tag="thinking_delta", forbid_unknown_fields=True, gc=False):
    thinking: str


class _InputDelta(msgspec.Struct, tag_field="type", tag="input_json_delta", forbid_unknown_fields=True, gc=False):
    partial_json: str


class _BlockDelta(msgspec.Struct, tag_field="type", tag="content_block_delta", forbid_unknown_fields=True, gc=False):
    """Nearly every event of a stream; what has more than this is read field by field."""

    index: int
    delta: _TextDelta | _ThinkingDelta | _InputDelta


_delta_decoder = msgspec.json.Decoder(_BlockDelta)


class _Block:
    """A content block whose deltas are arriving. `part` is its number among the parts."""

    def __init__(self, part: int, kind: str) -> None:
        self.part = part
        self.kind = kind
        self.opaque: Json | None = None
        self.input_pieces: list[str] = []
        self.signed = False
        self.awaits_signature = False
        self.awaits_input = False


class EventDecoder(SseDecoder):
    """A stream of this wire, read."""

    ends_with = "`message_stop`"
    data_of = staticmethod(payload)

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._blocks: dict[int, _Block] = {}
        self._parts_count = 0
        self._usage: Json = {}
        self._rest: Json = {}

    def read(self, data: bytes, events: list[Event]) -> None:
        try:
            event = _delta_decoder.decode(data)
        except (ValueError, RecursionError):
            # A whole event counts or none of it.
            found: list[Event] = []
            self._read(data, found)
            events += found
            return
        block = self._block(event.index)
        delta = event.delta
        if type(delta) is _TextDelta and block.kind == "text":
            if delta.text:
                events.append(TextDelta(0, block.part, delta.text))
        elif type(delta) is _ThinkingDelta and block.kind == "thinking":
            if delta.thinking:
                wire = NAME if block.signed else None
                events.append(ReasoningDelta(0, block.part, delta.thinking, wire=wire))
        elif type(delta) is _InputDelta and block.kind == "custom":
            block.input_pieces.append(delta.partial_json)
        elif type(delta) is _InputDelta and block.kind == "tool_use":
            if delta.partial_json:
                block.awaits_input = False
                events.append(ToolCallDelta(0, block.part, arguments=delta.partial_json))
        else:
            self._gather(block, Fields(msgspec.to_builtins(delta), "delta", malformed))

    def _read(self, data: bytes, events: list[Event]) -> None:
        try:
            decoded = _decoder.decode(data)
        except (ValueError, RecursionError) as fault:
            raise malformed(f"{fault}.", "") from None
        if isinstance(decoded, dict) and (decoded.get("type") == "error" or decoded.get("error")):
            raise decode_error_object(decoded, raw=data)
        event = Fields(decoded, "", malformed)
        match event.text("type"):
            case "message_start":
                self._start(event.need_child("message"), events)
            case "content_block_start":
                self._open(event, events)
            case "content_block_delta":
                self._delta(event, events)
            case "content_block_stop":
                self._close(self._block(event.integer("index")), events)
            case "message_delta":
                self._finish(event, events)
            case "message_stop":
                self.ended = True
                events.append(End(make_vendor(self._rest)))

    def _start(self, message: Fields, events: list[Event]) -> None:
        if self._started:
            raise malformed("it begins a second message.", "")
        self._started = True
        for known in ("type", "role", "content", "stop_reason", "stop_sequence", "stop_details"):
            message.take(known)
        usage = message.apart("usage")
        identity, model = message.text("id"), message.text("model")
        events.append(Start(identity or None, model or None, vendor=make_vendor(said(message.rest()))))
        if usage is not None:
            self._count(usage, events)

    def _count(self, usage: Fields, events: list[Event]) -> None:
        """Counts are cumulative: each replaces the one before, and what is not said again stays."""
        self._usage |= said(usage.rest())
        events.append(UsageReport(decode_usage(Fields(_copied(self._usage), "usage", malformed))))

    def _block(self, index: int | None) -> _Block:
        block = self._blocks.get(-1 if index is None else index)
        if block is None:
            raise malformed(f"it continues content block {index}, which has not begun.", "")
        return block

    def _open(self, event: Fields, events: list[Event]) -> None:
        index = event.integer("index")
        if not self._started:
            raise malformed("it has content before its `message_start`.", "")
        if index is None or self._parts_count == _BLOCKS_MAX:
            raise malformed(f"a content block has no index, or there are more than {_BLOCKS_MAX:,}.", "")
        content = event.need_child("content_block")
        kind = content.look("type")
        block = self._blocks[index] = _Block(self._parts_count, kind if isinstance(kind, str) else "")
        self._parts_count += 1
        block.signed = content.look("signature") is not None
        part = decode_block(content, from_client=False)
        match part:
            case TextPart():
                if part.text or part.vendor:
                    events.append(TextDelta(0, block.part, part.text, part.vendor))
            case ReasoningPart():
                block.awaits_signature = kind == "thinking" and block.signed and not part.signature
                signature = None if block.awaits_signature else part.signature
                if part.text or signature or part.vendor:
                    events.append(ReasoningDelta(0, block.part, part.text, signature, part.vendor, part.wire))
            case ToolCallPart():
                block.awaits_input = part.arguments == "{}"
                arguments = "" if block.awaits_input else part.arguments
                events.append(ToolCallDelta(0, block.part, part.id, part.name, arguments, part.kind, part.vendor))
                if part.kind == "custom":
                    block.kind, block.awaits_input = "custom", False
            case OpaquePart():
                block.kind, block.opaque = "opaque", part.data
            case _:
                raise content.wrong("type", "that of a block that a model can write")

    def _delta(self, event: Fields, events: list[Event]) -> None:
        """A delta of a rare kind, or with more in it than its kind has."""
        block = self._block(event.integer("index"))
        delta = event.need_child("delta")
        kind = delta.look("type")
        if block.opaque is not None:
            self._gather(block, delta)
        elif kind == "text_delta" and block.kind == "text":
            delta.take("type")
            text = delta.need_text("text")
            events.append(TextDelta(0, block.part, text, make_vendor(said(delta.rest()))))
        elif kind == "citations_delta" and block.kind == "text":
            events.append(TextDelta(0, block.part, "", make_vendor({"citations": [delta.take("citation")]})))
        elif kind == "thinking_delta" and block.kind == "thinking":
            delta.take("type")
            text, wire = delta.need_text("thinking"), NAME if block.signed else None
            events.append(ReasoningDelta(0, block.part, text, None, make_vendor(said(delta.rest())), wire))
        elif kind == "signature_delta" and block.kind == "thinking":
            block.awaits_signature = False
            events.append(ReasoningDelta(0, block.part, "", delta.need_text("signature"), {}, NAME))
        elif kind == "input_json_delta" and block.kind == "custom":
            block.input_pieces.append(delta.need_text("partial_json"))
        elif kind == "input_json_delta" and block.kind == "tool_use":
            delta.take("type")
            block.awaits_input = False
            arguments = delta.need_text("partial_json")
            events.append(ToolCallDelta(0, block.part, arguments=arguments, vendor=make_vendor(said(delta.rest()))))

    def _gather(self, block: _Block, delta: Fields) -> None:
        """A piece of a block that is kept as it is: JSON of its input, or more of its fields."""
        if block.opaque is None:
            raise malformed(f"a block of type {block.kind} is continued with {delta.look('type')}.", "")
        if delta.take("type") == "input_json_delta":
            block.input_pieces.append(delta.need_text("partial_json"))
            return
        for name, value in delta.rest().items():
            present = block.opaque.get(name)
            joined = isinstance(present, str) and isinstance(value, str)
            block.opaque[name] = present + value if joined else value

    def _close(self, block: _Block, events: list[Event]) -> None:
        if block.awaits_signature:
            events.append(ReasoningDelta(0, block.part, "", "", {}, NAME))
        if block.awaits_input:
            events.append(ToolCallDelta(0, block.part, arguments="{}"))
        written = _read_input(block)
        if block.kind == "custom" and written is not None:
            events.append(ToolCallDelta(0, block.part, arguments=free_text(written)))
        if block.opaque is not None:
            if written is not None:
                block.opaque["input"] = written
            events.append(OpaqueDelta(0, block.part, NAME, block.opaque))
        block.input_pieces = []
        block.awaits_signature = block.awaits_input = False
        block.opaque = None

    def _finish(self, event: Fields, events: list[Event]) -> None:
        delta = event.child("delta")
        usage = event.apart("usage")
        if delta is not None:
            reason, raw = take_reason(delta)
            ending = said({name: delta.take(name) for name in ("stop_sequence", "stop_details")})
            if reason is not None:
                events.append(Finish(0, reason, raw, make_vendor(ending)))
            merge_json(self._rest, said(delta.rest()))
        if usage is not None:
            self._count(usage, events)
        rest = event.rest()
        rest.pop("delta", None)
        merge_json(self._rest, said(rest))


def _read_input(block: _Block) -> Json | None:
    """The input that has come in pieces, None where none has. Of a tool with free text, text in no object is taken as
    it is."""
    written = "".join(block.input_pieces)
    if not written:
        return None
    try:
        decoded = decode_shallow(written)
    except ValueError as fault:
        if block.kind == "custom":
            return {FIELD: written}
        raise malformed(f"the input of a content block: {fault}.", "") from None
    return decoded if isinstance(decoded, dict) else {FIELD: written}


def _copied(value: Json) -> Json:
    """A copy that shares no object with `value`, which may be taken apart."""
    copy: Json = {}
    merge_json(copy, value)
    return copy
