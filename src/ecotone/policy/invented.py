"""Values invented in the place of real ones: of the same kind and shape, drawn from a keyed stream of numbers.

Wherever somebody keeps numbers or names free for such a use, they are taken from there. Where nobody does, what is
invented may by chance be somebody's: such are phone numbers outside the countries below, national numbers, names.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_HEX = "0123456789abcdef"
_BASE58_LOWER = "abcdefghijkmnopqrstuvwxyz"
_BASE58_UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшэюя"
_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
# Characters that Chinese and Japanese use for the sound of foreign names.
_SOUNDS = "阿埃奥巴贝伯达德蒂尔法菲弗戈格哈赫基卡科克拉莱里罗洛马梅米莫纳尼诺帕佩普萨塞斯塔泰特瓦维沃亚尤扎佐"
_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ei", "io")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORT_MONTHS = tuple(month[:3] for month in _MONTHS)
_LATIN_LAST = "\u024f"
# Shorter words come up by chance.
_LENGTH_MIN = 6


class Draw:
    """Numbers drawn from HMAC-SHA256 under `key`: the same for the same `seed` and `attempt`, and without the key not
    to be told from chance."""

    def __init__(self, key: bytes, seed: str, attempt: int) -> None:
        self._base = key
        self._attempt = attempt
        self._key = hmac.digest(key, f"{attempt}\0{seed}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        self._number = 0
        self._rest = 0
        self._bits = 0

    def apart(self, seed: str) -> "Draw":
        """Numbers for a piece that several values share, which depend on nothing else of this value."""
        return Draw(self._base, seed, self._attempt)

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1. What 32 more bits than needed leave uneven is under one in four billion."""
        wanted = bound.bit_length() + 32
        while self._bits < wanted:
            block = hmac.digest(self._key, self._number.to_bytes(4, "big"), hashlib.sha256)
            self._number += 1
            self._rest |= int.from_bytes(block, "big") << self._bits
            self._bits += 256
        taken = self._rest & ((1 << wanted) - 1)
        self._rest >>= wanted
        self._bits -= wanted
        return taken % bound

    def one_of(self, choices: Sequence[_T]) -> _T:
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        return "".join([self.one_of("0123456789") for _ in range(count)])

    def word(self, length: int) -> str:
        """A word that nobody knows but that can be spoken, of at least `length` letters."""
        word = ""
        while len(word) < length:
            word += self.one_of(_ONSETS) + self.one_of(_VOWELS)
        return word


def _host(name: str, draw: Draw) -> str:
    """The reserved name (RFC 2606) that stands for a host or a mail domain: the same for all addresses there."""
    plain = name.lower().removeprefix("www.")
    kept = "www." if plain != name.lower() else ""
    return f"{kept}{draw.apart(f'host {plain}').word(8)}.example"


def in_shape(value: str, draw: Draw) -> str:
    """Each letter and digit replaced by one of its kind, and where that makes too little to be told from chance, more
    of them."""
    text = _alike_all(value, draw)
    count = sum(char.isalnum() for char in text)
    if count >= _LENGTH_MIN:
        return text
    return text + (draw.digits(8 - count) if text[-1:].isdigit() else draw.word(8 - count))


def _alike_all(value: str, draw: Draw) -> str:
    """The first digit stays no zero, and all zero: what is a number in JSON stays one."""
    made = [_alike(char, draw) for char in value]
    first = next((number for number, char in enumerate(value) if char.isalnum()), None)
    if first is not None and value[first].isdigit():
        made[first] = "0" if value[first] == "0" else draw.one_of("123456789")
    return "".join(made)


def _alike(char: str, draw: Draw) -> str:
    if char.isascii():
        if char.isdigit():
            return draw.one_of("0123456789")
        if char.isalpha():
            return draw.one_of(_LOWER) if char.islower() else draw.one_of(_LOWER).upper()
        # What JSON or a shell writes in several ways would not come back as it went.
        return "-" if char in "\"'\\<>&`" or (not char.isprintable() and not char.isspace()) else char
    if char.isdigit():
        return draw.one_of("0123456789")
    if not char.isalpha():
        return char if char.isspace() else "-"
    code = ord(char)
    if 0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7FF:
        return draw.one_of(_SOUNDS)
    alphabet = _GREEK if 0x370 <= code <= 0x3FF else _CYRILLIC if 0x400 <= code <= 0x52F else _LOWER
    drawn = draw.one_of(alphabet)
    return drawn.upper() if char.isupper() else drawn


