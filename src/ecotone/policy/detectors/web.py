"""E-mail addresses (RFC 5321, RFC 6531) and URLs (RFC 3986), bare domain names under existing top-level domains too."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from ecotone.policy.detectors.detector import Context, Detector, compiled
from ecotone.policy.findings import Finding

EMAIL = "email"
URL = "url"

_LOCAL_MAX_CHARS = 256  # RFC 5321 allows 64; what is longer is still somebody's address to a careless server
_SCHEME_MAX_CHARS = 24
_HOST_MAX_CHARS = 253
_SPACELESS_SCRIPTS = "\u2e80"  # the scripts of East Asia begin here

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_HOST = rf"(?:{_LABEL}\.)+[^\W\d_][\w-]{{0,61}}[^\W_]"
_MAIL_HOST = re.compile(rf"(?P<name>{_HOST})|\[(?:IPv6:)?[0-9A-Fa-f:.]{{7,45}}\]")
_QUOTED_LOCAL = re.compile(r'(?<![\w"])"[^"@<>\r\n]{1,64}"\Z')
_LOCAL_CHARS = frozenset("._+%'-")
_SPELT = re.compile(
    rf"(?<![\w.+%-])[\w.+%-]++ ?[\[({{] ?at ?[\])}}] ?{_LABEL}"
    rf"(?:(?:\.| ?[\[({{] ?(?:dot|punkt|punto) ?[\])}}] ?){_LABEL})+",
    re.IGNORECASE,
)
_RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "lan", "corp", "home", "onion"})

_STOP = r"\s<>\"`\\^{|}\x00-\x1f\u2018-\u201f\u2e80-\uffef"
_AFTER_SCHEME = re.compile(
    rf"(?:[^{_STOP}/?#']+|[\w.-]+(?::[0-9]{{1,5}})?)(?:[/?#][^{_STOP}]*)?|/[^{_STOP}/]+[^{_STOP}]*"
)
_TAIL = re.compile(rf"(?::[0-9]{{1,5}}(?![0-9]))?(?:[/?#][^{_STOP}']*)?")

# Endings that exist both as top-level domains and in the names of files.
_FILE_ENDINGS = frozenset(
    {"bat", "bin", "cab", "cc", "cfd", "foo", "gz", "java", "map", "md", "mdx", "mk", "ml", "mm", "mov", "pm", "prof"}
    | {"ps", "py", "rb", "rs", "sc", "sh", "so", "src", "st", "tf", "ts", "vb", "zip"}
)
# Generic endings that are hardly ever anything else; the others are words and need another sign.
_USUAL_ENDINGS = frozenset(
    {"com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "pro", "mobi", "asia", "arpa", "coop", "aero"}
    | {"museum", "jobs", "travel", "onion", "app", "dev", "xyz", "online", "site", "shop", "store", "tech", "cloud"}
    | {"blog", "club", "website", "agency", "solutions", "design", "global", "digital", "news", "art", "wiki", "vip"}
    | {"icu", "guru", "photography", "ninja", "academy", "consulting", "systems", "technology", "studio", "software"}
    | {"london", "berlin", "paris", "nyc", "tokyo", "hamburg", "wien", "moscow", "istanbul", "amsterdam", "eus", "gal"}
)
_CLASSIC_ENDINGS = frozenset({"com", "net", "org"})
_SHORT_NAMES_UNDER = _CLASSIC_ENDINGS | {"co"}
_NUMERIC_ENDINGS = _CLASSIC_ENDINGS | {"cn"}
# What programs have before a dot.
_CODE_OWNERS = frozenset(
    {"self", "this", "os", "sys", "np", "pd", "df", "obj", "cls", "ctx", "req", "res", "request", "response", "config"}
    | {
        "event",
        "window",
        "document",
        "console",
        "process",
        "module",
        "user",
        "data",
        "args",
        "params",
        "props",
        "state",
    }
    | {"math", "string", "json", "item", "node", "torch", "tf", "plt", "app", "client", "model", "row", "result"}
    | {"session", "settings", "value", "key", "msg", "message", "err", "error", "file", "path"}
)
_SITE = Context(
    "visit", "website", "web ?site", "site", "domain", "browse", "go to", "url", "host", "link", "www", "homepage",
    "besuch", "sitio", "visita", before_chars=24,
)  # fmt: skip
_TRAILING = ".,;:!?'*_~"
_PAIRS = {")": "(", "]": "["}


@cache
def top_level_domains() -> frozenset[str]:
    """All top-level domains, in lower case; internationalised ones in Unicode and as `xn--`."""
    text = (files("ecotone.policy.detectors") / "tlds.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def _emails(text: str, begin: int, stop: int) -> Iterator[Finding]:
    at = text.find("@", begin, stop)
    while at >= 0:
        span = _around(text, at)
        if span is not None:
            yield Finding(*span, EMAIL, "form")
        at = text.find("@", at + 1, stop)


def _around(text: str, at: int) -> tuple[int, int] | None:
    """The address whose `@` stands there, if there is one."""
    host = _MAIL_HOST.match(text, at + 1, at + 2 + _HOST_MAX_CHARS)
    if host is None:
        return None
    end = host.end()
    if host["name"] is not None:
        known = _known_end(host["name"], reserved=True)
        if known is None:
            return None
        end = at + 1 + known
    if text[at - 1 : at] == '"':
        quoted = _QUOTED_LOCAL.search(text, max(0, at - 66), at)
        return None if quoted is None else (quoted.start(), end)
    start, first = at, max(0, at - _LOCAL_MAX_CHARS)
    spaced = text[at - 1 : at] < _SPACELESS_SCRIPTS
    while start > first and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_CHARS):
        if spaced and text[start - 1] >= _SPACELESS_SCRIPTS:
            break  # the text before goes over into the address without a space, as in Chinese
        start -= 1
    while start < at and text[start] in ".'%-":
        start += 1
    if text[start:at] == "git" and text[end : end + 1] == ":":
        return None  # the place of a repository
    in_url = text[start - 1 : start] in ("/", ":") and "://" in text[max(0, start - 80) : start]
    return None if start == at or in_url else (start, end)


def _spelt_emails(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _SPELT.finditer(text, begin, stop):
        if re.split(r"[\s\])}.]", found[0])[-1].lower() in top_level_domains():
            yield Finding(*found.span(), EMAIL, "spelt-out")


def _known_end(host: str, *, reserved: bool) -> int | None:
    """How much of `host` is a name under a top-level domain that exists; None: nothing of it."""
    end = len(host)
    while "." in host[:end]:
        dot = host.rfind(".", 0, end)
        last = host[dot + 1 : end].lower()
        if last in top_level_domains() or (reserved and last in _RESERVED):
            return end
        ascii_part = re.match(r"[a-z]+(?=[^\x00-\x7f])", last)  # text goes on without a space, as in Chinese
        if ascii_part and ascii_part[0] in top_level_domains():
            return dot + 1 + ascii_part.end()
        end = dot
    return None


def _urls(text: str, begin: int, stop: int) -> Iterator[Finding]:
    """URLs with a scheme."""
    at = text.find("://", begin, stop)
    while at >= 0:
        start, first = at, max(0, at - _SCHEME_MAX_CHARS)
        while start > first and text[start - 1].isascii() and (text[start - 1].isalnum() or text[start - 1] in "+.-"):
            start -= 1
        while start < at and not text[start].isalpha():
            start += 1
        rest = _AFTER_SCHEME.match(text, at + 3) if start < at else None
        end = at + 3
        if rest is not None:
            end = start + _kept(text[start : rest.end()])
            if end > at + 3:
                yield Finding(start, end, URL, "form")
        at = text.find("://", max(end, at + 3), stop)


@cache
def _domain() -> re.Pattern[str]:
    endings = "|".join(sorted(top_level_domains()))
    pattern: re.Pattern[str] = compiled(rf"(?i:(?:[\pL\pN](?:[\pL\pN_-]*[\pL\pN])?\.)+(?:{endings}))", longest=True)
    return pattern


def _domains(text: str, begin: int, stop: int) -> Iterator[Finding]:
    covered = 0
    for found in _domain().finditer(text):
        start, end = found.span()
        if start < covered or text[start - 1 : start] in _NO_BEGINNING or not _ends_there(text, end):
            continue
        tail = _TAIL.match(text, end)
        last = tail.end() if tail else end
        if text[last : last + 1] in ("@", "(") or not _is_site(text, start, end, addressed=last > end):
            continue
        covered = last
        yield Finding(start, start + _kept(text[start:last]), URL, "domain")


_NO_BEGINNING = frozenset("@.-/\\$_=")


def _ends_there(text: str, end: int) -> bool:
    """Whether a domain name may end here: its last label does not go on."""
    after = text[end : end + 1]
    if after == "." and text[end + 1 : end + 2].isalnum():
        return False
    if after.isalnum():
        return not after.isascii() and text[end - 1].isascii() and not after.islower()
    return after not in ("-", "_", "@") or not after


def _is_site(text: str, start: int, end: int, *, addressed: bool) -> bool:
    """Whether a name with dots in it is one of a machine, not a file, a piece of a program or two sentences.

    `addressed`: a port or path follows it.
    """
    host = text[start:end]
    labels = host.split(".")
    last = labels[-1]
    ending = last.lower()
    if len(labels) > 2 and labels[0].lower().rstrip("0123456789") == "www":
        return True
    if not any(character.isalpha() for label in labels[:-1] for character in label):
        return ending in _NUMERIC_ENDINGS
    sentences = last[0].isupper() and not (last.isupper() and host.isupper()) and last != last.lower()
    if sentences and (ending not in _CLASSIC_ENDINGS or len(labels[-2]) == 1):
        return False
    if all(len(label) == 1 for label in labels[:-1]) and (len(labels) > 2 or ending not in _SHORT_NAMES_UNDER):
        return False
    if ending in _FILE_ENDINGS:
        return (len(labels) > 2 and len(labels[-2]) <= 3) or (addressed and _SITE.near(text, start, end))
    addressed = addressed or _SITE.near(text, start, end)
    if labels[0] in _CODE_OWNERS and ending not in _CLASSIC_ENDINGS:
        return addressed
    if "_" in host:
        return False
    if (
        (len(ending) == 2 and ending != "id")
        or not ending.isascii()
        or ending.startswith("xn--")
        or ending in _USUAL_ENDINGS
    ):
        return True
    return "-" in host or addressed or (ending == "id" and len(labels) > 2)


def _kept(url: str) -> int:
    """The length of a URL without the punctuation of the sentence around it."""
    end = len(url)
    opened = {mark: url.count(mark) for mark in _PAIRS.values()}
    closed = {mark: url.count(mark) for mark in _PAIRS}
    while end:
        last = url[end - 1]
        if last in _PAIRS:
            if closed[last] <= opened[_PAIRS[last]]:
                break
            closed[last] -= 1
        elif last in opened:
            opened[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return end


def _domain_triggers() -> Iterator[str]:
    plain = sorted(top_level_domains() - _FILE_ENDINGS)
    yield rf"(?i)[\pL\pN]\.(?:{'|'.join(plain)})(?:[^A-Za-z0-9_(-]|$)"
    yield rf"(?i)[\pL\pN]\.[a-z]{{1,3}}\.(?:{'|'.join(sorted(_FILE_ENDINGS))})(?:[^A-Za-z0-9_(-]|$)"
    yield rf"(?i)[\pL\pN]\.(?:{'|'.join(sorted(_FILE_ENDINGS))})[:/?#]"
    yield r"(?i)www[0-9]?\."


DETECTORS = (
    Detector((EMAIL,), (r"@[^\s@]{1,63}\.[^\s@]", r"@\["), _emails),
    Detector((EMAIL,), (r"(?i)[\[({] ?at ?[\])}]",), _spelt_emails, 320),
    Detector((URL,), (r"[A-Za-z0-9]://",), _urls),
    Detector((URL,), tuple(_domain_triggers()), _domains),
)
