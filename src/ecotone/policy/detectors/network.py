"""Addresses of machines: IPv4 and IPv6 (RFC 4291, RFC 5952), MAC (IEEE 802)."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

from ecotone.policy.detectors.detector import Context, Detector
from ecotone.policy.findings import Finding

IP = "ip"
MAC = "mac"

_V4 = re.compile(r"(?<![0-9A-Za-z_.])[0-9]{1,3}(?:\[?\.\]?[0-9]{1,3}){3}(?![0-9A-Za-z_])(?!\.[0-9])")
_V6 = re.compile(
    r"(?<![0-9A-Za-z_:.])(?=[0-9A-Fa-f:]{0,5}:)[0-9A-Fa-f:]{2,39}(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?![0-9A-Za-z_:]|\.[0-9])"
)
_VERSION = Context(
    "version", r"v\b", r"rv\b", "ver\\b", "release", "section", r"§", "chapter", "build", "firmware", "driver",
    "clause", "figure", "table", before_chars=14,
)  # fmt: skip
_ADDRESS = Context(r"ip\b", "ipv4", "host", "server", "address", "ping", "subnet", before_chars=24)
_MAC = re.compile(
    r"(?<![0-9A-Za-z_:.-])(?:[0-9A-Fa-f]{2}(?P<by>[:-])(?:[0-9A-Fa-f]{2}(?P=by)){4}(?:[0-9A-Fa-f]{2}(?P=by)[0-9A-Fa-f]{2}(?P=by))?"
    r"[0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Za-z_:-])"
)
_BARE_MAC = re.compile(r"(?<![0-9A-Za-z_])[0-9A-Fa-f]{12}(?![0-9A-Za-z_])")
_MAC_CONTEXT = Context(r"mac\b", "hardware address", "ethernet", "bssid", "hwaddr", before_chars=24)


def _ips(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _V4.finditer(text, begin, stop):
        if _is_v4(found[0].replace("[.]", ".")) and _no_version(text, *found.span()):
            yield Finding(*found.span(), IP, "ipv4")
    for found in _V6.finditer(text, begin, stop):
        written = found[0].rstrip(":") if not found[0].endswith("::") else found[0]
        if _is_v6(written) and not _SUBSCRIPT.search(text, max(0, found.start() - 2), found.start()):
            yield Finding(found.start(), found.start() + len(written), IP, "ipv6")


_SUBSCRIPT = re.compile(r"[\w)\]]\[\Z")  # of a list in a program, as in a[1::2]
_PRODUCT = re.compile(r"[A-Za-z]/\Z")  # as in Chrome/120.0.0.0


def _is_v4(written: str) -> bool:
    parts = written.split(".")
    return all(int(part) <= 255 for part in parts) and any(len(part) == 1 or part[0] != "0" for part in parts)


def _no_version(text: str, start: int, end: int) -> bool:
    if _VERSION.near(text, start, end):
        return _ADDRESS.near(text, start, end)
    return _PRODUCT.search(text, max(0, start - 2), start) is None


def _is_v6(written: str) -> bool:
    if not any(character.isdigit() for character in written) and written.count(":") < 5:
        return False  # words joined by two colons, as in C++: bad::face
    try:
        IPv6Address(written)
    except AddressValueError:
        return False
    return len(written) > 3 or written == "::1"


def _macs(text: str, begin: int, stop: int) -> Iterator[Finding]:
    for found in _MAC.finditer(text, begin, stop):
        if len(set(found[0])) > 2:
            yield Finding(*found.span(), MAC, "form")
    for found in _BARE_MAC.finditer(text, begin, stop):
        if _MAC_CONTEXT.near(text, *found.span()):
            yield Finding(*found.span(), MAC, "context")


DETECTORS = (
    Detector(
        (IP,),
        (
            r"[0-9]{1,3}\[?\.\]?[0-9]{1,3}\[?\.\]?[0-9]{1,3}\[?\.\]?[0-9]",
            r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:|[0-9A-Fa-f]::|::[0-9A-Fa-f]",
        ),
        _ips,
        48,
    ),
    Detector(
        (MAC,),
        (
            r"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}",
            r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
            r"(?i)(?:mac|hardware address|ethernet|bssid|hwaddr)[^0-9]{0,24}[0-9A-F]{12}",
        ),
        _macs,
        48,
    ),
)
