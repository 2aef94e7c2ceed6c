"""The official Node SDKs, each with each upstream: the same conversation with tools, whole and streamed."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.conformance.house import WIRES, house
from tests.vendors.scripts import Reply, ToolCall

NODE = shutil.which("node")
HERE = Path(__file__).parent.parent / "node"
SDKS = ("chat", "responses", "claude", "gemini")


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.skipif(
    not (HERE / "node_modules").exists(), reason="the Node SDKs are not installed: npm ci in tests/node"
)
async def test_every_node_sdk_with_every_upstream(tmp_path: Path) -> None:
    calls = [ToolCall("get_weather", '{"city":"Zürich"}'), ToolCall("get_weather", '{"city":"東京"}')]
    async with house(tmp_path) as home:
        for vendor in home.vendors.values():
            for _ in SDKS:
                # Once whole, once streamed.
                vendor.script(*[Reply(tool_calls=calls), Reply(text="Rain in Zürich, sun in 東京.")] * 2)
        process = await asyncio.create_subprocess_exec(
            NODE or "",
            str(HERE / "conversation.mjs"),
            env={**os.environ, "BASE_URL": home.gate.url, "MODELS": ",".join(f"{wire}-thinking" for wire in WIRES)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    seen = {
        "calls": [["get_weather", {"city": "Zürich"}], ["get_weather", {"city": "東京"}]],
        "text": "Rain in Zürich, sun in 東京.",
    }
    assert json.loads(out) == {
        sdk: {f"{wire}-thinking": {"whole": seen, "stream": seen} for wire in WIRES} for sdk in SDKS
    }
