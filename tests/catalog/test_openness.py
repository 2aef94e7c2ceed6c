"""Openness: the tool's own cases, counts made by hand from the descriptions, and what must hold for any release."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.catalog.model_description import DescribedComponent, LicenceScope, mof_components
from ecotone.catalog.openness import (
    ModelDescription,
    Openness,
    classify,
    read_description,
    shipped_descriptions,
    word_for,
)

CASES = Path(__file__).parent / "openness_cases"
EXPECTED = sorted(CASES.glob("*.expected.json"))
DESCRIBED = sorted(CASES.glob("*.yml"))


def described(
    components: Mapping[str, str | None],
    licences: Mapping[LicenceScope, str] | None = None,
    page: str = "https://example.com",
) -> Openness:
    listed = tuple(DescribedComponent(name, licence) for name, licence in components.items())
    return classify(ModelDescription("m", "p", listed, licences or {}, page=page))


def as_expected(path: Path, openness: Openness) -> None:
    wanted = json.loads(path.read_text())["classification"]
    assert openness.mof_class == wanted["class"]
    assert openness.label == wanted["label"]
    assert openness.progress == pytest.approx({int(key): value for key, value in wanted["progress"].items()}, abs=0.01)


def test_the_cases_are_all_here() -> None:
    assert len(EXPECTED) == 14
    assert len(DESCRIBED) == 11


@pytest.mark.parametrize("path", DESCRIBED, ids=lambda path: path.stem)
def test_cases_with_a_description(path: Path) -> None:
    as_expected(path.with_suffix(".expected.json"), classify(read_description(path.read_text(), file=path.name)))


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name[:2])
def test_releases_as_the_expectations_have_them(path: Path) -> None:
    """The tool's JSON is YAML, too; here an empty licence block is an empty list."""
    as_expected(path, classify(read_description(path.read_text(), file=path.name)))


