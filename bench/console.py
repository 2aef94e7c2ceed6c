"""How soon the console's pages are there, what they weigh, and how smooth four answers at once are.

    python -m bench.console

Starts a gateway with a home of its own, and four models at a scripted vendor; opens every page in headless Chromium,
each time with an empty cache, and lets the four answer one prompt side by side.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, Response, sync_playwright

from ecotone.web.console.rendering import NAV
from tests.console.conftest import ARGUMENTS, chromium
from tests.console.house import House, house

MODELS = tuple(f"scripted-{number}" for number in range(1, 5))
ANSWER = (
    "An ecotone is the strip where two ecosystems meet.\n\n"
    "## Where one finds it\n\n- at the edge of a wood\n- where a river meets the sea\n- above the last trees\n\n"
    "```python\ndef edge(here: str, there: str) -> str:\n    return f'{here} | {there}'\n```\n\n"
    "It is **richer** than either, since species of both live there, and some that live nowhere else. "
) * 20
WATCH = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: "longtask", buffered: true });
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@contextmanager
def scripted_vendor() -> Iterator[str]:
    """The address of one that writes a word every five milliseconds to each who asks."""
    command = [sys.executable, "-m", "tests.vendors", "--wire", "chat", "--text", ANSWER, "--gap-s", "0.005"]
    for model in MODELS:
        command += ["--model", model]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait()


def config(address: str) -> str:
    table = (
        '[models.{}]\nprovider = "openai-compatible"\nbase_url = "{}"\nhosting = "vendor"\nkey_env = "SCRIPTED_KEY"\n'
    )
    return "\n".join(table.format(model, address) for model in MODELS)


def first_paints(home: House, path: str, rounds: int) -> tuple[list[float], int]:
    """Milliseconds from the request to the first contentful paint, once for each round, and the bytes of one load."""
    paints: list[float] = []
    weight = 0
    for _ in range(rounds):
        page = home.page()
        page.goto("about:blank")
        answers = heard(page)
        page.goto(path)
        page.wait_for_load_state("load")
        page.wait_for_function(f"() => ({PAINT})() !== null")
        paints.append(page.evaluate(PAINT))
        whole = [answer for answer in answers if answer.status == 200]
        weight = sum(
            len(answer.body())
            for answer in whole
            if not answer.headers.get("content-type", "").startswith("text/event-stream")
        )
        page.context.close()
    return paints, weight


def heard(page: Page) -> list[Response]:
    """All answers that the page gets from now on."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    return answers


def four_at_once(home: House, slowdown: int) -> tuple[list[float], int]:
    """The durations of all long tasks (over 50 ms) while four answers come, and how many characters they had."""
    page = home.page()
    page.add_init_script(f"({WATCH})()")
    if slowdown > 1:
        session: CDPSession = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    begun = home.api("POST", "/battles", {"models": MODELS, "prompt": "What is an ecotone?", "blind": False})
    page.goto(f"/console/compare/battle/{begun['id']}")
    page.wait_for_function(
        "() => !document.querySelector('[data-state=waiting], [data-state=streaming]')", timeout=120_000
    )
    tasks: list[float] = page.evaluate("() => window.tasks")
    length = len(page.locator("main").inner_text())
    page.context.close()
    return tasks, length


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="loads of each page (default: %(default)s)")
    parser.add_argument("--slowdown", type=int, default=1, help="how many times slower the browser's processor is")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args()
    with sync_playwright() as playwright, scripted_vendor() as address, tempfile.TemporaryDirectory() as folder:
        browser: Browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        with house(Path(folder), browser, config(address), environment={"SCRIPTED_KEY": "sk-test"}) as home:
            show(home, options)
        browser.close()


def show(home: House, options: argparse.Namespace) -> None:
    warm(home)
    rows = {}
    for item in NAV:
        paints, weight = first_paints(home, item.path, options.rounds)
        rows[item.path] = {"median_ms": statistics.median(paints), "worst_ms": max(paints), "bytes": weight}
    tasks, length = four_at_once(home, options.slowdown)
    if options.json:
        print(json.dumps({"pages": rows, "long_tasks_ms": tasks, "characters": length}))
        return
    print(f"{'page':<24}{'first paint, median':>20}{'worst':>10}{'weight':>12}")
    for path, row in rows.items():
        print(f"{path:<24}{row['median_ms']:>17.0f} ms{row['worst_ms']:>7.0f} ms{row['bytes'] / 1000:>9.0f} kB")
    print(f"four answers at once, {length:,} characters: {told(tasks)}")


def told(tasks: Sequence[float]) -> str:
    return f"{len(tasks)} tasks over 50 ms, the longest {max(tasks):.0f} ms" if tasks else "no task over 50 ms"


def warm(home: House) -> None:
    """The first page of a process waits for what later ones find ready."""
    page: Page = home.page()
    page.goto("/console/design")
    page.context.close()


if __name__ == "__main__":
    main()
