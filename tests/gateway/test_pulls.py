"""Files that a running gateway fetches: progress, stopping, what goes wrong, and what of the store is served."""

import asyncio
import hashlib
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ecotone.gateway.inventory.model_sources import WantedFile
from ecotone.gateway.inventory.pulls import Pulls, PullState
from ecotone.gateway.inventory.stored_models import served_as, with_stored
from ecotone.gateway.settings.config import Config, ModelConfig, RouteConfig
from ecotone.upstream.sources import parse_source
from ecotone.upstream.store import ModelStore, StoredModel
from ecotone.values.errors import NotFound, SetupError, Unavailable
from tests.upstream.model_host import Fault, File, ModelHost

_SOON_S = 20.0


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(*entries: bytes) -> bytes:
    """A head without weights."""
    all_of_them = [text("general.architecture") + struct.pack("<I", 8) + text("llama"), *entries]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(all_of_them)) + b"".join(all_of_them)


TALKS = gguf(text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ messages }}"))
MAKES_VECTORS = gguf(
    text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ messages }}"),
    text("llama.pooling_type") + struct.pack("<II", 4, 1),
)


BODY = TALKS * 32768
FILE = "/Talker.gguf"


@pytest.fixture
def host() -> Iterator[ModelHost]:
    with ModelHost() as server:
        server.files[FILE] = File(BODY)
        yield server


