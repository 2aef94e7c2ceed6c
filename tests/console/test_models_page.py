"""The pages of models as a user walks them: looked at, fetched, loaded, asked, unloaded and removed, for real."""

import csv
import io
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.evaluation.runs import RunStore
from ecotone.gateway.settings.paths import Home
from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, SMALL, WIDE, House, house
from tests.evaluation.made_up_runs import identity, result, run_of, suite
from tests.upstream.model_host import Fault, File, ModelHost

MODELS = "/console/models"
CONFIG = (
    SMALL
    + """
catalog = "huggingface/smollm2-135m-instruct"

[models.sonnet]
provider = "anthropic"
name = "claude-sonnet-4-5"

[models.granite]
provider = "vllm"
base_url = "http://127.0.0.1:9/v1"
hosting = "self-hosted"
catalog = "ibm/granite-4.0-micro"

[models.llama]
provider = "vllm"
base_url = "http://127.0.0.1:9/v1"
hosting = "self-hosted"
catalog = "meta/llama-3.3-70b-instruct"

[models.strange]
provider = "vllm"
base_url = "http://127.0.0.1:9/v1"
name = "<img src=x onerror=alert(1)>"

[routes.assistant]
models = ["sonnet", "small"]
"""
)


TALKER = "/Talker.gguf"


@pytest.fixture(scope="module")
def host(smollm2_path: Path) -> Iterator[ModelHost]:
    """A web server with one real model's file."""
    with ModelHost() as made:
        made.files[TALKER] = File(smollm2_path.read_bytes())
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    config = CONFIG.format(path=smollm2_path)
    folder = tmp_path_factory.mktemp("models")
    with house(folder, browser, config, environment={"ANTHROPIC_API_KEY": "sk-none"}) as made:
        yield made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    """A gateway without a config, whose default model is in the store already."""
    folder = tmp_path_factory.mktemp("bare")
    kept = smollm2_path.parent
    shutil.copytree(kept, folder / "home" / "models" / kept.name, copy_function=os.link)
    with house(folder, browser) as made:
        yield made


@pytest.fixture(scope="module")
def page(home: House) -> Page:
    return home.page()


def row(page: Page, model: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=model, exact=True)).first


def test_the_table_says_what_each_model_is_and_where_data_goes(home: House, page: Page) -> None:
    page.goto(MODELS)
    small, sonnet = row(page, "small"), row(page, "sonnet")
    for words in ("open weights", "allowed", "Apache-2.0", "own machine", "in this gateway", "not loaded"):
        expect(small).to_contain_text(words)
    # Anthropic's price as the catalog's two sources have it.
    for words in ("API only", "no class", "Anthropic’s terms", "$3.00 in", "$15.00 out", "leaves the house", "ready"):
        expect(sonnet).to_contain_text(words)
    expect(row(page, "granite")).to_contain_text("class III")
    expect(row(page, "llama")).to_contain_text("cannot be told")
    expect(page.locator(".routes")).to_contain_text("sonnet, then small")


def test_a_model_is_loaded_and_unloaded_by_the_keyboard_while_the_page_tells(home: House, page: Page) -> None:
    page.goto(MODELS)
    load = page.get_by_role("button", name="Load small")
    load.focus()
    page.keyboard.press("Enter")
    expect(row(page, "small").locator(".condition")).to_have_text("ready", timeout=60_000)
    expect(row(page, "small")).to_contain_text("of memory")
    assert {state["name"]: state["condition"] for state in home.api("GET", "/models/states")}["small"] == "ready"
    unload = page.get_by_role("button", name="Unload small")
    expect(unload).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, "small").locator(".condition")).to_have_text("not loaded", timeout=40_000)
    expect(page.locator("#said")).to_contain_text("small: not loaded")


