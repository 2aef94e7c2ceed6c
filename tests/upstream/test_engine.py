"""One engine, the real one, with a real model: life, death, and what it answers."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
import pytest_asyncio

from ecotone.upstream.engine import Engine, EnginePlan, EngineSpec, Task, plan_engine
from ecotone.values.errors import EngineError, StoreError
from tests.upstream.engine_calls import ask, busy_slots, client, is_alive, stream, until

GIB = 1024**3


def plan_for(path: Path, task: Task = "chat", *, context: int = 1_024, parallel: int = 4) -> EnginePlan:
    spec = EngineSpec("smollm2", path, context=context, parallel=parallel)
    return plan_engine(spec, task, cores=2, memory_bytes=8 * GIB)


def engine_for(plan: EnginePlan, tmp_path: Path) -> Engine:
    return Engine(plan, logs_dir=tmp_path / "logs", on_exit=lambda _: None)


@pytest_asyncio.fixture
async def engine(smollm2_path: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    engine = engine_for(plan_for(smollm2_path), tmp_path)
    await engine.start(timeout_s=60)
    yield engine
    await engine.stop()


async def test_it_starts_answers_and_stops(smollm2_path: Path, tmp_path: Path) -> None:
    ended: list[Engine] = []
    engine = Engine(plan_for(smollm2_path), logs_dir=tmp_path, on_exit=ended.append)
    await engine.start(timeout_s=60)
    assert engine.base_url.startswith("http://127.0.0.1:")
    assert engine.base_url.endswith("/v1")
    reply = await ask(engine, max_tokens=20)
    assert len(reply["choices"][0]["message"]["content"].split()) > 3
    assert 3 < reply["usage"]["completion_tokens"] <= 20
    assert reply["model"] == "smollm2"
    pid = engine.pid
    assert pid is not None
    assert is_alive(pid)
    assert ended == []
    await engine.stop()
    assert ended == [engine]
    assert not is_alive(pid)
    await engine.stop()


async def test_the_key_is_required_and_not_to_be_seen(engine: Engine) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    async with httpx.AsyncClient(base_url=engine.base_url, trust_env=False) as http:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            assert (await http.post("/chat/completions", json=body, headers=headers)).status_code == 401
            assert (await http.get("/models", headers=headers)).status_code == 401
    process = Path(f"/proc/{engine.pid}")
    assert engine.key.encode() not in (process / "cmdline").read_bytes()
    assert engine.key.encode() not in (process / "environ").read_bytes()
    assert engine.key not in engine.log_path.read_text()


async def test_a_web_page_may_not_read_its_answers(engine: Engine) -> None:
    async with client(engine) as http:
        reply = await http.get("/models", headers={"origin": "http://elsewhere.example"})
    assert reply.headers.get("access-control-allow-origin", "") == ""


async def test_four_streams_at_once_all_finish(engine: Engine) -> None:
    async def whole(number: int) -> list[str]:
        return [data async for data in stream(engine, max_tokens=40, text=f"Story number {number}.")]

    for lines in await asyncio.gather(*(whole(number) for number in range(4))):
        assert lines[-1] == "[DONE]"
        finishes = [json.loads(line)["choices"][0]["finish_reason"] for line in lines[:-1]]
        assert finishes[-1] == "length"
        assert finishes[:-1] == [None] * (len(finishes) - 1)
        assert len(finishes) >= 30  # some tokens are part of a character and come together


async def test_a_client_that_leaves_frees_its_slot_within_a_second(engine: Engine) -> None:
    lines = stream(engine, max_tokens=900)
    await anext(lines)
    assert await busy_slots(engine) == 1
    await lines.aclose()
    async with asyncio.timeout(1):
        while await busy_slots(engine):
            await asyncio.sleep(0.02)


async def test_a_prompt_over_the_context_is_refused(engine: Engine) -> None:
    body = {"messages": [{"role": "user", "content": "word " * 2_000}], "max_tokens": 1}
    async with client(engine) as http:
        reply = await http.post("/chat/completions", json=body)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["type"] == "exceed_context_size_error"
    assert error["n_ctx"] == 1_024
    assert error["n_prompt_tokens"] > 2_000


async def test_a_reply_keeps_to_a_json_schema(engine: Engine) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "large": {"type": "boolean"}},
        "required": ["city", "large"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": schema}}
    reply = await ask(engine, "Tell me of Rome.", max_tokens=60, response_format=shape)
    value = json.loads(reply["choices"][0]["message"]["content"])
    assert set(value) == {"city", "large"}
    assert isinstance(value["large"], bool)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def rendered(engine: Engine, **body: object) -> str:
    async with client(engine) as http:
        reply = await http.post(engine.base_url.removesuffix("/v1") + "/apply-template", json=body)
    prompt: str = reply.json()["prompt"]
    return prompt


async def test_a_model_whose_template_ignores_tools_is_told_of_them(engine: Engine) -> None:
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it warm in Rome?"},
    ]
    prompt = await rendered(engine, messages=messages, tools=[WEATHER])
    assert prompt.startswith("<|im_start|>system\nBe brief.\n\nYou can call these functions")
    assert '"name": "get_weather"' in prompt
    assert prompt.endswith("<|im_start|>user\nIs it warm in Rome?<|im_end|>\n<|im_start|>assistant\n")

    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}
    messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": "c1", "content": "31 degrees"})
    prompt = await rendered(engine, messages=messages, tools=[WEATHER])
    assert prompt.endswith(
        '<|im_start|>assistant\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
        "<|im_end|>\n<|im_start|>user\n<tool_response>\n31 degrees\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


async def test_without_tools_the_models_own_template_is_unchanged(engine: Engine) -> None:
    prompt = await rendered(engine, messages=[{"role": "user", "content": "Hello"}])
    assert prompt == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


async def test_embeddings_are_of_the_models_size_and_the_same_each_time(smollm2_path: Path, tmp_path: Path) -> None:
    engine = engine_for(plan_for(smollm2_path, "embedding", context=560, parallel=2), tmp_path)
    await engine.start(timeout_s=60)
    try:
        async with client(engine) as http:

            async def embed(*texts: str) -> list[list[float]]:
                reply = await http.post("/embeddings", json={"input": list(texts), "model": "smollm2"})
                assert reply.status_code == 200, reply.text
                return [item["embedding"] for item in reply.json()["data"]]

            longer = "a red fox that jumps over the garden fence"
            assert (await embed("a fox", longer))[1] == pytest.approx((await embed(longer))[0], abs=1e-4)
            first = await embed("a red fox", "the stock market")
            assert [len(vector) for vector in first] == [576, 576]
            assert first[0] != first[1]
            assert sum(value * value for value in first[0]) == pytest.approx(1, abs=1e-4)
            assert await embed("a red fox", "the stock market") == first
            # Longer than one ordinary step of 512 tokens.
            assert len((await embed("word " * 530))[0]) == 576
    finally:
        await engine.stop()


async def test_kill_9_in_a_stream_is_known_at_once(engine: Engine) -> None:
    lines = stream(engine, max_tokens=900)
    await anext(lines)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(httpx.RemoteProtocolError):
        async for _ in lines:
            pass
    assert await engine.ended(timeout_s=2)
    assert engine.exit_code == -signal.SIGKILL
    assert "SIGKILL" in engine.how_it_ended()


async def test_ctrl_c_in_the_terminal_does_not_reach_it(engine: Engine) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGINT)
    assert (await ask(engine))["choices"]


PARENT = """
import asyncio, sys
from pathlib import Path
from ecotone.upstream.engine import Engine, EngineSpec, plan_engine

