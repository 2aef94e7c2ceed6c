"""Secrets: vendors' keys, private keys, tokens, connection strings, and what words near it call a secret."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from ecotone.policy.detectors.detector import Detector, compiled
from ecotone.policy.detectors.secret_formats import FORMS
from ecotone.policy.findings import Finding

KIND = "secret"

_KEY_BEGINS = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
    r"|PuTTY-User-Key-File-[23]: "
)
_KEY_ENDS = re.compile(
    r"-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----|---- END SSH2 ENCRYPTED PRIVATE KEY ----"
    r"|Private-MAC: [0-9a-f]+"
)
_KEY_BODY = re.compile(
    r"(?:(?:\\n|\\r|\s|>)*(?:[A-Za-z0-9+/=]{16,}|[A-Za-z-]+: [^\n\\]{1,80}))*"
    r"(?:(?:\\n|\\r|\s)*[A-Za-z0-9+/=]{1,76}(?=\s|\\|\Z))?"
)

_CONNECTION = re.compile(
    r"(?<![A-Za-z0-9+])[A-Za-z][A-Za-z0-9+.-]{1,24}://(?P<user>[^\s/:@\"'<>]{0,100})"
    r":(?P<password>[^\s/@\"'<>]{1,200})@[^\s\"'<>`]{1,500}"
)
_CONNECTION_PAIRS = re.compile(
    r"(?<![A-Za-z])(?:password|pwd|accountkey|sharedaccesskey|accesskey)\s{0,2}=\s{0,2}(?P<value>[^;\s\"']{3,200})(?=;|\s|[\"']|\Z)",
    re.IGNORECASE,
)
_PAIRS_AROUND = re.compile(
    r"(?:server|data source|host|endpoint|user id|uid|accountname|database|initial catalog)\s{0,2}=", re.IGNORECASE
)
_PAIRS_CHARS = 200

_BEARER = re.compile(
    r"(?<![A-Za-z])(?:(?:authorization|x-api-key|x-auth-token|api-key|cookie|set-cookie)[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:(?:bearer|basic|token|apikey|digest)\s{1,2})?"
    r"|bearer\s{1,2}|basic\s{1,2}(?=[A-Za-z0-9+/]{16}))(?P<value>[A-Za-z0-9._~+/=-]{12,4000})",
    re.IGNORECASE,
)
_NAMES_OF_PASSWORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|mot de passe|mdp|contraseña|contrasena|clave|senha|"
    r"wachtwoord|lösenord|hasło|heslo|salasana|парол[ья]|şifre|parola"
)
_NAMES_OF_KEYS = (
    r"api[ _-]?keys?|apikey|secret[ _-]?keys?|access[ _-]?keys?|private[ _-]?keys?|encryption[ _-]?keys?"
    r"|signing[ _-]?keys?|auth[ _-]?keys?|client[ _-]?secret|app[ _-]?secret|secrets?|tokens?|credentials?|auth"
    r"|license[ _-]?key|webhook[ _-]?secret"
    r"|session[ _-]?(?:id|key)|otp|seed"
)
_MORE_OF_NAME = r"s?[0-9]{0,3}(?:[_-][A-Za-z0-9_-]{0,24}+)?"
_VALUE = r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n\\]{4,100})(?P=quote)|[\"'`]{0,2}(?P<value>[^\s\"'`<>\\]{4,300}))"
_JOINT = r"[\"'`\])]{0,2}(?:\s{0,4}(?::=|=>|=|:|->)\s{0,4}|\s{1,2}(?:is|was|ist|est|es|é|jest|on)\s{0,2}:?\s{1,2})"
_PASSWORD = re.compile(
    rf"(?<![^\W\d_])(?:{_NAMES_OF_PASSWORDS}){_MORE_OF_NAME}{_JOINT}{_VALUE}",
    re.IGNORECASE,
)
_PASSWORD_SCRIPTLESS = re.compile(
    rf"(?:密码|密碼|口令|パスワード|비밀번호|รหัสผ่าน|كلمة المرور|סיסמה)\s{{0,2}}(?:[:=：是は은는]|הוא)?\s{{0,2}}{_VALUE}"
)
_NAMED_KEY = re.compile(
    rf"(?<![A-Za-z])(?:{_NAMES_OF_KEYS}){_MORE_OF_NAME}{_JOINT}{_VALUE}",
    re.IGNORECASE,
)
_CAMEL_KEY = re.compile(
    rf"(?<=[a-z0-9])(?:Password|Passwd|Secret|Token|ApiKey|APIKey|AccessKey|PrivateKey){_JOINT}{_VALUE}"
)

_KEY_CHARS_MIN = 16
_KEY_ENTROPY_MIN_BITS = 3.0
_NO_VALUE = re.compile(
    r"(?:\$[{(]?|%[{(]|\{|<|\[|\(|os\.|process\.|env\b|getenv|config|settings|self\.|this\.|request|input\(|none\b|null\b|true\b|false\b|undefined"
    r"|string\b|str\b|your|my[-_]|example|placeholder|changeme\b|redacted|\*{3}|x{4}|\.{3}|required|optional|secret\b|password\b|token\b)",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Za-z_][\w.]*\[|\*\*")
_BETWEEN_WORDS = re.compile(r"[/:._-]")
_WITH_DIGITS = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{6,}")
_SENTENCE = ".,:;)]}"
_TRAILING = ".,;:!?)]}*_"


def _form(name: str, first: str, rest: str) -> Detector:
    """The detector for keys of one form. It runs over the text by RE2 alone."""
    form = compiled(f"(?:{first}{rest})", longest=True)

    def find(text: str, begin: int, stop: int) -> Iterator[Finding]:
        for found in form.finditer(text):
            start, end = found.span()
            before, after = text[start - 1 : start], text[end : end + 1]
            if not (before.isascii() and (before.isalnum() or before == "_")) and not (
                after.isascii() and after.isalnum()
            ):
                yield Finding(start, end, KIND, name)

    begins = f"{first}[A-Za-z0-9+/%_.=-]{{8}}" if first else rest
    return Detector((KIND,), (begins,), find)


def _private_keys(text: str, begin: int, stop: int) -> Iterator[Finding]:
    heads = list(_KEY_BEGINS.finditer(text))
    ends = [end.span() for end in _KEY_ENDS.finditer(text)]
    next_end = 0
    for number, head in enumerate(heads):
        limit = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        while next_end < len(ends) and ends[next_end][0] < head.end():
            next_end += 1
        if next_end < len(ends) and ends[next_end][0] < limit:
            last = ends[next_end][1]
        else:
            body = _KEY_BODY.match(text, head.end(), limit)
            last = body.end() if body else head.end()
        yield Finding(head.start(), last, KIND, "private-key")


def _connections(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _CONNECTION.finditer(text, begin, stop):
        if not _NO_VALUE.match(found["password"]):
            end = found.start() + len(found[0].rstrip(_TRAILING))
            yield Finding(found.start(), end, KIND, "connection-string")
    for found in _CONNECTION_PAIRS.finditer(text, begin, stop):
        around = text[max(0, found.start() - _PAIRS_CHARS) : found.end() + _PAIRS_CHARS]
        if _PAIRS_AROUND.search(around) and not _NO_VALUE.match(found["value"]):
            yield Finding(*found.span("value"), KIND, "connection-string")


def _headers(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _BEARER.finditer(text, begin, stop):
        value = found["value"].rstrip(_TRAILING)
        if (
            len(value) >= _KEY_CHARS_MIN
            and any(map(str.isdigit, value))
            and entropy_bits(value) >= _KEY_ENTROPY_MIN_BITS
        ):
            yield Finding(found.start("value"), found.start("value") + len(value), KIND, "authorization")


def _named(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for shape in (_PASSWORD, _PASSWORD_SCRIPTLESS):
        for found in shape.finditer(text, begin, stop):
            start, value = _value(found)
            if _like_a_password(value, quoted=found["quote"] is not None):
                yield Finding(start, start + len(value), KIND, "password")
    for shape in (_NAMED_KEY, _CAMEL_KEY):
        for found in shape.finditer(text, begin, stop):
            start, value = _value(found)
            if _like_a_key(value) or (found[0].startswith("Pass") and _like_a_password(value, quoted=True)):
                yield Finding(start, start + len(value), KIND, "high-entropy")


def _value(found: re.Match[str]) -> tuple[int, str]:
    """Where the value begins, and the value without the punctuation of the sentence."""
    if found["quoted"] is not None:
        return found.start("quoted"), found["quoted"]
    return found.start("value"), found["value"].rstrip(_SENTENCE)


def _like_a_password(value: str, *, quoted: bool) -> bool:
    if (
        len(value) < 4
        or _NO_VALUE.match(value)
        or _CODE.match(value)
        or "(" in value
        or value.startswith(("http://", "https://", "/"))
    ):
        return False
    return quoted or any(not character.isalpha() and character not in "'-.,/" for character in value)


def _like_a_key(value: str) -> bool:
    if len(value) < _KEY_CHARS_MIN or _NO_VALUE.match(value) or "(" in value or value.startswith(("http", "/")):
        return False
    mixed = any(_WITH_DIGITS.fullmatch(part) for part in _BETWEEN_WORDS.split(value))
    return mixed and entropy_bits(value) >= _KEY_ENTROPY_MIN_BITS


def entropy_bits(value: str) -> float:
    """Shannon entropy of the characters, in bits for each."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


