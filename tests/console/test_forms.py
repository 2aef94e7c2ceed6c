"""What is wrong with a field is said in every form in the same way; what is written stays until it is sent; times are
those of the reader's clock."""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.accessible import violations
from tests.console.house import House, house

CONFIG = """
[models.away]
provider = "openai"
name = "gpt-4o"
base_url = "http://127.0.0.1:9/v1"

[models.own]
provider = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
hosting = "self-hosted"
"""
FORMS = [
    ("/console/chat", "Ask", "Question", "Write a question first, or attach a file."),
    ("/console/compare", "Compare", "Prompt", "Write the prompt first, or take an example."),
    ("/console/rules/try", "Try it", "Text", "Paste a text first, or take an example."),
    ("/console/rules/proof", "Prove it", "Nothing for which this holds", "Write for which requests it is promised"),
    ("/console/connect", "Make a key", "Whose key it is", "Say whose key it is."),
    ("/console/models", "Fetch", "From anywhere", "Say where the file is"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("forms"), browser, CONFIG, environment={"OPENAI_API_KEY": "sk-none"}) as made:
        yield made


@pytest.fixture(scope="module")
def page(home: House) -> Page:
    """A signed-in page, used again and again."""
    return home.page()


def told_at(page: Page, label: str, words: str) -> None:
    """Is it said below this field, for eyes and for readers of screens, and is this where one goes on?"""
    field = page.get_by_label(label, exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(re.escape(words)))
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()


@pytest.mark.parametrize(("path", "button", "label", "words"), FORMS)
def test_every_form_says_at_the_field_what_is_missing(
    page: Page, path: str, button: str, label: str, words: str
) -> None:
    page.goto(path)
    field = page.get_by_label(label, exact=True)
    field.fill("  ")
    page.get_by_role("button", name=button, exact=True).first.click()
    told_at(page, label, words)
    assert violations(page) == []
    field.press_sequentially("x")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(field).not_to_have_accessible_description(re.compile(re.escape(words)))
    expect(page.get_by_role("alert").filter(has_text=words)).to_have_count(0)


def test_a_run_of_nothing_says_what_to_choose(page: Page) -> None:
    page.goto("/console/evaluations/new")
    checked = page.get_by_role("checkbox", checked=True)
    for _ in range(checked.count()):
        checked.first.uncheck()
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one suite.")
    expect(page.locator("fieldset:has([name=suite]) input").first).to_be_focused()
    models = page.locator("fieldset:has([name=model])")
    expect(models).to_contain_text("Choose at least one model.")
    assert violations(page) == []
    models.get_by_role("checkbox").last.check()
    expect(models).not_to_contain_text("Choose at least one model.")
    expect(page).to_have_url(re.compile("/console/evaluations/new"))


def test_signing_in_with_nothing_says_what_to_paste(home: House) -> None:
    page = home.page(signed_in=False)
    page.goto("/console/sign-in")
    page.get_by_role("button", name="Sign in").click()
    told_at(page, "Or paste the link here", "Paste the link that ecotone console prints.")
    page.context.close()


def test_what_the_gateway_has_against_a_field_is_said_there_too(home: House, page: Page) -> None:
    page.goto("/console/connect")
    for _ in range(2):
        page.get_by_label("Whose key it is").fill("laptop")
        page.get_by_role("button", name="Make a key").click()
        expect(page.locator("#made [data-name]")).to_have_text("laptop")
    told_at(page, "Whose key it is", "laptop")
    home.forget_refused(409)


def test_without_rules_the_chat_says_beforehand_that_nothing_is_looked_for(page: Page) -> None:
    page.goto("/console/chat")
    expect(page.get_by_label("Data class")).to_have_accessible_description(
        re.compile("^No rules: nothing is looked for in what you write, and its class decides nothing.")
    )


def test_a_long_question_is_folded_and_unfolds(page: Page) -> None:
    page.goto("/console/chat")
    page.get_by_label("Question").fill("a line\n" * 60 + "the end")
    page.get_by_label("Question").press("Enter")
    asked = page.locator(".asked")
    folded = asked.bounding_box()
    button = page.get_by_role("button", name="Show all 427 characters")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.press("Enter")
    expect(page.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
    unfolded = asked.bounding_box()
    assert folded is not None and unfolded is not None and folded["height"] < 340 < 1000 < unfolded["height"]
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Question")).to_have_value("a line\n" * 60 + "the end")


def test_a_draft_belongs_to_its_chat_and_is_gone_with_who_wrote_it(home: House) -> None:
    page = home.page()
    page.goto("/console/chat")
    question = page.get_by_label("Question")
    question.fill("first")
    question.press("Enter")
    expect(page.locator(".turn.answer")).to_have_attribute("data-state", "failed")
    question.fill("of this chat")
    address = page.url
    page.get_by_role("link", name="New chat").click()
    expect(question).to_have_value("")
    page.goto(address)
    expect(question).to_have_value("of this chat")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/console/sign-in")
    page.goto(home.link())
    page.goto(address)
    expect(question).to_have_value("")
    page.context.close()


def test_times_are_those_of_the_readers_clock_with_utc_behind_them(home: House, browser: Browser) -> None:
    zone = "Asia/Kathmandu"
    context = browser.new_context(base_url=home.url, timezone_id=zone, locale="de-DE")
    page = context.new_page()
    page.goto(home.link())
    name = "reader in Nepal"
    home.api("POST", "/keys", {"name": name})
    page.goto("/console/connect")
    time = page.locator("tr", has_text=name).locator("time")
    moment = datetime.fromisoformat(time.get_attribute("datetime") or "")
    expect(time).to_have_text(f"{moment.astimezone(ZoneInfo(zone)):%-d %b %Y, %H:%M}")
    expect(time).to_have_attribute("title", f"{moment:%Y-%m-%d %H:%M:%S} UTC")
    # Also in what comes into the page later.
    page.evaluate("() => htmx.ajax('GET', '/console/connect', { target: '#keys', select: '#keys', swap: 'outerHTML' })")
    expect(time).to_have_text(f"{moment.astimezone(ZoneInfo(zone)):%-d %b %Y, %H:%M}")


def test_keys_of_one_letter_can_be_turned_off(page: Page) -> None:
    page.goto("/console/design")
    page.get_by_role("button", name="One-letter keys: on").click()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.reload()
    expect(page).to_have_url(re.compile("/console/design$"))
    page.get_by_role("button", name="One-letter keys: off").click()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/console/rules$"))


def test_where_a_session_has_ended_no_page_comes_in_the_place_of_a_part(home: House) -> None:
    page = home.page()
    page.goto("/console/connect?client=curl")
    page.context.clear_cookies()
    page.get_by_label("Route or model").select_option("own")
    page.wait_for_url("**/console/sign-in?next=*")
    assert page.url.endswith("?next=%2Fconsole%2Fconnect%3Fclient%3Dcurl")
    home.faults[:] = [fault for fault in home.faults if "401" not in fault]  # as it should be, of htmx too
    page.context.close()


def test_what_goes_wrong_in_a_part_is_said_in_words_and_can_be_closed(home: House) -> None:
    page = home.page()
    page.goto("/console/design")
    page.evaluate("() => htmx.ajax('GET', '/console/advise/names?kind=fallen&at=9999', '#main').catch(() => {})")
    told = page.locator(".toast")
    expect(told).to_have_text("There is no such reason under this question. Load the page again.Close")
    told.get_by_role("button", name="Close").press("Enter")
    expect(told).to_have_count(0)
    home.faults[:] = [fault for fault in home.faults if "404" not in fault]  # as it should be, of htmx too
    page.context.close()


def test_a_page_that_no_longer_follows_says_so(home: House) -> None:
    page = home.page()
    page.route("**/control/v1/clients/arrivals", lambda route: route.fulfill(status=401, body="Sign in first."))
    page.goto("/console/connect")
    expect(page.locator(".toast")).to_contain_text("This page no longer follows what happens. Load it again.")
    home.faults[:] = [fault for fault in home.faults if "401" not in fault]  # as it should be
    page.context.close()
