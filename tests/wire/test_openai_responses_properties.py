"""What holds for every request, reply and stream on the Responses wire."""

import itertools
import json
import warnings
from functools import cache
from typing import Any

import msgspec
import pydantic
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent, response_create_params

import tests.wire.chat_strategies as chat
import tests.wire.responses_strategies as some
from ecotone.values.chat import ChatRequest, ImagePart, Vendor
from ecotone.values.reply import Event, LogprobsDelta, Reply, TextDelta, fold, unfold
from ecotone.wire.openai_chat import WIRE as CHAT
from ecotone.wire.openai_responses import (
    FORM,
    NAME,
    EventDecoder,
    EventEncoder,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from tests.vendors.openai_rules import definitions, violations
from tests.vendors.sdk_params import breaches

few = settings(max_examples=50, deadline=None)
# Each event of each example is checked against two descriptions.
fewer = settings(max_examples=20, deadline=None)
ASKED = ChatRequest("m", (), vendor={FORM: {"encrypted": True}})
_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ResponseStreamEvent)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


def decoded(pieces: list[bytes]) -> list[Event]:
    decoder = EventDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    decoder.close()
    return events


def streamed(reply: Reply, request: ChatRequest = ASKED) -> bytes:
    encoder = EventEncoder(request)
    return b"".join(encoder.encode(event) for event in told(reply))


def told(reply: Reply) -> list[Event]:
    """The events that fold to this reply, log probabilities after the one text that they belong to."""
    events = list(unfold(reply))
    tokens: list[Event] = [event for event in events if isinstance(event, LogprobsDelta)]
    ordered: list[Event] = []
    for event in events:
        if not isinstance(event, LogprobsDelta):
            ordered += [event, *tokens] if isinstance(event, TextDelta) else [event]
    return ordered


def payloads(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.partition("\ndata: ")[2]) for event in stream.decode().split("\n\n")[:-1]]


def without_repeats(reply: Reply) -> Reply:
    """The reply without what it repeats of the request."""
    own = {name: value for name, value in reply.vendor.get(NAME, {}).items() if name.startswith("x_")}
    return msgspec.structs.replace(reply, vendor={NAME: own} if own else {})


@given(some.requests())
@few
def test_a_request_survives_its_wire(request: ChatRequest) -> None:
    encoded = encode_request(request)
    assert encoded.losses == ()
    again = decode_request({"model": request.model, **encoded.body})
    stateless: Vendor = {**request.vendor, FORM: {**request.vendor[FORM], "store": False}}
    assert again == msgspec.structs.replace(request, vendor=stateless)


@given(some.replies())
@few
def test_a_reply_survives_its_wire(reply: Reply) -> None:
    assert without_repeats(decode_reply(encode_reply(reply, ASKED))) == reply


@given(some.replies())
@few
def test_a_stream_survives_its_wire(reply: Reply) -> None:
    assert without_repeats(fold(decoded([streamed(reply)]))) == reply