def halved(host: ModelHost, path: str = FILE) -> str:
    """The file's address, whose next answer stops in the middle until it is let go on."""
    host.faults[path].append(Fault(after=len(BODY) // 2, stall=True))
    return host.url + path


@asynccontextmanager
async def pulling(folder: Path) -> AsyncIterator[tuple[Pulls, list[str]]]:
    """Pulls into a store of its own, and the names of what has arrived."""
    arrived: list[str] = []

    async def note(wanted: WantedFile, stored: StoredModel) -> None:
        arrived.append(f"{wanted.name} {stored.size}")

    pulls = Pulls(ModelStore(folder / "models"), note)
    try:
        yield pulls, arrived
    finally:
        await pulls.close()


def wanted(address: str, folder: Path) -> WantedFile:
    return WantedFile("talker", parse_source(address, folder))


async def until(pulls: Pulls, pull_id: str, holds: str) -> PullState:
    """Wait until the pull's stage, or `some` when bytes have come."""
    async with asyncio.timeout(_SOON_S):
        while True:
            state = pulls.state(pull_id)
            if state.stage == holds or (holds == "some" and state.done > 0):
                return state
            await asyncio.sleep(0.02)


async def test_a_pull_tells_how_far_it_is_and_that_it_is_done(host: ModelHost, tmp_path: Path) -> None:
    address = halved(host)
    async with pulling(tmp_path) as (pulls, arrived):
        begun = pulls.start(wanted(address, tmp_path))
        assert (begun.name, begun.stage, begun.source) == ("talker", "pulling", address)
        half = await until(pulls, begun.id, "some")
        assert (half.phase, half.total) == ("downloading", len(BODY))
        assert 0 < half.done <= len(BODY) // 2
        assert pulls.start(wanted(address, tmp_path)).id == begun.id
        host.go_on.set()
        done = await until(pulls, begun.id, "done")
        assert (done.size, done.sha256, done.error) == (len(BODY), hashlib.sha256(BODY).hexdigest(), None)
        assert arrived == [f"talker {len(BODY)}"]
        assert [state.id for state in pulls.states()] == [begun.id]


async def test_a_stopped_pull_goes_on_later(host: ModelHost, tmp_path: Path) -> None:
    address = halved(host)
    async with pulling(tmp_path) as (pulls, arrived):
        begun = pulls.start(wanted(address, tmp_path))
        await until(pulls, begun.id, "some")
        assert pulls.stop(begun.id).stage == "stopping"
        host.go_on.set()
        await until(pulls, begun.id, "stopped")
        assert arrived == []
        again = pulls.start(wanted(address, tmp_path))
        assert again.id != begun.id
        assert (await until(pulls, again.id, "done")).size == len(BODY)
        first, second = host.fetched(FILE)
        assert first is None and second not in (None, "bytes=0-"), "what had come is not sent again"


async def test_one_that_waits_its_turn_stops_at_once(host: ModelHost, tmp_path: Path) -> None:
    async with pulling(tmp_path) as (pulls, _):
        for path in ("/a.gguf", "/b.gguf"):
            host.files[path] = File(BODY)
            pulls.start(wanted(halved(host, path), tmp_path))
        third = pulls.start(wanted(host.url + FILE, tmp_path))
        assert pulls.stop(third.id).stage == "stopped"
        host.go_on.set()


async def test_not_every_file_in_the_world_may_wait(host: ModelHost, tmp_path: Path) -> None:
    async with pulling(tmp_path) as (pulls, _):
        begun = [pulls.start(wanted(f"{host.url}/{number}.gguf", tmp_path)) for number in range(25)]
        with pytest.raises(Unavailable, match="25 files"):
            pulls.start(wanted(host.url + FILE, tmp_path))
        pulls.stop(begun[-1].id)
        assert pulls.start(wanted(host.url + FILE, tmp_path)).stage == "pulling"


async def test_a_digest_that_a_running_pull_does_not_check_is_not_dropped(host: ModelHost, tmp_path: Path) -> None:
    address = halved(host)
    async with pulling(tmp_path) as (pulls, _):
        begun = pulls.start(wanted(address, tmp_path), sha256="1" * 64)
        assert pulls.start(wanted(address, tmp_path)).id == begun.id
        assert pulls.start(wanted(address, tmp_path), sha256="1" * 64).id == begun.id
        with pytest.raises(SetupError, match="stop that pull first"):
            pulls.start(wanted(address, tmp_path), sha256="2" * 64)
        host.go_on.set()


async def test_what_cannot_be_fetched_says_why(host: ModelHost, tmp_path: Path) -> None:
    async with pulling(tmp_path) as (pulls, arrived):
        begun = pulls.start(wanted(host.url + FILE, tmp_path), sha256="0" * 64)
        failed = await until(pulls, begun.id, "failed")
        assert failed.error is not None and "0000000000" in failed.error
        assert arrived == []
        with pytest.raises(NotFound):
            pulls.state("another")


async def test_what_has_ended_can_be_taken_off_the_list(host: ModelHost, tmp_path: Path) -> None:
    async with pulling(tmp_path) as (pulls, _):
        begun = pulls.start(wanted(host.url + FILE, tmp_path), sha256="0" * 64)
        with pytest.raises(SetupError, match="stop it first"):
            pulls.dismiss(begun.id)
        await until(pulls, begun.id, "failed")
        pulls.dismiss(begun.id)
        assert pulls.states() == ()
        with pytest.raises(NotFound):
            pulls.dismiss(begun.id)


async def test_a_fault_of_ecotones_own_is_told_and_logged(
    host: ModelHost, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check(_: Path) -> None:
        raise ZeroDivisionError

    async def arrived(*_: object) -> None:
        raise AssertionError

    pulls = Pulls(ModelStore(tmp_path / "models", check=check), arrived)
    begun = pulls.start(wanted(host.url + FILE, tmp_path))
    failed = await until(pulls, begun.id, "failed")
    assert failed.error is not None and failed.error.endswith("the gateway's log has it")
    async with asyncio.timeout(_SOON_S):
        while not any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records):
            await asyncio.sleep(0.02)
    await pulls.close()


async def test_closing_leaves_a_fetch_that_brings_nothing_to_itself(host: ModelHost, tmp_path: Path) -> None:
    async with pulling(tmp_path) as (pulls, arrived):
        begun = pulls.start(wanted(halved(host), tmp_path))
        await until(pulls, begun.id, "some")
        await asyncio.wait_for(pulls.close(), _SOON_S / 4)
        assert pulls.state(begun.id).stage == "stopped"
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "fetch")
    assert arrived == []


def pulled(store: ModelStore, folder: Path, name: str, body: bytes) -> StoredModel:
    (folder / name).write_bytes(body)
    return store.pull(parse_source(f"file:{name}", folder))


def test_chat_models_in_the_store_are_served_and_others_are_not(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    talker = pulled(store, tmp_path, "Talker.gguf", TALKS)
    for name, body in (("Vectors.gguf", MAKES_VECTORS), ("Base.gguf", gguf()), ("Named.gguf", TALKS)):
        # With a digest on record they are in the store's list.
        (tmp_path / name).write_bytes(body)
        store.pull(parse_source(f"file:{name}", tmp_path), sha256=hashlib.sha256(body).hexdigest())
    store.pull(parse_source("file:Talker.gguf", tmp_path), sha256=hashlib.sha256(TALKS).hexdigest())
    config = Config(models={"mine": ModelConfig(engine="llama.cpp", source="file:Named.gguf")})
    served = with_stored(config, store, tmp_path)
    assert list(served.models) == ["mine", "talker"]
    assert served.models["talker"].source == f"file:{talker.path}"
    assert with_stored(served, store, tmp_path) == served
    assert served_as(talker, config, store, tmp_path) == "talker"
    talker.path.write_bytes(TALKS[:20])
    assert list(with_stored(config, store, tmp_path).models) == ["mine"]


def test_what_is_gone_is_served_no_more_except_where_a_route_leads_to_it(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    models = {name: ModelConfig(engine="llama.cpp", source=f"file:{name}.gguf") for name in ("gone", "routed")}
    far = ModelConfig(provider="openai", name="gpt-4o")
    config = Config(models={**models, "far": far}, routes={"assistant": RouteConfig(models=("routed",))})
    assert list(with_stored(config, store, tmp_path).models) == ["routed", "far"]
    (tmp_path / "gone.gguf").write_bytes(TALKS)
    assert with_stored(config, store, tmp_path) == config
