"""The pages of the rules, walked in a browser: in force, tried on a text, proved, and what was refused."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, WIDE, House, house

MODELS = """
[models.frontier]
provider = "anthropic"
name = "claude-sonnet-4-5"

[models.own]
provider = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
hosting = "self-hosted"

[routes.assistant]
models = ["frontier", "own"]
"""
RULES = """
[data.raises]
credit_card = "restricted"

[[rules]]
name = "home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays at home"

[[rules]]
name = "addresses"
redact = 'endpoint.hosting == "vendor"'
kinds = ["email"]
because = "vendors need no addresses"

[[rules]]
name = "never reached"
flag = 'endpoint.region == "moon"  &&  false'
because = "nobody is there"

[[rule_tests]]
name = "a card stays home"
text = "4111 1111 1111 1111"
model = "frontier"
expect = "deny"
rule = "home"
"""
CARD = "Please charge 4111 1111 1111 1111 today."


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("rules")
    with house(folder, browser, MODELS + RULES, environment={"ANTHROPIC_API_KEY": "sk-ant-none"}) as running:
        yield running


@pytest.fixture
def page(here: House) -> Iterator[Page]:
    opened = here.page()
    yield opened
    opened.context.close()


def test_a_card_number_is_marked_and_the_vendor_refused(page: Page) -> None:
    page.goto("/console/rules/try")
    page.get_by_label("Text", exact=True).fill(CARD)
    page.get_by_role("button", name="Try it").click()
    result = page.get_by_role("region", name="What would become of it")
    expect(result.get_by_role("heading", level=2)).to_have_text("1 of 2 places may have it; 1 may not.")
    expect(result.get_by_text("It does not leave the house.")).to_be_visible()
    assert [mark.inner_text() for mark in result.locator("mark").all()] == ["4111 1111 1111 1111credit card"]
    expect(result.locator(".steps [aria-current]")).to_have_text("restricted")
    refused = result.locator(".places > li", has_text="frontier@anthropic")
    expect(refused.locator("summary").first).to_contain_text("denied")
    expect(refused).to_contain_text("restricted data stays at home")
    # Two places are few, so why is shown at once: the condition, part by part, with what it read.
    expect(refused.locator("li", has_text="data.class >= restricted").last).to_contain_text("data.class is restricted")
    expect(result.locator(".places > li", has_text="own@openai-compatible")).to_contain_text("allowed")


def test_what_would_be_sent_has_stand_ins(page: Page) -> None:
    page.goto("/console/rules/try?model=assistant")
    page.get_by_label("Text", exact=True).fill("Write to ada@example.org.")
    page.keyboard.press("Control+Enter")
    result = page.get_by_role("region", name="What would become of it")
    expect(result.get_by_role("heading", level=2)).to_have_text(
        "It would go to frontier@anthropic, and if that fails to own@openai-compatible."
    )
    expect(result.get_by_text("It may leave the house, to frontier@anthropic, with stand-ins")).to_be_visible()
    stand_in = result.locator("mark.stand-in")
    expect(stand_in).to_have_count(1)
    sent = result.get_by_role("region", name="What would be sent, with stand-ins marked")
    assert sent.inner_text() == f"Write to {stand_in.inner_text()}."
    assert "ada" not in sent.inner_text()
    page.get_by_label("Declared class").select_option("restricted")
    expect(result.get_by_role("heading", level=2)).to_have_text("It would go to own@openai-compatible.")


def test_what_was_pasted_never_becomes_a_part_of_the_page(page: Page) -> None:
    page.goto("/console/rules/try")
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> a@example.org"
    page.get_by_label("Text", exact=True).fill(hostile)
    page.get_by_role("button", name="Try it").click()
    marked = page.locator("#result .marked").first
    expect(marked).to_contain_text("<script>document.title='owned'</script>")
    assert page.locator("#result img, #result script").count() == 0
    assert "owned" not in page.title()


def test_a_text_with_very_many_finds_is_shown_in_part(page: Page) -> None:
    page.goto("/console/rules/try")
    text = page.get_by_label("Text", exact=True)
    text.fill("".join(f"u{number}@example.org, " for number in range(350)))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result .marked").first).to_contain_text("and so on, with 50 more finds")
    expect(page.locator("#result mark.find")).to_have_count(300)
    text.fill("x" * 100_001)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result .notice")).to_contain_text("ecotone rules try FILE")


def test_the_policy_as_it_stands(page: Page) -> None:
    page.goto("/console/rules")
    rules = page.locator(".rule")
    assert [rule.get_by_role("heading").inner_text() for rule in rules.all()] == ["home", "addresses", "never reached"]
    expect(rules.nth(0)).to_contain_text("restricted data stays at home")
    rules.nth(0).get_by_text("1 test in which it speaks").click()
    expect(rules.nth(0)).to_contain_text("a card stays home")
    rules.nth(0).get_by_role("link", name="try it: a card stays home").click()
    expect(page.locator("#result h2")).to_have_text("It would be sent nowhere: the rules refuse it.")
    expect(page.get_by_label("Text", exact=True)).to_have_value("4111 1111 1111 1111")
    page.go_back()
    expect(rules.nth(2)).to_contain_text("It speaks in no test.")
    expect(page.locator(".ladder > li").last).to_contain_text("credit card")
    page.get_by_label("Find rules").fill("vendors addresses")
    page.keyboard.press("Enter")
    expect(page.locator(".rule")).to_have_count(1)
    assert page.url.endswith("/console/rules?q=vendors+addresses")


def test_a_promise_is_proved_or_its_hole_is_drawn(page: Page) -> None:
    page.goto("/console/rules/proof")
    page.get_by_role("link", name="What is restricted never leaves the house").click()
    expect(page.get_by_role("heading", name="It holds")).to_be_visible()
    page.get_by_label("Nothing for which this holds").fill("data.class >= confidential")
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_role("heading", name="It does not hold")).to_be_visible()
    stops = page.get_by_role("list", name="The way of the request").locator(".stop")
    expect(stops.nth(0)).to_contain_text("confidential")
    expect(stops.nth(2)).to_contain_text("frontier@anthropic")
    page.get_by_label("Nothing for which this holds").fill('principal.name == "nobody"')
    page.get_by_role("button", name="Prove it").click()
    expect(page.get_by_text("The promise speaks of the caller 'nobody', and there is neither a key")).to_be_visible()
    page.get_by_label("is ever sent where").fill("endpoint.hostin")
    page.keyboard.press("Control+Enter")
    field = page.get_by_label("is ever sent where")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#never-error")).to_contain_text("endpoint has no field hostin; did you mean hosting?")


def test_what_was_refused_is_listed_without_what_was_written(here: House, page: Page) -> None:
    body = json.dumps({"model": "frontier", "messages": [{"role": "user", "content": CARD}]}).encode()
    request = urllib.request.Request(
        f"{here.url}/v1/chat/completions", data=body, headers={"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        assert answer.code == 403
    page.goto("/console/rules/refused")
    row = page.locator("tbody tr", has_text="frontier")
    # The log is written a moment after the answer.
    for _ in range(50):
        if row.count():
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(row).to_contain_text("restricted data stays at home")
    expect(row).to_contain_text("credit card")
    assert "4111" not in page.content()
    page.get_by_role("link", name="home", exact=True).click()
    expect(page.locator(".rule:target")).to_contain_text("restricted data stays at home")


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (PHONE, "dark")])
def test_every_answer_can_be_read_by_all(here: House, size: tuple[int, int], theme: Literal["light", "dark"]) -> None:
    page = here.page(size=size, theme=theme)
    page.goto("/console/rules/try")
    page.get_by_label("Text", exact=True).fill(f"{CARD} Write to ada@example.org.")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#result h2")).to_be_visible()
    assert (violations(page), too_wide(page) <= 0) == ([], True)
    vendor = quote('endpoint.hosting == "vendor"')
    for path in (f"proof?condition=true&never={vendor}", f"proof?condition=nothing&never={vendor}", "refused"):
        page.goto(f"/console/rules/{path}")
        assert (violations(page), too_wide(page) <= 0) == ([], True), path
    page.context.close()


def test_programs_ask_the_same(here: House) -> None:
    told = here.api("POST", "/rules/try", {"text": CARD, "model": "frontier"})
    assert (told["class"], told["places"][0]["allowed"]) == ("restricted", False)
    assert told["marks"] == [
        {"start": 14, "end": 33, "kind": "credit_card", "detector": "luhn", "class": "restricted", "codings": []}
    ]
    proof = here.api("POST", "/rules/proofs", {"condition": "true", "never": 'endpoint.hosting == "vendor"'})
    assert (proof["holds"], proof["counterexample"]["endpoint"]) == (False, "frontier@anthropic")
    assert [rule["name"] for rule in here.api("GET", "/rules")["rules"]] == ["home", "addresses", "never reached"]
    for body, told_of in (({"txt": ""}, "txt"), ({"text": "", "model": "frontie"}, "'frontier'")):
        with pytest.raises(urllib.error.HTTPError) as wrong:
            here.api("POST", "/rules/try", body)
        with wrong.value as answer:
            assert told_of in json.load(answer)["error"]["message"]


def test_the_pages_follow_the_config_in_force(here: House, page: Page) -> None:
    (here.folder / "ecotone.toml").write_text(f"rules = []\n{MODELS}")
    here.heard("config reloaded")
    page.goto("/console/rules")
    expect(page.get_by_role("heading", name="There are no rules yet")).to_be_visible()
    page.get_by_text("hospital", exact=True).click()
    expect(page.locator(".starter[open]")).to_contain_text("what concerns patients does not leave the house")
    page.goto("/console/rules/try")
    page.get_by_role("button", name="A card number").click()
    expect(page.locator("#result h2")).to_have_text("All 2 places may have it.")
    expect(page.locator("#result .marked mark").first).to_contain_text("credit card")
