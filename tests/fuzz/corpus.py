"""What fuzzing starts from: hand-written seeds, the goldens, and what the wires' encoders make of both."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from ecotone.values.chat import ChatRequest, Json
from ecotone.values.reply import Start
from ecotone.wire.envelope import seal, seal_id
from ecotone.wire.json_body import decode_json_object, encode_json_object
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import Wire

SEEDS = Path(__file__).parent / "seeds"
GOLDENS = Path(__file__).parent.parent / "wire" / "goldens"

_T = TypeVar("_T")

START = Start(id="reply_1", created=1_700_000_000)
"""What a gateway says of a reply where the upstream does not."""


class WireCorpus(msgspec.Struct, frozen=True):
    """The bytes of one wire, by kind."""

    requests: list[bytes]
    replies: list[bytes]
    streams: list[bytes]
    errors: list[bytes]


def corpora(wires: Mapping[str, Wire]) -> dict[str, WireCorpus]:
    """The corpus of each wire."""
    written = {wire.name: _written(wire) for wire in wires.values()}
    found = {
        name: WireCorpus(*(list(getattr(own, kind)) for kind in own.__struct_fields__)) for name, own in written.items()
    }
    for wire in wires.values():
        for other in wires.values():
            if other is not wire:
                _translate(wire, written[wire.name], other, found[other.name])
    return found


def shared_corpus(found: Mapping[str, WireCorpus]) -> dict[str, list[bytes]]:
    """What the readers apart from the wires start from, by decoder."""
    data: Json = {"signature": "c2ln", "vendor": {"gemini": {"thoughtSignature": "c2ln"}, "gemini.form": {"at": 1}}}
    sealed = (
        seal("gemini", data),
        seal("", {}),
        seal_id("call_1", {"gemini": {"thoughtSignature": "c2ln"}}, "anthropic"),
    )
    return {
        "json": [body for corpus in found.values() for body in (*corpus.requests, *corpus.replies)],
        "sse": [stream for corpus in found.values() for stream in corpus.streams],
        "headers": [b"120", b"1.5", b"Fri, 31 Dec 1999 23:59:59 GMT", b"31 Dec 1999 23:59:59 -0000"],
        "form": [
            b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
            b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename*=UTF-8''a%20b.wav\r\n"
            b"Content-Type: audio/wav\r\n\r\nRIFF\r\n--b--\r\n"
        ],
        "amazon": [
            b"\x03abc\x07\x00\x02de\x01f\x04\x00\x00\x00\x01payload",
            b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
        ],
        "envelope": [text.encode() for text in sealed],
    }


def client_request(wire: Wire, body: bytes) -> ChatRequest:
    """The request in this body as a gateway has it, which knows a model's name also where the path says it."""
    request = wire.decode_request(decode_json_object(body))
    return msgspec.structs.replace(request, model=request.model or "m", stream=True)


def _written(wire: Wire) -> WireCorpus:
    """The seeds of a wire, and each golden as what this wire can read it."""
    corpus = WireCorpus([], [], [], [])
    kinds = {"request": corpus.requests, "reply": corpus.replies, "stream": corpus.streams, "error": corpus.errors}
    for path in sorted((SEEDS / wire.name).glob("*_*")):
        kinds[path.name.partition("_")[0]].append(_content(path))
    for data in map(_content, sorted(GOLDENS.rglob("*.*"))):
        if _made(lambda data: client_request(wire, data), data) is not None:
            corpus.requests.append(data)
        if _made(wire.decode_reply, data) is not None:
            corpus.replies.append(data)
        if _made(lambda data: _drained(wire, data), data) is not None:
            corpus.streams.append(data)
    return corpus


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return json.dumps(json.loads(data), separators=(",", ":")).encode() if path.suffix == ".json" else data


def _drained(wire: Wire, data: bytes) -> bool:
    decoder = wire.event_decoder()
    decoder.feed(data)
    decoder.close()
    return True


def _translate(wire: Wire, written: WireCorpus, other: Wire, target: WireCorpus) -> None:
    """Adds what `wire` can read as `other` writes it."""
    asked = [client_request(other, body) for body in target.requests[:1]]

    def request(body: bytes) -> bytes:
        return encode_json_object({"model": "m", **other.encode_request(client_request(wire, body)).body})

    def reply(body: bytes) -> bytes:
        return other.encode_reply(wire.decode_reply(body), asked[0])

    def stream(data: bytes) -> bytes:
        translation = StreamTranslation(wire, other, asked[0], start=START)
        translated = translation.feed(data)
        translation.close()
        return translated

    for make, sources, results in (
        (request, written.requests, target.requests),
        (reply, written.replies, target.replies),
        (stream, written.streams, target.streams),
    ):
        made = [_made(make, source) for source in sources]
        results += [result for result in made if result is not None]


def _made(make: Callable[[bytes], _T], data: bytes) -> _T | None:
    """What `make` makes of `data`, None where it cannot. Whatever goes wrong here meets the checks as well, which
    report it."""
    try:
        return make(data)
    except Exception:
        return None
