"""Bank accounts: IBANs by their check digits (ISO 13616), other numbers by the words near them."""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import bic, iban, numdb
from stdnum.us import rtn

from ecotone.policy.detectors.detector import Context, Detector, digits_of
from ecotone.policy.findings import Finding

IBAN = "iban"
ACCOUNT = "bank_account"

_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}|(?<=IBAN)[A-Z]{2}[0-9]{2}")
_BBAN_PART = re.compile(r"([0-9]+)!?[nace]")
_GAP = re.compile(r"[ \t.\-/]{0,2}(?:\r?\n[ \t]?)?")
_GAPS_MAX = 16

_ACCOUNT = Context(
    "account", "acct", r"a/c\b", "routing", r"aba\b", "konto", "kontonummer", "compte", "cuenta", "conta\\b",
    "conto\\b", "rekening", "rachun", "bankgiro", "sort code", "hesap", "счет", "счёт", "口座", "账号", "帐号",
    "계좌", before_chars=32,
)  # fmt: skip
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.+@/-])[0-9](?:[ -]?[0-9]){5,16}+(?![A-Za-z0-9_@]|[.,-][0-9])")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[- ][01][0-9][- ][0-3][0-9]|[0-3][0-9][- ][01][0-9][- ](?:19|20)[0-9]{2}")
_SORT_CODE = re.compile(r"(?<![\w-])[0-9]{2}([- ])[0-9]{2}\1[0-9]{2}(?![\w-])")
_SORT_CONTEXT = Context(r"sort[ -]?code", before_chars=32)
_ROUTING_CONTEXT = Context("routing", r"aba\b", r"rtn\b", r"ach\b", before_chars=32)
_OTHER_ACCOUNT = re.compile(r"\b(?:user|login|twitter|github|email|customer)\s+account", re.IGNORECASE)
_BIC = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_BIC_CONTEXT = Context(r"bic\b", "swift", before_chars=32)


def _ibans(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for start in _IBAN_START.finditer(text, begin, stop):
        end = _end_of_iban(text, start.start())
        if end is not None:
            yield Finding(start.start(), end, IBAN, "mod-97")


def _end_of_iban(text: str, start: int) -> int | None:
    """The end of the IBAN that begins at `start`, with the gaps that people write in it; None: there is none."""
    wanted = _iban_length(text[start : start + 2].upper())
    if wanted is None:
        return None
    taken: list[str] = []
    position, gaps = start, 0
    while len(taken) < wanted:
        character = text[position : position + 1]
        if character.isascii() and character.isalnum():
            taken.append(character)
            position += 1
            continue
        gap = _GAP.match(text, position)
        if not taken or gap is None or gap.end() == position or gaps == _GAPS_MAX:
            return None
        gaps += 1
        position = gap.end()
    after = text[position : position + 1]
    if after.isascii() and after.isalnum() and (gaps == 0 or after.isdigit()):
        return None
    return position if iban.is_valid("".join(taken), check_country=False) else None


@cache
def _iban_length(country: str) -> int | None:
    """How many characters an IBAN of this country has, from the registry that python-stdnum carries."""
    found = numdb.get("iban").info(country)[0][1].get("bban")
    return None if found is None else 4 + sum(int(size) for size in _BBAN_PART.findall(found))


def _accounts(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _SORT_CODE.finditer(text, begin, stop):
        if _SORT_CONTEXT.near(text, *found.span()):
            yield Finding(*found.span(), ACCOUNT, "sort-code")
    for found in _NUMBER.finditer(text, begin, stop):
        digits = digits_of(found[0])
        if len(digits) == 9 and _ROUTING_CONTEXT.near(text, *found.span()) and rtn.is_valid(digits):
            yield Finding(*found.span(), ACCOUNT, "routing-number")
        elif _ACCOUNT.near(text, *found.span()) and not _DATE.fullmatch(found[0]):
            before = text[max(0, found.start() - 48) : found.start()]
            if not _OTHER_ACCOUNT.search(before):
                yield Finding(*found.span(), ACCOUNT, "account-number")
    for found in _BIC.finditer(text, begin, stop):
        if _BIC_CONTEXT.near(text, *found.span()) and bic.is_valid(found[0]):
            yield Finding(*found.span(), ACCOUNT, "bic")


DETECTORS = (
    Detector(
        (IBAN,),
        (r"(?:[^A-Za-z0-9]|^|IBAN)[A-Za-z]{2}[0-9]{2}(?:[ .\-/\s]{0,4}[A-Za-z0-9]){11}",),
        _ibans,
        4,
    ),
    Detector(
        (ACCOUNT,),
        (
            r"(?:[aA](?:[cC]{2}(?:[oO][uU][nN])?[tT]|/[cC]|[bB][aA])|[rR]outing|ROUTING|[kK][oO][nN][tT][oO]|[cC][oO][mM]?[pP]?[nN]?[tT][eEaAoO]|"
            r"[cC]uenta|[rR]ekening|[rR]achun|[bB]ankgiro|[sS]ort.?[cC]ode|[hH]esap|сч[её]т|口座|账号|帐号|계좌|[rR][tT][nN]|[aA][cC][hH])"
            r"(?:[^0-9]){0,32}[0-9]{2}(?:[ -]?[0-9]){4}",
            r"(?i)(?:bic|swift)\b.{0,32}[A-Z]{6}",
        ),
        _accounts,
        48,
    ),
)