def test_the_command_line_loads_and_unloads_too(home: House) -> None:
    loaded = home.command("models", "load", "small", "--json")
    assert (loaded.returncode, json.loads(loaded.stdout)["condition"]) == (0, "ready")
    assert "small is unloaded" in home.command("models", "unload", "small").stderr
    elsewhere = home.command("models", "load", "sonnet")
    assert elsewhere.returncode == 1 and "runs elsewhere" in elsewhere.stderr
    unknown = home.command("models", "load", "smal")
    assert unknown.returncode == 1 and "small, sonnet, granite, llama, strange" in " ".join(unknown.stderr.split())


def test_a_model_s_page_answers_three_questions_and_shows_what_is_released(home: House, page: Page) -> None:
    page.goto(f"{MODELS}/granite")
    expect(page).to_have_url(f"{home.url}{MODELS}/show/granite")
    open_, use, run = (page.locator(".answer").nth(number) for number in range(3))
    expect(open_).to_contain_text("Open weights")
    expect(open_).to_contain_text("Class III of the Model Openness Framework")
    # By the Model Openness Tool's own page of the model: seven components, the optional one not among them.
    expect(open_).to_contain_text("6 of 17 components open")
    expect(use).to_contain_text("Apache License 2.0")
    expect(run).to_contain_text("on your machines")
    bands = page.locator(".stratum")
    expect(bands.nth(0)).to_contain_text("reached")
    expect(bands.nth(1).locator(".tile.not-released")).to_have_count(5)
    expect(page.locator("#openness")).to_contain_text(
        "To reach class II it lacks Training code, Inference code, Evaluation code, Evaluation data."
    )
    expect(page.locator("#quality")).to_contain_text("Measure it")


def test_a_lawyer_is_told_which_clause_and_what_to_say_of_the_organisation(home: House, page: Page) -> None:
    page.goto(f"{MODELS}/show/llama")
    expect(page.locator(".answer").nth(1)).to_contain_text("does not say of your organisation: monthly users")
    licence = page.locator("#licence")
    expect(licence).to_contain_text("cannot be told")
    expect(licence).to_contain_text("700 million monthly active users")
    expect(licence).to_contain_text("2. Additional Commercial Terms")
    expect(licence.locator(".code").first).to_have_text("[organisation]\nmonthly_users = 5_000")
    expect(licence).to_contain_text("Show “Built with Llama” prominently")
    page.goto(f"{MODELS}/show/sonnet")
    expect(page.locator("#terms")).to_contain_text("30 days")
    expect(page.locator("#terms details[open]")).to_contain_text("forbids Anthropic to train models")


def test_what_runs_here_have_measured_stands_beside_what_a_crowd_says(home: House, page: Page) -> None:
    made = suite("made", 20)
    run = msgspec.structs.replace(run_of([identity("small", "embedded")], [made]), id="20260304-120000000-aaaa")
    with RunStore(Home(home.home).evaluations).create(run, [made]).writing() as writer:
        for number in range(20):
            writer.append(result("small", "made", number, 1.0 if number < 15 else 0.0))
    page.goto(f"{MODELS}/show/small")
    shown = page.locator(".measured").get_by_role("row").nth(1)
    # 15 of 20 right; ten tokens after the first in one second.
    for words in ("made", "75 %", "20", "1.0\u202fs", "10.0 tokens/s"):
        expect(shown).to_contain_text(words)
    # Wilson's interval of 15 in 20, by hand: 0.531 to 0.888.
    expect(shown.get_by_role("img")).to_have_accessible_name("between 53 and 89 per cent")
    shown.get_by_role("link", name="4 Mar 2026").click()
    expect(page).to_have_url(re.compile("/console/evaluations/runs/20260304-120000000-aaaa"))
    page.goto(f"{MODELS}/show/sonnet")
    crowd = page.locator(".ratings")
    expect(crowd.locator(".mark.closed")).to_have_count(9)
    # The best open and closed model over all votes of the leaderboard's day.
    expect(crowd.get_by_role("row").nth(1)).to_contain_text("glm-4.6")
    expect(crowd.get_by_role("row").nth(1)).to_contain_text("gemini-3-pro-preview")


