"""Filters over replies that are no conversation's: every text in them counts as a part of one answer."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ecotone.upstream.endpoints import Call
from ecotone.values.errors import EcotoneError, UnsupportedFeature, UpstreamMalformed
from ecotone.values.filters import EventFilter, filter_events
from ecotone.values.reply import End, Finish, Start, TextDelta

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_DEPTH_MAX = 200


def filtered_json(body: bytes, filters: Sequence[EventFilter]) -> bytes:
    """A reply in JSON with each of its strings, but for the names of fields, gone through the filters.

    Raises UpstreamMalformed, and what the filters raise.
    """
    try:
        reply = _decoder.decode(body)
        texts: list[str] = []
        _gather(reply, texts, 0)
        told = iter(_filtered(texts, filters))
        return _encoder.encode(_replaced(reply, told))
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None


def filtered_text(body: bytes, filters: Sequence[EventFilter]) -> bytes:
    """A reply that is plain text. Raises UpstreamMalformed where it is not, and what the filters raise."""
    try:
        return _filtered([body.decode()], filters)[0].encode()
    except UnicodeDecodeError:
        raise UpstreamMalformed("The upstream's reply is no text.", raw=body) from None


def unfiltered_stream(call: Call) -> EcotoneError:
    """The error for a stream that no filter understands."""
    return UnsupportedFeature(
        f"The rules have something to look for in the reply, which cannot be done in a stream of {call.operation}."
        " Ask for it without a stream."
    )


def _gather(value: Any, texts: list[str], depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            _gather(inner, texts, depth + 1)


def _replaced(value: Any, told: Any) -> Any:
    if isinstance(value, str):
        return next(told)
    if isinstance(value, list):
        return [_replaced(inner, told) for inner in value]
    if isinstance(value, dict):
        return {name: _replaced(inner, told) for name, inner in value.items()}
    return value


def _filtered(texts: Sequence[str], filters: Sequence[EventFilter]) -> list[str]:
    deltas = [TextDelta(0, number, text) for number, text in enumerate(texts)]
    told = [""] * len(texts)
    for event in filter_events([Start(), *deltas, Finish(0, "stop"), End()], filters):
        if isinstance(event, TextDelta):
            told[event.part] += event.text
    return told
