"""Models side by side as people compare them: streamed, blind until the vote, counted, continued, shared."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, House, house
from tests.console.scripted_vendor import Vendor, scripted_vendor

CONFIG = """
[models.northern]
provider = "openai"
base_url = "{north}"
name = "gpt-4o"
key_env = "COMPARED_KEY"

[models.southern]
provider = "vllm"
base_url = "{south}"
name = "gpt-4o"
key_env = "COMPARED_KEY"
hosting = "self-hosted"

[routes.assistant]
models = ["southern"]

[models.terse]
provider = "openai"
wire = "openai-responses"
base_url = "{terse}"
name = "gpt-4o"
key_env = "COMPARED_KEY"

[models.small]
engine = "llama.cpp"
source = "file:{path}"
context = 1024
threads = 1

[models.twin]
engine = "llama.cpp"
source = "file:{path}"
context = 1024
threads = 1
"""
HOSTILE = "<img src=x onerror=\"document.title='run'\"> [a](javascript:alert(1)) **bold**"


@pytest.fixture(scope="module")
def vendors() -> Iterator[tuple[Vendor, Vendor]]:
    with scripted_vendor() as north, scripted_vendor() as south:
        yield north, south


@pytest.fixture(scope="module")
def terse() -> Iterator[str]:
    """The address of a vendor that speaks the Responses API, which takes no cap below 16 tokens."""
    command = [sys.executable, "-m", "tests.vendors", "--wire", "responses", "--model", "gpt-4o", "--text", "Yes."]
    process = subprocess.Popen([*command, "--key", "sk-compared"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Browser,
    vendors: tuple[Vendor, Vendor],
    terse: str,
    smollm2_path: Path,
) -> Iterator[House]:
    north, south = vendors
    config = CONFIG.format(north=north.base_url, south=south.base_url, terse=terse, path=smollm2_path)
    environment = {"COMPARED_KEY": "sk-compared"}
    with house(tmp_path_factory.mktemp("compare"), browser, config, environment=environment) as made:
        yield made


@pytest.fixture
def north(vendors: tuple[Vendor, Vendor]) -> Vendor:
    return _fresh(vendors[0], "North says yes.")


@pytest.fixture
def south(vendors: tuple[Vendor, Vendor]) -> Vendor:
    return _fresh(vendors[1], "South says no.")


def _fresh(vendor: Vendor, text: str) -> Vendor:
    vendor.received.clear()
    vendor.go.clear()
    vendor.pieces = (text,)
    return vendor


def begin(page: Page, *models: str, blind: bool, prompt: str = "Is it so?", max_tokens: int | None = None) -> None:
    page.goto("/console/compare")
    page.get_by_label("Prompt").fill(prompt)
    for letter, name in zip("ABCD", models, strict=False):
        page.get_by_label(f"Model {letter}").select_option(name)
    page.get_by_label("Blind" if blind else "Named").check()
    if max_tokens is not None:
        page.get_by_text("Settings, the same for all").click()
        page.get_by_label("At most, tokens").fill(str(max_tokens))
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/console/compare/battle/*")


def identity(page: Page) -> str:
    return page.url.rsplit("/", 1)[1]


def answer(page: Page, side: str, number: int = 1) -> Locator:
    return page.locator(f"#answer-{number}-{side}")


def button(page: Page, vote: str) -> Locator:
    return page.locator(f"[data-vote={vote}]")


def streamed(home: House, battle: str, form: str, until: str) -> str:
    """What a program is told of a battle until an event of this name."""
    request = urllib.request.Request(f"{home.url}/control/v1/battles/{battle}/events?form={form}")
    request.add_header("authorization", f"Bearer {home.token()}")
    told = ""
    with urllib.request.urlopen(request, timeout=30) as response:
        while f"event: {until}" not in told or not told.endswith("\n\n"):
            told += response.readline().decode()
    return told


def test_nothing_tells_who_is_who_before_the_vote(home: House, north: Vendor, south: Vendor) -> None:
    north.pieces = south.pieces = ("Well, ", None, "yes.")
    page = home.page()
    begin(page, "northern", "southern", blind=True)
    for side in "ab":
        expect(answer(page, side).locator(".words")).to_have_text("Well,")
    battle = identity(page)
    north.go.set()
    south.go.set()
    expect(button(page, "b")).to_be_enabled()
    html = streamed(home, battle, "html", until="battle")
    text = streamed(home, battle, "text", until="battle")
    told = json.loads(text.split("data: ")[1])
    assert told["models"] == ["northern", "southern"] and told["order"] is None
    del told["models"]
    parts = [page.request.get(f"/console/compare/battle/{battle}/1/{side}").text() for side in "ab"]
    looked = [html, json.dumps(told), *parts, page.locator(".round").inner_html(), page.locator("#judge").inner_html()]
    for clue in ("northern", "southern", "gpt-4o", "openai", "vllm", "hosting", "tokens/s", "usd", "req", "facts"):
        assert not [one for one in looked if clue in one.lower()], clue
    button(page, "b").click()
    expect(answer(page, "b")).to_contain_text("chosen")
    page.context.close()


def test_what_each_took_is_shown_beside_it(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page()
    begin(page, "northern", "southern", blind=False)
    expect(button(page, "tie")).to_be_enabled()
    expect(page.get_by_role("heading", level=1)).to_have_text("northern and southern")
    away, own = answer(page, "a"), answer(page, "b")
    expect(away.locator(".words")).to_have_text("North says yes.")
    # 1,200 tokens at 2.50 and 400 at 10 dollars a million: 0.003 + 0.004.
    expect(away.locator(".measured")).to_contain_text("$0.007")
    expect(away.locator(".measured")).to_contain_text("leaves the house to OpenAI")
    expect(away.locator(".measured")).to_contain_text("400\u00a0tokens")
    expect(away.locator(".answer-head")).to_contain_text("closed")
    expect(own.locator(".words")).to_have_text("South says no.")
    expect(own.locator(".measured")).to_contain_text("own machine")
    expect(own.locator(".measured")).to_contain_text("on your machines")
    assert violations(page) == []
    page.context.close()


def test_what_a_model_could_not_be_told_is_shown_behind_its_answer(home: House, north: Vendor) -> None:
    page = home.page()
    begin(page, "northern", "terse", blind=False, prompt="line\n" * 40, max_tokens=5)
    lost = answer(page, "b").locator(".losses")
    expect(lost).to_contain_text("sampling.max_tokens: at most 5 tokens; 16 is the least cap here")
    expect(answer(page, "a").locator(".measured")).to_be_visible()
    expect(answer(page, "a").locator(".losses")).to_have_count(0)
    facts = home.api("GET", f"/battles/{identity(page)}")["rounds"][0]["answers"][1]["facts"]
    assert facts["losses"].startswith("sampling.max_tokens: ")
    expect(page.get_by_role("button", name="Show all 200 characters")).to_be_visible()
    page.context.close()


def test_both_are_seen_to_stream_in_every_tab_and_one_can_stop_them(home: House, north: Vendor, south: Vendor) -> None:
    north.pieces = ("One ", "two ", None, "three.")
    south.pieces = ("Uno ", "due ", None, "tre.")
    page = home.page()
    begin(page, "northern", "southern", blind=False)
    expect(answer(page, "a").locator(".words")).to_have_text("One two")
    expect(button(page, "a")).to_be_disabled()
    assert violations(page) == []
    other = page.context.new_page()
    other.goto(page.url)
    expect(answer(other, "b").locator(".words")).to_have_text("Uno due")
    south.go.set()
    expect(answer(other, "b").locator(".words")).to_have_text("Uno due tre.")
    expect(answer(page, "b").locator(".words")).to_have_text("Uno due tre.")
    page.get_by_role("button", name="Stop both").click()
    expect(answer(page, "a")).to_contain_text("Stopped here")
    expect(answer(other, "a")).to_contain_text("Stopped here")
    expect(button(page, "b")).to_be_enabled()
    page.context.close()


def test_the_conversation_goes_on_with_all_by_keyboard_alone(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page()
    begin(page, "northern", "southern", blind=False)
    expect(page.get_by_label("Ask both on")).to_be_visible()
    page.get_by_label("Ask both on").focus()
    page.keyboard.type("And why?")
    page.keyboard.press("Control+Enter")
    expect(answer(page, "a", 2).locator(".words")).to_have_text("North says yes.")
    expect(answer(page, "b", 2).locator(".words")).to_have_text("South says no.")
    expect(page.locator(".asked")).to_have_text(["Is it so?", "And why?"])
    assert [message["content"] for message in south.received[-1]["messages"]] == [
        "Is it so?",
        "South says no.",
        "And why?",
    ]
    expect(button(page, "tie")).to_be_enabled()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("t")
    expect(page.get_by_role("heading", level=1)).to_have_text("A tie")
    page.context.close()


def test_what_a_model_writes_never_runs(home: House, north: Vendor, south: Vendor) -> None:
    north.pieces = tuple(HOSTILE[at : at + 7] for at in range(0, len(HOSTILE), 7))
    page = home.page()
    begin(page, "northern", "southern", blind=True, prompt=HOSTILE)
    expect(button(page, "a")).to_be_enabled()
    hostile = page.locator(".words", has_text="<img src=x onerror")
    expect(hostile.locator("strong")).to_have_text("bold")
    assert page.locator(".round img").count() == 0
    assert page.locator(".words a").count() == 0
    expect(page.locator(".asked")).to_have_text(HOSTILE)
    assert page.title() != "run"
    page.context.close()


def test_a_side_that_fails_keeps_its_reason_until_the_names_are_shown(
    home: House, north: Vendor, south: Vendor
) -> None:
    page = home.page()
    north.pieces = ()
    begin(page, "northern", "southern", blind=True)
    expect(button(page, "tie")).to_be_enabled()
    silent = page.locator(".answer", has_text="without a word")
    expect(silent).to_have_count(1)
    side = silent.get_attribute("data-side") or ""
    expect(button(page, side)).to_be_disabled()
    page.get_by_role("button", name="Show names without a vote").click()
    expect(silent.locator("h3")).to_contain_text("northern")
    expect(page.locator("#judge")).to_contain_text("The names were shown without a vote.")
    expect(button(page, "tie")).to_have_count(0)
    page.context.close()


def test_votes_are_listed_counted_and_exported(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page()
    prompt = "Which way does the river flow?"
    begin(page, "northern", "southern", blind=False, prompt=prompt)
    button(page, "a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("northern was better")
    begin(page, "southern", "northern", blind=False, prompt="And the other river?")
    button(page, "b").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("northern was better")

    page.goto("/console/compare/battles")
    assert violations(page) == []
    page.get_by_label("Words of a prompt").fill("river way")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("words=river"))
    page.get_by_role("link", name=prompt).click()
    expect(page.locator(".asked")).to_have_text(prompt)

    page.goto("/console/compare/standings?votes=named")
    assert violations(page) == []
    pair = page.get_by_role("region", name="Table of pairs").locator("tbody tr", has_text="northern")
    cells = pair.locator("td, th").all_inner_texts()
    # A tie may have been voted before. Wilson for 2 of 2: from 2 / (2 + 3.84146).
    assert cells[0] == "northern" and cells[1] == "southern"
    assert cells[2].replace("\u202f", "") == "100% (34 to 100)"
    assert cells[4:6] == ["2", "0"]

    with page.expect_download() as download:
        page.goto("/console/compare/battles")
        page.get_by_role("link", name="JSON Lines").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    mine = [line for line in lines if "river" in line["rounds"][0]["prompt"]]
    assert [(line["order"], line["vote"], line["winner"]) for line in mine] == [
        (["northern", "southern"], "a", "northern"),
        (["southern", "northern"], "b", "northern"),
    ]
    assert mine[0]["rounds"][0]["answers"][0]["text"] == "North says yes."
    page.context.close()


def test_a_vote_pressed_twice_is_one_vote_and_no_error(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page()
    begin(page, "northern", "southern", blind=False)
    button(page, "a").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("northern was better")
    expect(page.locator(".battle-head")).not_to_contain_text("Not counted")
    expect(page.locator(".toast")).to_have_count(0)
    # Also where the second one reaches the gateway, as from a page that was slow; another vote does not.
    battle = identity(page)
    assert home.api("POST", f"/battles/{battle}/vote", {"vote": "a"})["winner"] == "northern"
    with pytest.raises(urllib.error.HTTPError, match="409"):
        home.api("POST", f"/battles/{battle}/vote", {"vote": "b"})
    page.context.close()


def test_a_route_is_not_counted_against_its_own_model(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page()
    begin(page, "assistant", "southern", blind=False)
    button(page, "a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("assistant was better")
    expect(page.locator(".battle-head")).to_contain_text("Not counted: behind both sides the same model answered")
    page.goto("/console/compare/standings?votes=named")
    expect(page.locator("main")).to_contain_text(re.compile(r"one model answered behind (two|both) sides"))
    expect(page.locator("tbody tr", has_text="assistant")).to_have_count(0)
    page.context.close()


def test_a_link_shows_it_to_others_and_deleting_takes_it_from_all(home: House, north: Vendor, south: Vendor) -> None:
    page = home.page(size=PHONE, theme="dark")
    begin(page, "northern", "southern", blind=False)
    expect(button(page, "a")).to_be_enabled()
    assert violations(page) == []
    assert too_wide(page) <= 0
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("() => navigator.clipboard.readText()")
    other = home.page()
    other.goto(link)
    expect(answer(other, "b").locator(".words")).to_have_text("South says no.")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{home.url}/console/compare")
    expect(other).to_have_url(f"{home.url}/console/compare")
    other.context.close()
    page.context.close()


def test_what_cannot_be_compared_is_said_at_the_form(home: House) -> None:
    page = home.page()
    page.goto("/console/compare?model=northern&model=northern&prompt=Well")
    page.get_by_role("button", name="Add a model").click()
    expect(page.get_by_label("Model C")).to_be_focused()
    page.get_by_label("Model C").select_option("")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Choose different models: one is there twice.")
    assert violations(page) == []
    page.context.close()
    home.forget_refused(400)


def test_two_embedded_models_blind_then_the_vote_and_the_record(home: House) -> None:
    page = home.page()
    begin(page, "small", "twin", blind=True, prompt="Name a colour.", max_tokens=8)
    expect(page.get_by_role("heading", level=1)).to_have_text("Which one is better?")
    expect(button(page, "a")).to_be_enabled(timeout=120_000)
    for side in "ab":
        expect(answer(page, side).locator(".words")).not_to_be_empty()
        expect(answer(page, side).locator("h3")).to_contain_text("name hidden")
    page.keyboard.press("1")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^(small|twin) was better$"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    winner = page.get_by_role("heading", level=1).inner_text().split()[0]
    expect(answer(page, "a").locator("h3")).to_contain_text(winner)
    expect(answer(page, "a")).to_contain_text("chosen")
    for side in "ab":
        measured = answer(page, side).locator(".measured")
        expect(measured).to_contain_text(re.compile(r"[0-9.]+\s*tokens/s"))
        expect(measured).to_contain_text("in this gateway")
        expect(measured).to_contain_text("own machine")
    record = home.api("GET", f"/battles/{identity(page)}")
    assert (record["vote"], record["winner"], record["voted_by"]) == ("a", winner, "ada")
    assert record["settings"] == {"max_tokens": 8}
    shown = [answer(page, side).locator("h3").inner_text().split()[-1] for side in "ab"]
    assert record["order"] == shown
    page.context.close()