DETECTORS = (
    *(_form(name, first, rest) for name, first, rest in FORMS),
    Detector((KIND,), ("PRIVATE KEY", "PuTTY-User-Key-File"), _private_keys),
    Detector(
        (KIND,),
        (r"://[^\s/:@]*:[^\s/@]+@", r"(?i)(?:password|pwd|accountkey|accesskey)\s{0,2}=[^=]"),
        _connections,
        520,
    ),
    Detector(
        (KIND,),
        (
            r"(?i)(?:bearer|basic|authorization|cookie|api-key|auth-token)[\"']?\s{0,2}[:=]?\s{0,2}[\"']?[A-Za-z]{0,8}"
            r"\s{0,2}[A-Za-z0-9._~+/=-]{12}",
        ),
        _headers,
        4100,
    ),
    Detector(
        (KIND,),
        (
            rf"(?i)(?:{_NAMES_OF_PASSWORDS}|key|secret|token|credential|auth|otp|seed|session.?id)[A-Za-z0-9_-]{{0,24}}"
            rf"{_JOINT}[\"'`]{{0,2}}[^\s\"'`<>]{{4}}",
            "密码|密碼|口令|パスワード|비밀번호|รหัสผ่าน|كلمة المرور|סיסמה",
        ),
        _named,
        340,
    ),
)
