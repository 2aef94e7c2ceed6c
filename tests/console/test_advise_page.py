"""The page that answers "open or closed?", walked in a browser; what it says is held against `ecotone advise`."""

import json
import re
import shlex
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from ecotone.evaluation.advice.pictures import best_by_release
from ecotone.web.console.rendering import STATIC
from tests.console.house import PHONE, House, house

# Nothing of it is ever asked: the page needs no model.
CONFIG = """
[models.far]
provider = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"

[models.near]
provider = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
hosting = "self-hosted"

[organisation]
commercial = true
territories = ["DE"]
"""
# Few options, so that each answer is quick: an open model at a vendor, a closed one, and another closed one.
FEW = (
    ("models", "anthropic/claude-opus-4-5, openai/gpt-oss-120b, google/gemini-2.5-flash"),
    ("providers", "anthropic, groq, gemini"),
)
LINK = "/console/advise?" + "&".join(f"{name}={value.replace(' ', '')}" for name, value in FEW)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("advise"), browser, CONFIG) as running:
        yield running


def told(here: House, *arguments: str) -> dict[str, Any]:
    """What `ecotone advise --json` says, in the same house."""
    models, vendors = (values.split(", ") for _, values in FEW)
    narrowed = [f"--model={name}" for name in models] + [f"--vendor={name}" for name in vendors]
    said: dict[str, Any] = json.loads(here.command("advise", *narrowed, *arguments, "--json").stdout)
    return said


def answered(page: Page, winner: str) -> None:
    """Wait until the answer has that option first."""
    expect(page.locator("#answer [data-winner]")).to_have_attribute("data-winner", winner)


def test_moving_a_slider_flips_the_winner(here: House) -> None:
    before = told(here)
    (flip, *_) = [row for row in before["flips"] if row["field"] == "weights.quality" and float(row["factor"]) > 1]
    above = 10.0
    after = told(here, f"--weigh=quality={above:g}")
    first, other = before["ranked"][0], after["ranked"][0]
    assert first["key"] != other["key"]
    assert float(flip["then"]) < above
    page = here.page()
    page.goto(LINK)
    answered(page, first["key"])
    expect(page.locator("#answer-title")).to_have_text(f"{first['weights'].capitalize()}: {first['name']}")
    # As somebody does who has no mouse: the slider has the focus, and End moves it to its right end.
    slider = page.get_by_role("slider", name="Quality, as a slider")
    slider.focus()
    page.keyboard.press("End")
    expect(page.get_by_label("Quality", exact=True)).to_have_value("10")
    answered(page, other["key"])
    expect(page.locator("#answer-title")).to_have_text(f"{other['weights'].capitalize()}: {other['name']}")
    expect(page.get_by_role("status").filter(has_text="First is now")).to_contain_text(f"It was {first['name']}")
    # The address follows, and asks the same again.
    expect(page).to_have_url(re.compile(r"weights\.quality=10"))
    page.reload()
    answered(page, other["key"])


def test_what_would_flip_it_can_be_tried(here: House) -> None:
    said = told(here)
    nearest = said["flips"][0]
    page = here.page()
    page.goto(LINK)
    answered(page, said["ranked"][0]["key"])
    page.locator(".verdict-panel").get_by_role("link", name="Try it").click()
    answered(page, nearest["winner"])


def test_the_ranking_is_that_of_the_command(here: House) -> None:
    said = told(here)
    page = here.page()
    page.goto(LINK)
    answered(page, said["ranked"][0]["key"])
    names = page.locator(".ranking tbody th button")
    expect(names).to_have_text([row["name"] for row in said["ranked"]])
    # By cost the cheapest comes first, and the address says so.
    page.get_by_role("link", name="$ a month").click()
    cheapest = sorted(said["ranked"], key=lambda row: (float(row["monthly_usd"]), row["rank"]))
    expect(names).to_have_text([row["name"] for row in cheapest])
    expect(page).to_have_url(re.compile("sort=cost"))
    # Only the closed ones; the order stays.
    page.locator("#ranking").get_by_role("link", name="Closed").click()
    expect(names).to_have_text([row["name"] for row in cheapest if row["weights"] == "closed"])
    # A change of the question keeps how the ranking is looked at.
    page.get_by_label("Requests a month", exact=True).fill("20000")
    expect(page).to_have_url(re.compile("requests_per_month=20000.*sort=cost&show=closed"))


