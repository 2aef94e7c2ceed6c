"""The guide for a hospital, walked beside a fake of its vendor that answers at the vendor's own address."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.vendor_at_home import vendor_at
from tests.docs.walk import Walk
from tests.vendors.anthropic_messages import FakeAnthropic

PAGE = ROOT / "docs" / "guides" / "rules-for-a-hospital.md"
_KEY = "sk-ant-test"
_IMAGE = re.compile(r"!\[([^\]]+)\]\(\.\./images/(terminal-[\w-]+\.svg)\)")


@dataclass(frozen=True)
class Walked:
    """Somebody has done all that the page says. `printed` is what each block that is run put on the terminal."""

    walk: Walk
    vendor: FakeAnthropic
    printed: dict[Block, str]


@asynccontextmanager
async def walked(folder: Path, models: Path) -> AsyncIterator[Walked]:
    """`models` is a store with the embedded model in it."""
    (folder / "home").mkdir()
    (folder / "home" / "models").symlink_to(models)
    async with (
        FakeAnthropic(_KEY) as vendor,
        vendor_at("api.anthropic.com", vendor, folder) as environment,
        Walk(folder, {**environment, "ANTHROPIC_API_KEY": _KEY}) as walk,
    ):
        printed: dict[Block, str] = {}
        asked = 0
        for block in blocks(PAGE):
            if block.language in ("text", "json"):
                continue
            if "ecotone.db" in block.text and walk.gate is not None:
                await walk.gate.rows(asked)
            asked += "/v1" in block.text
            printed[block] = await walk.step(block)
        yield Walked(walk, vendor, printed)


def pictured() -> dict[str, tuple[Block, str]]:
    """The blocks of which the page has a picture below them, and how it describes it, by the picture's file."""
    text = PAGE.read_text("utf-8")
    found: dict[str, tuple[Block, str]] = {}
    for image in _IMAGE.finditer(text):
        line = text.count("\n", 0, image.start()) + 1
        shown = max((block for block in blocks(PAGE) if block.line < line), key=lambda block: block.line)
        found[image[2]] = shown, " ".join(image[1].split())
    return found
