"""The facts of licences: complete, citable, found under their names, and in the reference as they are."""

import hashlib
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecotone.catalog.licences import TOPICS, LicenceFacts, all_licences, licence_facts

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "scripts" / "check_licence_citations.py"

# Licences that models of the catalog are under, and what each is known by at least.
WANTED = {
    "LicenseRef-scancode-bigcode-open-rail-m-v1": "bigcode-openrail-m",
    "LicenseRef-scancode-bigscience-open-rail-m": "OpenRAIL-M",
    "LicenseRef-scancode-bigscience-open-rail-m2": "CreativeML OpenRAIL++-M",
    "LicenseRef-scancode-bigscience-rail-1.0": "bigscience-bloom-rail-1.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "LicenseRef-scancode-deepseek-la-1.0": "DeepSeek",
    "LicenseRef-scancode-exaone-ai-model-1.1-nc": "EXAONE",
    "LicenseRef-scancode-falcon-2-11b-1.0": "Falcon 2",
    "LicenseRef-scancode-flux-1-nc": "FLUX.1 [dev]",
    "LicenseRef-scancode-gemma-pup-2024-02-21": "licenseref-scancode-gemma-pup-2024-02-21",
    "LicenseRef-scancode-gemma-tou-2024-04-01": "Gemma Terms of Use 2024-04-01",
    "LicenseRef-scancode-gemma-tou-2025-03-24": "gemma",
    "LicenseRef-scancode-hyperclova-x-seed-2025": "HyperCLOVA X SEED",
    "LicenseRef-scancode-llama-2-license-2023": "llama2",
    "LicenseRef-scancode-llama-3.1-license-2024": "Llama 3.1 Community",
    "LicenseRef-scancode-llama-3.2-license-2024": "Llama 3.2",
    "LicenseRef-scancode-llama-3.3-license-2024": "llama3.3",
    "LicenseRef-scancode-llama-4-cla-2025": "Llama 4",
    "LicenseRef-scancode-llama-4-license-2025": "LicenseRef-scancode-llama-4-license-2025",
    "LicenseRef-scancode-llama-license-2023": "LLaMA License",
    "LicenseRef-ecotone-llama-3-license-2024": "Llama 3",
    "LicenseRef-ecotone-mistral-research-0.1": "MRL",
    "LicenseRef-scancode-moonshot-ai-modified-mit-2025": "Modified MIT",
    "LicenseRef-scancode-nvidia-open-model-2025-04-28": "NVIDIA Open Model",
    "OpenMDW-1.0": "LicenseRef-scancode-openmdw-1.0",
    "LicenseRef-scancode-qwen-2024": "Qwen",
    "LicenseRef-scancode-stability-ai-community-2024": "Stability AI Community License",
    "LicenseRef-scancode-stability-ai-nc-2023-12-06": "Stability AI Non-Commercial Research Community License",
    "LicenseRef-scancode-tencent-hunyuan-3d-2.0-cla": "tencent-hunyuan-community",
    "LicenseRef-scancode-tongyi-qianwen-2023": "tongyi-qianwen",
    "Apache-2.0": "apache 2.0",
    "MIT": "MIT License",
    "BSD-2-Clause": "BSD-2",
    "BSD-3-Clause": "BSD-3",
    "ISC": "isc",
    "MPL-2.0": "MPL 2.0",
    "GPL-2.0-only": "GPL-2.0-or-later",
    "GPL-3.0-only": "GPL-3.0",
    "LGPL-2.1-only": "LGPL-2.1",
    "LGPL-3.0-only": "LGPL-3.0-or-later",
    "AGPL-3.0-only": "AGPL-3.0",
    "Unlicense": "The Unlicense",
    "CC0-1.0": "CC0",
    "CC-BY-4.0": "CC BY 4.0",
    "CC-BY-SA-4.0": "CC BY-SA 4.0",
    "CC-BY-NC-SA-4.0": "CC BY-NC-SA 4.0",
    "CC-BY-NC-ND-4.0": "CC BY-NC-ND 4.0",
    "CDLA-Permissive-2.0": "cdla-permissive-2.0",
    "ODC-By-1.0": "ODC-BY",
}

EVERY = pytest.mark.parametrize("facts", all_licences().values(), ids=lambda facts: facts.id)


@pytest.mark.parametrize(("licence", "name"), WANTED.items())
def test_licences_are_found_by_identifier_and_by_name(licence: str, name: str) -> None:
    found = licence_facts(licence)
    assert found is not None
    assert found.id == licence
    assert licence_facts(name) is found
    assert licence_facts(f" {name.upper()} ") is found


def test_an_unknown_licence_is_none() -> None:
    assert licence_facts("Llama") is None  # of which there are seven
    assert licence_facts("Licence of the Wood, version 7") is None


def test_no_name_stands_for_two_licences() -> None:
    names = [
        name.casefold()
        for facts in all_licences().values()
        for name in {facts.id.casefold(), *(other.casefold() for other in (*facts.aliases, *facts.same_text))}
    ]
    assert len(names) == len(set(names))
    modified = licence_facts("Modified MIT")
    assert modified is not None and modified.id == "LicenseRef-scancode-moonshot-ai-modified-mit-2025"


