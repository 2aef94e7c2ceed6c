"""Connect: a key is made, the lines for a client are run as they stand, and the request arrives."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, SMALL, House, house
from tests.console.lines import lines, ran

CONFIG = (
    SMALL
    + """
[routes.assistant]
models = ["small"]

[server]
allowed_hosts = ["ai.example.com"]
"""
)
SDKS = {
    "OpenAI SDK": "openai",
    "Anthropic SDK": "anthropic",
    "Google Gen AI SDK": "google",
    "Ollama's clients": "ollama",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    """Every caller needs a key."""
    with house(tmp_path_factory.mktemp("guarded"), browser, CONFIG.format(path=smollm2_path)) as made:
        yield made


def test_a_key_is_made_once_and_the_lines_work_with_it(guarded: House) -> None:
    page = guarded.page()
    page.goto("/console/connect")
    expect(page.get_by_text("Every caller needs one here")).to_be_visible()
    refused = ran(["bash", "-c", lines(page, "curl", "Ask once")])
    assert "401" in refused.stderr
    expect(page.get_by_role("list", name="Requests since this page was opened")).to_contain_text(
        "somebody without a good key asked"
    )
    page.get_by_label("Whose key it is").fill("laptop")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is the key of laptop")).to_be_visible()
    key = page.locator("#made pre").inner_text()
    assert key.startswith("eco_")
    expect(page.locator("#client-curl pre")).to_contain_text(key)
    said = ran(["bash", "-c", lines(page, "curl", "Ask once")])
    assert json.loads(said.stdout)["choices"], said.stderr
    for client in SDKS:
        text = lines(page, client, "Python")
        assert key in text
        answer = ran([sys.executable, "-c", text])
        assert answer.returncode == 0, f"{client}: {answer.stderr}"
        assert answer.stdout.strip(), client
    expect(page.get_by_role("list", name="Requests since this page was opened")).to_contain_text(
        "laptop asked assistant"
    )
    assert violations(page) == []
    page.reload()
    assert key not in page.content()
    expect(page.get_by_role("region", name="Table of keys").get_by_role("row", name="laptop")).to_contain_text(
        f"…{key[-4:]}"
    )
    page.context.close()


def status_with(home: House, key: str) -> int:
    request = urllib.request.Request(f"{home.url}/v1/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_revoked_key_is_turned_away_at_once(guarded: House) -> None:
    page = guarded.page()
    page.goto("/console/connect")
    page.get_by_label("Whose key it is").fill("a/b 'c'")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("button", name="Copy the key").click()
    key = page.evaluate("() => navigator.clipboard.readText()")
    assert status_with(guarded, key) == 200
    page.get_by_role("button", name="Revoke the key of a/b 'c'").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert status_with(guarded, key) == 200
    page.get_by_role("button", name="Revoke the key of a/b 'c'").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The key of a/b 'c' is revoked.")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke the key of a/b 'c'")).to_have_count(0)
    assert status_with(guarded, key) == 401
    page.context.close()


def test_a_key_asked_for_with_a_double_click_is_one_key(guarded: House) -> None:
    page = guarded.page()
    page.goto("/console/connect")
    name = page.get_by_label("Whose key it is")
    name.fill("hasty")
    page.get_by_role("button", name="Make a key").dblclick()
    expect(page.get_by_role("button", name="Revoke the key of hasty")).to_be_visible()
    expect(page.get_by_text("This is the key of hasty")).to_be_visible()
    expect(page.locator("#make-key .error")).to_have_count(0)
    page.context.close()


def test_a_name_that_is_taken_is_refused_in_words(guarded: House) -> None:
    page = guarded.page()
    page.goto("/console/connect")
    page.get_by_label("Whose key it is").fill("twice")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_role("button", name="Revoke the key of twice")).to_be_visible()
    page.get_by_label("Whose key it is").fill("twice")
    page.get_by_role("button", name="Make a key").click()
    expect(page.get_by_text("there is a key named 'twice' already")).to_be_visible()
    guarded.forget_refused(409)
    page.context.close()


def test_a_link_leads_to_one_client_and_a_phone_shows_it(guarded: House) -> None:
    page = guarded.page(size=PHONE, theme="dark")
    page.goto("/console/connect#client-codex")
    expect(page.get_by_role("heading", name="Codex", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Claude Code", exact=True)).to_be_hidden()
    expect(page.locator("#client-codex pre").first).to_contain_text('env_key = "ECOTONE_KEY"')
    assert violations(page) == []
    assert too_wide(page) <= 0
    page.context.close()


def test_the_api_gives_the_same(guarded: House) -> None:
    told = guarded.api("GET", "/clients?model=small&url=https://ai.example.com")
    assert (told["key_needed"], told["key"], told["models"]) == (True, "eco_YOUR_KEY", ["assistant", "small"])
    (curl,) = (client for client in told["clients"] if client["name"] == "curl")
    assert "https://ai.example.com/v1/chat/completions" in curl["snippets"][0]["text"]
    made = guarded.api("POST", "/keys", {"name": "by the api"})
    (kept,) = (key for key in guarded.api("GET", "/keys") if key["name"] == "by the api")
    assert (kept["hint"], kept["revoked_at"]) == (made["key"][-4:], None)
    assert "key" not in kept