def _digits_into(value: str, digits: str) -> str:
    """`digits` in the places of the digits of `value`, and so in its grouping."""
    left = iter(digits)
    return re.sub(r"\d", lambda _: next(left), value)


def _digits_of(value: str) -> str:
    return re.sub(r"\D", "", value)


def credit_card(value: str, draw: Draw) -> str:
    """The first digit 9 leaves the next three to a country's own body (ISO/IEC 7812), and 999 is no country's number
    (ISO 3166-1): no issuer has it. The last digit is Luhn's."""
    count = len(_digits_of(value))
    if count < 8:
        return in_shape(value, draw)
    body = "9999" + draw.digits(count - 5)
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    check = -sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10
    return _digits_into(value, f"{body}{check}")


def iban(value: str, draw: Draw) -> str:
    """Of the same country, with valid check digits (ISO 13616); what banks check besides need not hold."""
    compact = re.sub(r"[^0-9A-Za-z]", "", value)
    if not re.fullmatch(r"[A-Za-z]{2}\d{2}[0-9A-Za-z]{8,30}", compact):
        return in_shape(value, draw)
    account = "".join([_alike(char, draw) for char in compact[4:]])
    number = "".join(str(int(char, 36)) for char in account + compact[:2] + "00")
    left = iter(f"{compact[:2]}{98 - int(number) % 97:02d}{account}")
    return "".join([next(left) if char.isascii() and char.isalnum() else char for char in value])


def us_ssn(value: str, draw: Draw) -> str:
    """Areas 000 and 9xx are never assigned (https://ssa.gov/employer/randomizationfaqs.html), and with groups 40 to 49
    the latter are none of the tax authority's own numbers, ITIN among them, either
    (https://support.taxslayerpro.com/hc/en-us/articles/8250466982554-Valid-Range-for-ITINs)."""
    digits = _digits_of(value)
    if len(digits) != 9:
        return in_shape(value, draw)
    begins = f"000{1 + draw.below(99):02d}" if digits[0] == "0" else f"9{draw.digits(2)}4{draw.digits(1)}"
    return _digits_into(value, f"{begins}{1 + draw.below(9999):04d}")


# Beginnings that are kept free for films and books, by country code: as many digits as lack are drawn. Ofcom,
# "Telephone numbers for drama purposes"; Arcep, decision 2018-0881.
_STAGE_NUMBERS = {
    "44": (
        *("7700900", "1632960", "3069990", "2079460", "1134960", "1144960", "1154960", "1164960"),
        *("1174960", "1184960", "1214960", "1314960", "1414960", "1514960", "1614960"),
    ),
    "33": ("19900", "26191", "35301", "46571", "53649", "63998"),
}
_LENGTHS = {"44": 10, "33": 9}
# Of the country codes (ITU-T E.164) 1 and 7 have one digit, these have two, all others three.
_TWO_DIGIT_CODES = re.compile(r"2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]")


def phone(value: str, draw: Draw) -> str:
    """In North America a number 555-0100 to 555-0199 of some area; in the United Kingdom and France one of those kept
    for films; elsewhere any of the country."""
    digits = _digits_of(value)
    if len(digits) < 7:
        return in_shape(value, draw)
    international = re.match(r"\s*(?:\+|\(\+|00)", value) is not None
    lead = "00" if re.match(r"\s*00", value) else ""
    rest = digits[len(lead) :]
    if (len(rest) == 11 and rest[0] == "1") or (len(rest) == 10 and rest[0] not in "01" and not international):
        area = f"{draw.one_of('23456789')}{draw.one_of('02345678')}{draw.one_of('023456789')}"
        return _digits_into(value, f"{lead}{rest[:-10]}{area}55501{draw.digits(2)}")
    if not international:
        kept = digits[: len(digits) - len(digits.lstrip("0"))]
        return _digits_into(value, kept + draw.one_of("123456789") + draw.digits(len(digits) - len(kept) - 1))
    code = rest[:1] if rest[0] in "17" else rest[:2] if _TWO_DIGIT_CODES.match(rest) else rest[:3]
    trunk = "0" if rest[len(code) : len(code) + 1] == "0" else ""
    lacking = len(rest) - len(code) - len(trunk)
    begins = draw.one_of(_STAGE_NUMBERS[code]) if lacking == _LENGTHS.get(code) else draw.one_of("123456789")
    return _digits_into(value, lead + code + trunk + begins + draw.digits(lacking - len(begins)))


