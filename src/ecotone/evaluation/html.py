"""Reports as one HTML file that opens without a network: system fonts, light and dark, 360 px wide, and on paper.

Everything is built from `Markup`, so that text is escaped by construction. The only script sorts tables; it is there
when a table asks for it, and the page's Content-Security-Policy allows that script alone, by its hash, and no request.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Literal

import msgspec

from ecotone.evaluation.markup import Markup, joined, tag, void

NoteKind = Literal["plain", "good", "warning"]


class Column(msgspec.Struct, frozen=True):
    """A table's column; numbers stand at the right, so that their digits do."""

    title: str
    numeric: bool = False


class Cell(msgspec.Struct, frozen=True):
    """What a cell shows, and the number it is sorted by (None: by its words)."""

    content: str
    value: float | None = None


def page(title: str, *body: str, subtitle: str = "", footer: str = "", language: str = "en") -> str:
    """A whole HTML document; `body` is markup (anything else is shown as text), `footer` says how it was made."""
    content = joined(body)
    scripts = [_SORTING] if _SORTABLE in content else []
    allowed = " ".join(_hash(script) for script in scripts) or "'none'"
    policy = "; ".join(
        [
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            "img-src data:",
            f"script-src {allowed}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(_STYLE)),
    )
    header = tag("header", tag("h1", title), tag("p", subtitle, class_="subtitle") if subtitle else Markup(""))
    parts = [header, tag("main", content), tag("footer", footer) if footer else Markup("")]
    document = tag("html", head, tag("body", *parts, *(tag("script", Markup(s)) for s in scripts)), lang=language)
    return f"<!doctype html>\n{document}\n"


def section(title: str, *children: str, level: int = 2, anchor: str | None = None) -> Markup:
    """A part of the page under its heading."""
    return tag("section", tag(f"h{level}", title), *children, id=anchor)


def paragraph(*children: str) -> Markup:
    """A paragraph of text and markup."""
    return tag("p", *children)


def items(entries: Iterable[str]) -> Markup:
    """A list of entries without an order."""
    return tag("ul", *(tag("li", entry) for entry in entries))


def code(words: str) -> Markup:
    """Words as a program has them: a command, a model's name."""
    return tag("code", words)


def block(words: str) -> Markup:
    """Lines as they are, such as a prompt or a reply; long lines are broken."""
    return tag("pre", words)


def link(words: str, address: str) -> Markup:
    """A link to a web page; an address that is not http or https is shown as words beside the others."""
    if not address.lower().startswith(("http://", "https://")):
        return joined([words, " (", address, ")"])
    return tag("a", words, href=address, rel="noreferrer")


def note(*children: str, kind: NoteKind = "plain") -> Markup:
    """A remark set apart from the text: what to know, what went well, what to be careful about."""
    return tag("aside", *children, class_=f"note {kind}")


def folded(summary: str, *children: str) -> Markup:
    """What is read on demand; it prints whole if it is open."""
    return tag("details", tag("summary", summary), *children)


def figure(picture: Markup, caption: str = "") -> Markup:
    """A picture (SVG markup of `ecotone.evaluation.plots`) with a caption under it."""
    return tag("figure", picture, tag("figcaption", caption) if caption else Markup(""))


def definitions(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Terms with what they are, in two columns where there is room."""
    rows = (tag("div", tag("dt", term), tag("dd", meaning)) for term, meaning in pairs)
    return tag("dl", *rows)


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, caption: str = "", sortable: bool = False
) -> Markup:
    """A table in a frame that scrolls sideways; the first cell of a row is its heading.

    A sortable one sorts by a column when its heading is pressed, numbers as numbers; what has no value comes last.
    """
    heads = [_heading(column, sortable) for column in columns]
    body = [_row(columns, row) for row in rows]
    whole = tag(
        "table",
        tag("caption", caption) if caption else Markup(""),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
        class_=_SORTABLE if sortable else None,
    )
    # A region that scrolls must be reachable by keyboard, and have a name.
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption or "table")


def _heading(column: Column, sortable: bool) -> Markup:
    title: str = tag("button", column.title, type="button") if sortable else column.title
    return tag("th", title, scope="col", class_="number" if column.numeric else None)


def _row(columns: Sequence[Column], row: Sequence[str | Cell]) -> Markup:
    cells = []
    for i, (column, content) in enumerate(zip(columns, row, strict=True)):
        cell = content if isinstance(content, Cell) else Cell(content)
        value = None if cell.value is None else repr(cell.value)
        kind = "number" if column.numeric else None
        if i == 0:
            cells.append(tag("th", cell.content, scope="row", class_=kind, data_value=value))
        else:
            cells.append(tag("td", cell.content, class_=kind, data_value=value))
    return tag("tr", *cells)


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


_SORTABLE = "sortable-by-heading"

_SORTING = """
for (const table of document.querySelectorAll("table.sortable-by-heading")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const key = row => {
      const cell = row.cells[column], words = cell.textContent.trim();
      return cell.dataset.value !== undefined ? Number(cell.dataset.value) : words === "" ? null : words;
    };
    const compare = (a, b) => {
      if (a === null || b === null) return (a === null) - (b === null);
      if (typeof a === "number" && typeof b === "number") return sign * (a - b);
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      return sign * a.localeCompare(b, undefined, { numeric: true });
    };
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  }));
}
"""

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --raised: #f6f7f9; --ink: #1b2330; --faint: #5a6575;
  --rule: #dfe3e9;
  --accent: #2a56c6; --wash: #eef2fd; --good: #1a6b3c; --good-wash: #e9f5ee; --warning: #8a4b00;
  --warning-wash: #fdf3e3; }
@media (prefers-color-scheme: dark) { :root { --paper: #11151c; --raised: #191f29; --ink: #e8ebf0; --faint: #9ba6b6;
  --rule: #2c3441; --accent: #8db0ff; --wash: #1a2338; --good: #7fd6a4; --good-wash: #13281d; --warning: #f2b866;
  --warning-wash: #2c2110; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 0.25rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
p, ul, dl, figure, pre, aside, .scroll, details { margin: 0 0 1rem; }
p, li, dd { max-width: 44rem; }
.subtitle, figcaption, caption, footer, dt { color: var(--faint); }
a { color: var(--accent); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.875em; }
code { background: var(--raised); padding: 0.1em 0.3em; border-radius: 4px; }
pre { background: var(--raised); padding: 0.75rem 1rem; border-radius: 6px; white-space: pre-wrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.5rem; font-size: 0.875rem; }
th, td { padding: 0.4rem 1rem 0.4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--faint); font-weight: 500; font-size: 0.8125rem; vertical-align: bottom; }
tbody th { font-weight: 500; }
th code, td code { white-space: nowrap; }
th, td { overflow-wrap: normal; }
tbody tr:hover { background: var(--raised); }
.number { text-align: right; white-space: nowrap; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th button::after { content: "\\2195"; opacity: 0.45; padding-left: 0.3em; }
th[aria-sort="ascending"] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort="descending"] button::after { content: "\\2193"; opacity: 1; }
dl > div { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: 0 1rem; padding: 0.3rem 0;
  border-bottom: 1px solid var(--rule); }
dd { margin: 0; min-width: 0; }
figure svg { display: block; width: 100%; }
figcaption { font-size: 0.875rem; margin-top: 0.4rem; }
.note { padding: 0.75rem 1rem; border-radius: 6px; border-left: 3px solid var(--accent); background: var(--wash); }
.note.good { border-color: var(--good); background: var(--good-wash); }
.note.warning { border-color: var(--warning); background: var(--warning-wash); }
.note > :last-child { margin-bottom: 0; }
summary { cursor: pointer; padding: 0.25rem 0; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); font-size: 0.875rem; }
@media (max-width: 30rem) { body { padding: 1.25rem 0.9rem 2rem; } h1 { font-size: 1.4rem; }
  dl > div { grid-template-columns: 1fr; } }
@media print { :root { --paper: #fff; --raised: #f4f4f4; --ink: #000; --faint: #444; --rule: #bbb; --accent: #1d46b0;
  --wash: #f4f6fc; --good: #1a6b3c; --good-wash: #f1f8f4; --warning: #8a4b00; --warning-wash: #fdf7ec; }
  body { max-width: none; padding: 0; font-size: 10pt; } .scroll { overflow: visible; }
  figure, tr, aside, dl > div { break-inside: avoid; } h2, h3 { break-after: avoid; }
  thead { display: table-header-group; }
  th button::after { content: ""; } a { color: inherit; } }
"""