def test_the_catalog_is_narrowed_sorted_linked_and_taken_along(home: House, page: Page) -> None:
    page.goto(f"{MODELS}/catalog")
    names = page.locator("table.catalog tbody th a")
    expect(page.locator(".rows-head")).to_contain_text("50 of ")
    page.get_by_label("Find").fill("olmo")
    expect(page.locator(".rows-head")).to_contain_text("that fit")
    expect(names.filter(has_not_text="OLMo")).to_have_count(0)
    page.get_by_label("Find").fill("")
    page.get_by_label("Weights").select_option("open")
    page.get_by_label("Maker").select_option("ibm")
    expect(page).to_have_url(re.compile("weights=open.*maker=ibm"))
    page.get_by_role("link", name="Model", exact=True).click()
    expect(page.get_by_role("columnheader", name="Model")).to_have_attribute("aria-sort", "ascending")
    shown = page.locator("table.catalog .second.mono").all_inner_texts()
    assert shown == sorted(shown) and all(name.startswith("ibm/") for name in shown)
    page.reload()
    assert page.locator("table.catalog .second.mono").all_inner_texts() == shown
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [found["id"] for found in rows] == shown
    assert {found["mof_class"] for found in rows if found["id"] == "ibm/granite-4.0-micro"} == {"3"}
    data = home.api("GET", "/catalog?weights=closed&maker=anthropic&sort=context&limit=3")
    assert len(data["models"]) == 3 and {found["weights"] for found in data["models"]} == {"closed"}
    page.goto(f"{MODELS}/catalog?maker=nobody")
    expect(page.locator(".notice")).to_contain_text("no maker 'nobody'")


