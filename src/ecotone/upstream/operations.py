"""What can be asked beside conversations, and in which form each provider takes it.

A form is the format of request and reply (`ecotone.wire` has one file for each); a path leads to where it is taken.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Operation = Literal[
    "chat",
    "completions",
    "embeddings",
    "rerank",
    "images.generations",
    "images.edits",
    "images.variations",
    "audio.transcriptions",
    "audio.translations",
    "audio.speech",
    "count_tokens",
    "responses.input_tokens",
    "responses.compact",
]


class Service(msgspec.Struct, frozen=True):
    """One way to ask for one operation. `path` is relative to the folder of the endpoint's API; in it `{model}` stands
    for the model's name there. `wire` is the wire whose keys and errors go with it."""

    form: str
    path: str
    wire: str = "openai-chat"


Services = Mapping[Operation, tuple[Service, ...]]
"""The ways in which each operation can be asked at an endpoint, the preferred first."""

_OPENAI: Services = {
    "embeddings": (Service("openai", "embeddings"),),
    "images.generations": (Service("openai", "images/generations"),),
    "images.edits": (Service("openai", "images/edits"),),
    "images.variations": (Service("openai", "images/variations"),),
    "audio.transcriptions": (Service("openai", "audio/transcriptions"),),
    "audio.translations": (Service("openai", "audio/translations"),),
    "audio.speech": (Service("openai", "audio/speech"),),
}
_RERANK: Services = {"rerank": (Service("rerank", "rerank"),)}

_BY_WIRE: Mapping[str, Services] = {
    "openai-chat": _OPENAI,
    "openai-responses": {
        "responses.input_tokens": (Service("openai-responses", "responses/input_tokens", "openai-responses"),),
        "responses.compact": (Service("openai-responses", "responses/compact", "openai-responses"),),
    },
    "anthropic": {"count_tokens": (Service("anthropic", "v1/messages/count_tokens", "anthropic"),)},
    "gemini": {
        "embeddings": (
            Service("gemini", "models/{model}:batchEmbedContents", "gemini"),
            Service("gemini-single", "models/{model}:embedContent", "gemini"),
        ),
        "count_tokens": (Service("gemini", "models/{model}:countTokens", "gemini"),),
    },
}
_BY_PROVIDER: Mapping[str, Services] = {
    # The chat wire is at https://api.cohere.ai/compatibility/v1, the rest two folders above:
    # https://docs.cohere.com/docs/compatibility-api, https://docs.cohere.com/reference/embed
    "cohere": {
        "embeddings": (Service("cohere", "../../v2/embed"),),
        "rerank": (Service("rerank", "../../v2/rerank"),),
    },
    # The folders of Google's models and of open ones; models for embeddings are in the first, whatever their names:
    # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
    "vertex": {
        "embeddings": (
            Service("vertex", "models/{model}:predict", "gemini"),
            Service("vertex", "../../publishers/google/models/{model}:predict"),
        ),
        # https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens
        "count_tokens": (Service("vertex", "models/{model}:countTokens", "gemini"),),
    },
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#rerank-api
    "vllm": _RERANK,
    # https://docs.sglang.ai/supported_models/rerank_models.html
    "sglang": _RERANK,
    # https://github.com/ggml-org/llama.cpp/tree/master/tools/server, "POST /reranking"
    "llama-server": _RERANK,
    # https://localai.io/features/reranker/
    "localai": _RERANK,
    "openai-compatible": _RERANK,
}

EMBEDDED: Services = {
    "embeddings": (Service("openai", "embeddings"),),
    "count_tokens": (Service("anthropic", "messages/count_tokens"),),
}
"""What the embedded engine does beside conversations; its folder is `/v1` of llama.cpp's server."""


def services_of(provider: str, wires: tuple[str, ...], own_paths: frozenset[str] = frozenset()) -> Services:
    """What can be asked of an endpoint of this provider (by its name) that speaks these wires; those in `own_paths`
    have other paths there than the wire's usual ones, also for their services."""
    found: dict[Operation, tuple[Service, ...]] = {}
    for wire in wires:
        if wire not in own_paths:
            for operation, services in _BY_WIRE.get(wire, {}).items():
                found[operation] = (*found.get(operation, ()), *services)
    for operation, services in _BY_PROVIDER.get(provider, {}).items():
        found[operation] = tuple(service for service in services if service.wire in wires)
    return found
