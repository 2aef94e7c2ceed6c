"""The item of a stream that is being said: its events in the order that the vendor sends them."""

import re
from collections.abc import Sequence

import msgspec

from ecotone.values.chat import Json, ReasoningPart, RefusalPart, TextPart, ToolCallPart, Vendor
from ecotone.values.reply import ReasoningDelta, RefusalDelta, TextDelta, TokenLogprob, ToolCallDelta, merge_vendor
from ecotone.wire.openai_responses.items import ItemIds, encode_message_content, encode_message_head, split_pieces
from ecotone.wire.openai_responses.logprobs import encode_event_logprobs
from ecotone.wire.openai_responses.own_items import encode_own_item
from ecotone.wire.openai_responses.vendor import form_of

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_ENDS = re.compile(r"\}\s*\Z")
_TAIL = b"}\n\n"


class EventWriter:
    """Writes events, numbered; and makes the ids of items that have none. `index` is the place of the item that begins
    next."""

    def __init__(self) -> None:
        self.sequence_number = 0
        self.index = 0
        self.ids = ItemIds("")

    def write(self, kind: str, fields: Json) -> bytes:
        """One event."""
        number = self.sequence_number
        self.sequence_number = number + 1
        data = _encoder.encode({"type": kind, "sequence_number": number, **fields})
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)

    def write_delta(self, head: bytes, delta: str, tail: bytes = _TAIL) -> bytes:
        """One event that `delta_head` has begun."""
        number = self.sequence_number
        self.sequence_number = number + 1
        return b'%s%d,"delta":%s%s' % (head, number, _encoder.encode(delta), tail)


def delta_head(kind: str, place: Json) -> bytes:
    """An event up to its sequence number: nearly all of a stream's events differ only after that."""
    data = _encoder.encode({"type": kind, **place, "sequence_number": 0})
    return b"event: %s\ndata: %s" % (kind.encode(), data[: -len(b"0}")])


class OpenMessage:
    """A message: its texts and refusals one after another, of which `part` is the latest."""

    def __init__(self, event: TextDelta | RefusalDelta, writer: EventWriter) -> None:
        self.part = event.part
        self._index = writer.index
        self._item = encode_message_head(_empty(event, event.vendor), writer.ids.make("msg", writer.index))
        self._kind = "output_text"
        self._texts: list[str] = []
        self._vendors: list[Vendor] = []
        self._tokens: list[TokenLogprob] = []
        self._head = b""

    def begin(self, event: TextDelta | RefusalDelta, writer: EventWriter) -> bytes:
        opened = self._item | {"status": "in_progress", "content": []}
        added = writer.write("response.output_item.added", {"output_index": self._index, "item": opened})
        return added + self._begin_content(event, writer)

    def next_content(self, event: TextDelta | RefusalDelta, writer: EventWriter) -> bytes:
        """The next text or refusal of the same message."""
        return self._close_content(writer) + self._begin_content(event, writer)

    def _begin_content(self, event: TextDelta | RefusalDelta, writer: EventWriter) -> bytes:
        self.part = event.part
        self._kind = "output_text" if isinstance(event, TextDelta) else "refusal"
        self._texts, self._vendors, self._tokens = [], [], []
        self._head = delta_head(f"response.{self._kind}.delta", self._place())
        empty = encode_message_content(_empty(event, {}), ())
        return writer.write("response.content_part.added", self._place() | {"part": empty})

    def _place(self) -> Json:
        number = len(self._item["content"])
        return {"item_id": self._item["id"], "output_index": self._index, "content_index": number}

    def more(self, event: TextDelta | RefusalDelta, tokens: Sequence[TokenLogprob], writer: EventWriter) -> bytes:
        if event.vendor:
            self._vendors.append(event.vendor)
        if not event.text:
            self._tokens += tokens
            return b""
        self._texts.append(event.text)
        if tokens:
            self._tokens += tokens
            return writer.write(
                "response.output_text.delta",
                self._place() | {"delta": event.text, "logprobs": encode_event_logprobs(tokens)},
            )
        tail = b',"logprobs":[]}\n\n' if self._kind == "output_text" else _TAIL
        return writer.write_delta(self._head, event.text, tail)

    def add_tokens(self, tokens: Sequence[TokenLogprob]) -> None:
        """Log probabilities of what has been said before."""
        if self._kind == "output_text":
            self._tokens += tokens

    def _close_content(self, writer: EventWriter) -> bytes:
        text = "".join(self._texts)
        vendor = merge_vendor(self._vendors)
        part = TextPart(text, vendor) if self._kind == "output_text" else RefusalPart(text, vendor)
        content = encode_message_content(part, self._tokens)
        place = self._place()
        annotations = content.get("annotations")
        said = b"".join(
            writer.write(
                "response.output_text.annotation.added",
                place | {"annotation_index": number, "annotation": annotation},
            )
            for number, annotation in enumerate(annotations if isinstance(annotations, list) else ())
        )
        done: Json = {"refusal": text}
        if self._kind == "output_text":
            done = {"text": text, "logprobs": encode_event_logprobs(self._tokens)}
        said += writer.write(f"response.{self._kind}.done", place | done)
        said += writer.write("response.content_part.done", place | {"part": content})
        self._item["content"].append(content)
        return said

    def close(self, writer: EventWriter) -> tuple[bytes, Json | None]:
        return self._close_content(writer), self._item


def _empty(event: TextDelta | RefusalDelta, vendor: Vendor) -> TextPart | RefusalPart:
    """The text or refusal that begins with `event`, without any text yet."""
    return TextPart("", vendor) if isinstance(event, TextDelta) else RefusalPart("", vendor)


