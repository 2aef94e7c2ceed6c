"""Markdown of models: what is shown, what never gets through, what is the same however it arrives."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecotone.web.colouring import coloured
from ecotone.web.markdown import TEXT_CHARS_MAX, GrowingMarkdown, to_blocks, to_html

TAGS = {
    *("p", "h3", "ul", "ol", "li", "blockquote", "hr", "br", "em", "strong", "s", "a", "code", "pre", "span", "div"),
    *("figure", "figcaption", "button", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *("class", "dir", "href", "title", "rel", "target", "type", "data-copy-code", "tabindex", "role", "aria-label"),
    *("scope", "start"),
}


class _Checked(HTMLParser):
    """Everything that a browser would make of it is among what this module makes."""

    depth = roots = 0

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.depth -= 1

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.roots += self.depth == 0
        self.depth += 1
        assert tag in TAGS, tag
        for name, value in attributes:
            assert name in ATTRIBUTES, (tag, name)
            if name == "href":
                assert value is not None and value.lower().startswith(("http://", "https://", "mailto:")), value
                assert ("rel", "nofollow noreferrer noopener") in attributes
            if name == "class":
                assert value is not None and all(part.replace("-", "").isalnum() for part in value.split()), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def check(html: str) -> int:
    """Returns how many elements stand side by side."""
    checked = _Checked()
    checked.feed(html)
    checked.close()
    assert checked.depth == 0
    return checked.roots


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** ~~c~~ `d<e>`", "a <strong>b</strong> <s>c</s> <code>d&lt;e&gt;</code>"),
        ("one\ntwo", "one<br />\ntwo"),
        (r"so \(x < \frac{1}{2}\) holds", r'so <code class="formula">\(x &lt; \frac{1}{2}\)</code> holds'),
        ("$$e=mc^2$$", '<code class="formula">$$e=mc^2$$</code>'),
        (r"\*not\* \(", "*not* ("),
        ("<b onclick=x>hi</b>", "&lt;b onclick=x&gt;hi&lt;/b&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
        ("`a\u202eb`", '<code>a<span class="turning">U+202E</span>b</code>'),
    ],
)
def test_paragraphs(text: str, html: str) -> None:
    assert to_html(text) == f'<p dir="auto">{html}</p>\n'


def test_links_say_where_they_lead() -> None:
    assert to_html('[x](https://e.org/?a="b"&c)') == (
        '<p dir="auto"><a href="https://e.org/?a=%22b%22&amp;c" title="https://e.org/?a=%22b%22&amp;c"'
        ' rel="nofollow noreferrer noopener" target="_blank">x</a></p>\n'
    )


def test_images_are_links_and_nothing_is_loaded() -> None:
    html = to_html("![a *cat*](https://e.org/c.png?secret)")
    assert "<img" not in html
    assert ">image: a cat (e.org)</a>" in html
    assert 'href="https://e.org/c.png?secret"' in html
    nested = to_html("[![cat](https://e.org/c.png)](https://f.org)")
    assert nested.count("<a ") == 1 and '<span class="image-link">image: cat (e.org)</span></a>' in nested
    assert to_html("![x](data:image/svg+xml;base64,AAAA)") == '<p dir="auto">![x](data:image/svg+xml;base64,AAAA)</p>\n'


def test_code_is_coloured_by_classes_and_can_be_copied() -> None:
    html = to_html("```py\nif x: pass\n```")
    assert html.startswith('<figure class="code-block"><figcaption><span>py</span><button type="button"')
    assert '<span class="k">if</span>' in html
    unknown = to_html("```<script>\nif <b>\n```")
    assert "<code>if &lt;b&gt;\n</code>" in unknown and "<span>&lt;script&gt;</span>" in unknown


def test_tables_and_headings_fit_the_page() -> None:
    html = to_html("# One\n\n| a | b |\n|--:|---|\n| 1 | 2 |")
    assert html.startswith('<h3 class="level-1" dir="auto">One</h3>')
    assert '<th scope="col" class="to-right">a</th>' in html
    assert "style" not in html


HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))", "[a](java\nscript:alert(1))", "[a](&#106;avascript:alert(1))", "[a](data:text/html,x)",
    "[a](vbscript:x)", "<javascript:alert(1)>", "![a](javascript:x)", '[a](https://x "onmouseover=alert(1)")',
    '[a](https://x" onmouseover="alert(1))', "[a]: javascript:alert(1)\n\n[a]", "```\"><script>\nx\n```",
    "`<b>`", "&lt;script&gt;", "<!-- x -->", "<?php ?>", "<![CDATA[x]]>", "[a](//evil.org)", "[a](/console/sign-out)",
    "[a](#x)", "| <b> |\n|-|\n| <i> |", "- <iframe src=x>", "> <style>*{}</style>", "[<b>](https://x)", "[a](file:///etc)",
    "~~~ html\n</code></pre><script>\n~~~", "    <script>", "\\<b>", "<https://x\"onclick=y>", "<a@b.c>", "[a](ht\ttp://x)",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_gets_through(text: str) -> None:
    check(to_html(text))


def test_links_within_this_gateway_are_none() -> None:
    for address in ("/console/sign-out", "//evil.org", "#x", "?x", "console"):
        assert "<a " not in to_html(f"[a]({address})")


MARKS = (
    "\n", "\n\n", " ", "    ", "a", "*", "**", "_", "`", "```", "```py\n", "# ", "- ", "1. ", "2", "> ", "|", "|-|-|",
    "[", "]", "(", ")", "!", "\\", "<", ">", "---", "===", "\t", "&", "#", "$$", "\\(", "\\)", "\u202e", "é",
    "1. one\n\n", "x\n",
)  # fmt: skip
PIECES = st.sampled_from((*HOSTILE, *MARKS))


@settings(max_examples=100)
@given(st.lists(PIECES | st.text(max_size=3), max_size=20))
def test_whatever_is_written_stays_within_bounds(pieces: list[str]) -> None:
    for block in to_blocks("".join(pieces)):
        assert check(block) == 1, "pages count blocks by their elements"


@settings(max_examples=100)
@given(st.lists(PIECES.filter(lambda piece: "]:" not in piece), min_size=1, max_size=20))
def test_any_pieces_give_the_same_blocks(pieces: list[str]) -> None:
    growing, text = GrowingMarkdown(), "".join(pieces)
    if "]:" in text:
        return
    before: list[str] = []
    for piece in pieces:
        growing.add(piece)
        assert growing.blocks[: len(before)] == before, "what is settled stays"
        before = growing.blocks[: growing.settled]
    assert growing.blocks == to_blocks(text)


def test_an_address_given_at_the_end_is_found() -> None:
    assert 'href="https://e.org"' in to_blocks("see [here][1]\n\nmore\n\n[1]: https://e.org\n")[0]


def test_what_is_too_much_is_plain() -> None:
    text = "**a** <b>\n" * (TEXT_CHARS_MAX // 10 + 1)
    html = to_html(text)
    assert html.startswith('<p class="plain" dir="auto">**a** &lt;b&gt;\n')
    growing = GrowingMarkdown()
    growing.add("# Head\n\n")
    growing.add(text)
    assert growing.blocks[-1].startswith('<p class="plain"')
    check("".join(growing.blocks))
    assert "<em>" not in to_html("*a* " * 5_000)


@pytest.mark.parametrize(
    ("language", "code", "html"),
    [
        ("py", 'if x: # "y"', '<span class="k">if</span> x: <span class="c"># &quot;y&quot;</span>'),
        ("python", 'f("é\\"")', '<span class="nf">f</span>(<span class="s">&quot;é\\&quot;&quot;</span>)'),
        ("python", '"""a\n#b', '<span class="s">&quot;&quot;&quot;a\n#b</span>'),
        ("ts", "`a\n${b}`", '<span class="s">`a\n${b}`</span>'),
        (
            "sql",
            "SELECT 1.5 --x",
            '<span class="k">SELECT</span> <span class="m">1.5</span> <span class="c">--x</span>',
        ),
        ("json", '{"a": null}', '{<span class="nt">&quot;a&quot;:</span> <span class="k">null</span>}'),
        ("diff", "+a\n b\n-c", '<span class="gi">+a\n</span> b\n<span class="gd">-c</span>'),
        ("brainfuck", "if <b>", "if &lt;b&gt;"),
    ],
)
def test_code_in_colours(language: str, code: str, html: str) -> None:
    assert coloured(code, language) == html


@settings(max_examples=50)
@given(
    st.sampled_from(["py", "js", "html", "css", "rust", "sql", "yaml", "diff", "json"]), st.lists(PIECES | st.text())
)
def test_colours_change_no_letter(language: str, pieces: list[str]) -> None:
    code = "".join(pieces)
    assert unescape(re.sub(r'</?span(?: class="\w+")?>', "", coloured(code, language))) == code
