"""What holds for every request, reply and stream on the Messages wire."""

import copy
import itertools
import json
import warnings
from collections.abc import Iterable
from typing import Any

import pydantic
from anthropic.types import Message, RawMessageStreamEvent, message_create_params
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.wire.anthropic_strategies as some
from ecotone.values.chat import ChatRequest
from ecotone.values.reply import Event, Reply, fold, unfold
from ecotone.wire.anthropic import (
    EventDecoder,
    EventEncoder,
    StreamWatch,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    read_usage,
)

_REQUEST: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(message_create_params.MessageCreateParams)
_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RawMessageStreamEvent)

few = settings(max_examples=50)
ASKED = ChatRequest("m", ())
Json = dict[str, Any]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


def decoded(pieces: list[bytes]) -> list[Event]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.close()
    return events


def read(reply: Json) -> Reply:
    return decode_reply(json.dumps(reply).encode())


def streamed(reply: Json) -> bytes:
    encoder = EventEncoder(ASKED)
    return b"".join(encoder.encode(event) for event in unfold(read(reply)))


@given(some.requests)
@few
def test_a_request_keeps_every_field_and_the_official_sdk_has_a_type_for_it(request: Json) -> None:
    known = decode_request(copy.deepcopy(request))
    encoded = encode_request(known)
    assert encoded.losses == ()
    assert {"model": request["model"], **encoded.body} == request
    assert decode_request({"model": known.model, **copy.deepcopy(encoded.body)}) == known
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exhaust(_REQUEST.validate_python({"model": "m", **encoded.body}))


@given(some.replies)
@few
def test_a_reply_keeps_every_field_on_its_wire(reply: Json) -> None:
    assert json.loads(encode_reply(read(reply), ASKED)) == reply


@given(some.replies)
@few
def test_a_stream_survives_its_wire(reply: Json) -> None:
    assert fold(decoded([streamed(reply)])) == read(reply)


@given(some.replies, st.lists(st.integers(0, 2**20), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
@few
def test_any_split_of_the_bytes_gives_the_same_events(reply: Json, places: list[int], line_end: bytes) -> None:
    data = streamed(reply)
    noisy = b'\xef\xbb\xbf: hello\n\nretry: 5\n\nevent: ping\nid: 7\ndata: {"type": "ping"}\n\n' + data
    assert decoded(cut(noisy.replace(b"\n", line_end), places)) == decoded([data])


@given(some.replies)
@settings(max_examples=20)
def test_every_single_split_gives_the_same_events(reply: Json) -> None:
    data = streamed(reply)[:600]
    decoder = EventDecoder()
    whole = decoder.feed(data)
    for place in range(len(data)):
        decoder = EventDecoder()
        assert decoder.feed(data[:place]) + decoder.feed(data[place:]) == whole


@given(some.replies, st.lists(st.integers(0, 2**20), max_size=8))
@few
def test_a_watched_stream_passes_unchanged_and_counts_as_the_whole_reply(reply: Json, places: list[int]) -> None:
    data = streamed(reply)
    watch = StreamWatch({})
    assert b"".join(watch.feed(piece) for piece in cut(data, places)) == data
    watch.close()
    assert watch.finished
    assert watch.model == reply["model"]
    assert watch.usage == read_usage(json.dumps(reply).encode())


@given(some.replies)
@few
def test_the_official_sdk_accepts_every_reply(reply: Json) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Message.model_validate_json(encode_reply(read(reply), ASKED), strict=True)


@given(some.replies)
@few
def test_the_official_sdk_accepts_every_event(reply: Json) -> None:
    events = streamed(reply).decode().split("\n\n")
    assert events.pop() == ""
    for event in events:
        name, _, data = event.partition("\ndata: ")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert f"event: {_EVENT.validate_json(data, strict=True).type}" == name


def exhaust(value: Any) -> None:
    """Looks at every value within: the SDK's types check a list only as it is read."""
    if isinstance(value, dict):
        for inner in value.values():
            exhaust(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            exhaust(inner)
