"""`ecotone config`: is the config right, and what does it come to?"""

import os
from pathlib import Path
from typing import Any

import msgspec
import typer

from ecotone.cli.installation import find_installation
from ecotone.cli.output import out, print_json, say
from ecotone.gateway.build import config_warnings, engine_memory_bytes, key_names
from ecotone.gateway.inventory.inventory import Installation
from ecotone.gateway.settings.config import Config, EndpointConfig, ModelConfig
from ecotone.gateway.settings.discovery import key_variable
from ecotone.gateway.settings.plugins import installed
from ecotone.gateway.settings.toml_text import toml
from ecotone.values.errors import ConfigError

_PLACE_KEYS = tuple(field.name for field in msgspec.structs.fields(EndpointConfig))


def check(config_file: Path | None, as_json: bool) -> None:
    """Print what the config puts in force, or raise ConfigError (with `as_json`: print it and exit with 1).

    Keys and files that are not there are warned of; the config is right nevertheless.
    """
    try:
        here = find_installation(config_file, look_around=False)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"valid": False, "file": error.file, "line": error.line, "reason": _reason(error)})
        raise typer.Exit(1) from None
    told = config_warnings(here.config, os.environ, here.folder, key_names(here.home))
    if as_json:
        file = str(here.file) if here.file else None
        print_json(
            {
                "valid": True,
                "file": file,
                "models": list(here.config.models),
                "routes": _routes(here.config),
                "warnings": told,
            }
        )
        return
    out.out(f"{here.file} is right" if here.file else "there is no config; in force without one:", highlight=False)
    for line in _in_force(here.config):
        out.out(f"  {line}", highlight=False)
    for warning in told:
        say(f"warning: {warning}")


def _reason(error: ConfigError) -> str:
    place = f"{error.file}:{error.line}: " if error.line else f"{error.file}: "
    return error.message.removeprefix(place)


def _routes(config: Config) -> dict[str, list[str]]:
    return {name: list(route.models) for name, route in config.routes.items()}


def _in_force(config: Config) -> list[str]:
    lines = [f"listens on {config.server.host} port {config.server.port}"]
    for name, route in config.routes.items():
        lines.append(f"route {name}: {', then '.join(route.models)}")
    for name, model in config.models.items():
        places = [_told(name, place) for place in model.endpoints or (model,)]
        lines.append(f"model {name}: {', then '.join(places)}")
    if not config.models:
        lines.append("no models: nothing can be asked")
    return lines


def _told(name: str, place: EndpointConfig) -> str:
    if isinstance(place, ModelConfig) and place.engine is not None:
        return f"embedded, from {place.source}"
    provider = installed().providers[place.provider or ""]
    address = place.base_url or provider.base_url
    return f"{place.hosting or 'vendor'}, {place.name or name} at {provider.title} ({address})"


def show(config_file: Path | None, as_json: bool) -> None:
    """Print the config with everything that it leaves to Ecotone filled in."""
    here = find_installation(config_file, look_around=True)
    effective = _effective(here.config)
    if as_json:
        print_json({"file": str(here.file) if here.file else None, "config": effective, "found": _found(here)})
        return
    origin = f"# {here.file}, with all defaults" if here.file else "# No config file: this is what `ecotone up` does."
    out.out(f"{origin}\n{toml(effective)}", highlight=False, end="")
    for line in _finds(here):
        out.out(f"# {line}".rstrip(), highlight=False)


def _found(here: Installation) -> dict[str, Any]:
    return {
        "keys": [{"variable": key_variable(vendor, os.environ), "provider": vendor.name} for vendor in here.vendors],
        "servers": [
            {"provider": server.provider.name, "base_url": server.base_url, "models": list(server.models)}
            for server in here.servers
        ],
    }


def _finds(here: Installation) -> list[str]:
    """What was found without a config, and how to put it into one."""
    lines = [""] if here.vendors or here.servers else []
    lines += [
        f"Found {server.provider.title} at {server.base_url} with {len(server.models)} models, listed above."
        for server in here.servers
    ]
    for vendor in here.vendors:
        lines += [
            f"{key_variable(vendor, os.environ)} is set: any model of {vendor.title} answers as {vendor.name}/NAME."
            " To give one a name:",
            "[models.NAME]",
            f'provider = "{vendor.name}"',
            'name = "..."',
        ]
    return lines


def _effective(config: Config) -> dict[str, Any]:
    """The config as data, defaults filled in. What is chosen from the machine at start is left out, except memory."""
    data: dict[str, Any] = msgspec.to_builtins(config)
    data["rules"] = data["rules"] or []
    data["engine"]["memory_mb"] = engine_memory_bytes(config) // (1024 * 1024)
    data["models"] = {name: _effective_model(name, model) for name, model in config.models.items()}
    return data


def _effective_model(name: str, model: ModelConfig) -> dict[str, Any]:
    if model.engine is not None:
        keys = ("engine", "source", "sha256", "context", "threads", "parallel", "catalog")
        return {key: getattr(model, key) for key in keys}
    if model.endpoints:
        return {"endpoints": [_effective_place(name, place, model) for place in model.endpoints]}
    return _effective_place(name, model, model)


def _effective_place(name: str, place: EndpointConfig, model: ModelConfig) -> dict[str, Any]:
    provider = installed().providers[place.provider or ""]
    defaults = {
        "name": model.name or name,
        "catalog": model.catalog,
        "base_url": provider.base_url,
        "key_env": provider.key_env,
        "hosting": "vendor",
    }
    said = {key: getattr(place, key) for key in _PLACE_KEYS}
    return {key: defaults.get(key) if value is None else value for key, value in said.items()}
