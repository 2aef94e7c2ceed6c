"""Several gateways on one home, and none."""

import json
import signal
from pathlib import Path

import pytest

from tests.cli.terminal import Shell
from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI


def _config(vendor: FakeOpenAI) -> str:
    return f'[models.far]\nprovider = "openai-compatible"\nbase_url = "{vendor.base_url}"\nkey_env = "VENDOR_KEY"\n'


def _noted(gate: RunningGateway) -> str:
    """The address that commands find."""
    url = json.loads((gate.home / "gateway.json").read_bytes())["url"]
    assert isinstance(url, str)
    return url


async def test_the_second_says_so_and_its_end_leaves_the_first_to_be_found(tmp_path: Path) -> None:
    async with gateway(tmp_path, "") as first:
        assert not [line for line in first.log if "another gateway" in line]
        async with gateway(tmp_path, "") as second:
            said = f"another gateway runs on this home ({first.url}, process {first.process.pid})"
            assert (await second.said("another gateway")).startswith(said)
            assert _noted(first) == second.url
            assert await second.stop() == 0
        assert _noted(first) == first.url
        assert await first.stop() == 0
        assert not (first.home / "gateway.json").exists()


async def test_the_end_of_the_first_leaves_the_second_to_be_found(tmp_path: Path) -> None:
    async with gateway(tmp_path, "") as first, gateway(tmp_path, "") as second, gateway(tmp_path, "") as third:
        assert await second.stop() == 0
        assert _noted(first) == third.url
        assert await third.stop() == 0
        assert _noted(first) == first.url


async def test_when_the_second_is_killed_commands_find_the_first(tmp_path: Path) -> None:
    async with FakeOpenAI(key="k") as vendor, gateway(tmp_path, _config(vendor)) as first:
        async with gateway(tmp_path, _config(vendor)) as second:
            second.process.send_signal(signal.SIGKILL)
            await second.process.wait()
        done = await Shell(tmp_path).run("ask", "Well?", "-m", "nope")
        assert done.err == "ecotone: There is no model or route 'nope' here. There are: far.\n"
        async with gateway(tmp_path, _config(vendor)) as third:
            assert (await third.said("another gateway")).count(str(second.process.pid)) == 0
            assert await third.stop() == 0
        assert _noted(first) == first.url


@pytest.mark.parametrize("named", [False, True])
async def test_a_command_says_that_it_starts_a_gateway_of_its_own(tmp_path: Path, named: bool) -> None:
    shell = Shell(tmp_path, {"VENDOR_KEY": "k"})
    async with FakeOpenAI(key="k", models=["far"]) as vendor:
        shell.config(_config(vendor))
        if not named:
            done = await shell.run("ask", "Well?")
            lacking = "no gateway runs"
        else:
            async with gateway(tmp_path, _config(vendor)):
                (tmp_path / "other.toml").write_text(_config(vendor))
                done = await shell.run("ask", "Well?", "--config", "other.toml")
            lacking = "no gateway with the config other.toml runs"
    assert (done.code, done.out) == (0, "far heard: Well?\n")
    said = "starting one for this call (`ecotone up` in another terminal keeps one ready)"
    assert done.err == f"{lacking}; {said}\n"
