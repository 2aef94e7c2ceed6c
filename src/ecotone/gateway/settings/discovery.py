"""What a gateway without a config finds by itself: vendors' keys in the environment, servers on their usual ports."""

import asyncio
from collections.abc import Mapping

import msgspec

from ecotone.catalog.provider import Provider, api_root
from ecotone.gateway.settings.plugins import installed
from ecotone.upstream.http import HttpClient
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import UpstreamError

_PROBE_TIMEOUTS = Timeouts(connect_s=0.3, first_byte_s=1.0, between_bytes_s=1.0, whole_s=2.0)
_LIST_MAX_BYTES = 4 * 1024 * 1024


class FoundServer(msgspec.Struct, frozen=True):
    """A local server that answers, and the models it lists."""

    provider: Provider
    base_url: str
    models: tuple[str, ...]


class _Row(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Row] = []


def found_keys(environment: Mapping[str, str]) -> tuple[Provider, ...]:
    """Vendors whose key is in the environment. Nothing is sent to them."""
    return tuple(
        provider
        for provider in installed().providers.values()
        if provider.usual_port is None and provider.base_url is not None and key_variable(provider, environment)
    )


def key_variable(provider: Provider, environment: Mapping[str, str]) -> str | None:
    """The variable that holds the provider's key; None if there is none, or if something else that its addresses are
    made of is not set."""
    if not all(any(environment.get(name) for name in setting.variables) for setting in provider.settings):
        return None
    keys = (provider.key_env, *provider.also_key_envs, provider.bearer_env)
    return next((name for name in keys if name and environment.get(name)), None)


async def found_servers(http: HttpClient) -> tuple[FoundServer, ...]:
    """Servers on this machine's usual ports that list their models. Asks all of them at once; no content is sent."""
    local = [provider for provider in installed().providers.values() if provider.usual_port is not None]
    found = await asyncio.gather(*(_probe(provider, http) for provider in local))
    return tuple(server for server in found if server is not None)


async def _probe(provider: Provider, http: HttpClient) -> FoundServer | None:
    base_url = provider.base_url or ""
    names = await listed_models(http, api_root(provider, base_url, "openai-chat"))
    return None if names is None else FoundServer(provider, base_url, names)


async def listed_models(http: HttpClient, root: str, key: str | None = None) -> tuple[str, ...] | None:
    """What the server at `root` lists under `/models`, None if nothing there answers like one."""
    headers = [("authorization", f"Bearer {key}")] if key else []
    try:
        response = await http.send(http.target("GET", f"{root}/models", headers), timeouts=_PROBE_TIMEOUTS)
        body = b""
        while len(body) < _LIST_MAX_BYTES and (chunk := await response.read_chunk()) is not None:
            body += chunk
        response.close()
        if response.status != 200:
            return None
        return tuple(row.id for row in msgspec.json.decode(body, type=_List).data)
    except (UpstreamError, msgspec.DecodeError):
        return None
