"""Embeddings as Cohere has them: `POST /v2/embed` (https://docs.cohere.com/reference/embed)."""

import msgspec

from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingReply, EmbeddingRequest, Purpose
from ecotone.values.errors import UnsupportedFeature, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.embeddings.form import (
    ClientForm,
    UpstreamForm,
    converted,
    decode_object,
    input_usage,
    malformed,
    only_texts,
    texts,
)
from ecotone.wire.fields import Fields
from ecotone.wire.losses import Encoded, Losses

NAME = "cohere"
_PURPOSES: dict[str, Purpose] = {
    "search_query": "query",
    "search_document": "document",
    "classification": "classification",
    "clustering": "clustering",
}
# The nearest of the four words for what the others are for.
_INPUT_TYPES: dict[Purpose, str] = {
    "query": "search_query",
    "document": "search_document",
    "similarity": "clustering",
    "classification": "classification",
    "clustering": "clustering",
    "question_answering": "search_query",
    "fact_verification": "search_query",
    "code_query": "search_query",
}
_TRUNCATE = {"NONE": False, "START": None, "END": True}


def decode_request(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    model = fields.need_text("model")
    for name in ("images", "inputs"):
        if fields.look(name) is not None:
            raise UnsupportedFeature("Only `texts` can be embedded here.", param=name)
    inputs = texts(fields, "texts")
    word = fields.text("input_type")
    if word is not None and word not in _PURPOSES:
        raise fields.wrong("input_type", "one of " + ", ".join(_PURPOSES))
    kinds = fields.items("embedding_types")
    if kinds and kinds != ["float"]:
        raise UnsupportedFeature("This model gives vectors as floats alone.", param="embedding_types")
    cut = fields.text("truncate")
    if cut is not None and cut not in _TRUNCATE:
        raise fields.wrong("truncate", "one of " + ", ".join(_TRUNCATE))
    if cut == "START":
        raise UnsupportedFeature("Long texts cannot be cut at their start here.", param="truncate")
    dimensions = fields.integer("output_dimension")
    vendor = {NAME: rest} if (rest := fields.rest()) else {}
    purpose = _PURPOSES[word] if word is not None else None
    truncate = _TRUNCATE[cut] if cut is not None else None
    return EmbeddingRequest(model, inputs, dimensions, purpose, truncate=truncate, vendor=vendor)


def encode_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    encoded: Json = {"id": "", "embeddings": {"float": reply.vectors}, "texts": request.inputs}
    encoded["meta"] = {"api_version": {"version": "2"}}
    if reply.usage is not None and reply.usage.input_tokens is not None:
        encoded["meta"]["billed_units"] = {"input_tokens": reply.usage.input_tokens}
    return msgspec.json.encode(encoded)


def encode_request(request: EmbeddingRequest) -> Encoded:
    losses = Losses(NAME)
    body: Json = {"texts": only_texts(request), "embedding_types": ["float"]}
    word = _INPUT_TYPES[request.purpose] if request.purpose is not None else "search_document"
    body["input_type"] = word
    if request.purpose is None:
        losses.add("purpose", f"not said, and Cohere must be told; sent as {word}")
    elif _PURPOSES[word] != request.purpose:
        losses.add("purpose", f"{request.purpose}; sent as {word}")
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.truncate is not None:
        body["truncate"] = "END" if request.truncate else "NONE"
    if request.title is not None:
        losses.add("title", "the document's title; Cohere's form has no place for it")
    body |= losses.rest(request.vendor, "")
    return Encoded(body, losses.all())


def named(body: Json, model: str) -> Json:
    return {**body, "model": model}


class _Units(msgspec.Struct):
    input_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Units | None = None
    tokens: _Units | None = None


class _Vectors(msgspec.Struct):
    float_: list[list[float]] | None = msgspec.field(name="float", default=None)


class _Reply(msgspec.Struct):
    embeddings: _Vectors
    meta: _Meta | None = None


class _Metered(msgspec.Struct):
    meta: _Meta | None = None


def decode_reply(body: bytes) -> EmbeddingReply:
    reply = converted(decode_object(body), _Reply, body)
    if reply.embeddings.float_ is None:
        raise UpstreamMalformed("The upstream's reply holds no vectors of floats.", raw=body)
    return EmbeddingReply(tuple(reply.embeddings.float_), usage=_usage(reply.meta))


def _usage(meta: _Meta | None) -> Usage | None:
    units = (meta.tokens or meta.billed_units) if meta is not None else None
    return input_usage(round(units.input_tokens) if units is not None and units.input_tokens is not None else None)


def read_usage(body: bytes) -> Usage | None:
    return _usage(converted(decode_object(body), _Metered, body).meta)


CLIENT = ClientForm(decode_request, encode_reply)
UPSTREAM = UpstreamForm(encode_request, named, decode_reply, read_usage)
