"""Reversible pseudonyms: what goes to a model in the place of sensitive data, and comes back as what it stands for.

A pseudonym is derived from the value with a key, so that the same value has the same one in every request, and nothing
is kept between requests: the table that leads back is made again from each request. Under another key all are others;
a key for each caller keeps vendors from telling that two callers speak of the same person.

As a conversation grows, earlier values keep their pseudonyms, and the beginning of the prompt stays the same to the
byte, as vendors' caches want it. Only where a later turn happens to write what had been invented for a value does that
value get another.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType

from ecotone.policy.invented import MAKERS, Draw, in_shape
from ecotone.policy.said_texts import SaidTexts

ATTEMPTS_MAX = 64
"""How often something else is invented where a pseudonym is taken, before its length and shape are given up."""

_NUMBERS = frozenset({"credit_card", "iban", "us_ssn", "us_itin", "phone"})
_NAMES = frozenset({"person", "place", "organisation"})
_SEPARATOR = re.compile(r"[\W_]")
# Anything shorter comes up by chance.
_SHORTEST = 4
_WORD = re.compile(r"[^\W\d_]+")


class Pseudonyms:
    """Pseudonyms under one key, of any length; 32 random bytes are enough."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def pseudonym(self, kind: str, value: str, attempt: int = 0) -> str:
        """What stands for `value`: of its kind and shape as far as `invented` knows the kind. Spellings of one number
        with other separators get one number in the same spelling. `attempt` tells what is to be invented instead where
        the one before is taken."""
        seed = f"{kind} {_seed(kind, value)}"
        if attempt >= ATTEMPTS_MAX:
            return f"{kind}-{Draw(self._key, f'{attempt} {kind} {value}', attempt).word(24)}"
        return MAKERS.get(kind, in_shape)(value, Draw(self._key, seed, attempt))


def _seed(kind: str, value: str) -> str:
    """What is the same for the spellings of one value."""
    if kind in _NUMBERS or kind not in MAKERS:
        return _SEPARATOR.sub("", value).casefold()
    return value.casefold() if kind in ("email", "mac") or kind in _NAMES else value


class PseudonymTable:
    """The pseudonyms of one request. They are given out in the order in which values are asked for: let it be that of
    the request."""

    def __init__(self, pseudonyms: Pseudonyms, texts: Iterable[str] = (), signed: Iterable[str] = ()) -> None:
        """`texts` are those that people and tools wrote: what they hold is taken for no pseudonym. What models wrote
        may hold pseudonyms and does not belong there. `signed` is what `signed_reasoning` finds: its vendor would
        refuse it changed, so what it says and none of `texts` does stays: pseudonyms, and what the model made up."""
        self._pseudonyms = pseudonyms
        self._texts = SaidTexts(texts)
        self._signed = SaidTexts(signed)
        self._given: dict[tuple[str, str], str] = {}
        self._originals: dict[str, str] = {}

    @property
    def originals(self) -> Mapping[str, str]:
        """What each pseudonym stands for, in every form in which a model may repeat it: a number without separators
        and in its usual groups, addresses, names and words of the owner's own in capitals, a name's words and an
        address's host alone."""
        return MappingProxyType(self._originals)

    def replace(self, kind: str, value: str) -> str:
        """The pseudonym of `value`; itself, if it is one that was given out or stands in signed reasoning alone."""
        given = self._given.get((kind, value))
        if given is not None:
            return given
        if (value in self._originals or self._signed.hold(value)) and not self._texts.hold(value):
            return value
        made = self._pseudonyms.pseudonym(kind, value)
        attempt = 0
        while attempt < ATTEMPTS_MAX and not self._fits(value, made):
            attempt += 1
            made = self._pseudonyms.pseudonym(kind, value, attempt)
        self._given[kind, value] = made
        self._originals[made] = value
        for form, original in _further_forms(kind, value, made):
            if len(form) >= _SHORTEST and form != original and not self._texts.hold(form):
                self._originals.setdefault(form, original)
        return made

    def _fits(self, value: str, made: str) -> bool:
        """Whether it stands for nothing else, gives nothing away, and can be told from what is said already."""
        if len(made) < _SHORTEST or self._originals.get(made, value) != value:
            return False
        if made in value or (len(value) >= _SHORTEST and value in made):
            return False
        return not self._texts.hold(made)


def _further_forms(kind: str, value: str, made: str) -> Iterable[tuple[str, str]]:
    """Other forms of a pseudonym, each with the same form of what it stands for."""
    if kind in _NUMBERS:
        plain = _SEPARATOR.sub("", made), _SEPARATOR.sub("", value)
        yield plain
        if len(plain[0]) == 9 and kind.startswith("us_"):
            for between in "- ":
                yield _grouped(plain[0], (3, 5), between), _grouped(plain[1], (3, 5), between)
        elif kind == "phone":
            yield from _american(*plain)
        else:
            for between in " -":
                yield _grouped(plain[0], range(4, 40, 4), between), _grouped(plain[1], range(4, 40, 4), between)
    elif kind in ("email", "mac"):
        yield made.lower(), value.lower()
        yield made.upper(), value.upper()
    elif kind == "url":
        yield from _shortened(value, made)
    elif kind in _NAMES:
        words = list(zip(_WORD.findall(made), _WORD.findall(value), strict=False))
        for invented, word in ((made, value), *words):
            yield invented, word
            yield invented.upper(), word.upper()
    elif kind not in MAKERS:
        yield _SEPARATOR.sub("", made), _SEPARATOR.sub("", value)
        yield made.lower(), value.lower()
        yield made.upper(), value.upper()


def _american(made: str, value: str) -> Iterable[tuple[str, str]]:
    """The usual ways to write a number of North America, with and without the country's code."""
    if len(made) == len(value) and len(made) in (10, 11) and made[-7:-2] == "55501":
        for form in ("{}{}{}", "{}-{}-{}", "({}) {}-{}", "{}.{}.{}", "{} {} {}"):
            yield (
                form.format(made[-10:-7], made[-7:-4], made[-4:]),
                form.format(value[-10:-7], value[-7:-4], value[-4:]),
            )


def _grouped(text: str, cuts: Iterable[int], between: str) -> str:
    places = [0, *[cut for cut in cuts if cut < len(text)], len(text)]
    return between.join([text[start:end] for start, end in pairwise(places)])


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = re.compile(r"(?:[^/?#@\s]*@)?(?:www\.)?([^/?#:\s]+)", re.IGNORECASE)


def _shortened(value: str, made: str) -> Iterable[tuple[str, str]]:
    """An address without its scheme, then without `www.`, and its host alone."""
    made, value = _SCHEME.sub("", made, count=1), _SCHEME.sub("", value, count=1)
    yield made, value
    if made.startswith("www.") and value[:4].lower() == "www.":
        yield made[4:], value[4:]
    invented, real = _HOST.match(made), _HOST.match(value)
    if invented is not None and real is not None:
        yield invented[1], real[1]
