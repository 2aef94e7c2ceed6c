"""What pages say when the gateway is gone, and when its config file is not what is in force."""

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.house import house
from tests.console.scripted_vendor import Vendor, scripted_vendor

CONFIG = """
[models.away]
provider = "openai-compatible"
name = "llama-3.3-70b"
base_url = "{url}"
"""
LOST = "Connection lost; trying again. What you see here may be out of date."


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with scripted_vendor() as made:
        yield made


def ask(page: Page, text: str) -> None:
    page.goto("/console/chat")
    page.get_by_role("button", name="Whom to ask").press("Enter")
    page.keyboard.type("away")
    page.keyboard.press("Enter")
    page.get_by_label("Question").fill(text)
    page.get_by_label("Question").press("Enter")


def test_a_gateway_that_died_is_told_of_until_it_is_back(tmp_path: Path, browser: Browser, vendor: Vendor) -> None:
    config = CONFIG.format(url=vendor.base_url)
    vendor.pieces = ("Begun.", None)
    with house(tmp_path, browser, config) as first:
        chat = first.page()
        ask(chat, "Go on.")
        expect(chat.locator(".prose")).to_contain_text("Begun.")
        home = chat.context.new_page()
        home.goto("/console/")
        expect(home.locator("#connection")).to_be_empty()
        first.process.kill()
        first.process.wait()
        for page in (home, chat):
            expect(page.locator("#connection")).to_have_text(LOST)
        with house(tmp_path, browser, config, "--port", str(urlsplit(first.url).port)):
            for page in (home, chat):
                expect(page.locator("#connection")).to_be_empty()
            expect(chat.locator(".turn.answer")).to_contain_text(
                "The gateway was stopped while this was being answered"
            )
            expect(chat.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
            expect(chat.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
        first.faults[:] = [fault for fault in first.faults if "ERR_" not in fault]


def test_a_connection_that_only_falls_silent_is_told_of_too(tmp_path: Path, browser: Browser) -> None:
    with house(tmp_path, browser, CONFIG.format(url="http://127.0.0.1:9/v1")) as made:
        page = made.page()
        page.clock.install()
        page.goto("/console/")
        expect(page.locator("#minutes")).to_be_attached()
        made.process.send_signal(signal.SIGSTOP)
        try:
            page.clock.fast_forward(45_000)
            expect(page.locator("#connection")).to_have_text(LOST)
        finally:
            made.process.send_signal(signal.SIGCONT)
        expect(page.locator("#connection")).to_be_empty()

        # A message does not cover what one asks with.
        page.goto("/console/chat")
        page.evaluate("import('/console/static/app.js').then(({ toast }) => toast('That did not work.', 'bad'))")
        message, composer = page.locator(".toast").bounding_box(), page.locator(".composer-box").bounding_box()
        assert message is not None and composer is not None
        assert message["y"] + message["height"] <= composer["y"]


def test_a_config_that_is_refused_is_told_of_until_it_is_mended(tmp_path: Path, browser: Browser) -> None:
    config = CONFIG.format(url="http://127.0.0.1:9/v1")
    with house(tmp_path, browser, config) as made:
        file = tmp_path / "ecotone.toml"
        page, rules = made.page(), made.page()
        page.goto("/console/")
        made.command("ask", "hello")
        expect(page.locator(".stat").first).to_contain_text("1 failed")
        file.write_text(config + "\n[models.other]\nprovder = 'ollama'\n")
        notice = page.locator("#refused-config")
        expect(notice).to_contain_text("The config file was changed and is not in force, since ")
        expect(notice).to_contain_text(f"{file}:8: ")
        refused = made.api("GET", "/status")["standing"]["refused_config"]
        told = made.command("status").stderr
        assert f"the config file is not what is in force, since {refused['since'][:16].replace('T', ' ')} UTC" in told
        assert refused["why"] in told
        assert "last hour: 1 request; " in told
        for path in ("", "/try", "/proof", "/refused"):
            rules.goto(f"/console/rules{path}")
            expect(rules.locator("#refused-config")).to_contain_text(refused["why"])
        file.unlink()
        expect(notice).not_to_contain_text(":8: ")
        assert made.api("GET", "/status")["standing"]["refused_config"]["since"] == refused["since"]
        file.write_text(config)
        expect(notice).to_have_count(0)
        rules.reload()
        expect(rules.locator("#refused-config")).to_have_count(0)
        assert made.api("GET", "/status")["standing"]["refused_config"] is None
