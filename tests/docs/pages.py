"""The documentation as data: its pages, their fenced blocks, headings and links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)

_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: +\"[^\"]*\")?\)|<img[^>]+src=\"([^\"]+)\"")
_CODE = re.compile(r"(`+).+?\1")


@dataclass(frozen=True)
class Block:
    """A fenced block. `opt_out` is the reason after `no-run:` in its info string, None where it has none."""

    page: Path
    line: int
    language: str
    opt_out: str | None
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found: list[Block] = []
    body: list[str] = []
    opened: tuple[int, str, int, str] | None = None
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened = (len(fence[1]), fence[2], number, fence[3].strip())
            body = []
        elif opened is not None and fence and fence[2] == opened[1] and not fence[3].strip():
            language, _, rest = opened[3].partition(" ")
            reason = re.fullmatch(r"no-run: *(.+)", rest.strip())
            assert not rest or reason, f"{page}:{opened[2]}: after the language only `no-run: REASON` is known"
            found.append(Block(page, opened[2], language, reason[1] if reason else None, "\n".join(body) + "\n"))
            opened = None
        elif opened is not None:
            body.append(line[opened[0] :] if not line[: opened[0]].strip() else line)
    assert opened is None, f"{page}: the block that is opened last is never closed"
    return found


def _prose(page: Path) -> list[tuple[int, str]]:
    """The lines outside fenced blocks, numbered."""
    lines = page.read_text("utf-8").splitlines()
    inside = {number for block in blocks(page) for number in range(block.line, block.line + block.text.count("\n") + 2)}
    return [(number, line) for number, line in enumerate(lines, 1) if number not in inside]


def anchors(page: Path) -> set[str]:
    """What a link may name after `#`: a heading in lower case, its spaces as hyphens, without punctuation."""
    headings = (found[1] for _, line in _prose(page) if (found := _HEADING.match(line)))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in plain}


def links(page: Path) -> list[tuple[int, str]]:
    """Targets of links and images, with their lines."""
    return [
        (number, found[1] or found[2]) for number, line in _prose(page) for found in _LINK.finditer(_CODE.sub("", line))
    ]
