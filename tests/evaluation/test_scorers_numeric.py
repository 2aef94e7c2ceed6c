"""Numbers as people and models write them."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecotone.evaluation.scorers.numeric import numbers
from tests.evaluation.scoring import scored


def found(text: str, **options: Any) -> list[Fraction]:
    return [value for value, _ in numbers(text, **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 18.", [18]),
        ("$1,234.50!", [Fraction(2469, 2)]),
        ("1,2,3", [1, 2, 3]),
        ("1,234,56", [1, 234, 56]),
        ("1,234,567", [1234567]),
        ("1\u202f234 and 1\u00a0234 and 1'234", [1234, 1234, 1234]),
        ("12 345", [12, 345]),
        ("-5, +5, \u22125, \u20135", [-5, 5, -5, -5]),
        ("3-4 and 3 - 4", [3, 4, 3, 4]),
        ("(3)-4", [3, 4]),
        ("-$5 $-5 -€5", [-5, -5, -5]),
        ("1/2, 3 1/2, 1 / 4", [Fraction(1, 2), Fraction(7, 2), Fraction(1, 4)]),
        ("½ 1½ ¾", [Fraction(1, 2), Fraction(3, 2), Fraction(3, 4)]),
        (r"\frac{3}{4} \dfrac{1}{2} \boxed{42} 1{,}000", [Fraction(3, 4), Fraction(1, 2), 42, 1000]),
        ("1.5e3 2E-2 1.5 × 10^3 2*10^{4}", [1500, Fraction(1, 50), 1500, 20000]),
        ("10² x2 H2O _3 v1.2.3", [10]),
        (".5 0.5 5. ...7", [Fraction(1, 2), Fraction(1, 2), 5, 7]),
        ("٤٢ ４２", [42, 42]),
        ("18th 5kg", [18, 5]),
        ("1/0", []),
        ("1e99999", []),
        ("9" * 5000, []),
        ("eighteen", []),
        ("", []),
    ],
)
def test_numbers_in_text(text: str, expected: list[Any]) -> None:
    assert found(text) == expected


def test_a_decimal_comma_is_read_where_it_is_announced() -> None:
    assert found("1.234,5", decimal_comma=True) == [Fraction(2469, 2)]


@given(st.integers(-(10**12), 10**12))
def test_any_whole_number_is_found_with_and_without_groups(number: int) -> None:
    assert found(f"about {number:,}, that is {number}") == [number, number]


@given(st.decimals(-1000000, 1000000, places=3))
def test_any_decimal_is_found(number: Any) -> None:
    assert found(f"({number:f})") == [Fraction(number)]


@pytest.mark.parametrize(
    ("reference", "reply", "options", "value"),
    [
        (18, "2 + 16 = 18", {}, 1),
        (18, "It is 18. I checked that 2 ways.", {}, 0),
        (18, "The answer is 18. I checked that 2 ways.", {"marker": "the answer is"}, 1),
        (18, "The answer is not easy: 2 + 16 = 18", {"marker": "the answer is"}, 0),
        (18, "THE ANSWER IS: **$18**.", {"marker": "the answer is"}, 1),
        (18, "The answer is 5. No, the answer is 18.", {"marker": "the answer is"}, 1),
        (18, "so 18", {"marker": "the answer is"}, 1),
        (18, "18.0", {}, 1),
        (18, "18.01", {}, 0),
        (18, "18.01", {"tolerance": 0.01}, 1),
        (18, "18.02", {"tolerance": 0.01}, 0),
        (200, "198", {"relative_tolerance": 0.01}, 1),
        (200, "197", {"relative_tolerance": 0.01}, 0),
        (0.1, "1/10", {}, 1),
        ("1/3", "0.333", {}, 0),
        ("1/3", "0.333", {"tolerance": 0.001}, 1),
        ("1,200", "1200", {}, 1),
        (-4, "4", {}, 0),
        (0, "no", {}, 0),
        (0, "", {}, 0),
        (45, "45%", {}, 1),
        (0.45, "45%", {}, 1),
        (0.45, "0.45%", {}, 0),
        ("45%", "45%", {}, 1),
        ("45%", "45", {}, 1),
        ("45%", "0.45", {}, 1),
        ("45%", "0.45%", {}, 0),
        ("45%", "0.5", {}, 0),
        (10**300, "1" + "0" * 300, {}, 1),
    ],
)
async def test_numeric(reference: Any, reply: str, options: dict[str, Any], value: float) -> None:
    assert (await scored("numeric", reference, reply, **options)).value == value


async def test_a_wrong_number_is_shown_beside_the_right_one() -> None:
    assert (await scored("numeric", 18, "so 2.5 %")).why == "wanted 18, got 2.5 %"
