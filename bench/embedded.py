"""Tokens a second of the embedded model through the gateway, against the same engine with the same settings alone."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.upstream.engine import Engine, EngineSpec, plan_engine
from ecotone.upstream.machine import usable_cores, usable_memory_bytes
from ecotone.upstream.sources import parse_source
from ecotone.upstream.store import ModelStore

from .processes import Missing, Process, free_port
from .systems import Place, json_headers, run

CONTEXT, PARALLEL = 2048, 4
PROMPT = "Explain in plain words what an ecotone is, where one finds it, and why so many species live there."


@dataclass(frozen=True)
class Asked:
    """Where to send the requests of one side."""

    name: str
    url: str
    headers: dict[str, str]
    model: str


def stream_tokens(asked: Asked, tokens: int) -> int:
    """Stream one answer to its end and return how many tokens it had."""
    parts = urlsplit(asked.url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=300)
    body = {
        "model": asked.model,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    connection.request("POST", parts.path + "/chat/completions", json.dumps(body), asked.headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise Missing(f"{asked.name} answered {answer.status}: {answer.read(500)!r}")
    count, last = 0, b""
    for line in answer:
        if line.startswith(b"data: {"):
            usage = json.loads(line[6:]).get("usage")
            count = usage["completion_tokens"] if usage else count
        last = line.strip() or last
    connection.close()
    if last != b"data: [DONE]" or not count:
        raise Missing(f"{asked.name} broke off its stream")
    return count


def tokens_per_s(asked: Asked, concurrency: int, tokens: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        counts = list(pool.map(lambda _: stream_tokens(asked, tokens), range(concurrency)))
    return sum(counts) / (time.perf_counter() - started)


async def measure(place: Place, gguf: Path | None, repeats: int, tokens: int, show: Callable[[str], None]) -> Any:
    """Alternate between the two sides; returns every repeat's tokens a second, by concurrency and side."""
    home = place.cache / "ecotone-home"
    home.mkdir(parents=True, exist_ok=True)
    source = f"file:{gguf.absolute()}" if gguf else DEFAULT_MODEL.source
    threads, port, config = usable_cores(), free_port(), place.work / "embedded.toml"
    config.write_text(
        f'[models.local]\nengine = "llama.cpp"\nsource = "{source}"\n'
        f"context = {CONTEXT}\nparallel = {PARALLEL}\nthreads = {threads}\n"
    )
    env = {"ECOTONE_HOME": str(home)}
    key = json.loads(run([*place.ecotone, "keys", "create", f"bench-{port}", "--json"], place.work, env))["key"]
    command = [*place.ecotone, "up", "--port", str(port), "--config", str(config)]
    gateway = Process(command, place.work / "embedded.log", None, env)
    engine: Engine | None = None
    try:
        gateway.wait_until(lambda: "ready http" in gateway.log.read_text(), "Ecotone", 300)
        stored = ModelStore(home / "models").find(parse_source(source, Path.cwd()))
        if stored is None:
            raise Missing(f"{source} is not in the store")
        spec = EngineSpec("local", stored.path, threads=threads, context=CONTEXT, parallel=PARALLEL)
        plan = plan_engine(spec, "chat", cores=threads, memory_bytes=usable_memory_bytes())
        engine = Engine(plan, logs_dir=place.work, on_exit=lambda _: None)
        await engine.start(timeout_s=120)
        sides = (
            Asked("engine alone", engine.base_url, json_headers(engine.key), "local"),
            Asked("through Ecotone", f"http://127.0.0.1:{port}/v1", json_headers(key), "local"),
        )
        return await asyncio.to_thread(alternate, sides, repeats, tokens, show)
    finally:
        if engine is not None:
            await engine.stop()
        gateway.stop()


def alternate(sides: tuple[Asked, Asked], repeats: int, tokens: int, show: Callable[[str], None]) -> Any:
    for side in sides:
        stream_tokens(side, 16)
    raw: dict[str, dict[str, list[float]]] = {}
    for concurrency in (1, PARALLEL):
        results: dict[str, list[float]] = {side.name: [] for side in sides}
        for number in range(repeats):
            # Who goes first changes, so that a drift of the machine's clock favours neither.
            for side in sides if number % 2 == 0 else sides[::-1]:
                results[side.name].append(round(tokens_per_s(side, concurrency, tokens), 2))
                show(f"embedded, c={concurrency}: {side.name} {results[side.name][-1]} tokens/s")
        raw[f"c={concurrency}"] = results
    return raw


def embedded(place: Place, gguf: Path | None, repeats: int, tokens: int, show: Callable[[str], None]) -> Any:
    """`measure`, to its end."""
    return asyncio.run(measure(place, gguf, repeats, tokens, show))
