"""countTokens: `CountTokensRequest` in both of Google's APIs, and `CountTokensResponse`.

The Gemini API takes contents alone, or a whole generateContent request that names its model
(https://ai.google.dev/api/tokens); Vertex AI takes the fields of such a request one by one.
"""

from typing import Annotated

import msgspec

from ecotone.values.chat import ChatRequest, Json
from ecotone.values.errors import MalformedRequest, UpstreamMalformed
from ecotone.wire.gemini.error import decode_error_object
from ecotone.wire.gemini.names import usual_count_names
from ecotone.wire.gemini.request import decode_request, encode_request
from ecotone.wire.losses import Encoded

_VERTEX_FIELDS = ("contents", "systemInstruction", "tools", "generationConfig")


def encode_count_request(request: ChatRequest, model: str, *, vertex: bool = False) -> Encoded:
    """The request to count the tokens of `request` for the upstream's model `model`."""
    encoded = encode_request(request)
    if vertex:
        return Encoded({name: encoded.body[name] for name in _VERTEX_FIELDS if name in encoded.body}, encoded.losses)
    if encoded.body.keys() == {"contents"}:
        return encoded
    named = model if model.startswith("models/") else f"models/{model}"
    return Encoded({"generateContentRequest": {"model": named, **encoded.body}}, encoded.losses)


def decode_count_request(request: Json) -> ChatRequest:
    """What a client wants counted, in either form. Raises MalformedRequest."""
    try:
        usual_count_names(request)
    except RecursionError:
        raise MalformedRequest("The body's JSON is nested too deeply.") from None
    whole = request.get("generateContentRequest")
    if whole is None:
        return decode_request(request)
    if request.get("contents") or not isinstance(whole, dict):
        raise MalformedRequest(
            "`generateContentRequest` must be an object, and `contents` must not be beside it.",
            param="generateContentRequest",
        )
    return decode_request(whole)


class _Count(msgspec.Struct, frozen=True, rename="camel"):
    total_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    error: object = None


_decoder = msgspec.json.Decoder(_Count)
_anything = msgspec.json.Decoder()


def decode_count(body: bytes) -> int:
    """The number of tokens that an upstream counted."""
    try:
        count = _decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's count cannot be read: {fault}.", raw=body) from None
    if count.error:
        raise decode_error_object(_anything.decode(body), raw=body)
    if count.total_tokens is None:
        raise UpstreamMalformed("The upstream's count has no `totalTokens`.", raw=body)
    return count.total_tokens


def encode_count(count: int) -> bytes:
    """The count for a client."""
    return msgspec.json.encode({"totalTokens": count})
