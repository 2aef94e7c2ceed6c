"""From config to objects: the one place where the parts of a gateway are put together."""

import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec

from ecotone import __version__
from ecotone.catalog.provider import Auth, Provider
from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.gateway import conversations, events, keys, request_log, responses, sessions
from ecotone.gateway.conversations import Conversations
from ecotone.gateway.exchange import Gateway
from ecotone.gateway.guard_models import GuardModels
from ecotone.gateway.inventory.model_files import ModelFiles, no_file
from ecotone.gateway.keys import Keyring
from ecotone.gateway.labelling import Labelling
from ecotone.gateway.models import Candidate, Directory, Model, Route
from ecotone.gateway.redaction import Redaction
from ecotone.gateway.reply_rules import ReplyGuard
from ecotone.gateway.request_log import RequestLog
from ecotone.gateway.responses import StoredResponses
from ecotone.gateway.rules.named_callers import caller_warnings
from ecotone.gateway.rules.rulebook import compile_policy, endpoint_ids, model_places, open_ended_place, read_config
from ecotone.gateway.ruling import Ruling
from ecotone.gateway.settings.config import Config, EndpointConfig, ModelConfig, RouteConfig
from ecotone.gateway.settings.discovery import FoundServer
from ecotone.gateway.settings.paths import Home
from ecotone.gateway.settings.places import missing_key, place_key, place_problem, place_settings
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.reload import RefusedConfig
from ecotone.gateway.snapshot import Snapshot
from ecotone.policy.clearance import ClearanceMinter
from ecotone.policy.detectors import Detectors
from ecotone.policy.guard.guard import Guard
from ecotone.policy.guard.words import WordLists
from ecotone.policy.places import Place
from ecotone.policy.settings import GuardSettings
from ecotone.storage.database import Database, DatabaseError
from ecotone.upstream.aws_auth import AwsSigner
from ecotone.upstream.clearance import ClearanceChecker
from ecotone.upstream.credentials import Signer
from ecotone.upstream.endpoints import EmbeddedEndpoint, Endpoint
from ecotone.upstream.engine import EngineSpec
from ecotone.upstream.engines import EnginePool
from ecotone.upstream.fetch import FetchSettings
from ecotone.upstream.gguf import read_gguf
from ecotone.upstream.google_auth import GoogleTokens
from ecotone.upstream.http import HttpClient
from ecotone.upstream.machine import usable_cores, usable_memory_bytes
from ecotone.upstream.remote import RemoteEndpoint
from ecotone.upstream.sources import LocalSource, parse_source
from ecotone.upstream.store import ModelStore
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import ConfigError, SetupError

MIGRATIONS = (
    *keys.MIGRATIONS,
    *request_log.MIGRATIONS,
    *responses.MIGRATIONS,
    *conversations.MIGRATIONS,
    *events.MIGRATIONS,
    *sessions.MIGRATIONS,
)
DEFAULT_ROUTE = "assistant"
_HOUR_US = 3_600_000_000

Environment = Mapping[str, str]


def open_database(home: Home) -> Database:
    """The installation's database, its tables up to date."""
    _require_folder(home)
    return Database(home.database, MIGRATIONS)


def key_names(home: Home) -> frozenset[str]:
    """What the valid keys are called; none where there is no database yet. Raises DatabaseError."""
    if not home.database.exists():
        return frozenset()
    with closing(open_database(home)) as database:
        return frozenset(key.name for key in keys.Keys(database).list() if key.revoked_at is None)


def _require_folder(home: Home) -> None:
    if home.folder.exists() and not home.folder.is_dir():
        raise SetupError(
            f"{home.folder} is a file, and Ecotone keeps its things in a folder of that name: move it away, or set"
            " ECOTONE_HOME to a folder"
        )


