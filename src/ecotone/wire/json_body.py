"""JSON bodies, decoded without types and encoded again.

So unknown fields and the order stay, and duplicate keys cannot hide from whoever inspects a request in between.
"""

import re
from typing import Any, TypeVar

import msgspec

from ecotone.values.errors import MalformedRequest, UpstreamMalformed

_Read = TypeVar("_Read")

_anything = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_BYTE = re.compile(r"\(byte (\d+)\)")
_HALF_PAIR = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])")


def decode_json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a request's body holds.

    Raises MalformedRequest, which says where: for what is not JSON (NaN and Infinity included), for text that is not
    UTF-8 or has half a surrogate pair, for numbers out of range, for nesting too deep and for other values.
    """
    try:
        decoded = _anything.decode(body)
    except UnicodeDecodeError:
        raise MalformedRequest(_not_utf8(body)) from None
    except msgspec.ValidationError as fault:
        raise MalformedRequest(f"The body holds a value that cannot be passed on: {fault}.") from None
    except msgspec.DecodeError as fault:
        raise MalformedRequest(_not_json(body, str(fault))) from None
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None
    if not isinstance(decoded, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return decoded


def model_named(request: dict[str, Any]) -> str:
    """The `model` that a request's body names. Raises MalformedRequest."""
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise MalformedRequest("`model` must be a non-empty string: the name of a model or route.", param="model")
    return model


def asks_for_stream(request: dict[str, Any], *, unasked: bool = False) -> bool:
    """Whether the body's `stream` is true; `unasked` where it is not there. Raises MalformedRequest where it is neither
    true nor false."""
    stream = request.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise MalformedRequest("`stream` must be true or false.", param="stream")
    return unasked if stream is None else stream


def encode_json_object(request: dict[str, Any]) -> bytes:
    """The same request as bytes, in the order of its keys. Raises MalformedRequest when it is nested too deeply."""
    try:
        return _encoder.encode(request)
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None


def read_reply(decoder: msgspec.json.Decoder[_Read], body: bytes) -> _Read:
    """What `decoder` reads of an upstream's whole reply. Raises UpstreamMalformed where it cannot."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None


def _not_utf8(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as fault:
        return f"The body is not UTF-8: {fault.reason} at {_place(body, fault.start)}."
    return "The body is not UTF-8."


def _not_json(body: bytes, fault: str) -> str:
    found = _BYTE.search(fault)
    half = _HALF_PAIR.search(body) if found is None or "surrogate" in fault else None
    if half:
        return f"The body is not valid JSON: half a surrogate pair at {_place(body, half.start())}."
    if found:
        reason = fault.removeprefix("JSON is malformed: ").replace(found.group(), "").strip()
        # msgspec counts one further for these than for all else.
        offset = int(found.group(1)) - (reason == "trailing characters")
        return f"The body is not valid JSON: {reason} at {_place(body, offset)}."
    return f"The body is not valid JSON: it ends too early, at {_place(body, len(body))}."


def _place(body: bytes, offset: int) -> str:
    before = body[:offset]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return f"line {line}, column {column} (byte {offset})"
