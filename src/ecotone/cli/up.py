"""`ecotone up`: start the gateway and keep it running."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer

from ecotone.catalog.providers import Provider
from ecotone.cli.listening import listen, local_url, network_urls
from ecotone.cli.output import say
from ecotone.cli.pulling import pull_missing
from ecotone.cli.running import RunningNote, read_note, withdraw_note, write_note
from ecotone.gateway.build import Runtime, config_warnings, load_config, with_found
from ecotone.gateway.client import is_healthy
from ecotone.gateway.inventory.stored_models import stored_now, with_stored
from ecotone.gateway.settings.config import Config, ServerConfig
from ecotone.gateway.settings.discovery import found_keys, found_servers
from ecotone.gateway.settings.paths import Home, find_config, find_home
from ecotone.gateway.settings.reload import (
    FileWatch,
    RefusedConfig,
    lost_rules,
    only_after_restart,
    told_changes,
    weakened,
)
from ecotone.upstream.http import is_loopback
from ecotone.upstream.machine import usable_memory_bytes
from ecotone.values.errors import ConfigError, EcotoneError
from ecotone.web.app import App
from ecotone.web.console import Console
from ecotone.web.door import Door
from ecotone.web.server import Server

_SWITCH_INTERVAL_S = 0.0005
_WATCH_INTERVAL_S = 0.5


def run(*, host: str | None, port: int | None, config_file: Path | None, for_call: bool = False) -> None:
    """Serve until SIGTERM or SIGINT.

    `for_call`: for the one command that started it, on loopback. It is quiet, no other command finds it, and it ends
    when its standard input does, so that it cannot outlive its starter.
    """
    if port is not None and not 0 <= port <= 65535:
        raise typer.BadParameter(f"port {port} is not between 0 and 65535", param_hint="--port")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = find_home(os.environ)
    file = find_config(config_file, home, Path.cwd())
    config = load_config(file)
    server = config.server
    server = msgspec.structs.replace(
        server, host=server.host if host is None else host, port=server.port if port is None else port
    )
    if for_call:
        server = msgspec.structs.replace(server, host="127.0.0.1", port=0, allowed_hosts=())
    listener = listen(server.host, server.port)  # before anything slow: a taken port is known at once
    if not for_call:
        say(f"config: {file}" if file else "no config: serving the embedded model and what is found on this machine")
    _fetch(config, home, file)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_Service(home, file, config, server, listener, for_call=for_call).serve())


def _fetch(config: Config, home: Home, file: Path | None) -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # this is how a command ends one for its call
    try:
        folder = file.parent if file else Path.cwd()
        pull_missing(config, home, folder, usable_memory_bytes(), only_model=file is None)
    except KeyboardInterrupt:
        say("stopped while fetching; the next start goes on from here")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.Loop


class _Service:
    """One run of the gateway."""

    def __init__(
        self,
        home: Home,
        file: Path | None,
        config: Config,
        server: ServerConfig,
        listener: socket.socket,
        *,
        for_call: bool,
    ) -> None:
        self._home = home
        self._file = file
        self._folder = Path.cwd() if file is None else file.parent
        self._config = config
        self._at_start = config
        self._server = server
        self._listener = listener
        self._for_call = for_call
        self._loopback = is_loopback(listener.getsockname()[0])
        self.url = local_url(listener)

    async def serve(self) -> None:
        async with AsyncExitStack() as to_close:
            runtime = Runtime(self._home, os.environ, self._config, folder=self._folder)
            to_close.push_async_callback(runtime.close)
            console = Console(runtime, self._home, self.url, self._file, self._folder)
            to_close.push_async_callback(console.close)
            await self._apply_first(runtime)
            app = App(
                runtime.gateway,
                self._door(runtime, self._server),
                max_body_bytes=self._server.max_body_mb * 1024 * 1024,
                model_problem=runtime.problem,
                started_at_s=int(time.time()),
                console=None if self._for_call else lambda: console.site(app),
            )
            await self._run_server(runtime, app, console)

    async def _apply_first(self, runtime: Runtime) -> None:
        vendors: tuple[Provider, ...] = ()
        config = self._config
        if self._file is None:
            servers = await found_servers(runtime.http)
            vendors = found_keys(os.environ)
            config = with_stored(with_found(config, servers), runtime.store, self._folder)
            for server in () if self._for_call else servers:
                say(f"found {server.provider.title} with {len(server.models)} models: {server.provider.name}/NAME")
            for vendor in () if self._for_call else vendors:
                say(f"found {vendor.key_env}: any model of {vendor.title} answers as {vendor.name}/NAME")
        runtime.apply(config, vendors)

    def _door(self, runtime: Runtime, server: ServerConfig) -> Door:
        return Door(
            keyring=runtime.keyring,
            loopback=self._loopback,
            allowed_hosts=server.allowed_hosts,
            cors_origins=server.cors_origins,
        )

    async def _run_server(self, runtime: Runtime, app: App, console: Console) -> None:
        told = _say_nothing if self._for_call else say
        server = Server(app, drain_s=self._server.drain_s, say=told, let_go=console.let_go)
        # The server takes these signals over while it runs; afterwards they must not disturb the end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        if self._for_call:
            # The starter holds the other end and writes nothing: standard input is readable when the starter is gone.
            asyncio.get_running_loop().add_reader(sys.stdin, setattr, server, "should_exit", True)
        background = asyncio.create_task(self._look_after(runtime, app, console, server.ready))
        try:
            await server.serve(sockets=[self._listener])
        finally:
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            if not self._for_call:
                withdraw_note(self._home)

    async def _look_after(self, runtime: Runtime, app: App, console: Console, ready: asyncio.Event) -> None:
        """Announce the gateway, then follow changes of config and keys."""
        watch = FileWatch(self._file) if self._file else None
        await ready.wait()
        await self._announce(runtime, console)
        if self._for_call:
            return
        # What lives now lives to the end: collecting it again and again costs latency.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        # The thread that writes the request log must not keep requests waiting for the interpreter's default 5 ms.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        warming = asyncio.create_task(_warm(runtime, console, app))
        try:
            await self._follow_changes(runtime, app, watch)
        finally:
            warming.cancel()

    async def _follow_changes(self, runtime: Runtime, app: App, watch: FileWatch | None) -> None:
        shelf = FileWatch(self._home.models)
        told: set[str] = set()
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            troubles: set[str] = set()
            try:
                runtime.keyring.refresh()
            except EcotoneError as error:
                troubles.add(f"the keys cannot be read again: {error.message}")
            if watch is not None and watch.changed():
                await self._reload(runtime, app)
            if shelf.changed():
                await self._serve_stored(runtime)
            if runtime.log.trouble is not None:
                troubles.add(f"the request log cannot be written, rows wait in memory: {runtime.log.trouble}")
            for trouble in sorted(troubles - told):
                say(trouble)
            if told - troubles:
                say("what was in trouble works again")
            told = troubles

    async def _announce(self, runtime: Runtime, console: Console) -> None:
        if self._for_call:
            print(f"ready {self.url}", flush=True)  # noqa: T201 - for the command that started this one
            return
        await self._leave_note(runtime)
        reached_at = network_urls(self._listener)
        if reached_at:
            say(f"open to the network: others reach it at {' or '.join(reached_at)}, and need a key")
        app_needs_key = not self._loopback or bool(self._server.allowed_hosts)
        if app_needs_key and not len(runtime.keyring):
            say("every caller needs a key and there is none yet; make one: ecotone keys create NAME")
        self._warn(runtime)
        problem = runtime.problem()
        if problem is not None:
            say(f"no model can answer yet: {problem}")
        print(f"ready {self.url}", flush=True)  # noqa: T201 - the line that scripts wait for
        say(f"OpenAI clients: base_url={self.url}/v1   Anthropic, Google, Ollama clients: {self.url}")
        say(f"console: {console.link()}   (signs you in, once, within the hour; `ecotone console` makes another link)")
        say("ask: ecotone ask 'What is an ecotone?'   stop: Ctrl-C")

    async def _leave_note(self, runtime: Runtime) -> None:
        note = read_note(self._home)
        for other in () if note is None else (note, *note.earlier):
            if other.url != self.url and await is_healthy(runtime.http, other.url):
                say(f"another gateway runs on this home ({other.url}, process {other.pid}); commands find this one now")
        try:
            write_note(self._home, RunningNote(self.url, os.getpid(), str(self._file) if self._file else None))
        except OSError as error:
            say(f"other commands will not find this gateway: {self._home.running} cannot be written: {error.strerror}")

    async def _reload(self, runtime: Runtime, app: App) -> None:
        try:
            # In a thread: the rules' tests are run, and may be many.
            config = await asyncio.to_thread(load_config, self._file)
            lost = lost_rules(self._config, config)
            if lost is not None:
                raise ConfigError(lost, file=str(self._file))
            runtime.apply(config)
        except EcotoneError as error:
            since = datetime.now(UTC) if runtime.refused_config is None else runtime.refused_config.since
            runtime.refused_config = RefusedConfig(error.message, since)
            say(f"kept as it was: {error.message}")
            return
        runtime.refused_config = None
        app.configure(self._door(runtime, config.server), config.server.max_body_mb * 1024 * 1024)
        say(f"config reloaded: {told_changes(self._config, config)}")
        gone = weakened(self._config, config)
        if gone:
            say(f"warning: no longer in force: {', '.join(gone)}")
        self._config = config
        waiting = only_after_restart(self._at_start, config)
        if waiting:
            say(f"in force only after a restart: {', '.join(waiting)}")
        self._warn(runtime)

    async def _serve_stored(self, runtime: Runtime) -> None:
        """Without a config, what another command has fetched or removed comes or goes here too."""
        if self._file is not None:
            return
        try:
            config = await stored_now(runtime, self._folder)
            if config != runtime.config:
                runtime.apply(config, runtime.vendors)
        except EcotoneError as error:
            say(f"kept as it was: {error.message}")

    def _warn(self, runtime: Runtime) -> None:
        for warning in config_warnings(self._config, os.environ, self._folder, runtime.keyring.names):
            say(f"warning: {warning}")


def _say_nothing(text: str) -> None:
    pass


async def _warm(runtime: Runtime, console: Console, app: App) -> None:
    """Load the embedded model that requests are likeliest to ask for first, and the console, so that nobody waits."""
    await asyncio.to_thread(console.prepare)
    console.site(app)
    directory = runtime.gateway.directory
    preferred = [route.models[0] for route in directory.routes.values()] or list(directory.models.values())[:1]
    for model in preferred:
        if model.endpoints[0].hosting == "embedded" and model.endpoints[0].problem() is None:
            try:
                await runtime.engines.load(model.name)
            except EcotoneError as error:
                say(f"{model.name} did not load: {error.message}")
            return
