"""The benchmark of translation: what it measures is what it says."""

import json

import pytest

from bench.translation import Row, agent_request, as_reads, measure, request_body, stream_body, table
from ecotone.values.chat import ChatRequest
from ecotone.values.reply import TextDelta
from ecotone.wire import WIRES


@pytest.mark.parametrize("name", WIRES)
def test_each_wire_writes_an_agents_request_of_the_size_asked_for(name: str) -> None:
    body = request_body(WIRES[name])
    assert 65_000 < len(body) <= 65_543
    assert len(json.loads(body)["tools"]) in (1, 20)


def test_an_agents_request_has_tools_and_turns_with_calls() -> None:
    request = agent_request()
    assert len(request.tools) == 20
    assert sum(message.role == "tool" for message in request.messages) == 30


@pytest.mark.parametrize("name", WIRES)
def test_a_stream_has_as_many_deltas_as_are_counted(name: str) -> None:
    wire = WIRES[name]
    stream = b"".join(stream_body(wire, ChatRequest("m", (), include_usage=True), deltas=300))
    reads = as_reads(stream)
    assert b"".join(reads) == stream
    assert max(map(len, reads)) <= 16 * 1024
    decoder = wire.event_decoder()
    events = [event for read in reads for event in decoder.feed(read)]
    decoder.close()
    assert sum(isinstance(event, TextDelta) and event.text != "" for event in events) == 300


def test_a_row_is_measured_and_shown() -> None:
    row = measure(WIRES["openai-chat"], WIRES["anthropic"], rounds=1, deltas=20, size=4096)
    assert row.events_per_s > 0
    assert row.whole_ms == row.request_ms + row.reply_ms > 0
    slow = Row("a", "b", events_per_s=59_999, events_per_s_each_alone=70_000, request_ms=1.0, reply_ms=0.5)
    shown = table([slow, Row("c", "d", 60_000, 60_000, 1.4, 0.2), Row("e", "f", 60_000, 60_000, 1.4, 0.1)])
    assert [line.count("!") for line in shown.splitlines()] == [0, 1, 1, 0]
