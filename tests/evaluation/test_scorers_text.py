"""exact, normalised, contains, key-facts, regex; and how kinds are found by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.evaluation.cases import ScorerSpec
from ecotone.evaluation.scorers import kind_of
from ecotone.evaluation.scorers.text import normalised
from ecotone.values.errors import SetupError
from tests.evaluation.scoring import problem, scored


@pytest.mark.parametrize(
    ("reference", "reply", "options", "value"),
    [
        ("Paris", "Paris", {}, 1),
        ("Paris", "\n Paris\t", {}, 1),
        ("Paris", "paris", {}, 0),
        ("Paris", "paris", {"ignore_case": True}, 1),
        ("STRASSE", "straße", {"ignore_case": True}, 1),
        ("Paris", "Paris.", {}, 0),
        ("Paris", "", {}, 0),
        (["Paris", "Lutetia"], "Lutetia", {}, 1),
        ("caf\u00e9", "cafe\u0301", {}, 1),
        ("x\u00b2", "x2", {}, 0),
    ],
)
async def test_exact(reference: Any, reply: str, options: dict[str, Any], value: float) -> None:
    assert (await scored("exact", reference, reply, **options)).value == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("  a  well-known\nFACT. ", "well known fact"),
        ("don't", "dont"),
        ("the dogs' bowl", "dogs bowl"),
        ("3.5, 1,000 and -4.", "3.5 1,000 and \u22124"),
        ("well - then", "well then"),
        ("\uff21\uff22\uff23 \ufb01sh", "abc fish"),
        ("Straße", "strasse"),
        ("snake_case", "snake case"),
        ("A", "a"),
        ("the", "the"),
        ("The a!", "the a"),
        ("हिन्दी।", "हिन्दी"),
        ("東京。", "東京"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_what_normalised_text_is(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_articles_may_stay() -> None:
    assert normalised("The Who", articles=False) == "the who"


@given(st.text(), st.booleans())
def test_normalising_twice_changes_nothing_more(text: str, articles: bool) -> None:
    once = normalised(text, articles)
    assert normalised(once, articles) == once


@given(st.text(alphabet="aAé'’.-−,_0 İß\u0301½ſ\u0345", max_size=12), st.booleans())
def test_normalising_twice_changes_nothing_more_for_awkward_text(text: str, articles: bool) -> None:
    once = normalised(text, articles)
    assert normalised(once, articles) == once


@pytest.mark.parametrize(
    ("reference", "reply", "value"),
    [
        ("The Beatles", "beatles", 1),
        ("Beatles", "Beatles are a band", 0),
        (["six", "6"], "6.", 1),
        ("-4", "4", 0),
        ("3.5", "35", 0),
        ("Paris", "", 0),
    ],
)
async def test_normalised(reference: Any, reply: str, value: float) -> None:
    assert (await scored("normalised", reference, reply)).value == value


@pytest.mark.parametrize(
    ("reference", "reply", "options", "value"),
    [
        (["red", "green"], "Green and RED.", {}, 1),
        (["red", "green"], "Green only", {}, 0),
        (["red", "green"], "Green only", {"mode": "any"}, 1),
        (["red", "green"], "Blue", {"mode": "any"}, 0),
        (["red", "green"], "Blue", {"mode": "none"}, 1),
        (["red", "green"], "a red one", {"mode": "none"}, 0),
        (["red"], "", {"mode": "none"}, 0),
        ("art", "a party", {}, 0),
        ("art", "a party", {"whole_words": False}, 1),
        ("art", "party art", {}, 1),
        ("New York", "in New\n  York", {}, 1),
        ("C++", "I like C++.", {}, 1),
        ("C", "I like C++.", {}, 1),
        ("Paris", "PARIS", {"ignore_case": False}, 0),
        ("$5", "it costs $50", {}, 0),
    ],
)
async def test_contains(reference: Any, reply: str, options: dict[str, Any], value: float) -> None:
    assert (await scored("contains", reference, reply, **options)).value == value


async def test_contains_says_what_is_missing() -> None:
    assert (await scored("contains", ["red", "green"], "blue and red")).why == "not in it: 'green'"


async def test_key_facts_is_the_share_that_is_there() -> None:
    facts = [["closed", "closes"], "2.4 million", ["September"], "children"]
    reply = "The library closes until september; the work costs 2.4 million pounds."
    score = await scored("key-facts", facts, reply)
    assert (score.value, score.why) == (0.75, "missing: 'children'")


async def test_key_facts_reads_no_further_than_its_limit() -> None:
    reply = "one two three four Paris"
    assert (await scored("key-facts", ["Paris"], reply, words_max=5)).value == 1
    score = await scored("key-facts", ["Paris"], reply, words_max=4)
    assert (score.value, score.why) == (0, "missing: 'Paris'; 5 words, 4 read")


@pytest.mark.parametrize(
    ("pattern", "reply", "options", "value"),
    [
        (r"\bID-\d{4}\b", "see ID-1234.", {}, 1),
        (r"\bID-\d{4}\b", "see ID-12345.", {}, 0),
        ("yes", " yes\n", {"whole": True}, 1),
        ("yes", "yes!", {"whole": True}, 0),
        ("YES", "yes", {"ignore_case": True}, 1),
        ("^two$", "one\ntwo", {}, 1),
        ("^two$", "one\ntwo", {"multiline": False}, 0),
        ("one.two", "one\ntwo", {}, 0),
        ("one.two", "one\ntwo", {"dot_all": True}, 1),
        ("x", "", {}, 0),
        ("é", "é", {}, 1),
        ("\udce9", "\udce9", {}, 1),
    ],
)
async def test_regex(pattern: str, reply: str, options: dict[str, Any], value: float) -> None:
    assert (await scored("regex", pattern, reply, **options)).value == value


async def test_a_pattern_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecotone.evaluation.scorers.text._REGEX_TIMEOUT_S", 0.5)
    score = await scored("regex", "^(a+)+$", "a" * 60 + "b")
    assert score.value == 0
    assert "took longer" in score.why


@pytest.mark.parametrize(
    ("kind", "reference", "options", "says"),
    [
        ("exact", None, {}, "needs a reference"),
        ("exact", 3, {}, "is a text, not 3"),
        ("normalised", [], {}, "empty list"),
        ("contains", ["x", ""], {}, "is a text"),
        ("key-facts", "x", {}, "list of facts"),
        ("regex", "(", {}, "not a regular expression"),
        ("numeric", "two", {}, "one number"),
        ("numeric", "2 or 3", {}, "one number"),
        ("numeric", True, {}, "is a number"),
        ("numeric", None, {}, "is a number"),
        ("choice", "E", {}, "one letter of ABCD"),
        ("choice", "AB", {}, "one letter"),
        ("label", "spam", {"labels": ["ham", "eggs"]}, "one of the labels (ham, eggs)"),
        ("refusal", "harmless", {}, '"safe" or "unsafe"'),
        ("judge-pair", None, {}, "answer to compare with"),
        ("judge-grade", "x", {"grades": 1}, "2 to 100"),
    ],
)
def test_a_reference_that_cannot_be_scored_is_told(
    kind: str, reference: Any, options: dict[str, Any], says: str
) -> None:
    assert says in problem(kind, reference, **options)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (ScorerSpec("normalized"), "no scorer 'normalized'; did you mean 'normalised'?"),
        (ScorerSpec("exact", {"ignorecase": True}), "no option 'ignorecase'; did you mean 'ignore_case'?"),
        (ScorerSpec("instructions", {"strict": True}), "no option 'strict' (it has none)"),
        (ScorerSpec("numeric", {"tolerance": "small"}), "Expected `float`, got `str` - at `$.tolerance`"),
        (ScorerSpec("label"), "missing required field `labels`"),
    ],
)
def test_an_unknown_kind_or_option_is_told_with_its_neighbour(spec: ScorerSpec, says: str) -> None:
    with pytest.raises(SetupError) as told:
        kind_of(spec)
    assert says in told.value.message


async def test_a_judge_is_wanted_where_none_is_named() -> None:
    with pytest.raises(SetupError, match="no model is named as judge"):
        await scored("judge-pair", "an answer", "a reply")