def test_with_a_config_a_pull_ends_in_lines_to_copy(home: House, host: ModelHost) -> None:
    address, size = host.url + TALKER, len(host.files[TALKER].body)
    page = home.page()
    page.goto(MODELS)
    page.get_by_label("From anywhere").fill("ftp://example.org/a.gguf")
    page.locator("#pull-form").get_by_role("button", name="Fetch").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a kind of source")
    home.forget_refused(409)
    # Half of it, and half of the rest, each before a pause.
    host.faults[TALKER] += (Fault(after=size // 2, stall=True), Fault(after=size // 4, stall=True))
    page.get_by_label("From anywhere").fill(address)
    page.keyboard.press("Enter")
    pull = page.locator(".pull").first
    expect(pull.locator("progress")).to_have_attribute("max", str(size))
    expect(pull).to_contain_text("downloading Talker")
    pull.get_by_role("button", name="Stop").click()
    host.go_on.set()
    expect(pull).to_contain_text("What has come is kept")
    host.go_on.clear()
    pull.get_by_role("button", name="Go on").click()
    expect(page.locator(".pull.pulling")).to_have_count(1)
    page.reload()
    expect(page.locator(".pull.pulling progress")).to_have_count(1)
    host.go_on.set()
    done = page.locator(".pull.done")
    expect(done).to_contain_text(DEFAULT_MODEL.sha256, timeout=30_000)
    done.get_by_role("button", name="Copy").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == (f'[models.talker]\nengine = "llama.cpp"\nsource = "{address}"\nsha256 = "{DEFAULT_MODEL.sha256}"')
    page.context.close()


def test_news_of_what_could_not_be_fetched_goes_when_it_is_dismissed(home: House, host: ModelHost) -> None:
    page = home.page()
    page.goto(MODELS)
    page.get_by_label("From anywhere").fill(f"{host.url}/nowhere/lost.gguf")
    page.keyboard.press("Enter")
    lost = page.locator(".pull", has_text="nowhere/lost.gguf")
    lost.get_by_role("button", name="Dismiss").click()
    expect(lost).to_have_count(0)
    page.reload()
    expect(page.locator("#pull-form")).to_be_visible()
    expect(lost).to_have_count(0)
    page.context.close()


def test_without_a_config_a_pulled_model_is_served_at_once_and_goes_with_its_file(bare: House, host: ModelHost) -> None:
    page = bare.page()
    page.goto(MODELS)
    page.get_by_label("From anywhere").fill(host.url + TALKER)
    page.keyboard.press("Enter")
    expect(row(page, "talker")).to_contain_text("not loaded", timeout=30_000)
    row(page, "talker").get_by_role("button", name="Load").click()
    expect(row(page, "talker").locator(".condition")).to_have_text("ready", timeout=60_000)
    assert "talker" in served(bare)
    assert said(bare, "talker")
    page.goto(f"{MODELS}/show/talker")
    page.get_by_role("button", name="Unload talker").click()
    asking = page.get_by_role("dialog", name="Remove the file of talker?")
    page.get_by_role("button", name="Remove file talker").click(timeout=40_000)
    asking.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Remove file talker")).to_be_focused()
    # The first answer is taken in only when the browser tells of the closing, which may be later.
    expect(page.get_by_role("button", name="Remove file talker")).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    asking.get_by_role("button", name="Remove", exact=True).click()
    expect(page).to_have_url(bare.url + MODELS)
    expect(row(page, "talker")).to_have_count(0)
    assert served(bare) == ["assistant", DEFAULT_MODEL.name]
    page.context.close()


def test_without_a_config_what_another_command_fetches_is_served_too(bare: House, smollm2_path: Path) -> None:
    os.link(smollm2_path, bare.folder / "Other.gguf")
    pulled = bare.command("pull", "file:Other.gguf", "--sha256", DEFAULT_MODEL.sha256)
    assert "serves it as 'other'" in pulled.stderr
    until = time.monotonic() + 20
    while "other" not in served(bare) and time.monotonic() < until:
        time.sleep(0.1)
    assert served(bare) == ["assistant", "other", DEFAULT_MODEL.name]


def served(at: House) -> list[str]:
    with urllib.request.urlopen(f"{at.url}/v1/models", timeout=20) as response:
        return sorted(found["id"] for found in json.load(response)["data"])


def said(at: House, model: str) -> str:
    """What the model answers through the gateway's data plane."""
    body = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]}
    request = urllib.request.Request(f"{at.url}/v1/chat/completions", data=json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


def test_names_do_nothing_but_name(home: House, page: Page) -> None:
    page.goto(MODELS)
    page.get_by_role("link", name="strange").click()
    expect(page.locator(".notice").first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#runs")).to_contain_text("leaves the house")
    expect(page.locator("main img")).to_have_count(0)


def test_a_model_that_nobody_knows_is_told_with_near_names(home: House, page: Page) -> None:
    response = page.goto(f"{MODELS}/show/llama-3.3-70b-instuct")
    assert response is not None and response.status == 404
    expect(page.locator("main")).to_contain_text("near names: meta/llama-3.3-70b-instruct")
    home.forget_refused(404)


def test_what_cannot_be_is_said_in_words(home: House, page: Page) -> None:
    for method, path, body, status, words in (
        ("POST", "/models/load", {"model": "nobody"}, 404, "no model 'nobody'"),
        ("POST", "/pulls", {"model": "smolm2-135m-instruct"}, 409, "did you mean smollm2-135m-instruct"),
        ("POST", "/pulls", {"model": "file:x", "sha256": "12"}, 409, "64 hexadecimal digits"),
        ("DELETE", "/models/files/small", None, 409, "your own file"),
        ("GET", "/models/show/nobody/at-all", None, 404, "either this gateway nor the catalog"),
        ("GET", "/pulls/another", None, 404, "no such pull"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            home.api(method, path, body)
        assert refused.value.code == status
        assert words in json.load(refused.value)["error"]["message"]


@pytest.mark.parametrize("path", [MODELS, f"{MODELS}/catalog", f"{MODELS}/show/granite", f"{MODELS}/show/sonnet"])
@pytest.mark.parametrize("kind", ["wide light", "phone dark"])
def test_the_pages_can_be_used_by_all(home: House, path: str, kind: str) -> None:
    page = home.page(size=WIDE, theme="light") if kind == "wide light" else home.page(size=PHONE, theme="dark")
    page.goto(path)
    assert violations(page) == []
    assert too_wide(page) <= 0
    page.context.close()
