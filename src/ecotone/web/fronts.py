"""Where clients call: paths of the data plane, and what each of them wants done."""

import re
from collections.abc import Callable, Mapping

import msgspec

from ecotone.gateway.exchange import Exchange, Gateway
from ecotone.gateway.jobs import ChatJob, CompletionJob, EmbeddingsJob, Job, MediaJob, RerankJob
from ecotone.upstream.operations import Operation
from ecotone.values.errors import EcotoneError
from ecotone.wire import rerank
from ecotone.wire.openai_error import encode_error
from ecotone.wire.wire import Wire

# The part of a path that names a model may hold slashes, as names of models do.
_GEMINI = re.compile(
    r"/v1(?:beta|alpha|beta1)?/(?:projects/[^/]+/locations/[^/]+/publishers/[^/]+/)?models/(?P<model>.+):(?P<verb>\w+)"
)
# Headers that go along to an endpoint of the same wire.
_PASSED_ON: Mapping[str, tuple[bytes, ...]] = {"anthropic": (b"anthropic-beta", b"anthropic-version")}


class Front(msgspec.Struct, frozen=True):
    """One thing that can be asked: the operation, the wire in which a conversation is held and errors are told (None
    for OpenAI's form of what is no conversation), and what the path says of model and stream where it is the path that
    does. `form` is the format of embeddings. `upload`: it takes forms with files, too."""

    operation: Operation
    wire: str | None = None
    model: str | None = None
    stream: bool | None = None
    form: str = "openai"
    upload: bool = False


_PATHS: dict[str, Front] = {
    "/v1/chat/completions": Front("chat", "openai-chat"),
    "/v1/completions": Front("completions"),
    "/v1/embeddings": Front("embeddings"),
    "/v1/responses": Front("chat", "openai-responses"),
    "/v1/messages": Front("chat", "anthropic"),
    "/v1/images/generations": Front("images.generations"),
    "/v1/images/edits": Front("images.edits", upload=True),
    "/v1/images/variations": Front("images.variations", upload=True),
    "/v1/audio/transcriptions": Front("audio.transcriptions", upload=True),
    "/v1/audio/translations": Front("audio.translations", upload=True),
    "/v1/audio/speech": Front("audio.speech"),
    "/v1/rerank": Front("rerank"),
    "/v2/rerank": Front("rerank", "cohere"),
    "/v2/embed": Front("embeddings", "cohere", form="cohere"),
}
PATHS: tuple[str, ...] = tuple(_PATHS)
_GEMINI_VERBS: dict[str, Front] = {
    "generateContent": Front("chat", "gemini", stream=False),
    "streamGenerateContent": Front("chat", "gemini", stream=True),
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


def error_form(front: Front, wires: Mapping[str, Wire]) -> Callable[[EcotoneError], bytes]:
    """How this front's clients are told of an error."""
    if front.wire == "cohere":
        return rerank.encode_error
    wire = wires.get(front.wire or "")
    return encode_error if wire is None else wire.encode_error


def make_job(
    gateway: Gateway, front: Front, body: bytes, headers: Mapping[bytes, bytes], exchange: Exchange, now_s: int
) -> Job:
    """The job that a request to this front wants done. Raises MalformedRequest."""
    if front.operation.startswith(("images.", "audio.")):
        return MediaJob(front.operation, headers.get(b"content-type", b"").decode("latin-1"), body)
    match front.operation:
        case "embeddings":
            return EmbeddingsJob(front.form, body, error_form(front, gateway.wires), model=front.model)
        case "rerank":
            return RerankJob(body, error_form(front, gateway.wires))
        case "completions":
            return CompletionJob(body)
    wire = front.wire or "openai-chat"
    return ChatJob(
        gateway.wires,
        gateway.wires[wire],
        body,
        model=front.model,
        stream=front.stream,
        headers=tuple(
            (name.decode(), headers[name].decode("latin-1")) for name in _PASSED_ON.get(wire, ()) if name in headers
        ),
        now_s=now_s,
        reply_id=exchange.request_id,
    )
