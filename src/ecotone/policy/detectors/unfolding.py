"""A text as a reader sees it, for detectors: without characters that hide what is written."""

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

ODD_TRIGGERS = (
    # without width: soft hyphen, joiners, directions, variation selectors, tags
    r"[\x{AD}\x{34F}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}"
    r"\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFA0}\x{FFF9}-\x{FFFB}\x{E0000}-\x{E01EF}]",
    r"[^\P{Nd}0-9]",  # digits of other scripts
    r"[\x{FF01}-\x{FF5E}\x{FF61}\x{1D400}-\x{1D7FF}\x{2460}-\x{249B}\x{24B6}-\x{24EA}\x{FE50}-\x{FE6B}]|[\x{B2}\x{B3}\x{B9}\x{2070}-\x{2089}]{4}",
    r"[\x21-\x7E]\p{M}",  # marks that combine with what stands before
    r"[0-9A-Za-z)(+@.][\x{A0}\x{1680}\x{2000}-\x{200A}\x{2010}-\x{2015}\x{202F}\x{205F}\x{2212}\x{3000}\x{3002}][0-9A-Za-z()+]",
    r"%[2-7][0-9A-Fa-f]|&(?:#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});|\\u[0-9A-Fa-f]{4}|\\x[2-7][0-9A-Fa-f]|\\[nrt][0-9A-Za-z]",
)
"""RE2 patterns: where none of them matches, a text reads as it is written."""

_ODD = re.compile(
    r"[^\W\d_][\u0300-\u036f]+|[^\x00-\x7f]|%[2-7][0-9A-Fa-f]|&(?:#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8});"
    r"|\\u[0-9A-Fa-f]{4}|\\x[2-7][0-9A-Fa-f]|\\[nrt](?=[0-9A-Za-z])"
)
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


@dataclass(frozen=True)
class Unfolded:
    """`text`, and for each stretch of it the place in the original where it comes from."""

    text: str
    _at: tuple[int, ...]
    _starts: tuple[int, ...]
    _ends: tuple[int | None, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of text[start:end], which is not empty."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, position: int) -> tuple[int, int]:
        stretch = bisect_right(self._at, position) - 1
        begin, end = self._starts[stretch], self._ends[stretch]
        if end is not None:
            return begin, end
        place = begin + position - self._at[stretch]
        return place, place + 1


def unfold(text: str) -> Unfolded | None:
    """`text` with full-width letters and other scripts' digits as ASCII, and escapes of HTML, URLs and JSON undone, and
    without characters that have no width. None where that changes nothing.

    Takes time in proportion to the length.
    """
    return _stretched(text, _ODD, _plain)


def _stretched(text: str, odd_form: re.Pattern[str], plain_form: Callable[[str], str]) -> Unfolded | None:
    """`text` with what `odd_form` matches in its plain form; None where that changes nothing."""
    pieces: list[str] = []
    at: list[int] = []
    starts: list[int] = []
    ends: list[int | None] = []
    size = position = 0
    for odd in odd_form.finditer(text):
        plain = plain_form(odd[0])
        if plain == odd[0]:
            continue
        begin, end = odd.span()
        if begin > position:
            pieces.append(text[position:begin])
            at.append(size)
            starts.append(position)
            ends.append(None)
            size += begin - position
        position = end
        if plain:
            pieces.append(plain)
            at.append(size)
            starts.append(begin)
            ends.append(end)
            size += len(plain)
    if not position:
        return None
    if position < len(text):
        pieces.append(text[position:])
        at.append(size)
        starts.append(position)
        ends.append(None)
    return Unfolded("".join(pieces), tuple(at), tuple(starts), tuple(ends))


@lru_cache(maxsize=4096)
def _plain(odd: str) -> str:
    if odd[0] == "%":
        return chr(int(odd[1:], 16))
    if odd[0] == "&":
        return _folded(html.unescape(odd)) or odd
    if odd[0] == "\\":
        code = 32 if odd[1] in "nrt" else int(odd[2:], 16)
        return odd if 0xD800 <= code < 0xE000 else _folded(chr(code))
    if len(odd) > 1:
        composed = unicodedata.normalize("NFC", odd)
        return composed if len(composed) == 1 else odd[0]
    return _folded(odd)


def _folded(character: str) -> str:
    if len(character) != 1 or character.isascii():
        return character
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me") or character in _FILLERS or 0xFE00 <= ord(character) <= 0xFE0F:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    if character in "\u3002\uff61":
        return "."
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isascii() and plain.strip() else character


_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def unescaped(literal: str) -> Unfolded | None:
    """What stands between the quotes of a JSON string, its escapes undone; None where there are none."""
    return _stretched(literal, _ESCAPE, _unescaped)


def _unescaped(escape: str) -> str:
    if escape[1] != "u":
        return _ESCAPED.get(escape[1], escape[1])
    if len(escape) > 6:
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    return chr(int(escape[2:], 16))
