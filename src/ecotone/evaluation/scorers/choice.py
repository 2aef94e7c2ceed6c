"""One of several options: a letter or a label. A reply that leaves open which one is not guessed at."""

import re

from ecotone.evaluation.cases import JsonValue, Score
from ecotone.evaluation.scorers.kind import PlainKind, shown, text_problem
from ecotone.evaluation.scorers.text import normalised

# Only the two ends of a long reply can hold its answer.
_READ_CHARACTERS_MAX = 20_000

_MARKS = r"[\s*_`\"'(\[{<$\\]*+(?:(?:boxed|text|mathbf)\{[\s*_`\"'(\[$\\]*+){0,3}"
_LETTER = rf"{_MARKS}(?<![^\W\d_])(?P<letter>[A-Za-z])(?![^\W_]|['’]\w)"
_LINK = r"[\s*_:=–-]*+(?:(?:is|would\s+be|should\s+be|must\s+be)\b[\s*_:=–-]*+)?(?:option\b|choice\b|letter\b)?"
_ANSWER = re.compile(
    rf"""(?P<final>\bfinal\s+)?\b(?:answer|solution)\b
    (?:\s+(?:choice|option|letter|here|to\s+(?:this|the)\s+question))?{_LINK}{_LETTER}""",
    re.VERBOSE | re.IGNORECASE,
)
_OPTION = re.compile(
    rf"""(?:\b(?:option|choice)\b{_LINK}
    | \b(?:choose|pick|select|go\s+with|it\s+is|it['’]s|(?:correct|right|best)\s+(?:one|letter)\s+is)\b){_LETTER}""",
    re.VERBOSE | re.IGNORECASE,
)
_IS_RIGHT = re.compile(
    r"(?<![^\W_])(?P<letter>[A-Z])[)\]*_.\"]{0,4}\s+is\s+(?:the\s+)?(?:most\s+)?(?:correct|right|best|answer|true)\b"
)
_MARKED = re.compile(r"(?<![^\W_])(?:\(([A-Z])\)|\*\*\(?([A-Z])[).:]?\*\*|\[([A-Z])\]|([A-Z])\)(?!\w))")
_LINE_START = re.compile(
    r"^[ \t>*_`#(\[-]{0,8}([A-Za-z])(?:[).:\]*_`]{1,6}(?=\s|$)|[ \t]*$|[ \t]{0,3}[-–—]\s)", re.MULTILINE
)
_ALONE = re.compile(r"[\s*_`\"'(\[$\\{]*(?:(?:boxed|text|mathbf)\{\\?){0,3}([A-Za-z])[\s*_`\"')\].:$}!]*")
_OTHER_TOO = re.compile(r"[\s*_`)\].,]{0,6}(?:\bor\b|\band\b|/|&|,)\s{0,3}(?:option\s)?[(*\[]{0,3}([A-Za-z])(?![^\W_])")
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|incorrect|wrong|none|cannot)\b|n['’]t\b", re.IGNORECASE)
_ARTICLE_OR_I = re.compile(r"\s+(?!because\b|since\b|as\b|for\b|which\b|is\b|and\b|or\b)[a-z]", re.IGNORECASE)


class Choice(PlainKind, frozen=True):
    """Right if the reply settles on the letter in the reference: "B", "(b)", "**B.** Paris", "The answer is (B)". A
    reply that names several letters without saying which is its answer, or none, is wrong: nothing is guessed.

    Reference: the letter.
    """

    letters: str = "ABCD"
    """The letters to choose from, in capitals."""

    def problem(self, reference: JsonValue) -> str | None:
        if not isinstance(reference, str) or len(reference) != 1 or reference.upper() not in self.letters:
            return f"its reference is one letter of {self.letters}, not {shown(reference)}"
        return None

    def judged(self, reference: JsonValue, reply: str) -> Score:
        letter = chosen_letter(reply, self.letters)
        if letter is None:
            return Score(0.0, f"wanted {reference.upper()}; the reply settles on no letter: {shown(reply)}")
        is_right = letter == reference.upper()
        return Score(float(is_right), f"{letter} is right" if is_right else f"wanted {reference.upper()}, got {letter}")


class Label(PlainKind, frozen=True):
    """Right if the one label that the reply names is the reference. A reply that names several, or none, is wrong.

    Reference: the label. Case and punctuation are set aside; whole words must match.
    """

    labels: tuple[str, ...]
    """All labels that there are."""

    def problem(self, reference: JsonValue) -> str | None:
        if problem := text_problem(reference):
            return problem
        if normalised(reference) not in map(normalised, self.labels):
            return f"its reference is one of the labels ({', '.join(self.labels)}), not {shown(reference)}"
        return None

    def judged(self, reference: JsonValue, reply: str) -> Score:
        text = f" {normalised(reply)} "
        named = [label for label in self.labels if f" {normalised(label)} " in text]
        # "not urgent" names "not urgent", not "urgent".
        named = [label for label in named if not any(_is_inside(label, other) for other in named)]
        if len(named) == 1:
            is_right = normalised(named[0]) == normalised(reference)
            return Score(float(is_right), "right" if is_right else f"wanted {shown(reference)}, got {shown(named[0])}")
        says = f"the reply names {', '.join(named)}" if named else f"the reply names no label: {shown(reply)}"
        return Score(0.0, f"wanted {shown(reference)}; {says}")


def _is_inside(label: str, other: str) -> bool:
    return label != other and f" {normalised(label)} " in f" {normalised(other)} "


def chosen_letter(reply: str, letters: str = "ABCD") -> str | None:
    """The letter that `reply` settles on, None if it is open.

    In this order: the reply is but a letter; it says "answer" with a letter (if it says "final answer", only that
    counts); it says "option", "I choose", "is correct" or the like with one and denies nothing; it starts with a marked
    letter and marks no other; it marks one letter and denies nothing. The first that applies decides, and where it
    names two letters the reply is open.
    """
    text = reply.strip()
    if len(text) > _READ_CHARACTERS_MAX:
        text = text[: _READ_CHARACTERS_MAX // 2] + "\n" + text[-_READ_CHARACTERS_MAX // 2 :]
    if alone := _ALONE.fullmatch(text):
        return alone[1].upper() if alone[1].upper() in letters else None
    answers = [found for found in _ANSWER.finditer(text) if _is_letter(found, letters)]
    finals = [found for found in answers if found["final"]]
    if answers:
        return _agreed(finals or answers, letters)
    spoken = [found for way in (_OPTION, _IS_RIGHT) for found in way.finditer(text) if _is_letter(found, letters)]
    if spoken:
        return None if _NEGATION.search(text) else _agreed(spoken, letters)
    first = _LINE_START.match(text)
    if first is not None and first[1].upper() in letters:
        starts = {found[1].upper() for found in _LINE_START.finditer(text)}
        return _only(starts | _marked(text.split("\n", 1)[0]), letters)
    return None if _NEGATION.search(text) else _only(_marked(text), letters)


def _is_letter(found: re.Match[str], letters: str) -> bool:
    """Whether the letter is one to choose, not the article or the pronoun of a sentence that goes on."""
    letter = found["letter"]
    if letter in "aAI" and _ARTICLE_OR_I.match(found.string, found.end("letter")):
        return False
    return letter.upper() in letters


def _agreed(said: list[re.Match[str]], letters: str) -> str | None:
    """The one letter that is said each time; None where they differ, or where another is offered beside it."""
    named = {found["letter"].upper() for found in said}
    for found in said:
        other = _OTHER_TOO.match(found.string, found.end("letter"))
        if other and other[1].isupper() == found["letter"].isupper():
            named.add(other[1].upper())
    return _only(named, letters)


def _marked(text: str) -> set[str]:
    return {next(filter(None, found.groups())) for found in _MARKED.finditer(text)}


def _only(named: set[str], letters: str) -> str | None:
    among = named & set(letters)
    return among.pop() if len(among) == 1 else None
