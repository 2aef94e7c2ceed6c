"""Chunks that repeat the one before them but for a piece of text: nearly every chunk of a stream does.

What is around that text is compared as bytes, so that such a chunk need not be read as JSON again. It means the same
as the chunk before, for whatever server and with whatever fields that only this server knows.
"""

import re
from collections.abc import Callable
from typing import Any, Self

import msgspec

from ecotone.values.reply import Event, ReasoningDelta, TextDelta, ToolCallDelta
from ecotone.wire.openai_chat.parts import REASONING_FIELDS

_anything = msgspec.json.Decoder()
_text = msgspec.json.Decoder(str)
_STRING = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.S)
# Random text against eavesdroppers who measure chunks (https://platform.openai.com/docs/api-reference/chat-streaming).
_OBFUSCATION = re.compile(rb'"obfuscation":\s*"[^"\\]*"}\Z')


class Repeats:
    """What such chunks have around their text: `head` and `tail`. With `obfuscated`, `tail` ends where random text
    begins, after which only its end and the chunk's may come. `make` makes the event."""

    __slots__ = ("_head", "_make", "_obfuscated", "_shortest_bytes", "_tail")

    def __init__(self, head: bytes, tail: bytes, make: Callable[[str], Event]) -> None:
        found = _OBFUSCATION.search(tail)
        self._obfuscated = found is not None
        self._head = head
        self._tail = tail if found is None else tail[: tail.rindex(b'"', 0, -2) + 1]
        self._make = make
        self._shortest_bytes = len(head) + len(self._tail) + len(b'""')

    @classmethod
    def of(cls, data: bytes, event: Event) -> Self | None:
        """What to expect after the chunk `data`, which meant `event` and nothing else; None where nothing is."""
        found = _text_of(event)
        if found is None:
            return None
        names, steps, text, make = found
        other = text + "."
        for name in names:
            start = data.find(b'"%s":' % name.encode())
            string = _STRING.match(data, start + len(name) + 3) if start >= 0 else None
            if string is None:
                continue
            head, tail = data[: string.start(1)], data[string.end(1) :]
            # It is the place of the text, and not another of this name, if another text there is another text.
            if _at(_anything.decode(head + msgspec.json.encode(other) + tail), (*steps, name)) == other:
                return cls(head, tail, make)
        return None

    def read(self, data: bytes) -> Event | None:
        """What this chunk means, None where it must be read as JSON."""
        if self._obfuscated:
            if not data.endswith(b'"}'):
                return None
            data = data[: data.rfind(b'"', 0, -2) + 1]
        if len(data) < self._shortest_bytes or not data.startswith(self._head) or not data.endswith(self._tail):
            return None
        try:
            text = _text.decode(data[len(self._head) : -len(self._tail)])
        except ValueError:
            return None
        # Empty text may mean nothing at all.
        return self._make(text) if text else None


def _text_of(event: Event) -> tuple[tuple[str, ...], tuple[str | int, ...], str, Callable[[str], Event]] | None:
    """The fields that may hold the text of this delta, the way to them, that text, and what makes a delta with
    another."""
    delta = ("choices", 0, "delta")
    match event:
        case TextDelta(choice, part, said, vendor) if not vendor:
            return ("content",), delta, said, lambda text: TextDelta(choice, part, text)
        case ReasoningDelta(choice, part, said, None, vendor, None):
            return REASONING_FIELDS, delta, said, lambda text: ReasoningDelta(choice, part, text, None, vendor)
        case ToolCallDelta(choice, part, None, None, said, None, vendor) if not vendor:
            way = (*delta, "tool_calls", 0, "function")
            return ("arguments",), way, said, lambda text: ToolCallDelta(choice, part, arguments=text)
    return None


def _at(value: Any, steps: tuple[str | int, ...]) -> Any:
    """What is there at the end of this way, None where there is no such way."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and len(value) > step else None
    return value
