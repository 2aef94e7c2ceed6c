"""Licence names as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.catalog.licence_names import is_open, licence_id, spdx_licences

REF = "LicenseRef-scancode-"


@pytest.mark.parametrize(
    ("written", "licence"),
    [
        ("Apache 2.0", "Apache-2.0"),
        ("apache license v2", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache License 2.0 (Apache-2.0)", "Apache-2.0"),
        ("MIT License", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
        ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("Creative Commons Attribution Non Commercial 4.0", "CC-BY-NC-4.0"),
        ("Creative Commons Attribution-NonCommercial 4.0 International Public License", "CC-BY-NC-4.0"),
        ("CC0", "CC0-1.0"),
        ("BSD-3", "BSD-3-Clause"),
        ("odc-by", "ODC-By-1.0"),
        ("OpenMDW", "OpenMDW-1.0"),
        ("Llama 3.3 Community", f"{REF}llama-3.3-license-2024"),
        ("llama3.1", f"{REF}llama-3.1-license-2024"),
        ("Llama 2 Community License", f"{REF}llama-2-license-2023"),
        ("Llama 4 Community License Agreement", f"{REF}llama-4-cla-2025"),
        ("Gemma license", f"{REF}gemma-tou-2025-03-24"),
        ("Gemma Terms of Use 2024-04-01", f"{REF}gemma-tou-2024-04-01"),
        ("Modified MIT", f"{REF}moonshot-ai-modified-mit-2025"),
        ("Qwen License Agreement", f"{REF}qwen-2024"),
        ("tongyi-qianwen", f"{REF}tongyi-qianwen-2023"),
        ("DeepSeek License Agreement v1.0", f"{REF}deepseek-la-1.0"),
        ("EXAONE AI Model License Agreement 1.1 - NC", f"{REF}exaone-ai-model-1.1-nc"),
        ("Falcon 2 11B TII License Version 1.0", f"{REF}falcon-2-11b-1.0"),
        ("NVIDIA Open Model License", f"{REF}nvidia-open-model-2025-04-28"),
        ("BigCode OpenRAIL-M v1 license agreement", f"{REF}bigcode-open-rail-m-v1"),
        ("Stability AI Community License", f"{REF}stability-ai-community-2024"),
    ],
)
def test_a_guess_is_told(written: str, licence: str) -> None:
    found = licence_id(written)
    assert found.spdx_or_ref == licence
    assert found.note is not None
    assert found.note.startswith("read ")
    assert licence in found.note


@pytest.mark.parametrize(
    "written", ["Apache-2.0", "apache-2.0", " MIT ", "cc-by-nc-4.0", "Unlicense", f"{REF}qwen-2024", "LicenseRef-ours"]
)
def test_identifiers_need_no_note(written: str) -> None:
    found = licence_id(written)
    assert found.spdx_or_ref is not None
    assert found.spdx_or_ref.lower() == written.strip().lower()
    assert found.note is None


@pytest.mark.parametrize(
    ("written", "candidate"),
    [
        ("Llama", f"{REF}llama-3.3-license-2024"),
        ("GPLv3", "GPL-3.0-or-later"),
        ("BSD", "BSD-3-Clause"),
        ("Apache", "Apache-2.0"),
        ("CC-BY-NC", "CC-BY-NC-4.0"),
        ("OpenRAIL", f"{REF}bigscience-open-rail-m"),
        ("Bloom", f"{REF}bigscience-rail-1.0"),
        ("Open", "Apache-2.0"),
    ],
)
def test_what_fits_several_licences_is_none_of_them(written: str, candidate: str) -> None:
    found = licence_id(written)
    assert found.spdx_or_ref is None
    assert found.meaning == "unclear"
    assert found.note is not None
    assert candidate in found.note


@pytest.mark.parametrize("written", ["MIT OR Apache-2.0", "Other License", "x" * 1_000])
def test_unclear(written: str) -> None:
    found = licence_id(written)
    assert (found.spdx_or_ref, found.meaning) == (None, "unclear")
    assert found.note is not None
    assert len(found.note) < 200


@pytest.mark.parametrize(
    "written", ["Falcon-180B TII License", "pubmed", "tongyi-qianwen-research", "Llama 3 Community"]
)
def test_unknown_licences_are_licences_still(written: str) -> None:
    found = licence_id(written)
    assert (found.spdx_or_ref, found.meaning) == (None, "licence")
    assert found.note is not None


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("", "none stated"),
        ("unlicensed", "none stated"),
        ("Undisclosed", "undisclosed"),
        ("Proprietary", "undisclosed"),
        ("Component not include.", "not included"),
    ],
)
def test_statements_are_no_licences(written: str, meaning: str) -> None:
    found = licence_id(written)
    assert (found.spdx_or_ref, found.note, found.meaning) == (None, None, meaning)


def test_a_retired_identifier_is_told() -> None:
    assert licence_id("GPL-3.0").note == "SPDX has retired the identifier GPL-3.0"


def test_scancodes_reference_gives_way_to_spdx() -> None:
    assert licence_id("LicenseRef-scancode-openmdw-1.0").spdx_or_ref == "OpenMDW-1.0"


def test_every_identifier_and_full_name_leads_to_itself_or_asks() -> None:
    for licence, row in spdx_licences().items():
        assert licence_id(licence).spdx_or_ref == licence
        if not row.retired:
            found = licence_id(row.name)
            assert found.spdx_or_ref in (licence, None) or row.name == spdx_licences()[found.spdx_or_ref].name, row


@pytest.mark.parametrize(
    "licence", ["MIT", "AFL-3.0", "SMLNJ", "ODbL-1.0", "CC-BY-3.0-DE", "CC0-1.0", "CDLA-Sharing-1.0"]
)
def test_open(licence: str) -> None:
    assert is_open(licence)


@pytest.mark.parametrize(
    "licence", ["CC-BY-NC-4.0", "CC-BY-ND-4.0", "C-UDA-1.0", "zlib-acknowledgement", f"{REF}qwen-2024", "nonsense"]
)
def test_not_open(licence: str) -> None:
    assert not is_open(licence)


@given(st.text(max_size=300))
def test_any_text_has_an_answer(written: str) -> None:
    found = licence_id(written)
    assert (
        found.spdx_or_ref is None or found.spdx_or_ref in spdx_licences() or found.spdx_or_ref.startswith("LicenseRef-")
    )
    assert found.spdx_or_ref is not None or found.note is not None or found.meaning != "licence"
