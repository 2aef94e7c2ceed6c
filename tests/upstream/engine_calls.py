"""Plain HTTP to an engine, for its tests: no code of ours between the test and llama.cpp."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Protocol

import httpx


class Reachable(Protocol):
    """What an engine and a lease have in common."""

    base_url: str
    key: str


def client(engine: Reachable, *, timeout_s: float = 60.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=engine.base_url,
        headers={"authorization": f"Bearer {engine.key}"},
        timeout=timeout_s,
        trust_env=False,
    )


async def ask(engine: Reachable, text: str = "Name a bird.", **fields: Any) -> dict[str, Any]:
    """A whole chat completion."""
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 8, "temperature": 0} | fields
    async with client(engine) as http:
        reply = await http.post("/chat/completions", json=body)
        assert reply.status_code == 200, reply.text
        whole: dict[str, Any] = reply.json()
        return whole


async def stream(engine: Reachable, *, max_tokens: int, text: str = "Tell a long story.") -> AsyncGenerator[str, None]:
    """The data lines of a streamed chat completion that does not end before `max_tokens`."""
    body = {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "ignore_eos": True,
        "stream": True,
    }
    async with client(engine) as http, http.stream("POST", "/chat/completions", json=body) as reply:
        assert reply.status_code == 200
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                yield line.removeprefix("data: ")


async def busy_slots(engine: Reachable) -> int:
    async with client(engine) as http:
        reply = await http.get(engine.base_url.removesuffix("/v1") + "/slots")
        return sum(slot["is_processing"] for slot in reply.json())


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def until(condition: Callable[[], bool], *, within_s: float) -> None:
    """Wait for a condition; fails the test if it does not come true in time."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
