"""Telephone numbers: the forms in which they are written over the world, and the words near those that have none."""

import re
from collections.abc import Iterator

from ecotone.policy.detectors.detector import Context, Detector, digits_of
from ecotone.policy.findings import Finding

KIND = "phone"
_DIGITS_MIN, _DIGITS_MAX = 7, 15  # E.164 allows 15; less than 7 are extensions and short codes

_GAP = r"[ \t.()/-]{0,3}"
_START = r"(?<![A-Za-z0-9_+])(?<![A-Za-z0-9_][.,/:=-])"
_END = r"(?![0-9])(?![.,:/-][0-9])"
_EXTENSION = (
    r"(?:[ \t,;]{0,2}(?:x|ext\.?|extension|durchwahl|poste|anexo|ramal|доб\.?|#)[ \t.:]{0,2}[0-9]{1,6}(?![0-9]))?"
)

# Each of these is a telephone number without a word that says so.
_FORMS = (
    # +41 (0)71 526 99 04, +447700677662
    re.compile(rf"(?<![A-Za-z0-9_+])\(?\+\(?[1-9](?:{_GAP}[0-9]){{6,14}}{_END}{_EXTENSION}", re.IGNORECASE),
    # 001-518-640-0854, 0044 20 7946 0958, 011 44 20 7946 0958
    re.compile(
        rf"{_START}(?:00|011[ .-])[ ]?[1-9][0-9]{{0,2}}[ .)(/-]{{1,3}}[0-9](?:{_GAP}[0-9]){{5,11}}{_END}{_EXTENSION}",
        re.IGNORECASE,
    ),
    # (579)888-3058, 345-899-3560x4587, 1 (800) 555-0199: the North American plan
    re.compile(
        rf"{_START}(?:1[ .-]{{1,2}})?"
        rf"(?:\([2-9][0-9]{{2}}\)[ .-]{{0,2}}|[2-9][0-9]{{2}}[.-]|[2-9][0-9]{{2}}[ ](?=[2-9]))"
        rf"[0-9]{{3}}[ .-]{{1,2}}[0-9]{{4}}{_END}{_EXTENSION}",
        re.IGNORECASE,
    ),
    # 0490 75 40 81, 03.93.92.16.85, (08) 8747 6301, 079 0442 1744, 0171/1234567, 0961-7596216
    re.compile(
        rf"{_START}(?!000)(?:\(0[0-9]{{1,4}}\)[ /-]{{0,3}}|0[0-9]{{1,4}}[ .)(/-]{{1,3}})"
        rf"(?:[0-9]{{2,4}}(?:[ .-][0-9]{{2,4}}){{1,4}}|[0-9]{{5,8}})"
        rf"{_END}{_EXTENSION}",
        re.IGNORECASE,
    ),
    # (99) 645-791, (71) 4233-6306, (11) 98765-4321
    re.compile(
        rf"{_START}\([1-9][0-9]{{1,3}}\)[ -]{{0,2}}[0-9]{{3,5}}[ .-][0-9]{{3,4}}{_END}{_EXTENSION}", re.IGNORECASE
    ),
)
_ANY = re.compile(
    rf"(?<![A-Za-z0-9_+])(?<![A-Za-z0-9_][.,/-])\(?[0-9](?:{_GAP}[0-9]){{6,14}}{_END}{_EXTENSION}", re.IGNORECASE
)

