"""Pictures, sounds and documents: `inlineData` (`Blob`) and `fileData` (`FileData`).

Addresses are those of the vendor's own storage (`gs://`, or its Files API) or any on the web, which Google fetches
(https://ai.google.dev/gemini-api/docs/file-input-methods). What is in them, only the media type says; what is neither a
picture, a sound nor a document (a video) is kept for this wire alone.
"""

import re
from urllib.parse import urlsplit

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    FileReference,
    ImagePart,
    Inline,
    Json,
    Source,
    Url,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.vendor import form_of, make_vendor
from ecotone.wire.losses import Losses

MediaPart = ImagePart | AudioPart | DocumentPart

_TYPES_BY_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
}
# How content of these types begins, in base64.
_TYPES_BY_BEGINNING = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}
_SOUND_TYPES = {"mp3": "audio/mp3", "pcm16": "audio/L16;rate=24000"}
_SOUND_FORMATS = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/vnd.wave": "wav"}
_OWN_STORAGE = re.compile(r"gs://|https://generativelanguage\.googleapis\.com/")
_STANDARD = str.maketrans("-_", "+/")


def decode_media(fields: Fields, rest: Fields) -> MediaPart | None:
    """The part whose `inlineData` or `fileData` `fields` has; None, and nothing taken, where it is of another kind.

    `rest` is the object whose other fields are to be kept.
    """
    blob = fields.look("inlineData")
    if isinstance(blob, dict) and isinstance(blob.get("data"), str):
        kind = _kind(blob.get("mimeType"))
        return None if kind is None else _decode_inline(fields.need_child("inlineData"), kind, rest)
    file = fields.look("fileData")
    if isinstance(file, dict) and isinstance(file.get("fileUri"), str):
        stated = file.get("mimeType")
        kind = _kind(stated if stated else _guessed(file["fileUri"]))
        if kind is not None and kind != "audio":
            return _decode_file(fields.need_child("fileData"), kind, rest)
    return None


def _kind(media_type: object) -> str | None:
    if not isinstance(media_type, str):
        return None
    kind = media_type.partition("/")[0].lower()
    return {"image": "image", "audio": "audio", "text": "document", "application": "document"}.get(kind)


def _decode_inline(blob: Fields, kind: str, rest: Fields) -> MediaPart:
    media_type = blob.need_text("mimeType")
    data = blob.need_text("data")
    if "-" in data or "_" in data:
        # The SDK for Python sends base64 for URLs, which no other wire takes.
        data = data.translate(_STANDARD)
    if kind == "image":
        return ImagePart(Inline(data, media_type), vendor=make_vendor(rest.rest()))
    if kind == "document":
        return DocumentPart(Inline(data, media_type), vendor=make_vendor(rest.rest()))
    form = sound_format(media_type)
    usual = sound_type(form)
    return AudioPart(
        data=data, format=form, vendor=make_vendor(rest.rest(), mimeType=None if media_type == usual else media_type)
    )


def sound_format(media_type: str) -> str:
    """The short name of a sound's format."""
    plain = media_type.partition(";")[0].lower()
    if plain in ("audio/l16", "audio/pcm"):
        return "pcm16"
    return _SOUND_FORMATS.get(plain) or plain.removeprefix("audio/")


def sound_type(form: str) -> str:
    """The media type of a sound in this format."""
    return _SOUND_TYPES.get(form, f"audio/{form}")


def _decode_file(file: Fields, kind: str, rest: Fields) -> MediaPart:
    uri = file.need_text("fileUri")
    media_type = file.text("mimeType")
    source: Source = FileReference(uri) if _OWN_STORAGE.match(uri) else Url(uri)
    vendor = make_vendor(rest.rest(), mimeType=(media_type or "") if media_type != _guessed(uri) else None)
    return ImagePart(source, vendor=vendor) if kind == "image" else DocumentPart(source, vendor=vendor)


def _guessed(uri: str) -> str | None:
    """The media type that the ending of an address stands for."""
    try:
        path = urlsplit(uri).path
    except ValueError:
        return None
    return _TYPES_BY_ENDING.get(path.rpartition(".")[2].lower())


def encode_media(part: MediaPart, losses: Losses, place: str) -> Json:
    """The fields that say `part`. Raises UnsupportedFeature where there are none."""
    encoded: Json
    match part:
        case AudioPart():
            if part.data is None:
                raise UnsupportedFeature("This wire takes sound only as data in the request.", param=place)
            media_type = form_of(part.vendor, "mimeType") or sound_type(part.format or "wav")
            encoded = {"inlineData": {"mimeType": media_type, "data": part.data}}
        case ImagePart() | DocumentPart():
            encoded = _encode_source(part.source, form_of(part.vendor, "mimeType"), place)
            if isinstance(part, ImagePart) and part.detail is not None:
                losses.add(place, "how closely to look at the image")
            if isinstance(part, DocumentPart) and part.filename is not None:
                losses.add(place, "the name of the file")
    add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _encode_source(source: Source, media_type: str | None, place: str) -> Json:
    match source:
        case Inline():
            kind = source.media_type or _begun(source.data)
            if kind is None:
                raise UnsupportedFeature("This wire needs the media type of content in the request.", param=place)
            return {"inlineData": {"mimeType": kind, "data": source.data}}
        case FileReference() if not _OWN_STORAGE.match(source.id):
            raise UnsupportedFeature(
                "A file uploaded to another vendor is not known to this one; send its content.", param=place
            )
        case Url() | FileReference():
            uri = source.url if isinstance(source, Url) else source.id
            kind = _guessed(uri) if media_type is None else media_type
            return {"fileData": {"mimeType": kind, "fileUri": uri} if kind else {"fileUri": uri}}


def _begun(data: str) -> str | None:
    return next((kind for start, kind in _TYPES_BY_BEGINNING.items() if data.startswith(start)), None)
