"""The fast lane of generateContent and streamGenerateContent: a reply's bytes are not encoded again, but watched for
usage, errors and the end."""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.gemini.error import decode_error_object, encode_error_event
from ecotone.wire.gemini.usage import UsageFields
from ecotone.wire.json_body import read_reply
from ecotone.wire.watch import SseWatch

_anything = msgspec.json.Decoder()


def check_request(request: Json) -> None:
    """Make sure that a request can be passed on: it has contents. Raises MalformedRequest, which names the place."""
    contents = request.get("contents")
    if not isinstance(contents, list | dict) or not contents:
        raise MalformedRequest("`contents` must be a list with at least one content.", param="contents")
    config = request.get("generationConfig")
    if config is not None and not isinstance(config, dict):
        raise MalformedRequest("`generationConfig` must be an object.", param="generationConfig")


def prepare_request(request: Json) -> Json:
    """The request for the upstream, whose path names the model."""
    return {name: value for name, value in request.items() if name != "model"}


class _Feedback(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    block_reason: str | None = None


class _Body(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of a whole reply."""

    candidates: list[msgspec.Raw] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: UsageFields | None = None
    error: Any = None


_body_decoder = msgspec.json.Decoder(_Body)


def read_usage(body: bytes) -> Usage | None:
    """The token counts of a whole reply, None where it has none.

    Raises UpstreamMalformed when it is no such reply, and what `decode_error_object` finds when it is an error.
    """
    reply = read_reply(_body_decoder, body)
    if reply.error:
        # What was not looked at may be what cannot be read.
        raise decode_error_object(read_reply(_anything, body), raw=body)
    if reply.candidates is None and reply.prompt_feedback is None and reply.usage_metadata is None:
        raise UpstreamMalformed("The upstream's reply has no `candidates`.", raw=body)
    return reply.usage_metadata.usage() if reply.usage_metadata is not None else None


class _Content(msgspec.Struct, frozen=True, gc=False):
    parts: list[dict[str, Any]] | None = None


class _LaterCandidate(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    finish_reason: str | None = None
    index: int | None = None


class _Candidate(_LaterCandidate, frozen=True, gc=False, rename="camel"):
    content: _Content | None = None

    def has_token(self) -> bool:
        parts = self.content.parts if self.content is not None else None
        return any(value for part in parts or () for name, value in part.items() if name not in _NO_TOKENS)


_NO_TOKENS = frozenset({"thought", "thoughtSignature"})


class _FirstChunk(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A chunk as long as no token has been seen."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: UsageFields | None = None
    model_version: str | None = None
    error: Any = None


class _LaterChunk(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A chunk after the first token: its content is no longer looked at."""

    candidates: list[_LaterCandidate] | None = None
    usage_metadata: UsageFields | None = None
    error: Any = None


_first_decoder = msgspec.json.Decoder(_FirstChunk)
_later_decoder = msgspec.json.Decoder(_LaterChunk)


class StreamWatch(SseWatch):
    """Watches a stream of chunks. It has ended once each answer that has begun has its finish reason, or when the
    prompt is said to be blocked."""

    ends_with = "finish reason"

    def __init__(self, request: Json) -> None:
        """`request` is the client's."""
        del request
        super().__init__()
        self._open: dict[int, bool] = {}

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event."""
        return encode_error_event(error)

    def read(self, data: bytes) -> None:
        chunk: _FirstChunk | _LaterChunk
        if self.token_seen:
            chunk = _later_decoder.decode(data)
        else:
            chunk = _first_decoder.decode(data)
            self.model = self.model or chunk.model_version
            self.token_seen = any(candidate.has_token() for candidate in chunk.candidates or ())
            feedback = chunk.prompt_feedback
            if feedback is not None and feedback.block_reason and not chunk.candidates:
                self.finished = self.ended = True
        if chunk.error:
            self.error = decode_error_object(_anything.decode(data), raw=data)
            return
        if chunk.usage_metadata is not None and chunk.usage_metadata.prompt_token_count is not None:
            self.usage = chunk.usage_metadata.usage()
        candidates: list[_Candidate] | list[_LaterCandidate] = chunk.candidates or []
        for number, candidate in enumerate(candidates):
            index = number if candidate.index is None else candidate.index
            self._open[index] = self._open.get(index, True) and not candidate.finish_reason
            self.finished = self.finished or bool(candidate.finish_reason)
        self.ended = self.ended or (bool(self._open) and not any(self._open.values()))
