"""Responses streams written: the events of `ResponseStreamEvent` in the order that the vendor sends them.

One item is open at a time. Text and reasoning are sent as they come; where more of them comes after another item has
begun, it continues in an item of its own. A tool call cannot be continued: what comes while its arguments are not whole
is held back until they are, or until the answer is over.
"""

from collections.abc import Sequence

from ecotone.values.chat import ChatRequest, ImagePart, Json, OpaquePart
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
    TokenLogprob,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.openai_responses.error import error_event
from ecotone.wire.openai_responses.items import ItemIds
from ecotone.wire.openai_responses.namespaces import Namespaces
from ecotone.wire.openai_responses.open_items import EventWriter, OpenCall, OpenItem, OpenMessage, OpenReasoning
from ecotone.wire.openai_responses.own_items import encode_own_item
from ecotone.wire.openai_responses.response import encode_finish, repeated_request, reply_id, response_object
from ecotone.wire.openai_responses.vendor import form_of, rest_of


class EventEncoder:
    """Events in, bytes of a stream out, for the client that sent `request`. A client of this wire gets one answer:
    events of other choices are left out, and so are parts that only another wire has."""

    def __init__(self, request: ChatRequest) -> None:
        self._repeated = repeated_request(request)
        self._encrypted = bool(form_of(request.vendor, "encrypted"))
        self._logprobs = bool(request.sampling.logprobs)
        self._namespaces = Namespaces(request)
        self._writer = EventWriter()
        self._head: Json = {}
        self._output: list[Json] = []
        self._open: OpenItem | None = None
        self._held: list[PartDelta | LogprobsDelta] = []
        self._calls_over: set[int] = set()
        self._pending: TextDelta | None = None
        self._finish = Finish(0, None)
        self._usage: Usage | None = None

    def encode(self, event: Event) -> bytes:
        """The bytes that say `event`, empty for what is said later or not at all."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            if isinstance(event, LogprobsDelta):
                return self._say(pending, event.content or ())
            return self._say(pending) + self.encode(event)
        match event:
            case TextDelta(choice=0) if self._logprobs:
                # Its log probabilities come next, and stand in the same event.
                self._pending = event
                return b""
            case Start():
                return self._start(event)
            case UsageReport():
                self._usage = event.usage
                return b""
            case End():
                return self._end(event)
            case LogprobsDelta():
                return self._add_tokens(event) if event.choice == 0 else b""
            case Finish():
                self._finish = event if event.choice == 0 else self._finish
                return b""
        return self._say(event) if event.choice == 0 else b""

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event, in which the SDKs find what they raise."""
        return error_event(error, self._writer.sequence_number)

    def _start(self, start: Start) -> bytes:
        self._writer.ids = ItemIds(start.id)
        self._head = {
            "id": reply_id(start.id),
            "object": "response",
            "created_at": start.created or 0,
            "model": start.model or "",
        }
        opening = {"response": response_object(self._head, self._repeated, [], status="in_progress")}
        write = self._writer.write
        return write("response.created", opening) + write("response.in_progress", opening)

    def _end(self, end: End) -> bytes:
        said = []
        while self._held:
            # The answer is over, and so is the call that is open.
            said.append(self._release())
        said.append(self._close())
        incomplete = encode_finish(self._finish.reason, self._finish.raw)
        status = "completed" if incomplete is None else "incomplete"
        response = response_object(
            self._head, self._repeated, self._output, status=status, incomplete=incomplete, usage=self._usage
        )
        said.append(self._writer.write(f"response.{status}", {"response": response | rest_of(end.vendor)}))
        return b"".join(said)

    def _say(self, event: PartDelta, tokens: Sequence[TokenLogprob] = ()) -> bytes:
        current = self._open
        if current is not None and current.part == event.part:
            match event, current:
                case ((TextDelta() | RefusalDelta()), OpenMessage()):
                    return current.more(event, tokens, self._writer)
                case ReasoningDelta(), OpenReasoning():
                    return current.more(event, self._writer)
                case ToolCallDelta(), OpenCall():
                    said = current.more(event, self._writer)
                    return said + self._release() if self._held and current.is_over() else said
        if isinstance(current, OpenCall) and (self._held or not current.is_over()):
            self._held.append(event)
            return b""
        return self._begin(event, tokens)

    def _add_tokens(self, event: LogprobsDelta) -> bytes:
        """Log probabilities of the text before them, which may be held back."""
        if self._held:
            self._held.append(event)
        elif isinstance(self._open, OpenMessage):
            self._open.add_tokens(event.content or ())
        return b""

    def _begin(self, event: PartDelta, tokens: Sequence[TokenLogprob]) -> bytes:
        """The next item, or the next content of the open message."""
        current, writer = self._open, self._writer
        match event:
            case AudioDelta():
                spoken = TextDelta(event.choice, event.part, event.transcript or "", event.vendor)
                return self._say(spoken) if event.transcript else b""
            case TextDelta() | RefusalDelta():
                if not event.text:
                    return b""
                if isinstance(current, OpenMessage) and form_of(event.vendor, "item") is None:
                    return current.next_content(event, writer) + current.more(event, tokens, writer)
                closed = self._close()
                message = self._open = OpenMessage(event, writer)
                return closed + message.begin(event, writer) + message.more(event, tokens, writer)
            case ReasoningDelta():
                if not event.text and event.signature is None:
                    return b""
                closed = self._close()
                thought = self._open = OpenReasoning(event, writer, encrypted=self._encrypted)
                return closed + thought.more(event, writer)
            case ToolCallDelta():
                if event.part in self._calls_over:
                    # What may still come is blanks after the arguments, and what its vendor says of a call at its end.
                    return b""
                closed = self._close()
                event = self._namespaces.delta(event)
                call = self._open = OpenCall(event, writer)
                return closed + call.begin(writer) + call.more(event, writer)
        return self._close() + self._whole(event)

    def _whole(self, event: ImageDelta | OpaqueDelta) -> bytes:
        """An item that comes in one piece."""
        part = (
            ImagePart(event.source, event.detail, event.vendor)
            if isinstance(event, ImageDelta)
            else OpaquePart(event.wire, event.data, event.vendor)
        )
        item = encode_own_item(part, self._writer.index, self._writer.ids, encrypted=self._encrypted)
        if item is None:
            return b""
        added = {"output_index": self._writer.index, "item": item}
        return self._writer.write("response.output_item.added", added) + self._done(item)

    def _close(self) -> bytes:
        """The end of the open item."""
        current, self._open = self._open, None
        if current is None:
            return b""
        if isinstance(current, OpenCall):
            self._calls_over.add(current.part)
        said, item = current.close(self._writer)
        return said if item is None else said + self._done(item)

    def _done(self, item: Json) -> bytes:
        done = self._writer.write("response.output_item.done", {"output_index": self._writer.index, "item": item})
        self._output.append(item)
        self._writer.index += 1
        return done

    def _release(self) -> bytes:
        """The end of the open call, and what was held back behind it."""
        held, self._held = self._held, []
        return self._close() + b"".join(
            [self._add_tokens(event) if isinstance(event, LogprobsDelta) else self._say(event) for event in held]
        )
