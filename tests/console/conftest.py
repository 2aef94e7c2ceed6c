"""A real Chromium for the tests of the console."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

# What it would otherwise ask of its maker's hosts, at every start.
_ARGUMENTS = (
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; CHROMIUM names another one."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if "ECOTONE_NEEDS_BROWSER" in os.environ:
            pytest.fail("there is no Chromium here, and this run is to use one")
        pytest.skip("there is no Chromium here; install the package `chromium`")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield made
        made.close()
