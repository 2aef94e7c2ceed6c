"""`ecotone doctor`: try everything that Ecotone needs, and say how to fix what is wrong."""

import asyncio
import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import apsw
import msgspec
import typer
from rich.markup import escape

from ecotone import __version__
from ecotone.cli.installation import find_installation
from ecotone.cli.output import out, print_json, visible
from ecotone.cli.running import read_note
from ecotone.gateway.build import (
    ca_bundle,
    engine_memory_bytes,
    http_client,
    model_store,
    open_database,
    proxies,
)
from ecotone.gateway.client import is_healthy
from ecotone.gateway.inventory.inventory import Installation, Item, items
from ecotone.gateway.settings.discovery import key_variable
from ecotone.gateway.settings.paths import Home, find_home
from ecotone.gateway.settings.places import missing_key, place_problem
from ecotone.upstream.engine import EngineSpec, plan_engine
from ecotone.upstream.engines import EnginePool
from ecotone.upstream.http import HttpClient, is_loopback
from ecotone.upstream.machine import usable_cores, usable_memory_bytes
from ecotone.upstream.sources import LocalSource, parse_source
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import EcotoneError, EngineError
from ecotone.values.sizes import in_bytes

State = Literal["ok", "warning", "problem"]

_DISK_PROBLEM_BYTES = 500_000_000
_DISK_WARNING_BYTES = 2_000_000_000
_DATABASE_CHECK_MAX_BYTES = 1_000_000_000
_ENGINE_S = 20.0
_DAY_US = 86_400_000_000
_STYLES: dict[State, str] = {"ok": "green", "warning": "yellow", "problem": "red"}


class Check(msgspec.Struct, frozen=True):
    """What was tried, what came of it, and what to do about it (None where there is nothing to do)."""

    name: str
    state: State
    detail: str
    fix: str | None = None


