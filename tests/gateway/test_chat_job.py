"""A job of a conversation, by itself."""

import gc
import weakref

import pytest

from ecotone.gateway.jobs import ChatJob
from ecotone.values.errors import Unredactable
from ecotone.wire import WIRES

BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'


def job() -> ChatJob:
    return ChatJob(WIRES, WIRES["openai-chat"], BODY, headers=(("x-a", "b"),), now_s=1, reply_id="r")


def test_a_job_is_gone_when_nobody_holds_it() -> None:
    """Left to the garbage collector, jobs and their requests made every request a third dearer."""
    gc.disable()
    try:
        held = job()
        gone = weakref.ref(held)
        del held
        assert gone() is None
    finally:
        gc.enable()


def test_a_job_in_other_words_keeps_the_clients() -> None:
    asked = job()
    said = {**asked.said, "body": {"model": "m", "messages": [{"role": "user", "content": "bye"}]}}
    other = asked.saying(said)
    assert other.said["body"]["messages"][0]["content"] == "bye"
    assert asked.said["body"]["messages"][0]["content"] == "hello"


@pytest.mark.parametrize("change", [{"model": "n"}, {"headers": ["c"]}])
def test_a_name_and_a_header_are_not_exchanged(change: dict[str, object]) -> None:
    asked = job()
    with pytest.raises(Unredactable):
        asked.saying({**asked.said, **change})
