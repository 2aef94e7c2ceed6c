"""What holds for every page: it can be used by all, fits a phone, is light, and keeps to the policy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from ecotone.web.console.rendering import NAV
from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, WIDE, House, house

PAGE_BYTES_MAX = 400_000
CONFIG = """
[models.small]
engine = "llama.cpp"
source = "file:{path}"

[models.away]
provider = "openai"
name = "gpt-4o"

[routes.assistant]
models = ["small", "away"]

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"

[[rule_tests]]
name = "a restricted text"
model = "away"
class = "restricted"
expect = "deny"
"""
PLAIN = [*(item.path for item in NAV), "/console/design", "/console/api"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    config = CONFIG.format(path=smollm2_path)
    with house(tmp_path_factory.mktemp("pages"), browser, config, environment={"OPENAI_API_KEY": "sk-none"}) as made:
        yield made


@pytest.fixture(scope="module")
def pages(home: House) -> dict[str, Page]:
    """One signed-in page of each kind, used again and again."""
    return {
        "wide light": home.page(size=WIDE, theme="light"),
        "phone dark": home.page(size=PHONE, theme="dark"),
    }


def opened(page: Page, path: str) -> None:
    """The page, with all that it asks for while it opens."""
    response = page.goto(path)
    assert response is not None and response.status == 200, path
    page.wait_for_load_state("load")
    expect(page.locator("h1")).to_have_count(1)


@pytest.mark.parametrize("path", PLAIN)
@pytest.mark.parametrize("kind", ["wide light", "phone dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    pages: dict[str, Page], path: str, kind: Literal["wide light", "phone dark"]
) -> None:
    page = pages[kind]
    opened(page, path)
    assert violations(page) == []
    assert too_wide(page) <= 0


@pytest.mark.parametrize("path", PLAIN)
def test_a_page_is_light(home: House, path: str) -> None:
    page = home.page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    opened(page, path)
    kinds = [(answer, answer.headers.get("content-type", "")) for answer in answers if answer.status == 200]
    sizes = [len(answer.body()) for answer, kind in kinds if not kind.startswith("text/event-stream")]
    assert 0 < sum(sizes) <= PAGE_BYTES_MAX, f"{path}: {sum(sizes):,} bytes"
    page.context.close()


def test_every_page_of_the_navigation_is_there_and_its_key_leads_to_it(home: House) -> None:
    page = home.page()
    for item in NAV:
        page.goto("/console/design")
        page.keyboard.press("g")
        page.keyboard.press(item.key)
        expect(page).to_have_url(home.url + item.path)
        expect(page.get_by_role("link", name=item.title, exact=True)).to_have_attribute("aria-current", "page")
    page.context.close()


def test_the_first_tab_leads_past_the_navigation(home: House) -> None:
    page = home.page()
    page.goto("/console/design")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.context.close()


def test_the_chosen_theme_stays(home: House) -> None:
    page = home.page(theme="light")
    page.goto("/console/design")
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.goto("/console/api")
    assert page.evaluate(ground) == dark
    page.context.close()


@pytest.mark.parametrize("path", PLAIN)
def test_the_menu_opens_on_a_phone(pages: dict[str, Page], path: str) -> None:
    """On every page: what the frame does is done once, whatever else a page's scripts load."""
    page = pages["phone dark"]
    page.goto(path)
    link = page.get_by_label("Pages").get_by_role("link", name="Rules", exact=True)
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(link).to_be_visible()


def test_a_shape_of_the_api_opens(home: House) -> None:
    page = home.page()
    page.goto("/console/api")
    page.locator("#ErrorBody summary").click()
    expect(page.locator("#ErrorBody pre")).to_contain_text('"message"')
    page.get_by_role("link", name="NewChat", exact=True).click()
    expect(page.locator("#NewChat pre")).to_contain_text('"title"')
    page.reload()
    expect(page.locator("#NewChat pre")).to_contain_text('"title"')
    page.context.close()
