"""What holds for every request, reply and stream on the Gemini wire."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.wire.gemini_strategies as some
from ecotone.values.chat import ChatRequest
from ecotone.values.errors import EcotoneError, MalformedRequest, UpstreamFailed
from ecotone.values.reply import Event, Reply, fold, unfold
from ecotone.wire.gemini import (
    EventDecoder,
    EventEncoder,
    StreamWatch,
    decode_reply,
    decode_request,
    encode_error,
    encode_reply,
    encode_request,
    prepare_request,
    read_usage,
)

few = settings(max_examples=50, deadline=None)
ASKED = ChatRequest("m", ())
AS_ARRAY = ChatRequest("m", (), vendor={"gemini.form": {"alt": "json"}})


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


def decoded(pieces: list[bytes]) -> list[Event]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.close()
    return events


def streamed(reply: Reply, asked: ChatRequest = ASKED) -> bytes:
    encoder = EventEncoder(asked)
    return b"".join(encoder.encode(event) for event in unfold(reply))


def body_of(request: ChatRequest) -> dict[str, Any]:
    """The request as bytes and back, as it travels."""
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(encode_request(request).body))
    return body


@given(some.requests())
@few
def test_a_request_survives_its_wire(request: ChatRequest) -> None:
    assert encode_request(request).losses == ()
    assert decode_request(body_of(request)) == request


def snake_case(value: Any) -> Any:
    """The request with the names of the proto."""
    if isinstance(value, list):
        return [snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    opaque = {"args", "response", "parametersJsonSchema", "responseJsonSchema"}
    return {
        name if name.startswith("xX") else "".join("_" + c.lower() if c.isupper() else c for c in name): (
            inner if name in opaque or name.startswith("xX") else snake_case(inner)
        )
        for name, inner in value.items()
    }


@given(some.requests())
@few
def test_names_with_underscores_mean_the_same(request: ChatRequest) -> None:
    body = body_of(request)
    assert decode_request(snake_case(body)) == request


@given(some.requests())
@few
def test_a_request_of_the_wire_itself_passes_unchanged(request: ChatRequest) -> None:
    body = body_of(request)
    assert prepare_request(body) == body


@given(some.replies())
@few
def test_a_reply_survives_its_wire(reply: Reply) -> None:
    encoded = encode_reply(reply, ASKED)
    assert decode_reply(encoded) == reply
    usage = read_usage(encoded)
    if reply.usage is None:
        assert usage is None
    else:
        assert usage == msgspec.structs.replace(reply.usage, vendor={})


@given(some.replies())
@few
def test_a_stream_survives_its_wire(reply: Reply) -> None:
    assert fold(decoded([streamed(reply)])) == reply


@given(some.replies(), st.lists(st.integers(0, 2**20), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
@few
def test_any_split_of_the_bytes_gives_the_same_events(reply: Reply, places: list[int], line_end: bytes) -> None:
    data = streamed(reply)
    noisy = b"\xef\xbb\xbf: hello\n\nretry: 5\n\n" + data
    assert decoded(cut(noisy.replace(b"\n", line_end), places)) == decoded([data])


@given(some.replies(), st.lists(st.integers(0, 2**20), max_size=8))
@few
def test_a_watched_stream_is_forwarded_whole(reply: Reply, places: list[int]) -> None:
    data = streamed(reply)
    watch = StreamWatch({})
    assert b"".join(watch.feed(piece) for piece in cut(data, places)) == data
    watch.close()
    assert watch.finished
    assert watch.model == reply.model
    expected = None if reply.usage is None else msgspec.structs.replace(reply.usage, vendor={})
    assert watch.usage == expected


@given(some.replies())
@settings(max_examples=15, deadline=None)
def test_every_single_split_gives_the_same_events(reply: Reply) -> None:
    data = streamed(reply)[:400]
    decoder = EventDecoder()
    whole = decoder.feed(data)
    for place in range(len(data)):
        decoder = EventDecoder()
        assert decoder.feed(data[:place]) + decoder.feed(data[place:]) == whole


@given(some.replies())
@few
def test_a_stream_as_one_array_has_the_same_chunks(reply: Reply) -> None:
    events = streamed(reply).decode().split("\n\n")[:-1]
    assert json.loads(streamed(reply, AS_ARRAY)) == [json.loads(event.removeprefix("data: ")) for event in events]


def without_unknown(value: Any) -> Any:
    """JSON without fields that no SDK knows."""
    if isinstance(value, list):
        return [without_unknown(item) for item in value]
    if isinstance(value, dict):
        return {name: without_unknown(inner) for name, inner in value.items() if not name.startswith("xX")}
    return value


@pytest.fixture(scope="module")
def sdk() -> Iterator[Any]:
    """The types of Google's SDK, which forbid unknown fields; importing it takes a second."""
    from google.genai import types

    yield types


def valid(model: type[pydantic.BaseModel], value: Any) -> None:
    model.model_validate_json(json.dumps(without_unknown(value)))


def check(sdk: Any, encoded: bytes) -> None:
    valid(sdk.GenerateContentResponse, json.loads(encoded))


def test_the_official_sdk_accepts_every_reply_and_chunk(sdk: Any) -> None:
    @given(some.replies())
    @few
    def accepts(reply: Reply) -> None:
        check(sdk, encode_reply(reply, ASKED))
        for event in streamed(reply).decode().split("\n\n")[:-1]:
            check(sdk, event.removeprefix("data: ").encode())

    accepts()


def test_the_official_sdk_has_a_type_for_every_request(sdk: Any) -> None:
    @given(some.requests())
    @few
    def has_a_type(request: ChatRequest) -> None:
        body = body_of(request)
        for content in [*body["contents"], body.get("systemInstruction", {"parts": [{"text": ""}]})]:
            valid(sdk.Content, content)
        for tool in body.get("tools", ()):
            valid(sdk.Tool, tool)
        valid(sdk.ToolConfig, body.get("toolConfig", {}))
        valid(sdk.GenerationConfig, body.get("generationConfig", {}))

    has_a_type()


@pytest.mark.parametrize(
    ("error", "name"), [(MalformedRequest("bad"), "ClientError"), (UpstreamFailed("down"), "ServerError")]
)
def test_the_official_sdk_raises_its_own_errors(sdk: Any, error: EcotoneError, name: str) -> None:
    from google.genai import errors

    del sdk
    with pytest.raises(getattr(errors, name)) as caught:
        errors.APIError.raise_error(error.status, json.loads(encode_error(error)), None)
    assert (caught.value.code, caught.value.message) == (error.status, error.message)
