"""Payment cards: issuers' prefixes and lengths, and the Luhn digit (ISO/IEC 7812-1)."""

import re
from collections.abc import Iterator

from stdnum import luhn

from ecotone.policy.detectors.detector import Context, Detector, digits_of
from ecotone.policy.findings import Finding

KIND = "credit_card"
_DIGITS_MIN, _DIGITS_MAX = 12, 19

# First and last prefix (inclusive, of one length) and the lengths that numbers under it have.
_ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),  # Visa
    ("51", "55", frozenset({16})),  # Mastercard
    ("2221", "2720", frozenset({16})),  # Mastercard
    ("34", "34", frozenset({15})),  # American Express
    ("37", "37", frozenset({15})),
    ("6011", "6011", frozenset({16, 17, 18, 19})),  # Discover
    ("622126", "622925", frozenset({16, 17, 18, 19})),
    ("644", "649", frozenset({16, 17, 18, 19})),
    ("65", "65", frozenset({16, 17, 18, 19})),
    ("300", "305", frozenset({14, 16, 17, 18, 19})),  # Diners Club
    ("3095", "3095", frozenset({14, 16, 17, 18, 19})),
    ("36", "36", frozenset({14, 15, 16, 17, 18, 19})),
    ("38", "39", frozenset({14, 16, 17, 18, 19})),
    ("35", "35", frozenset({16, 17, 18, 19})),  # JCB has 3528 to 3589; generators of test numbers know no such bounds
    ("2131", "2131", frozenset({15})),  # JCB, issued until the eighties
    ("1800", "1800", frozenset({15})),
    ("62", "62", frozenset({16, 17, 18, 19})),  # UnionPay
    ("81", "81", frozenset({16, 17, 18, 19})),
    ("2200", "2204", frozenset({16, 17, 18, 19})),  # Mir
    ("9792", "9792", frozenset({16})),  # Troy
    ("60", "60", frozenset({16})),  # RuPay
    ("82", "82", frozenset({16})),
    ("508", "508", frozenset({16})),
    ("606282", "606282", frozenset({16})),  # Hipercard
    ("636", "636", frozenset({16, 17, 18, 19})),  # InterPayment
    ("637", "639", frozenset({16})),  # InstaPayment
    ("8600", "8600", frozenset({16})),  # Uzcard
    ("9860", "9860", frozenset({16})),  # Humo
    ("50", "50", frozenset(range(12, 20))),  # Maestro and its national forerunners
    ("56", "58", frozenset(range(12, 20))),
    ("60", "60", frozenset(range(12, 20))),
    ("61", "61", frozenset(range(12, 20))),
    ("63", "63", frozenset(range(12, 20))),
    ("66", "69", frozenset(range(12, 20))),
    ("0604", "0604", frozenset(range(12, 20))),
)

