"""The harness finds what it is there to find, and gives the same inputs for the same seed."""

import itertools
import os
import signal
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from ecotone.values.chat import Json
from ecotone.values.errors import UpstreamCut
from ecotone.values.reply import Event, Reply, TextDelta
from ecotone.wire import WIRES
from ecotone.wire.openai_chat import EventDecoder, EventEncoder, StreamWatch
from ecotone.wire.sse import WholeEvents
from ecotone.wire.wire import Wire
from tests.fuzz.apart import search_apart
from tests.fuzz.checks import WireChecks
from tests.fuzz.corpus import corpora
from tests.fuzz.endless import STREAMS, endless_faults
from tests.fuzz.mutation import Mutator
from tests.fuzz.search import Fault, search, smaller, tried

SOUND = WIRES["openai-chat"]
CORPORA = corpora({SOUND.name: SOUND})
CORPUS = CORPORA[SOUND.name]


def checks(client: Wire | None = None, **broken: Any) -> WireChecks:
    """The checks of the chat wire with something replaced, for its own clients or another."""
    wire: Wire = msgspec.structs.replace(SOUND, **broken)
    return WireChecks(wire, [client or wire], CORPORA)


def fault_of(check: Callable[[bytes], str], data: bytes) -> Fault:
    found = tried(check, data)
    assert isinstance(found, Fault), found
    return found


def test_a_sound_wire_has_no_fault() -> None:
    for check, data in zip(
        (checks().request, checks().reply, checks().stream, checks().watch, checks().error),
        (CORPUS.requests, CORPUS.replies, CORPUS.streams, CORPUS.streams, CORPUS.errors),
        strict=True,
    ):
        assert [found for one in data if isinstance(found := tried(check, one), Fault)] == []


def test_an_error_that_is_not_of_the_tree_is_found_and_made_small() -> None:
    def decode_reply(body: bytes) -> Reply:
        if b"index" in body:
            raise KeyError("index")
        return SOUND.decode_reply(body)

    check = checks(decode_reply=decode_reply).reply
    fault = smaller(check, fault_of(check, CORPUS.replies[0]))
    assert fault.where.startswith("KeyError at test_fuzz_harness.py:")
    assert fault.input == b"index"


def test_an_error_that_belongs_to_another_role_is_found() -> None:
    def decode_request(request: Json) -> Any:
        raise UpstreamCut("This is a client's request.")

    assert "UpstreamCut" in fault_of(checks(SOUND, decode_request=decode_request).request, CORPUS.requests[0]).what


def test_a_value_that_cannot_be_encoded_is_found() -> None:
    def encode_reply(reply: Reply, request: Any) -> bytes:
        raise RecursionError("nested too deeply")

    assert "RecursionError" in fault_of(checks(encode_reply=encode_reply).reply, CORPUS.replies[0]).what


def test_a_hang_is_found() -> None:
    def decode_error(*said: Any, **more: Any) -> Any:
        while True:
            pass

    assert fault_of(checks(decode_error=decode_error).error, b"{}").what.startswith("TooSlow: more than 0.5 s")


class SplitSensitive(EventDecoder):
    """Takes only the first read for text."""

    def feed(self, data: bytes) -> list[Event]:
        return [event for event in super().feed(data) if not (isinstance(event, TextDelta) and len(data) < 100)]


class Gullible(EventDecoder):
    """Takes any end for a good one."""

    def close(self) -> None:
        if self.error is not None:
            raise self.error


class Forgetful(EventEncoder):
    """Writes no end."""

    def encode(self, event: Event) -> bytes:
        return super().encode(event).replace(b"data: [DONE]\n\n", b"")


class Raising(StreamWatch):
    """Lets what it cannot read out."""

    def read_safely(self, data: bytes) -> None:
        self.read(data)


@pytest.mark.parametrize(
    ("broken", "decoder", "data", "what"),
    [
        ({"event_decoder": SplitSensitive}, "stream", CORPUS.streams[0], "split makes a difference"),
        ({"event_decoder": Gullible}, "stream", CORPUS.streams[0][:300], "without End is taken for complete"),
        ({"event_encoder": Forgetful}, "stream", CORPUS.streams[0], "what was written for openai-chat cannot be read"),
        ({"stream_watch": Raising}, "watch", b"data: {\n\n", "DecodeError"),
        ({"encode_error": lambda error: b"[]"}, "error", b"{}", "no object"),
    ],
)
def test_a_broken_stream_is_found(broken: dict[str, Any], decoder: str, data: bytes, what: str) -> None:
    assert what in fault_of(getattr(checks(**broken), decoder), data).what


def test_memory_that_grows_with_each_input_is_found() -> None:
    held: list[bytes] = []

    def check(data: bytes) -> str:
        held.append(b"x" * 150_000)
        return ""

    faults = search(check, [b"{}"], "seed", inputs_max=1000).faults
    assert [fault.where for fault in faults] == ["memory"]


def test_a_process_that_dies_is_found_with_its_input() -> None:
    def check(data: bytes) -> str:
        if data == b"[3]":
            os.kill(os.getpid(), signal.SIGKILL)
        return ""

    result = search_apart(check, [b"[1]", b"[2]", b"[3]", b"[4]"], "seed", inputs_max=4)
    assert [(fault.what, fault.input) for fault in result.faults] == [("the process died, exit code -9", b"[3]")]


def test_an_event_without_end_that_is_not_refused_is_found() -> None:
    class Patient(EventDecoder):
        def __init__(self) -> None:
            super().__init__()
            self._whole = WholeEvents(64 * 2**20)

    wire = msgspec.structs.replace(SOUND, event_decoder=Patient)
    found = endless_faults(wire, {"messages": []}, STREAMS[:2])
    assert {fault.where.partition(",")[0] for fault in found} == {"decoder"}
    assert all("was not refused" in fault.what for fault in found)


def test_the_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        corpus = [*CORPUS.requests, *CORPUS.streams]
        mutator = Mutator(Random(seed), corpus)
        return [mutator.changed(data) for data in itertools.islice(itertools.cycle(corpus), 100)]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)
