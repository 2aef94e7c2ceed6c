"""Whether texts hold a piece, asked a few times and many times."""

import string
from random import Random

import pytest

from ecotone.policy.said_texts import SaidTexts

MANY = 400


class Counted(str):
    """A text that counts how often it is looked through."""

    looked_through = 0

    def __contains__(self, piece: object) -> bool:
        type(self).looked_through += 1
        return isinstance(piece, str) and str.__contains__(self, piece)


@pytest.mark.parametrize("seed", range(12))
def test_no_answer_changes_when_many_are_asked(seed: int) -> None:
    random = Random(seed)
    texts = ["".join(random.choices("ab1é😀 ", k=random.randrange(60))) for _ in range(seed % 4)]
    said = SaidTexts(texts)
    for size in (1, 4, 7, 8, 9, 16, 20):
        for number in range(MANY):
            text = random.choice(texts) if texts else ""
            start = random.randrange(len(text) + 1)
            piece = text[start : start + size]
            if len(piece) < size or number % 2:
                piece = "".join(random.choices("ab1é😀 ", k=size))
            assert said.hold(piece) == any(piece in text for text in texts), (piece, texts)


def test_long_texts_are_not_looked_through_for_each_of_many() -> None:
    random = Random(7)
    numbers = [f"{random.randrange(10**15):016}" for _ in range(4_000)]
    said = SaidTexts([Counted(" ".join(numbers))])
    absent = [f"9999{random.randrange(10**12):012}" for _ in range(4_000)]
    Counted.looked_through = 0
    assert not any(map(said.hold, absent))
    assert Counted.looked_through < 400
    assert all(map(said.hold, numbers))


def test_short_pieces_have_a_table_too() -> None:
    random = Random(8)
    said = SaidTexts([Counted(" ".join("".join(random.choices(string.ascii_uppercase, k=6)) for _ in range(2_000)))])
    Counted.looked_through = 0
    found = sum(said.hold("".join(random.choices(string.ascii_uppercase, k=6))) for _ in range(4_000))
    assert Counted.looked_through < 400 + found
