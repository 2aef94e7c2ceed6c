"""How fast conversations are translated between wires, each into each other: pure work on one core, no network.

    python -m bench.translation [--json FILE] [--from anthropic] [--to gemini]

Streams: text in deltas of a few characters as the upstream's wire writes them, read in pieces of 1 to 16 KiB, and one
event at a time; a row counts text deltas for each second of CPU time. Whole: what is added to an agent's request of
64 KiB (decoded from JSON, taken as values, written for the other wire, encoded as JSON) and to its reply of 4 KB, each
in milliseconds of CPU time. All are medians over the rounds, beside them the best round: on a machine whose cores are
shared with others, CPU time rises with their load, and the best round says most about the code. "!" marks the best
stream, or the median request, that misses its aim. The collector of garbage is set as `ecotone up` sets it.
"""

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from ecotone.values.chat import (
    ChatRequest,
    FunctionTool,
    Message,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.reply import Choice, End, Event, Finish, Reply, Start, TextDelta, Usage, UsageReport
from ecotone.wire import WIRES
from ecotone.wire.json_body import decode_json_object, encode_json_object
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import Wire

REQUEST_BYTES = 64 * 1024
DELTAS = 4000
ROUNDS = 15

EVENTS_PER_S_AIM = 60_000
REQUEST_MS_AIM = 1.5

_WORDS = ("the", " of", " and", " to", " in", " is", " that", "ing", "ed", ",", ".", " it", " für", " 😀", "\n", ' "')
_TOOLS = 20
_TURNS = 30
_START = Start(id="reply_1", model="m", created=1_700_000_000)
_USAGE = Usage(input_tokens=16_000, output_tokens=DELTAS, cached_input_tokens=15_000, reasoning_tokens=0)


class Row(msgspec.Struct, frozen=True):
    """One ordered pair of wires, and the CPU time of each round: `streamed_s` and `alone_s` of a stream of `deltas`, in
    large reads and one event at a time, `request_s` and `reply_s` of whole ones, of which there are ten a round."""

    upstream: str
    client: str
    deltas: int
    streamed_s: list[float]
    alone_s: list[float]
    request_s: list[float]
    reply_s: list[float]

    def rates(self, seconds: list[float]) -> tuple[float, float]:
        """Events a second, in the median round and in the best."""
        return self.deltas / statistics.median(seconds), self.deltas / min(seconds)

    @staticmethod
    def in_ms(taken_s: Sequence[float]) -> tuple[float, float]:
        """The median round and the best, in milliseconds."""
        return 1000 * statistics.median(taken_s), 1000 * min(taken_s)


def agent_request(turns: int = _TURNS, size: int = REQUEST_BYTES) -> ChatRequest:
    """A coding agent in the middle of its work: tools, calls and their long results."""
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Path from the root of the repository."},
            "lines": {"type": "array", "items": {"type": "integer"}, "description": "First and last line."},
            "mode": {"type": "string", "enum": ["text", "binary"], "description": "How to read it."},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    tools = tuple(
        FunctionTool(f"tool_{number}", "Does one thing, and says what came of it. " * 4, parameters)
        for number in range(_TOOLS)
    )
    result = "".join(f'{line:4}  value_{line} = "text" + str({line})\n' for line in range(size // turns // 70))
    messages = [Message("user", (TextPart("Find out why the test fails and fix it."),))]
    for turn in range(turns):
        arguments = json.dumps({"path": f"src/part_{turn}.py", "lines": [1, 200]})
        call = ToolCallPart(f"call_{turn:04d}", f"tool_{turn % _TOOLS}", arguments)
        messages.append(Message("assistant", (TextPart(f"I look at part {turn}."), call)))
        messages.append(Message("tool", (ToolResultPart(call.id, (TextPart(result),)),)))
    messages.append(Message("user", (TextPart("Go on."),)))
    return ChatRequest(
        model="m",
        system=(Message("system", (TextPart("Work in small steps. " * 100),)),),
        messages=tuple(messages),
        tools=tools,
        tool_choice="auto",
        sampling=Sampling(max_tokens=1000, temperature=0.5),
    )


def request_body(wire: Wire, size: int = REQUEST_BYTES) -> bytes:
    """An agent's request in this wire, of `size` bytes but for the last message's padding."""
    request = agent_request(size=size)
    body = encode_json_object({"model": "m", **wire.encode_request(request).body})
    last = Message("user", (TextPart("Go on. " * max(1, (size - len(body)) // 7)),))
    padded = msgspec.structs.replace(request, messages=(*request.messages[:-1], last))
    return encode_json_object({"model": "m", **wire.encode_request(padded).body})


def reply_body(wire: Wire, request: ChatRequest) -> bytes:
    """An agent's reply in this wire: some words and two calls."""
    text = "".join(_words(200))
    calls = [
        ToolCallPart(f"call_9{number}", f"tool_{number}", json.dumps({"path": "a.py", "text": text}))
        for number in range(2)
    ]
    choice = Choice(0, (TextPart(text), *calls), "tool_calls")
    return wire.encode_reply(Reply((choice,), "reply_1", "m", 1_700_000_000, _USAGE), request)


def stream_body(wire: Wire, request: ChatRequest, deltas: int = DELTAS) -> list[bytes]:
    """A stream of text in this wire, one of its events in each piece."""
    encoder = wire.event_encoder(request)
    said = (TextDelta(0, 0, word) for word in _words(deltas))
    events: list[Event] = [_START, *said, Finish(0, "stop"), UsageReport(_USAGE), End()]
    return [written for written in map(encoder.encode, events) if written]


def _words(count: int) -> Iterator[str]:
    random = Random(7)
    return (random.choice(_WORDS) for _ in range(count))


def as_reads(stream: bytes) -> list[bytes]:
    """The stream as it comes from a socket, in reads of 1 to 16 KiB."""
    random = Random(7)
    reads, start = [], 0
    while start < len(stream):
        end = start + random.randint(1024, 16 * 1024)
        reads.append(stream[start:end])
        start = end
    return reads


def client_request(wire: Wire, body: bytes) -> ChatRequest:
    """The request in this body as a gateway has it, which knows a model's name also where the path says it."""
    request = wire.decode_request(decode_json_object(body))
    return msgspec.structs.replace(request, model=request.model or "m", stream=True, include_usage=True)


def translated(upstream: Wire, client: Wire, request: ChatRequest, reads: list[bytes]) -> int:
    """Translate a stream; the number of bytes that the client gets."""
    translation = StreamTranslation(upstream, client, request, start=_START)
    written = sum(len(translation.feed(read)) for read in reads)
    translation.close()
    return written


def measure(upstream: Wire, client: Wire, *, rounds: int, deltas: int, size: int) -> Row:
    """The row for an upstream's wire and a client's."""
    body = request_body(client, size)
    asked = client_request(client, body)
    stream = stream_body(upstream, client_request(upstream, request_body(upstream, size)), deltas)
    reads = as_reads(b"".join(stream))
    answer = reply_body(upstream, asked)

    def request() -> None:
        encode_json_object(upstream.encode_request(client.decode_request(decode_json_object(body))).body)

    def reply() -> None:
        client.encode_reply(upstream.decode_reply(answer), asked)

    return Row(
        upstream=upstream.name,
        client=client.name,
        deltas=deltas,
        streamed_s=_cpu_s(lambda: translated(upstream, client, asked, reads), rounds),
        alone_s=_cpu_s(lambda: translated(upstream, client, asked, stream), rounds),
        request_s=_cpu_s(request, rounds * 10),
        reply_s=_cpu_s(reply, rounds * 10),
    )


def _cpu_s(work: Callable[[], object], rounds: int) -> list[float]:
    """The CPU time of this work in each round."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return taken


def table(rows: list[Row]) -> str:
    """The rows as text: median and best of each number."""
    columns = "events/s", "one event a read", "request, ms", "reply, ms"
    lines = [f"{'upstream':>16} {'client':>16}" + "".join(f" {name:>22}" for name in columns)]
    for row in rows:
        line = f"{row.upstream:>16} {row.client:>16}"
        for median, best in (row.rates(row.streamed_s), row.rates(row.alone_s)):
            line += f" {f'{median:,.0f} ({best:,.0f})':>22}" + ("!" if best < EVENTS_PER_S_AIM else "")
        for taken_s, aim in ((row.request_s, REQUEST_MS_AIM), (row.reply_s, math.inf)):
            median, best = row.in_ms(taken_s)
            line += f" {f'{median:.2f} ({best:.2f})':>22}" + ("!" if median > aim else "")
        lines.append(line)
    return "\n".join(lines)


def pairs(wires: Mapping[str, Wire], upstreams: list[str], clients: list[str]) -> Iterator[tuple[Wire, Wire]]:
    """Each of these upstreams' wires with each other client's."""
    return ((wires[one], wires[other]) for one in upstreams for other in clients if one != other)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.translation", description=__doc__)
    parser.add_argument("--from", dest="upstreams", nargs="+", choices=WIRES, default=list(WIRES), metavar="WIRE")
    parser.add_argument("--to", dest="clients", nargs="+", choices=WIRES, default=list(WIRES), metavar="WIRE")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    options = parser.parse_args()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    rows = []
    for upstream, client in pairs(WIRES, options.upstreams, options.clients):
        print(f"{upstream.name} to {client.name}", file=sys.stderr, flush=True)
        rows.append(measure(upstream, client, rounds=options.rounds, deltas=DELTAS, size=REQUEST_BYTES))
    print(table(rows))
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        written: list[dict[str, Any]] = [msgspec.to_builtins(row) for row in rows]
        options.json.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
