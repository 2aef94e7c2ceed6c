"""What a place of the config needs before it can be asked: keys, and what its address is made of."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ecotone.gateway.settings.config import EndpointConfig
from ecotone.gateway.settings.plugins import installed
from ecotone.upstream.aws_auth import AwsSigner
from ecotone.upstream.credentials import Key
from ecotone.upstream.google_auth import GoogleTokens

Environment = Mapping[str, str]


def place_settings(place: EndpointConfig, environment: Environment) -> dict[str, str]:
    """What the addresses of this place are made of, from the config or else the environment."""
    found: dict[str, str] = {}
    for setting in installed().providers[place.provider or ""].settings:
        named = [getattr(place, setting.key), *(environment.get(variable) for variable in setting.variables)]
        value = next((value for value in named if value), None)
        if value is not None:
            found[setting.key] = value
    return found


def place_key(place: EndpointConfig, environment: Environment) -> Key | None:
    """The key for this place; a token of the provider's counts after a key."""
    provider = installed().providers[place.provider or ""]
    named = (place.key_env,) if place.key_env else (provider.key_env, *provider.also_key_envs)
    secret = next((environment[name] for name in named if name and environment.get(name)), None)
    if secret is not None:
        return Key(secret)
    token = environment.get(provider.bearer_env or "") if place.key_env is None else None
    return Key(token, bearer=True) if token else None


def missing_key(place: EndpointConfig, environment: Environment) -> str | None:
    """The environment variable that this place needs and that is not set, None if nothing is missing.

    A provider at its own address needs its key, and so does a place whose owner named a variable; a server elsewhere
    may do without. What addresses are made of is needed everywhere.
    """
    provider = installed().providers[place.provider or ""]
    settings = place_settings(place, environment)
    unset = next((setting for setting in provider.settings if setting.key not in settings), None)
    if unset is not None:
        return unset.variables[0]
    named = place.key_env or provider.key_env
    if named is None or place_key(place, environment) is not None:
        return None
    own = provider.address(settings)
    own_address = place.base_url is None or (
        own is not None and urlsplit(place.base_url).netloc == urlsplit(own).netloc
    )
    needed = place.key_env not in (None, provider.key_env) or (own_address and provider.usual_port is None)
    return named if needed else None


def place_problem(place: EndpointConfig, environment: Environment) -> str | None:
    """What has to be done before this place can be asked, in words for the owner; None if nothing."""
    missing = missing_key(place, environment)
    if missing is not None:
        return f"set {missing} in the gateway's environment"
    ways = {way.auth for way in installed().providers[place.provider or ""].wires}
    if place_key(place, environment) is None:
        if "google" in ways:
            return GoogleTokens.problem()
        if "aws" in ways:
            return AwsSigner.problem()
    return None
