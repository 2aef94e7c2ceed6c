"""Where clients call: paths of the data plane, and what each of them wants done."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import msgspec

from ecotone.gateway.exchange import Exchange, Gateway
from ecotone.gateway.jobs import (
    ArrayJob,
    ChatJob,
    CompletionJob,
    CountJob,
    EmbeddingsJob,
    Job,
    MediaJob,
    RerankJob,
    ResponsesJob,
    ResponsesServiceJob,
)
from ecotone.gateway.keys import Principal
from ecotone.gateway.models import Directory
from ecotone.upstream.operations import Operation
from ecotone.values.errors import EcotoneError
from ecotone.wire import CLIENT_WIRES, rerank
from ecotone.wire.json_body import decode_json_object, model_named
from ecotone.wire.ollama import encode_loaded, only_loads
from ecotone.wire.openai_error import encode_error
from ecotone.wire.wire import Wire

# The part of a path that names a model may hold slashes, as names of models do.
_GEMINI = re.compile(
    r"/v1(?:beta|alpha|beta1)?/(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/)?models/(?P<model>.+):(?P<verb>\w+)"
)
_GOOGLE = re.compile(r"/v1(?:beta|alpha|beta1)/|/v1/(?:projects|publishers)/")
# Headers that go along to an endpoint of the same wire.
_PASSED_ON: Mapping[str, tuple[bytes, ...]] = {"anthropic": (b"anthropic-beta", b"anthropic-version")}

ErrorForm = Callable[[EcotoneError], bytes]


class Front(msgspec.Struct, frozen=True):
    """One thing that can be asked: the operation, the wire in which a conversation is held and errors are told (None
    for OpenAI's form of what is no conversation), and what the path says of model and stream where it is the path that
    does. `form` is the format of embeddings and counts, and "array" for a stream that is to be one. `upload`: it takes
    forms with files, too."""

    operation: Operation
    wire: str | None = None
    model: str | None = None
    stream: bool | None = None
    form: str = "openai"
    upload: bool = False


_OLLAMA = ("ollama", "ollama-generate")
_PATHS: dict[str, Front] = {
    "/v1/chat/completions": Front("chat", "openai-chat"),
    "/v1/completions": Front("completions"),
    "/v1/embeddings": Front("embeddings"),
    "/v1/responses": Front("chat", "openai-responses"),
    "/v1/responses/input_tokens": Front("responses.input_tokens", "openai-responses"),
    "/v1/responses/compact": Front("responses.compact", "openai-responses"),
    "/v1/messages": Front("chat", "anthropic"),
    "/v1/messages/count_tokens": Front("count_tokens", "anthropic", form="anthropic"),
    "/v1/images/generations": Front("images.generations"),
    "/v1/images/edits": Front("images.edits", upload=True),
    "/v1/images/variations": Front("images.variations", upload=True),
    "/v1/audio/transcriptions": Front("audio.transcriptions", upload=True),
    "/v1/audio/translations": Front("audio.translations", upload=True),
    "/v1/audio/speech": Front("audio.speech"),
    "/v1/rerank": Front("rerank"),
    "/v2/rerank": Front("rerank", "cohere"),
    "/v2/embed": Front("embeddings", "cohere", form="cohere"),
    "/api/chat": Front("chat", "ollama"),
    "/api/generate": Front("chat", "ollama-generate"),
    "/api/embed": Front("embeddings", "ollama", form="ollama"),
    "/api/embeddings": Front("embeddings", "ollama", form="ollama-old"),
}
PATHS: tuple[str, ...] = tuple(path for path, front in _PATHS.items() if front.operation == "chat")
"""Where conversations are held."""
_GEMINI_VERBS: dict[str, Front] = {
    "generateContent": Front("chat", "gemini", stream=False),
    "streamGenerateContent": Front("chat", "gemini", stream=True),
    "countTokens": Front("count_tokens", "gemini", form="gemini"),
    "embedContent": Front("embeddings", "gemini", form="gemini-single"),
    "batchEmbedContents": Front("embeddings", "gemini", form="gemini"),
    "predict": Front("embeddings", "gemini", form="vertex"),
}


def find_front(path: str) -> Front | None:
    """What a POST to `path` asks for, None where there is nothing."""
    front = _PATHS.get(path)
    if front is None and (found := _GEMINI.fullmatch(path)) is not None:
        front = _GEMINI_VERBS.get(found["verb"])
        if front is not None:
            return msgspec.structs.replace(front, model=found["model"])
    return front


def error_form(wire: str | None, wires: Mapping[str, Wire]) -> ErrorForm:
    """How clients of this wire are told of an error; None stands for OpenAI's."""
    if wire == "cohere":
        return rerank.encode_error
    known = wires.get(wire or "") or CLIENT_WIRES.get(wire or "")
    return encode_error if known is None else known.encode_error


def wire_at(path: str, headers: Mapping[bytes, bytes]) -> str | None:
    """Whose API a path is under, whether there is something or not: the wire in which to tell of errors, None for
    OpenAI's."""
    front = find_front(path)
    if front is not None:
        return front.wire
    if path.startswith("/api/"):
        return "ollama"
    if b"x-goog-api-key" in headers or b"x-goog-api-client" in headers or _GOOGLE.match(path):
        return "gemini"
    if b"anthropic-version" in headers or path.startswith("/v1/messages"):
        return "anthropic"
    return "cohere" if path.startswith("/v2/") else None


def as_asked(front: Front, query: bytes) -> Front:
    """The front for a request with this query: a Gemini stream without `alt=sse` is one JSON array."""
    if front.wire == "gemini" and front.stream and dict(parse_qsl(query.decode("latin-1"))).get("alt") != "sse":
        return msgspec.structs.replace(front, form="array")
    return front


def loaded(front: Front, body: bytes, directory: Directory, now_s: int) -> bytes | None:
    """The reply to an Ollama client that only wants a model to be ready, which here it is when it is asked; None for
    any other request. Raises RequestError, for an unknown model too."""
    if front.wire not in _OLLAMA or front.operation != "chat":
        return None
    request = decode_json_object(body)
    if not only_loads(request):
        return None
    directory.candidates(model_named(request))
    return encode_loaded(request, now_s)


def make_job(
    gateway: Gateway,
    front: Front,
    principal: Principal,
    body: bytes,
    headers: Mapping[bytes, bytes],
    exchange: Exchange,
    now_s: int,
) -> Job:
    """The job that a request of this caller's to this front wants done. Raises RequestError."""
    if front.operation == "chat":
        return _chat_job(gateway, front, principal, body, headers, exchange, now_s)
    match front.operation:
        case "embeddings":
            return EmbeddingsJob(front.form, body, error_form(front.wire, gateway.wires), model=front.model)
        case "rerank":
            return RerankJob(body, error_form(front.wire, gateway.wires))
        case "completions":
            return CompletionJob(body)
        case "responses.input_tokens" | "responses.compact":
            return ResponsesServiceJob(front.operation, body, principal=principal.name, stored=gateway.responses)
        case "count_tokens":
            # What the version is, its endpoints know.
            beta = headers.get(b"anthropic-beta")
            passed = (("anthropic-beta", beta.decode("latin-1")),) if beta is not None else ()
            form = error_form(front.wire, gateway.wires)
            return CountJob(front.form, body, form, model=front.model, headers=passed)
    return MediaJob(front.operation, headers.get(b"content-type", b"").decode("latin-1"), body)


def _chat_job(
    gateway: Gateway,
    front: Front,
    principal: Principal,
    body: bytes,
    headers: Mapping[bytes, bytes],
    exchange: Exchange,
    now_s: int,
) -> Job:
    wire = front.wire or "openai-chat"
    if wire == "openai-responses":
        return ResponsesJob(
            gateway.wires,
            gateway.wires[wire],
            body,
            now_s=now_s,
            reply_id=exchange.request_id,
            principal=principal.name,
            stored=gateway.responses,
        )
    kind = ArrayJob if front.form == "array" else ChatJob
    return kind(
        gateway.wires,
        gateway.wires.get(wire) or CLIENT_WIRES[wire],
        body,
        model=front.model,
        stream=front.stream,
        headers=tuple(
            (name.decode(), headers[name].decode("latin-1")) for name in _PASSED_ON.get(wire, ()) if name in headers
        ),
        now_s=now_s,
        reply_id=exchange.request_id,
    )
