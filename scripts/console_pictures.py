#!/usr/bin/env python3
"""Write the pictures of the console into docs/images/console/, each page wide and on a phone, light and dark.

python scripts/console_pictures.py [NAME ...]

It runs a gateway with two embedded models, which the tests fetch (run them first), and two models at scripted vendors;
uses it through its pages' own API; and takes pictures in headless Chromium. An hour's traffic is made up.
"""

import argparse
import base64
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from ecotone.gateway.build import open_database  # noqa: E402
from ecotone.gateway.settings.paths import Home  # noqa: E402
from tests.conftest import qwen_coder, smollm2  # noqa: E402
from tests.console.conftest import ARGUMENTS, chromium  # noqa: E402
from tests.console.house import PHONE, WIDE, House, house  # noqa: E402
from tests.request_rows import row, write_rows  # noqa: E402

IMAGES = ROOT / "docs" / "images" / "console"
QUALITY = 82
HEIGHT_MAX = 1500
"""Of a longer page the picture shows the beginning."""
VENDORS = {"chat": "gpt-4o", "anthropic": "claude-sonnet-4-5"}
"""What each scripted vendor has, by the API that it speaks."""
QUESTION = "What is an ecotone, and why do more species live there? Answer in a few lines."
ANSWERS = {
    "chat": (
        "An **ecotone** is the strip where two ecosystems meet: a wood's edge, an estuary, a shoreline.\n\n"
        "More species live there for three reasons:\n\n"
        "1. those of *both* neighbours reach into it,\n"
        "2. some live nowhere but at the edge,\n"
        "3. light, water and shelter change over a few metres, so there are more ways to live.\n\n"
        "Ecologists call this the **edge effect**."
    ),
    "anthropic": (
        "An ecotone is a transition zone between two ecological communities, such as forest and grassland.\n\n"
        "- **Overlap**: residents of both communities occur there.\n"
        "- **Edge specialists**: some species need exactly this mixture.\n"
        "- **Gradients**: soil, light and moisture change over short distances.\n\n"
        "The gain is not universal: where an edge is young or cut by people, species of the interior are lost."
    ),
}
CONFIG = """
[models.house]
engine = "llama.cpp"
source = "file:smollm2.gguf"
catalog = "huggingface/smollm2-135m-instruct"

[models.coder]
engine = "llama.cpp"
source = "file:coder.gguf"

[models.gpt-4o]
provider = "openai"
name = "gpt-4o"
base_url = "{chat}"

[models.claude]
provider = "anthropic"
name = "claude-sonnet-4-5"
base_url = "{anthropic}"

[routes.assistant]
models = ["claude", "house"]

[routes.code]
models = ["coder", "gpt-4o"]

[data]
countries = ["us", "de"]

[[rules]]
name = "restricted stays in the house"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "cards, keys and national numbers do not leave our machines"

[[rules]]
name = "addresses go out as pseudonyms"
redact = 'endpoint.hosting == "vendor"'
kinds = ["email", "phone"]
because = "a vendor need not know whom we write to"

[[rules]]
name = "nothing for weapons"
deny = 'content.weapons >= 0.8'
because = "no model here helps with weapons, open or closed"

[[rules]]
name = "the house first at night"
prefer = 'endpoint.hosting == "embedded" && (time.hour >= 22 || time.hour < 6)'
because = "nobody waits at night, and our own machine is at hand"

[[rule_tests]]
name = "a card number stays"
model = "claude"
text = "My card is 4111 1111 1111 1111."
expect = "deny"
rule = "restricted stays in the house"

[[rule_tests]]
name = "an address is replaced"
model = "claude"
text = "Write to jane@lakeside.org, please."
expect = "allow"
"""
CARD_TEXT = (
    "Dear Sam,\n\nplease refund order 2217 to my card 4111 1111 1111 1111 and confirm to jane.doe@lakeside.org.\n"
    "My number is +1 415 555 0132 if anything is unclear.\n\nJane"
)


