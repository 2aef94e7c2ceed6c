"""Text as the guard reads it: one form for what people see as the same."""

import re
import unicodedata

_HIDDEN = dict.fromkeys(
    [
        *(0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
        *range(0xE0000, 0xE0080),
    ]
)
"""Characters without width: they part words for a program and not for a reader."""

_MARKS_ON_LETTERS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")


def plain(text: str) -> str:
    """`text` in lower case, without invisible characters and accents; full-width and styled letters as plain ones."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text.translate(_HIDDEN))
    return _MARKS_ON_LETTERS.sub("", text).lower()
