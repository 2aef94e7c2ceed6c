"""The load of the streaming measurement: reads streams on several connections and counts their events.

    python -m bench.streams URL BODY_FILE CONNECTIONS SECONDS EVENTS ["header: value" ...]

Prints one line of JSON. A stream counts only when all its events and its [DONE] arrived.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

CHOICE_EVENT = b'"delta"'
DONE = b"data: [DONE]"
LAST_STREAM_MAX_S = 60
CARRY = len(DONE) - 1


class Reader(asyncio.Protocol):
    """One connection that asks for the same stream again and again."""

    def __init__(self, request: bytes, events: int, deadline: float) -> None:
        self.request, self.expected, self.deadline = request, events, deadline
        self.events = self.streams = self.broken = 0
        self.first_event_s: list[float] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        self.ask()

    def ask(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.tail, self.seen, self.done, self.under_way = b"", 0, False, True
        self.asked_at = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        text = self.tail + body
        if not self.seen and CHOICE_EVENT in text:
            self.first_event_s.append(time.perf_counter() - self.asked_at)
        # The tail was counted with the piece before, so only what ends in this piece is new.
        self.seen += text.count(CHOICE_EVENT) - self.tail.count(CHOICE_EVENT)
        self.done = self.done or DONE in text
        self.tail = text[-CARRY:]

    def on_message_complete(self) -> None:
        self.under_way = False
        # LiteLLM gives the usage event a choice as well, so there may be more; what the upstream sent is counted.
        if self.done and self.seen >= self.expected and self.parser.get_status_code() == 200:
            self.streams += 1
            self.events += self.expected
        else:
            self.broken += 1
        if time.perf_counter() < self.deadline:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.broken += self.under_way
        if not self.finished.done():
            self.finished.set_result(None)


async def measure(url: str, body: bytes, connections: int, seconds: float, events: int, headers: list[str]) -> None:
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(body)}", *headers]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    readers = []
    for _ in range(connections):
        _, reader = await loop.create_connection(
            lambda: Reader(request, events, started + seconds), str(parts.hostname), parts.port or 80
        )
        readers.append(reader)
    async with asyncio.timeout(seconds + LAST_STREAM_MAX_S):
        await asyncio.gather(*(reader.finished for reader in readers))
    took = time.perf_counter() - started
    firsts = sorted(first for reader in readers for first in reader.first_event_s)
    counted = sum(reader.events for reader in readers)
    result = {
        "events_per_s": round(counted / took, 1),
        "events": counted,
        "streams": sum(reader.streams for reader in readers),
        "errors": sum(reader.broken for reader in readers),
        "first_event_p50_us": round(firsts[len(firsts) // 2] * 1e6) if firsts else None,
        "took_s": round(took, 3),
    }
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    url, body_file, connections, seconds, events, *headers = sys.argv[1:]
    uvloop.run(measure(url, Path(body_file).read_bytes(), int(connections), float(seconds), int(events), headers))
