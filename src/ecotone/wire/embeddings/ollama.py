"""Embeddings as Ollama's clients ask for them: `/api/embed`, and `/api/embeddings` of older ones
(https://docs.ollama.com/api/embed)."""

import msgspec

from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingReply, EmbeddingRequest
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.embeddings.form import ClientForm, malformed, texts
from ecotone.wire.fields import Fields

NAME = "ollama"


def decode_request(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    model, inputs = fields.need_text("model"), texts(fields, "input")
    dimensions, truncate = fields.integer("dimensions"), fields.flag("truncate")
    return EmbeddingRequest(model, inputs, dimensions, truncate=truncate, vendor=_rest(fields))


def decode_old_request(request: Json) -> EmbeddingRequest:
    fields = Fields(request, "", malformed)
    model, prompt = fields.need_text("model"), fields.need_text("prompt")
    if not prompt:
        raise UnsupportedFeature("An empty `prompt` only loads a model, which Ecotone does by itself.", param="prompt")
    return EmbeddingRequest(model, (prompt,), vendor=_rest(fields))


def _rest(fields: Fields) -> dict[str, Json]:
    rest = {name: value for name, value in fields.rest().items() if value not in (None, {})}
    return {NAME: rest} if rest else {}


def encode_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    encoded: Json = {"model": request.model, "embeddings": reply.vectors}
    if reply.usage is not None and reply.usage.input_tokens is not None:
        encoded["prompt_eval_count"] = reply.usage.input_tokens
    return msgspec.json.encode(encoded)


def encode_old_reply(reply: EmbeddingReply, request: EmbeddingRequest) -> bytes:
    del request
    return msgspec.json.encode({"embedding": reply.vectors[0]})


CLIENT = ClientForm(decode_request, encode_reply)
OLD_CLIENT = ClientForm(decode_old_request, encode_old_reply)
