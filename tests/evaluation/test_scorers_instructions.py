"""Each of IFEval's instructions, followed and not, by examples written by hand."""

from typing import Any

import pytest

from ecotone.evaluation.scorers.instructions import INSTRUCTIONS, sentences
from tests.evaluation.scoring import problem, scored

CAPITALS = "change_case:capital_word_frequency"
SENTENCES = "length_constraints:number_sentences"
WORDS = "length_constraints:number_words"
LETTERS = "keywords:letter_frequency"
FREQUENCY = "keywords:frequency"

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    (CAPITALS, {"capital_relation": "at least", "capital_frequency": 2}, "GO to NASA now", True),
    (CAPITALS, {"capital_relation": "at least", "capital_frequency": 3}, "GO to NASA now", False),
    (CAPITALS, {"capital_relation": "less than", "capital_frequency": 2}, "ONE WELL-KNOWN", False),
    (CAPITALS, {"capital_relation": "less than", "capital_frequency": 3}, "ONE WELL-KNOWN", True),
    ("change_case:english_capital", {}, "ALL OF IT, 3 TIMES!", True),
    ("change_case:english_capital", {}, "ALL of it", False),
    ("change_case:english_capital", {}, "123", False),
    ("change_case:english_lowercase", {}, "all of it, 3 times!", True),
    ("change_case:english_lowercase", {}, "All of it", False),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hello."}, "  say Hello. Hello!", True),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hello."}, "Sure! Say hello.", False),
    ("combination:two_responses", {}, "one\n******\ntwo", True),
    ("combination:two_responses", {}, "******one******two******", True),
    ("combination:two_responses", {}, "one ****** one", False),
    ("combination:two_responses", {}, "one ****** two ****** three", False),
    ("combination:two_responses", {}, "one ****** ****** two", False),
    ("combination:two_responses", {}, "one", False),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name], at [place]", True),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name], at [place", False),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP.S. Call me", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\np. s. call me", True),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Ships", False),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye\nP.P.S Call me", True),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye\nP.S. Call me", False),
    ("detectable_format:constrained_response", {}, "Well. My answer is maybe.", True),
    ("detectable_format:constrained_response", {}, "Maybe", False),
    ("detectable_format:json_format", {}, '{"a": 1}', True),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', True),
    ("detectable_format:json_format", {}, '```JSON\n{"a": 1}```', True),
    ("detectable_format:json_format", {}, 'Here: {"a": 1}', False),
    ("detectable_format:json_format", {}, "{'a': 1}", False),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1 a SECTION 2",
        True,
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "Section 1 Section 2",
        False,
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* one\n* two", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "- one\n  * two", True),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* one\n* two\n* three", False),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "**bold**\n* one", True),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one* and **two**", True),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one* and ** **", False),
    ("detectable_format:title", {}, "<<A day>>\nIt was", True),
    ("detectable_format:title", {}, "<< >> It was", False),
    ("detectable_format:title", {}, "<A day>", False),
    ("keywords:existence", {"keywords": ["mom", "Mother"]}, "Moms and mothers", True),
    ("keywords:existence", {"keywords": ["mom", "mother"]}, "moms", False),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "Rocket, rocks", True),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "We ROCK!", False),
    (FREQUENCY, {"relation": "at least", "keyword": "war", "frequency": 2}, "War and wars", True),
    (FREQUENCY, {"relation": "less than", "keyword": "war", "frequency": 2}, "War and wars", False),
    (LETTERS, {"let_relation": "at least", "letter": "#", "let_frequency": 2}, "#a #b", True),
    (LETTERS, {"let_relation": "less than", "letter": "T", "let_frequency": 2}, "tT", False),
    (
        "length_constraints:nth_paragraph_first_word",
        {"first_word": "summary", "num_paragraphs": 2, "nth_paragraph": 2},
        "One.\n\nSummary: two.",
        False,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"first_word": "summary", "num_paragraphs": 2, "nth_paragraph": 2},
        'One.\n\n\n"Summary, two.',
        True,
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"first_word": "summary", "num_paragraphs": 3, "nth_paragraph": 2},
        "One.\n\nSummary.",
        False,
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\ntwo", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\none\n***\ntwo\n***", True),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n\ntwo", False),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\n***\ntwo", False),
    (SENTENCES, {"relation": "less than", "num_sentences": 3}, "One. Two!", True),
    (SENTENCES, {"relation": "less than", "num_sentences": 3}, "One. Two! Three?", False),
    (SENTENCES, {"relation": "at least", "num_sentences": 3}, "One. Two! Three?", True),
    (WORDS, {"relation": "less than", "num_words": 4}, "one two three", True),
    (WORDS, {"relation": "less than", "num_words": 3}, "one two three", False),
    (WORDS, {"relation": "at least", "num_words": 3}, "one, two - three", True),
    ("punctuation:no_comma", {}, "no; none", True),
    ("punctuation:no_comma", {}, "yes, one", False),
    ("startend:end_checker", {"end_phrase": "The end."}, 'Once. "the end."', True),
    ("startend:end_checker", {"end_phrase": "The end."}, "The end. Bye", False),
    ("startend:quotation", {}, ' "all of it" ', True),
    ("startend:quotation", {}, '"all" of it', False),
    ("startend:quotation", {}, '"', False),
]


