"""Figures as pages write them."""

from decimal import Decimal

import pytest

from ecotone.web.console.pages.home import percent
from ecotone.web.console.rendering import dollars


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "—"),
        ("0", "$0"),
        ("0.00000004", "under $0.000001"),
        ("0.000001", "$0.000001"),
        ("0.00005", "$0.00005"),
        ("0.00012", "$0.00012"),
        ("0.0069", "$0.0069"),
        ("0.42", "$0.42"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_money_has_as_many_digits_as_tell_something(value: str | None, written: str) -> None:
    assert dollars(None if value is None else Decimal(value)) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(0, "0"), (0.2, "less than 1"), (1, "1"), (50.4, "50"), (99, "99"), (99.8, "over 99"), (100, "100")],
)
def test_a_share_that_is_some_is_never_nothing_and_one_that_is_not_all_never_all(share: float, written: str) -> None:
    assert percent(share) == f"{written}\u202f%"
