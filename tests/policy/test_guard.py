"""Word lists, the forms of guard models, and what the guard makes of scores."""

import pytest

from ecotone.policy.guard.categories import CATEGORIES, MEANINGS, highest
from ecotone.policy.guard.forms import GuardForm, guard_questions, guard_request, guard_scores
from ecotone.policy.guard.guard import Guard
from ecotone.policy.guard.normalise import plain
from ecotone.policy.guard.words import WordLists
from ecotone.policy.problem import PolicyProblem
from ecotone.values.chat import Message, TextPart
from ecotone.values.errors import UpstreamMalformed


class _Fixed:
    """A classifier that gives every text the same scores."""

    def __init__(self, **scores: float) -> None:
        self._scores = scores

    def scores(self, text: str) -> dict[str, float]:
        return self._scores


def _text(message: Message) -> str:
    (part,) = message.parts
    assert isinstance(part, TextPart)
    return part.text


def test_every_category_is_explained() -> None:
    assert tuple(MEANINGS) == CATEGORIES
    assert len(set(CATEGORIES)) == 12


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Café", "cafe"),
        ("ＢＯＭＢ", "bomb"),
        ("b\u200bo\u200dm\u2060b", "bomb"),
        ("plain", "plain"),
        ("so\u00adft", "soft"),
    ],
)
def test_what_looks_the_same_reads_the_same(text: str, read: str) -> None:
    assert plain(text) == read


def test_words_are_found_whole_in_any_case_and_spacing() -> None:
    lists = WordLists({"hate": ("bad word", "x+"), "fraud": ()})
    assert lists.scores("a BAD\n  wo\u200brd.") == {"hate": 1.0}
    assert lists.scores("an x+ sign") == {"hate": 1.0}
    assert lists.scores("a bad wordsmith, xx+") == {}
    assert WordLists({"fraud": ()}).scores("fraud") == {}


def test_the_guard_takes_the_higher_score_of_each_category() -> None:
    guard = Guard(WordLists({"hate": ("grue",)}), _Fixed(hate=0.2, fraud=0.6))
    scores = guard.scores("beware of the grue")
    assert set(scores) == set(CATEGORIES)
    assert (scores["hate"], scores["fraud"], scores["violence"]) == (1.0, 0.6, 0.0)
    assert highest(({"hate": 0.1}, {"hate": 0.3}))["hate"] == 0.3


def test_a_word_list_of_an_unknown_category_is_refused() -> None:
    with pytest.raises(PolicyProblem, match="not a category") as caught:
        WordLists({"voilence": ("x",)})
    assert caught.value.path == ("guard", "words", "voilence")


def test_llama_guard_is_sent_the_turns_alone() -> None:
    (asked,) = guard_request("llama-guard", "hello")
    assert (asked.role, _text(asked)) == ("user", "hello")
    question, reply = guard_request("llama-guard", "the reply", request="the question")
    assert (question.role, _text(question)) == ("user", "the question")
    assert (reply.role, _text(reply)) == ("assistant", "the reply")


def test_granite_guardian_is_told_the_risk_in_a_system_turn() -> None:
    risk, asked = guard_request("granite-guardian", "hello", "jailbreak")
    assert (risk.role, _text(risk)) == ("system", "jailbreak")
    assert (asked.role, _text(asked)) == ("user", "hello")
    assert _text(guard_request("granite-guardian", "hello")[0]) == "harm"


def test_shieldgemma_gets_the_text_between_its_marks_and_the_principle_asked_for() -> None:
    (asked,) = guard_request("shieldgemma", "hello there", "hate")
    prompt = _text(asked)
    assert "<start_of_turn>\nHuman Question: hello there\n<end_of_turn>" in prompt
    assert "No Hate Speech" in prompt
    assert "No Harassment" not in prompt
    assert "must start with 'Yes' or 'No'" in prompt
    assert all(name in _text(guard_request("shieldgemma", "x")[0]) for name in ("Hate", "Harassment", "Dangerous"))
    assert "Chatbot Response: bye" in _text(guard_request("shieldgemma", "bye", request="hello")[0])


@pytest.mark.parametrize(
    ("form", "question", "answer", "found"),
    [
        ("llama-guard", "all", "safe", set()),
        ("llama-guard", "all", "\n\nunsafe\nS9", {"weapons"}),
        ("llama-guard", "all", "unsafe\nS1,S10\n", {"violence", "hate"}),
        ("llama-guard", "all", "unsafe\nS6", set()),
        ("shieldgemma", "harassment", "Yes", {"hate"}),
        ("shieldgemma", "dangerous", "No, the text asks for a recipe.", set()),
        ("granite-guardian", "jailbreak", "Yes", {"prompt_injection"}),
        ("granite-guardian", "violence", "Yes\n<confidence> High </confidence>", {"violence"}),
        ("granite-guardian", "violence", "<think>\nNo idea? Yes.\n</think>\n<score> no </score>", set()),
        ("granite-guardian", "violence", "<score> yes </score>", {"violence"}),
    ],
)
def test_answers_become_scores(form: GuardForm, question: str, answer: str, found: set[str]) -> None:
    assert question in guard_questions(form)
    scores = guard_scores(form, answer, question)
    assert set(scores) <= set(CATEGORIES)
    assert {category for category, score in scores.items() if score == 1.0} == found
    assert set(scores.values()) <= {0.0, 1.0}


def test_low_confidence_counts_less() -> None:
    low = "<confidence> Low </confidence>"
    assert guard_scores("granite-guardian", f"Yes\n{low}", "violence") == {"violence": 0.75}
    assert guard_scores("granite-guardian", f"No\n{low}", "violence") == {"violence": 0.25}


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("llama-guard", ""),
        ("llama-guard", "unsafe"),
        ("llama-guard", "unsafe\nS99"),
        ("llama-guard", "safe\nS1"),
        ("llama-guard", "I think that this is safe."),
        ("shieldgemma", "Nothing here is harmful"),
        ("shieldgemma", "No idea what this is"),
        ("shieldgemma", ""),
        ("granite-guardian", "maybe"),
        ("granite-guardian", "<think>Yes"),
        ("granite-guardian", "<score> 1 </score>"),
    ],
)
def test_an_answer_in_no_known_form_is_an_error_and_not_a_pass(form: GuardForm, answer: str) -> None:
    with pytest.raises(UpstreamMalformed, match="not in the form"):
        guard_scores(form, answer)
