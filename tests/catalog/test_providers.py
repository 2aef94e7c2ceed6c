"""The provider table: rows that hold together, and addresses joined as people paste them."""

import re

import pytest

from ecotone.catalog.provider import Provider, Speaks, api_root, joined
from ecotone.catalog.providers import PROVIDERS
from ecotone.wire.quirks import QUIRKS

ROWS = tuple(PROVIDERS.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_holds_together(row: Provider) -> None:
    assert re.fullmatch(r"https://[^\s]+", row.source)
    assert not row.base_url or not row.base_url.endswith("/")
    assert row.wires, "a provider speaks at least one wire"
    assert len({way.wire for way in row.wires}) == len(row.wires)
    for way in row.wires:
        assert way.source is None or re.fullmatch(r"https://[^\s]+", way.source)
        assert way.path == "" or re.fullmatch(r"(/[\w.{}-]+)+", way.path)
        assert set(way.quirks) <= set(QUIRKS)
        assert (way.whole_path is None) == (way.stream_path is None)
    assert row.key_env is None or re.fullmatch(r"[A-Z][A-Z0-9_]*", row.key_env)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_local_servers_are_on_loopback_and_vendors_need_a_key_over_tls(row: Provider) -> None:
    if row.usual_port is not None:
        assert row.base_url == f"http://127.0.0.1:{row.usual_port}/v1"
    elif row.base_url is not None:
        assert row.base_url.startswith("https://")
        assert row.key_env or {way.auth for way in row.wires} & {"google", "aws"}


def test_every_quirk_is_used() -> None:
    assert {quirk for row in ROWS for way in row.wires for quirk in way.quirks} == set(QUIRKS)


def test_usual_ports_tell_servers_apart() -> None:
    ports = [row.usual_port for row in ROWS if row.usual_port is not None]
    assert len(ports) == len(set(ports))


# The addresses that each vendor's own documentation shows in its examples of chat requests, without
# `/chat/completions`.
DOCUMENTED = {
    "openai": "https://api.openai.com/v1",
    "vertex": (
        "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/endpoints/openapi"
    ),
    "bedrock": "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
    "xai": "https://api.x.ai/v1",
    "cohere": "https://api.cohere.ai/compatibility/v1",
    "perplexity": "https://api.perplexity.ai",
    "cerebras": "https://api.cerebras.ai/v1",
    "nvidia": "https://integrate.api.nvidia.com/v1",
    "moonshot": "https://api.moonshot.ai/v1",
    "dashscope": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "zai": "https://api.z.ai/api/paas/v4",
    "minimax": "https://api.minimax.io/v1",
    "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "groq": "https://api.groq.com/openai/v1",
    "together": "https://api.together.ai/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "huggingface": "https://router.huggingface.co/v1",
    "vllm": "http://127.0.0.1:8000/v1",
    "sglang": "http://127.0.0.1:30000/v1",
    "llama-server": "http://127.0.0.1:8080/v1",
    "ollama": "http://127.0.0.1:11434/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
    "tgi": "http://127.0.0.1:3000/v1",
}


def test_own_addresses_are_the_documented_ones() -> None:
    speaking = [row for row in ROWS if row.base_url and "openai-chat" in [way.wire for way in row.wires]]
    assert {row.name: api_root(row, row.base_url or "", "openai-chat") for row in speaking} == DOCUMENTED


@pytest.mark.parametrize(
    ("provider", "base_url", "root"),
    [
        ("mistral", "https://api.mistral.ai", "https://api.mistral.ai/v1"),
        ("mistral", "https://api.mistral.ai/", "https://api.mistral.ai/v1"),
        ("mistral", "https://api.mistral.ai/v1", "https://api.mistral.ai/v1"),
        ("mistral", "https://api.mistral.ai/v1/", "https://api.mistral.ai/v1"),
        ("groq", "https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("groq", "https://api.groq.com/openai", "https://api.groq.com/openai/v1"),
        ("groq", "https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("groq", "https://proxy.example.com/groq", "https://proxy.example.com/groq/openai/v1"),
        ("together", "https://api.together.ai/v1", "https://api.together.ai/v1"),
        ("together", "https://api.together.xyz/v1", "https://api.together.xyz/v1"),
        ("deepseek", "https://api.deepseek.com/v1", "https://api.deepseek.com/v1"),
        ("openai-compatible", "http://gpu1:8000/v1", "http://gpu1:8000/v1"),
        ("openai-compatible", "http://gpu1:8000/v1///", "http://gpu1:8000/v1"),
        ("openai-compatible", "http://gpu1:8000", "http://gpu1:8000"),
        ("openai", "https://api.openai.com", "https://api.openai.com/v1"),
        ("vllm", "http://gpu1:8000", "http://gpu1:8000/v1"),
        ("vllm", "http://proxy/llm/openai", "http://proxy/llm/openai"),
        ("deepseek", "https://api.deepseek.com/anthropic", "https://api.deepseek.com"),
    ],
)
def test_an_address_is_completed_however_it_was_pasted(provider: str, base_url: str, root: str) -> None:
    assert api_root(PROVIDERS[provider], base_url, "openai-chat") == root


@pytest.mark.parametrize(
    ("provider", "base_url", "url"),
    [
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "http://proxy:1/llm/", "http://proxy:1/llm/v1/messages"),
        ("deepseek", "https://api.deepseek.com", "https://api.deepseek.com/anthropic/v1/messages"),
        ("deepseek", "https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
        ("fireworks", "https://api.fireworks.ai/inference/v1", "https://api.fireworks.ai/inference/v1/messages"),
        ("fireworks", "https://api.fireworks.ai/inference", "https://api.fireworks.ai/inference/v1/messages"),
        ("ollama", "http://gpu1:11434/v1", "http://gpu1:11434/v1/messages"),
        ("ollama", "http://gpu1:11434", "http://gpu1:11434/v1/messages"),
        ("openai-compatible", "http://gpu1:8000", "http://gpu1:8000/v1/messages"),
        ("openai-compatible", "http://gpu1:8000/v1", "http://gpu1:8000/v1/messages"),
    ],
)
def test_the_address_of_another_wire_is_found_from_either(provider: str, base_url: str, url: str) -> None:
    assert joined(api_root(PROVIDERS[provider], base_url, "anthropic"), "/v1/messages") == url


def test_a_host_that_ends_like_the_path_is_not_taken_for_it() -> None:
    wires = (Speaks("openai-chat", "/openai/v1"),)
    row = Provider("p", "P", "https://example.com", wires, base_url="https://api.example.com")
    assert api_root(row, "https://openai") == "https://openai/openai/v1"
    assert api_root(row, "https://example.com/v1") == "https://example.com/v1/openai/v1"
