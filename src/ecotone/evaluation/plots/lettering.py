"""How much room words take, estimated: a picture is drawn before anybody knows the reader's fonts.

Widths are Helvetica's, in thousandths of the size, which Arial and Liberation Sans share; the pictures ask for these
first. Other faces differ by a few per cent, for which `_SLACK` leaves room.
"""

import unicodedata

_WIDTHS = {
    **dict.fromkeys("ijl'|", 222),
    **dict.fromkeys(" !,./:;[]\\ftI·", 278),
    **dict.fromkeys('-()r`{}*"°', 350),
    **dict.fromkeys("cksvxyzJ", 500),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("mM", 833),
    **dict.fromkeys("%", 889),
    **dict.fromkeys("W@—…", 1000),
}
_SLACK = 1.05
_ROUNDING = 0.01


def width(words: str, size: float, bold: bool = False) -> float:
    """About how wide the words are, in the unit of `size`."""
    thousandths = sum(_WIDTHS.get(letter) or _by_class(letter) for letter in words)
    return thousandths * size / 1000 * _SLACK * (1.06 if bold else 1)


def shortened(words: str, size: float, room: float) -> str:
    """The words, or as many of their letters as fit with an ellipsis after them."""
    if width(words, size) <= room + _ROUNDING:
        return words
    kept = len(words)
    while kept > 1 and width(words[:kept].rstrip() + "…", size) > room:
        kept -= 1
    return words[:kept].rstrip(" ,.;:-") + "…"


def wrapped(words: str, size: float, room: float, most: int, bold: bool = False) -> list[str]:
    """The words in lines that fit, at most `most` of them, the last one shortened."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if width(longer, size, bold) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [shortened(line, size * (1.06 if bold else 1), room) for line in lines if line]


def _by_class(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 1000 if unicodedata.east_asian_width(letter) in "WF" else 556
