"""The lines that Connect shows, copied as somebody copies them, and run."""

import os
import subprocess

from playwright.sync_api import Page


def ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    hidden = ("_API_KEY", "_BASE_URL", "_proxy", "_PROXY")
    environment = {name: value for name, value in os.environ.items() if not name.endswith(hidden)}
    environment.pop("PYTHONWARNINGS", None)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)


def lines(page: Page, client: str, title: str) -> str:
    """What somebody copies from the page, by its button."""
    page.get_by_role("navigation", name="Clients").get_by_role("link", name=client, exact=True).click()
    page.get_by_role("button", name=f"Copy the lines: {client}, {title}", exact=True).click()
    copied: str = page.evaluate("() => navigator.clipboard.readText()")
    return copied
