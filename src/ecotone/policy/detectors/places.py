"""Coordinates: decimal pairs, degrees with minutes, geo URIs (RFC 5870) and Open Location Codes."""

import re
from collections.abc import Iterator

from ecotone.policy.detectors.detector import Detector
from ecotone.policy.findings import Finding

KIND = "coordinates"

_PAIR = re.compile(
    r"(?<![\w.,])[(\[]?(?P<latitude>[-+\u2212]?[0-9]{1,2}\.[0-9]{3,15})°?[ ]?(?P<north>[NSns](?![A-Za-z]))?"
    r"(?P<by>[,;][ ]?|[ ]{1,3})"
    r"(?P<longitude>[-+\u2212]?[0-9]{1,3}\.[0-9]{3,15})°?(?:[ ]?(?P<east>[EWOewo](?![A-Za-z])))?(?![\w]|\.[0-9])"
)
_MORE_BEFORE = re.compile(r"[0-9][ ]{0,3}[,;]?\s{0,4}\Z")
_MORE_AFTER = re.compile(r"\s{0,4}[,;]?\s{0,4}[-+]?[0-9]")
_NAMED = re.compile(
    r"(?<![A-Za-z])lat(?:itude)?[\"']?[ ]?[:=]?[ ]?[\"']?(?P<latitude>[-+]?[0-9]{1,2}\.[0-9]{2,15})[^0-9A-Za-z+-]{1,6}"
    r"(?:and )?lo?ng?(?:itude)?[\"']?[ ]?[:=]?[ ]?[\"']?(?P<longitude>[-+]?[0-9]{1,3}\.[0-9]{2,15})(?![\w])",
    re.IGNORECASE,
)
_GEO = re.compile(
    r"(?<![A-Za-z])geo:(?P<latitude>-?[0-9]{1,2}(?:\.[0-9]{1,15})?)"
    r",(?P<longitude>-?[0-9]{1,3}(?:\.[0-9]{1,15})?)(?![0-9])"
)
_ANGLE = (
    r"[0-9]{1,3}[ ]?[°º˚][ ]?(?:[0-9]{1,2}(?:[.,][0-9]{1,6})?[ ]?['′’ʹ][ ]?)?"
    r"(?:[0-9]{1,2}(?:[.,][0-9]{1,6})?[ ]?(?:\"|″|”|''|′′)[ ]?)?"
)
_SEXAGESIMAL = re.compile(
    rf"(?<![\w.])[NSns]?[ ]?{_ANGLE}[NSns]?[ ]?[,;/]?[ ]?[EWOewo]?[ ]?{_ANGLE}(?:[EWOewo](?![A-Za-z]))?"
)
_PLUS_CODE = re.compile(
    r"(?<![A-Z0-9+])[23456789CFGHJMPQRV][23456789CFGHJMPQRVX]{7}\+[23456789CFGHJMPQRVWX]{2,3}(?![A-Z0-9+])"
)


def _find(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for name, shape in (("pair", _PAIR), ("named", _NAMED), ("geo", _GEO)):
        for found in shape.finditer(text, begin, stop):
            if _on_earth(found["latitude"], found["longitude"]) and (name != "pair" or _two_alone(text, found)):
                start, end = found.span()
                start += text[start] in "(["
                yield Finding(start, end, KIND, name)
    for found in _SEXAGESIMAL.finditer(text, begin, stop):
        if re.search("[NSns]", found[0]) or re.search("[EWOewo]", found[0]):
            yield Finding(found.start(), found.start() + len(found[0].rstrip()), KIND, "degrees")
    for found in _PLUS_CODE.finditer(text, begin, stop):
        yield Finding(*found.span(), KIND, "plus-code")


def _two_alone(text: str, found: re.Match[str]) -> bool:
    """Whether two numbers are a pair, rather than some of a longer list, or columns."""
    marked = found["north"] is not None or found["east"] is not None or "°" in found[0]
    before = text[max(0, found.start() - 24) : found.start()]
    listed = _MORE_BEFORE.search(before) or _MORE_AFTER.match(text, found.end())
    if abs(float(found["latitude"].replace("\u2212", "-"))) < 1 and "-" not in found[0] and not marked:
        return False  # shares and probabilities come in pairs more often than places off the coast of Ghana
    if text[found.start() - 1 : found.start()] in ("@", "="):
        return True  # in the address of a map
    return marked or not (listed or found["by"].isspace())


def _on_earth(latitude: str, longitude: str) -> bool:
    north, east = (float(part.replace("\u2212", "-")) for part in (latitude, longitude))
    return abs(north) <= 90 and abs(east) <= 180


DETECTOR = Detector(
    (KIND,),
    (
        r"[0-9]\.[0-9]{3,15}°? ?[NSns]?[,;/ ] {0,2}[-+\x{2212}]?[0-9]{1,3}\.[0-9]{3}",
        r"(?i:lat)[^0-9]{0,12}[0-9]{1,2}\.[0-9]{2}",
        r"geo:-?[0-9]",
        r"[0-9] ?[°º˚] ?[0-9]",
        r"[23456789CFGHJMPQRVX]{8}\+[23456789CFGHJMPQRVWX]{2}",
    ),
    _find,
    64,
)
