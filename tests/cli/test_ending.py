"""How processes end: with the status that they mean, also when the HTTP client's own thread is still there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from tests.cli.terminal import Shell
from tests.running import gateway

_TIMES = 3  # without care for the thread, most of these runs are aborted


@pytest_asyncio.fixture
async def wrong() -> AsyncIterator[str]:
    """An https address at which plain HTTP is spoken."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


def _config(base_url: str) -> str:
    return f'[models.far]\nprovider = "openai-compatible"\nbase_url = "{base_url}"\n'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ask", "Well?"), "no gateway answers at"),
        (("chat",), "no gateway answers at"),
        (("catalog", "refresh", "--address", "ADDRESS"), "cannot be fetched"),
    ],
)
async def test_a_command_whose_connection_failed_ends_with_1(
    tmp_path: Path, wrong: str, arguments: tuple[str, ...], says: str
) -> None:
    shell = Shell(tmp_path, {"ECOTONE_URL": wrong})
    for _ in range(_TIMES):
        done = await shell.run(*(wrong if word == "ADDRESS" else word for word in arguments), stdin="")
        assert says in done.err
        assert (done.code, done.err.count("\n")) == (1, 1)


async def test_a_gateway_whose_connections_failed_ends_with_0(tmp_path: Path, wrong: str) -> None:
    async with gateway(tmp_path, _config(wrong)) as gate:
        async with gate.client() as client:
            for _ in range(3):
                with pytest.raises(openai.APIStatusError):
                    await client.chat.completions.create(model="far", messages=[{"role": "user", "content": "Well?"}])
        assert await gate.stop() == 0
        assert not [line for line in gate.log if "Fatal" in line]


async def test_a_command_that_is_all_right_ends_with_0_and_prints_all(tmp_path: Path, wrong: str) -> None:
    shell = Shell(tmp_path)
    shell.config(_config(wrong))
    done = await shell.run("config", "show")
    assert done.code == 0
    assert wrong in done.out