class OpenReasoning:
    """Reasoning: told as a summary, unless it is known to fall into other pieces. There is no item before there is
    something to tell."""

    def __init__(self, event: ReasoningDelta, writer: EventWriter, *, encrypted: bool) -> None:
        self.part = event.part
        self._encrypted = encrypted
        self._index = writer.index
        self._ids = writer.ids
        self._id: str = form_of(event.vendor, "id") or writer.ids.make("rs", writer.index)
        self._laid_out = form_of(event.vendor, "pieces") is not None
        self._texts: list[str] = []
        self._vendors: list[Vendor] = []
        self._signature: str | None = None
        self._wire: str | None = None
        self._begun = False
        self._head = b""

    def more(self, event: ReasoningDelta, writer: EventWriter) -> bytes:
        self._signature = self._signature or event.signature
        self._wire = self._wire or event.wire
        if event.vendor:
            self._vendors.append(event.vendor)
        if not event.text:
            return b""
        self._texts.append(event.text)
        if self._laid_out:
            return b""
        said = b""
        if not self._begun:
            said = self._begin(writer) + self._begin_piece("summary", 0, writer)
        return said + writer.write_delta(self._head, event.text)

    def _begin(self, writer: EventWriter) -> bytes:
        self._begun = True
        item = {"id": self._id, "type": "reasoning", "summary": []}
        return writer.write("response.output_item.added", {"output_index": self._index, "item": item})

    def _place(self, kind: str, number: int) -> Json:
        name = "summary_index" if kind == "summary" else "content_index"
        return {"item_id": self._id, "output_index": self._index, name: number}

    def _begin_piece(self, kind: str, number: int, writer: EventWriter) -> bytes:
        place = self._place(kind, number)
        if kind == "content":
            self._head = delta_head("response.reasoning_text.delta", place)
            return writer.write("response.content_part.added", place | {"part": {"type": "reasoning_text", "text": ""}})
        self._head = delta_head("response.reasoning_summary_text.delta", place)
        empty = {"type": "summary_text", "text": ""}
        return writer.write("response.reasoning_summary_part.added", place | {"part": empty})

    def _end_piece(self, kind: str, number: int, text: str, writer: EventWriter) -> bytes:
        place = self._place(kind, number)
        if kind == "content":
            done = writer.write("response.reasoning_text.done", place | {"text": text})
            part = {"type": "reasoning_text", "text": text}
            return done + writer.write("response.content_part.done", place | {"part": part})
        done = writer.write("response.reasoning_summary_text.done", place | {"text": text})
        part = {"type": "summary_text", "text": text}
        return done + writer.write("response.reasoning_summary_part.done", place | {"part": part})

    def close(self, writer: EventWriter) -> tuple[bytes, Json | None]:
        part = ReasoningPart("".join(self._texts), self._signature, merge_vendor(self._vendors), self._wire)
        item = encode_own_item(part, self._index, self._ids, encrypted=self._encrypted)
        if item is None:
            return b"", None
        if self._begun:
            return self._end_piece("summary", 0, part.text, writer), item | {"id": self._id}
        said = self._begin(writer)
        numbers = {"summary": 0, "content": 0}
        for kind, text in split_pieces(part):
            said += self._begin_piece(kind, numbers[kind], writer) + writer.write_delta(self._head, text)
            said += self._end_piece(kind, numbers[kind], text, writer)
            numbers[kind] += 1
        return said, item | {"id": self._id}


class OpenCall:
    """A tool call. Its id, which carries what other wires must get back, is that of its first delta."""

    def __init__(self, event: ToolCallDelta, writer: EventWriter) -> None:
        self.part = event.part
        self._index = writer.index
        self._ids = writer.ids
        self._kind = event.kind or "function"
        self._first = ToolCallPart(event.id or "", event.name or "", "", self._kind, event.vendor)
        self._item = self._encode(self._first)
        self._texts: list[str] = []
        self._vendors: list[Vendor] = []
        self._head = b""

    def _encode(self, part: ToolCallPart) -> Json:
        return encode_own_item(part, self._index, self._ids, encrypted=False) or {}

    def begin(self, writer: EventWriter) -> bytes:
        place = {"item_id": self._item["id"], "output_index": self._index}
        self._head = delta_head(f"response.{self._events}.delta", place)
        opened = self._item | ({} if self._kind == "custom" else {"status": "in_progress"})
        return writer.write("response.output_item.added", {"output_index": self._index, "item": opened})

    @property
    def _events(self) -> str:
        return "custom_tool_call_input" if self._kind == "custom" else "function_call_arguments"

    def more(self, event: ToolCallDelta, writer: EventWriter) -> bytes:
        if event.vendor:
            self._vendors.append(event.vendor)
        if not event.arguments:
            return b""
        self._texts.append(event.arguments)
        return writer.write_delta(self._head, event.arguments)

    def is_over(self) -> bool:
        """Whether the arguments are a whole JSON object, after which there can be no more of them."""
        if self._kind == "custom" or not self._texts or not _ENDS.search(self._texts[-1]):
            return False
        try:
            _decoder.decode("".join(self._texts))
        except (ValueError, RecursionError):
            return False
        return True

    def close(self, writer: EventWriter) -> tuple[bytes, Json | None]:
        text = "".join(self._texts)
        vendor = merge_vendor(self._vendors)
        item = self._encode(msgspec.structs.replace(self._first, arguments=text, vendor=vendor))
        item |= {name: self._item[name] for name in ("id", "call_id")}
        done: Json = {"item_id": item["id"], "output_index": self._index}
        done |= {"input": text} if self._kind == "custom" else {"name": item["name"], "arguments": text}
        return writer.write(f"response.{self._events}.done", done), item


OpenItem = OpenMessage | OpenReasoning | OpenCall
