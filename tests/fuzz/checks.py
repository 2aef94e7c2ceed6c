"""What must hold for any input: only errors of the tree come out, and what decodes can be encoded again."""

import math
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from ecotone.values.chat import ChatRequest, Json
from ecotone.values.errors import EcotoneError, MalformedRequest, RequestError, UpstreamError
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    fold,
)
from ecotone.wire.aws_event_stream import Message, MessageReader
from ecotone.wire.envelope import open_id, opened_reasoning, seal, seal_id, sealed_signature, unseal
from ecotone.wire.json_body import decode_json_object, encode_json_object
from ecotone.wire.multipart import read_upload
from ecotone.wire.retry_after import retry_after_s
from ecotone.wire.sse import WholeEvents, payload, split_events
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import EventDecoder, StreamWatch, Wire
from tests.fuzz.corpus import START, WireCorpus, client_request, shared_corpus

Check = Callable[[bytes], str]
"""Tries an input and says in a few words what came of it, so that what is new can be told. Raises whatever is wrong."""

Place = tuple[str, str]
"""A wire and a decoder of it; the wire of what reads bytes apart from the wires is "shared"."""

_STATUSES = (200, 302, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504, 522, 529)
_PARTICULARS = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^']*'|\d[\d,.]*")
_OUTCOME_CHARS_MAX = 160
_EVENT_BYTES_MAX = 400

_SOME_EVENTS: tuple[Event, ...] = (
    START,
    ReasoningDelta(0, 0, "First."),
    ReasoningDelta(0, 0, "", "c2ln", {"x-other": {"a": 1}}, "x-other"),
    TextDelta(0, 1, "Hel"),
    TextDelta(0, 1, "lo"),
    RefusalDelta(0, 2, "No."),
    ToolCallDelta(0, 3, "call_1", "weather", '{"city":', "function", {"x-other": {"a": 1}}),
    ToolCallDelta(0, 4, "call_2", "shell", "ls", "custom"),
    ToolCallDelta(0, 3, arguments='"Oslo"}'),
    AudioDelta(0, 5, data="AAAA", transcript="hi", id="a", format="wav"),
    TextDelta(1, 0, "Hi"),
    Finish(0, "tool_calls"),
    Finish(1, "length"),
    UsageReport(Usage(input_tokens=1, output_tokens=2)),
    End(),
)


class Broken(Exception):
    """Something that must hold does not."""


