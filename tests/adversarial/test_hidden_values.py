"""What detectors find of restricted values that nobody declared, and that the docs tell of all that they do not."""

import base64
import bz2
import gzip
import json
import lzma
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ecotone.policy.detectors import Detectors
from ecotone.policy.inspection import inspect
from tests.adversarial.asks import made
from tests.adversarial.configs import House, Place
from tests.adversarial.gate import Gate
from tests.adversarial.hidden import CODINGS, PLACES, VALUES, coded
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "what-rules-cannot-promise.md"
HOUSE = House(
    classes=("public", "internal", "confidential", "restricted"),
    models={
        "away": (Place("away.test", "openai", None, False),),
        "claude": (Place("claude.test", "anthropic", None, False),),
        "gemini": (Place("gemini.test", "gemini", None, False),),
        "ranker": (Place("ranker.test", "vllm", None, False),),
    },
    routes={},
    route_floors={},
    caller_floors={},
    default=None,
    rules=("deny = 'data.class >= restricted && endpoint.hosting == \"vendor\"'",),
    guarded=True,
)
STRICT = replace(HOUSE, rules=(*HOUSE.rules, "deny = 'size(data.uninspected) > 0 && endpoint.hosting == \"vendor\"'"))
DETECTORS = Detectors()
REDACTING = replace(HOUSE, rules=("redact = 'endpoint.hosting == \"vendor\"'",))


def told(heading: str) -> dict[str, str]:
    """The first two columns of the table under a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {name: how for name, how in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section, re.M) if name != "---"}


async def through(folder: Path, house: House) -> set[str]:
    """The places of which something reaches a vendor."""
    gate = Gate(folder, house)
    found = set()
    for place, make in PLACES.items():
        answer = await gate.ask(make())
        if gate.sent:
            assert answer.status == 200, (place, answer)
            found.add(place)
        else:
            assert answer.refused or place == "what follows a form", (place, answer)
    await gate.close()
    return found


async def test_places_that_are_not_read_are_those_that_the_docs_name(tmp_path: Path) -> None:
    listed = told("Places")
    listed.pop("place")
    assert await through(tmp_path, HOUSE) == set(listed)


async def test_what_is_not_inspected_is_known_to_rules(tmp_path: Path) -> None:
    seen = {place for place, how in told("Places").items() if how.startswith("`")}
    assert len(seen) > 2
    assert await through(tmp_path, STRICT) == set(told("Places")) - seen - {"place"}


def test_codings_that_hide_a_value_are_those_that_the_docs_name() -> None:
    tried: dict[str, int] = dict.fromkeys(CODINGS, 0)
    missed: dict[str, list[str]] = {}
    for coding, name, found in coded():
        tried[coding] += 1
        if not found:
            missed.setdefault(coding, []).append(name)
    assert min(tried.values()) > 0
    hides = {coding: "all" if len(names) == tried[coding] else "some" for coding, names in missed.items()}
    listed = told("Codings")
    listed.pop("written as")
    assert hides == listed, missed


async def test_what_is_redacted_is_gone_from_every_place(tmp_path: Path) -> None:
    """Or the request is refused. What detectors cannot see they cannot replace."""
    gate = Gate(tmp_path, REDACTING)
    replaced = 0
    for place, make in PLACES.items():
        if place in told("Places"):
            continue
        answer = await gate.ask(make())
        assert answer.status == 200 if gate.sent else answer.status in (400, 403), (place, answer)
        for sent in gate.sent:
            replaced += 1
            said = f"{sent.body.decode()} {sent.headers} {sent.url}"
            assert "536-90-4399" not in said and "536904399" not in said, place
    assert replaced > 40
    await gate.close()


async def test_what_is_redacted_is_gone_whatever_the_coding(tmp_path: Path) -> None:
    gate = Gate(tmp_path, REDACTING)
    replaced = 0
    for form in CODINGS.values():
        for value in ("536-90-4399", "4111 1111 1111 1111", VALUES["secret of GitHub"]):
            text = form(value)
            before = {one.value for one in inspect({"x": text}, DETECTORS).found}
            if not before:
                continue
            assert (await gate.ask(made("chat", Random(0), text, "away"))).status == 200
            (sent,) = gate.sent
            after = {one.value for one in inspect(json.loads(sent.body), DETECTORS).found}
            assert not after & before, text[:200]
            replaced += 1
    assert replaced > 100
    await gate.close()


@pytest.mark.parametrize(
    "content",
    [
        base64.b64encode("Größe: 536-90-4399".encode("latin-1")).decode(),
        base64.b64encode("write 536-90-4399".encode("utf-16-le")).decode(),
        base64.b64encode("write 536-90-4399".encode("utf-16-be")).decode(),
    ],
)
def test_texts_in_older_codings_are_read_inside_of_base64(content: str) -> None:
    found = inspect({"messages": [{"role": "user", "content": content}]}, DETECTORS)
    assert found.kinds == {"us_ssn"}
    assert found.uninspected == frozenset()


def test_bytes_that_are_no_text_are_not_taken_for_one() -> None:
    compressed = gzip.compress(b"hello"), bz2.compress(b"hello"), lzma.compress(b"hello")
    for raw in (*compressed, bytes(range(256)) * 4, b"\x00\x01" * 400, "ÄÖÜ".encode("latin-1") * 200):
        said = {"messages": [{"role": "user", "content": base64.b64encode(raw).decode()}]}
        assert inspect(said, DETECTORS).uninspected == {"file"}


@pytest.mark.parametrize("body", [b"%PDF-1.7\nBT (hello) Tj", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\nBT (hello) Tj"])
def test_a_document_is_not_read_for_its_being_written_in_ascii(body: bytes) -> None:
    data = base64.b64encode(body).decode()
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    for content in ([{"type": "document", "source": source}], f"look: {data}"):
        assert inspect({"messages": [{"role": "user", "content": content}]}, DETECTORS).uninspected == {"document"}


@pytest.mark.parametrize(
    "texts",
    [("hello", "536-90", "-4399"), ("536-90", "-4399", "and so on"), ("number 7", "536-9", "0-4399", "8 is another")],
)
def test_a_word_beside_it_does_not_hide_a_value_cut_in_two(texts: tuple[str, ...]) -> None:
    parts = [{"type": "text", "text": text} for text in texts]
    found = inspect({"messages": [{"role": "user", "content": parts}]}, DETECTORS).found
    assert [one.value for one in found if one.kind == "us_ssn"] == ["536-90-4399"]


def test_long_addresses_are_read_to_their_end() -> None:
    url = "https://example.com/" + "a/" * 5000 + "?ssn=536-90-4399"
    said = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    assert "us_ssn" in inspect({"messages": [said]}, DETECTORS).kinds
