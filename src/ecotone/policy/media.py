"""Pictures, sounds, films, documents and files in the requests of all wires: what is there that detectors cannot read.

The forms are those of OpenAI (Chat Completions, Responses), Anthropic, Gemini, Ollama, Bedrock and of MCP's results.
"""

from collections.abc import Mapping
from typing import Any

from ecotone.policy.reading import decode_base64, known_kind, text_of

# By the `type` of a part, where it has one of the keys below.
_KIND_OF_TYPE: Mapping[str, str] = {
    "image": "image", "image_url": "image", "input_image": "image", "input_audio": "audio", "audio": "audio",
    "audio_url": "audio", "video": "video", "video_url": "video", "input_video": "video", "document": "document",
    "document_url": "document", "file": "file", "input_file": "file", "container_upload": "file",
}  # fmt: skip
_BYTES = frozenset({"data", "bytes", "file_data", "fileData", "blob", "b64_json", "base64", "images"})
_REFERENCES = frozenset(
    {"url", "uri", "image_url", "video_url", "audio_url", "document_url", "file_url", "fileUri", "file_uri", "file_id"}
)
_PAYLOADS = _BYTES | _REFERENCES | {"source", "input_audio", "file", "image", "audio", "video", "document"}
_BLOBS = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_BEDROCK = frozenset({"image", "document", "video"})


def media_of(member: Any, key: str | int | None) -> str | None:
    """The kind of content that an object under this key is, or holds; None: none that is known."""
    if not isinstance(member, dict):
        return "image" if key == "images" and isinstance(member, list) else None
    if key in _BLOBS:
        media_type = member.get("mimeType") or member.get("mime_type")
        return kind_of_media_type(media_type if isinstance(media_type, str) else "")
    if isinstance(key, str) and key in _BEDROCK and "source" in member and "format" in member:
        return key
    if key == "audio" and "id" in member:
        return "audio"
    kind = _KIND_OF_TYPE.get(member["type"]) if isinstance(member.get("type"), str) else None
    return kind if kind is not None and not _PAYLOADS.isdisjoint(member) else None


def kind_of_media_type(media_type: str) -> str:
    """`image`, `audio`, `video`, `document` or `file`, of a media type (RFC 6838)."""
    main, _, sub = media_type.lower().partition("/")
    if main in ("image", "audio", "video"):
        return main
    return "document" if main == "text" or any(part in sub for part in ("pdf", "word", "document", "sheet")) else "file"


def is_unread(text: str, key: str | int | None, kind: str) -> bool:
    """Whether a string in content of this kind stands for something that no detector reads: a reference to it, or bytes
    that are no text."""
    if text[:5].lower() == "data:":
        head, comma, payload = text.partition(",")
        if not comma:
            return False
        return head.lower().endswith(";base64") and is_binary(payload)
    if key in _REFERENCES or (kind == "audio" and key == "id"):
        return True
    return (key in _BYTES or isinstance(key, int)) and is_binary(text)


def is_binary(text: str) -> bool:
    """Whether a string is Base64 of something that is no text, or more than the text that it seems to be."""
    raw = decode_base64(text)
    return bool(raw) and (text_of(raw or b"") is None or known_kind(raw or b"") == "document")
