"""One string of a request, read for sensitive data through whatever it is wrapped in: JSON, Base64, hexadecimal."""

import base64
import binascii
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import groupby

import msgspec

from ecotone.policy.detectors import Detectors
from ecotone.policy.detectors.detector import compiled
from ecotone.policy.detectors.unfolding import unescaped
from ecotone.policy.findings import Finding

CODED_DEPTH_MAX = 3
"""How many codings around each other are undone."""
_JSON_DEPTH_MAX = 4
_RUN_MIN_CHARS = 15
_BINARY_MIN_BYTES = 512
_LATIN_ASCII_MIN = 0.8

_RUN = compiled(
    r"(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]{1,76}={0,2}|[A-Za-z0-9+/_-]{16,}={0,2}|[A-Za-z0-9+/_-]{14,15}={1,2}",
    longest=True,
)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_MAGIC = (
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"%PDF", "document"),
    (b"\xd0\xcf\x11\xe0", "document"),
    (b"PK\x03\x04", "document"),
    (b"ID3", "audio"),
    (b"OggS", "audio"),
    (b"fLaC", "audio"),
    (b"\xff\xfb", "audio"),
    (b"\x1aE\xdf\xa3", "video"),
    # Compressed, in gzip, bzip2, xz and Zstandard.
    (b"\x1f\x8b\x08", "file"),
    (b"BZh", "file"),
    (b"\xfd7zXZ", "file"),
    (b"\x28\xb5\x2f\xfd", "file"),
)
_json = msgspec.json.Decoder()


class Coding(msgspec.Struct, frozen=True):
    """Text[start:end] is other text in this coding."""

    start: int
    end: int
    name: str


class Reading(msgspec.Struct, frozen=True):
    """A finding in a string. `finding` gives its place in the string: all of the coded run where it is inside of one.

    `value` is what was found, with the escapes of JSON undone `escapes` times. `codings` are those around it, the
    outermost first, each with its place in the one before; `start` and `end` are the value's place in the innermost.
    """

    finding: Finding
    value: str
    start: int
    end: int
    escapes: int = 0
    codings: tuple[Coding, ...] = ()


class TextRead(msgspec.Struct, frozen=True):
    """All that was found in a string. `decoded` are the texts that were inside of it in some coding, `uninspected` the
    kinds of what could not be read."""

    readings: tuple[Reading, ...] = ()
    decoded: tuple[str, ...] = ()
    uninspected: frozenset[str] = frozenset()


def read_text(text: str, detectors: Detectors, *, depth: int = 0) -> TextRead:
    """Everything that detectors find in `text` and in the texts coded inside of it."""
    readings = _plain_readings(text, detectors)
    decoded: list[str] = []
    uninspected: set[str] = set()
    if depth < CODED_DEPTH_MAX and len(text) >= _RUN_MIN_CHARS:
        for run in _RUN.finditer(text):
            start, end = run.span()
            name, content = _decoded(run[0])
            if isinstance(content, str):
                inner = read_text(content, detectors, depth=depth + 1)
                decoded += [content, *inner.decoded]
                uninspected |= inner.uninspected
                if content.startswith("%PDF"):
                    uninspected.add("document")  # what its streams hold may be written in ASCII, too
                readings += [_inside(Coding(start, end, name), reading) for reading in inner.readings]
            elif content is not None:
                uninspected.add(kind_of(content))
    return TextRead(tuple(readings), tuple(decoded), frozenset(uninspected))


def _inside(coding: Coding, inner: Reading) -> Reading:
    place = Finding(coding.start, coding.end, inner.finding.kind, inner.finding.detector)
    return Reading(place, inner.value, inner.start, inner.end, inner.escapes, (coding, *inner.codings))


def _plain_readings(text: str, detectors: Detectors, depth: int = 0) -> list[Reading]:
    """What stands in a text itself; where it is JSON, in its strings with their escapes undone. `depth` counts the
    JSON around it."""
    json = is_json(text)
    under_escapes: list[Reading] = []
    if json and depth < _JSON_DEPTH_MAX:
        for literal in _LITERAL.finditer(text):
            inner = unescaped(literal[1]) if "\\" in literal[1] else None
            if inner is None:
                continue
            for one in _plain_readings(inner.text, detectors, depth + 1):
                first, last = inner.original(one.finding.start, one.finding.end)
                start, end = literal.start(1) + first, literal.start(1) + last
                place = Finding(start, end, one.finding.kind, one.finding.detector)
                under_escapes.append(Reading(place, one.value, start, end, one.escapes))
    # What is written otherwise once escapes are undone is not read as written: the n of a new line begins no address.
    places = Places((one.start, one.end) for one in under_escapes)
    escapes = depth + json
    as_written = [
        Reading(one, text[one.start : one.end], one.start, one.end, escapes)
        for one in detectors.find(text)
        if not places.overlap(one)
    ]
    return [*as_written, *under_escapes]


