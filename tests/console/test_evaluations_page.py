"""Evaluations as a person walks through them: a first run with the embedded model, a failed case, two runs compared."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from ecotone.evaluation.answers import Answered
from ecotone.evaluation.cases import Case, ScorerSpec, Suite
from ecotone.evaluation.runs import RunStore
from ecotone.gateway.settings.paths import Home
from ecotone.values.chat import Message, TextPart
from tests.console.accessible import too_wide, violations
from tests.console.house import PHONE, SMALL, House, house
from tests.evaluation.made_up_runs import NOON, failed, identity, result, run_of

# Three answers of two tokens each, on a machine that may have much else to do.
_EMBEDDED_MS = 180_000
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script> **bold**"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, browser: Browser, smollm2_path: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("evaluations")
    # Any reply has a character in it; none has the other text.
    (folder / "suites/tiny").mkdir(parents=True)
    (folder / "suites/tiny/suite.toml").write_text(
        'title = "Three tiny questions"\nmax_tokens = 2\n[scorer]\nkind = "regex"\n'
    )
    asked = [("one", "Say one.", "."), ("two", "Say two.", "qqzz"), ("three", "Say three.", "qqzz")]
    rows = [{"id": name, "prompt": text, "reference": pattern} for name, text, pattern in asked]
    (folder / "suites/tiny/cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with house(folder, browser, SMALL.format(path=smollm2_path)) as made:
        yield made


def make_run(home: House, name: str, scores: list[float | None], replies: dict[int, str], model: str = "small") -> None:
    """A run of one model on one suite, which ended with these scores; None for no answer."""
    cases = tuple(Case(f"c{n}", (Message("user", (TextPart(f"Question {n}?"),)),), "x") for n in range(len(scores)))
    suite = Suite("made", "Made up", "general", ScorerSpec("contains"), cases, 16, 0.0, None, None, "", "", "", "made")
    run = msgspec.structs.replace(run_of([identity(model, "embedded")], [suite]), id=name, finished_at=NOON)
    folder = RunStore(Home(home.home).evaluations).create(run, [suite])
    with folder.writing() as writer:
        for number, score in enumerate(scores):
            if score is None:
                writer.append(failed(model, "made", number, "timeout"))
                continue
            row = result(model, "made", number, score)
            answer = Answered(replies.get(number, f"Reply {number}"), "stop", "small", NOON, 2.0, 1.0)
            writer.append(msgspec.structs.replace(row, answer=answer, why="" if score == 1 else "not in it: 'x'"))


@pytest.fixture(scope="module")
def page(home: House) -> Page:
    """One signed-in page, used again and again."""
    return home.page()


@pytest.fixture(scope="module")
def made_up(home: House) -> tuple[str, str]:
    """Two runs. From the first to the second, one case got better and two got worse."""
    make_run(home, "20260304-120000000-aaaa", [1, 1, 1, 0, 0, None], {4: HOSTILE})
    make_run(home, "20260304-130000000-bbbb", [1, 0, 0, 1, 0, None], {})
    return "20260304-120000000-aaaa", "20260304-130000000-bbbb"


def test_a_first_run_from_its_start_to_a_failed_case(page: Page) -> None:
    page.goto("/console/evaluations")
    page.get_by_role("link", name="Start your first run").click()
    expect(page.get_by_role("checkbox", name="small")).to_be_checked()
    page.get_by_role("checkbox", name="General knowledge").uncheck()
    page.get_by_role("checkbox", name="Three tiny questions").check()
    takes = page.locator("#estimate")
    expect(takes).to_contain_text(re.compile(r"Questions\s*3"))
    expect(takes).to_contain_text("on your own machines")
    expect(page).to_have_url(re.compile(r"suite=.*tiny"))
    page.get_by_role("button", name="Start the run").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("small on tiny")
    page.get_by_role("heading", name="What was found").wait_for(timeout=_EMBEDDED_MS)
    expect(page.locator(".page-head")).to_contain_text("finished")
    # Wilson's interval of 1 in 3.
    expect(page.get_by_role("row", name=re.compile("tiny"))).to_contain_text(re.compile(r"33 %.*6 to 79 %", re.S))
    expect(page.locator(".cases > li")).to_have_count(2)
    page.get_by_role("link", name="Say two.").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("two")
    expect(page.get_by_role("region", name="Asked")).to_contain_text("Say two.")
    expect(page.get_by_role("region", name="Expected")).to_have_text(re.compile("qqzz"))
    answer = page.locator("article")
    expect(answer).to_contain_text("wrong")
    expect(answer.locator(".why")).not_to_be_empty()
    expect(answer.locator(".reply-text")).not_to_be_empty()
    expect(answer).to_contain_text("in this gateway")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_have_text("three")
    expect(page.get_by_text("2 of 2 not right")).to_be_visible()
    assert violations(page) == []
    page.goto("/console/evaluations")
    expect(page.get_by_role("row", name=re.compile("tiny.*finished"))).to_contain_text("33 %")


def test_cases_are_chosen_by_what_came_of_them(page: Page, made_up: tuple[str, str]) -> None:
    page.goto(f"/console/evaluations/runs/{made_up[0]}")
    cases = page.locator(".cases > li")
    expect(cases).to_have_count(2)
    expect(page.get_by_role("button", name="Ask the 1 without an answer again")).to_be_visible()
    page.get_by_text("No answer 1").click()
    expect(cases).to_have_count(1)
    expect(cases).to_contain_text("no answer")
    expect(page).to_have_url(re.compile("came=unanswered"))
    page.get_by_text("All 6").click()
    expect(cases).to_have_count(6)
    find = page.get_by_label("Find in questions and replies")
    find.fill("question 3")
    find.press("Enter")
    expect(cases).to_have_count(1)
    page.reload()
    expect(cases).to_have_count(1)


def test_two_runs_compared(page: Page, made_up: tuple[str, str]) -> None:
    page.goto("/console/evaluations")
    both = page.get_by_role("button", name="Compare two")
    expect(both).to_be_disabled()
    for name in made_up:
        page.get_by_role("checkbox", name=name).check()
    both.click()
    expect(page.get_by_role("heading", name="Better in")).to_contain_text("1")
    expect(page.get_by_role("heading", name="Worse in")).to_contain_text("2")
    expect(page.locator(".sentences")).to_contain_text("No difference seen")
    page.get_by_role("link", name="Question 3?").click()
    answers = page.locator("article")
    expect(answers).to_have_count(2)
    expect(answers.nth(0)).to_contain_text("right")
    expect(answers.nth(1)).to_contain_text("wrong")


def test_runs_of_one_model_under_two_names_are_told_to_be(home: House, page: Page, made_up: tuple[str, str]) -> None:
    twin = "20260304-140000000-cccc"
    make_run(home, twin, [1, 1, 1, 0, 1, None], {}, model="twin")  # the same file, by its digest
    page.goto(f"/console/evaluations/compare?a={made_up[0]}&b={twin}")
    expect(page.locator(".notice")).to_contain_text("small and twin are one model under two names")
    page.goto(f"/console/evaluations/compare?a={made_up[0]}&b={made_up[1]}")
    expect(page.get_by_role("heading", name="Worse in")).to_be_visible()
    expect(page.locator(".notice")).to_have_count(0)
    home.api("DELETE", f"/evaluations/runs/{twin}")


def test_a_suite_of_ones_own_is_refused_with_its_line_then_added_and_deleted(home: House, page: Page) -> None:
    page.goto("/console/evaluations")
    page.get_by_role("link", name="Add your own").click()
    add = page.get_by_role("button", name="Check and add")
    files = page.get_by_label("File of cases")
    add.click()
    expect(page.get_by_role("alert")).to_have_text("Choose a file of cases.")
    expect(files).to_be_focused()
    sheet = "prompt,reference\nSay Bern.,Bern\nSay Rome.\n"
    files.set_input_files({"name": "not it.csv", "mimeType": "text/csv", "buffer": b"prompt,reference\n"})
    expect(page.get_by_label("Name")).to_have_value("not-it")
    files.set_input_files({"name": "my towns.csv", "mimeType": "text/csv", "buffer": sheet.encode()})
    expect(page.get_by_label("Name")).to_have_value("my-towns")
    add.click()
    expect(page.get_by_role("alert")).to_contain_text("my towns.csv:3: the case cannot be scored")
    expect(add).to_be_enabled()
    home.faults[:] = [fault for fault in home.faults if "400" not in fault]  # as it should be refused
    settings = 'title = "Towns"\n[scorer]\nkind = "exact"\n'
    both: list[FilePayload] = [
        {"name": "suite.toml", "mimeType": "text/plain", "buffer": settings.encode()},
        {"name": "other.csv", "mimeType": "text/csv", "buffer": (sheet.strip() + ",Rome\n").encode()},
    ]
    page.get_by_label("Name").fill("my-own")  # a name that was written stays
    files.set_input_files(both)
    expect(page.get_by_label("A reply is right when")).to_be_disabled()
    assert violations(page) == []
    add.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Towns")
    expect(page.get_by_text("the reply is exactly the text")).to_be_visible()
    expect(page.locator(".cases > li")).to_have_count(2)
    page.get_by_role("link", name="Run it").click()
    expect(page.get_by_role("checkbox", name="Towns")).to_be_checked()
    page.goto("/console/evaluations/suite?word=my-own")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Its 2 cases are deleted")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The suite is deleted")).to_be_visible()
    expect(page.get_by_text("my-own")).to_have_count(0)


def test_a_run_is_deleted_once_it_is_asked_for(home: House, page: Page) -> None:
    make_run(home, "20260304-140000000-cccc", [1, 0], {})
    page.goto("/console/evaluations/runs/20260304-140000000-cccc")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its 2 results with prompts, replies and scores")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The run is deleted")).to_be_visible()
    expect(page).to_have_url(home.url + "/console/evaluations")
    expect(page.get_by_role("checkbox", name="20260304-140000000-cccc")).to_have_count(0)


def test_a_run_that_cannot_be_read_can_be_deleted(home: House, page: Page) -> None:
    make_run(home, "20260304-150000000-dddd", [1], {})
    broken = Home(home.home).evaluations / "20260304-150000000-dddd"
    (broken / "run.json").write_text("{")
    page.goto("/console/evaluations")
    page.get_by_role("button", name="Delete the run 20260304-150000000-dddd").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The run is deleted")).to_be_visible()
    assert not broken.exists()


def test_any_number_of_questions_can_be_asked(home: House, page: Page) -> None:
    page.goto("/console/evaluations/new?suite=gsm8k&model=small&limit=20")
    takes = page.locator("#estimate")
    expect(takes).to_contain_text(re.compile(r"Questions\s*20"))
    number = page.get_by_label("Another number of questions of each suite")
    number.fill("37")
    expect(page.get_by_role("radio", name="another number")).to_be_checked()
    expect(takes).to_contain_text(re.compile(r"Questions\s*37"))
    number.blur()
    page.reload()
    expect(takes).to_contain_text(re.compile(r"Questions\s*37"))
    expect(number).to_have_value("37")
    number.fill("")
    expect(takes).to_contain_text("Write a whole number from 1")
    page.get_by_role("button", name="Start the run").click()
    expect(number).to_be_focused()
    page.get_by_role("radio", name="a first look").check()
    expect(takes).to_contain_text(re.compile(r"Questions\s*5"))
    page.get_by_text("More settings").click()
    page.get_by_label("Seed").fill("many")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator(".toast")).to_contain_text("seed")
    expect(page).to_have_url(re.compile("/console/evaluations/new"))
    home.faults[:] = [fault for fault in home.faults if "400" not in fault]  # as it should be refused


def test_what_a_model_wrote_stays_text(page: Page, made_up: tuple[str, str]) -> None:
    page.goto(f"/console/evaluations/runs/{made_up[0]}")
    expect(page.locator(".cases .reply").last).to_contain_text("<img src=x")
    page.get_by_role("link", name="Question 4?").click()
    expect(page.locator(".reply-text")).to_have_text(HOSTILE)
    assert page.locator("main img, main script").count() == 0
    assert "taken" not in page.title()


def test_axe_finds_nothing(page: Page, made_up: tuple[str, str]) -> None:
    a, b = made_up
    for path in (
        "/console/evaluations/new",
        "/console/evaluations/suite/new",
        f"/console/evaluations/runs/{a}",
        f"/console/evaluations/compare?a={a}&b={b}",
        "/console/evaluations/suite?word=extraction",
    ):
        page.goto(path)
        assert violations(page) == [], path


def test_a_phone_is_wide_enough_also_in_the_dark(home: House, made_up: tuple[str, str]) -> None:
    a, b = made_up
    page = home.page(size=PHONE, theme="dark")
    for path in (
        "/console/evaluations",
        "/console/evaluations/new",
        "/console/evaluations/suite/new",
        f"/console/evaluations/runs/{a}",
        f"/console/evaluations/runs/{a}/case?in=made&case=c4",
        f"/console/evaluations/compare?a={a}&b={b}",
        "/console/evaluations/suite?word=extraction",
    ):
        page.goto(path)
        assert too_wide(page) <= 0, path
    assert violations(page) == []