def load_config(file: Path | None) -> Config:
    """The owner's config, or the one that stands for none: the embedded default model behind route `assistant`."""
    if file is not None:
        return read_config(file, datetime.now(UTC).date())
    embedded = ModelConfig(engine="llama.cpp", source=DEFAULT_MODEL.source, sha256=DEFAULT_MODEL.sha256)
    return Config(
        models={DEFAULT_MODEL.name: embedded},
        routes={DEFAULT_ROUTE: RouteConfig(models=(DEFAULT_MODEL.name,))},
    )


def with_found(config: Config, servers: tuple[FoundServer, ...]) -> Config:
    """A config-less gateway's config, with the models of local servers that were found beside the default model."""
    models = dict(config.models)
    for server in servers:
        for name in server.models:
            models[f"{server.provider.name}/{name}"] = ModelConfig(
                provider=server.provider.name, name=name, base_url=server.base_url
            )
    return msgspec.structs.replace(config, models=models)


def http_client(environment: Environment) -> HttpClient:
    """The client, with the proxies and private CAs that the environment names."""
    return HttpClient(
        ca_bundle=ca_bundle(environment), proxy_for=proxies(environment), user_agent=f"ecotone/{__version__}"
    )


def ca_bundle(environment: Environment) -> bytes | None:
    """Certificates to trust beside the system's: the file that `SSL_CERT_FILE` names."""
    named = environment.get("SSL_CERT_FILE")
    if not named:
        return None
    try:
        return Path(named).read_bytes()
    except OSError as error:
        raise ConfigError(f"SSL_CERT_FILE names {named}, which cannot be read: {error.strerror}") from None


def proxies(environment: Environment) -> Callable[[str, str], str | None]:
    """Who carries requests, from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in either case."""
    named = {
        name.lower().removesuffix("_proxy"): value
        for name, value in sorted(environment.items())
        if name.lower().endswith("_proxy") and value
    }

    def proxy_for(scheme: str, host: str) -> str | None:
        proxy = named.get(scheme) or named.get("all")
        if proxy is None or _listed(host, named.get("no", "")):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    return proxy_for


def _listed(host: str, no_proxy: str) -> bool:
    """Is this host among the names, domains, addresses and networks of a `NO_PROXY` list?"""
    for entry in filter(None, (entry.strip().lower() for entry in no_proxy.split(","))):
        name = entry.removeprefix("*").lstrip(".")
        if entry == "*" or host == name or host.endswith("." + name):
            return True
        with suppress(ValueError):
            if ip_address(host) in ip_network(entry, strict=False):
                return True
    return False


def _kept_key(file: Path) -> bytes:
    """The random key in this file, made when it is first asked for."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, also where two processes begin at once.
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        try:
            with suppress(FileExistsError):
                os.link(fresh, file)
        except OSError:  # a file system without links
            fresh.replace(file)
        fresh.unlink(missing_ok=True)
    key = file.read_bytes()
    if len(key) != 32:
        raise SetupError(f"{file} is not the key that Ecotone wrote there; remove it, and a new one is made")
    return key


def installed_redaction(home: Home) -> Redaction:
    """What replaces sensitive data under this installation's own key, which is made when it is first asked for."""
    return Redaction(_kept_key(home.pseudonym_key))


def content_guard(settings: GuardSettings) -> Guard:
    """What scores content for risks: the shipped classifier and the owner's words."""
    # Only who scores content pays for loading what it takes.
    from ecotone.policy.guard.classifier import Classifier

    return Guard(WordLists(settings.words), Classifier.shipped())


