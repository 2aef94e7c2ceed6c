"""What is measured: how each system is installed, configured and started, and how it is asked."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from . import bodies
from .processes import LOAD_CORE, SYSTEM_CORE, Missing, Process, free_port, posts

LITELLM_VERSION = "1.106.2"
# httptools is the faster of uvicorn's parsers; without OpenTelemetry this version tries its import on every request.
LITELLM_EXTRAS = ("httptools", "opentelemetry-sdk", "opentelemetry-exporter-otlp")
PORTKEY_VERSION = "1.15.2"
# From 1.15 or so on it makes response headers immutable, and this version of Portkey then answers streams with 500.
PORTKEY_OVERRIDES = {"@hono/node-server": "1.14.0"}
UPSTREAM_KEY = "sk-upstream"
STREAM_MODEL = f"stream-{bodies.STREAM_EVENTS}"
INSTALL_TIMEOUT_S = 600


@dataclass
class System:
    """A running system. `headers` go with each request; `notes` say what it did for its numbers."""

    name: str
    base_url: str
    version: str
    notes: str
    headers: dict[str, str] = field(default_factory=dict)
    process: Process | None = None

    @property
    def chat_url(self) -> str:
        return f"{self.base_url}/chat/completions"

    @property
    def header_lines(self) -> list[str]:
        return [f"{name}: {value}" for name, value in self.headers.items()]


@dataclass(frozen=True)
class Place:
    """Where things are: the upstream's port, a folder for this run, a folder kept between runs, Ecotone's command."""

    upstream_port: int
    work: Path
    cache: Path
    ecotone: list[str]

    @property
    def upstream_url(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}/v1"


def start_upstream(work: Path) -> tuple[Process, int]:
    port = free_port()
    process = Process([sys.executable, "-m", "bench.upstream", str(port)], work / "upstream.log", LOAD_CORE)
    process.wait_until(lambda: "ready" in process.log.read_text(), "the upstream", 20)
    return process, port


def run(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    """Output of a command; Missing with its last words if it fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-2:]
        raise Missing(f"{' '.join(command)} failed: {' | '.join(words)}")
    return done.stdout


def needed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


def json_headers(key: str) -> dict[str, str]:
    return {"content-type": "application/json", "authorization": f"Bearer {key}"}


def direct(place: Place) -> System:
    return System("direct", place.upstream_url, "-", "no gateway", json_headers(UPSTREAM_KEY))


def ecotone(place: Place) -> System:
    home = place.work / "ecotone-home"
    home.mkdir()
    port, config = free_port(), place.work / "ecotone.toml"
    tables = [
        f'[models.{name}]\nprovider = "openai-compatible"\nbase_url = "{place.upstream_url}"\nname = "{name}"\n'
        f'key_env = "BENCH_UPSTREAM_KEY"\n'
        for name in ("bench", STREAM_MODEL)
    ]
    config.write_text("\n".join([*tables, '[routes.assistant]\nmodels = ["bench"]\n']))
    env = {"ECOTONE_HOME": str(home), "BENCH_UPSTREAM_KEY": UPSTREAM_KEY}
    created = run([*place.ecotone, "keys", "create", "bench", "--json"], place.work, env)
    headers = json_headers(json.loads(created)["key"])
    command = [*place.ecotone, "up", "--port", str(port), "--config", str(config)]
    process = Process(command, place.work / "ecotone.log", SYSTEM_CORE, env)
    system = System(
        "ecotone",
        f"http://127.0.0.1:{port}/v1",
        version("ecotone"),
        "defaults: keys checked, usage read, request log kept",
        headers,
        process,
    )
    process.wait_until(lambda: "ready http" in process.log.read_text(), "Ecotone")
    return answering(system)


def litellm(place: Place) -> System:
    home = place.cache / f"litellm-{LITELLM_VERSION}"
    program = home / "bin" / "litellm"
    if not program.exists():
        uv = needed("uv")
        place.cache.mkdir(parents=True, exist_ok=True)
        run([uv, "venv", "--clear", "--python", sys.executable, str(home)], place.cache)
        packages = [f"litellm[proxy]=={LITELLM_VERSION}", *LITELLM_EXTRAS]
        run([uv, "pip", "install", "--python", str(home / "bin" / "python"), *packages], place.cache)
    key, port, config = "sk-bench", free_port(), place.work / "litellm.yaml"
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": place.upstream_url, "api_key": UPSTREAM_KEY},
        }
        for name in ("bench", STREAM_MODEL)
    ]
    # JSON is YAML.
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": key}}))
    env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    process = Process([*command, "--telemetry", "False"], place.work / "litellm.log", SYSTEM_CORE, env)
    notes = "one worker, uvloop and httptools, master key checked, no database, no request log"
    return answering(
        System("litellm", f"http://127.0.0.1:{port}/v1", LITELLM_VERSION, notes, json_headers(key), process)
    )


def portkey(place: Place) -> System:
    home = place.cache / f"portkey-{PORTKEY_VERSION}"
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    node = needed("node")
    if not program.exists():
        home.mkdir(parents=True, exist_ok=True)
        packages = {"@portkey-ai/gateway": PORTKEY_VERSION}
        manifest = {"private": True, "dependencies": packages, "overrides": PORTKEY_OVERRIDES}
        (home / "package.json").write_text(json.dumps(manifest))
        run([needed("npm"), "install"], home)
    port = free_port()
    command = [node, str(program), f"--port={port}", "--headless"]
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    process = Process(command, place.work / "portkey.log", SYSTEM_CORE, env)
    headers = json_headers(UPSTREAM_KEY) | {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": place.upstream_url,
    }
    notes = "open-source gateway: no keys of its own (the caller's goes through), no request log"
    return answering(System("portkey", f"http://127.0.0.1:{port}/v1", PORTKEY_VERSION, notes, headers, process))


def answering(system: System) -> System:
    """The system once it answers; Missing if it does not."""
    assert system.process is not None
    ready = posts(system.chat_url, bodies.small("bench"), system.headers)
    try:
        system.process.wait_until(ready, system.name)
    except Missing:
        system.process.stop()
        raise
    return system


SYSTEMS: dict[str, Callable[[Place], System]] = {
    "direct": direct,
    "ecotone": ecotone,
    "litellm": litellm,
    "portkey": portkey,
}
