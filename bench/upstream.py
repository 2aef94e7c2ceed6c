"""The upstream of the measurements: the least work that still is a Chat Completions server.

    python -m bench.upstream PORT

Answers each POST with the same completion, about 300 bytes. With `"stream": true` it sends as many events as the
model's name ends with (`stream-2000`), many to a write, and then the usage and `[DONE]`. Each GET gets a model list.
"""

import asyncio
import re
import sys
from typing import cast

import uvloop

MODEL_COUNT = re.compile(rb'"model"\s*:\s*"[^"]*?(\d+)"')
STREAM = re.compile(rb'"stream"\s*:\s*true')
COMPLETION = (
    b'{"id":"chatcmpl-bench","object":"chat.completion","created":1780000000,"model":"bench","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"An ecotone is where two ecosystems meet.","refusal":null},'
    b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":9,"total_tokens":51}}'
)
MODELS = b'{"object":"list","data":[{"id":"bench","object":"model","created":1780000000,"owned_by":"bench"}]}'
CHUNK = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1780000000,"model":"bench",'
    b'"choices":[{"index":0,"delta":{%b},"logprobs":null,"finish_reason":%b}]}\n\n'
)
FIRST = CHUNK % (b'"role":"assistant","content":""', b"null")
# Different words, because LiteLLM ends a stream that repeats one chunk a hundred times.
SENTENCE = b" An ecotone is the strip where two ecosystems meet and more kinds live than in either".split(b" ")[1:]
LAST = CHUNK % (b"", b'"stop"')
USAGE = (
    b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1780000000,"model":"bench","choices":[],'
    b'"usage":{"prompt_tokens":42,"completion_tokens":%d,"total_tokens":%d}}\n\n'
)
EVENTS_A_WRITE = 64


def json_answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WHOLE = json_answer(COMPLETION)
LISTED = json_answer(MODELS)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
BATCH = [CHUNK % (b'"content":" %b"' % SENTENCE[place % len(SENTENCE)], b"null") for place in range(EVENTS_A_WRITE)]
WORDS = http_chunk(b"".join(BATCH))


class Upstream(asyncio.Protocol):
    """One connection; requests come one after another."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.buffer = b""
        self.length = -1  # of the request under way: its head and body, -1 until the head is there
        self.resumed: asyncio.Event = asyncio.Event()
        self.streams: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        self.resumed.set()

    def pause_writing(self) -> None:
        self.resumed.clear()

    def resume_writing(self) -> None:
        self.resumed.set()

    def connection_lost(self, error: Exception | None) -> None:
        for task in self.streams:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if self.length < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            body = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.length = end + 4 + body
        if len(self.buffer) < self.length:
            return
        request, self.buffer, self.length = self.buffer[: self.length], self.buffer[self.length :], -1
        if request.startswith(b"GET"):
            self.transport.write(LISTED)
        elif STREAM.search(request):
            count = MODEL_COUNT.search(request)
            events = int(count[1]) if count else 100
            task = asyncio.get_running_loop().create_task(self.stream(events, b'"include_usage"' in request))
            self.streams.add(task)
            task.add_done_callback(self.streams.discard)
        else:
            self.transport.write(WHOLE)

    async def stream(self, events: int, usage: bool) -> None:
        """`events` counts those with a choice: the first, the words and the last."""
        self.transport.write(STREAM_HEAD + http_chunk(FIRST))
        left = events - 2
        while left > 0:
            batch = min(left, EVENTS_A_WRITE)
            self.transport.write(WORDS if batch == EVENTS_A_WRITE else http_chunk(b"".join(BATCH[:batch])))
            left -= batch
            if not self.resumed.is_set():
                await self.resumed.wait()
        end = LAST + (USAGE % (events, events + 42) if usage else b"") + b"data: [DONE]\n\n"
        self.transport.write(http_chunk(end) + b"0\r\n\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