# Counted by hand in the descriptions: (class, progress 1, 2, 3, word, OSAID).
BY_HAND: dict[str, tuple[int, float, float, float, str, str]] = {
    # All but the optional metadata, under Apache-2.0 and MIT.
    "Amber": (1, 100, 100, 100, "open science", "met"),
    # A paper (CC-BY-4.0) instead of the report, all else Apache-2.0.
    "OLMo-7B-hf": (1, 100, 100, 100, "open science", "met"),
    # Class I lacks the intermediate parameters alone: 13 of 14.
    "Polyglot-Ko": (2, 13 / 14 * 100, 100, 100, "open source", "met"),
    # The six of class III; none of the four more that class II asks for.
    "Granite-4-1": (3, 0, 60, 100, "open weights", "not met"),
    # No data card: 5 of 6.
    "gpt-oss-20b": (0, 0, 0, 5 / 6 * 100, "open weights", "not met"),
    # A paper under CC-BY-4.0; everything else under Gemma's terms or without a licence: 1 of 6.
    "gemma-2-9b-it": (0, 0, 0, 1 / 6 * 100, "open weights with restrictions", "not met"),
    "Llama-3.1-8B": (0, 0, 0, 0, "open weights with restrictions", "not met"),
    # This file's release is called Qwen2.5-32B-Instruct, its page and licence are the 72B's.
    "Qwen2.5-72B-Instruct": (0, 0, 0, 0, "open weights with restrictions", "not met"),
    "GPT-4": (0, 0, 0, 0, "closed", "not met"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_shipped_models_counted_by_hand(name: str) -> None:
    mof_class, first, second, third, word, osaid = BY_HAND[name]
    openness = classify(shipped_descriptions()[name])
    assert openness.mof_class == mof_class
    assert openness.progress == pytest.approx({1: first, 2: second, 3: third})
    assert openness.word == word
    assert openness.osaid.answer == osaid


def test_the_shipped_table_is_whole() -> None:
    models = shipped_descriptions()
    assert len(models) == 273
    assert sum(len(model.components) for model in models.values()) == 1834
    assert all(model.name for model in models.values())
    assert len(mof_components()) == 17
    required = [component for component in mof_components().values() if component.required]
    assert [sum(component.mof_class == number for component in required) for number in (3, 2, 1)] == [6, 4, 4]


def test_every_shipped_model_can_be_judged() -> None:
    for name, model in shipped_descriptions().items():
        openness = classify(model)
        complete = [number for number in (1, 2, 3) if openness.progress[number] == 100]
        assert openness.mof_class == min(complete, default=0), name


# Licences and what they are worth.


def test_a_components_own_licence_comes_before_the_releases() -> None:
    openness = described(
        {"Model card": None, "Evaluation results": "", "Model architecture": None, "Training code": "GPL-3.0-only"},
        {"distribution": "CC-BY-NC-4.0", "document": "CC-BY-4.0"},
    )
    licences = {part.name: (part.state, part.licence) for part in openness.components if part.state != "not released"}
    assert licences == {
        "Model card": ("open", "CC-BY-4.0"),
        "Evaluation results": ("no licence", None),
        "Model architecture": ("not open", "CC-BY-NC-4.0"),
        "Training code": ("open", "GPL-3.0-only"),
    }


def test_unlicensed_does_not_fall_back_to_the_releases_licence() -> None:
    openness = described({"Model card": "unlicensed"}, {"distribution": "Apache-2.0"})
    assert {part.state for part in openness.components if part.name == "Model card"} == {"no licence"}


def test_a_guessed_licence_counts_and_is_told() -> None:
    openness = described({"Model card": "Apache 2.0"})
    assert openness.progress[3] == pytest.approx(100 / 6)
    assert "read 'Apache 2.0' as Apache-2.0" in openness.notes


def test_a_licence_meant_for_something_else_counts_and_is_told() -> None:
    openness = described({"Datasets": "MIT", "Model card": "CC-BY-4.0"})
    assert openness.notes[0].endswith("for that kind of content: Datasets (MIT)")


CLASS_III = ("Model architecture", "Model parameters (Final)", "Model card", "Data card", "Evaluation results")


def test_a_paper_does_for_the_report() -> None:
    both_absent = described(dict.fromkeys(CLASS_III, "MIT"))
    assert both_absent.missing[3] == ("Technical report or Research paper",)
    assert both_absent.progress[3] == pytest.approx(5 / 6 * 100)
    with_paper = described(dict.fromkeys((*CLASS_III, "Research paper"), "MIT"))
    assert with_paper.mof_class == 3
    assert with_paper.progress[2] == pytest.approx(60)
    closed_paper = described(dict.fromkeys(CLASS_III, "MIT") | {"Research paper": "CC-BY-NC-4.0"})
    assert closed_paper.mof_class == 0


def test_class_1_asks_for_the_paper_and_then_not_for_the_report() -> None:
    """As in the tool: 13 components with the paper alone, 14 with both."""
    everything = {name: "MIT" for name, part in mof_components().items() if part.required}
    assert described(everything).mof_class == 1
    assert described({name: given for name, given in everything.items() if name != "Technical report"}).mof_class == 1
    without_paper = described({name: given for name, given in everything.items() if name != "Research paper"})
    assert without_paper.mof_class == 2
    assert without_paper.missing[1] == ("Research paper",)
    assert without_paper.progress[1] == pytest.approx(13 / 14 * 100)


# OSI's definition and the plain words.

CODE = ("Model architecture", "Inference code", "Training code", "Data preprocessing code")


def test_osaid_met() -> None:
    osaid = described(
        dict.fromkeys((*CODE, "Model parameters (Final)"), "Apache-2.0")
        | {"Datasets": "CC-BY-4.0", "Data card": "CC-BY-4.0"}
    ).osaid
    assert osaid.answer == "met"


@pytest.mark.parametrize(
    ("change", "answer", "about"),
    [
        ({"Datasets": "unlicensed"}, "unknown", "data_information"),
        ({"Training code": "CC-BY-4.0"}, "not met", "code"),
        ({"Training code": "BSD"}, "unknown", "code"),
        ({"Training code": "Component not included"}, "not met", "code"),
        ({"Evaluation code": "Proprietary"}, "not met", "code"),
        ({"Model parameters (Final)": "CC-BY-4.0"}, "unknown", "parameters"),
        ({"Model parameters (Final)": "llama3.1"}, "not met", "parameters"),
        ({"Model parameters (Final)": "Llama"}, "unknown", "parameters"),
        ({"Model parameters (Final)": "unlicensed"}, "not met", "parameters"),
        ({"Model parameters (Final)": "Component not included"}, "not met", "parameters"),
    ],
)
def test_one_change_to_what_meets_osaid(change: dict[str, str], answer: str, about: str) -> None:
    met = dict.fromkeys((*CODE, "Model parameters (Final)", "Data card", "Datasets"), "Apache-2.0")
    osaid = described(met | change).osaid
    assert osaid.answer == answer
    assert getattr(osaid, about).answer == answer


def test_osaid_is_not_met_when_nothing_is_said_of_the_data() -> None:
    assert described({"Model parameters (Final)": "MIT"}).osaid.data_information.answer == "not met"


@pytest.mark.parametrize(
    ("licence", "page", "word"),
    [
        ("Apache-2.0", "", "open weights"),
        ("Llama 3.3 Community", "", "open weights with restrictions"),
        ("Some House Licence", "", "open weights with restrictions"),
        ("unlicensed", "https://example.com", "open weights with restrictions"),
        ("unlicensed", "", "closed"),
        ("Proprietary", "https://example.com", "closed"),
        ("Component not included", "https://example.com", "closed"),
    ],
)
def test_words_for_weights_alone(licence: str, page: str, word: str) -> None:
    assert described({"Model parameters (Final)": licence}, page=page).word == word


def test_words_where_there_is_no_description() -> None:
    assert word_for(None, weights="closed", licence=None, has_api=True) == "API only"
    assert word_for(None, weights="closed", licence=None, has_api=False) == "closed"
    assert word_for(None, weights="open", licence="MIT", has_api=True) == "open weights"
    assert word_for(None, weights="open", licence=None, has_api=True) is None
    assert word_for(None, weights=None, licence=None, has_api=True) is None


def test_other_sources_may_know_of_weights_that_a_description_does_not_list() -> None:
    incomplete = classify(shipped_descriptions()["GPT-2"])
    assert incomplete.word == "closed"
    assert any("does not list the final parameters" in note for note in incomplete.notes)
    assert word_for(incomplete, weights="open", licence="MIT", has_api=False) == "open weights"
    assert word_for(incomplete, weights=None, licence=None, has_api=True) == "API only"
    amber = classify(shipped_descriptions()["Amber"])
    assert word_for(amber, weights="open", licence="Apache-2.0", has_api=True) == "open science"


def test_weights_known_to_be_closed_are_closed_whatever_a_description_says() -> None:
    mistaken = classify(shipped_descriptions()["Claude-2"])
    assert mistaken.word == "open weights"
    assert word_for(mistaken, weights="closed", licence=None, has_api=True) == "API only"


# What must hold for any release.

LICENCES = st.sampled_from([None, "", "unlicensed", "MIT", "CC-BY-4.0", "Gemma", "Apache 2.0", "Nobody's licence"])
RELEASES = st.dictionaries(st.sampled_from(sorted(mof_components())), LICENCES)


@given(RELEASES, st.sampled_from(sorted(mof_components())), st.sampled_from(["MIT", "CC-BY-4.0", "Apache-2.0"]))
def test_opening_one_more_component_never_lowers_anything(
    release: dict[str, str | None], name: str, licence: str
) -> None:
    before, after = described(release), described(release | {name: licence})
    assert all(after.progress[number] >= before.progress[number] for number in (1, 2, 3))
    assert all(set(after.missing[number]) <= set(before.missing[number]) for number in (1, 2, 3))
    assert after.mof_class == 0 or before.mof_class == 0 or after.mof_class <= before.mof_class
    assert (after.mof_class == 0) <= (before.mof_class == 0)


@given(RELEASES, st.sampled_from([None, "Apache-2.0"]))
def test_progress_missing_and_class_agree(release: dict[str, str | None], distribution: str | None) -> None:
    openness = described(release, {"distribution": distribution} if distribution else {})
    assert openness.progress[3] >= openness.progress[2] >= openness.progress[1] >= 0
    for number in (1, 2, 3):
        reached = not any(openness.missing[below] for below in range(number, 4))
        assert (openness.progress[number] == 100) == reached
        assert (openness.mof_class != 0 and openness.mof_class <= number) == reached