@pytest.mark.parametrize(("name", "arguments", "reply", "is_followed"), CASES)
async def test_an_instruction_is_checked(name: str, arguments: dict[str, Any], reply: str, is_followed: bool) -> None:
    score = await scored("instructions", [{"id": name, **arguments}], reply)
    assert score.value == is_followed
    assert score.why == ("all are followed" if is_followed else f"not followed: {name}")


def test_every_instruction_is_tried_both_ways() -> None:
    assert {name for name, *_, followed in CASES if followed} == set(INSTRUCTIONS)
    assert {name for name, *_, followed in CASES if not followed} == set(INSTRUCTIONS)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("...", 0),
        ("One", 1),
        ("One. Two", 2),
        ("Mr. Smith went home. He slept.", 2),
        ("He was born in 1999. Then he slept.", 2),
        ("1. First point.\n2. Second point.", 2),
        ("It costs 3.50 dollars. Really?! Yes!!", 3),
        ('"Go!" he said. She went.', 2),
        ("He said e.g. apples, i.e. fruit. Good.", 2),
        ("J. R. Smith wrote it.", 1),
        ("So do I. And you?", 2),
        ("one. two. three.", 1),
        ("wait...\nWhat?", 2),
    ],
)
def test_sentences_are_counted(text: str, count: int) -> None:
    assert sentences(text) == count


async def test_all_instructions_must_be_followed() -> None:
    both = [{"id": "punctuation:no_comma"}, {"id": "change_case:english_lowercase"}]
    assert (await scored("instructions", both, "fine; good")).value == 1
    assert (await scored("instructions", both, "Fine, good")).why == (
        "not followed: punctuation:no_comma, change_case:english_lowercase"
    )


async def test_an_empty_reply_follows_nothing() -> None:
    assert (await scored("instructions", [{"id": "punctuation:no_comma"}], " \n")).value == 0


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (None, "list of instructions"),
        ([], "list of instructions"),
        ([{"id": "language:response_language", "language": "kn"}], "there is no instruction"),
        ([{"id": WORDS, "relation": "at most", "num_words": 3}], "relation is 'less than' or 'at least'"),
        ([{"id": WORDS, "relation": "less than"}], "its arguments are relation, num_words, not relation"),
        ([{"id": WORDS, "relation": "less than", "num_words": "3"}], "num_words is a number"),
        ([{"id": "keywords:existence", "keywords": []}], "keywords is a list of words"),
        ([{"id": "punctuation:no_comma", "commas": 0}], "its arguments are none, not commas"),
    ],
)
def test_an_instruction_that_cannot_be_checked_is_told(reference: Any, says: str) -> None:
    assert says in problem("instructions", reference)