_SPACE = r"[ \t\x0b./_-]{0,3}"
_RUN = re.compile(rf"(?<![0-9])[0-9](?:{_SPACE}+[0-9]|[ \t]?\r?\n[ \t]?[0-9]{{4}}(?![0-9]))*+")
_GROUP = re.compile(r"[0-9]+")
_USUAL = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (6, 13)})
_USUAL |= {(4, 4, 4, 1), (4, 4, 4, 3), (4, 4, 4), (8, 8), (4, 5, 6), (6, 10), (4, 4, 5), (4, 3, 3, 3)}
_GROUPS_MAX = 5
_CONTEXT = Context(
    "card", "credit", "debit", "visa", "master ?card", "maestro", "amex", "american express", "pan\\b", "payment",
    "cc\\b", "carte", "tarjeta", "cartão", "carta", "kredit", "kart", "bank", "карт", "カード", "卡", "카드",
    before_chars=60, after_chars=24,
)  # fmt: skip
_UNISSUED_SIZES = (15, 16)
_CODE_CHARS = 40
_FRACTION = re.compile(r"[0-9]+\.[0-9]+")
_WHOLE_PART = re.compile(r"(?<![0-9.])[0-9]{1,15}\.\Z")
_CODE_BEFORE = re.compile(r"[0-9][A-Za-z]+\Z")
_CODE_AFTER = re.compile(r"[A-Za-z]{1,40}[0-9]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_WEAK_CONTEXT = Context("order", "invoice", "tracking", "parcel", "isbn", "ean\\b", "imei", "serial", before_chars=24)


def _checked(digits: str) -> bool:
    return len(set(digits)) > 1 and luhn.is_valid(digits)


def _issued(digits: str) -> bool:
    size = len(digits)
    return any(first <= digits[: len(first)] <= last and size in sizes for first, last, sizes in _ISSUERS)


def _find(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for run in _RUN.finditer(text, begin, stop):
        start, end = run.span()
        if end - start < _DIGITS_MIN:
            continue
        whole = digits_of(run[0])
        if len(whole) < _DIGITS_MIN or _part_of_a_code(text, start, end):
            continue
        if len(whole) <= _DIGITS_MAX and "\n" not in run[0] and _is_one(text, start, end, whole):
            yield Finding(start, end, KIND, "luhn")
        else:
            yield from _inside(text, start, end)


def _inside(text: str, start: int, end: int) -> Iterator[Finding]:
    """Cards that stand among other numbers: whole groups of digits, cut as cards are printed."""
    groups = [group.span() for group in _GROUP.finditer(text, start, end)]
    first = 0
    while first < len(groups):
        taken = 0
        for count in range(min(_GROUPS_MAX, len(groups) - first), 0, -1):
            spans = groups[first : first + count]
            sizes = tuple(right - left for left, right in spans)
            if count > 1 and sizes not in _USUAL:
                continue
            digits = "".join(text[left:right] for left, right in spans)
            left, right = spans[0][0], spans[-1][1]
            if _DIGITS_MIN <= len(digits) <= _DIGITS_MAX and _is_one(text, left, right, digits):
                yield Finding(left, right, KIND, "luhn")
                taken = count
                break
        first += taken or 1


def _is_one(text: str, start: int, end: int, digits: str) -> bool:
    """Whether digits with the check digit of a card are one.

    A prefix that no issuer is known for needs a word that says so, and so does a decimal fraction; a number of an
    unusual length passes the check too often by chance, so it must be written as cards are, and not be called something
    else.
    """
    if not _checked(digits):
        return False
    if not _issued(digits):
        return len(digits) in _UNISSUED_SIZES and _CONTEXT.near(text, start, end)
    if _FRACTION.fullmatch(text, start, end) or _WHOLE_PART.search(text, max(0, start - _CODE_CHARS), start):
        return _CONTEXT.near(text, start, end)
    size = len(digits)
    if size in (16, 19):
        return True
    if size == 15 or (size == 14 and digits[0] == "3") or (size == 13 and digits[0] == "4"):
        return not _WEAK_CONTEXT.near(text, start, end) or _CONTEXT.near(text, start, end)
    sizes = tuple(len(group) for group in _GROUP.findall(text, start, end))
    if size > 16 and sizes == (size,):
        return _CONTEXT.near(text, start, end)
    return (sizes == (size,) or set(sizes[:3]) == {4}) and not _WEAK_CONTEXT.near(text, start, end)


def _part_of_a_code(text: str, start: int, end: int) -> bool:
    """Whether the digits belong to something longer of letters and digits, such as a hash or a UUID."""
    if _CODE_BEFORE.search(text[max(0, start - _CODE_CHARS) : start]) or _CODE_AFTER.match(text, end):
        return True
    uuid = _UUID.search(text, max(0, start - _CODE_CHARS), end + _CODE_CHARS)
    return uuid is not None and uuid.start() < end and uuid.end() > start


DETECTOR = Detector((KIND,), (rf"(?:[0-9]{_SPACE}\s{{0,2}}){{11}}[0-9]",), _find, 80)
