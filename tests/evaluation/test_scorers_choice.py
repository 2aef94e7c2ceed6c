"""One of several options: what settles on one, and what is left open and must not be guessed."""

from typing import Any

import pytest

from ecotone.evaluation.scorers.choice import chosen_letter
from tests.evaluation.scoring import scored

SETTLED = [
    ("B", "B"),
    ("b", "B"),
    ("(B)", "B"),
    ("**B**", "B"),
    (" B.\n", "B"),
    ("B) Paris", "B"),
    ("B. Paris is the capital of France.", "B"),
    ("B: Paris", "B"),
    ("B - Paris", "B"),
    ("**B.** Paris", "B"),
    ("B\n\nParis is the capital.", "B"),
    ("The answer is B", "B"),
    ("The answer is (B).", "B"),
    ("The correct answer is **B**.", "B"),
    ("the answer is: b", "B"),
    ("Answer: B", "B"),
    ("Answer:\nB", "B"),
    ("Answer\n\nB) Paris", "B"),
    ("Answer: **(B) Paris**", "B"),
    ("The correct option is: B) Paris", "B"),
    ("The right answer would be option B, since Paris is the capital.", "B"),
    ("The answer is B, not C.", "B"),
    ("The answer is A because of gravity.", "A"),
    ("Let me think. A) is a city, C) too. Final answer: B", "B"),
    ("First I thought the answer is A. Final answer: B", "B"),
    (r"$\boxed{B}$", "B"),
    (r"The answer is $\boxed{\text{B}}$", "B"),
    ("I choose option (B).", "B"),
    ("I would go with B.", "B"),
    ("B is the correct answer.", "B"),
    ("It must be (B), Paris.", "B"),
    ("Option B", "B"),
]

OPEN = [
    "",
    "Paris",
    "E",
    "I do not know.",
    "A cat sat on the mat.",
    "The answer is a cat.",
    "The answer is A cat.",
    "The answer is A or B.",
    "The answer is A and B.",
    "Answer: A, B",
    "Answer: A/B",
    "The answer is A. No, the answer is B.",
    "A) Lyon\nB) Paris\nC) Rome\nD) Oslo",
    "A) Lyon B) Paris C) Rome D) Oslo",
    "B) Paris, because A) is too small",
    "Both (A) and (B) are possible.",
    "It's not B.",
    "The answer is not B.",
    "Option A is wrong.",
    "Neither (A) nor anything else",
    "Option A is wrong. Option C is right.",
    "Vitamin C is found in oranges.",
    "Plan B. Then we see.",
    "Answer: Because it is blue.",
    "Answer: D'Artagnan",
    "Answer: В",
    "ABCD",
    "AB",
]


@pytest.mark.parametrize(("reply", "letter"), SETTLED)
def test_the_letter_that_a_reply_settles_on(reply: str, letter: str) -> None:
    assert chosen_letter(reply) == letter


@pytest.mark.parametrize("reply", OPEN)
def test_a_reply_that_leaves_it_open_is_not_guessed_at(reply: str) -> None:
    assert chosen_letter(reply) is None


def test_other_letters_can_be_chosen_from() -> None:
    assert chosen_letter("The answer is J.", "ABCDEFGHIJ") == "J"
    assert chosen_letter("I think so", "ABCDEFGHIJ") is None
    assert chosen_letter("The answer is I.", "ABCDEFGHIJ") == "I"


@pytest.mark.parametrize(("reply", "value"), [("The answer is (b)", 1), ("C", 0), ("B or C", 0), ("", 0)])
async def test_choice(reply: str, value: float) -> None:
    assert (await scored("choice", "B", reply)).value == value


LABELS = ["urgent", "not urgent", "spam"]


@pytest.mark.parametrize(
    ("reference", "reply", "value"),
    [
        ("spam", "spam", 1),
        ("spam", "Label: **Spam**.", 1),
        ("spam", "This is spam, plainly spam.", 1),
        ("not urgent", "Not urgent", 1),
        ("urgent", "Not urgent", 0),
        ("urgent", "urgently", 0),
        ("urgent", "urgent or spam", 0),
        ("spam", "", 0),
        ("spam", "none of them", 0),
    ],
)
async def test_label(reference: str, reply: str, value: float) -> None:
    assert (await scored("label", reference, reply, labels=LABELS)).value == value


async def test_label_says_what_it_read() -> None:
    why: Any = (await scored("label", "urgent", "urgent or spam", labels=LABELS)).why
    assert why == "wanted 'urgent'; the reply names urgent, spam"
