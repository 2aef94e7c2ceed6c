"""A number in a reply, compared as an exact fraction: 1/2, 0.5, 50% of one and ½ are the same."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction

from ecotone.evaluation.cases import JsonValue, Score
from ecotone.evaluation.scorers.kind import PlainKind, shown

# More digits than any answer has; Python itself refuses to read numbers of more than 4,300.
_DIGITS_MAX = 400
_EXPONENT_MAX = 400

# Between thousands, beside the comma: narrow and no-break spaces (a plain one parts numbers) and apostrophes.
_GAPS = "\u00a0\u2009\u202f\u2019'"
_WHOLE = rf"\d{{1,3}}(?:,\d{{3}})++(?!\d|,\d)|\d{{1,3}}(?:[{_GAPS}]\d{{3}})++(?!\d)|\d++"
_NUMBER = re.compile(
    rf"""
    (?<![A-Za-z_\d])(?<!\d\.)                # H2O and x1 hold no number, nor does the inside of one
    (?=[-+\u2212\u2013$€£¥]{{0,3}}\.?\d)
    (?P<sign>(?<![)\]])[-+\u2212\u2013])?[$€£¥]?(?P<late>(?<![)\]])[-\u2212])?
    (?:
        (?P<mixed>\d++)\ {{1,3}}(?P<over>\d++)/(?P<under>\d++)
      | (?P<top>{_WHOLE})\ ?/\ ?(?P<bottom>\d++)(?!/\d)
      | (?P<whole>{_WHOLE})?(?P<decimals>(?<!\.)\.\d++)?
        (?:[eE](?P<exponent>[-+]?\d++)|\ ?[x×*]\ ?10\^\{{?(?P<power>[-\u2212]?\d++)\}}?)?
    )
    (?P<percent>\ ?%)?
    """,
    re.VERBOSE | re.ASCII,
)
_TEX_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")


def numbers(text: str, decimal_comma: bool = False) -> Iterator[tuple[Fraction, bool]]:
    """The numbers in `text` in order, each with whether a percent sign follows (45% gives 45, True).

    Understood: signs, currency signs, thousands in groups, decimals, exponents, fractions and mixed numbers, also as
    TeX or single characters, digits of any script. `decimal_comma` reads 1.234,5 as 1234.5. Words are not numbers.
    """
    return _valued(_NUMBER.finditer(_in_plain_digits(text, decimal_comma)))


def _valued(places: Iterable[re.Match[str]]) -> Iterator[tuple[Fraction, bool]]:
    for found in places:
        value = _value(found)
        if value is not None:
            yield value, found["percent"] is not None


class Numeric(PlainKind, frozen=True):
    """Right if the reply's number equals the reference. The last number counts, or the first one after `marker`.

    Reference: a number, or a text with one number ("3/4", "1,200", "45%"). Where it is 45%, the replies 45%, 45 and
    0.45 are right; where it is 0.45, the replies 0.45 and 45%; where it is 45, the replies 45 and 45%.
    """

    marker: str | None = None
    """Words before the number, in any case, such as "the answer is". The last place where they stand counts; where
    they do not stand, the last number of the reply."""
    tolerance: float = 0.0
    """How far from the reference the number may be."""
    relative_tolerance: float = 0.0
    """The same as a share of the reference: 0.01 allows one percent."""
    decimal_comma: bool = False
    """Read 1.234,5 as one thousand two hundred and thirty-four and a half."""

    def problem(self, reference: JsonValue) -> str | None:
        if isinstance(reference, bool) or not isinstance(reference, int | float | str):
            return "its reference is a number, or a text with one number"
        if self._reference(reference) is None:
            return f"its reference is one number, not {shown(reference)}"
        return None

    def judged(self, reference: JsonValue, reply: str) -> Score:
        wanted = self._reference(reference)
        got = self._answer(reply)
        if wanted is None or got is None:
            return Score(0.0, f"wanted {reference}, found no number")
        allowed = max(Fraction(self.tolerance), abs(wanted[0]) * Fraction(self.relative_tolerance))
        if any(abs(value - wanted[0]) <= allowed for value in _readings(got, wanted)):
            return Score(1.0, f"{_written(got[0])} is right")
        return Score(0.0, f"wanted {reference}, got {_written(got[0])}{' %' if got[1] else ''}")

    def _answer(self, reply: str) -> tuple[Fraction, bool] | None:
        if self.marker:
            place = reply.casefold().rfind(self.marker.casefold())
            # Folding may change the length of a text; then the marker is looked for as it is written.
            if len(reply.casefold()) != len(reply):
                place = reply.rfind(self.marker)
            if place >= 0:
                after = next(numbers(reply[place + len(self.marker) :], self.decimal_comma), None)
                if after is not None:
                    return after
        places = list(_NUMBER.finditer(_in_plain_digits(reply, self.decimal_comma)))
        return next(_valued(reversed(places)), None)

    def _reference(self, reference: int | float | str) -> tuple[Fraction, bool] | None:
        if not isinstance(reference, str):
            return (Fraction(str(reference)), False) if abs(reference) <= 10**_EXPONENT_MAX else None
        found = list(numbers(reference, self.decimal_comma))
        return found[0] if len(found) == 1 else None


def _readings(got: tuple[Fraction, bool], wanted: tuple[Fraction, bool]) -> tuple[Fraction, ...]:
    """What the reply's number may mean, in the unit of the reference: per cent, or none."""
    value, is_percent = got
    if wanted[1]:
        return (value,) if is_percent else (value, value * 100)
    if is_percent:
        return (value / 100, value) if abs(wanted[0]) > 1 else (value / 100,)
    return (value,)


def _in_plain_digits(text: str, decimal_comma: bool) -> str:
    """Fractions as a/b, digits of any script as 0 to 9, one kind of space and of decimal sign."""
    text = _TEX_FRACTION.sub(r" \1/\2 ", text).replace("{,}", ",").replace("\\,", ",").replace("\\%", "%")
    text = text.replace("\\$", "$").replace("\\times", "×").replace("\\cdot", "×")
    text = re.sub(r"[^\x00-\x7f]", _plain_character, text)
    return text.translate(str.maketrans(",.", ".,")) if decimal_comma else text


def _plain_character(found: re.Match[str]) -> str:
    character = found[0]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.decomposition(character).startswith("<fraction>"):
        return " " + unicodedata.normalize("NFKC", character).replace("\N{FRACTION SLASH}", "/")
    return {"\N{FRACTION SLASH}": "/", "\N{FULLWIDTH PERCENT SIGN}": "%", "·": "×"}.get(character, character)


def _value(found: re.Match[str]) -> Fraction | None:
    is_number = found["mixed"] or found["top"] or found["whole"] or found["decimals"]
    if not is_number or len(found[0]) > _DIGITS_MAX:
        return None
    exponent = int((found["exponent"] or found["power"] or "0").replace("\u2212", "-"))
    bottom = int(found["under"] or found["bottom"] or 1)
    if abs(exponent) > _EXPONENT_MAX or bottom == 0:
        return None
    if found["mixed"]:
        size = int(found["mixed"]) + Fraction(int(found["over"]), bottom)
    else:
        whole = re.sub(r"\D", "", found["top"] or found["whole"] or "")
        size = Fraction((whole or "0") + (found["decimals"] or "")) / bottom
    size *= Fraction(10) ** exponent
    return -size if found["late"] or found["sign"] not in (None, "+") else size


def _written(value: Fraction) -> str:
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    try:
        return f"{float(value):.10g}"
    except OverflowError:
        return "a number beyond all bounds"
