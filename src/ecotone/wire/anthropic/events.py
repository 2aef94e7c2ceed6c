"""Server-sent events as this vendor frames them: each with a name, which its data repeats as `type`.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from ecotone.wire import sse


def payload(event: bytes) -> bytes | None:
    """The data of one event, None when it has none."""
    if event.startswith(b"event: ") and b"\r" not in event:
        _, _, data = event.partition(b"\n")
        if data.startswith(b"data: ") and b"\n" not in data:
            return data[6:]
    return sse.payload(event)


def format_event(name: str, data: bytes) -> bytes:
    """One event of this name, whose data must not contain a line end (JSON as encoded here never does)."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
