"""Scorers that compare texts: exact, normalised, contains, regex, and key facts within a length."""

import asyncio
import json
import re
import sys
import unicodedata
from typing import Literal

from ecotone.evaluation.cases import Case, JsonValue, Score
from ecotone.evaluation.scorers.kind import PlainKind, shown, text_problem

_ARTICLES = frozenset({"a", "an", "the"})
_ASCII_SYMBOL = re.compile(r"[^\w\s.,\x80-\U0010ffff]|_")
_NOT_IN_WORDS = re.compile(r"(?<!\d)[.,]|[.,](?!\d)|[^\w\s.,\u2212]|\u2212(?!\d)|(?<=\w)\u2212")
_REGEX_TIMEOUT_S = 5.0
# A pattern may take for ever on a text that its author did not foresee, so it is tried where it can be stopped.
_REGEX_CHILD = """
import json, re, sys
asked = json.load(sys.stdin)
found = (re.fullmatch if asked["whole"] else re.search)(asked["pattern"], asked["text"], asked["flags"])
print(json.dumps(found is not None))
"""


def normalised(text: str, articles: bool = True) -> str:
    """`text` in lower case, its compatibility forms and accents' spellings made one, without punctuation and symbols,
    and without "a", "an", "the" if `articles`; words parted by one space. Doing it twice changes nothing more.

    A mark inside a word joins (don't: dont); between words it parts. Marks inside numbers (3.5, 1,000, -4) stay.
    """
    folded = unicodedata.normalize("NFKC", text)
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", folded.casefold())
    kept = re.sub(r"(?<=[^\W\d_])['’ʼ`´](?=[^\W\d_])", "", folded)
    kept = re.sub(r"(?<!\w)[-−](?=\d)", "\N{MINUS SIGN}", kept)
    words = _NOT_IN_WORDS.sub(_mark_or_space, _ASCII_SYMBOL.sub(" ", kept)).split()
    if articles:
        # An answer that is nothing but an article keeps it: "A" may be a grade.
        words = [word for word in words if word not in _ARTICLES] or words
    return " ".join(words)


def _mark_or_space(found: re.Match[str]) -> str:
    """Accents and vowel signs that stand alone belong to the word, though Python's \\w does not know them."""
    return found[0] if unicodedata.category(found[0])[0] == "M" else " "


class Exact(PlainKind, frozen=True):
    """Right if the reply is the reference, character for character, apart from space around it.

    Reference: the right answer, or a list of right answers.
    """

    ignore_case: bool = False
    """Take upper and lower case as the same."""

    def problem(self, reference: JsonValue) -> str | None:
        return _texts_problem(reference)

    def judged(self, reference: JsonValue, reply: str) -> Score:
        wanted = _texts(reference)
        got = self._key(reply)
        return _one_of(any(got == self._key(text) for text in wanted), wanted, reply)

    def _key(self, text: str) -> str:
        stripped = unicodedata.normalize("NFC", text).strip()
        return stripped.casefold() if self.ignore_case else stripped


class Normalised(PlainKind, frozen=True):
    """Right if the reply is the reference once case, punctuation, Unicode spellings and articles are set aside.

    Reference: the right answer, or a list of right answers.
    """

    articles: bool = True
    """Set "a", "an" and "the" aside too."""

    def problem(self, reference: JsonValue) -> str | None:
        return _texts_problem(reference)

    def judged(self, reference: JsonValue, reply: str) -> Score:
        wanted = _texts(reference)
        got = normalised(reply, self.articles)
        return _one_of(any(got == normalised(text, self.articles) for text in wanted), wanted, reply)


class Contains(PlainKind, frozen=True):
    """Right if the reply contains what the reference lists. Space of any kind and length is one space.

    Reference: a text or a list of texts; in a CSV file, texts parted by `|`.
    """

    mode: Literal["all", "any", "none"] = "all"
    """How many of the texts must occur. With "none" the reply must not be empty."""
    ignore_case: bool = True
    """Take upper and lower case as the same."""
    whole_words: bool = True
    """Find "art" in "fine art" but not in "party"."""

    def problem(self, reference: JsonValue) -> str | None:
        return _texts_problem(reference)

    def from_cell(self, text: str) -> JsonValue:
        return [part.strip() for part in text.split("|") if part.strip()]

    def judged(self, reference: JsonValue, reply: str) -> Score:
        wanted = _texts(reference)
        text = _plain(reply, self.ignore_case)
        if not text:
            return Score(0.0, "the reply is empty")
        found = [part for part in wanted if _occurs(_plain(part, self.ignore_case), text, self.whole_words)]
        missing = [part for part in wanted if part not in found]
        match self.mode:
            case "all":
                return Score(float(not missing), f"not in it: {_listed(missing)}" if missing else "all are in it")
            case "any":
                return Score(float(bool(found)), f"in it: {_listed(found)}" if found else f"none of {_listed(wanted)}")
            case "none":
                return Score(float(not found), f"in it: {_listed(found)}" if found else "none is in it")