@given(some.replies(), st.lists(st.integers(0, 2**20), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
@few
def test_any_split_of_the_bytes_gives_the_same_events(reply: Reply, places: list[int], line_end: bytes) -> None:
    data = streamed(reply)
    noisy = b"\xef\xbb\xbf: hello\n\nretry: 5\n\n" + data
    assert decoded(cut(noisy.replace(b"\n", line_end), places)) == decoded([data])


def documented(reply: Reply) -> Reply:
    """The reply without fields that nobody knows, and without what is newer than the description: formats of images,
    and the end of a response that was steered."""
    parts = tuple(
        msgspec.structs.replace(part, vendor={FORM: part.vendor[FORM]} if FORM in part.vendor else {})
        for part in reply.choices[0].parts
        if not isinstance(part, ImagePart)
    )
    usage = None if reply.usage is None else msgspec.structs.replace(reply.usage, vendor={})
    choice = msgspec.structs.replace(reply.choices[0], parts=parts)
    if choice.raw_finish == "steered":
        choice = msgspec.structs.replace(choice, finish="stop", raw_finish="completed")
    return msgspec.structs.replace(reply, choices=(choice,), usage=usage)


def check_reply(body: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Response.model_validate_json(body, strict=True)
    assert violations("Response", json.loads(body)) == []


@cache
def schema_of(kind: str) -> str:
    """The description's schema of the events of this type."""
    stream_event = definitions()["ResponseStreamEvent"]
    for option in stream_event["anyOf"]:
        name: str = option["$ref"].rpartition("/")[2]
        if kind in definitions()[name]["properties"]["type"]["enum"]:
            return name
    raise AssertionError(f"the description has no event {kind}")


def check_stream(stream: bytes) -> None:
    """The grammar of the stream as the SDK and the description have it, with everything in its place."""
    events = payloads(stream)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    items: list[dict[str, Any]] = []
    open_item: str | None = None
    for event in events:
        _EVENT.validate_python(event, strict=True)
        kind = event["type"]
        assert violations(schema_of(kind), event) == []
        if kind == "response.output_item.added":
            assert open_item is None
            assert event["output_index"] == len(items)
            open_item = event["item"]["id"]
        elif kind == "response.output_item.done":
            assert (event["item"]["id"], event["output_index"]) == (open_item, len(items))
            items.append(event["item"])
            open_item = None
        elif "item_id" in event:
            assert (event["item_id"], event["output_index"]) == (open_item, len(items))
    assert open_item is None
    assert events[-1]["response"]["output"] == items


@given(some.replies())
@fewer
def test_sdk_and_description_accept_every_reply_and_stream(reply: Reply) -> None:
    plain = documented(reply)
    check_reply(encode_reply(plain, ASKED))
    check_stream(streamed(plain))


@given(chat.replies(), some.requests())
@fewer
def test_sdk_and_description_accept_what_came_from_chat_completions(reply: Reply, request: ChatRequest) -> None:
    plain = msgspec.structs.replace(
        request, metadata=None, output=None, tools=(), tool_choice=None, user=None, sampling=type(request.sampling)()
    )
    reply = documented(reply)
    check_reply(encode_reply(reply, plain))
    events = CHAT.event_decoder().feed(
        b"".join(map(CHAT.event_encoder(ChatRequest("m", (), include_usage=True)).encode, unfold(reply)))
    )
    encoder = EventEncoder(plain)
    check_stream(b"".join(encoder.encode(event) for event in events))


# The gateway's fields that no upstream gets to see, and words that are no business of a type.
@given(some.requests() | chat.requests)
@few
def test_the_sdk_has_a_type_for_every_request(request: ChatRequest) -> None:
    plain = msgspec.structs.replace(
        request,
        vendor={},
        reasoning=None,
        tools=tuple(msgspec.structs.replace(tool, vendor={}) for tool in request.tools if hasattr(tool, "strict")),
        sampling=msgspec.structs.replace(request.sampling, stop=(), n=None),
        messages=tuple(bare(message) for message in request.messages),
        system=tuple(bare(message) for message in request.system),
    )
    hint = (
        response_create_params.ResponseCreateParamsStreaming
        if request.stream
        else response_create_params.ResponseCreateParamsNonStreaming
    )
    body = {"model": "m", **encode_request(plain).body}
    assert breaches(hint, body, {}) == []


def bare(message: Any) -> Any:
    """The message without fields that nobody knows, sounds, which the wire has not, and inner words of items."""
    parts = []
    for part in message.parts:
        if type(part).__name__ == "AudioPart":
            continue
        vendor = {FORM: part.vendor[FORM]} if FORM in part.vendor else {}
        changes: dict[str, Any] = {"vendor": vendor}
        if type(part).__name__ == "ToolResultPart":
            changes["parts"] = tuple(msgspec.structs.replace(inner, vendor={}) for inner in part.parts)
        parts.append(msgspec.structs.replace(part, **changes))
    return msgspec.structs.replace(message, parts=tuple(parts), vendor={})
