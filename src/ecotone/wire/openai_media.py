"""Images and sound in OpenAI's form, which passes through: what is read of requests, replies and streams.

Shapes: `ImagesResponse`, `Transcription`, `TranscriptionTextDoneEvent`, `SpeechAudioDoneEvent` and their kin in the
OpenAI description. Token counts are noted where a reply has them; seconds of sound are none.
"""

from typing import Annotated, Any

import msgspec

from ecotone.values.errors import EcotoneError, RequestError, UpstreamCut, UpstreamError, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.json_body import read_reply
from ecotone.wire.openai_error import decode_error_object, encode_error_event
from ecotone.wire.watch import SseWatch

Count = Annotated[int, msgspec.Meta(ge=0)]

_anything = msgspec.json.Decoder()
_WHOLE_BYTES_MAX = 1024 * 1024


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: Count | None = None
    audio_tokens: Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    """Both vendors' and open servers' names for the same counts. Of type `duration` it has none of them."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens_details: _InputDetails | None = None
    input_token_details: _InputDetails | None = None

    def usage(self) -> Usage:
        details = self.input_tokens_details or self.input_token_details or _InputDetails()
        return Usage(
            input_tokens=self.prompt_tokens if self.input_tokens is None else self.input_tokens,
            output_tokens=self.completion_tokens if self.output_tokens is None else self.output_tokens,
            cached_input_tokens=details.cached_tokens,
            audio_input_tokens=details.audio_tokens,
        )


class _Whole(msgspec.Struct, frozen=True):
    usage: _Usage | None = None
    error: Any = None


_whole_decoder = msgspec.json.Decoder(_Whole)


def read_usage(body: bytes) -> Usage | None:
    """The token counts of a whole JSON reply, None where it has none.

    Raises UpstreamMalformed when it is not JSON, and what `decode_error_object` finds when it is an error.
    """
    reply = read_reply(_whole_decoder, body)
    if reply.error is not None:
        raise decode_error_object(read_reply(_anything, body), raw=body)
    return reply.usage.usage() if reply.usage is not None else None


class BytesWatch:
    """Watches sound go by; `ecotone.wire.watch` tells what the attributes mean. Nothing can be said within it, so a
    stream that breaks has no other end than a broken connection."""

    def __init__(self) -> None:
        self.token_seen = False
        self.finished = False
        self.ended = False
        self.error: UpstreamError | RequestError | None = None
        self.usage: Usage | None = None
        self.model: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        self.token_seen = True
        return chunk

    def close(self) -> None:
        """Raises UpstreamMalformed where nothing came at all."""
        if not self.token_seen:
            raise UpstreamMalformed("The upstream's reply is empty.")

    def encode_error(self, error: EcotoneError) -> bytes:
        del error
        return b""


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    usage: _Usage | None = None
    error: Any = None


_event_decoder = msgspec.json.Decoder(_Event)


class MediaWatch(SseWatch):
    """Watches events of images or sound go by. A model that does not stream answers with a whole reply all the same,
    which is passed on as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._whole_reply: bytearray | None = None
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        if not self._begun and chunk.strip():
            self._begun = True
            if chunk.lstrip().startswith(b"{"):
                self._whole_reply = bytearray()
        if self._whole_reply is None:
            return super().feed(chunk)
        self.token_seen = True
        if len(self._whole_reply) <= _WHOLE_BYTES_MAX:
            self._whole_reply += chunk
        return chunk

    def read(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.finished = self.ended = True
            return
        event = _event_decoder.decode(data)
        if event.error is not None or event.type == "error":
            self.error = decode_error_object(_anything.decode(data), raw=data)
            return
        self.token_seen = True
        if event.usage is not None:
            self.usage = event.usage.usage()
        # Several images end one by one, so that none of these is the end of the stream.
        self.finished = self.finished or event.type.endswith((".done", ".completed"))

    def close(self) -> None:
        """To be called at the end of the bytes. Raises `error`, and UpstreamCut where no event said that it is done."""
        if self.error is not None:
            raise self.error
        if self._whole_reply is not None:
            if len(self._whole_reply) <= _WHOLE_BYTES_MAX:
                self.usage = read_usage(bytes(self._whole_reply))
        elif not self.finished:
            raise UpstreamCut("The upstream's stream ended before its last event.")

    def encode_error(self, error: EcotoneError) -> bytes:
        return b"" if self._whole_reply is not None else encode_error_event(error)
