"""What holds for every request, reply and stream on the Chat Completions wire."""

import itertools
import re
import warnings
from collections.abc import Iterable
from typing import Any

import msgspec
import pydantic
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk, completion_create_params

import tests.wire.chat_strategies as some
from ecotone.values.chat import ChatRequest, Vendor
from ecotone.values.reply import Event, Reply, fold, unfold
from ecotone.wire.openai_chat import (
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

_REQUEST: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(completion_create_params.CompletionCreateParams)


# Each example is a whole conversation; these are enough to find what a hundred found.
few = settings(max_examples=50)
ASKED = ChatRequest("m", (), include_usage=True)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


def decoded(pieces: list[bytes]) -> list[Event]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.close()
    return events


def streamed(reply: Reply) -> bytes:
    encoder = EventEncoder(ASKED)
    return b"".join(encoder.encode(event) for event in unfold(reply))


def without_nulls(vendor: Vendor) -> Vendor:
    """A stream's unknown fields with null are as good as absent."""
    return {wire: kept for wire, rest in vendor.items() if (kept := {k: v for k, v in rest.items() if v is not None})}


@given(some.requests)
@few
def test_a_request_survives_its_wire(request: ChatRequest) -> None:
    encoded = encode_request(request)
    assert encoded.losses == ()
    assert decode_request({"model": request.model, **encoded.body}) == request


@given(some.replies())
@few
def test_a_reply_survives_its_wire(reply: Reply) -> None:
    assert decode_reply(encode_reply(reply, ASKED)) == reply


@given(some.replies())
@few
def test_a_stream_survives_its_wire(reply: Reply) -> None:
    folded = fold(decoded([streamed(reply)]))
    expected = msgspec.structs.replace(
        reply,
        vendor=without_nulls(reply.vendor),
        choices=tuple(msgspec.structs.replace(choice, vendor=without_nulls(choice.vendor)) for choice in reply.choices),
    )
    assert folded == expected


@given(some.replies(), st.lists(st.integers(0, 2**20), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
@few
def test_any_split_of_the_bytes_gives_the_same_events(reply: Reply, places: list[int], line_end: bytes) -> None:
    data = streamed(reply)
    noisy = b"\xef\xbb\xbf: hello\n\nretry: 5\n\nevent: message\nid: 7\n" + data
    assert decoded(cut(noisy.replace(b"\n", line_end), places)) == decoded([data])


@given(some.replies())
@settings(max_examples=30)
def test_every_single_split_gives_the_same_events(reply: Reply) -> None:
    data = streamed(reply)[:600]
    decoder = EventDecoder()
    whole = decoder.feed(data)
    for place in range(len(data)):
        decoder = EventDecoder()
        assert decoder.feed(data[:place]) + decoder.feed(data[place:]) == whole


def validate(model: type[pydantic.BaseModel], encoded: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.model_validate_json(encoded, strict=True)


@given(some.replies())
@few
def test_the_official_sdk_accepts_every_reply(reply: Reply) -> None:
    validate(ChatCompletion, encode_reply(reply, ASKED))


@given(some.replies())
@few
def test_the_official_sdk_accepts_every_chunk(reply: Reply) -> None:
    data = streamed(reply).decode()
    assert data.endswith("data: [DONE]\n\n")
    for event in data.split("\n\n")[:-2]:
        chunk = event.removeprefix("data: ")
        # The SDK's type for a streamed call knows functions only; the API streams custom calls in the same place.
        validate(ChatCompletionChunk, re.sub(r'"type":"custom"', '"type":"function"', chunk).encode())


@given(some.requests)
@few
def test_the_official_sdk_has_a_type_for_every_request(request: ChatRequest) -> None:
    plain = msgspec.structs.replace(
        request,
        # Its types take whole numbers only, and one of its own words.
        sampling=msgspec.structs.replace(request.sampling, logit_bias={"5": 1}),
        reasoning=None,
        tools=tuple(tool for tool in request.tools if tool.__class__.__name__ == "FunctionTool"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exhaust(_REQUEST.validate_python({"model": "m", **encode_request(plain).body}))


def exhaust(value: Any) -> None:
    """Looks at every value within: the SDK's types check a list only as it is read."""
    if isinstance(value, dict):
        for inner in value.values():
            exhaust(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            exhaust(inner)
