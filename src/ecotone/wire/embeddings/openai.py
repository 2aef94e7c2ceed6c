"""Embeddings as OpenAI has them: `CreateEmbeddingRequest` and `CreateEmbeddingResponse` of its description."""

import base64
import binascii
import sys
from array import array
from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingReply, EmbeddingRequest
from ecotone.values.errors import UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.embeddings.form import (
    ClientForm,
    UpstreamForm,
    converted,
    decode_object,
    input_usage,
    malformed,
)
from ecotone.wire.fields import Fields
from ecotone.wire.losses import Encoded, Losses
from ecotone.wire.openai_chat.fast_lane import check_request, read_usage

NAME = "openai"
_FORM = "openai.form"


def decode_request(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    fields.take("stream")
    encoding = fields.text("encoding_format")
    if encoding not in (None, "float", "base64"):
        raise fields.wrong("encoding_format", '"float" or "base64"')
    model, inputs = fields.need_text("model"), _inputs(fields)
    dimensions = fields.integer("dimensions")
    vendor = {NAME: rest} if (rest := fields.rest()) else {}
    if encoding is not None:
        vendor[_FORM] = {"encoding_format": encoding}
    return EmbeddingRequest(model, inputs, dimensions, vendor=vendor)


def _inputs(fields: Fields) -> tuple[str | tuple[int, ...], ...]:
    value = fields.take("input")
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value:
        if _are_tokens(value):
            return (tuple(value),)
        if all(isinstance(item, str) or _are_tokens(item) for item in value):
            return tuple(item if isinstance(item, str) else tuple(item) for item in value)
    raise fields.wrong("input", "a text, a list of token ids, or a list of these with something in it")


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int and item >= 0 for item in value)


def encode_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    packed = request.vendor.get(_FORM, {}).get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": number, "embedding": _packed(vector) if packed else vector}
        for number, vector in enumerate(reply.vectors)
    ]
    encoded: Json = {"object": "list", "data": data, "model": reply.model or request.model}
    if reply.usage is not None and reply.usage.input_tokens is not None:
        tokens = reply.usage.input_tokens
        encoded["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(encoded)


def _packed(vector: list[float]) -> str:
    return base64.b64encode(_little_endian(array("f", vector)).tobytes()).decode()


def _little_endian(values: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        values.byteswap()
    return values


def encode_request(request: EmbeddingRequest) -> Encoded:
    losses = Losses(NAME)
    body: Json = {"input": [text if isinstance(text, str) else list(text) for text in request.inputs]}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.purpose is not None:
        losses.add("purpose", f"what the vectors are for ({request.purpose}); OpenAI's form cannot say it")
    if request.title is not None:
        losses.add("title", "the document's title; OpenAI's form has no place for it")
    if request.truncate:
        losses.add("truncate", "that long texts may be cut; the model's server decides")
    body |= losses.rest(request.vendor, "")
    return Encoded(body, losses.all())


def named(body: Json, model: str) -> Json:
    return {**body, "model": model}


class _Entry(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Entry]
    model: str | None = None
    usage: _Tokens | None = None


def decode_reply(body: bytes) -> EmbeddingReply:
    """The vectors, in the order of their `index`."""
    reply = converted(decode_object(body), _Reply, body)
    entries = sorted(enumerate(reply.data), key=lambda found: found[0] if found[1].index is None else found[1].index)
    vectors = tuple(_vector(entry.embedding, body) for _, entry in entries)
    return EmbeddingReply(vectors, reply.model, input_usage(reply.usage.prompt_tokens if reply.usage else None))


def _vector(embedding: list[float] | str, body: bytes) -> list[float]:
    if isinstance(embedding, list):
        return embedding
    values = array("f")
    try:
        values.frombytes(base64.b64decode(embedding, validate=True))
    except (binascii.Error, ValueError):
        raise UpstreamMalformed("The upstream's reply holds a vector that cannot be read.", raw=body) from None
    return _little_endian(values).tolist()


def _read_usage(body: bytes) -> Usage | None:
    return read_usage(body)


CLIENT = ClientForm(decode_request, encode_reply, lambda request: check_request(request, "input"))
UPSTREAM = UpstreamForm(encode_request, named, decode_reply, _read_usage)