@EVERY
def test_each_topic_is_answered_or_named_as_silent(facts: LicenceFacts) -> None:
    answered = {clause.topic for clause in facts.clauses}
    assert answered.isdisjoint(facts.silent)
    if facts.kind == "licence":
        assert answered | set(facts.silent) == set(TOPICS)


@EVERY
def test_each_fact_can_be_looked_up(facts: LicenceFacts) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", facts.text_sha256)
    assert facts.address.startswith("https://")
    assert facts.source
    for clause in facts.clauses:
        assert clause.section
        assert clause.means.endswith((".", ")"))
        assert clause.says == " ".join(clause.says.split())
        assert 1 <= len(clause.says.split()) <= 15
        assert facts.citation(clause).source == facts.id
        assert facts.citation(clause).section == clause.section


@EVERY
def test_no_fact_stands_twice(facts: LicenceFacts) -> None:
    assert len(set(facts.clauses)) == len(facts.clauses)


def test_licences_that_bring_a_policy_with_them_name_one_that_is_known() -> None:
    brought = {policy for facts in all_licences().values() for policy in facts.policies}
    policies = {facts.id for facts in all_licences().values() if facts.kind == "policy"}
    assert brought == policies


def test_files_are_named_after_their_licence() -> None:
    folder = ROOT / "src" / "ecotone" / "catalog" / "data" / "licences"
    named = {re.sub(r"^licenseref-(scancode|ecotone)-", "", licence.lower()) for licence in all_licences()}
    assert {path.stem for path in folder.glob("*.toml")} == named


@pytest.mark.parametrize(
    ("licence", "topic", "words"),
    [
        ("gemma", "remote restriction", "restrict (remotely or otherwise)"),
        ("Gemma Terms of Use", "hosting", "hosted service via API"),
        ("LicenseRef-scancode-gemma-pup-2024-02-21", "later changes", "update this Gemma Prohibited Use Policy"),
        ("falcon 2", "later changes", "The Acceptable Use Policy may be updated"),
        ("exaone", "later changes", "at any time, in its sole discretion"),
        ("llama3.3", "naming", "prominently display “Built with Llama”"),
        ("deepseek", "remote restriction", "restrict (remotely or otherwise)"),
        ("nvidia open model", "later changes", "at any time"),
        ("openmdw", "training on outputs", "does not impose any restrictions"),
        ("agpl-3.0", "hosting", "remotely through a computer network"),
    ],
)
def test_what_one_would_look_for_is_there(licence: str, topic: Any, words: str) -> None:
    facts = licence_facts(licence)
    assert facts is not None
    assert any(words in clause.says for clause in facts.about(topic))


def test_the_reference_is_current() -> None:
    script = ROOT / "scripts" / "licences_reference.py"
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs" / "reference" / "licences.md").read_text("utf-8")
    assert page == made, "run: python scripts/licences_reference.py > docs/reference/licences.md"
    assert "not legal advice" in page
    for facts in all_licences().values():
        assert facts.text_sha256 in page
        for clause in facts.clauses:
            assert clause.says in page


TEXT = "---\nkey: fern\n---\n\nFern Licence\n\n1. You may  use the\nfern.\n"
PLAIN = "Fern Licence 1. You may use the fern."


def fern(**changes: Any) -> LicenceFacts:
    clause = {
        "topic": "commercial use",
        "effect": "allows",
        "means": "Use is allowed.",
        "section": "1",
        "says": "You may use the fern",
    }
    facts = {
        "id": "LicenseRef-fern",
        "name": "Fern Licence",
        "owner": "Wood",
        "address": "https://example.com/fern",
        "source": "a walk",
        "text_file": "fern.txt",
        "text_sha256": hashlib.sha256(PLAIN.encode()).hexdigest(),
    }
    clause |= {key: value for key, value in changes.items() if key in clause}
    facts |= {key: value for key, value in changes.items() if key in facts}
    return msgspec.convert(facts | {"clauses": [clause]}, LicenceFacts)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"says": "You may not use the fern"}, "not in the text"),
        ({"says": "you may use"}, "not in the text"),
        ({"says": "key: fern"}, "not in the text"),
        ({"text_sha256": "0" * 64}, "digest"),
        ({"text_file": "moss.txt"}, "in none of the folders"),
    ],
)
def test_the_check_of_citations_finds_what_is_wrong(tmp_path: Path, changes: dict[str, str], fault: str | None) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "fern.txt").write_text(TEXT, encoding="utf-8")
    faults = runpy.run_path(str(CHECK))["faults"]
    found = list(faults(fern(**changes), [tmp_path, tmp_path / "texts"]))
    if fault is None:
        assert found == []
    else:
        assert [fault in line for line in found] == [True]


def test_the_check_of_citations_finds_quotations_that_are_too_long(tmp_path: Path) -> None:
    words = " ".join(f"leaf{number}" for number in range(16))
    (tmp_path / "fern.txt").write_text(words, encoding="utf-8")
    faults = runpy.run_path(str(CHECK))["faults"]
    digest = hashlib.sha256(words.encode()).hexdigest()
    assert list(faults(fern(says=words, text_sha256=digest), [tmp_path])) == [f"1: more than 15 words: {words}"]


def test_the_check_of_citations_fails_without_texts(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, CHECK, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{len(all_licences())} texts" in done.stdout
    assert subprocess.run([sys.executable, CHECK], capture_output=True, text=True, check=False).returncode == 1
