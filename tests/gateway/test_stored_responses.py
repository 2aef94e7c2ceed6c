"""Responses that are kept: whose they are, for how long, and what of them is shared."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from ecotone.gateway.responses import MIGRATIONS, StoredResponse, StoredResponses
from ecotone.storage.database import Database
from ecotone.values.errors import Unavailable

DAY_US = 86_400_000_000
HELLO = {"type": "message", "role": "user", "content": "Hello"}
HI = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}


class Clock:
    """A clock that stands still unless moved."""

    def __init__(self) -> None:
        self.now_us = 100 * DAY_US

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reopened(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], StoredResponses]]:
    """Closes the store, which writes all, and opens it again."""
    path = tmp_path / "ecotone.db"
    opened: list[StoredResponses] = []

    def reopen() -> StoredResponses:
        if opened:
            opened.pop().close()
        stored = StoredResponses(lambda: Database(path, MIGRATIONS), clock_us=clock)
        stored.keep_for(30 * DAY_US)
        opened.append(stored)
        return stored

    yield reopen
    opened.pop().close()


def response(principal: str, identity: str, clock: Clock) -> StoredResponse:
    return StoredResponse(principal, identity, clock(), {"id": identity}, (HELLO,), (HI,))


def counted(path: Path, table: str) -> int:
    database = Database(path, MIGRATIONS)
    rows = database.execute(f"select count(*) from {table}")
    database.close()
    return int(rows[0][0])


def test_what_is_put_is_there_at_once_and_after_a_restart(
    reopened: Callable[[], StoredResponses], clock: Clock
) -> None:
    stored = reopened()
    kept = response("ada", "resp_1", clock)
    stored.put(kept)
    for _ in range(2):
        assert stored.get("ada", "resp_1") == kept
        assert stored.find_item("ada", "msg_1") == (HI, frozenset())
        assert stored.get("bob", "resp_1") is None
        assert stored.find_item("bob", "msg_1") is None
        stored = reopened()


def test_one_id_of_two_callers_is_two_responses(reopened: Callable[[], StoredResponses], clock: Clock) -> None:
    stored = reopened()
    hers, his = response("ada", "resp_1", clock), response("bob", "resp_1", clock)
    stored.put(hers)
    stored.put(his)
    stored = reopened()
    assert not stored.delete("eve", "resp_1")
    assert stored.delete("ada", "resp_1")
    assert stored.get("ada", "resp_1") is None
    stored = reopened()
    assert stored.get("ada", "resp_1") is None
    assert stored.get("bob", "resp_1") == his


def test_shared_contents_are_kept_once_and_go_with_the_last(
    reopened: Callable[[], StoredResponses], clock: Clock, tmp_path: Path
) -> None:
    stored = reopened()
    stored.put(response("ada", "resp_1", clock))
    stored.put(response("ada", "resp_2", clock))
    stored = reopened()
    assert counted(tmp_path / "ecotone.db", "response_contents") == 2
    stored.delete("ada", "resp_1")
    stored = reopened()
    assert stored.get("ada", "resp_2") == response("ada", "resp_2", clock)
    stored.delete("ada", "resp_2")
    reopened()
    assert counted(tmp_path / "ecotone.db", "response_contents") == 0


def test_old_ones_are_not_told_of_and_deleted(
    reopened: Callable[[], StoredResponses], clock: Clock, tmp_path: Path
) -> None:
    stored = reopened()
    stored.put(response("ada", "resp_1", clock))
    clock.now_us += 30 * DAY_US
    stored = reopened()
    assert stored.get("ada", "resp_1") is not None
    clock.now_us += 1
    assert stored.get("ada", "resp_1") is None
    assert stored.find_item("ada", "msg_1") is None
    stored = reopened()
    reopened()
    assert counted(tmp_path / "ecotone.db", "responses") == 0


def test_what_cannot_be_deleted_is_not_said_to_be(
    reopened: Callable[[], StoredResponses], tmp_path: Path, clock: Clock
) -> None:
    reopened().put(response("ada", "resp_1", clock))
    reopened()
    full = StoredResponses(lambda: Database(tmp_path / "ecotone.db", MIGRATIONS), clock_us=clock, queue_max=0)
    full.keep_for(30 * DAY_US)
    try:
        with pytest.raises(Unavailable, match="cannot be deleted at present"):
            full.delete("ada", "resp_1")
        assert full.get("ada", "resp_1") is not None
        assert full.lost == 0
        full.put(response("ada", "resp_2", clock))
        assert (full.lost, full.get("ada", "resp_2")) == (1, None)
    finally:
        full.close()


def test_none_keeps_none_and_deletes_what_there_was(
    reopened: Callable[[], StoredResponses], clock: Clock, tmp_path: Path
) -> None:
    stored = reopened()
    stored.put(response("ada", "resp_1", clock))
    stored = reopened()
    stored.keep_for(None)
    assert not stored.keeps
    assert stored.get("ada", "resp_1") is None
    stored.put(response("ada", "resp_2", clock))
    reopened()
    assert counted(tmp_path / "ecotone.db", "responses") == 0


def test_an_item_has_the_classes_of_all_responses_that_hold_it(
    reopened: Callable[[], StoredResponses], clock: Clock
) -> None:
    stored = reopened()
    first = response("ada", "resp_1", clock)
    stored.put(msgspec.structs.replace(first, data_class="public"))
    stored = reopened()
    later = StoredResponse("ada", "resp_2", clock(), {"id": "resp_2"}, (HELLO, HI), (), "restricted")
    stored.put(later)
    for _ in range(2):
        assert stored.find_item("ada", "msg_1") == (HI, frozenset({"public", "restricted"}))
        stored = reopened()