def ip(value: str, draw: Draw) -> str:
    """Version 4: from 198.18.0.0/15, kept for benchmarks (RFC 2544), as the three networks kept for documentation are
    too few and stand in many texts; with three digits each, so that none begins another. Version 6: from
    2001:db8::/32, kept for documentation (RFC 3849). What follows the address is left."""
    if found := re.match(r"\d+\.\d+\.\d+\.\d+", value):
        address = f"198.{18 + draw.below(2)}.{100 + draw.below(156)}.{100 + draw.below(155)}"
        return address + value[found.end() :]
    if found := re.match(r"[0-9A-Fa-f:]+:[0-9A-Fa-f.:]*", value):
        groups = [f"{0x1000 + draw.below(0xF000):x}" for _ in range(6)]
        return ":".join(["2001", "db8", *groups]) + value[found.end() :]
    return in_shape(value, draw)


def mac(value: str, draw: Draw) -> str:
    """A locally administered address of one station (IEEE 802): no maker has it."""
    digits = [draw.one_of(_HEX) for char in value if char in "0123456789abcdefABCDEF"]
    if len(digits) < 12:
        return in_shape(value, draw)
    digits[1] = draw.one_of("26ae")
    left = iter(digits)
    upper = any(char in "ABCDEF" for char in value)
    made = [next(left) if char in "0123456789abcdefABCDEF" else char for char in value]
    return "".join(made).upper() if upper else "".join(made)


# What keys of well-known makers begin with; anything else may be part of the secret.
_MAKERS_PREFIX = re.compile(
    r"sk-(?:ant-(?:api|admin|oat)\d\d-|proj-|svcacct-|admin-|or-v1-)?|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-"
    r"|A(?:KIA|SIA)|AIza|ya29\.|hf_|npm_|pypi-|[rsp]k_(?:live|test)_|whsec_|SG\.|do[opr]_v1_|shp(?:at|ca|pa|ss)_|sq0[a-z]{3}-"
    r"|gsk_|xai-|nvapi-|r8_|pplx-|tvly-|eco_|eyJ"
)


def secret(value: str, draw: Draw) -> str:
    """The same prefix, by which its maker is known, and the same alphabets; markers of a key's file stay."""
    if "-----BEGIN" in value:
        lines = value.split("\n")
        return "\n".join([line if line.startswith("-----") else _alike_all(line, draw) for line in lines])
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value):
        return url(value, draw)
    found = _MAKERS_PREFIX.match(value)
    prefix = found[0] if found is not None else ""
    rest = value[len(prefix) :]
    letters = {char for char in rest if char.isalpha()}
    if letters and (letters <= set("abcdef") or letters <= set("ABCDEF")):
        made = "".join([draw.one_of(_HEX) if char.isalnum() else char for char in rest])
        return prefix + (made.upper() if letters <= set("ABCDEF") else made)
    return prefix + (_alike_all(rest, draw) if prefix else in_shape(rest, draw))


def crypto_address(value: str, draw: Draw) -> str:
    """Its prefix and alphabet. Its check digits are wrong, so that nobody can pay to it."""
    if value[:2].lower() == "0x":
        return value[:2] + "".join([draw.one_of(_HEX) for _ in value[2:]])
    if found := re.match(r"(?i:bc1|tb1|ltc1)", value):
        alphabet = "023456789acdefghjklmnpqrstuvwxyz"  # BIP 173
        drawn = "".join([draw.one_of(alphabet) for _ in value[found.end() :]])
        return found[0] + (drawn.upper() if value.isupper() else drawn)
    alphabets = {False: _BASE58_LOWER, True: _BASE58_UPPER}
    made = [
        draw.one_of("123456789") if char.isdigit() else draw.one_of(alphabets[char.isupper()]) for char in value[1:]
    ]
    return value[:1] + "".join(made)


def coordinates(value: str, draw: Draw) -> str:
    """Other numbers with as many digits, within what a latitude and a longitude may be."""
    bounds = iter([89, 179])

    def drawn(found: re.Match[str]) -> str:
        bound = next(bounds, 59)
        most = min(bound, 10 ** len(found[1]) - 1)
        least = 10 ** (len(found[1]) - 1) if len(found[1]) > 1 else 0
        whole = str(least + draw.below(max(1, most - least + 1)))
        return whole + (f".{draw.digits(len(found[2]))}" if found[2] else "")

    return re.sub(r"(\d+)(?:\.(\d+))?", drawn, value)