class WireChecks:
    """The checks of one wire; what it decodes is encoded for `clients`, itself among them."""

    def __init__(self, wire: Wire, clients: Iterable[Wire], corpora: Mapping[str, WireCorpus]) -> None:
        self._wire = wire
        self._clients = [(client, _asked(client, corpora[client.name])) for client in clients]
        self._requests = _objects(corpora[wire.name])

    def request(self, data: bytes) -> str:
        """A client's request: passed on, and translated for every wire."""
        try:
            said = decode_json_object(data)
            self._wire.check_request(said)
        except RequestError as fault:
            return outcome(fault)
        self._pass_on(said)
        try:
            request = self._wire.decode_request(decode_json_object(data))
        except RequestError as fault:
            return outcome(fault)
        request = msgspec.structs.replace(request, model=request.model or "m")
        found = [outcome(self._translate(request, target)) for target, _ in self._clients]
        self._answer(request)
        return "; ".join([_kinds(part for message in request.messages for part in message.parts), *found])

    def _pass_on(self, said: Json) -> None:
        try:
            encode_json_object(self._wire.prepare_request(said))
        except RequestError:
            return
        self._wire.stream_watch(said).feed(b"data: {}\n\n")

    def _translate(self, request: ChatRequest, target: Wire) -> RequestError | str:
        try:
            encoded = target.encode_request(request)
            body = encode_json_object({"model": "m", **encoded.body})
        except RequestError as fault:
            return fault
        if target is self._wire:
            target.decode_request(decode_json_object(body))
        return " ".join(sorted({_PARTICULARS.sub("", loss.reason) for loss in encoded.losses}))

    def _answer(self, request: ChatRequest) -> None:
        """What is said to the client that sent this request."""
        encoder = self._wire.event_encoder(request)
        written = b"".join(map(encoder.encode, _SOME_EVENTS))
        _read_back(self._wire, written, complete=True)
        self._wire.encode_reply(fold(_SOME_EVENTS), request)

    def reply(self, data: bytes) -> str:
        """An upstream's whole reply: passed on, and translated for every wire."""
        try:
            usage = self._wire.read_usage(data)
        except (UpstreamError, RequestError) as fault:
            for client, _ in self._clients:
                client.encode_error(fault)
        else:
            if usage is not None:
                _check_counts(usage)
        try:
            reply = self._wire.decode_reply(data)
        except (UpstreamError, RequestError) as fault:
            return outcome(fault)
        if reply.usage is not None:
            _check_counts(reply.usage)
        for client, request in self._clients:
            encoded = client.encode_reply(reply, request)
            # A reply without any choice is one that not every wire can tell.
            if reply.choices:
                client.decode_reply(encoded)
        parts = [part for choice in reply.choices for part in choice.parts]
        return f"{_kinds(parts)} {sorted({choice.finish or '' for choice in reply.choices})}"

    def stream(self, data: bytes) -> str:
        """An upstream's stream, in any pieces: decoded, and translated for every wire."""
        pieces = _pieces(data)
        events, fault = _decoded(self._wire.event_decoder(), pieces)
        events_of_whole, fault_of_whole = _decoded(self._wire.event_decoder(), [data])
        if (events, outcome(fault)) != (events_of_whole, outcome(fault_of_whole)):
            raise Broken(f"how the bytes are split makes a difference: {outcome(fault)}, {outcome(fault_of_whole)}")
        if fault is None and not (events and isinstance(events[-1], End)):
            raise Broken("a stream without End is taken for complete")
        fold(events)
        # A complete stream that told no reason for the end of a choice is one that not every wire can tell.
        choices = {event.choice for event in events if not isinstance(event, Start | UsageReport | End)}
        ended = {event.choice for event in events if isinstance(event, Finish) and event.reason is not None}
        finished = bool(choices) and choices == ended
        for client, request in self._clients:
            self._translate_stream(client, request, pieces, finished=finished)
        return f"{outcome(fault)} {_kinds(events)}"

    def _translate_stream(self, client: Wire, request: ChatRequest, pieces: Sequence[bytes], *, finished: bool) -> None:
        translation = StreamTranslation(self._wire, client, request, start=START)
        written = [translation.feed(piece) for piece in pieces]
        try:
            translation.close()
        except (UpstreamError, RequestError) as fault:
            written.append(translation.encode_error(fault))
            _read_back(client, b"".join(written), complete=False)
        else:
            if finished:
                _read_back(client, b"".join(written), complete=True)

    def watch(self, data: bytes) -> str:
        """An upstream's stream, in any pieces, on its way to a client of the same wire."""
        pieces = _pieces(data)
        said = self._requests[zlib.crc32(data) % len(self._requests)]
        forwarded, watch, fault = _watched(self._wire.stream_watch(said), pieces)
        forwarded_whole, whole, fault_of_whole = _watched(self._wire.stream_watch(said), [data])
        if (_payloads([forwarded]), _facts(watch)) != (_payloads([forwarded_whole]), _facts(whole)):
            raise Broken("how the bytes are split makes a difference to what is forwarded or seen")
        if outcome(fault) != outcome(fault_of_whole):
            raise Broken(f"how the bytes are split makes a difference: {outcome(fault)}, {outcome(fault_of_whole)}")
        if fault is None and not watch.ended:
            raise Broken("a stream without its terminator is taken for complete")
        if fault is not None:
            _read_back(self._wire, forwarded + watch.encode_error(fault), complete=False)
        return (
            f"{outcome(fault)} {watch.finished} {watch.token_seen} {watch.usage is not None} {watch.model is not None}"
        )

    def error(self, data: bytes) -> str:
        """An upstream's error body with any status, told to clients of every wire."""
        status = _STATUSES[zlib.crc32(data) % len(_STATUSES)]
        error = self._wire.decode_error(status, data, endpoint="e")
        if not isinstance(error, UpstreamError | RequestError):
            raise Broken(f"decode_error gave {error!r}")
        for client, request in self._clients:
            if not isinstance(msgspec.json.decode(client.encode_error(error)), dict):
                raise Broken(f"an error's body for {client.name} is no object")
            _read_back(client, client.event_encoder(request).encode_error(error), complete=False)
        watch = self._wire.stream_watch(self._requests[0])
        _read_back(self._wire, watch.encode_error(error), complete=False)
        return f"{status} {outcome(error)}"


