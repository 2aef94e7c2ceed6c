"""Files that go with a question: which are taken, and how a model gets them.

Text is written into the question itself, under the file's name, so that every model can read it and every rule sees
it. Images go as images. Nothing else is taken.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Literal

import msgspec

from ecotone.values.chat import ImagePart, Inline, Part, TextPart
from ecotone.values.errors import BodyTooLarge, MalformedRequest, UnsupportedMediaType

ATTACHED_MAX = 10
TEXT_BYTES_MAX = 1024 * 1024
IMAGE_BYTES_MAX = 8 * 1024 * 1024
ALL_BYTES_MAX = 16 * 1024 * 1024
TEXT = "text/plain"
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_NAME_CHARS_MAX = 120


class Attachment(msgspec.Struct, frozen=True):
    """What is told of a file that is attached."""

    id: str
    name: str
    media_type: str
    size_bytes: int

    @property
    def kind(self) -> Literal["text", "image"]:
        return "image" if self.media_type in IMAGES else "text"


class Attached(msgspec.Struct, frozen=True):
    """A file with its content; `media_type` is `text/plain` or one of IMAGES."""

    name: str
    media_type: str
    body: bytes


def read_attached(name: str, data: str) -> Attached:
    """A file from its name and its bytes in base64. What it is, its bytes say; its name does not count.

    Raises MalformedRequest, UnsupportedMediaType for what is neither text nor an image that models take, BodyTooLarge.
    """
    name = " ".join(name.replace("/", " ").replace("\\", " ").split())[:_NAME_CHARS_MAX] or "file"
    try:
        body = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest(f"{name} is not base64.", param="attachments") from None
    if not body:
        raise MalformedRequest(f"{name} is empty.", param="attachments")
    kind = _image_type(body)
    if kind is not None:
        _check_size(name, body, IMAGE_BYTES_MAX)
        return Attached(name, kind, body)
    _check_size(name, body, TEXT_BYTES_MAX)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None or "\0" in text:
        raise UnsupportedMediaType(
            f"{name} is neither text in UTF-8 nor a PNG, JPEG, GIF or WebP image. Copy its text out and attach that."
        )
    return Attached(name, TEXT, text.encode())


def check_attached(attached: Sequence[Attached], kept: int = 0) -> None:
    """Whether so many go with one question, besides `kept` that are here already. Raises MalformedRequest and
    BodyTooLarge."""
    if len(attached) + kept > ATTACHED_MAX:
        raise MalformedRequest(f"At most {ATTACHED_MAX} files go with one question.", param="attachments")
    if sum(len(one.body) for one in attached) > ALL_BYTES_MAX:
        raise BodyTooLarge(f"All files together are over the limit of {ALL_BYTES_MAX // (1024 * 1024)} MiB.")


def question_parts(text: str, attached: Sequence[Attached]) -> tuple[Part, ...]:
    """The question as a model gets it: files first, then what is asked of them."""
    parts: list[Part] = []
    for one in attached:
        if one.media_type in IMAGES:
            data = base64.b64encode(one.body).decode()
            parts.append(ImagePart(Inline(data, one.media_type)))
        else:
            parts.append(TextPart(_quoted(one.name, one.body.decode())))
    if text.strip() or not parts:
        parts.append(TextPart(text))
    return tuple(parts)


def _quoted(name: str, text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"File {name}:\n{fence}\n{text.removesuffix(chr(10))}\n{fence}\n\n"


def _check_size(name: str, body: bytes, limit: int) -> None:
    if len(body) > limit:
        raise BodyTooLarge(f"{name} is over the limit of {limit // (1024 * 1024)} MiB.")


def _image_type(body: bytes) -> str | None:
    """By its first bytes, as the formats' own specifications have them."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return None
