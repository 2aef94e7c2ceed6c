"""A real Chromium for the tests of the console."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

# What it would otherwise ask of its maker's hosts, at every start.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)


def chromium() -> str | None:
    """Where it is; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


# Not for the session: as long as Playwright works, its event loop counts as running in this thread, and no test that is
# a coroutine can run beside it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; the variable CHROMIUM names another one."""
    found = chromium()
    if found is None:
        if "ECOTONE_NEEDS_BROWSER" in os.environ:
            pytest.fail("there is no Chromium here, and this run is to use one")
        pytest.skip("there is no Chromium here; install the package `chromium`")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield made
        made.close()
