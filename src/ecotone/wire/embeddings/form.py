"""What a format of embeddings offers, to clients and to upstreams; and what the formats share."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingReply, EmbeddingRequest
from ecotone.values.errors import MalformedRequest, UnsupportedFeature, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.fields import Fields
from ecotone.wire.losses import Encoded
from ecotone.wire.openai_error import decode_error_object

_T = TypeVar("_T")
_anything = msgspec.json.Decoder()


def _anything_goes(request: Json) -> None:
    del request


class ClientForm(msgspec.Struct, frozen=True, eq=False):
    """Towards clients. `decode_request` takes its object apart and raises MalformedRequest, naming the place, or
    UnsupportedFeature; `check_request` makes sure that a request can be passed on as it is."""

    decode_request: Callable[[Json], EmbeddingRequest]
    encode_reply: Callable[[EmbeddingReply, EmbeddingRequest], bytes]
    check_request: Callable[[Json], None] = _anything_goes


class UpstreamForm(msgspec.Struct, frozen=True, eq=False):
    """Towards upstreams. `encode_request` leaves the model's name out, `named` puts it into a copy. `decode_reply`
    raises UpstreamError; `read_usage` reads no more than the token counts of a reply that is passed on."""

    encode_request: Callable[[EmbeddingRequest], Encoded]
    named: Callable[[Json, str], Json]
    decode_reply: Callable[[bytes], EmbeddingReply]
    read_usage: Callable[[bytes], Usage | None]


def malformed(message: str, place: str) -> MalformedRequest:
    return MalformedRequest(message, param=place)


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    """The field `name`: a text, or a list of at least one. Raises MalformedRequest."""
    value = fields.take(name)
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise fields.wrong(name, "a text or a list of texts with something in it")
    return tuple(value)


def only_texts(request: EmbeddingRequest) -> list[str]:
    """The inputs, all of them texts. Raises UnsupportedFeature for token ids."""
    found = [text for text in request.inputs if isinstance(text, str)]
    if len(found) != len(request.inputs):
        raise UnsupportedFeature("This model takes texts, not token ids.", param="input")
    return found


def decode_object(body: bytes) -> Any:
    """The JSON object of an upstream's reply. Raises UpstreamMalformed, and what an error object means."""
    try:
        decoded = _anything.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None
    if not isinstance(decoded, dict):
        raise UpstreamMalformed("The upstream's reply is no JSON object.", raw=body)
    if decoded.get("error"):
        raise decode_error_object(decoded, raw=body)
    return decoded


def converted(decoded: Any, kind: type[_T], body: bytes) -> _T:
    """The reply's fields. Raises UpstreamMalformed where they are not what they should be."""
    try:
        return msgspec.convert(decoded, kind)
    except msgspec.ValidationError as fault:
        raise UpstreamMalformed(f"The upstream's reply holds no embeddings: {fault}.", raw=body) from None


def input_usage(tokens: int | None) -> Usage | None:
    return None if tokens is None else Usage(input_tokens=tokens)