def date(value: str, draw: Draw) -> str:
    """Another day of a year at most ten years off. Where the order of day and month cannot be told, both fit either."""

    def drawn(found: re.Match[str]) -> str:
        number = found[0]
        if len(number) == 4:
            return str(max(1900, int(number) - 10 + draw.below(21)))
        if len(number) > 2 or int(number) > 31:
            return draw.one_of("56789") + draw.digits(len(number) - 1)
        return str(1 + draw.below(12)).zfill(len(number)) if len(number) == 2 else str(1 + draw.below(9))

    def month(found: re.Match[str]) -> str:
        word = found[0]
        for names in (_MONTHS, _SHORT_MONTHS):
            if word.lower() in names:
                drawn_month = draw.one_of(names)
                return drawn_month.capitalize() if word[0].isupper() else drawn_month
        return word

    return re.sub(r"[A-Za-z]+", month, re.sub(r"\d+", drawn, value))


_WORD = re.compile(r"[^\W\d_]+")


def name(value: str, draw: Draw) -> str:
    """As many invented words, capitals and initials as they are; the same word for the same word. They are invented by
    sounds rather than taken from a list: a name that others bear would be put back where it means them."""

    def drawn(found: re.Match[str]) -> str:
        word = found[0]
        apart = draw.apart(f"name {word.casefold()}")
        if max(word) > _LATIN_LAST:
            return _alike_all(word, apart) + "".join([_alike(word[-1], apart) for _ in range(4 - len(word))])
        if len(word) == 1:
            return apart.one_of(_LOWER).upper() if word.isupper() else word
        made = apart.word(max(_LENGTH_MIN, min(len(word), 10)))
        return made.upper() if word.isupper() else made.capitalize() if word[0].isupper() else made

    return re.sub(r"\d", lambda _: draw.one_of("0123456789"), _WORD.sub(drawn, value))


def email(value: str, draw: Draw) -> str:
    """A user of a reserved domain (RFC 2606): the same domain for the same domain."""
    local, at, domain = value.rpartition("@")
    if not at:
        return in_shape(value, draw)
    words = [word for word in re.split(r"[^0-9A-Za-z]+", local) if word] or ["user"]
    made = ".".join([draw.word(_LENGTH_MIN if number == 0 else 4) for number, _ in enumerate(words[:2])])
    made += draw.digits(2)
    made = made.upper() if local.isupper() else made if local.islower() else made.title()
    return f"{made}@{_host(domain, draw)}"


_URL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?(?:(?P<user>[^/?#@\s]*)@)?(?P<host>\[[^\]]*\]|[^/?#:\s]+)(?P<port>:\d+)?"
    r"(?P<path>[/?#].*)?",
    re.DOTALL,
)
_KEPT_IN_PATH = re.compile(r"(%[0-9A-Fa-f]{2}|\.[a-z]{2,4}(?=$|[?#])|&)")


def url(value: str, draw: Draw) -> str:
    """The same scheme, port and endings of files; a reserved host, and a path and a query of the same shape."""
    found = _URL.fullmatch(value)
    if found is None:
        return in_shape(value, draw)
    head = value[: found.start("host")]
    if found["user"] is not None:
        head = value[: found.start("user")] + _alike_all(found["user"], draw) + "@"
    address = found["host"]
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", address):
        where = ip(address, draw.apart(f"host {address}"))
    elif address.startswith("["):
        where = f"[{ip(address[1:-1], draw.apart(f'host {address}'))}]"
    else:
        where = _host(address, draw)
    pieces = _KEPT_IN_PATH.split(found["path"] or "")
    made = [
        piece if number % 2 else "".join([_alike(char, draw) for char in piece]) for number, piece in enumerate(pieces)
    ]
    return f"{head}{where}{found['port'] or ''}{''.join(made)}"


Maker = Callable[[str, Draw], str]

MAKERS: dict[str, Maker] = {
    "credit_card": credit_card,
    "iban": iban,
    "us_ssn": us_ssn,
    "us_itin": us_ssn,
    "email": email,
    "phone": phone,
    "ip": ip,
    "url": url,
    "mac": mac,
    "secret": secret,
    "crypto_address": crypto_address,
    "coordinates": coordinates,
    "birth_date": date,
    "person": name,
    "place": name,
    "organisation": name,
}
"""How a value of each kind is invented; one of any other kind is of the same shape and nothing else."""
