"""Responses streams read: the events of `ResponseStreamEvent` as the SDK has them."""

from typing import Any

import msgspec

from ecotone.values.chat import (
    ImagePart,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.reply import (
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
    UsageReport,
)
from ecotone.wire.fields import Fields
from ecotone.wire.openai_responses.error import decode_failure
from ecotone.wire.openai_responses.items import decode_call
from ecotone.wire.openai_responses.logprobs import take_logprobs
from ecotone.wire.openai_responses.reply import decode_reply_item, malformed, refuse_failed, reply_vendor
from ecotone.wire.openai_responses.response import decode_finish
from ecotone.wire.openai_responses.usage import decode_usage
from ecotone.wire.openai_responses.vendor import FORM, NAME
from ecotone.wire.sse import payload
from ecotone.wire.sse_stream import SseDecoder

_ITEMS_MAX = 10_000
_CALLS = ("function_call", "custom_tool_call")

_DELTAS: dict[type[ReplyPart], type[PartDelta]] = {
    TextPart: TextDelta,
    RefusalPart: RefusalDelta,
    ReasoningPart: ReasoningDelta,
    ToolCallPart: ToolCallDelta,
    ImagePart: ImageDelta,
    OpaquePart: OpaqueDelta,
}


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What is read of every event; the rest of the rarer ones is decoded when they come."""

    type: str = ""
    delta: Any = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    logprobs: list[Any] | None = None


_said_decoder = msgspec.json.Decoder(_Said)
_decoder = msgspec.json.Decoder()


def event_data(event: bytes) -> bytes | None:
    """The data of an event as this wire's vendor writes it, an `event` line and a `data` line; else as any other."""
    if event.startswith(b"event: ") and event.count(b"\n") == 1 and b"\r" not in event:
        data = event[event.index(b"\n") + 1 :]
        if data.startswith(b"data: "):
            return data[6:]
    return payload(event)


class EventDecoder(SseDecoder):
    """A stream of this wire, read.

    Text comes as it is said. What an item says of itself besides, signatures above all, comes when it is done; what
    was never said in deltas comes then too. Events of the vendor's own tools say nothing that their items do not.
    """

    ends_with = "response was over"
    data_of = staticmethod(event_data)

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._items: dict[int, _Item] = {}
        self._parts_count = 0
        self._called = False

    def read(self, data: bytes, events: list[Event]) -> None:
        if data == b"[DONE]":
            return
        try:
            said = _said_decoder.decode(data)
            decoded = None if said.type.endswith(".delta") else _decoder.decode(data)
        except (ValueError, RecursionError) as fault:
            raise malformed(f"{fault}.", "") from None
        if decoded is None:
            self._read_delta(said, events)
            return
        # An event counts whole or not at all.
        found: list[Event] = []
        self._read_event(said, decoded, data, found)
        events += found

    def _read_delta(self, said: _Said, events: list[Event]) -> None:
        delta = said.delta
        if not isinstance(delta, str) or not delta:
            return
        match said.type:
            case "response.output_text.delta":
                item = self._items.get(said.output_index) or self._item(said.output_index)
                events.append(TextDelta(0, item.part_for(said.content_index, TextDelta, len(delta)), delta))
                if said.logprobs:
                    events.append(LogprobsDelta(0, item.take_logprobs(said.logprobs)))
            case "response.reasoning_summary_text.delta":
                events += self._item(said.output_index).think("summary", said.summary_index, delta)
            case "response.reasoning_text.delta":
                events += self._item(said.output_index).think("content", said.content_index, delta)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                events += self._item(said.output_index).more_arguments(delta)
            case "response.refusal.delta":
                item = self._item(said.output_index)
                events.append(RefusalDelta(0, item.part_for(said.content_index, RefusalDelta, len(delta)), delta))

    def _item(self, index: int) -> "_Item":
        item = self._items.get(index)
        if item is None:
            if len(self._items) == _ITEMS_MAX:
                raise malformed(f"it has more than {_ITEMS_MAX} items.", "")
            item = self._items[index] = _Item(self)
        return item

    def next_part(self) -> int:
        """The number for a part that begins now."""
        self._parts_count += 1
        return self._parts_count - 1

    def _read_event(self, said: _Said, decoded: Json, data: bytes, events: list[Event]) -> None:
        match said.type:
            case "response.created" | "response.in_progress" | "response.queued":
                self._start(Fields(decoded, "", malformed).need_child("response"), events)
            case "response.output_item.added":
                item = self._item(said.output_index)
                events += item.open(Fields(decoded, "", malformed).need_child("item"))
                self._called = self._called or item.is_call
            case "response.output_item.done":
                self._close_item(said.output_index, Fields(decoded, "", malformed).need_child("item"), events)
            case "response.completed" | "response.incomplete":
                self._end(Fields(decoded, "", malformed).need_child("response"), events)
            case "response.failed" | "response.cancelled":
                response = decoded.get("response")
                error = response.get("error") if isinstance(response, dict) else None
                raise decode_failure(error, raw=data)
            case "error":
                raise decode_failure(decoded, raw=data)
            case "":
                if decoded.get("error"):
                    raise decode_failure(decoded, raw=data)

    def _close_item(self, index: int, fields: Fields, events: list[Event]) -> None:
        item = self._item(index)
        events += item.close(fields)
        self._called = self._called or item.is_call

    def _start(self, response: Fields, events: list[Event]) -> None:
        if not self._started:
            self._started = True
            identity, model = response.text("id") or None, response.text("model") or None
            events.append(Start(identity, model, response.time("created_at")))

    def _end(self, response: Fields, events: list[Event]) -> None:
        self._start(response, events)
        refuse_failed(response, b"")
        for index, fields in enumerate(list(response.each("output"))):
            if not self._item(index).closed:
                self._close_item(index, fields, events)
        for name in ("id", "model", "created_at"):
            response.take(name)
        reason, raw = decode_finish(response.text("status"), response.take("incomplete_details"), called=self._called)
        events.append(Finish(0, reason, raw))
        usage = response.apart("usage")
        if usage is not None:
            events.append(UsageReport(decode_usage(usage)))
        self.ended = True
        events.append(End(reply_vendor(response)))


class _Item:
    """One item of a stream: numbers its parts in the order they begin and knows what of them has been said."""

    def __init__(self, decoder: EventDecoder) -> None:
        self._decoder = decoder
        self._parts: dict[int, tuple[int, type[PartDelta]]] = {}
        self._said: dict[int, int] = {}
        self._tokens = 0
        self._piece: tuple[str, int] | None = None
        self._call: ToolCallPart | None = None
        self.is_call = False
        self.closed = False

    def open(self, fields: Fields) -> list[Event]:
        kind = fields.look("type")
        return self._open_call(decode_call(fields)) if isinstance(kind, str) and kind in _CALLS else []

    def _open_call(self, call: ToolCallPart) -> list[Event]:
        self._call = call
        self.is_call = True
        number = self._part(0, ToolCallDelta)
        self._said[0] = len(call.arguments)
        return [ToolCallDelta(0, number, call.id, call.name, call.arguments, call.kind, call.vendor)]

    def _part(self, content: int, kind: type[PartDelta]) -> int:
        found = self._parts.get(content)
        if found is None:
            found = self._parts[content] = (self._decoder.next_part(), kind)
        if found[1] is not kind:
            raise malformed("an item's content changes its kind.", "")
        return found[0]

    def part_for(self, content: int, kind: type[PartDelta], length: int) -> int:
        """The part to which so many more characters belong."""
        self._said[content] = self._said.get(content, 0) + length
        return self._part(content, kind)

    def take_logprobs(self, entries: list[Any]) -> Any:
        tokens = take_logprobs(Fields({"logprobs": entries}, "", malformed))
        self._tokens += len(tokens)
        return tokens

    def think(self, kind: str, index: int, delta: str) -> list[Event]:
        """More reasoning; a blank line stands between its pieces, as in a whole reply."""
        if self._piece not in (None, (kind, index)):
            delta = "\n\n" + delta
        self._piece = (kind, index)
        return [ReasoningDelta(0, self.part_for(0, ReasoningDelta, len(delta)), delta, wire=NAME)]

    def more_arguments(self, delta: str) -> list[Event]:
        if self._call is None:
            raise malformed("arguments come before the call that they belong to.", "")
        return [ToolCallDelta(0, self.part_for(0, ToolCallDelta, len(delta)), arguments=delta)]

    def close(self, fields: Fields) -> list[Event]:
        """What the item as it is done says and its deltas did not."""
        if self.closed:
            return []
        self.closed = True
        events: list[Event] = []
        spoken = decode_reply_item(fields)
        several = sum(1 for _, _, tokens in spoken if tokens) > 1
        for index, part, tokens in spoken:
            if isinstance(part, ToolCallPart) and self._call is None:
                events += self._open_call(part)
                continue
            events += self._rest_of(part, self._part(index, _DELTAS[type(part)]), self._said.get(index, 0))
            if tokens and not several:
                told, self._tokens = self._tokens, max(0, self._tokens - len(tokens))
                if tokens[told:]:
                    events.append(LogprobsDelta(0, tokens[told:]))
        return events

    def _rest_of(self, part: ReplyPart, number: int, said: int) -> list[Event]:
        delta: PartDelta
        match part:
            case TextPart():
                delta = TextDelta(0, number, part.text[said:], part.vendor)
            case RefusalPart():
                delta = RefusalDelta(0, number, part.text[said:], part.vendor)
            case ReasoningPart():
                delta = ReasoningDelta(0, number, part.text[said:], part.signature, part.vendor, part.wire)
            case ToolCallPart():
                delta = self._rest_of_call(part, number, said)
            case ImagePart():
                return [ImageDelta(0, number, part.source, part.detail, part.vendor)]
            case OpaquePart():
                return [OpaqueDelta(0, number, part.wire, part.data, part.vendor)]
            case _:
                return []
        news = any(value for name in delta.__struct_fields__[2:] if name != "wire" for value in [getattr(delta, name)])
        return [delta] if news else []

    def _rest_of_call(self, call: ToolCallPart, number: int, said: int) -> ToolCallDelta:
        before = self._call.vendor if self._call is not None else {}
        vendor = {}
        for key in (NAME, FORM):
            told = before.get(key, {})
            news = {name: value for name, value in call.vendor.get(key, {}).items() if told.get(name) != value}
            if news:
                vendor[key] = news
        return ToolCallDelta(0, number, arguments=call.arguments[said:], vendor=vendor)
