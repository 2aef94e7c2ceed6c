"""The report: what it says, in Markdown and HTML, and that names from elsewhere stay words."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

import ecotone.evaluation
from ecotone.evaluation.advice.answer import Advice, advise
from ecotone.evaluation.advice.document import Document, Folded, Items, Picture, Section, Table, Text, as_markdown
from ecotone.evaluation.advice.document_html import as_html
from ecotone.evaluation.advice.pictures import cost_against_volume
from ecotone.evaluation.advice.question import Limits, Privacy, Question, Work, read_question
from ecotone.evaluation.advice.report import report
from tests.evaluation.advising import machine

SCENARIOS = Path(ecotone.evaluation.__file__).parent / "data" / "questions"
TODAY = date(2026, 11, 22)
HOSTILE = "<script>alert(1)</script> [x](http://evil.example) `a` *b* | c # \\ _d_"


def asked(name: str) -> Question:
    return read_question(SCENARIOS / f"{name}.toml")


def answer(question: Question) -> Advice:
    return advise(question, {}, today=TODAY)


@pytest.fixture(scope="module")
def chatbot() -> Document:
    return report(answer(asked("chatbot")))


def words(document: Document) -> str:
    return as_markdown(document).replace("\\", "")


def section(document: Document, title: str) -> str:
    (found,) = [part for part in document.sections if part.title == title]
    return words(Document("", (found,)))


def test_the_answer_comes_first(chatbot: Document) -> None:
    assert [part.title for part in chatbot.sections] == [
        "Answer",
        "Ranking",
        "Pictures",
        "1. Qwen3 235B A22B Instruct 2507 at together",
        "2. Qwen3 235B A22B Instruct 2507 on eight H100, rented",
        "3. Gemini 2.5 Flash at gemini",
        "API or own hardware",
        "What would change the answer",
        "What is not ranked, and why",
        "What it rests on",
    ]
    said = section(chatbot, "Answer")
    assert "$15,500.00 a month" in said
    assert "The best closed one: Gemini 2.5 Flash at gemini (API only): 1400 points (1394 to 1406), $37,850.00" in said
    assert "What would flip it soonest: speed of own machines at 1.49 times as stated instead of 1" in said
    assert "Data: personal data of consumers." in said
    assert "$40,000.00 a month at most" in said


def test_weights_are_shown_as_they_count() -> None:
    shown = section(report(answer(asked("startup-coding")), drawn=False), "Ranking")
    assert "quality 5, cost 2, lock-in 1, openness 0." in shown
    question = asked("startup-coding")
    hard = replace(question, work=replace(question.work, switching="hard"))
    shown = section(report(answer(hard), drawn=False), "Ranking")
    assert "lock-in 3, openness 0 (lock-in 3 times as stated, as a later switch is hard)" in shown


def test_an_option_says_all_that_was_asked_of_it(chatbot: Document) -> None:
    said = section(chatbot, "1. Qwen3 235B A22B Instruct 2507 at together")
    assert "Quality: 1432 points (1425 to 1439); LMArena text leaderboards" in said
    assert "2025-12-17. Weights: open, Apache-2.0." in said
    assert "a month: 50,000,000 requests x $0.00031 = $15,500.00" in said
    assert "price of 2026-07-02 from models.dev" in said
    assert "The data:" in said
    assert "Terms: allowed with duties. The vendor:" in said
    assert "To be done:" in said
    assert "Leaving it:" in said
    assert "Speed: not measured at this place" in said


def test_a_rented_machine_is_somebody_elses(chatbot: Document) -> None:
    said = section(chatbot, "2. Qwen3 235B A22B Instruct 2507 on eight H100, rented")
    assert "stays on eight H100, rented; it is rented, so read the terms of whoever it belongs to" in said


def test_break_evens_say_today_and_gaps(chatbot: Document) -> None:
    said = section(chatbot, "API or own hardware")
    assert (
        "GPT OSS 120B on eight H100, rented against GPT OSS 120B at groq: the own machine is cheaper from 57,000,000"
        " requests a month on, with gaps where another machine has to be added. At today's 50,000,000 the own machine"
        " costs $13,680.00 a month, the vendor $12,000.00." in said
    )
    assert "(another model: 1432 points (1425 to 1439) against 1322 points (1313 to 1331))" in said
    assert "the vendor is cheaper at any volume" in said


def test_a_flip_says_why_the_first_falls_out(chatbot: Document) -> None:
    said = section(chatbot, "What would change the answer")
    assert re.search(
        r"requests a month at 130,000,000 .* the first one falls out: \$40,\d{3}\.\d\d a month is over", said
    )


def test_settings_that_do_not_reason_cost_no_hidden_tokens() -> None:
    question = replace(asked("bulk-classification"), models=("google/gemini-2.5-flash-lite-preview-09-2025",))
    question = replace(question, providers=None)
    for row in answer(question).placed:
        assert row.ranked.option.quality.setting == "no thinking"
        assert "rated as: no thinking" in row.reasons
    thinking = answer(asked("startup-coding")).placed[0]
    assert "rated as: thinking, at most 32k tokens, so hidden reasoning counts among the tokens of an answer" in (
        thinking.reasons
    )


def test_nothing_is_said_twice(chatbot: Document) -> None:
    for part in chatbot.sections:
        texts = [inner.words for inner in part.parts if isinstance(inner, Text) and inner.words.endswith(".")]
        assert len(texts) == len(set(texts))
        for inner in part.parts:
            if isinstance(inner, Items):
                assert len(inner.items) == len(set(inner.items))


def test_nothing_left() -> None:
    question = replace(asked("legal-research"), limits=Limits(monthly_usd_max=Decimal("0.01")))
    advice = answer(question)
    assert advice.placed == ()
    assert advice.fallen
    document = report(advice)
    assert "nothing is left" in section(document, "Answer")
    assert "$0.01 a month at most" in section(document, "Answer")
    assert "over the limit of $0.01" in section(document, "What is not ranked, and why")
    assert "<svg" in as_html(document, "")


def test_one_is_no_plural() -> None:
    question = replace(asked("hospital"), models=("openai/gpt-oss-120b",), providers=("azure", "bedrock"))
    said = words(report(answer(question), drawn=False))
    assert not re.search(r"\b1 (options|duties|other places|more are|rarer reasons)\b", said)


@pytest.mark.parametrize("name", ["hospital", "chatbot", "startup-coding", "bulk-classification", "legal-research"])
def test_the_ranking_fits_a_terminal(name: str) -> None:
    ranking = next(part for part in report(answer(asked(name)), drawn=False).sections if part.title == "Ranking")
    table = next(part for part in ranking.parts if isinstance(part, Table))
    widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
    assert sum(widths) + 2 * (len(widths) - 1) <= 120


# --- forms


def hostile() -> Document:
    box = machine("openai/gpt-oss-20b", name=HOSTILE, rent_per_hour=Decimal(1))
    question = Question(
        Work(10_000, 500, 100),
        title=HOSTILE,
        models=("openai/gpt-oss-20b", "anthropic/claude-haiku-4-5"),
        privacy=Privacy(data_class=HOSTILE),
        machines=(box,),
    )
    return report(answer(question))


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_html_fetches_nothing_and_runs_only_its_own_script() -> None:
    page = as_html(hostile(), f"footer {HOSTILE}")
    seen = _Seen()
    seen.feed(page)
    assert "<script>alert" not in page
    assert all("src" not in attributes for _, attributes in seen.tags)
    addresses = [attributes.get("href") or "" for _, attributes in seen.tags]
    assert all(address.startswith("#") or not address for address in addresses)
    assert not [tag for tag, _ in seen.tags if tag in ("link", "iframe", "object", "embed", "img", "form", "base")]
    assert not re.search(r"url\(\s*['\"]?(?!#)", page)
    assert "@import" not in page
    assert len([tag for tag, _ in seen.tags if tag == "script"]) <= 1
    assert sum(tag == "svg" for tag, _ in seen.tags) == 5


def test_markdown_makes_nothing_of_names() -> None:
    text = as_markdown(hostile())
    escaped = "\\<script\\>alert(1)\\</script\\> \\[x\\](http://evil.example) \\`a\\` \\*b\\* \\| c \\# \\\\ \\_d\\_"
    assert text.startswith(f"# {escaped}\n")
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\[", text)


def test_markdown_of_every_part() -> None:
    table = Table(("A", "N"), (("x|y", "1"),), (1,))
    parts = (
        Text("one\ntwo"),
        Items(("- a", "b")),
        table,
        Picture("<svg/>", "a picture"),
        Folded("More", (Text("1. in"),)),
    )
    document = Document("T", (Section("S", parts),))
    assert as_markdown(document) == (
        "# T\n\n## S\n\none two\n\n- \\- a\n- b\n\n| A | N |\n|---|---:|\n| x\\|y | 1 |\n\n### More\n\n1\\. in\n"
    )
    assert "![a picture](p.svg)" in as_markdown(document, {"a picture": "p.svg"})


def test_the_guide_shows_this_answer() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "open-or-closed.md").read_text()
    shown = re.search(r"<<'END'\n(.*?)\nEND\n", guide, re.S)
    assert shown is not None
    kept = tomllib.loads((SCENARIOS / "chatbot.toml").read_text())
    assert tomllib.loads(shown[1]) == kept
    ranking = next(part for part in report(answer(asked("chatbot")), drawn=False).sections if part.title == "Ranking")
    table = next(part for part in ranking.parts if isinstance(part, Table))
    listed = [line.split() for line in guide.splitlines() if re.match(r" \d  [●○]", line)]
    assert listed == [" ".join(row).split() for row in table.rows[: len(listed)]]
    assert len(listed) == 7


def test_the_cost_lines_show_a_break_even_of_one_model_and_a_closed_one() -> None:
    drawing = cost_against_volume(answer(asked("chatbot")))
    assert "57,000,000" in drawing
    for line in ("groq: GPT OSS 120B", "eight H100, rented: GPT OSS 120B", "gemini: Gemini 2.5 Flash"):
        assert line in drawing
