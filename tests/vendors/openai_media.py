"""A fake of OpenAI's images and audio: made, edited and varied images, transcripts, translations and speech.

    async with FakeMedia(key="sk-test") as vendor:
        vendor.script(Reply(text="What was said."))
        ... point a client at vendor.base_url ...
        assert vendor.uploads[-1].fields["model"] == "gpt-4o-transcribe"

Forms are read with Python's own mail parser. Fields that the SDK's types do not have are refused.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImagesResponse
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    Translation,
)
from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsBase
from openai.types.audio.translation_create_params import TranslationCreateParams
from openai.types.image_create_variation_params import ImageCreateVariationParams
from openai.types.image_edit_params import ImageEditParamsBase
from openai.types.image_generate_params import ImageGenerateParamsBase

from .http_server import Exchange, Json, Received, compact, sse_event
from .openai_rules import Refusal
from .openai_server import CREATED, OpenAIServer, no_such_model, no_such_url, posted_json
from .scripts import Reply, Scripted, ScriptError, pieces
from .sdk_models import checked
from .sdk_params import breaches

MODELS = ("gpt-image-1", "dall-e-2", "gpt-4o-transcribe", "whisper-1", "gpt-4o-mini-tts", "tts-1")
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SOUND = bytes(range(256)) * 40
IMAGE_TOKENS = {
    "input_tokens": 12,
    "output_tokens": 1056,
    "total_tokens": 1068,
    "input_tokens_details": {"image_tokens": 4, "text_tokens": 8},
}
AUDIO_TOKENS = {
    "type": "tokens",
    "input_tokens": 31,
    "output_tokens": 9,
    "total_tokens": 40,
    "input_token_details": {"audio_tokens": 28, "text_tokens": 3},
}
FORMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "/v1/images/edits": (ImageEditParamsBase, ("image", "prompt")),
    "/v1/images/variations": (ImageCreateVariationParams, ("image",)),
    "/v1/audio/transcriptions": (TranscriptionCreateParamsBase, ("file", "model")),
    "/v1/audio/translations": (TranslationCreateParams, ("file", "model")),
}
BODIES: dict[str, Any] = {"/v1/images/generations": ImageGenerateParamsBase, "/v1/audio/speech": SpeechCreateParams}
STREAMED = re.compile(r"gpt-")


@dataclass
class UploadedForm:
    """A form as it arrived: texts by name, and files with theirs."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [*self.fields, *(name for name, _ in self.files)]


