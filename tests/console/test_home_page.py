"""Home: what runs, what it did, what left the house, and what to do next, as it happens."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ecotone.storage.database import Database
from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, SMALL, WIDE, House, house
from tests.console.lines import lines, ran
from tests.console.scripted_vendor import Vendor, scripted_vendor
from tests.request_rows import row as request_row
from tests.request_rows import write_rows

CONFIG = (
    SMALL
    + """
[models.away]
provider = "openai"
name = "gpt-4o"
base_url = "{vendor}"

[routes.assistant]
models = ["small", "away"]

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"
"""
)


@pytest.fixture(scope="module")
def away() -> Iterator[Vendor]:
    with scripted_vendor() as made:
        yield made


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path, away: Vendor
) -> Iterator[House]:
    config = CONFIG.format(path=smollm2_path, vendor=away.base_url)
    with house(tmp_path_factory.mktemp("home"), browser, config, environment={"OPENAI_API_KEY": "sk-none"}) as made:
        yield made


def asked(home: House, model: str, data_class: str = "public") -> int:
    """A program on this machine asks; its answer's status."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "stream": True}
    request = urllib.request.Request(f"{home.url}/v1/chat/completions", json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    request.add_header("x-ecotone-class", data_class)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def lively(home: House) -> House:
    """One where something was asked within the hour."""
    if not home.api("GET", "/status")["traffic"]["total"]["requests"]:
        assert asked(home, "away") == 200
    return home


def figure(page: Page, label: str) -> Locator:
    return page.locator(".stat", has_text=label).locator(".value")


def row(page: Page, section: str, name: str) -> Locator:
    return page.get_by_role("region", name=section, exact=True).get_by_role("row", name=name)


def test_a_newcomer_is_told_where_to_begin(home: House) -> None:
    page = home.page()
    page.goto("/console/")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Two models can answer. Nobody has asked anything in the last hour."
    )
    steps = page.get_by_role("region", name="Begin here").get_by_role("heading", level=3)
    expect(steps).to_have_text(
        ["Ask it something", "Connect the client that you have", "Let two models answer side by side"]
    )
    page.get_by_role("link", name="Show me the lines").click()
    expect(page).to_have_url(f"{home.url}/console/connect")
    page.context.close()


def test_what_happens_appears_by_itself(home: House) -> None:
    page = home.page()
    page.goto("/console/")
    expect(figure(page, "Requests")).to_have_text("0")
    expect(page.locator("#chart canvas")).to_have_count(0)
    assert [asked(home, "small"), asked(home, "away"), asked(home, "away"), asked(home, "away", "restricted")] == [
        200,
        200,
        200,
        403,
    ]
    expect(figure(page, "Requests")).to_have_text("4")
    expect(figure(page, "Stayed in the house")).to_have_text("1")
    expect(figure(page, "Left the house")).to_have_text("2")
    expect(page.locator("#chart canvas")).to_have_count(2)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Two models can answer. Of what was asked in the last hour, 67\u202f% left the house."
    )
    expect(row(page, "Table of what left", "away")).to_contain_text("openai")
    expect(row(page, "Table of what left", "away").get_by_role("cell").nth(2)).to_have_text("2")
    expect(page.get_by_text("kept back by your rules")).to_be_visible()
    expect(row(page, "Table of what runs", "small")).to_contain_text("tokens/s")
    told = home.api("GET", "/status")["traffic"]["total"]
    assert (told["requests"], told["answered"], told["refused"], told["kept_back"]) == (4, 3, 1, 1)
    assert told["house"] == {"open": 1, "closed": 0, "unknown": 0}
    assert told["left"] == {"open": 0, "closed": 2, "unknown": 0}
    sent = page.locator(".stat", has_text="Left the house")
    expect(sent).to_contain_text("2\u202f400 tokens were sent")
    with closing(Database(home.home / "ecotone.db")) as database:
        write_rows(database, request_row(time.time_ns() // 1000, endpoint="away@openai", status=502))
    expect(sent).to_contain_text("at least 2\u202f400 tokens were sent")
    row(page, "Table of what runs", "small").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("SmolLM2")
    page.context.close()


def test_the_hour_can_be_read_as_a_table_and_is_not_renewed_under_ones_fingers(lively: House) -> None:
    page = lively.page()
    page.goto("/console/")
    expect(page.locator("#chart canvas")).to_have_count(2)
    before = int(figure(page, "Requests").inner_text())
    table = page.get_by_role("region", name="Table of the last hour")
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(table.get_by_role("row").nth(1)).to_be_visible()
    assert asked(lively, "away") == 200
    expect(page.locator("#live")).to_have_attribute("data-waits", "")
    expect(page.locator("summary")).to_be_focused()
    expect(figure(page, "Requests")).to_have_text(str(before))
    page.locator("#main").focus()
    expect(figure(page, "Requests")).to_have_text(str(before + 1))
    expect(table).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_with_traffic_it_can_be_used_by_all_and_fits_a_phone(lively: House, theme: Literal["light", "dark"]) -> None:
    for size in (WIDE, PHONE):
        page = lively.page(size=size, theme=theme)
        page.goto("/console/")
        expect(page.locator("#chart canvas")).to_have_count(2)
        assert violations(page) == []
        assert too_wide(page) <= 0
        page.context.close()


def test_the_lines_of_connect_work_without_a_key_where_none_is_needed(home: House) -> None:
    page = home.page()
    page.goto("/console/connect")
    expect(page.get_by_text("On this machine none is needed").first).to_be_visible()
    said = ran(["bash", "-c", lines(page, "curl", "Ask once")])
    assert json.loads(said.stdout)["choices"][0]["message"]["role"] == "assistant", said.stderr
    expect(page.get_by_role("list", name="Requests since this page was opened")).to_contain_text(
        "local asked assistant (chat), small answered"
    )
    page.get_by_label("Route or model").select_option("small")
    expect(page.locator("#client-curl pre")).to_contain_text('"model": "small"')
    page.context.close()


def test_commands_say_the_same(home: House) -> None:
    told = json.loads(home.command("status", "--json").stdout)
    assert told["traffic"]["total"]["requests"] == home.api("GET", "/status")["traffic"]["total"]["requests"]
    small, away = home.command("status").stdout.splitlines()[1:]
    assert small.split()[0] == "small" and "in this gateway" in small
    assert away.split()[0] == "away" and "leaves the house" in away
    assert 'model = "small"' in home.command("clients", "codex", "--model", "small").stdout
    assert f"{home.url}/v1" in home.command("clients").stdout
