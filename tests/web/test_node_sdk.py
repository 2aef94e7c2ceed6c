"""The official Node SDK against the gateway with the real model inside."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.running import gateway

NODE = shutil.which("node")
HERE = Path(__file__).parent.parent / "node"


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.skipif(not (HERE / "node_modules").exists(), reason="the Node SDK is not installed: npm ci in tests/node")
async def test_the_node_sdk_works_unchanged(tmp_path: Path, smollm2_path: Path) -> None:
    config = f"""
[models.local]
engine = "llama.cpp"
source = "file:{smollm2_path}"
context = 1024

[routes.assistant]
models = ["local"]
"""
    async with gateway(tmp_path, config) as gate:
        process = await asyncio.create_subprocess_exec(
            NODE or "",
            str(HERE / "sdk.mjs"),
            env={**os.environ, "BASE_URL": gate.base_url, "MODEL": "assistant", "EMBEDDER": "local"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["whole"]
    assert seen["streamed"] == seen["whole"]
    assert (seen["usage"], seen["streamedUsage"]) == (12, 12)
    assert seen["tool"]["name"] == "get_weather"
    arguments = json.loads(seen["tool"]["arguments"])
    assert set(arguments) == {"city", "unit"}
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert seen["toolFinish"] == "tool_calls"
    assert seen["shaped"]["colour"] in ("red", "green", "blue")
    assert seen["vectors"] == [576, 576]
    assert seen["models"] == ["assistant", "local"]
    assert seen["unknownModel"] == ["NotFoundError", 404, "model_not_found"]
    assert seen["badRequest"][:2] == ["BadRequestError", 400]
    assert seen["tooLong"] == ["BadRequestError", 400, "context_length_exceeded"]
