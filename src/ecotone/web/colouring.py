"""Code in colours, in time that grows with its length alone.

Who wrote the code may mean harm, and a lexer with backtracking patterns can be made to work for minutes: on 20 kB of
hostile Java Pygments takes longer than anybody waits. RE2 cannot be made to. What is coloured is what helps to read:
comments, strings, numbers, keywords, names that are called.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files

import msgspec
import re2

_STRING = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"
_TEMPLATE = r"`(?:\\(?s:.)|[^`\\])*(?:`|\z)"
_TRIPLE = r'"""(?s:.*?)(?:"""|\z)' + r"|'''(?s:.*?)(?:'''|\z)"
_SLASHES = r"//[^\n]*|/\*(?s:.*?)(?:\*/|\z)"
_HASH = r"#[^\n]*"
_DASHES = r"--[^\n]*"
_NUMBER = r"\b(?:0[xXbBoO][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?)\w*"
_WORD = r"[A-Za-z_$@][\w$]*"


class _Language(msgspec.Struct, frozen=True):
    """`strings` and `comments` are patterns; `keywords` are looked up as they stand, or in lower case."""

    keywords: frozenset[str]
    comments: str = _SLASHES
    strings: str = _STRING
    any_case: bool = False
    markup: str | None = None
    """A pattern for a tag's or a key's name, where there is such a thing."""


_KEYWORDS = tomllib.loads(files("ecotone.web").joinpath("keywords.toml").read_text("utf-8"))


def _words(language: str) -> frozenset[str]:
    return frozenset(_KEYWORDS[language].split())


_MARKUP = _Language(frozenset(), comments=r"<!--(?s:.*?)(?:-->|\z)", markup=r"</?[A-Za-z][\w:.-]*|/?>")
_KEYED = r'"(?:\\.|[^"\\\n])*"[ \t]*:'
_LANGUAGES = {
    "bash": _Language(_words("bash"), _HASH),
    "c": _Language(_words("c")),
    "cpp": _Language(_words("cpp")),
    "csharp": _Language(_words("csharp")),
    "css": _Language(_words("css"), r"/\*(?s:.*?)(?:\*/|\z)", markup=r"(?m:^[ \t]*[\w-]+[ \t]*:)"),
    "dockerfile": _Language(_words("dockerfile"), _HASH, any_case=True),
    "go": _Language(_words("go"), strings=f"{_STRING}|{_TEMPLATE}"),
    "html": _MARKUP,
    "ini": _Language(_words("ini"), r"(?m:^[ \t]*[;#][^\n]*)", markup=r"(?m:^[ \t]*\[[^\]\n]*\])"),
    "java": _Language(_words("java"), strings=f"{_TRIPLE}|{_STRING}"),
    "javascript": _Language(_words("javascript"), strings=f"{_STRING}|{_TEMPLATE}"),
    "json": _Language(_words("json"), markup=_KEYED),
    "kotlin": _Language(_words("kotlin"), strings=f"{_TRIPLE}|{_STRING}"),
    "lua": _Language(_words("lua"), _DASHES),
    "make": _Language(_words("make"), _HASH, markup=r"(?m:^[\w./%-]+:)"),
    "php": _Language(_words("php"), f"{_SLASHES}|{_HASH}"),
    "python": _Language(_words("python"), _HASH, f"{_TRIPLE}|{_STRING}"),
    "r": _Language(_words("r"), _HASH),
    "ruby": _Language(_words("ruby"), _HASH),
    "rust": _Language(_words("rust"), strings=r'"(?:\\(?s:.)|[^"\\])*(?:"|\z)' + r"|'(?:\\.|[^'\\\n])'"),
    "sql": _Language(_words("sql"), rf"{_DASHES}|/\*(?s:.*?)(?:\*/|\z)", any_case=True),
    "swift": _Language(_words("swift"), strings=f"{_TRIPLE}|{_STRING}"),
    "toml": _Language(_words("toml"), _HASH, f"{_TRIPLE}|{_STRING}", markup=r"(?m:^[ \t]*\[[^\n]*\])"),
    "typescript": _Language(_words("typescript"), strings=f"{_STRING}|{_TEMPLATE}"),
    "xml": _MARKUP,
    "yaml": _Language(_words("yaml"), _HASH, markup=r"(?m:^[ \t-]*[\w.-]+:)"),
}
_ALSO = {
    "c++": "cpp", "c#": "csharp", "cc": "cpp", "cs": "csharp", "docker": "dockerfile", "golang": "go", "h": "c",
    "js": "javascript", "jsonc": "json", "jsx": "javascript", "kt": "kotlin", "makefile": "make", "mjs": "javascript",
    "postgresql": "sql", "py": "python", "python3": "python", "rb": "ruby", "rs": "rust", "sh": "bash", "shell": "bash",
    "svg": "xml", "ts": "typescript", "tsx": "typescript", "yml": "yaml", "zsh": "bash", "console": "bash",
}  # fmt: skip


def coloured(code: str, language: str) -> str:
    """The code as HTML, its parts in `<span class=...>` with the short names that Pygments gave them.

    `c` is a comment, `s` a string, `m` a number, `k` a keyword, `nt` a tag or key, `nf` what is called, `gi` and `gd`
    what a diff adds and takes away.
    """
    name = language.lower()
    name = _ALSO.get(name, name)
    if name in ("diff", "patch"):
        return "".join(_diff_line(line) for line in code.splitlines(keepends=True))
    known = _LANGUAGES.get(name)
    return escape(code) if known is None else "".join(_spans(code, known, _pattern(name)))


@cache
def _pattern(name: str) -> "re2._Regexp[str]":
    language = _LANGUAGES[name]
    kinds = [("c", language.comments), ("nt", language.markup), ("s", language.strings), ("m", _NUMBER), ("k", _WORD)]
    return re2.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds if pattern))


def _spans(code: str, language: _Language, pattern: "re2._Regexp[str]") -> Iterator[str]:
    at = 0
    for found in pattern.finditer(code):
        start, end = found.span()
        kind = found.lastgroup
        if kind == "k":
            word = found[0].lower() if language.any_case else found[0]
            if word not in language.keywords:
                kind = "nf" if code[end : end + 1] == "(" else None
        if start > at:
            yield escape(code[at:start])
        yield escape(found[0]) if kind is None else f'<span class="{kind}">{escape(found[0])}</span>'
        at = end
    yield escape(code[at:])


def _diff_line(line: str) -> str:
    kind = {"+": "gi", "-": "gd", "@": "c"}.get(line[:1])
    return escape(line) if kind is None else f'<span class="{kind}">{escape(line)}</span>'
