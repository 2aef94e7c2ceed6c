"""What axe-core finds wrong with a page."""

from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page

_AXE = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
_RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap((one) => one.nodes.map((node) => {
    const why = node.failureSummary.split("\\n").slice(1).join("; ").trim();
    return `${one.id} (${one.impact}): ${node.target.join(" ")}: ${why}`;
  }));
}"""


@cache
def _axe() -> str:
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: `npm ci --prefix tests/node`")
    return _AXE.read_text()


def violations(page: Page) -> list[str]:
    """By all rules of axe-core, best practices among them, as the page stands."""
    page.evaluate(_axe())
    found: list[str] = page.evaluate(_RUN)
    return found


def too_wide(page: Page) -> int:
    """By how many pixels the page must be scrolled sideways."""
    found: int = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found