_CONTEXT = Context(
    "phone", "tel\\b", "tele(?:ph|f)", "cell\\b", "cellular", "cellphone", "mobil(?:e|ni|nummer)?\\b", "móvil",
    "movil", "celular", "handy", "fax", "call(?:s|ed|ing)?\\b", "ring\\b", "text (?:me|us|him|her|them)", "sms",
    "whatsapp", "signal\\b", "viber", "dial", "reach(?:ed)?\\b", "hotline", "landline", "contact", "answering at",
    "message[sd]? (?:to|on|at)", "on my registered", "registered (?:number|mobile)", "pager", "gsm",
    "(?:desk|office|work|home) ?:", "voicemail", "téléphone", "tél", "appel", "joindre", "portable", "numéro",
    "teléfono", "llam", "número", "numero", "telefon", "anruf", "rufnummer", "ruf mich", "telefone", "ligue",
    "ligar", "chiam", "cellulare", "bel\\b", "bellen", "ring(?:a|e)\\b", "puh", "puhelin", "soita", "тел", "позвон",
    "звон", "номер", "電話", "电话", "手机", "携帯", "전화", "휴대폰", "连絡", "联系", "هاتف", "رقم", "جوال",
    "טלפון", "फ़ोन", "फोन", "मोबाइल", "โทร", "điện thoại", "ph\\b", "mob\\b", "t:", "m:", "f:", "p:",
    before_chars=44,
)  # fmt: skip
_NUMBER = Context("number (?:is|was)", "number ?:", "no\\. ?:", before_chars=16)
_AFTER = Context(
    "office", "fax", "mobile", "mobil", "cell", "home\\b", "work\\b", "desk", "phone", "landline",
    "is my (?:number|phone|cell)", before_chars=0, after_chars=12,
)  # fmt: skip
_OTHER = Context(
    "order", "invoice", "isbn", "issn", "account", "acct", "iban", "konto", r"ssn\b", "passport", "tracking",
    "parcel", "ticket", "reference", r"ref\b", r"id\b", "zip", "postal", "version", "serial", "part number",
    "model", "licen[sc]e", "policy number", "case", "card", "code", r"sku\b", r"doi\b", "population", "date",
    r"pin\b", "tax", before_chars=20,
)  # fmt: skip
_DATE = re.compile(
    r"(?:[12][09][0-9]{2}[./-](?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|[12][0-9]|3[01])"
    r"|(?:0?[1-9]|[12][0-9]|3[01])[./-](?:0?[1-9]|[12][0-9]|3[01])[./-](?:[12][09][0-9]{2}|[0-9]{2}))(?![0-9])(?:\s|$)"
)
_YEARS = re.compile(r"[12][089][0-9]{2} ?[-/] ?[12][089][0-9]{2}$")
_MONEY = re.compile(r"[$€£¥₹]\s?$")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}$")


def _find(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for form in _FORMS:
        for found in form.finditer(text, begin, stop):
            if _could_be(text, found) and (found[0].startswith(("+", "(+", "00")) or not _otherwise(text, found)):
                yield Finding(*_trimmed(found), KIND, "form")
    for found in _ANY.finditer(text, begin, stop):
        if _could_be(text, found) and _in_context(text, found):
            yield Finding(*_trimmed(found), KIND, "context")


def _could_be(text: str, found: re.Match[str]) -> bool:
    number = found[0]
    size = len(digits_of(number))
    if size < _DIGITS_MIN or size > _DIGITS_MAX + 6:
        return False
    plain = number.strip("() ")
    if _DATE.match(plain) or _YEARS.match(plain) or _ADDRESS.match(plain) or len(set(digits_of(number))) == 1:
        return False
    return number.count("(") <= 2 and not _MONEY.search(text, max(0, found.start() - 3), found.start())


def _in_context(text: str, found: re.Match[str]) -> bool:
    if _otherwise(text, found):
        return False
    return any(context.near(text, *found.span()) for context in (_CONTEXT, _NUMBER, _AFTER))


def _otherwise(text: str, found: re.Match[str]) -> bool:
    """Whether the nearest word says that the number is something else."""
    start, end = found.span()
    return _OTHER.near(text, start, end) and not _CONTEXT.near(text, start, end)


def _trimmed(found: re.Match[str]) -> tuple[int, int]:
    """Without an opening bracket that closes only after the number."""
    start, end = found.span()
    if found[0].startswith("(") and found[0].count("(") > found[0].count(")"):
        start += 1
    return start, end


DETECTOR = Detector((KIND,), (rf"[0-9](?:{_GAP}[0-9]){{6}}",), _find, 28)
