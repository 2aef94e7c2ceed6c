"""What a test scripts: the same words for every vendor, so that one suite can drive them all.

Each vendor says them in its own form. A script that asks for what a vendor cannot say is a `ScriptError`.
"""

import re
from asyncio import Event
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal


class ScriptError(Exception):
    """The test's script asks for a reply that the vendor would not give to this request."""


class Ending(Enum):
    """How the bytes of a reply end."""

    COMPLETE = auto()
    NO_DONE = auto()  # the HTTP body ends properly, the event stream lacks its terminator
    CLOSE = auto()  # the connection closes within the body
    RESET = auto()  # the connection is reset within the body
    STALL = auto()  # nothing more comes until the client leaves
    ERROR_EVENT = auto()  # an error object as the last event of the stream


@dataclass(frozen=True)
class Delivery:
    """How the bytes of a reply go out.

    `events`: how many events of a stream are sent before `gate` is awaited, `insert` is sent and `ending` takes over
    (None: all of them but the terminator; a body that is no stream is cut in its middle). `piece_bytes`: each write
    carries at most so many bytes, with `gap_s` between writes. `pings`: the vendor's keep-alive before each event.
    `gate` holds the reply until the test sets it: before the first byte when `events` is None. `content_length`: what
    the header claims instead of the truth. `late_status`: the HTTP status that the error of `ERROR_EVENT` would have
    had, had it come in time.
    """

    delay_s: float = 0
    gap_s: float = 0
    piece_bytes: int | None = None
    crlf: bool = False
    pings: bool = False
    events: int | None = None
    insert: bytes = b""
    gate: Event | None = None
    ending: Ending = Ending.COMPLETE
    content_length: int | None = None
    late_status: int = 500


@dataclass(frozen=True)
class Text:
    """What the model says. `deltas`: the pieces a stream shall carry (default: a word each)."""

    text: str
    deltas: Sequence[str] | None = None

    @property
    def words(self) -> list[str]:
        return pieces(self.text) if self.deltas is None else list(self.deltas)


@dataclass(frozen=True)
class Thinking:
    """What the model thought. `signature`: the proof that goes with it (None: the vendor makes its own, where it has
    such). `hidden`: the client gets the proof alone and no words, where the vendor has such."""

    text: str
    signature: str | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Declined:
    """The model declines, in these words, where the vendor has a form for it."""

    text: str


@dataclass(frozen=True)
class ToolCall:
    """A call of one of the request's tools; `arguments` is sent as it is, valid JSON or not.

    `kind`: of a custom tool `arguments` is free text.
    """

    name: str
    arguments: str = "{}"
    id: str | None = None
    kind: Literal["function", "custom"] = "function"


Part = Text | Thinking | Declined | ToolCall


@dataclass(frozen=True)
class Usage:
    """Token counts; what is None is counted from the words. `prompt` includes `cached` and `cache_write`, and
    `completion` includes `reasoning`, whatever the vendor's own way of counting."""

    prompt: int | None = None
    completion: int | None = None
    cached: int = 0
    reasoning: int = 0
    cache_write: int = 0


@dataclass(frozen=True)
class Reply:
    """One answer. With nothing said it echoes the last user message and names the model.

    `deltas`: the text in the pieces a stream shall carry (default: a word each). `parts`: all that is said, in this
    order, instead of `reasoning`, `text`, `refusal` and `tool_calls`, which come in that order. `finish_reason`: one
    of "stop", "length", "tool_calls", "content_filter", which each vendor says in its own word, or a word of the
    vendor's own (default: what follows from what is said). `model`: the name in the reply, as vendors answer with a
    dated one. Where a request can ask for several choices, the text of each but the first is marked.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    refusal: str | None = None
    reasoning: str | None = None
    signature: str | None = None
    deltas: Sequence[str] | None = None
    parts: Sequence[Part] = ()
    finish_reason: str | None = None
    model: str | None = None
    usage: Usage = Usage()
    delivery: Delivery = Delivery()

    def said(self) -> tuple[Part, ...]:
        """The parts in order; none when the script leaves the words to the vendor."""
        if self.parts:
            return tuple(self.parts)
        said: list[Part] = []
        if self.reasoning is not None:
            said.append(Thinking(self.reasoning, self.signature))
        if self.text is not None or self.deltas is not None:
            said.append(Text("".join(self.deltas or ()) if self.text is None else self.text, self.deltas))
        if self.refusal is not None:
            said.append(Declined(self.refusal))
        return (*said, *self.tool_calls)


@dataclass(frozen=True)
class Failure:
    """An HTTP error in the vendor's form; `code` is the vendor's own word; `body` replaces that form with any bytes."""

    status: int
    message: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delivery: Delivery = Delivery()


@dataclass(frozen=True)
class Raw:
    """Any bytes as the body: malformed JSON, malformed events."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    delivery: Delivery = Delivery()


Scripted = Reply | Failure | Raw


def pieces(text: str) -> list[str]:
    """Words with the space before them: what passes for tokens here. Joined they are the text again."""
    return re.findall(r"\s*\S+|\s+", text)