class Places:
    """Places in a text, to ask what overlaps one of them."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def overlap(self, one: Finding) -> bool:
        before = bisect_left(self._starts, one.end) - 1
        return before >= 0 and one.start < self._ends[before]


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or list, as tools' arguments and results are."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        _json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def _decoded(run: str) -> tuple[str, str | bytes | None]:
    """The coding of a run, and its text; bytes where it is something else of some size; None where it is no coding."""
    if _HEX.fullmatch(run):
        text = _text_of(bytes.fromhex(run))
        if text is not None:
            return "hex", text
    raw = decode_base64(run)
    if raw is None:
        return "", None
    text = _text_of(raw)
    if text is not None:
        return "base64", text
    return "base64", raw if len(raw) >= _BINARY_MIN_BYTES or known_kind(raw) else None


def decode_base64(text: str) -> bytes | None:
    """The bytes of Base64 of either alphabet (RFC 4648), with or without padding and line ends; None: it is none."""
    plain = text.replace("\r", "").replace("\n", "").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def text_of(raw: bytes) -> str | None:
    """The bytes as text, where they are text without control characters: in UTF-8, in UTF-16, or in Latin-1 where most
    of it is ASCII."""
    return _text_of(raw) if raw else ""


def _text_of(raw: bytes) -> str | None:
    try:
        text = raw.decode(_coding_of(raw))
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        if sum(map(str.isascii, text)) < _LATIN_ASCII_MIN * len(text):
            return None
    printable = all(character.isprintable() or character.isspace() for character in text)
    return text if text and printable else None


def _coding_of(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(raw) % 2 == 0 and 0 in raw[:2]:
        # Without a mark it shows by the zeros of ASCII.
        if not any(raw[1::2]):
            return "utf-16-le"
        if not any(raw[::2]):
            return "utf-16-be"
    return "utf-8-sig"


def kind_of(raw: bytes) -> str:
    """What bytes that are no text hold: `image`, `audio`, `video`, `document`, else `file`."""
    return known_kind(raw) or "file"


def known_kind(raw: bytes) -> str | None:
    """The same, None where the first bytes do not tell."""
    if raw[:4] == b"RIFF":
        return {b"WEBP": "image", b"WAVE": "audio"}.get(raw[8:12], "video")
    if raw[4:8] == b"ftyp":
        return "image" if raw[8:12] in (b"heic", b"avif", b"mif1") else "video"
    return next((kind for magic, kind in _MAGIC if raw.startswith(magic) and len(raw) > 16), None)


def rewritten(text: str, readings: Iterable[Reading], replace: Callable[[str, str], str]) -> str:
    """`text` with each of these findings in it replaced by `replace(kind, value)`, inside of their codings.

    Of findings that overlap, the one that begins first and is the longest is replaced, and what stands out of it after
    that.
    """
    ordered = sorted(readings, key=lambda one: (one.finding.start, -one.finding.end, len(one.codings)))
    pieces: list[str] = []
    position = 0
    for (start, end), group in groupby(ordered, key=lambda one: (one.finding.start, one.finding.end)):
        if end <= position:
            continue
        same = list(group)
        begin = max(start, position)
        pieces.append(text[position:begin])
        plain = next((one for one in same if not one.codings), None)
        if plain is not None:
            value = plain.value if begin == start else text[begin:end]
            pieces.append(_escaped(replace(plain.finding.kind, value), plain.escapes))
        elif begin == start:
            pieces.append(_recoded(text[start:end], same, replace))
        else:
            pieces.append(replace(same[0].finding.kind, text[begin:end]))
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _escaped(text: str, times: int) -> str:
    for _ in range(times):
        text = msgspec.json.encode(text).decode()[1:-1]
    return text


def _recoded(run: str, readings: Iterable[Reading], replace: Callable[[str, str], str]) -> str:
    name, content = _decoded(run)
    inner = [_unwrapped(reading) for reading in readings]
    text = rewritten(content if isinstance(content, str) else run, inner, replace)
    if name == "hex":
        return text.encode().hex()
    coded = base64.b64encode(text.encode()).decode()
    if "-" in run or "_" in run:
        coded = coded.replace("+", "-").replace("/", "_")
    return coded if run.endswith("=") or len(run) % 4 == 0 else coded.rstrip("=")


def _unwrapped(reading: Reading) -> Reading:
    """The same finding as it stands inside of its outermost coding."""
    codings = reading.codings[1:]
    start, end = (codings[0].start, codings[0].end) if codings else (reading.start, reading.end)
    place = Finding(start, end, reading.finding.kind, reading.finding.detector)
    return msgspec.structs.replace(reading, finding=place, codings=codings)