def test_an_option_tells_its_reasons_and_esc_leads_back(here: House) -> None:
    page = here.page()
    page.goto(LINK)
    name = page.locator(".ranking tbody th button").first
    name.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Leaving it:")
    expect(dialog).to_contain_text("10,000 requests x $")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(name).to_be_focused()


def test_an_option_leads_to_all_that_is_known_of_its_model(here: House) -> None:
    first = told(here)["ranked"][0]
    page = here.page()
    page.goto(f"{LINK}&key={quote(first['key'])}".replace("/advise?", "/advise/option?"))
    page.get_by_role("link", name="All that is known of").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(first["name"])


def test_conditions_put_options_out_and_say_why(here: House) -> None:
    page = here.page()
    page.goto(f"{LINK}&limits.monthly_usd_max=5")
    expect(page.locator(".side-card.closed")).to_contain_text("None is left")
    why = page.locator("#out details").filter(has_text="A month costs more than the limit of $5.00").first
    why.locator("summary").click()
    expect(why.locator(".names")).to_contain_text("Gemini 2.5 Flash")
    # Lifting everything by one condition more leaves nothing, and the page says what to do.
    page.get_by_label("At most, $ a month").fill("0")
    expect(page.locator("#answer-title")).to_have_text("Nothing is left")


def test_an_own_machine_is_held_against_vendors(here: House) -> None:
    page = here.page()
    page.goto(LINK)
    answered(page, told(here)["ranked"][0]["key"])
    page.locator("summary", has_text="Your own machines").click()
    machine = page.locator(".machine").first
    machine.get_by_label("Machine", exact=True).fill("box")
    machine.get_by_label("Rent, $ an hour").fill("1")
    machine.get_by_label("Busy, 0 to 1").fill("1")
    machine.get_by_label("Model").first.fill("openai/gpt-oss-120b")
    machine.get_by_label("Tokens a second").first.fill("1000")
    # 1 x 730 = $730 a month. Groq asks (1,000 x 0.15 + 300 x 0.60) / 1,000,000 = $0.00033 a request:
    # 730 / 0.00033 = 2,212,121 requests, and the machine answers 1,000 x 3600 x 730 / 300 = 8,760,000.
    meeting = page.locator(".break-evens div").filter(has_text="GPT OSS 120B on box against GPT OSS 120B at groq")
    expect(meeting).to_contain_text("cheaper from 2,212,121 requests a month on")
    # Room for another one takes the page again, with all that was said.
    page.get_by_role("button", name="Room for more").click()
    expect(page.locator(".machine")).to_have_count(2)
    expect(meeting).to_be_visible()
    machine.get_by_role("button", name="Clear this machine").click()
    expect(page.locator(".break-evens")).to_have_count(0)


def test_what_cannot_be_read_is_marked_and_the_answer_stays(here: House) -> None:
    page = here.page()
    page.goto(LINK)
    title = page.locator("#answer-title")
    expect(title).not_to_be_empty()
    before = title.inner_text()
    field = page.get_by_label("Requests a month", exact=True)
    field.fill("lots")
    expect(page.locator("#problems")).to_contain_text("a whole number")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(title).to_have_text(before)
    field.fill("500")
    expect(page.locator("#problems")).to_be_empty()
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_what_is_wrong_is_said_in_the_words_of_the_form(here: House) -> None:
    page = here.page()
    page.goto(LINK)
    expect(page.locator("#answer-title")).not_to_be_empty()
    field = page.get_by_label("Requests a month", exact=True)
    field.fill("0")
    expect(page.locator("#problems")).to_have_text("Requests a month: must be at least 1.")
    expect(field).to_have_accessible_description("Must be at least 1.")
    # The answer of the question before cannot be taken along as this one's.
    report = page.locator(".exports a", has_text="Report")
    expect(page.locator("#answer")).to_have_css("opacity", "0.5")
    assert report.evaluate("link => link.closest('[inert]') !== null")
    field.fill("500")
    expect(page.locator("#answer")).to_have_css("opacity", "1")
    assert report.evaluate("link => link.closest('[inert]') === null")


def test_texts_that_stay_lead_to_a_machine_to_run_models_on(here: House) -> None:
    page = here.page(size=PHONE)
    page.goto(LINK)
    expect(page.locator("#answer-title")).not_to_be_empty()
    page.goto(f"{LINK}&privacy.may_leave=no")
    answer = page.locator(".verdict-panel")
    expect(answer).to_contain_text("no machine of yours is described")
    expect(answer).to_contain_text("Already answering without a text leaving: near.")
    answer.get_by_role("link", name="Describe a machine").click()
    expect(page.get_by_label("Machine", exact=True).first).to_be_focused()
    # Where it is closed models that are wanted, a machine would not help.
    page.goto(f"{LINK}&privacy.may_leave=no&limits.weights=closed")
    expect(answer).to_contain_text("lift a condition")