def check_json(data: bytes) -> str:
    """A body as JSON."""
    try:
        decoded = decode_json_object(data)
        encoded = encode_json_object(decoded)
    except MalformedRequest as fault:
        return outcome(fault)
    if decode_json_object(encoded) != decoded:
        raise Broken("JSON does not come out as it went in")
    return "read"


def check_sse(data: bytes) -> str:
    """Server-sent events in any pieces."""
    found = []
    for pieces in (_pieces(data), [data]):
        whole = WholeEvents(_EVENT_BYTES_MAX)
        found.append((_payloads([whole.feed(piece) for piece in pieces]), whole.overflow))
    if found[0] != found[1]:
        raise Broken("how the bytes are split makes a difference")
    payloads, overflow = found[0]
    if any(len(data) > _EVENT_BYTES_MAX for data in payloads):
        raise Broken("an event over the bound was handed out")
    return f"{overflow} {min(len(payloads), 4)}"


def check_envelope(data: bytes) -> str:
    """Text where a signature or the id of a tool call should be."""
    text = data.decode(errors="replace")
    opened = unseal(text)
    if opened is not None and unseal(seal(*opened)) != opened:
        raise Broken("an envelope does not come out as it went in")
    part = opened_reasoning("", text, "openai-chat", {})
    sealed = sealed_signature(part, "openai-chat")
    if sealed is not None:
        msgspec.json.encode(opened_reasoning("", sealed, "openai-chat", {}))
    identity, vendor = open_id(text)
    msgspec.json.encode(seal_id(identity, vendor, "openai-chat"))
    return f"{opened is not None} {part.wire == 'openai-chat'} {bool(vendor)}"


def check_headers(data: bytes) -> str:
    """What stands in `retry-after`."""
    wait_s = retry_after_s({"retry-after": data.decode("latin-1")}, now=0)
    if wait_s is not None and not 0 <= wait_s < math.inf:
        raise Broken(f"a wait of {wait_s} s")
    return str(wait_s is not None)


def check_form(data: bytes) -> str:
    """A form with files, its boundary as it should be and as its own first line says."""
    own = data[2:].partition(b"\r\n")[0].decode("latin-1")
    return "; ".join(_form(boundary, data) for boundary in ("b", own))


def _form(boundary: str, data: bytes) -> str:
    try:
        upload = read_upload(f"multipart/form-data; boundary={boundary}", data)
    except RequestError as fault:
        return outcome(fault)
    if upload.body(upload.fields["model"]) != data:
        raise Broken("a form does not come out as it went in")
    # Not their names: a new one is nothing new, and all of them would fill the memory that is watched.
    return f"{len(upload.fields)} fields"


def check_amazon(data: bytes) -> str:
    """Amazon's framing, in any pieces: as it is, and with the checksums that it should have."""
    return "; ".join(_framed(message) for message in (data, framed(data[:20], data[20:])))


