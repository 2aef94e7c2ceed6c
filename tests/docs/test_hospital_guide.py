"""The guide for a hospital does what it says, in its order, with the vendor's own address and terms."""

import json
import re
import runpy
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import openai
import pytest
import pytest_asyncio

from tests.docs.hospital_guide import PAGE, Walked, pictured, walked
from tests.docs.pages import ROOT, blocks
from tests.vendors import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

BLOCKS = blocks(PAGE)
# What is different each time: digests, invented values, and what the guard thinks of a friendly text.
_VARYING = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b\d{3}-555-01\d\d\b"), "PHONE"),
    (re.compile(r"\b[a-z]+\.[a-z]+\d\d@[a-z]+\.example\b"), "EMAIL"),
    (re.compile(r'"scores": \{[^}]*\}'), '"scores": SCORES'),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Path) -> AsyncIterator[Walked]:
    async with walked(tmp_path_factory.mktemp("hospital"), smollm2_path.parent.parent) as what:
        yield what


def alike(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


async def test_what_the_page_shows_is_what_is_printed(done: Walked) -> None:
    shown = 0
    for before, block in pairwise(BLOCKS):
        if block.language == "text":
            assert alike(done.printed[before]) == alike(block.text), block.name
            shown += 1
    assert shown == 5


async def test_what_the_page_shows_of_the_vendor_is_what_it_got(done: Walked) -> None:
    (block,) = (block for block in BLOCKS if block.language == "json")
    (sent,) = (request.json["messages"][-1] for request in done.vendor.requests[:1])
    assert alike(sent["content"]) == alike(json.loads(block.text)["content"])
    assert "PHONE" in alike(sent["content"])
    assert "EMAIL" in alike(sent["content"])


async def test_nothing_else_has_reached_the_vendor(done: Walked) -> None:
    sent = done.vendor.requests[0].body
    assert b"open day" in sent
    assert not any(secret in sent for secret in (b"ST-2041187", b"212-555-0147", b"anna.berg"))
    assert not any(b"ST-2041187" in request.body for request in done.vendor.requests)


async def test_the_caller_gets_the_real_address_back(done: Walked) -> None:
    (said,) = (text for block, text in done.printed.items() if "open day" in block.text and block.language == "python")
    assert "anna.berg@hospital.example" in said
    assert "212-555-0147" in said


async def test_the_proofs_say_what_the_page_says(done: Walked) -> None:
    said = [text for block, text in done.printed.items() if block.text.startswith("ecotone rules prove")]
    begins = [re.findall(r"^(holds|does not hold): ", text, re.MULTILINE) for text in said]
    assert begins == [["holds"], ["does not hold"], ["holds", "holds"]]
    assert re.search(r"^  asked +assistant$", said[1], re.MULTILINE)
    assert re.search(r"^  endpoint +claude@anthropic$", said[1], re.MULTILINE)


async def test_replies_are_judged_as_the_page_has_them_judged(done: Walked) -> None:
    assert done.walk.gate is not None
    key = (done.walk.folder / "press-office.key").read_text().strip()
    async with done.walk.gate.client(api_key=key) as client:

        async def ask() -> str | None:
            reply = await client.chat.completions.create(
                model="press", messages=[{"role": "user", "content": "Who is better?"}], max_tokens=50
            )
            return reply.choices[0].message.content

        done.vendor.script(Reply(text="It is ST-2041187 who is better."))
        with pytest.raises(openai.PermissionDeniedError, match="a text for the public names no patient"):
            await ask()
        key_of_somebody = "ghp_" + "aB3dE5gH7jK9mN2pQ4sT6vX8zA1cF3hJ5kL7"
        done.vendor.script(Reply(text=f"Use {key_of_somebody} for it."))
        assert await ask() == "Use [secret] for it."


async def test_the_ward_is_answered_in_the_house(done: Walked) -> None:
    assert done.walk.gate is not None
    key = (done.walk.folder / "ward.key").read_text().strip()
    seen = len(done.vendor.requests)
    async with done.walk.gate.client(api_key=key) as client:
        reply = await client.chat.completions.with_raw_response.create(
            model="assistant", messages=[{"role": "user", "content": "Good morning!"}], max_tokens=3
        )
    assert reply.headers["x-ecotone-model"] == "house"
    assert len(done.vendor.requests) == seen


async def test_the_pictures_are_what_is_printed(done: Walked) -> None:
    draw = runpy.run_path(str(ROOT / "scripts" / "terminal_pictures.py"))["terminal"]
    assert set(pictured()) == {"terminal-prove-holds.svg", "terminal-prove-hole.svg", "terminal-refused.svg"}
    for name, (block, about) in pictured().items():
        drawn = draw(block.text, done.walk.printed[block.line], about)
        assert (ROOT / "docs" / "images" / name).read_text("utf-8") == drawn, "run: python scripts/terminal_pictures.py"
        assert len(drawn.encode()) < 60_000
        assert "http" not in re.sub(r"https?://(www\.w3\.org|127\.0\.0\.1)", "", drawn)
