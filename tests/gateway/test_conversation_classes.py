"""How long a conversation keeps its class."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ecotone.gateway.conversations import MIGRATIONS, Conversations
from ecotone.storage.database import Database

HOUR_US = 3_600_000_000
RANKS = {"public": 0, "internal": 1, "restricted": 2}


@pytest.fixture
def conversations(tmp_path: Path) -> Iterator[Conversations]:
    found = Conversations(Database(tmp_path / "e.db", MIGRATIONS))
    yield found
    found.close()


def remember(conversations: Conversations, data_class: str, now_us: int) -> None:
    conversations.remember("ada", "talk", data_class, RANKS.__getitem__, now_us)


def test_a_class_is_raised_and_never_lowered(conversations: Conversations) -> None:
    assert conversations.recall("ada", "talk", 0) is None
    for told, reached in (("internal", "internal"), ("restricted", "restricted"), ("internal", "restricted")):
        remember(conversations, told, 10 * HOUR_US)
        assert conversations.recall("ada", "talk", 0) == reached
    assert conversations.recall("bob", "talk", 0) is None


def test_one_that_goes_on_is_not_forgotten_between_two_notes(conversations: Conversations) -> None:
    """That it goes on is noted once an hour, so an hour more counts."""
    remember(conversations, "restricted", 10 * HOUR_US)
    remember(conversations, "restricted", 10 * HOUR_US + 59 * 60_000_000)  # not noted
    assert conversations.recall("ada", "talk", 11 * HOUR_US - 1) == "restricted"
    conversations.forget_before(11 * HOUR_US - 1)
    assert conversations.recall("ada", "talk", 11 * HOUR_US - 1) == "restricted"


def test_one_that_nobody_goes_on_with_is_forgotten(conversations: Conversations) -> None:
    remember(conversations, "restricted", 10 * HOUR_US)
    assert conversations.recall("ada", "talk", 11 * HOUR_US + 1) is None
    conversations.forget_before(11 * HOUR_US + 1)
    assert conversations.recall("ada", "talk", 0) is None
