"""Embeddings as Google has them: `:embedContent` and `:batchEmbedContents` of the Gemini API
(https://ai.google.dev/api/embeddings) and `:predict` of Vertex AI
(https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api).

The path names the model; entries of a batch name it again.
"""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingReply, EmbeddingRequest, Purpose
from ecotone.values.errors import UnsupportedFeature
from ecotone.values.reply import Usage
from ecotone.wire.embeddings.form import (
    ClientForm,
    UpstreamForm,
    converted,
    decode_object,
    input_usage,
    malformed,
    only_texts,
)
from ecotone.wire.fields import Fields
from ecotone.wire.losses import Encoded, Losses

NAME = "gemini"
_PURPOSES: dict[str, Purpose | None] = {
    "TASK_TYPE_UNSPECIFIED": None,
    "RETRIEVAL_QUERY": "query",
    "RETRIEVAL_DOCUMENT": "document",
    "SEMANTIC_SIMILARITY": "similarity",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
    "QUESTION_ANSWERING": "question_answering",
    "FACT_VERIFICATION": "fact_verification",
    "CODE_RETRIEVAL_QUERY": "code_query",
}
_TASK_TYPES = {purpose: word for word, purpose in _PURPOSES.items() if purpose is not None}


class _Wish(msgspec.Struct, frozen=True):
    """What is asked for one text; of a batch all must ask for the same."""

    purpose: Purpose | None
    dimensions: int | None
    title: str | None
    truncate: bool | None = None


def _either(fields: Fields, name: str, other: str) -> str:
    """Which of a field's two spellings is there; Google's servers take both."""
    return name if fields.look(name) is not None else other


def _purpose(fields: Fields, name: str = "taskType", other: str = "task_type") -> Purpose | None:
    name = _either(fields, name, other)
    word = fields.text(name)
    if word is not None and word not in _PURPOSES:
        raise fields.wrong(name, "one of " + ", ".join(_PURPOSES))
    return _PURPOSES[word] if word is not None else None


def _decode_one(fields: Fields) -> tuple[str, _Wish, Json]:
    fields.take("model")
    content = fields.need_child("content")
    content.take("role")
    pieces = []
    for part in content.each("parts"):
        text = part.text("text")
        if text is None or part.rest():
            raise UnsupportedFeature("Only texts can be embedded here.", param=part.place())
        pieces.append(text)
    if not pieces:
        raise content.wrong("parts", "a list with at least one text")
    # Vertex AI has the rest in an object of its own.
    said = fields.child("embedContentConfig") or fields
    dimensions = said.integer(_either(said, "outputDimensionality", "output_dimensionality"))
    wish = _Wish(_purpose(said), dimensions, said.text("title"), said.flag("autoTruncate"))
    return "".join(pieces), wish, fields.rest()


def decode_single(request: Json) -> EmbeddingRequest:
    text, wish, rest = _decode_one(Fields(request, "", malformed))
    return _request((text,), wish, rest)


