"""Every action of every page with the keys alone: what a mouse can do is reached, seen, and done without one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ecotone.web.console.rendering import NAV
from tests.console.house import PHONE, House, house
from tests.console.keyboard import Keyboard
from tests.console.scripted_vendor import Vendor, scripted_vendor
from tests.console.test_evaluations_page import make_run

CONFIG = """
[models.small]
engine = "llama.cpp"
source = "file:{path}"
context = 1024
threads = 1

[models.away]
provider = "openai"
name = "gpt-4o"
base_url = "{away}"

[models.own]
provider = "vllm"
name = "llama-3.3-70b"
base_url = "{own}"
hosting = "self-hosted"

[routes.assistant]
models = ["own", "away"]

[[rules]]
name = "cards stay home"
deny = '"credit_card" in data.kinds && endpoint.hosting == "vendor"'
because = "card numbers do not leave the house"

[[rule_tests]]
name = "a restricted text"
model = "own"
class = "restricted"
expect = "allow"
"""
RUN = "20260304-120000000-aaaa"
OTHER = "20260304-130000000-bbbb"


@pytest.fixture(scope="module")
def vendors() -> Iterator[tuple[Vendor, Vendor]]:
    with scripted_vendor() as away, scripted_vendor() as own:
        yield away, own


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, vendors: tuple[Vendor, Vendor], smollm2_path: Path
) -> Iterator[House]:
    away, own = vendors
    config = CONFIG.format(path=smollm2_path, away=away.base_url, own=own.base_url)
    with house(
        tmp_path_factory.mktemp("keys"),
        browser,
        config,
        environment={"OPENAI_API_KEY": "sk-none", "VLLM_API_KEY": "none"},
    ) as made:
        make_run(made, RUN, [1, 1, 0, 0, None], {})
        make_run(made, OTHER, [1, 0, 0, 1, None], {})
        yield made


@pytest.fixture(scope="module")
def tab(home: House) -> Page:
    return home.page()


@pytest.fixture
def page(tab: Page, vendors: tuple[Vendor, Vendor]) -> Page:
    for vendor in vendors:
        vendor.pieces = ("Hello.",)
        vendor.go.clear()
    return tab


@pytest.fixture
def keys(page: Page) -> Keyboard:
    return Keyboard(page)


def opened(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle") if path == "/console/advise" else page.wait_for_load_state("load")


# --- the way through each page


@pytest.mark.parametrize(
    "path",
    [
        *(item.path for item in NAV),
        "/console/design",
        "/console/compare/battles",
        "/console/compare/standings",
        "/console/models/catalog?search=llama",
        "/console/models/show/small",
        "/console/evaluations/new",
        "/console/evaluations/suite/new",
        "/console/evaluations/suite?word=extraction",
        f"/console/evaluations/runs/{RUN}",
        f"/console/evaluations/runs/{RUN}/case?in=made&case=c2",
        f"/console/evaluations/compare?a={RUN}&b={OTHER}",
        "/console/rules/try?text=4111%201111%201111%201111",
        "/console/rules/proof",
        "/console/rules/refused",
    ],
)
def test_all_that_a_mouse_can_use_is_reached_and_seen(page: Page, keys: Keyboard, path: str) -> None:
    opened(page, path)
    # What is folded away below the question are hundreds of the same.
    assert keys.walk(unfold_max=5 if path == "/console/advise" else 20) == []


def test_a_phone_is_walked_too(home: House) -> None:
    page = home.page(size=PHONE, theme="dark")
    keys = Keyboard(page)
    for path in ("/console/", "/console/evaluations/new"):
        page.goto(path)
        assert keys.walk() == []
    keys.use(page.get_by_role("button", name="Menu"))
    keys.use(page.get_by_label("Pages").get_by_role("link", name="Rules", exact=True))
    page.wait_for_url("**/console/rules")
    page.context.close()


# --- the frame


def test_signing_in_and_out_the_theme_and_the_way_past_the_navigation(home: House) -> None:
    page = home.page(signed_in=False)
    keys = Keyboard(page)
    page.goto("/console/")
    keys.to(page.get_by_label("Or paste the link here"))
    keys.type(home.link())
    keys.press("Enter")
    page.wait_for_url("**/console/")
    keys.use(page.get_by_role("link", name="Skip to the page"))
    expect(page.locator("#main")).to_be_focused()
    keys.use(page.get_by_role("button", name="Theme: as the system"), "Space", back=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("button", name="Theme: light")).to_be_focused()
    keys.use(page.get_by_role("button", name="Sign out"))
    page.wait_for_url("**/console/sign-in")
    page.context.close()


def test_what_went_wrong_is_put_away_without_a_mouse(home: House, page: Page, keys: Keyboard) -> None:
    page.goto("/console/evaluations/new?suite=extraction&model=small&seed=many")
    start = page.get_by_role("button", name="Start the run")
    keys.use(start)
    away = page.locator(".toast").get_by_role("button", name="Close")
    expect(page.locator(".toast")).to_contain_text("seed")
    expect(start).to_be_focused()
    keys.use(away)
    expect(page.locator(".toast")).to_have_count(0)
    keys.held()
    home.forget_refused(400)


# --- home


def test_home_keeps_the_focus_while_it_renews_itself(home: House, page: Page, keys: Keyboard) -> None:
    opened(page, "/console/")
    keys.use(page.get_by_role("button", name="Copy the address"))
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("http")
    table = page.get_by_text("The last hour as a table", exact=True).last
    keys.use(page.locator("#minutes > summary"))
    home.api("POST", "/models/load", {"model": "small"})
    expect(page.locator("#minutes > summary")).to_be_focused()
    expect(table).to_be_visible()
    home.api("POST", "/models/unload", {"model": "small"})


# --- chat


def test_a_chat_from_its_model_to_its_end(page: Page, keys: Keyboard, vendors: tuple[Vendor, Vendor]) -> None:
    own = vendors[1]
    opened(page, "/console/chat")
    keys.use(page.get_by_role("button", name="Whom to ask"))
    picker = page.get_by_role("dialog", name="Whom to ask")
    keys.press("ArrowDown", "ArrowUp", "Escape")
    expect(picker).to_be_hidden()
    expect(page.get_by_role("button", name="Whom to ask")).to_be_focused()
    keys.press("Enter")
    keys.type("own")
    keys.press("Enter")
    expect(page.locator("#chosen")).to_contain_text("own")
    expect(page.locator("#question")).to_be_focused()
    own.pieces = ("Begun", None, " and ended.")
    keys.type("Is it so?")
    keys.press("Enter")
    expect(page.locator(".asked")).to_have_text("Is it so?")
    expect(page.locator(".turn.answer")).to_contain_text("Begun")
    stop = page.get_by_role("button", name="Stop", exact=True)
    keys.use(stop)
    expect(stop).to_be_hidden()
    keys.held()
    expect(page.locator(".turn.answer")).to_contain_text("Stopped.")

    own.pieces = ("Hello again.",)
    keys.use(page.get_by_role("button", name="Again", exact=True), back=True)
    expect(page.locator(".turn.answer")).to_contain_text("Hello again.")
    expect(page.locator(".turn.answer")).not_to_have_attribute("aria-busy", "true")
    keys.held()
    keys.use(page.get_by_role("group", name="Answers in this place").get_by_role("button", name="The one before"))
    expect(page.locator(".turn.answer")).to_contain_text("Begun")
    keys.held()
    keys.use(page.get_by_role("button", name="Ask another model"))
    keys.type("away")
    keys.press("Enter")
    expect(page.locator(".turn.answer .who")).to_contain_text("away")
    expect(page.locator(".turn.answer")).not_to_have_attribute("aria-busy", "true")
    keys.held()
    keys.use(page.get_by_role("button", name="Copy", exact=True).first, back=True)
    expect(page.get_by_text("Copied")).to_be_visible()
    keys.use(page.get_by_role("button", name="Edit", exact=True), back=True)
    expect(page.locator("#question")).to_be_focused()
    keys.press("Escape")
    expect(page.locator("#editing")).to_be_hidden()
    assert keys.walk() == []


def test_files_instructions_and_the_list_of_chats(page: Page, keys: Keyboard, tmp_path: Path) -> None:
    opened(page, "/console/chat")
    (tmp_path / "note.txt").write_text("a note")
    with page.expect_file_chooser() as chooser:
        keys.use(page.locator("#files"), "Space")
    chooser.value.set_files(tmp_path / "note.txt")
    keys.use(page.get_by_role("button", name="Remove note.txt"), back=True)
    expect(page.locator("#question")).to_be_focused()
    keys.use(page.get_by_text("Instructions for the model").first, back=True)
    keys.press("Tab")
    keys.type("Be brief.")
    keys.to(page.locator("#question"))
    keys.type("One more")
    keys.press("Enter")
    expect(page.locator(".turn.answer")).not_to_have_attribute("aria-busy", "true")
    keys.use(page.get_by_role("button", name="Rename"), back=True)
    keys.replace("Renamed with keys")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Renamed with keys")
    expect(page.get_by_role("button", name="Rename")).to_be_focused()
    export = page.locator(".menu-box > summary")
    keys.use(export)
    keys.to(page.get_by_role("link", name="JSON, everything"))
    keys.press("Escape")
    expect(export).to_be_focused()
    keys.to(page.get_by_label("Search your chats"), back=True)
    keys.type("nothing has this")
    keys.use(page.get_by_role("button", name="Show all"))
    expect(page.get_by_label("Search your chats")).to_be_focused()
    keys.use(page.get_by_label("Your chats").get_by_role("link", name="Renamed with keys"))
    page.wait_for_load_state("load")
    keys.use(page.get_by_role("button", name="Delete this chat"))
    keys.press("Escape")
    expect(page.get_by_role("button", name="Delete this chat")).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Delete"))
    page.wait_for_url("**/console/chat")


# --- compare


def test_a_battle_from_its_prompt_to_the_vote(page: Page, keys: Keyboard, vendors: tuple[Vendor, Vendor]) -> None:
    for vendor in vendors:
        vendor.pieces = ("It is", None, " so.")
    opened(page, "/console/compare")
    keys.to(page.get_by_label("Prompt"))
    keys.type("Is it so?")
    for letter, name in (("A", "own"), ("B", "away")):
        keys.to(page.get_by_label(f"Model {letter}"))
        keys.type(name)
        expect(page.get_by_label(f"Model {letter}")).to_have_value(name)
    keys.use(page.get_by_role("button", name="Add a model"))
    expect(page.get_by_label("Model C")).to_be_focused()
    keys.press("Home")
    expect(page.get_by_label("Model C")).to_have_value("")
    keys.to(page.get_by_role("radio", name=re.compile("Blind|Named")).and_(page.locator(":checked")))
    keys.press("ArrowDown")
    keys.to(page.get_by_label("Prompt"), back=True)
    keys.press("Control+Enter")
    page.wait_for_url("**/console/compare/battle/*")
    expect(page.locator("#answer-1-b")).to_contain_text("It is")
    keys.to(page.get_by_role("button", name="Stop"))
    for vendor in vendors:
        vendor.go.set()
    expect(page.get_by_role("button", name="Tie")).to_be_enabled()
    keys.held()
    expect(page.locator("#judge")).not_to_have_class(re.compile("waiting"))
    asked = page.locator("#next")
    keys.to(asked)
    keys.type("And now?")
    keys.press("Control+Enter")
    expect(page.locator("#answer-2-b")).to_have_attribute("data-state", "done")
    keys.held()
    keys.use(page.get_by_role("button", name="Tie"), back=True)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    keys.press("Tab")
    assert keys.walk() == []
    keys.use(page.get_by_role("button", name="Delete"))
    keys.press("Escape")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Delete"))
    page.wait_for_url("**/console/compare")


# --- open or closed?


def test_a_slider_moves_the_answer_sorts_and_explains(page: Page, keys: Keyboard) -> None:
    opened(page, "/console/advise?work.category=general")
    expect(page.locator("#answer [data-winner]")).to_be_visible()
    slider = page.locator('input.thumb[data-for="weights.cost"]')
    keys.to(slider)
    with page.expect_response("**/console/advise/answer*"):
        keys.press("End")
    expect(slider).to_be_focused()
    column = page.locator("#ranking thead").get_by_role("link", name="Model and place")
    with page.expect_response("**/console/advise/answer*"):
        keys.use(column)
    expect(page.locator("#ranking th[aria-sort]")).to_contain_text("Model and place")
    expect(column).to_be_focused()
    with page.expect_response("**/console/advise/answer*"):
        keys.use(page.locator("#ranking").get_by_role("link", name="Open", exact=True), back=True)
    expect(page.locator("#ranking").get_by_role("link", name="Open", exact=True)).to_be_focused()
    why = page.locator("#ranking button.name").first
    keys.use(why)
    expect(page.locator("#why")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#why")).to_be_hidden()
    expect(why).to_be_focused()


# --- models


def test_a_model_is_loaded_and_unloaded_and_the_catalog_searched(home: House, page: Page, keys: Keyboard) -> None:
    opened(page, "/console/models")
    keys.use(page.get_by_role("button", name=re.compile("^Load.*small")))
    unload = page.get_by_role("button", name=re.compile("Unload.*small"))
    expect(unload).to_be_visible(timeout=60_000)
    keys.held()
    keys.use(unload)
    expect(page.get_by_role("button", name=re.compile("^Load.*small"))).to_be_visible(timeout=30_000)
    keys.held()
    keys.use(page.get_by_label("Which models").get_by_role("link", name=re.compile("The catalog")), back=True)
    page.wait_for_url("**/console/models/catalog*")
    search = page.get_by_label("Find", exact=True)
    keys.to(search)
    keys.type("smollm2")
    expect(page.locator("#rows")).to_contain_text("SmolLM2")
    expect(search).to_be_focused()
    keys.to(page.get_by_label("Weights"))
    keys.type("closed")
    expect(page.locator("#rows")).to_contain_text("None fit")
    expect(page.get_by_label("Weights")).to_be_focused()


# --- evaluations


def test_a_suite_is_added_run_and_deleted(home: House, page: Page, keys: Keyboard, tmp_path: Path) -> None:
    sheet = tmp_path / "greetings.csv"
    sheet.write_text("prompt,reference\nSay hello.,Hello\nSay bye.,Bye\n")
    page.on("filechooser", lambda _: None)  # from now on: the browser is told in passing, and may come to it late
    opened(page, "/console/evaluations")
    keys.use(page.get_by_role("link", name="Add your own"))
    add = page.get_by_role("button", name="Check and add")
    keys.use(add)
    expect(page.get_by_label("File of cases")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        keys.press("Space")
    chooser.value.set_files(sheet)
    expect(page.get_by_label("Name")).to_have_value("greetings")
    keys.use(add)
    page.wait_for_url("**/suite?word=greetings")
    keys.use(page.get_by_role("link", name="Run it"))
    expect(page.get_by_role("checkbox", name=re.compile("^own"))).to_be_checked()  # the first of the route
    keys.use(page.get_by_role("checkbox", name=re.compile("^small")), "Space")
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"Questions\s*4"))
    keys.press("Space")
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"Questions\s*2"))
    keys.to(page.get_by_role("radio", name="a first look"))
    keys.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    expect(page.get_by_role("radio", name="another number")).to_be_checked()
    keys.press("Tab")
    keys.type("1")
    expect(page.locator("#estimate")).to_contain_text(re.compile(r"Questions\s*1"))
    keys.use(page.get_by_role("button", name="Start the run"))
    page.get_by_role("heading", name="What was found").wait_for(timeout=60_000)
    keys.use(page.get_by_role("button", name="Delete"))
    expect(page.get_by_role("dialog").get_by_role("button", name="Keep it")).to_be_focused()
    keys.press("Escape")
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Delete"), back=True)
    expect(page.get_by_text("The run is deleted")).to_be_visible()
    home.api("DELETE", "/evaluations/suites/greetings")


def test_a_run_is_stopped_and_goes_on(home: House, page: Page, keys: Keyboard, vendors: tuple[Vendor, Vendor]) -> None:
    away = vendors[0]
    away.pieces = ("It is", None, " so.")
    begun = home.api("POST", "/evaluations/runs", {"suites": ["extraction"], "models": ["away"], "limit": 2})
    opened(page, f"/console/evaluations/runs/{begun['run']['id']}")
    keys.use(page.get_by_role("button", name="Stop"))
    expect(page.locator(".page-head")).to_contain_text("stopped")
    keys.held()
    away.pieces = ("It is so.",)
    away.go.set()
    keys.use(page.get_by_role("button", name="Go on"))
    expect(page.get_by_role("heading", name="What was found")).to_be_visible(timeout=60_000)
    keys.held()


def test_cases_are_chosen_with_the_arrows_and_two_runs_compared(page: Page, keys: Keyboard) -> None:
    opened(page, f"/console/evaluations/runs/{RUN}")
    wrong = page.get_by_role("radio", name=re.compile("Not right"))
    keys.to(wrong)
    keys.press("ArrowRight")
    expect(page.locator(".cases > li")).to_have_count(1)
    expect(page.get_by_role("radio", name=re.compile("No answer"))).to_be_focused()
    keys.press("ArrowRight", "ArrowRight")
    expect(page.locator(".cases > li")).to_have_count(5)
    keys.held()
    keys.to(page.get_by_label("Find in questions"))
    keys.type("question 3")
    keys.press("Enter")
    expect(page.locator(".cases > li")).to_have_count(1)
    expect(page.get_by_label("Find in questions")).to_be_focused()
    opened(page, "/console/evaluations")
    for name in (OTHER, RUN):
        keys.use(page.get_by_role("checkbox", name=name), "Space")
    keys.use(page.get_by_role("button", name="Compare two"), back=True)
    page.wait_for_url("**/evaluations/compare*")
    keys.use(page.get_by_role("link", name="Question 3?"))
    expect(page.locator("article")).to_have_count(2)


# --- rules


def test_a_text_is_tried_and_a_promise_proved(page: Page, keys: Keyboard) -> None:
    opened(page, "/console/rules")
    keys.to(page.locator("#q"))
    keys.type("card")
    keys.press("Enter")
    expect(page.locator(".rule")).to_have_count(1)
    keys.use(page.get_by_role("link", name="Try a text").first)
    text = page.get_by_label("Text", exact=True)
    keys.to(text)
    keys.type("4111 1111 1111 1111")
    keys.press("Control+Enter")
    expect(page.locator("#result mark")).to_be_visible()
    expect(text).to_be_focused()
    example = page.get_by_role("button", name="An address")
    with page.expect_response("**/console/rules/try"):
        keys.use(example)
    expect(page.locator("#result mark").first).to_contain_text("@")
    expect(example).to_be_focused()
    keys.to(page.get_by_label("Asked of"))
    keys.type("away")
    expect(page.locator("#result .place")).to_have_count(1)
    expect(page.get_by_label("Asked of")).to_be_focused()
    place = page.locator("#result .place > summary")
    was = page.locator("#result .place").get_attribute("open")
    keys.use(place)
    assert page.locator("#result .place").get_attribute("open") != was
    keys.use(page.get_by_role("link", name="Prove"), back=True)
    keys.to(page.get_by_label("Nothing for which this holds"))
    keys.replace("true")
    keys.to(page.get_by_label("is ever sent where this holds"))
    keys.replace('endpoint.hosting == "vendor"')
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="It does not hold")).to_be_visible()


# --- connect


def test_a_client_is_chosen_and_a_key_made_and_revoked(home: House, page: Page, keys: Keyboard) -> None:
    opened(page, "/console/connect")
    with page.expect_response("**/console/connect/snippets*"):
        keys.to(page.get_by_label("Route or model"))
        keys.type("own")
    expect(page.get_by_label("Route or model")).to_be_focused()
    keys.use(page.locator("[data-client=codex]"))
    expect(page.get_by_role("heading", name="Codex", exact=True)).to_be_visible()
    keys.held()
    keys.use(page.get_by_role("button", name=re.compile("^Copy the lines: Codex")).first)
    expect(page.get_by_text("Copied")).to_be_visible()
    keys.to(page.get_by_label("Whose key it is"), back=True)
    keys.type("by keys")
    with page.expect_response("**/console/connect/snippets*"):
        keys.press("Enter")
    expect(page.get_by_role("button", name="Copy the key")).to_be_visible()
    keys.held()
    revoke = page.get_by_role("button", name="Revoke the key of by keys")
    keys.use(revoke)
    keys.press("Escape")
    expect(revoke).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Revoke"), back=True)
    expect(page.get_by_text("The key of by keys is revoked.")).to_be_visible()
    expect(revoke).to_have_count(0)
    keys.held()


# --- the API


def test_a_shape_of_the_api_is_unfolded(page: Page, keys: Keyboard) -> None:
    page.goto("/console/api#ErrorBody")
    keys.use(page.locator("#ErrorBody > summary"))
    expect(page.locator("#ErrorBody pre")).to_contain_text('"message"')
    expect(page.locator("#ErrorBody > summary")).to_be_focused()
