"""The report's page: well formed, escaped, and without a way out to the network."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from ecotone.evaluation.html import (
    Cell,
    Column,
    block,
    code,
    definitions,
    figure,
    folded,
    items,
    link,
    note,
    page,
    paragraph,
    section,
    table,
)
from ecotone.evaluation.markup import Markup, joined, tag, text, void

HOSTILE = "</style></td><script>alert(1)</script><img src=x onerror='x'>\"&\x00"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Reader(HTMLParser):
    """Elements in order, with attributes; fails where an end does not fit its start."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self._open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        assert self._open.pop() == name

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def names(self) -> list[str]:
        assert not self._open
        return [name for name, _ in self.elements]


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    reader.close()
    return reader


def a_table(sortable: bool = False) -> Markup:
    columns = [Column("model"), Column("score", numeric=True)]
    rows: list[list[str | Cell]] = [["alder", Cell("63 %", 0.63)], ["fir", Cell("unknown")]]
    return table(columns, rows, caption="All scores", sortable=sortable)


def policy(document: str) -> str:
    metas = [attributes for name, attributes in read(document).elements if name == "meta"]
    return next(m["content"] or "" for m in metas if m.get("http-equiv") == "Content-Security-Policy")


def test_a_page_has_a_title_a_language_and_one_heading_of_the_first_rank() -> None:
    document = page("Run", section("Scores", paragraph("text")), subtitle="two models", footer="made by hand")
    assert document.startswith("<!doctype html>\n")
    names = read(document).names()
    assert names.count("h1") == 1 and names.count("h2") == 1
    assert '<html lang="en">' in document and "<title>Run</title>" in document
    assert '<meta charset="utf-8"/>' in document


def test_the_same_content_gives_the_same_bytes() -> None:
    assert page("Run", a_table(sortable=True)) == page("Run", a_table(sortable=True))


def test_everything_that_is_not_markup_is_words() -> None:
    document = page(
        HOSTILE,
        HOSTILE,
        section(HOSTILE, paragraph(HOSTILE), items([HOSTILE]), code(HOSTILE), block(HOSTILE)),
        note(HOSTILE, kind="warning"),
        folded(HOSTILE, HOSTILE),
        definitions([(HOSTILE, HOSTILE)]),
        figure(Markup("<svg></svg>"), HOSTILE),
        table([Column(HOSTILE)], [[HOSTILE], [Cell(HOSTILE, 1.0)]], caption=HOSTILE, sortable=True),
        link(HOSTILE, "https://example.org/?q=" + HOSTILE),
        subtitle=HOSTILE,
        footer=HOSTILE,
    )
    reader = read(document)
    assert reader.names().count("script") == 1, "the sorting script alone"
    assert "img" not in reader.names()
    assert not [attributes for _, attributes in reader.elements if any(key.startswith("on") for key in attributes)]
    assert "\x00" not in document
    assert sum("alert(1)" in words for words in reader.words) >= 15


def test_a_page_can_fetch_nothing() -> None:
    document = page("Run", a_table())
    assert policy(document).startswith("default-src 'none'")
    assert "script-src 'none'" in policy(document)
    assert "script" not in read(document).names()
    assert not re.findall(r'(?:src|href)="', document) and "@import" not in document and "url(" not in document


def test_the_policy_allows_the_sorting_script_by_its_hash() -> None:
    document = page("Run", a_table(sortable=True))
    (script,) = re.findall(r"<script>(.*?)</script>", document, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy(document)


def test_a_table_has_headings_for_rows_and_columns_and_can_be_reached_by_keyboard() -> None:
    reader = read(a_table())
    scopes = [attributes.get("scope") for name, attributes in reader.elements if name == "th"]
    assert scopes == ["col", "col", "row", "row"]
    name, frame = reader.elements[0]
    assert (name, frame["tabindex"], frame["role"], frame["aria-label"]) == ("div", "0", "region", "All scores")
    assert "button" not in reader.names()


def test_a_sortable_table_carries_numbers_beside_words() -> None:
    reader = read(a_table(sortable=True))
    assert reader.names().count("button") == 2
    values = [attributes["data-value"] for name, attributes in reader.elements if "data-value" in attributes]
    assert values == ["0.63"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        table([Column("a"), Column("b")], [["only one"]])


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//host/x", "http:x", ""]
)
def test_only_web_pages_are_linked(address: str) -> None:
    assert "<a" not in link("words", address)
    assert text(address) in link("words", address)


def test_web_pages_are_linked() -> None:
    assert link("a page", "https://example.org/?a=1&b=2") == (
        '<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">a page</a>'
    )


def test_markup_by_hand() -> None:
    assert tag("p", "a < b", class_="x", data_value=None, title='"') == '<p class="x" title="&quot;">a &lt; b</p>'
    assert void("line", x1=1.0, x2=2.345, y1=-0.001, y2=10, stroke_width=0.5) == (
        '<line x1="1" x2="2.35" y1="0" y2="10" stroke-width="0.5"/>'
    )
    assert joined(["a", tag("b"), "&"], ", ") == "a, <b></b>, &amp;"
    assert text("a\x07b\ud800") == "a�b�"