def model_store(home: Home, environment: Environment) -> ModelStore:
    """The store of model files, reached through the package indexes and the hub that the environment names."""
    _require_folder(home)
    named = (environment.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    index = next((address for address in named if address), "https://pypi.org/simple")
    extra = environment.get("PIP_EXTRA_INDEX_URL", "").split()
    return ModelStore(
        home.models,
        FetchSettings(
            indexes=(index, *(address for address in extra if address.startswith("http"))),
            ca_bundle=ca_bundle(environment),
            proxy_for=proxies(environment),
            hf_endpoint=environment.get("HF_ENDPOINT"),
            hf_token=environment.get("HF_TOKEN"),
        ),
        check=_check_model_file,
    )


def _check_model_file(file: Path) -> None:
    read_gguf(file, model=file.stem)


def engine_memory_bytes(config: Config) -> int:
    """The budget of all loaded models together."""
    if config.engine.memory_mb is not None:
        return config.engine.memory_mb * 1024 * 1024
    return usable_memory_bytes() * 3 // 4


def _engine_version() -> str | None:
    """The embedded engine's package and version; None if it is not installed."""
    try:
        return f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return None


def config_warnings(config: Config, environment: Environment, folder: Path, callers: Collection[str] = ()) -> list[str]:
    """What is right in the config and still keeps models from answering, or rules from speaking: keys, files and
    callers that are not there.

    `folder` is where relative `file:` sources start; `callers` are the names of the keys that there are.
    """
    told = [f"plugin: {problem}" for problem in installed().problems.values()]
    if not config.models:
        told.append("no models are configured, so nothing can be asked; add one as [models.NAME]")
    silent = set()
    for name, model in config.models.items():
        source = parse_source(model.source, folder) if model.source is not None else None
        if isinstance(source, LocalSource) and not source.path.is_file():
            told.append(f"model {name!r}: {no_file(source)}")
            silent.add(name)
        places = () if model.engine else model.endpoints or (model,)
        missing = [(place, why) for place in places if (why := _why_not_asked(place, environment)) is not None]
        for place, why in missing:
            told.append(f"model {name!r}: {why}, so {place.provider} will not be asked")
        if missing and len(missing) == len(places):
            silent.add(name)
    for name, route in config.routes.items():
        if silent.issuperset(route.models):
            told.append(f"route {name!r} leads to no model that can answer")
    return [*told, *caller_warnings(config, callers)]


def _why_not_asked(place: EndpointConfig, environment: Environment) -> str | None:
    variable = missing_key(place, environment)
    if variable is not None:
        return f"the environment variable {variable} is not set"
    problem = place_problem(place, environment)
    return None if problem is None else f"it wants {problem}"


class Runtime:
    """Everything of one gateway process that outlives a config: connections, engines, database, log.

    Made inside the event loop that it serves. `apply` puts a config into force, for requests that come after. Files
    that are not here at the first `apply` are not fetched: who starts a gateway has just tried.
    """

    def __init__(self, home: Home, environment: Environment, config: Config, *, folder: Path) -> None:
        """`folder` is where relative `file:` sources start."""
        self._home = home
        self._environment = environment
        self._folder = folder
        self._config = config
        self._vendors: tuple[Provider, ...] = ()
        self._fetches = False
        self._database = open_database(home)
        self.keyring = Keyring(self._database)
        self.http = http_client(environment)
        self._known_signers: dict[tuple[str, str], Signer] = {}
        self.store = model_store(home, environment)
        self.files = ModelFiles(self.store, self._files_arrived)
        self.engines = EnginePool(
            (),
            cores=usable_cores(),
            memory_budget_bytes=engine_memory_bytes(config),
            logs_dir=home.logs,
            idle_unload_s=float(config.engine.idle_unload_s) if config.engine.idle_unload_s else None,
        )
        self._engine = _engine_version()
        self.log = RequestLog(lambda: Database(home.database))
        self.responses = StoredResponses(lambda: Database(home.database), clock_us=lambda: time.time_ns() // 1000)
        self._conversations = Conversations(Database(home.database))
        # Only these two ever have the key.
        key = secrets.token_bytes(32)
        self._checker = ClearanceChecker(key)
        self._minter = ClearanceMinter(key)
        self.gateway: Gateway
        """There from the first `apply` on."""
        self.refused_config: RefusedConfig | None = None
        """What the config file says instead of what is in force, where it was changed and could not be taken."""

    @property
    def config(self) -> Config:
        """The one in force."""
        return self._config

    @property
    def vendors(self) -> tuple[Provider, ...]:
        """Vendors whose models can be asked for as PROVIDER/NAME."""
        return self._vendors

    @property
    def environment(self) -> Environment:
        """The variables that this process was started with."""
        return self._environment

    def apply(self, config: Config, vendors: tuple[Provider, ...] = ()) -> None:
        """Put `config` in force. With `vendors`, any of their models can be asked for as PROVIDER/NAME."""
        # First, so that what cannot be put into force changes nothing.
        ruling = self._ruling(config, vendors)
        self._config = config
        self._vendors = vendors
        self.responses.keep_for(config.retention.responses_us)
        specs = [self._engine_spec(name, model) for name, model in config.models.items() if model.engine]
        self._fetches = True
        self.engines.update(spec for spec in specs if spec is not None)
        models = {name: Model(name, self._endpoints(name, model)) for name, model in config.models.items()}
        routes = tuple(
            Route(name, tuple(models[model] for model in route.models)) for name, route in config.routes.items()
        )
        directory = Directory(tuple(models.values()), routes, self._open_ended(vendors))
        # From here on nothing goes out any more that was planned before.
        self._checker.epoch += 1
        snapshot = Snapshot(directory, ruling, self._checker.epoch)
        if self._checker.epoch == 1:
            self.gateway = Gateway(snapshot, self.log, installed().wires, self.responses, self._minter)
        else:
            self.gateway.snapshot = snapshot
        with suppress(DatabaseError):  # it only makes room: what is too old is not recalled either way
            self._conversations.forget_before(time.time_ns() // 1000 - config.data.remember_h * _HOUR_US)

    def _ruling(self, config: Config, vendors: tuple[Provider, ...] = ()) -> Ruling:
        """The config's rules. Raises PolicyProblem, which reading the config would have told."""
        detectors = Detectors(config.data)
        policy = compile_policy(config, detectors, any_model=bool(vendors))
        needs_guard = policy.needs_guard or policy.needs_reply_guard
        guard = content_guard(config.guard) if needs_guard else None
        looks = policy.needs_detectors or policy.needs_guard
        labelling = Labelling(
            policy=policy,
            detectors=detectors if looks else None,
            guard=guard if policy.needs_guard else None,
            conversations=self._conversations,
            remember_us=config.data.remember_h * _HOUR_US,
        )
        asked_freely = {vendor.name: vendor for vendor in vendors}
        known: dict[tuple[str, date], dict[str, Place]] = {}

        def place_of(candidate: Candidate, today: date) -> Place:
            name = candidate.model
            if name not in config.models:
                vendor, _, name_there = name.partition("/")
                return open_ended_place(asked_freely[vendor], name_there, config, today)
            if (name, today) not in known:
                ids = endpoint_ids(name, config.models[name])
                places = model_places(name, config, today, self._environment)
                known[name, today] = dict(zip(ids, places, strict=True))
            return known[name, today][candidate.endpoint.id]

        reply_guard = ReplyGuard(policy, detectors, guard if policy.needs_reply_guard else None)
        redacts = any(rule.effect == "redact" and rule.on == "request" for rule in policy.rules)
        redaction = installed_redaction(self._home) if redacts else None
        return Ruling(policy, detectors, labelling, redaction, reply_guard, GuardModels(config.guard.models), place_of)

    def _engine_spec(self, name: str, model: ModelConfig) -> EngineSpec | None:
        """How to run an embedded model; None as long as its file is not here."""
        source = parse_source(model.source or "", self._folder)
        path = self.files.find(name, source, model.sha256, fetch=self._fetches)
        if path is None:
            return None
        return EngineSpec(name=name, path=path, threads=model.threads, context=model.context, parallel=model.parallel)

    def _files_arrived(self) -> None:
        self.apply(self._config, self._vendors)

    def _endpoints(self, name: str, model: ModelConfig) -> tuple[Endpoint, ...]:
        if model.engine is not None:
            source = parse_source(model.source or "", self._folder)
            endpoint = EmbeddedEndpoint(
                model=name,
                engines=self.engines,
                http=self.http,
                checker=self._checker,
                file_problem=self.files.problem,
                sha256=partial(self.files.sha256, source, model.sha256),
                engine=self._engine,
                catalog=model.catalog,
                leave_out=model.leave_out,
            )
            return (endpoint,)
        places = model.endpoints or (model,)
        return tuple(
            self._remote(name, identity, place, place.name or model.name or name, place.catalog or model.catalog)
            for identity, place in zip(endpoint_ids(name, model), places, strict=True)
        )

    def _remote(
        self, name: str, identity: str, place: EndpointConfig, upstream_name: str, catalog: str | None = None
    ) -> RemoteEndpoint:
        provider = installed().providers[place.provider or ""]
        settings = place_settings(place, self._environment)
        return RemoteEndpoint(
            identity=identity,
            upstream_name=upstream_name,
            provider=provider,
            base_url=place.base_url or provider.address(settings) or "",
            hosting=place.hosting or "vendor",
            wires=installed().wires,
            wire=place.wire,
            settings=settings,
            key=place_key(place, self._environment),
            signers=self._signers(provider, settings),
            problem=place_problem(place, self._environment),
            timeouts=Timeouts(
                connect_s=place.connect_timeout_s,
                first_byte_s=place.first_byte_timeout_s,
                between_bytes_s=place.between_bytes_timeout_s,
                whole_s=place.whole_timeout_s,
            ),
            http=self.http,
            checker=self._checker,
            catalog=catalog,
            leave_out=place.leave_out or self._config.models[name].leave_out if name in self._config.models else (),
        )

    def _signers(self, provider: Provider, settings: Mapping[str, str]) -> dict[Auth, Signer]:
        """Who proves requests to this provider where no key does: one signer for all its endpoints."""
        ways = {way.auth for way in provider.wires}
        found: dict[Auth, Signer] = {}
        if "google" in ways:
            named = self._environment.get("GOOGLE_APPLICATION_CREDENTIALS")
            found["google"] = self._signer(
                ("google", ""), lambda: GoogleTokens(self.http, Path(named) if named else None)
            )
        if "aws" in ways:
            region = settings.get("region", "")
            found["aws"] = self._signer(("aws", region), lambda: AwsSigner(region, self._environment))
        return found

    def _signer(self, name: tuple[str, str], make: Callable[[], Signer]) -> Signer:
        signer = self._known_signers.get(name)
        if signer is None:
            signer = self._known_signers[name] = make()
        return signer

    def _open_ended(self, vendors: tuple[Provider, ...]) -> dict[str, Callable[[str], Model]]:
        def maker(provider: Provider) -> Callable[[str], Model]:
            def make(name: str) -> Model:
                full = f"{provider.name}/{name}"
                identity = f"{full}@{provider.name}"
                return Model(full, (self._remote(full, identity, EndpointConfig(provider=provider.name), name),))

            return make

        return {provider.name: maker(provider) for provider in vendors}

    def problem(self) -> str | None:
        """Why no model can answer at present, None if one can."""
        broken = {engine.name: engine.last_error for engine in self.engines.states() if engine.state == "failed"}
        problems = []
        for model in self.gateway.directory.models.values():
            for endpoint in model.endpoints:
                problem = endpoint.problem()
                if problem is None and endpoint.hosting == "embedded":
                    problem = broken.get(model.name)
                if problem is None:
                    return None
                problems.append(f"{endpoint.id}: {problem}")
        if self._vendors:
            return None
        return "; ".join(problems) or "no models are configured"

    async def close(self) -> None:
        """Let go of everything; requests must have ended."""
        await self.files.close()
        await self.engines.close()
        await self.http.close()
        self.log.close()
        self.responses.close()
        self._conversations.close()
        self._database.close()
