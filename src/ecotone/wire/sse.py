"""Server-sent events, as bytes.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html (section 9.2.6, "Interpreting an event
stream"): lines end in LF, CR LF or CR; a blank line ends an event; lines that begin with a colon are comments; only
`data` matters to the wires here, and several `data` lines make one payload with LF between them.
"""

import re

_BOM = b"\xef\xbb\xbf"
# The groups are atomic, so that CR LF is never read as two line ends.
_LINE_END = re.compile(rb"(?>\r\n|\r|\n)")
_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_BLANK_LINE_BYTES_MAX = 4

REPLY_BYTES_MAX = 256 * 1024 * 1024
"""The longest reply accepted where it has to be held, whole or put together from a stream."""

EVENT_BYTES_MAX = 16 * 1024 * 1024
"""The longest event accepted unless said otherwise: room for an image or a minute of sound in base64."""


class WholeEvents:
    """Gathers bytes, however they are split, and gives them back up to the end of the last whole event.

    `overflow` is set once an event is longer than the bound; from then on nothing more is given back.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self.overflow = False
        self._event_bytes_max = event_bytes_max
        self._pending = bytearray()
        self._carriage_returns = False
        self._at_start = True
        # What was given back ended with CR: an LF that comes next belongs to it.
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        """The bytes of all events that are now complete, blank lines included; empty if none is."""
        if self.overflow:
            return b""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        whole = data if not self._pending and data.endswith(b"\n\n") else self._gather(data)
        if self._at_start and whole:
            self._at_start = False
            # All of them: of two, who reads what was passed on would take off the second, and find an event behind it.
            while whole.startswith(_BOM):
                whole = whole.removeprefix(_BOM)
        return whole if len(whole) <= self._event_bytes_max else self._before_overflow(whole)

    def _gather(self, data: bytes) -> bytes:
        searched = max(0, len(self._pending) - _BLANK_LINE_BYTES_MAX)
        self._pending += data
        # Only what is new is ever looked at: a long event that comes in small pieces takes no longer than another.
        self._carriage_returns = self._carriage_returns or b"\r" in data
        end = 0
        if self._carriage_returns:
            for match in _BLANK_LINE.finditer(self._pending, searched):
                end = match.end()
        else:
            end = self._pending.rfind(b"\n\n", searched) + 2
            end = end if end >= 2 else 0
        whole = bytes(self._pending[:end])
        del self._pending[:end]
        self._after_cr = not self._pending and whole.endswith(b"\r")
        if len(self._pending) > self._event_bytes_max + _BLANK_LINE_BYTES_MAX:
            self._pending.clear()
            self.overflow = True
        return whole

    def _before_overflow(self, whole: bytes) -> bytes:
        kept = 0
        while kept < len(whole):
            blank = _BLANK_LINE.search(whole, kept)
            end = len(whole) if blank is None else blank.start()
            if end - kept > self._event_bytes_max:
                self.overflow = True
                break
            # After the last blank line there may be one more line end.
            kept = end if blank is None else blank.end()
        return whole[:kept]


def split_events(whole: bytes) -> list[bytes]:
    """The events in bytes that end with one, each without its blank line; some may be empty."""
    return _BLANK_LINE.split(whole) if b"\r" in whole else whole.split(b"\n\n")


def payload(event: bytes) -> bytes | None:
    """The data of one event, None when it has none (a comment, a keep-alive, a lone `retry`)."""
    if event.startswith(b"data: ") and b"\n" not in event and b"\r" not in event:
        return event[6:]
    lines = []
    for line in _LINE_END.split(event):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None


def format_event(data: bytes) -> bytes:
    """One event with this payload, which must not contain a line end (JSON as encoded here never does)."""
    return b"data: " + data + b"\n\n"