def run(config_file: Path | None, as_json: bool) -> None:
    """Check, print, and exit with 1 if there is a problem."""
    checks = []
    for check in _all(config_file):
        checks.append(check)
        if not as_json:
            _print(check)
    problems = sum(check.state == "problem" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    if as_json:
        print_json({"ok": problems == 0, "checks": checks})
    else:
        said = f"{problems} problem{'' if problems == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}"
        out.out(said if problems or warnings else "all is well", highlight=False)
    if problems:
        raise typer.Exit(1)


def _print(check: Check) -> None:
    style = _STYLES[check.state]
    out.print(f"[{style}]{check.state:<8}[/] {check.name:<15} {escape(visible(check.detail))}")
    if check.fix:
        out.print(f"{'':<24} → {escape(visible(check.fix))}")


def _all(config_file: Path | None) -> Iterator[Check]:
    home = find_home(os.environ)
    yield _versions()
    yield from _tried("home", lambda: _home(home))
    yield from _tried("disk", lambda: _disk(home))
    yield from _tried("database", lambda: _database(home))
    yield from _tried("network", _network)
    try:
        here = find_installation(config_file, look_around=True)
    except EcotoneError as error:
        yield Check("config", "problem", error.message, "correct that line; `ecotone config check` looks again")
        return
    yield _config(here)
    yield from _keys(here)
    try:
        found = [item for item in items(here, model_store(home, os.environ), os.environ) if item.source]
    except EcotoneError as error:
        yield Check("model file", "problem", error.message)
        return
    for item in found:
        yield _file(item, here)
    ready = sorted((item for item in found if item.usable), key=lambda item: item.size_bytes or 0)
    if ready:
        yield from _tried("memory", lambda: _memory(here, ready))
        yield from _tried("engine", lambda: asyncio.run(_engine(here, ready[0])))
    yield from _tried("gateway", lambda: asyncio.run(_gateway(here)))


def _tried(name: str, check: Callable[[], Check]) -> Iterator[Check]:
    try:
        yield check()
    except EcotoneError as error:
        yield Check(name, "problem", error.message)
    except OSError as error:
        yield Check(name, "problem", f"{error.filename or ''} {error.strerror or error}".strip())


def _versions() -> Check:
    return Check(
        "versions",
        "ok",
        f"Ecotone {__version__}, Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()},"
        f" {platform.system()} {platform.machine()}",
    )


def _home(home: Home) -> Check:
    folder = home.folder
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir():
        return Check("home", "problem", f"{existing} is a file", "move it away, or set ECOTONE_HOME to a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Check(
            "home",
            "problem",
            f"{existing} cannot be written to: {error.strerror}",
            "give yourself that right, or set ECOTONE_HOME to another folder",
        )
    return Check("home", "ok", str(folder) if existing == folder else f"{folder} (the first start makes it)")


def _disk(home: Home) -> Check:
    existing = next(parent for parent in (home.folder, *home.folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{in_bytes(free)} free for {home.folder}"
    if free < _DISK_PROBLEM_BYTES:
        return Check("disk", "problem", detail, "make room, or set ECOTONE_HOME to a folder on a larger disk")
    if free < _DISK_WARNING_BYTES:
        return Check("disk", "warning", detail, "most models need more; `ecotone models rm NAME` makes room")
    return Check("disk", "ok", detail)


def _database(home: Home) -> Check:
    """It opens, its pages are sound, and the request log can be read."""
    if not home.database.exists():
        return Check("database", "ok", "there is none yet; the first start makes it")
    size = home.database.stat().st_size
    database = open_database(home)
    try:
        if size <= _DATABASE_CHECK_MAX_BYTES:
            faults = [str(row[0]) for row in database.execute("pragma quick_check(3)") if row[0] != "ok"]
            if faults:
                return Check(
                    "database",
                    "problem",
                    f"{home.database} is damaged: {'; '.join(faults)}",
                    "restore a backup, or move the file away to start afresh (keys must be made anew)",
                )
        since = time.time_ns() // 1000 - _DAY_US
        row = database.execute(
            "select count(*), count(*) filter (where status >= 500) from requests where started_at_us > ?", (since,)
        )[0]
    finally:
        database.close()
    return Check(
        "database",
        "ok",
        f"{in_bytes(size)}; the log has {row[0]} requests of the last 24 hours, {row[1]} of them failed",
    )


def _network() -> Check:
    """Settings of the environment that change how Ecotone reaches the world; addresses only, never credentials."""
    ca_bundle(os.environ)
    told = [
        f"{variable} points to {_host(os.environ[variable])}"
        for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "HF_ENDPOINT")
        if os.environ.get(variable)
    ]
    proxy = proxies(os.environ)("https", "huggingface.co")
    if proxy:
        told.append(f"https goes through the proxy {_host(proxy)}")
    if os.environ.get("SSL_CERT_FILE"):
        told.append(f"certificates of {os.environ['SSL_CERT_FILE']} are trusted, too")
    return Check("network", "ok", "; ".join(told) or "no proxy, no private certificates, the usual package index")


def _host(address: str) -> str:
    return urlsplit(address).hostname or "an address that is not one"


def _config(here: Installation) -> Check:
    models, routes = len(here.config.models), len(here.config.routes)
    detail = f"{models} model{'' if models == 1 else 's'}, {routes} route{'' if routes == 1 else 's'}"
    if not here.config.models:
        return Check("config", "problem", f"{here.file} has no models", "add one; docs/reference/config.md says how")
    return Check("config", "ok", f"{here.file}: {detail}" if here.file else f"none; without one there are {detail}")


def _keys(here: Installation) -> Iterator[Check]:
    """Keys that vendors will be shown, and those that callers will need."""
    places = [
        place for model in here.config.models.values() if not model.engine for place in model.endpoints or (model,)
    ]
    missing = sorted({name for place in places if (name := missing_key(place, os.environ)) is not None})
    if missing:
        fix = f"export {missing[0]}=..., then start the gateway from that shell"
        yield Check("vendor keys", "warning", f"not set: {', '.join(missing)}", fix)
    elif places:
        yield Check("vendor keys", "ok", "all that the config asks for are set")
    asked = [place for place in places if missing_key(place, os.environ) is None]
    for problem in sorted({problem for place in asked if (problem := place_problem(place, os.environ)) is not None}):
        yield Check("vendor libraries", "warning", "not all that the config asks for are installed", problem)
    for vendor in here.vendors:
        variable = key_variable(vendor, os.environ)
        yield Check("vendor keys", "ok", f"{variable}: any model of {vendor.title} answers as {vendor.name}/NAME")
    for server in here.servers:
        yield Check("local servers", "ok", f"{server.provider.title} at {server.base_url}, {len(server.models)} models")


def _file(item: Item, here: Installation) -> Check:
    name = f"model {item.name}"
    if item.usable:
        size = "" if item.size_bytes is None else f", {in_bytes(item.size_bytes)}"
        return Check("model file", "ok", f"{item.name}: {item.path}{size}, header and length are sound")
    own = parse_source(item.source or "", here.folder)
    if isinstance(own, LocalSource) and (item.path is not None or not own.path.is_file()):
        fix = f"put a model's file there, or correct source under [models.{item.name}]"
        return Check("model file", "problem", f"{name}: {item.state}", fix)
    if item.path is None:
        return Check("model file", "warning", f"{item.name}: {item.state}", f"ecotone pull {item.name}")
    fix = f"ecotone models rm {item.name}, then ecotone pull {item.name}"
    return Check("model file", "problem", f"{name}: {item.state}", fix)


def _spec(here: Installation, item: Item) -> EngineSpec:
    model = here.config.models[item.name]
    return EngineSpec(
        name=item.name,
        path=item.path or Path(),
        threads=model.threads,
        context=model.context,
        parallel=model.parallel,
    )


def _memory(here: Installation, ready: list[Item]) -> Check:
    """Does each embedded model fit the budget, and do all of them together?"""
    budget = engine_memory_bytes(here.config)
    needs = {
        item.name: plan_engine(_spec(here, item), "chat", cores=usable_cores(), memory_bytes=budget).memory_bytes
        for item in ready
    }
    machine = f"this machine has {in_bytes(usable_memory_bytes())} and {usable_cores()} cores"
    detail = f"{in_bytes(sum(needs.values()))} of {in_bytes(budget)} for embedded models; {machine}"
    too_large = [name for name, need in needs.items() if need > budget]
    if too_large:
        return Check(
            "memory",
            "problem",
            f"{too_large[0]} needs {in_bytes(needs[too_large[0]])}, and models may take {in_bytes(budget)}; {machine}",
            "raise memory_mb under [engine], shorten the model's context, or choose a smaller model",
        )
    if sum(needs.values()) > budget:
        return Check("memory", "warning", detail, "not all models fit at once, so they take turns; that costs time")
    return Check("memory", "ok", detail)


async def _engine(here: Installation, item: Item) -> Check:
    """Start the engine with the smallest model, for one token."""
    begun_s = time.perf_counter()
    pool = EnginePool(
        (_spec(here, item),),
        memory_budget_bytes=engine_memory_bytes(here.config),
        cores=usable_cores(),
        logs_dir=here.home.logs / "doctor",
        start_timeout_s=_ENGINE_S,
    )
    http = http_client(os.environ)
    try:
        async with asyncio.timeout(_ENGINE_S):
            status = await _one_token(pool, http, item.name)
    except TimeoutError:
        return Check(
            "engine",
            "warning",
            f"{item.name} did not answer within {_ENGINE_S:g} s",
            "a large model or a busy machine takes longer; try `ecotone ask`",
        )
    except EngineError as error:
        return Check("engine", "problem", error.message, "a smaller model, or a shorter context, needs less")
    finally:
        await pool.close()
        await http.close()
    if status != 200:
        return Check(
            "engine", "problem", f"{item.name} answered with HTTP {status}", f"see the logs in {here.home.logs}"
        )
    return Check("engine", "ok", f"{item.name} was loaded and answered in {time.perf_counter() - begun_s:.1f} s")


async def _one_token(pool: EnginePool, http: HttpClient, name: str) -> int:
    lease = await pool.acquire(name)
    with lease:
        headers = [("authorization", f"Bearer {lease.key}")]
        question = {"model": name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        target = http.target("POST", f"{lease.base_url}/chat/completions", headers)
        response = await http.send(target, msgspec.json.encode(question), Timeouts(first_byte_s=_ENGINE_S))
        response.close()
        return response.status


async def _gateway(here: Installation) -> Check:
    """A gateway serves, or could."""
    server = here.config.server
    note = read_note(here.home)
    http = http_client(os.environ)
    try:
        if note is not None and await is_healthy(http, note.url):
            return await _readiness(http, note.url)
    finally:
        await http.close()
    problem = _port_problem(server.host, server.port)
    if problem is not None:
        return Check(
            "gateway",
            "problem",
            f"none of this home runs, and {server.host} port {server.port} cannot be had: {problem}",
            "choose another port: `ecotone up --port N`, or port under [server]",
        )
    if not is_loopback(server.host) and not _has_keys(here.home):
        fix = "ecotone keys create NAME"
        return Check("gateway", "warning", f"on {server.host} every caller needs a key, and there is none", fix)
    return Check("gateway", "ok", f"none runs; {server.host} port {server.port} is free for `ecotone up`")


async def _readiness(http: HttpClient, url: str) -> Check:
    response = await http.send(http.target("GET", f"{url}/readyz"), timeouts=Timeouts(first_byte_s=5.0))
    body = await response.read_chunk() or b""
    response.close()
    if response.status == 200:
        return Check("gateway", "ok", f"runs at {url}, and a model can answer")
    reason = body.decode("utf-8", "replace")
    return Check("gateway", "warning", f"runs at {url}, but no model can answer yet: {reason}")


def _port_problem(host: str, port: int) -> str | None:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _has_keys(home: Home) -> bool:
    if not home.database.exists():
        return False
    database = open_database(home)
    try:
        return bool(database.execute("select 1 from keys where revoked_at_us is null limit 1"))
    finally:
        database.close()