def test_hostile_words_stay_words(here: House) -> None:
    page = here.page()
    page.goto(f"{LINK}&title=<img src=x onerror=alert(1)>&machines.0.name=</svg><script>alert(1)</script>"
              "&machines.0.rent_per_hour=1&machines.0.speeds.0.model=openai/gpt-oss-120b"
              "&machines.0.speeds.0.tokens_per_s=1000")  # fmt: skip
    expect(page.locator("#scatter")).to_contain_text("<img src=x onerror=alert(1)>: the")
    expect(page.locator(".ranking")).to_contain_text("</svg><script>alert(1)</script>")
    assert page.locator("#answer script, #answer img").count() == 0
    page.goto(f"{LINK}&work.category=<b>bold</b>")
    expect(page.locator("#problems")).to_contain_text("'<b>bold</b>'")


def test_pictures_follow_the_theme_without_styles_of_their_own(here: House) -> None:
    colours = []
    for theme in ("light", "dark"):
        page = here.page(theme="light" if theme == "light" else "dark")
        page.goto(LINK)
        mark = page.locator("#scatter .wide circle.open").first
        expect(mark).to_be_visible()
        colours.append(mark.evaluate("mark => getComputedStyle(mark).fill"))
        assert page.locator("#answer style, #answer [style]").count() == 0
    assert len(set(colours)) == 2


def test_on_a_phone_the_answer_comes_first_and_nothing_runs_over(here: House) -> None:
    page = here.page(size=PHONE)
    page.goto(LINK)
    expect(page.locator("#answer-title")).to_be_in_viewport()
    expect(page.get_by_label("Requests a month", exact=True)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    expect(page.locator("#scatter .narrow")).to_be_visible()
    expect(page.locator("#scatter .wide")).to_be_hidden()
    page.locator("#whole > summary").click()
    expect(page.get_by_label("Requests a month", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_answer_leaves_as_files_and_as_a_command(here: House, tmp_path: Path) -> None:
    said = told(here)
    page = here.page()
    page.goto(LINK)
    answered(page, said["ranked"][0]["key"])
    kept = {}
    for name, file in (
        ("Report", "open-or-closed.html"),
        ("JSON", "open-or-closed.json"),
        ("Question", "question.toml"),
    ):
        with page.expect_download() as waiting:
            page.locator(".exports").get_by_role("link", name=name, exact=True).click()
        assert waiting.value.suggested_filename == file
        kept[name] = tmp_path / file
        waiting.value.save_as(kept[name])
    assert json.loads(kept["JSON"].read_text())["ranked"] == said["ranked"]
    assert "<h1>Open or closed?</h1>" in kept["Report"].read_text()
    again = here.api("POST", "/advice", {"work": said["question"]["work"], "models": said["question"]["models"],
                                         "providers": said["question"]["providers"]})  # fmt: skip
    assert again["ranked"] == said["ranked"]
    command = shlex.split(page.locator("#answer .copied pre").text_content() or "")
    assert command[:2] == ["ecotone", "advise"]
    assert {"--vendor", "groq", "--model", "google/gemini-2.5-flash"} <= set(command)


def test_the_api_says_what_is_wrong(here: House) -> None:
    for body, words in (
        ({"work": {"requests_per_month": 0, "input_tokens": 1, "output_tokens": 1}}, "at least 1"),
        ({"work": {"requests_per_month": 1, "input_tokens": 1, "output_tokens": 1}, "colour": 1}, "colour"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            here.api("POST", "/advice", body)
        assert refused.value.code == 400
        assert words in json.loads(refused.value.read())["error"]["message"]


def test_every_class_in_a_picture_has_a_rule_of_the_console() -> None:
    own = re.search(r"<style>(.*?)</style>", best_by_release("general"), re.DOTALL)
    assert own is not None
    named = set(re.findall(r"\.picture \.([\w-]+)", own[1]))
    assert {"open", "closed", "chosen"} <= named
    rules = (STATIC / "pages" / "pictures.css").read_text()
    assert named <= set(re.findall(r"\.picture (?:\.\w+ )?\.([\w-]+)", rules))