class FakeMedia(OpenAIServer):
    """The vendor. `uploads` are the forms it accepted."""

    def __init__(self, key: str = "sk-test", otherwise: Scripted | None = None, port: int = 0) -> None:
        super().__init__(key, MODELS, otherwise, port)
        self.uploads: list[UploadedForm] = []

    def request_refusal(self, received: Received) -> Refusal | None:
        if received.path in BODIES:
            return self._json_refusal(received)
        if received.path in FORMS and received.method == "POST":
            return self._form_refusal(received)
        return no_such_url(received)

    def _json_refusal(self, received: Received) -> Refusal | None:
        posted = posted_json(received)
        if isinstance(posted, Refusal):
            return posted
        received.json = posted
        stream = posted.pop("stream", None) if isinstance(posted, dict) else None
        found = breaches(BODIES[received.path], posted, {})
        if stream is not None:
            posted["stream"] = stream
        if found:
            path = ".".join(map(str, found[0].path))
            return Refusal(f"Invalid '{path}': {found[0].kind} {found[0].expected}.", path)
        return None if posted["model"] in self.models else no_such_model(posted["model"])

    def _form_refusal(self, received: Received) -> Refusal | None:
        form = read_form(received)
        if isinstance(form, Refusal):
            return form
        hint, required = FORMS[received.path]
        for name in form.names:
            bare = re.sub(r"\[.*", "", name)
            if bare not in hint.__annotations__ and bare != "stream":
                return Refusal(f"Unrecognized request argument supplied: {bare}", bare)
        present = {re.sub(r"\[.*", "", name) for name in form.names}
        for name in required:
            if name not in present:
                return Refusal(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
        model = form.fields.get("model", "dall-e-2")
        if model not in self.models:
            return no_such_model(model)
        received.json = dict(form.fields)
        self.uploads.append(form)
        return None

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        if received.path == "/v1/audio/speech":
            return await self._speak(exchange, received, reply)
        if received.path.startswith("/v1/images/"):
            return await self._draw(exchange, received, reply)
        return await self._write_down(exchange, received, reply)

    async def _speak(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        if received.json.get("stream_format") == "sse":
            chunk = {"type": "speech.audio.delta", "audio": base64.b64encode(SOUND).decode()}
            done = {"type": "speech.audio.done", "usage": {k: v for k, v in AUDIO_TOKENS.items() if "_tokens" in k}}
            return await exchange.send_events([sse_event(compact(chunk))], sse_event(compact(done)), reply.delivery)
        sizes = range(0, len(SOUND), 1024)
        kind = {"wav": "audio/wav", "opus": "audio/opus"}.get(received.json.get("response_format"), "audio/mpeg")
        return await exchange.send_events(
            [SOUND[at : at + 1024] for at in sizes], b"", reply.delivery, content_type=kind
        )

    async def _draw(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        image = base64.b64encode(PIXEL).decode()
        count = int(received.json.get("n") or 1)
        if received.json.get("stream") not in (True, "true"):
            whole: Json = {"created": CREATED, "data": [{"b64_json": image}] * count}
            if received.json.get("model") == "gpt-image-1":
                whole["usage"] = IMAGE_TOKENS
            return await exchange.send_json(checked(ImagesResponse, whole), reply.delivery)
        edits = received.path.endswith("edits")
        kind = "image_edit.completed" if edits else "image_generation.completed"
        done = {"type": kind, "b64_json": image, "background": "opaque", "created_at": CREATED, "output_format": "png"}
        done |= {"quality": "low", "size": "1024x1024", "usage": IMAGE_TOKENS}
        checked(ImageEditCompletedEvent if edits else ImageGenCompletedEvent, done)
        first = kind.replace("completed", "partial_image")
        partial = {**done, "type": first, "partial_image_index": 0}
        del partial["usage"]
        events = [sse_event(compact(partial), first)]
        return await exchange.send_events(events, sse_event(compact(done), kind), reply.delivery)

    async def _write_down(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        form = self.uploads[-1].fields
        text = "What was said." if reply.text is None else reply.text
        wanted = form.get("response_format", "json")
        if wanted in ("text", "srt", "vtt"):
            body = text if wanted == "text" else f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n"
            return await exchange.send_body(200, body.encode(), "text/plain; charset=utf-8", delivery=reply.delivery)
        if received.path.endswith("translations"):
            return await exchange.send_json(checked(Translation, {"text": text}), reply.delivery)
        if form.get("stream") == "true" and STREAMED.match(form["model"]):
            words = [{"type": "transcript.text.delta", "delta": word} for word in pieces(text)]
            done = {"type": "transcript.text.done", "text": text, "usage": AUDIO_TOKENS}
            events = [sse_event(compact(checked(TranscriptionTextDeltaEvent, word))) for word in words]
            last = sse_event(compact(checked(TranscriptionTextDoneEvent, done)))
            return await exchange.send_events(events, last, reply.delivery)
        if wanted == "verbose_json":
            verbose = {"duration": 1.5, "language": "english", "text": text, "segments": []}
            verbose["usage"] = {"type": "duration", "seconds": 2.0}
            return await exchange.send_json(checked(TranscriptionVerbose, verbose), reply.delivery)
        if wanted != "json":
            raise ScriptError(f"no {wanted} here")
        usage = AUDIO_TOKENS if STREAMED.match(form["model"]) else {"type": "duration", "seconds": 2.0}
        return await exchange.send_json(checked(Transcription, {"text": text, "usage": usage}), reply.delivery)


def read_form(received: Received) -> UploadedForm | Refusal:
    """The form in this body, or why it is none."""
    kind = received.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return Refusal(f"Invalid Content-Type header ({kind}), expected multipart/form-data.")
    head = b"content-type: " + kind.encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + received.body)
    if not message.is_multipart() or message.defects:
        return Refusal("Could not parse multipart form.")
    form = UploadedForm()
    for part in message.iter_parts():
        disposition: Mapping[str, Any] = part["content-disposition"].params
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if "filename" in disposition:
            form.files.append((disposition["name"], content))
        else:
            form.fields[disposition["name"]] = content.decode()
    return form
