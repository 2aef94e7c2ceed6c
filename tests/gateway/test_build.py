"""What a config comes to: who needs which key, what a model is called where, who carries requests."""

from contextlib import closing
from pathlib import Path

import pytest

from ecotone.gateway.build import Runtime, config_warnings, proxies
from ecotone.gateway.settings.config import Config, EndpointConfig, ModelConfig, parse_config
from ecotone.gateway.settings.paths import Home
from ecotone.gateway.settings.places import missing_key
from ecotone.storage.database import Database


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        (EndpointConfig(provider="openai"), "OPENAI_API_KEY"),
        (EndpointConfig(provider="openai", base_url="https://api.openai.com/v1/"), "OPENAI_API_KEY"),
        (EndpointConfig(provider="mistral", base_url="https://api.mistral.ai/v1"), "MISTRAL_API_KEY"),
        (EndpointConfig(provider="openai", base_url="http://127.0.0.1:9000/v1"), None),
        (EndpointConfig(provider="openai", base_url="http://127.0.0.1:9000/v1", key_env="MY_KEY"), "MY_KEY"),
        (EndpointConfig(provider="vllm"), None),
        (EndpointConfig(provider="vllm", key_env="MY_KEY"), "MY_KEY"),
        (EndpointConfig(provider="openai-compatible", base_url="http://x/v1"), None),
    ],
)
def test_who_needs_a_key(place: EndpointConfig, missing: str | None) -> None:
    assert missing_key(place, {}) == missing
    assert missing_key(place, {missing or "X": ""}) == missing, "an empty key is none"
    assert missing_key(place, {missing or "X": "k"}) is None


def test_proxies_of_the_environment() -> None:
    proxy_for = proxies(
        {
            "HTTPS_PROXY": "http://outer:3128",
            "http_proxy": "inner:8080",
            "NO_PROXY": "gpu1, .lan.example,10.0.0.0/8,*.corp.example",
        }
    )
    assert proxy_for("https", "api.openai.com") == "http://outer:3128"
    assert proxy_for("http", "api.openai.com") == "http://inner:8080"
    for direct in ("gpu1", "a.lan.example", "lan.example", "10.1.2.3", "x.corp.example"):
        assert proxy_for("https", direct) is None, direct
    for carried in ("gpu10", "lan.example.com", "11.1.2.3"):
        assert proxy_for("https", carried) is not None, carried
    assert proxies({"ALL_PROXY": "socks5://s:1"})("https", "x") == "socks5://s:1"
    assert proxies({"NO_PROXY": "*", "ALL_PROXY": "socks5://s:1"})("https", "x") is None
    assert proxies({})("https", "x") is None


def test_warnings_of_a_config_that_is_right(tmp_path: Path) -> None:
    text = """
[models.local]
engine = "llama.cpp"
source = "file:a.gguf"
[models.closed]
provider = "openai"
[[models.two.endpoints]]
provider = "groq"
[[models.two.endpoints]]
provider = "ollama"
[routes.lost]
models = ["local", "closed"]
[routes.saved]
models = ["local", "two"]
"""
    config = parse_config(text, tmp_path / "ecotone.toml")
    assert config_warnings(config, {}, tmp_path) == [
        f"model 'local': there is no file {tmp_path}/a.gguf",
        "model 'closed': the environment variable OPENAI_API_KEY is not set, so openai will not be asked",
        "model 'two': the environment variable GROQ_API_KEY is not set, so groq will not be asked",
        "route 'lost' leads to no model that can answer",
    ]
    (tmp_path / "a.gguf").touch()
    assert config_warnings(config, {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k"}, tmp_path) == []


def test_callers_that_nobody_is_are_warned_of(tmp_path: Path) -> None:
    text = """
[models.own]
provider = "ollama"
[principals.ward]
class = "restricted"
[[rules]]
name = "only the ward"
require = 'principal.name in ["ward", "wrad", "lab"] || principal.name == "local"'
because = "nobody else"
[[rule_tests]]
name = "the lab may"
principal = "lap"
model = "own"
expect = "deny"
[[rule_tests]]
principal = "lab"
model = "own"
expect = "allow"
"""
    config = parse_config(text, tmp_path / "ecotone.toml")
    nobody = "and there is neither a key nor [principals] of that name"
    assert config_warnings(config, {}, tmp_path, {"lab", "wards"}) == [
        f"rule 'only the ward' speaks of the caller 'wrad', {nobody}; did you mean 'ward'?",
        f"'the lab may' is about the caller 'lap', {nobody}; did you mean 'lab'?",
        "[principals.ward] holds for nobody: there is no key 'ward'; did you mean 'wards'?",
    ]
    assert config_warnings(config, {}, tmp_path, {"lab", "ward", "wrad", "lap"}) == []


async def test_a_config_comes_into_force_whole_where_the_database_refuses_to_forget(tmp_path: Path) -> None:
    config = Config(models={"far": ModelConfig(provider="openai", name="gpt-4o")})
    runtime = Runtime(Home(tmp_path), {}, config, folder=tmp_path)
    try:
        with closing(Database(Home(tmp_path).database)) as database:
            database.execute("drop table conversations")
        runtime.apply(config)
        assert runtime.gateway.directory.models.keys() == {"far"}
    finally:
        await runtime.close()
