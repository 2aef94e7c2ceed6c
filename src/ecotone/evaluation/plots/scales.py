"""Axes: from values to places, and the round numbers worth writing beside them."""

import math
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

import msgspec

_STEPS = (1, 2, 5)
# Neighbouring months written on an axis of dates, in months.
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60)


class Axis(msgspec.Struct, frozen=True):
    """What an axis shows: its title with the unit, and how values are written (`$` before, `%` for shares of 1)."""

    title: str
    scale: Literal["linear", "log"] = "linear"
    unit: Literal["", "$", "%"] = ""

    def written(self, value: float) -> str:
        """The value as it stands beside a tick."""
        _finite(value)
        if self.unit == "%":
            return f"{_short(value * 100)} %"
        return f"{self.unit}{_with_prefix(value, 1e3 if self.scale == 'log' else 1e4)}"


class Scale(msgspec.Struct, frozen=True):
    """A range of values laid over a range of places (`start` may be above `end`: y grows downwards)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where the value lies; ValueError for a value that a logarithm does not have."""
        if self.log:
            share = math.log(_above_zero(value) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> tuple[float, ...]:
        """Round values inside the range, at most about `most` of them."""
        return log_ticks(self.low, self.high, most) if self.log else linear_ticks(self.low, self.high, most)


def scale_over(values: Iterable[float], axis: Axis, start: float, end: float) -> Scale:
    """A scale that holds all values with some air at both ends; a share of 1 never leaves 0 to 1."""
    found = list(values)
    for value in found:
        _finite(value)
    if axis.scale == "log":
        low, high = (math.log10(_above_zero(value)) for value in (min(found), max(found)))
        air = 0.06 * (high - low) or 0.5
        return Scale(10 ** (low - air), 10 ** (high + air), start, end, log=True)
    low, high = min(found), max(found)
    air = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    low, high = low - air, high + air
    if axis.unit == "%":
        low, high = max(0.0, low), min(1.0, high)
    return Scale(low, high, start, end)


def linear_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten: the smallest such step that gives at most `most` spaces."""
    least_step = (high - low) / max(1, most) * (1 - 1e-9)
    decade = math.floor(math.log10(least_step))
    step = next(
        factor * 10.0**power
        for power in (decade, decade + 1)
        for factor in _STEPS
        if factor * 10.0**power >= least_step
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Divided rather than multiplied by a fraction: 3 / 10 is 0.3, and 3 * 0.1 is not.
    return tuple(i * step if step >= 1 else i / round(1 / step) for i in range(first, last + 1))


def log_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Powers of ten; with 2 and 5 times them where there is room; multiples of a step on a range of less than three."""
    _above_zero(low)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found: tuple[float, ...] = ()
    for factors, stride in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 6)):
        found = tuple(
            float(f"{factor}e{power}")
            for power in range(first, last + 1)
            if power % stride == 0
            for factor in factors
            if low * (1 - 1e-9) <= float(f"{factor}e{power}") <= high * (1 + 1e-9)
        )
        if len(found) <= most:
            return found if len(found) >= 2 else linear_ticks(low, high, most)
    return found


def date_ticks(first: date, last: date, most: int) -> tuple[date, ...]:
    """First days of months, a round number of months apart; at most about `most`."""
    months = range(first.year * 12 + first.month, last.year * 12 + last.month)
    found: tuple[date, ...] = ()
    for step in _MONTH_STEPS:
        found = tuple(date(month // 12, month % 12 + 1, 1) for month in months if month % step == 0)
        if len(found) <= most:
            return found
    return found


def days(when: date) -> float:
    """A date as a number on an axis."""
    return float((when - date(1970, 1, 1)) // timedelta(days=1))


def _finite(value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"a picture has no place for {value}, which is not a finite number: leave it out")


def _above_zero(value: float) -> float:
    if not value > 0:
        raise ValueError(f"a logarithmic axis has no place for {value}: leave it out, or use a linear axis")
    return value


def _with_prefix(value: float, thousands_from: float) -> str:
    for least, size, word in ((1e12, 1e12, " T"), (1e9, 1e9, " B"), (1e6, 1e6, " M"), (thousands_from, 1e3, " k")):
        if abs(value) >= least:
            return _short(value / size) + word
    return _short(value)


def _short(value: float) -> str:
    """Up to four digits that matter, never in powers of ten."""
    if value == 0:
        return "0"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    written = f"{value:.{decimals}f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written).replace("-", "−")
