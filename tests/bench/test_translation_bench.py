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
    row = measure(WIRES["openai-chat"], WIRES["anthropic"], rounds=2, deltas=20, size=4096)
    assert [len(times) for times in (row.streamed_s, row.alone_s, row.request_s, row.reply_s)] == [2, 2, 20, 20]
    assert min(*row.streamed_s, *row.alone_s, *row.request_s, *row.reply_s) > 0


def test_the_median_and_the_best_are_shown_and_what_misses_its_aim_is_marked() -> None:
    held = Row("a", "b", 600, [0.04, 0.01, 0.02], [0.01], [0.0015, 0.001, 0.004], [0.009, 0.0005, 0.0005])
    missed = Row("c", "d", 600, [0.0101], [0.0101], [0.001, 0.0016, 0.002], [0.0006])
    assert held.rates(held.streamed_s) == (30_000, 60_000)
    assert held.in_ms(held.request_s) == (1.5, 1.0)
    _, first, second = table([held, missed]).splitlines()
    assert "30,000 (60,000)" in first
    assert "1.50 (1.00)" in first
    assert "0.50 (0.50)" in first
    assert (first.count("!"), second.count("!")) == (0, 3)
