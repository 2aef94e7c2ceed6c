"""Snippets for clients: what the guides say, with a gateway's own address, key and model in them."""

import json
import tomllib

import pytest

from ecotone.gateway.client_snippets import Client, can_be_shown, clients
from ecotone.values.errors import MalformedRequest
from tests.docs.pages import ROOT, blocks

URL, MODEL = "http://127.0.0.1:4100", "assistant"
# Said in the guides as a table or in part of a block.
NOT_WORD_FOR_WORD = {("environment", title) for title in ("Made for Anthropic", "Made for Google", "Made for Ollama")}


def named(name: str, key: str | None = None, model: str = MODEL) -> Client:
    return next(client for client in clients(URL, model, key) if client.name == name)


@pytest.mark.parametrize("client", clients(URL, MODEL), ids=lambda client: client.name)
def test_snippets_are_those_of_the_guides(client: Client) -> None:
    shown = [block.text for block in blocks(ROOT / client.guide)]
    for snippet in client.snippets:
        if (client.name, snippet.title) not in NOT_WORD_FOR_WORD and snippet.text != "codex\n":
            assert any(text.startswith(snippet.text) for text in shown), f"{client.name}: {snippet.title}"


def test_every_guide_of_a_client_is_shown() -> None:
    guides = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "guides" / "clients").glob("*.md")}
    assert guides <= {client.guide for client in clients(URL, MODEL)}


def test_what_is_left_to_fill_in_is_filled_in() -> None:
    for client in clients("https://ai.example.com", "acme/large:70b", "eco_abc-DEF_1"):
        said = "\n".join((client.address, *(snippet.text for snippet in client.snippets)))
        assert "<" not in said.replace("<<'EOF'", ""), client.name
        assert "127.0.0.1:4100" not in said, client.name
        assert "eco_abc-DEF_1" in said, client.name
        assert "unused" not in said, client.name


def test_a_key_stands_where_each_client_puts_it() -> None:
    assert "  -H 'authorization: Bearer eco_x' \\\n" in named("curl", "eco_x").snippets[0].text
    assert "authorization" not in named("curl").snippets[0].text
    assert 'api_key="eco_x"' in named("openai", "eco_x").snippets[0].text
    assert 'headers={"Authorization": "Bearer eco_x"}' in named("ollama", "eco_x").snippets[0].text
    settings, start = named("codex", "eco_x").snippets
    assert tomllib.loads(settings.text)["model_providers"]["ecotone"]["env_key"] == "ECOTONE_KEY"
    assert start.text == "export ECOTONE_KEY=eco_x\ncodex\n"
    assert "env_key" not in tomllib.loads(named("codex").snippets[0].text)["model_providers"]["ecotone"]


def test_files_can_be_read() -> None:
    snippets = [snippet for client in clients(URL, MODEL) for snippet in client.snippets]
    settings = [json.loads(one.text) for one in snippets if one.language == "json"]
    programs = [compile(one.text, one.title, "exec") for one in snippets if one.language == "python"]
    assert settings and all(settings)
    assert len(programs) >= 5


@pytest.mark.parametrize(
    "model", ["a'b", 'a"b', "a b", "$(id)", "`id`", "a\nEOF\nid", "", "-rf", "a;b", "a\\b", "<url>"]
)
def test_names_that_mean_something_elsewhere_are_refused(model: str) -> None:
    assert not can_be_shown(model)
    with pytest.raises(MalformedRequest):
        clients(URL, model)


@pytest.mark.parametrize("url", ["http://a b", "javascript:alert(1)", "http://a/x", "http://u:p@a", "http://a'$(id)"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(MalformedRequest):
        clients(url, MODEL)


@pytest.mark.parametrize("url", ["http://127.0.0.1:4100", "https://ai.example.com", "http://[::1]:80"])
def test_addresses_of_gateways(url: str) -> None:
    assert clients(url, MODEL)[0].address == f"{url}/v1"


def test_what_the_model_holds_is_said_and_whom_it_is_too_little_for() -> None:
    found = {client.name: client for client in clients(URL, MODEL, None, 8192)}
    assert tomllib.loads(found["codex"].snippets[0].text)["model_context_window"] == 8192
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS=8192\n" in found["claude-code"].snippets[0].text
    for name, wants in (("codex", "32,000"), ("claude-code", "64,000"), ("gemini-cli", "64,000")):
        assert found[name].notes[0].startswith(f"{MODEL} holds 8,192 tokens, and this client needs {wants}")
    middling = {client.name: client for client in clients(URL, MODEL, None, 40_000)}
    told = {name for name, client in middling.items() if any("this client needs" in note for note in client.notes)}
    assert told == {"claude-code", "gemini-cli"}
    assert not found["curl"].notes[0].startswith(MODEL)
    large = {client.name: client for client in clients(URL, MODEL, None, 200_000)}
    assert "MAX_CONTEXT_TOKENS=200000\n" in large["claude-code"].snippets[0].text
    assert large["claude-code"].notes == named("claude-code").notes
