"""Choosing among an endpoint's services."""

from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.operations import Operation, Service
from ecotone.values.errors import EcotoneError, UnsupportedFeature

_WORDS: dict[Operation, str] = {
    "embeddings": "embeddings",
    "rerank": "reranking",
    "images.generations": "making images",
    "images.edits": "editing images",
    "images.variations": "variations of images",
    "audio.transcriptions": "transcription",
    "audio.translations": "translation of sound",
    "audio.speech": "speech",
    "count_tokens": "counting tokens",
    "responses.input_tokens": "counting a response's tokens",
    "responses.compact": "compacting conversations",
}


def service_in(endpoint: Endpoint, operation: Operation, *forms: str) -> Service:
    """The first of the endpoint's services for this operation in one of these forms, in the endpoint's order.

    Raises UnsupportedFeature where it has none.
    """
    offered = endpoint.services.get(operation, ())
    for service in offered:
        if service.form in forms:
            return service
    what = _WORDS.get(operation, operation)
    if offered:
        raise UnsupportedFeature(f"{endpoint.place} takes {what} only in the form of {offered[0].form}.")
    raise UnsupportedFeature(f"{endpoint.place} is not known to offer {what}. Ask for a model that does.")


def no_stream(call: Call) -> EcotoneError:
    """The error for a stream where none is ever asked for."""
    return EcotoneError(f"{_WORDS.get(call.operation, call.operation)} has no stream")
