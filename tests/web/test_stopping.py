"""Stopping a gateway while it answers, and clients that do not speak HTTP."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from ecotone.gateway.sessions import Sessions
from ecotone.storage.database import Database
from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, Ending, FakeOpenAI, Reply

BODY: dict[str, Any] = {"model": "far", "messages": [{"role": "user", "content": "count"}]}
STOPPING = '"message":"The gateway is stopping; ask again in a moment."'


@pytest_asyncio.fixture
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="k") as server:
        yield server


def _config(vendor: FakeOpenAI, drain_s: int) -> str:
    return f"""
[server]
drain_s = {drain_s}
[models.far]
provider = "openai-compatible"
base_url = "{vendor.base_url}"
name = "gpt-4o-mini"
key_env = "VENDOR_KEY"
"""


@asynccontextmanager
async def _answering(
    folder: Path, vendor: FakeOpenAI, drain_s: int, *, gate: asyncio.Event | None = None
) -> AsyncIterator[tuple[RunningGateway, httpx.Response, AsyncIterator[str]]]:
    """A gateway in the middle of a stream that stalls, or goes on at `gate`, and the stream's lines after the first."""
    delivery = Delivery(events=2, ending=Ending.STALL) if gate is None else Delivery(events=2, gate=gate)
    vendor.script(Reply(text="one two three", delivery=delivery))
    async with (
        gateway(folder, _config(vendor, drain_s), environment={"VENDOR_KEY": "k"}) as gate_,
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", f"{gate_.url}/v1/chat/completions", json={**BODY, "stream": True}) as reply,
    ):
        lines = reply.aiter_lines()
        async for line in lines:
            if '"one"' in line:
                break
        yield gate_, reply, lines


def _port(gate: RunningGateway) -> int:
    return int(gate.url.rpartition(":")[2])


def _quiet_about_faults(gate: RunningGateway) -> bool:
    return not any(word in line for line in gate.log for word in ("Traceback", "Exception", "Cancel", "Error"))


async def test_ctrl_c_says_what_it_waits_for_and_answers_are_completed(tmp_path: Path, vendor: FakeOpenAI) -> None:
    go_on = asyncio.Event()
    async with _answering(tmp_path, vendor, 30, gate=go_on) as (gate, _, lines):
        gate.process.send_signal(signal.SIGINT)
        said = await gate.said("stopping")
        assert said == "stopping: 1 request is still being answered (at most 30 s); Ctrl-C again ends it now"
        go_on.set()
        assert [line async for line in lines if line][-1] == "data: [DONE]"
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
    assert gate.log[-1] == said


async def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path, vendor: FakeOpenAI) -> None:
    async with _answering(tmp_path, vendor, 3600) as (gate, _, lines):
        gate.process.send_signal(signal.SIGINT)
        await gate.said("stopping")
        gate.process.send_signal(signal.SIGINT)
        rest = [line async for line in lines if line]
        assert len(rest) == 1 and STOPPING in rest[0]
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
        (row,) = await gate.rows(1)
        assert (row["status"], row["error"]) == (200, "no_endpoint_available")
    assert gate.log[-1] == "1 request is cut short"
    assert _quiet_about_faults(gate)


async def test_when_its_time_is_over_a_stream_ends_with_an_error_event(tmp_path: Path, vendor: FakeOpenAI) -> None:
    async with _answering(tmp_path, vendor, 1) as (gate, _, lines):
        vendor.script(Reply(text="four", delivery=Delivery(ending=Ending.STALL)))
        whole = asyncio.create_task(_status(gate.url))
        async with asyncio.timeout(10):
            while len(vendor.requests) < 2:
                await asyncio.sleep(0.02)
        gate.process.send_signal(signal.SIGTERM)
        said = await gate.said("stopping")
        assert said == "stopping: 2 requests are still being answered (at most 1 s); Ctrl-C ends it now"
        rest = [line async for line in lines if line]
        assert len(rest) == 1 and STOPPING in rest[0]
        assert await whole == 503
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
    assert _quiet_about_faults(gate)


async def _status(url: str) -> int:
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.post(f"{url}/v1/chat/completions", json=BODY)).status_code


async def test_a_client_that_does_not_end_its_request_does_not_hold_it_up(tmp_path: Path, vendor: FakeOpenAI) -> None:
    async with gateway(tmp_path, _config(vendor, 0)) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(gate))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n")
        writer.write(b"content-type: application/json\r\n\r\n{")
        await writer.drain()
        assert await _is_served(gate.url)
        gate.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
        assert await reader.read() == b""
        writer.close()
    assert _quiet_about_faults(gate)


async def test_ctrl_c_tells_of_what_the_console_is_asked_too(tmp_path: Path, vendor: FakeOpenAI) -> None:
    async with gateway(tmp_path, _config(vendor, 3600)) as gate:
        host = f"127.0.0.1:{_port(gate)}"
        with closing(Database(gate.home / "ecotone.db")) as database:
            token = Sessions(database).begin("ada", host, datetime.now(UTC), timedelta(hours=1))
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(gate))
        writer.write(f"POST /control/v1/chats HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n".encode())
        writer.write(b"content-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        await writer.drain()
        assert await _is_served(gate.url)
        gate.process.send_signal(signal.SIGINT)
        said = await gate.said("stopping")
        assert said == "stopping: 1 request is still being answered (at most 3600 s); Ctrl-C again ends it now"
        gate.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
        assert await reader.read() == b""
        writer.close()
    assert gate.log[-1] == "1 request is cut short"
    assert _quiet_about_faults(gate)


async def _is_served(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{url}/healthz")).status_code == 200


async def test_with_nothing_to_answer_it_just_stops(tmp_path: Path, vendor: FakeOpenAI) -> None:
    async with gateway(tmp_path, _config(vendor, 30)) as gate:
        await gate.said("stop: Ctrl-C")
        before = len(gate.log)
        gate.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(gate.process.wait(), 20) == 0
    assert gate.log[before:] == []


async def test_https_at_the_port_is_explained_once(tmp_path: Path, vendor: FakeOpenAI) -> None:
    hello = b"\x16\x03\x01\x00\x05hello"
    async with gateway(tmp_path, _config(vendor, 30)) as gate:
        await gate.said("stop: Ctrl-C")
        before = len(gate.log)
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", _port(gate)), 10) as client:
                client.sendall(hello)
                assert client.recv(100).startswith(b"HTTP/1.1 400")
        async with httpx.AsyncClient() as upgrading:
            headers = {"connection": "upgrade", "upgrade": "h2c"}
            assert (await upgrading.get(f"{gate.url}/healthz", headers=headers)).status_code == 200
    (said,) = gate.log[before:]
    assert "a client sent what is not HTTP" in said and "https://" in said