def decode_batch(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    found = [_decode_one(entry) for entry in fields.each("requests")]
    if not found:
        raise fields.wrong("requests", "a list with at least one request")
    wishes = {wish for _, wish, _ in found}
    if len(wishes) > 1:
        raise UnsupportedFeature(
            "This model takes one task type, title and length of vectors for all texts of a request.", param="requests"
        )
    rest: Json = fields.rest()
    for _, _, left in found:
        rest |= left
    return _request(tuple(text for text, _, _ in found), wishes.pop(), rest)


def decode_predict(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    parameters = fields.child("parameters")
    dimensions = parameters.integer("outputDimensionality") if parameters is not None else None
    truncate = parameters.flag("autoTruncate") if parameters is not None else None
    texts, wishes = [], set()
    for instance in fields.each("instances"):
        texts.append(instance.need_text("content"))
        wishes.add(_Wish(_purpose(instance, "task_type", "taskType"), dimensions, instance.text("title"), truncate))
        if instance.rest():
            raise UnsupportedFeature("Only texts can be embedded here.", param=instance.place())
    if not texts:
        raise fields.wrong("instances", "a list with at least one text")
    if len(wishes) > 1:
        raise UnsupportedFeature("This model takes one task type and title for all texts.", param="instances")
    return _request(tuple(texts), wishes.pop(), fields.rest())


def _request(texts: tuple[str, ...], wish: _Wish, rest: Json) -> EmbeddingRequest:
    vendor = {NAME: rest} if rest else {}
    return EmbeddingRequest("", texts, wish.dimensions, wish.purpose, wish.title, wish.truncate, vendor)


def encode_single_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    del request
    return _with_usage({"embedding": {"values": reply.vectors[0]}}, reply)


def encode_batch_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    del request
    return _with_usage({"embeddings": [{"values": vector} for vector in reply.vectors]}, reply)


def _with_usage(encoded: Json, reply: EmbeddingReply) -> bytes:
    if reply.usage is not None and reply.usage.input_tokens is not None:
        encoded["usageMetadata"] = {"promptTokenCount": reply.usage.input_tokens}
    return msgspec.json.encode(encoded)


def encode_predict_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    # The tokens of each text are what the vendor says here; of the sum nobody knows how it divides.
    del request
    alone = reply.usage.input_tokens if reply.usage is not None and len(reply.vectors) == 1 else None
    statistics = {} if alone is None else {"statistics": {"token_count": alone, "truncated": False}}
    return msgspec.json.encode(
        {"predictions": [{"embeddings": {"values": vector, **statistics}} for vector in reply.vectors]}
    )


def encode_request(request: EmbeddingRequest) -> Encoded:
    losses = Losses(NAME)
    wish: Json = {}
    if request.purpose is not None:
        wish["taskType"] = _TASK_TYPES[request.purpose]
    if request.title is not None:
        wish["title"] = request.title
    if request.dimensions is not None:
        wish["outputDimensionality"] = request.dimensions
    if request.truncate is not None:
        losses.add("truncate", "whether long texts are cut; the Gemini API decides")
    wish |= losses.rest(request.vendor, "")
    entries = [{"content": {"parts": [{"text": text}]}, **wish} for text in only_texts(request)]
    return Encoded({"requests": entries}, losses.all())


def encode_predict(request: EmbeddingRequest) -> Encoded:
    losses = Losses(NAME)
    about: Json = {}
    if request.purpose is not None:
        about["task_type"] = _TASK_TYPES[request.purpose]
    if request.title is not None:
        about["title"] = request.title
    parameters: Json = {}
    if request.dimensions is not None:
        parameters["outputDimensionality"] = request.dimensions
    if request.truncate is not None:
        parameters["autoTruncate"] = request.truncate
    body: Json = {"instances": [{"content": text, **about} for text in only_texts(request)]}
    if parameters:
        body["parameters"] = parameters
    body |= losses.rest(request.vendor, "")
    return Encoded(body, losses.all())


def named(body: Json, model: str) -> Json:
    """The path names the model; where the body does so too, it must be the same."""
    resource = f"models/{model}"
    changed = {**body}
    if "model" in changed:
        changed["model"] = resource
    if isinstance(entries := changed.get("requests"), list):
        changed["requests"] = [{**entry, "model": resource} if isinstance(entry, dict) else entry for entry in entries]
    return changed


class _Values(msgspec.Struct):
    values: list[float]
    statistics: "_Statistics | None" = None


class _Statistics(msgspec.Struct):
    token_count: float | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Values


class _Counts(msgspec.Struct):
    promptTokenCount: int | None = None


class _Single(msgspec.Struct):
    embedding: _Values
    usageMetadata: _Counts | None = None


class _Batch(msgspec.Struct):
    embeddings: list[_Values]
    usageMetadata: _Counts | None = None


class _Predictions(msgspec.Struct):
    predictions: list[_Prediction]


def decode_single_reply(body: bytes) -> EmbeddingReply:
    reply = converted(decode_object(body), _Single, body)
    return EmbeddingReply((reply.embedding.values,), usage=_usage(reply.usageMetadata))


def decode_batch_reply(body: bytes) -> EmbeddingReply:
    reply = converted(decode_object(body), _Batch, body)
    return EmbeddingReply(tuple(entry.values for entry in reply.embeddings), usage=_usage(reply.usageMetadata))


def decode_predictions(body: bytes) -> EmbeddingReply:
    reply = converted(decode_object(body), _Predictions, body)
    found = [prediction.embeddings for prediction in reply.predictions]
    counts = [entry.statistics.token_count if entry.statistics is not None else None for entry in found]
    known = [count for count in counts if count is not None]
    usage = input_usage(round(sum(known)) if known and len(known) == len(counts) else None)
    return EmbeddingReply(tuple(entry.values for entry in found), usage=usage)


def _usage(counts: _Counts | None) -> Usage | None:
    return input_usage(counts.promptTokenCount if counts is not None else None)


def encode_single(request: EmbeddingRequest) -> Encoded:
    encoded = encode_request(request)
    entries: list[Any] = encoded.body["requests"]
    if len(entries) != 1:
        raise UnsupportedFeature("This model embeds one text a request.", param="input")
    return Encoded(entries[0], encoded.losses)


SINGLE_CLIENT = ClientForm(decode_single, encode_single_reply)
BATCH_CLIENT = ClientForm(decode_batch, encode_batch_reply)
PREDICT_CLIENT = ClientForm(decode_predict, encode_predict_reply)
SINGLE_UPSTREAM = UpstreamForm(encode_single, named, decode_single_reply, lambda body: decode_single_reply(body).usage)
BATCH_UPSTREAM = UpstreamForm(encode_request, named, decode_batch_reply, lambda body: decode_batch_reply(body).usage)
PREDICT_UPSTREAM = UpstreamForm(encode_predict, named, decode_predictions, lambda body: decode_predictions(body).usage)
