"""The pool of engines, with real ones: sharing, memory, idleness, crashes, new configuration."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ecotone.upstream.engine import EngineSpec, plan_engine
from ecotone.upstream.engines import EnginePool, EngineState
from ecotone.values.errors import EngineError, StoreError
from tests.upstream.engine_calls import ask, client, is_alive, stream, until

GIB = 1024**3


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def spec(name: str, path: Path, *, context: int = 512) -> EngineSpec:
    return EngineSpec(name, path, context=context, parallel=2)


def memory_of(path: Path) -> int:
    return plan_engine(spec("one", path), "chat", cores=2, memory_bytes=GIB).memory_bytes


MakePool = Callable[..., EnginePool]


@pytest_asyncio.fixture
async def make_pool(tmp_path: Path) -> AsyncIterator[MakePool]:
    pools: list[EnginePool] = []

    def make(*specs: EngineSpec, **settings: Any) -> EnginePool:
        usual: dict[str, Any] = {"memory_budget_bytes": 8 * GIB, "cores": 2, "logs_dir": tmp_path / "logs"}
        pool = EnginePool(specs, **usual | settings)
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.close()


def state(pool: EnginePool, name: str) -> EngineState:
    return next(state for state in pool.states() if (state.name, state.task) == (name, "chat"))


def pid_of(pool: EnginePool, name: str) -> int:
    pid = state(pool, name).pid
    assert pid is not None
    return pid


async def kill(pool: EnginePool, name: str) -> None:
    """As the system would, with no warning; returns when the pool has heard of it."""
    os.kill(pid_of(pool, name), signal.SIGKILL)
    await until(lambda: state(pool, name).pid is None, within_s=10)


async def test_an_engine_starts_when_asked_for(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    assert state(pool, "a").state == "unloaded"
    assert state(pool, "a").pid is None
    assert pool.try_acquire("a") is None
    asked = asyncio.create_task(pool.acquire("a"))
    await until(lambda: state(pool, "a").state == "loading", within_s=10)
    lease = await asked
    assert state(pool, "a").state == "answering"
    assert state(pool, "a").leases == 1
    assert (await ask(lease))["model"] == "a"
    lease.release()
    lease.release()
    assert state(pool, "a").state == "ready"
    assert state(pool, "a").leases == 0
    assert state(pool, "a").memory_bytes == memory_of(smollm2_path)
    with await pool.acquire("a"):
        assert state(pool, "a").state == "answering"
    assert state(pool, "a").state == "ready"


async def test_those_who_ask_together_share_one_start(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    leases = await asyncio.gather(*(pool.acquire("a") for _ in range(5)))
    assert len({lease.base_url for lease in leases}) == 1
    assert state(pool, "a").leases == 5
    for lease in leases:
        lease.release()


async def test_one_who_leaves_does_not_take_the_start_from_the_others(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    leaver, stayer = asyncio.create_task(pool.acquire("a")), asyncio.create_task(pool.acquire("a"))
    await until(lambda: state(pool, "a").state == "loading", within_s=10)
    leaver.cancel()
    (await stayer).release()
    assert leaver.cancelled()
    assert state(pool, "a").leases == 0


async def test_the_fast_path_makes_no_task(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    await pool.load("a")
    before = asyncio.all_tasks()
    lease = pool.try_acquire("a")
    assert lease is not None
    lease.release()
    (await pool.acquire("a")).release()
    assert asyncio.all_tasks() == before


async def test_chat_and_embeddings_run_beside_each_other(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    with await pool.acquire("a") as chat, await pool.acquire("a", "embedding") as embedding:
        assert chat.base_url != embedding.base_url
        async with client(embedding) as http:
            reply = await http.post("/embeddings", json={"input": "hello"})
        assert len(reply.json()["data"][0]["embedding"]) == 576
        assert (await ask(chat))["choices"]
    assert [(state.name, state.task) for state in pool.states()] == [("a", "chat"), ("a", "embedding")]


async def test_the_next_request_after_kill_9_is_served(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    lease = await pool.acquire("a")
    lines = stream(lease, max_tokens=500)
    await anext(lines)
    os.kill(pid_of(pool, "a"), signal.SIGKILL)
    with pytest.raises(httpx.RemoteProtocolError):
        async for _ in lines:
            pass
    assert await lease.engine_ended(wait_s=5)
    lease.release()
    assert state(pool, "a").state == "failed"
    assert "SIGKILL" in (state(pool, "a").last_error or "")
    with await pool.acquire("a") as again:
        assert again.base_url != lease.base_url
        assert (await ask(again))["choices"]
    assert state(pool, "a").last_error is None


async def test_crash_after_crash_is_retried_ever_later(make_pool: MakePool, smollm2_path: Path) -> None:
    clock = Clock()
    pool = make_pool(spec("a", smollm2_path), clock=clock)
    await pool.load("a")
    await kill(pool, "a")
    await pool.load("a")  # the first crash costs no waiting
    for pause in (1.0, 2.0):
        await kill(pool, "a")
        clock.now += pause - 0.1
        with pytest.raises(EngineError, match=r"tried again in 0 s.*SIGKILL"):
            await pool.acquire("a")
        assert state(pool, "a").state == "failed"
        clock.now += 0.2
        await pool.load("a")
    clock.now += 61  # a healthy minute, and all is forgiven
    await kill(pool, "a")
    await pool.load("a")


async def test_backoff_has_an_upper_bound(make_pool: MakePool, tmp_path: Path, smollm2_path: Path) -> None:
    clock = Clock()
    pool = make_pool(spec("a", smollm2_path), clock=clock, start_timeout_s=0.001)
    for _ in range(12):
        with pytest.raises(EngineError, match="not loaded within"):
            await pool.acquire("a")
        clock.now += 60
    clock.now -= 60
    with pytest.raises(EngineError, match="failed 12 times in a row; it is tried again in 60 s"):
        await pool.acquire("a")


async def test_a_broken_file_is_named_each_time(make_pool: MakePool, smollm2_path: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(smollm2_path.read_bytes()[:50_000_000])
    pool = make_pool(spec("a", half))
    for _ in range(3):
        with pytest.raises(StoreError, match=r"of model a cannot be used: .*Put a sound GGUF file there"):
            await pool.acquire("a")
    assert state(pool, "a").state == "failed"
    half.write_bytes(smollm2_path.read_bytes())
    await pool.load("a")


async def test_a_model_nobody_configured_is_refused(make_pool: MakePool) -> None:
    with pytest.raises(EngineError, match="called b"):
        await make_pool().acquire("b")


async def test_the_least_recently_used_leaves_when_memory_is_short(make_pool: MakePool, smollm2_path: Path) -> None:
    clock = Clock()
    pool = make_pool(
        *(spec(name, smollm2_path) for name in "abc"), memory_budget_bytes=2 * memory_of(smollm2_path), clock=clock
    )
    for name in ("a", "b", "a"):
        clock.now += 1
        await pool.load(name)
    gone = pid_of(pool, "b")
    await pool.load("c")
    assert not is_alive(gone)
    assert {state.name: state.state for state in pool.states()} == {"a": "ready", "b": "unloaded", "c": "ready"}


async def test_what_is_answering_never_leaves(make_pool: MakePool, smollm2_path: Path) -> None:
    clock = Clock()
    pool = make_pool(
        *(spec(name, smollm2_path) for name in "abc"),
        memory_budget_bytes=2 * memory_of(smollm2_path),
        wait_for_memory_s=0.2,
        clock=clock,
    )
    old = await pool.acquire("a")
    clock.now += 1
    await pool.load("b")
    await pool.load("c")  # takes b's place, though a is older
    assert state(pool, "a").state == "answering"
    assert state(pool, "b").state == "unloaded"
    with pool.try_acquire("c") or pytest.fail("c is not ready"), pytest.raises(EngineError, match="still answering"):
        await pool.acquire("b")
    assert (await ask(old))["choices"]
    old.release()
    await pool.load("b")


async def test_a_start_waits_for_memory_that_comes_free(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(
        spec("a", smollm2_path),
        spec("b", smollm2_path),
        memory_budget_bytes=memory_of(smollm2_path),
        wait_for_memory_s=60,
    )
    held = await pool.acquire("a")
    waiter = asyncio.create_task(pool.acquire("b"))
    await until(lambda: state(pool, "b").memory_bytes is not None, within_s=10)
    assert state(pool, "b").state == "loading"
    held.release()
    (await waiter).release()
    assert state(pool, "a").state == "unloaded"


async def test_a_model_over_the_whole_budget_is_refused_with_numbers(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path), memory_budget_bytes=150_000_000)
    # 98,362,432 of weights, 2 x 512 x 23,040 of cache, 100,663,296 of buffers: 222,618,688.
    with pytest.raises(EngineError, match=r"needs about 223 MB, more than the 150 MB"):
        await pool.acquire("a")


async def test_idle_engines_are_unloaded(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path), idle_unload_s=0.2)
    await pool.load("a")
    pid = pid_of(pool, "a")
    await until(lambda: not is_alive(pid), within_s=10)
    assert state(pool, "a").state == "unloaded"
    assert state(pool, "a").last_error is None


async def test_idleness_is_counted_from_the_last_answer(make_pool: MakePool, smollm2_path: Path) -> None:
    clock = Clock()
    pool = make_pool(spec("a", smollm2_path), idle_unload_s=300, clock=clock)
    with await pool.acquire("a"):
        clock.now += 1_000
        pool.unload_idle()
        assert state(pool, "a").state == "answering"  # held, if silent
    clock.now += 299
    await pool.load("a")
    clock.now += 299
    pool.unload_idle()
    assert state(pool, "a").state == "ready"
    clock.now += 1
    pool.unload_idle()
    assert state(pool, "a").state == "unloaded"


async def test_unload_waits_for_the_answer(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path))
    lease = await pool.acquire("a")
    pid = pid_of(pool, "a")
    unload = asyncio.create_task(pool.unload("a"))
    assert (await ask(lease))["choices"]
    assert not unload.done()
    lease.release()
    await asyncio.wait_for(unload, 10)
    assert not is_alive(pid)
    assert state(pool, "a").state == "unloaded"


async def test_unload_does_not_wait_for_ever(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path), drain_s=0.1)
    lease = await pool.acquire("a")
    pid = pid_of(pool, "a")
    await asyncio.wait_for(pool.unload("a"), 10)
    assert not is_alive(pid)
    lease.release()


async def test_new_configuration_spares_what_is_answering(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path), spec("b", smollm2_path), spec("c", smollm2_path))
    changed, same = await pool.acquire("a"), await pool.acquire("b")
    await pool.load("c")
    pids = {name: pid_of(pool, name) for name in "abc"}
    pool.update([spec("a", smollm2_path, context=1_024), spec("b", smollm2_path)])
    with pytest.raises(EngineError, match="called c"):
        await pool.acquire("c")
    await until(lambda: not is_alive(pids["c"]), within_s=10)
    assert pid_of(pool, "b") == pids["b"]
    with await pool.acquire("a") as renewed:
        assert renewed.base_url != changed.base_url
        assert (await ask(changed))["choices"]  # the old one still answers those it began with
    changed.release()
    await until(lambda: not is_alive(pids["a"]), within_s=10)
    same.release()


async def test_close_ends_everything(make_pool: MakePool, smollm2_path: Path) -> None:
    pool = make_pool(spec("a", smollm2_path), spec("b", smollm2_path))
    lease = await pool.acquire("a")
    pid = pid_of(pool, "a")
    waiter = asyncio.create_task(pool.acquire("b"))
    await until(lambda: state(pool, "b").state == "loading", within_s=10)
    await pool.close()
    assert not is_alive(pid)
    for asked in (waiter, pool.acquire("a")):
        with pytest.raises(EngineError, match="shutting down"):
            await asked
    lease.release()