def framed(headers: bytes, content: bytes) -> bytes:
    """A message of Amazon's event stream (https://smithy.io/2.0/aws/amazon-eventstream.html)."""
    prelude = struct.pack(">II", 16 + len(headers) + len(content), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + content
    return message + struct.pack(">I", zlib.crc32(message))


def _framed(data: bytes) -> str:
    found = []
    for pieces in (_pieces(data), [data]):
        reader = MessageReader()
        messages: list[Message] = []
        try:
            for piece in pieces:
                messages += reader.feed(piece)
            reader.close()
        except UpstreamError as fault:
            found.append(outcome(fault))
        else:
            found.append(" ".join(sorted({name for message in messages for name in message.headers})))
    if found[0] != found[1]:
        raise Broken(f"how the bytes are split makes a difference: {found}")
    return found[0]


def outcome(said: EcotoneError | str | None) -> str:
    """An error or other result without its particulars."""
    if isinstance(said, EcotoneError):
        said = f"{type(said).__name__} {said.status} {said.code} {_PARTICULARS.sub('', said.message)}"
    return (said or "")[:_OUTCOME_CHARS_MAX]


def _asked(client: Wire, corpus: WireCorpus) -> ChatRequest:
    request = client_request(client, corpus.requests[0])
    return msgspec.structs.replace(request, include_usage=True)


def _objects(corpus: WireCorpus) -> list[dict[str, Any]]:
    return [decode_json_object(body) for body in corpus.requests]


def _pieces(data: bytes) -> list[bytes]:
    """`data` in pieces, always the same ones for the same data."""
    random = Random(zlib.crc32(data))
    longest = random.choice((1, 7, 100, 3000)) if len(data) < 4096 else random.choice((100, 3000))
    pieces, start = [], 0
    while start < len(data):
        end = start + random.randint(1, longest)
        pieces.append(data[start:end])
        start = end
    return pieces


def _decoded(decoder: EventDecoder, pieces: Sequence[bytes]) -> tuple[list[Event], EcotoneError | None]:
    """The events of a stream and the fault at its end."""
    events: list[Event] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        decoder.close()
    except (UpstreamError, RequestError) as fault:
        return events, fault
    return events, None


def _watched(watch: StreamWatch, pieces: Sequence[bytes]) -> tuple[bytes, StreamWatch, EcotoneError | None]:
    """What was forwarded of a stream, its watch, and the fault at its end."""
    forwarded = b"".join([watch.feed(piece) for piece in pieces])
    try:
        watch.close()
    except (UpstreamError, RequestError) as fault:
        return forwarded, watch, fault
    return forwarded, watch, None


def _facts(watch: StreamWatch) -> tuple[object, ...]:
    return watch.usage, watch.model, watch.token_seen, watch.finished, watch.ended


def _read_back(wire: Wire, written: bytes, *, complete: bool) -> None:
    """What a client of `wire` was sent is a stream of it, and ends well only if it is `complete`."""
    decoder = wire.event_decoder()
    _, fault = _decoded(decoder, [written])
    if complete and fault is not None:
        raise Broken(f"what was written for {wire.name} cannot be read: {fault}")
    if not complete and fault is None:
        raise Broken(f"what was written for {wire.name} ends well, but the stream did not")


def _payloads(pieces: Iterable[bytes]) -> list[bytes]:
    """The data of all events in these pieces, each of which ends with one."""
    found = [payload(event) for piece in pieces for event in split_events(piece)]
    return [data for data in found if data is not None]


def _check_counts(usage: Usage) -> None:
    counts = [getattr(usage, name) for name in usage.__struct_fields__ if name != "vendor"]
    if any(count is not None and (not isinstance(count, int) or count < 0) for count in counts):
        raise Broken("token counts that cannot be")


def _kinds(values: Iterable[Any]) -> str:
    return " ".join(sorted({type(value).__name__ for value in values}))


SHARED: Mapping[str, Check] = {
    "json": check_json,
    "sse": check_sse,
    "envelope": check_envelope,
    "headers": check_headers,
    "form": check_form,
    "amazon": check_amazon,
}
"""The checks of what reads bytes apart from the wires."""


def all_checks(
    wires: Mapping[str, Wire], corpora: Mapping[str, WireCorpus]
) -> dict[tuple[str, str], tuple[Check, list[bytes]]]:
    """Every check with its corpus, by wire and decoder; the wire of what is apart from them is "shared"."""
    found: dict[tuple[str, str], tuple[Check, list[bytes]]] = {}
    shared = shared_corpus(corpora)
    for decoder, check in SHARED.items():
        found["shared", decoder] = check, shared[decoder]
    for name, wire in wires.items():
        checks, corpus = WireChecks(wire, wires.values(), corpora), corpora[name]
        found[name, "request"] = checks.request, corpus.requests
        found[name, "reply"] = checks.reply, [*corpus.replies, *corpus.errors]
        found[name, "stream"] = checks.stream, corpus.streams
        found[name, "watch"] = checks.watch, corpus.streams
        found[name, "error"] = checks.error, corpus.errors
    return found
