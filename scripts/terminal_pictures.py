#!/usr/bin/env python3
"""Write the pictures of terminals in the guide for a hospital into docs/images/, by doing what the guide says.

python scripts/terminal_pictures.py

It needs the embedded model that the tests fetch: run them first.
"""

import asyncio
import io
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
COLUMNS = 102
THEME = TerminalTheme(
    (23, 27, 34),
    (214, 219, 226),
    [(69, 76, 86), (255, 123, 114), (110, 200, 130), (210, 168, 80), *[(121, 184, 255)] * 3, (214, 219, 226)],
)
"""Background, text, and the eight colours."""
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" \
aria-label="ABOUT">
<title>ABOUT</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich draws a terminal, without the fonts that it would fetch."""


def terminal(command: str, printed: str, about: str) -> str:
    """A terminal in which a command was typed and this printed, as SVG; `about` says it to those who do not see it."""
    console = Console(
        record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system="standard", highlight=False
    )
    for number, line in enumerate(command.rstrip().split("\n")):
        console.print(f"[green]{'>' if number else '$'}[/] [bold]{escape(line)}[/]")
    console.print(Text.from_ansi(printed.rstrip()))
    described = about.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    form = FORMAT.replace("ABOUT", described.replace("{", "{{").replace("}", "}}"))
    drawn = console.export_svg(title="", theme=THEME, code_format=form, unique_id="terminal")
    return "\n".join(line.strip() for line in drawn.splitlines() if line.strip()) + "\n"


async def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.docs.hospital_guide import pictured, walked

    models = Path(os.environ.get("ECOTONE_TEST_MODELS") or Path.home() / ".cache" / "ecotone-tests") / "models"
    with tempfile.TemporaryDirectory() as folder:
        async with walked(Path(folder), models) as done:
            for name, (block, about) in pictured().items():
                (IMAGES / name).write_text(terminal(block.text, done.walk.printed[block.line], about), encoding="utf-8")
                print(IMAGES / name)


if __name__ == "__main__":
    asyncio.run(main())