@contextmanager
def vendor(wire: str, model: str) -> Iterator[str]:
    """The address of a scripted vendor that says what it always says, a few words at a time."""
    command = [sys.executable, "-m", "tests.vendors", "--wire", wire, "--model", model, "--text", ANSWERS[wire]]
    process = subprocess.Popen([*command, "--gap-s", "0.02"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait()


def made_up_hour(home: Home) -> None:
    """Rows as an hour of a small team's work would leave them."""
    chance = random.Random(2026)
    now_us = time.time_ns() // 1000
    places = (("claude", "claude@anthropic", 5), ("house", "house@embedded", 4), ("coder", "coder@embedded", 3))
    rows = []
    for _ in range(640):
        minute = chance.triangular(2, 59, 18)
        model, endpoint, _ = chance.choices(places, [weight for *_, weight in places])[0]
        inside = endpoint.endswith("@embedded")
        failed = chance.random() < 0.012
        tokens = round(chance.lognormvariate(4.6, 0.5))
        first_us = round(chance.lognormvariate(11.6 if inside else 13.0, 0.35))
        rows.append(
            row(
                now_us - round(minute * 60_000_000),
                principal=chance.choice(("local", "ward-3", "build-server")),
                asked="code" if model == "coder" else "assistant",
                model=None if failed else model,
                endpoint=endpoint,
                status=502 if failed else 200,
                error="upstream_failed" if failed else None,
                input_tokens=tokens * 4,
                output_tokens=None if failed else tokens,
                first_byte_us=first_us,
                duration_us=first_us + tokens * (21_000 if inside else 14_000),
            )
        )
    with closing(open_database(home)) as database:
        write_rows(database, *rows)


def ended(home: House, path: str, state: Callable[[Any], bool]) -> Any:
    """What the control plane says there, once it is so."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        told = home.api("GET", path)
        if state(told):
            return told
        time.sleep(0.3)
    raise SystemExit(f"{path} did not come to its end")


def chat(home: House) -> str:
    """A conversation with two questions, the second answered by another model."""
    begun = home.api("POST", "/chats", {"model": "claude"})
    parent = None
    for text, model in ((QUESTION, "claude"), ("Name three ecotones in Europe.", "house")):
        question = {"text": text, "model": model, "parent": parent}
        parent = home.api("POST", f"/chats/{begun['id']}/messages", question)["answer"]
        ended(home, f"/chats/{begun['id']}", lambda told: not _goes_on(told))
    return f"/console/chat/{begun['id']}"


def _goes_on(told: Any) -> bool:
    return '"streaming"' in (text := json.dumps(told)) or '"waiting"' in text


def battle(home: House) -> str:
    """One that was blind, and is voted on; three more behind it, for the standings."""
    last = ""
    for prompt, models, vote in (
        ("Name three ecotones.", ("claude", "gpt-4o"), "a"),
        ("What is an estuary?", ("house", "gpt-4o"), "b"),
        ("Why do edges matter?", ("house", "claude"), "tie"),
        (QUESTION, ("claude", "house"), None),
    ):
        begun = home.api(
            "POST", "/battles", {"models": models, "prompt": prompt, "blind": True, "max_tokens": 120, "temperature": 0}
        )
        ended(home, f"/battles/{begun['id']}", lambda told: not _goes_on(told))
        if vote is not None:
            home.api("POST", f"/battles/{begun['id']}/vote", {"vote": vote})
        last = begun["id"]
    home.api("POST", f"/battles/{last}/vote", {"vote": "a"})
    return f"/console/compare/battle/{last}"


def run(home: House) -> str:
    """A small run of a suite with both embedded models."""
    begun = home.api(
        "POST", "/evaluations/runs", {"suites": ["classification"], "models": ["house", "coder"], "limit": 8}
    )
    identity = begun["run"]["id"]
    ended(home, f"/evaluations/runs/{identity}", lambda told: told["state"] not in ("running", "starting"))
    return f"/console/evaluations/runs/{identity}"


def tried(page: Page) -> None:
    """The try-it box, used."""
    page.get_by_label("Text", exact=True).fill(CARD_TEXT)
    page.get_by_role("button", name="Try it").click()
    page.locator("mark").first.wait_for()


def taken(page: Page, name: str) -> None:
    """One picture, as WebP, of the whole page."""
    session = page.context.new_cdp_session(page)
    height = min(page.evaluate("() => document.documentElement.scrollHeight"), HEIGHT_MAX)
    size = page.viewport_size or {"width": WIDE[0], "height": WIDE[1]}
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    page.wait_for_timeout(250)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    (IMAGES / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))


def pictures(home: House, wanted: list[str]) -> None:
    steps: Mapping[str, Callable[[Page], None]] = {"rules-try": tried}
    paths = {
        "home": lambda: "/console/",
        "chat": lambda: chat(home),
        "compare": lambda: battle(home),
        "standings": lambda: "/console/compare/standings",
        "advise": lambda: "/console/advise",
        "models": lambda: "/console/models",
        "catalog": lambda: "/console/models/catalog",
        "model": lambda: "/console/models/show/ibm/granite-4.0-h-small",
        "model-here": lambda: "/console/models/show/house",
        "evaluation": lambda: run(home),
        "evaluations": lambda: "/console/evaluations",
        "rules": lambda: "/console/rules",
        "rules-try": lambda: "/console/rules/try",
        "connect": lambda: "/console/connect",
        "design": lambda: "/console/design",
    }
    for name, path_of in paths.items():
        if wanted and name not in wanted:
            continue
        path = path_of()
        for size, kind in ((WIDE, "wide"), (PHONE, "phone")):
            for theme in ("light", "dark"):
                page = home.page(size=size, theme=theme)
                page.goto(path)
                page.wait_for_load_state("load")
                page.wait_for_timeout(700)
                if name in steps:
                    steps[name](page)
                taken(page, f"{name}-{kind}-{theme}")
                page.context.close()
        print(f"{name}: {path}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="only these pages")
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    begun = datetime.now(UTC)
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = {wire: stack.enter_context(vendor(wire, model)) for wire, model in VENDORS.items()}
        made_up_hour(Home(folder / "home"))
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        (folder / "smollm2.gguf").symlink_to(smollm2())
        (folder / "coder.gguf").symlink_to(qwen_coder())
        config = CONFIG.format(**addresses)
        keys = {"OPENAI_API_KEY": "sk-test", "ANTHROPIC_API_KEY": "sk-test"}
        home = stack.enter_context(house(folder, browser, config, environment=keys))
        pictures(home, options.name)
        home.faults.clear()
    print(f"{len(list(IMAGES.glob('*.webp')))} pictures, {(datetime.now(UTC) - begun).seconds} s")


if __name__ == "__main__":
    main()
