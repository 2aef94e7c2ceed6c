"""Markdown that a model wrote, as HTML that does nothing.

Models are strangers: what they write may be an attack on whoever reads it. No HTML of theirs is passed on, nothing is
loaded (an image becomes a link to it), links lead to the web and to mail alone and say where, and what is too much to
be parsed in good time is shown as plain text. The result has no style attributes and fits a strict content policy.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ecotone.web.colouring import coloured

TEXT_CHARS_MAX = 200_000
"""What is longer is shown as plain text."""

_INLINE_CHARS_MAX = 10_000
_COLOURED_CHARS_MAX = 12_000
_LINE_CHARS_MAX = 2_000
_SCHEMES = ("http", "https", "mailto")

# Characters that turn the reading direction around: code may read otherwise than it runs (CVE-2021-42574).
_TURNING = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_NOT_SHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def to_html(text: str) -> str:
    """The whole of an answer."""
    return "".join(to_blocks(text))


def to_blocks(text: str) -> list[str]:
    """The whole of an answer, by top-level blocks."""
    return [html for html, _ in _rendered(_shown(text))]


class GrowingMarkdown:
    """An answer while it comes. `blocks` are its top-level blocks as HTML; the first `settled` of them change no more
    while it comes, and only the rest is parsed again when more does. Once it is complete, render the whole of it: what
    stands later may change what stands before, such as a link's address given at the end."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.settled = 0
        self._length = 0
        self._open = ""

    def add(self, more: str) -> None:
        """Take more text, which may end anywhere."""
        if not more:
            return
        self._length += len(more)
        self._open += _shown(more)
        if self._length > TEXT_CHARS_MAX:
            # From here on the rest is one plain block.
            self.blocks[self.settled :] = [_plain(self._open)]
            return
        found = _rendered(self._open)
        self.blocks[self.settled :] = [html for html, _ in found]
        lines = self._open.split("\n")
        # A line that has only begun may yet turn out to go on with the block before it.
        at = len(found) - (1 if found and found[-1][1] < len(lines) - 1 else 2)
        if at > 0:
            self._open = "\n".join(lines[found[at][1] :])
            self.settled += at


def _shown(text: str) -> str:
    """Without what no page can show."""
    return _NOT_SHOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def _rendered(text: str) -> list[tuple[str, int]]:
    """The top-level blocks of a text, each with the line that it begins at."""
    if len(text) > TEXT_CHARS_MAX:
        return [(_plain(text), 0)]
    environment: dict[str, Any] = {}
    tokens = _MARKDOWN.parse(text, environment)
    found: list[tuple[str, int]] = []
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            begins = block[0].map[0] if block[0].map else 0
            found.append((str(_MARKDOWN.renderer.render(block, _MARKDOWN.options, environment)), begins))
            block = []
    return found


def _plain(text: str) -> str:
    return f'<p class="plain" dir="auto">{escape(text)}</p>\n'


# --- code


def _coloured(code: str, language: str) -> str:
    fits = len(code) <= _COLOURED_CHARS_MAX and max(map(len, code.split("\n"))) <= _LINE_CHARS_MAX
    return _told_turning(coloured(code, language) if fits else escape(code))


def _told_turning(html: str) -> str:
    return _TURNING.sub(lambda found: f'<span class="turning">U+{ord(found[0]):04X}</span>', html)


# --- formulas: as they are written, since nothing here sets them


_FORMULA_ENDS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}


def _formula(state: StateInline, silent: bool) -> bool:
    closing = _FORMULA_ENDS.get(state.src[state.pos : state.pos + 2])
    if closing is None:
        return False
    end = state.src.find(closing, state.pos + 2, min(state.posMax, state.pos + _LINE_CHARS_MAX))
    if end <= state.pos + 2:
        return False
    if not silent:
        token = state.push("formula", "code", 0)
        token.content = state.src[state.pos : end + 2]
    state.pos = end + 2
    return True


def _parse_inline(state: StateCore) -> None:
    """What stands in a block; what is too much of it as it is."""
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        if len(token.content) <= _INLINE_CHARS_MAX:
            state.md.inline.parse(token.content, state.md, state.env, token.children)
        else:
            token.children.append(Token("text", "", 0, content=token.content))


# --- the parser and what writes its tokens


def _link_attributes(address: str) -> str:
    quoted = escape(address)
    return f'href="{quoted}" title="{quoted}" rel="nofollow noreferrer noopener" target="_blank"'


class _Renderer(RendererHTML):
    """Methods are called by the type of a token."""

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[index]
        words = token.info.split()
        language = words[0][:30] if words else ""
        told = f"Code, {language}" if language else "Code"
        return (
            f'<figure class="code-block"><figcaption><span>{escape(language or "code")}</span>'
            '<button type="button" class="button quiet" data-copy-code>Copy</button></figcaption>'
            f'<pre tabindex="0" role="group" aria-label="{escape(told)}"><code>'
            f"{_coloured(token.content, language)}</code></pre></figure>\n"
        )

    def code_block(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return self.fence(tokens, index, options, env)

    def code_inline(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f"<code>{_told_turning(escape(tokens[index].content))}</code>"

    def formula(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f'<code class="formula">{_told_turning(escape(tokens[index].content))}</code>'

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f"<a {_link_attributes(str(tokens[index].attrGet('href') or ''))}>"

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """A link to it: to load it would tell its server who reads this, and what its address carries."""
        token = tokens[index]
        address = str(token.attrGet("src") or "")
        named = self.renderInlineAsText(token.children or [], options, env) or "without a name"
        place = urlsplit(address).hostname or ""
        told = f"image: {escape(named)}" + (f" ({escape(place)})" if place else "")
        within = sum((one.type == "link_open") - (one.type == "link_close") for one in tokens[:index])
        if within:  # a link has no links in it
            return f'<span class="image-link">{told}</span>'
        return f'<a class="image-link" {_link_attributes(address)}>{told}</a>'

    def paragraph_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        tokens[index].attrSet("dir", "auto")
        return self.renderToken(tokens, index, options, env)

    bullet_list_open = ordered_list_open = blockquote_open = paragraph_open

    def heading_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        """All of one level in the page's own order of headings; how large they look tells them apart."""
        return f'<h3 class="level-{tokens[index].tag[1:]}" dir="auto">'

    def heading_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "</h3>\n"

    def table_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table-wrap" tabindex="0" role="group" aria-label="Table"><table class="table" dir="auto">\n'

    def table_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[index]
        aligned = str(token.attrGet("style") or "").removeprefix("text-align:")
        scope = ' scope="col"' if token.tag == "th" else ""
        shape = f' class="to-{aligned}"' if aligned in ("left", "right", "center") else ""
        return f"<{token.tag}{scope}{shape}>"

    td_open = th_open


class _Markdown(MarkdownIt):
    """CommonMark with tables and strikethrough, without HTML."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True, "maxNesting": 20}, renderer_cls=_Renderer)
        self.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
        self.inline.ruler.before("escape", "formula", _formula)
        self.core.ruler.at("inline", _parse_inline)

    def validateLink(self, url: str) -> bool:
        try:
            return urlsplit(url.strip()).scheme.lower() in _SCHEMES
        except ValueError:
            return False


_MARKDOWN = _Markdown()
