"""Images and sound, in OpenAI's form alone: passed through to endpoints that speak it."""

import copy
from collections.abc import Callable, Sequence
from typing import Self

from ecotone.gateway.jobs.filtering import filtered_json, filtered_text, unfiltered_stream
from ecotone.gateway.jobs.job import JSON_TYPE, Answer, JobDefaults
from ecotone.gateway.jobs.services import service_in
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.operations import Operation
from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, Unredactable
from ecotone.values.filters import EventFilter
from ecotone.wire.json_body import asks_for_stream, decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.multipart import read_upload
from ecotone.wire.openai_error import encode_error
from ecotone.wire.openai_media import BytesWatch, MediaWatch, read_usage
from ecotone.wire.wire import StreamWatch


class MediaJob(JobDefaults):
    """An image to make or sound to turn into text or back, as JSON or as a form with files."""

    stream_type = ""

    def __init__(self, operation: Operation, content_type: str, body: bytes) -> None:
        """Raises MalformedRequest."""
        self.operation = operation
        self.losses: tuple[Loss, ...] = ()
        self._body: Callable[[str], bytes]
        self.said: Json
        if content_type.lower().startswith(JSON_TYPE):
            self.said = request = decode_json_object(body)
            self.asked = model_named(request)
            self.streams = asks_for_stream(request)
            self._media_type = JSON_TYPE
            self._body = lambda model: encode_json_object({**self.said, "model": model})
            self._plain = operation == "audio.speech" and request.get("stream_format") != "sse"
            # Sound is given on as it comes, asked for or not.
            self.streams = self.streams or operation == "audio.speech"
        else:
            upload = read_upload(content_type, body)
            self.said = {"form": list(upload.texts)}
            self.uninspected = frozenset({"image" if operation.startswith("images.") else "audio"})
            self.asked = upload.fields["model"]
            self.streams = _flag(upload.fields.get("stream"))
            self._media_type = upload.media_type
            self._body = upload.body
            self._plain = False

    def saying(self, said: Json) -> Self:
        if self._media_type != JSON_TYPE:
            raise Unredactable("What the rules want replaced stands in a form with files, where nothing is replaced.")
        other = copy.copy(self)
        other.said = said
        other._body = lambda model: encode_json_object({**said, "model": model})
        return other

    def call(self, endpoint: Endpoint) -> Call:
        service = service_in(endpoint, self.operation, "openai")
        post = Post(service, self._body, self._media_type)
        return Call(self.operation, service.wire, {}, self.streams, post=post)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        del call
        if filters:
            body = filtered_json(body, filters) if body.lstrip().startswith(b"{") else filtered_text(body, filters)
        # Transcripts also come as plain text or subtitles, which say nothing of tokens.
        usage = read_usage(body) if body.lstrip().startswith(b"{") else None
        return Answer(body, usage, media_type="")

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        if filters:
            raise unfiltered_stream(call)
        return BytesWatch() if self._plain else MediaWatch()

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error)


def _flag(text: str | None) -> bool:
    if text is None or text in ("true", "True", "1"):
        return text is not None
    if text in ("false", "False", "0", ""):
        return False
    raise MalformedRequest("`stream` must be true or false.", param="stream")