async def main():
    spec = EngineSpec("smollm2", Path(sys.argv[1]))
    plan = plan_engine(spec, "chat", cores=2, memory_bytes=8 * 1024**3)
    engine = Engine(plan, logs_dir=Path(sys.argv[2]), on_exit=lambda _: None)
    start = asyncio.create_task(engine.start(timeout_s=60))
    while engine.pid is None:
        await asyncio.sleep(0.001)
    print(engine.pid, flush=True)
    await start
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["ready", "loading"])
async def test_it_ends_with_its_parent_even_by_kill_9(smollm2_path: Path, tmp_path: Path, when: str) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(smollm2_path), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    if when == "ready":
        assert await asyncio.wait_for(parent.stdout.readline(), 60) == b"ready\n"
    else:
        maps = Path(f"/proc/{child}/maps")
        await until(lambda: str(smollm2_path.resolve()) in maps.read_text(), within_s=30)
    assert is_alive(child)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(child), within_s=5)


async def test_a_file_that_does_not_load_is_explained_from_the_log(smollm2_path: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(smollm2_path.read_bytes()[:50_000_000])
    engine = engine_for(msgspec.structs.replace(plan_for(smollm2_path), path=half), tmp_path)
    with pytest.raises(EngineError) as caught:
        await engine.start(timeout_s=60)
    assert "model is corrupted or incomplete" in caught.value.message
    assert str(engine.log_path) in caught.value.message
    assert engine.exit_code == 1


async def test_a_start_that_takes_too_long_is_ended(smollm2_path: Path, tmp_path: Path) -> None:
    engine = engine_for(plan_for(smollm2_path), tmp_path)
    with pytest.raises(EngineError, match=r"not loaded within 0\.05 s"):
        await engine.start(timeout_s=0.05)
    assert engine.pid is None or not is_alive(engine.pid)


async def test_a_start_that_is_abandoned_leaves_nothing_behind(smollm2_path: Path, tmp_path: Path) -> None:
    engine = engine_for(plan_for(smollm2_path, context=8_192), tmp_path)
    start = asyncio.create_task(engine.start(timeout_s=60))
    await until(lambda: engine.pid is not None, within_s=10)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert engine.pid is not None
    assert not is_alive(engine.pid)


async def test_the_log_of_the_run_before_is_kept(smollm2_path: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "engine-smollm2.log").write_text("from before\n")
    engine = engine_for(plan_for(smollm2_path), tmp_path)
    await engine.start(timeout_s=60)
    await engine.stop()
    assert (logs / "engine-smollm2.log.1").read_text() == "from before\n"
    assert "from before" not in (logs / "engine-smollm2.log").read_text()


def test_a_name_cannot_lead_its_log_elsewhere(smollm2_path: Path, tmp_path: Path) -> None:
    plan = msgspec.structs.replace(plan_for(smollm2_path), name="../../etc/it")
    assert engine_for(plan, tmp_path).log_path.parent == tmp_path / "logs"


def test_the_machine_chooses_what_the_owner_left_open(smollm2_path: Path) -> None:
    plan = plan_engine(EngineSpec("m", smollm2_path), "chat", cores=3, memory_bytes=64 * GIB)
    assert (plan.threads, plan.parallel, plan.context) == (3, 4, 8_192)
    embedding = plan_engine(EngineSpec("m", smollm2_path), "embedding", cores=3, memory_bytes=64 * GIB)
    assert (embedding.context, embedding.batch) == (2_048, 2_048)
    assert embedding.mean_pooling
    # 2,048 tokens x 49,152 words x 8 bytes of scores, on top of a cache of 2,048 tokens of 23,040 bytes.
    without_cache = plan.memory_bytes - 4 * 8_192 * 23_040
    assert embedding.memory_bytes == without_cache + 2_048 * 49_152 * 8 + 2_048 * 23_040


def test_scarce_memory_costs_slots_first_and_context_next(smollm2_path: Path) -> None:
    spec = EngineSpec("m", smollm2_path)
    whole = plan_engine(spec, "chat", cores=2, memory_bytes=64 * GIB).memory_bytes
    base = whole - 4 * 8_192 * 23_040
    for tokens, parallel, context in (
        (4 * 5_000, 4, 5_000),
        (4 * 3_000, 2, 6_000),
        (2 * 3_000, 1, 6_000),
        (1_000, 1, 1_000),
    ):
        plan = plan_engine(spec, "chat", cores=2, memory_bytes=base + tokens * 23_040)
        assert (plan.parallel, plan.context) == (parallel, context)
        assert plan.memory_bytes <= base + tokens * 23_040


def test_what_the_owner_decided_stands(smollm2_path: Path) -> None:
    spec = EngineSpec("m", smollm2_path, threads=7, context=3_000, parallel=2)
    plan = plan_engine(spec, "chat", cores=2, memory_bytes=1)
    assert (plan.threads, plan.context, plan.parallel) == (7, 3_000, 2)
    assert plan.memory_bytes > 1


def test_a_half_pulled_file_is_refused_before_anything_starts(smollm2_path: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(smollm2_path.read_bytes()[:50_000_000])
    with pytest.raises(StoreError, match="Put a sound GGUF file there"):
        plan_for(half)


def test_only_the_engine_process_loads_the_engine() -> None:
    code = "import sys, ecotone.upstream.engines; sys.exit('xllamacpp' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