class KeyFacts(PlainKind, frozen=True):
    """The share of key facts that the reply's first `words_max` words contain: for summaries. What stands beyond that
    length is not read, so that copying the text does not help.

    Reference: a list with one entry for each fact: a text, or a list of ways to say it. Case, punctuation and
    articles are set aside; whole words must match.
    """

    words_max: int = 60
    """How many words are read."""

    def problem(self, reference: JsonValue) -> str | None:
        if not isinstance(reference, list) or not reference:
            return "its reference is a list of facts, each a text or a list of ways to say it"
        problems = (_texts_problem(fact) for fact in reference)
        return next((problem for problem in problems if problem), None)

    def from_cell(self, text: str) -> JsonValue:
        return [part.strip() for part in text.split("|") if part.strip()]

    def judged(self, reference: JsonValue, reply: str) -> Score:
        words = reply.split()
        text = normalised(" ".join(words[: self.words_max]))
        missing = [
            ways for ways in map(_texts, reference) if not any(_occurs(normalised(way), text, True) for way in ways)
        ]
        length = f"; {len(words)} words, {self.words_max} read" if len(words) > self.words_max else ""
        says = f"missing: {_listed([ways[0] for ways in missing])}" if missing else "all facts are there"
        return Score(1 - len(missing) / len(reference), says + length)


class Regex(PlainKind, frozen=True):
    """Right if the regular expression in the reference (Python's syntax) is found in the reply. A pattern that takes
    longer than five seconds counts as not found.

    Reference: the pattern.
    """

    whole: bool = False
    """The whole reply must match, apart from space around it."""
    ignore_case: bool = False
    """Take upper and lower case as the same."""
    multiline: bool = True
    """`^` and `$` match at every line."""
    dot_all: bool = False
    """`.` matches line breaks too."""

    def problem(self, reference: JsonValue) -> str | None:
        if problem := text_problem(reference):
            return problem
        try:
            re.compile(reference, self._flags())
        except (re.error, OverflowError, RecursionError) as error:
            return f"its reference is not a regular expression: {error}"
        return None

    async def score(self, case: Case, reply: str) -> Score:
        asked = {"pattern": case.reference, "text": reply.strip(), "flags": int(self._flags()), "whole": self.whole}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _REGEX_CHILD),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            out, _ = await asyncio.wait_for(child.communicate(json.dumps(asked).encode()), _REGEX_TIMEOUT_S)
        except TimeoutError:
            return Score(0.0, f"the pattern took longer than {_REGEX_TIMEOUT_S:g} s on this reply: make it simpler")
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        is_found = out.strip() == b"true"
        return Score(float(is_found), f"{shown(case.reference)} is {'' if is_found else 'not '}found")

    def _flags(self) -> re.RegexFlag:
        flags = re.NOFLAG
        flags |= re.IGNORECASE if self.ignore_case else re.NOFLAG
        flags |= re.MULTILINE if self.multiline else re.NOFLAG
        return flags | (re.DOTALL if self.dot_all else re.NOFLAG)


def _texts(reference: JsonValue) -> list[str]:
    return [reference] if isinstance(reference, str) else list(reference)


def _texts_problem(reference: JsonValue) -> str | None:
    if isinstance(reference, list):
        if not reference:
            return "its reference is an empty list: write at least one text"
        return next((problem for text in reference if (problem := text_problem(text))), None)
    return text_problem(reference)


def _listed(texts: list[str]) -> str:
    return ", ".join(shown(text) for text in texts)


def _one_of(is_right: bool, wanted: list[str], reply: str) -> Score:
    if is_right:
        return Score(1.0, "the same")
    return Score(0.0, f"wanted {' or '.join(shown(text) for text in wanted)}, got {shown(reply.strip())}")


def _plain(text: str, ignore_case: bool) -> str:
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return spaced.casefold() if ignore_case else spaced


def _occurs(part: str, text: str, whole_words: bool) -> bool:
    """Whether `part` stands in `text`; as whole words, it is not continued by a letter or digit on either side."""
    if not part:
        return False
    start = text.find(part)
    while start >= 0:
        end = start + len(part)
        before, after = text[start - 1 : start], text[end : end + 1]
        joined = (before.isalnum() and part[0].isalnum()) or (after.isalnum() and part[-1].isalnum())
        if not whole_words or not joined:
            return True
        start = text.find(part, start + 1)
    return False
