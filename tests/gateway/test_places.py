"""What a place needs: keys and settings, from the config or the environment, and libraries for some."""

import sys

import pytest

from ecotone.gateway.settings.config import EndpointConfig
from ecotone.gateway.settings.discovery import found_keys, key_variable
from ecotone.gateway.settings.places import missing_key, place_key, place_problem, place_settings
from ecotone.gateway.settings.plugins import installed
from ecotone.upstream.credentials import Key

VERTEX = EndpointConfig(provider="vertex")
PROJECT = {"GOOGLE_CLOUD_PROJECT": "p1", "GOOGLE_CLOUD_LOCATION": "eu"}


@pytest.mark.parametrize(
    ("place", "environment", "key"),
    [
        (EndpointConfig(provider="gemini"), {"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}, Key("a")),
        (EndpointConfig(provider="gemini"), {"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "b"}, Key("b")),
        (EndpointConfig(provider="anthropic"), {"ANTHROPIC_AUTH_TOKEN": "t"}, Key("t", bearer=True)),
        (EndpointConfig(provider="anthropic"), {"ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_API_KEY": "k"}, Key("k")),
        (EndpointConfig(provider="anthropic", key_env="MINE"), {"ANTHROPIC_API_KEY": "k"}, None),
        (EndpointConfig(provider="anthropic", key_env="MINE"), {"MINE": "m"}, Key("m")),
        (EndpointConfig(provider="azure"), {"AZURE_OPENAI_AD_TOKEN": "t"}, Key("t", bearer=True)),
        (EndpointConfig(provider="bedrock"), {"AWS_BEARER_TOKEN_BEDROCK": "t"}, Key("t", bearer=True)),
        (EndpointConfig(provider="ollama"), {"OPENAI_API_KEY": "k"}, None),
    ],
)
def test_whose_key_is_shown(place: EndpointConfig, environment: dict[str, str], key: Key | None) -> None:
    assert place_key(place, environment) == key


def test_settings_of_the_config_count_before_the_environments() -> None:
    assert place_settings(VERTEX, PROJECT) == {"project": "p1", "location": "eu"}
    place = EndpointConfig(provider="vertex", location="us-east5")
    assert place_settings(place, PROJECT) == {"project": "p1", "location": "us-east5"}
    assert place_settings(EndpointConfig(provider="bedrock"), {"AWS_DEFAULT_REGION": "a"}) == {"region": "a"}
    assert place_settings(EndpointConfig(provider="bedrock"), {"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b"}) == {
        "region": "b"
    }
    assert place_settings(EndpointConfig(provider="openai"), PROJECT) == {}


@pytest.mark.parametrize(
    ("place", "environment", "missing"),
    [
        (VERTEX, {}, "GOOGLE_CLOUD_PROJECT"),
        (VERTEX, {"GOOGLE_CLOUD_PROJECT": "p1"}, "GOOGLE_CLOUD_LOCATION"),
        (VERTEX, PROJECT, None),
        (EndpointConfig(provider="vertex", project="p", location="l"), {}, None),
        (EndpointConfig(provider="vertex", base_url="http://proxy:1"), {}, "GOOGLE_CLOUD_PROJECT"),
        (EndpointConfig(provider="bedrock"), {}, "AWS_REGION"),
        (EndpointConfig(provider="bedrock", region="eu-west-1"), {}, None),
        (EndpointConfig(provider="gemini"), {"GOOGLE_API_KEY": "k"}, None),
        (EndpointConfig(provider="anthropic"), {"ANTHROPIC_AUTH_TOKEN": "t"}, None),
        (EndpointConfig(provider="anthropic", base_url="https://api.anthropic.com/v1"), {}, "ANTHROPIC_API_KEY"),
    ],
)
def test_what_is_missing(place: EndpointConfig, environment: dict[str, str], missing: str | None) -> None:
    assert missing_key(place, environment) == missing
    told = place_problem(place, environment)
    assert told == (None if missing is None else f"set {missing} in the gateway's environment")


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    bedrock = EndpointConfig(provider="bedrock", region="eu-west-1")
    monkeypatch.setitem(sys.modules, "google.auth", None)
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    assert "pip install 'ecotone[google]'" in (place_problem(VERTEX, PROJECT) or "")
    assert "pip install 'ecotone[aws]'" in (place_problem(bedrock, {}) or "")
    assert place_problem(bedrock, {"AWS_BEARER_TOKEN_BEDROCK": "t"}) is None, "a token needs no library"


def test_vendors_whose_keys_are_in_the_environment_are_found() -> None:
    def found(**environment: str) -> list[str]:
        return [vendor.name for vendor in found_keys(environment)]

    assert found(ANTHROPIC_API_KEY="k", GOOGLE_API_KEY="k", COHERE_API_KEY="k") == ["anthropic", "gemini", "cohere"]
    assert found(ANTHROPIC_AUTH_TOKEN="k", MOONSHOT_API_KEY="k", ZAI_API_KEY="k") == ["anthropic", "moonshot", "zai"]
    assert found(AWS_BEARER_TOKEN_BEDROCK="k") == [], "without a region there is no address"
    assert found(AWS_BEARER_TOKEN_BEDROCK="k", AWS_REGION="eu-west-1") == ["bedrock"]
    assert found(AZURE_OPENAI_API_KEY="k") == [], "only the owner knows a resource's address"
    assert found(VLLM_API_KEY="k", ANTHROPIC_API_KEY="") == []
    assert key_variable(installed().providers["gemini"], {"GOOGLE_API_KEY": "k"}) == "GOOGLE_API_KEY"
