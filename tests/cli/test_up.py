"""`ecotone up`: where it listens, what it says of that, and a first fetch that is interrupted."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.terminal import Shell, finished, until_no_process
from tests.running import gateway


@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
async def test_a_port_that_cannot_be_is_refused(tmp_path: Path, port: str) -> None:
    done = await Shell(tmp_path).run("up", "--port", port)
    assert (done.code, done.out) == (2, "")
    assert f"port {port} is not between 0 and 65535" in done.err


@pytest.mark.parametrize(
    ("host", "reason"),
    [("nohost.invalid", ""), ("203.0.113.9", "Cannot assign requested address"), ("a..b", "")],
)
async def test_a_host_that_is_not_this_machine_is_refused(tmp_path: Path, host: str, reason: str) -> None:
    done = await Shell(tmp_path).run("up", "--host", host, "--port", "0")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ecotone: cannot listen on {host} port 0: {reason}")
    assert done.err.endswith(
        "--host takes an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 for its networks, too\n"
    )


async def test_open_to_the_network_it_says_where_others_reach_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, "", "--host", "0.0.0.0") as gate:
        assert gate.url.startswith("http://127.0.0.1:")
        said = await gate.said("open to the network")
        addresses = said.removeprefix("open to the network: others reach it at ").removesuffix(", and need a key")
        port = gate.url.rpartition(":")[2]
        assert f"http://{socket.gethostname()}:{port}" in addresses.split(" or ")
        async with httpx.AsyncClient() as client:
            for address in addresses.split(" or ")[1:]:
                assert (await client.get(f"{address}/healthz")).status_code == 200


async def test_on_loopback_it_says_nothing_of_the_network(tmp_path: Path) -> None:
    async with gateway(tmp_path, "") as gate:
        await gate.said("stop: Ctrl-C")
        assert "network" not in "\n".join(gate.log)


async def test_where_it_cannot_leave_a_note_it_serves_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "home" / "gateway.json").mkdir(parents=True)
    async with gateway(tmp_path, "") as gate:
        assert "gateway.json cannot be written" in await gate.said("other commands will not find this gateway")


@asynccontextmanager
async def _index_that_never_answers() -> AsyncIterator[tuple[str, asyncio.Event]]:
    asked, over = asyncio.Event(), asyncio.Event()

    async def keep_waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(keep_waiting, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple", asked
    finally:
        over.set()
        server.close()


@pytest.mark.parametrize("command", [("up", "--port", "0"), ("ask", "Well?")])
async def test_a_first_fetch_that_is_interrupted_goes_on_next_time(tmp_path: Path, command: tuple[str, ...]) -> None:
    async with _index_that_never_answers() as (index, asked):
        shell = Shell(tmp_path, {"UV_DEFAULT_INDEX": index})
        async with shell.started(*command) as process:
            await asyncio.wait_for(asked.wait(), 60)
            process.send_signal(signal.SIGINT)
            done = await finished(process)
        await until_no_process(shell.home)
    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "stopped while fetching; the next start goes on from here"
