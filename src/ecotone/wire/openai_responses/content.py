"""What messages and tool results hold: `ResponseInput*` and `ResponseOutput*` content of the SDK, read and written.

An entry of a type that is not known here is kept as it is, for this wire alone.
"""

from typing import Any

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    FileReference,
    ImagePart,
    Inline,
    Json,
    OpaquePart,
    RefusalPart,
    Source,
    TextPart,
    Url,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_responses.vendor import NAME, make_vendor, rest_of

ContentPart = TextPart | ImagePart | AudioPart | DocumentPart | RefusalPart | OpaquePart
"""What a content list may hold."""


def decode_content(around: Fields, name: str = "content") -> list[ContentPart]:
    """The parts of a content field: a string, or a list of typed objects."""
    value = around.take(name)
    if isinstance(value, str):
        return [TextPart(value)]
    if not isinstance(value, list):
        raise around.wrong(name, "a string or a list of content")
    return [decode_part(around.element(name, number, item)) for number, item in enumerate(value)]


def decode_part(fields: Fields) -> ContentPart:
    """One entry of a content list."""
    match fields.look("type"):
        case "input_text" | "output_text" | "text":
            fields.take("type")
            text = fields.need_text("text")
            for empty in ("annotations", "logprobs"):
                if fields.look(empty) == []:
                    fields.take(empty)
            return TextPart(text, make_vendor(fields.rest()))
        case "input_image":
            return _decode_image(fields)
        case "input_file":
            return _decode_document(fields)
        case "input_audio":
            fields.take("type")
            audio = fields.need_child("input_audio")
            return AudioPart(audio.need_text("data"), audio.text("format"), vendor=make_vendor(fields.rest()))
        case "refusal":
            fields.take("type")
            return RefusalPart(fields.need_text("refusal"), make_vendor(fields.rest()))
        case str():
            return OpaquePart(NAME, fields.rest(), make_vendor({}, at="content"))
    raise fields.wrong("type", "a string")


def _decode_source(url: str) -> Source:
    """A data URL (RFC 2397) with base64 is content in place; any other address is one."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Inline(data, head[len("data:") : -len(";base64")] or None)
    return Url(url)


def _decode_image(fields: Fields) -> ImagePart:
    fields.take("type")
    url, file = fields.text("image_url"), fields.text("file_id")
    if url is None and file is None:
        raise fields.wrong("image_url", "a string, unless `file_id` is; both are missing")
    source = _decode_source(url) if url is not None else FileReference(file or "")
    return ImagePart(source, fields.text("detail"), make_vendor(fields.rest()))


def _decode_document(fields: Fields) -> DocumentPart:
    fields.take("type")
    url, data, file = fields.text("file_url"), fields.text("file_data"), fields.text("file_id")
    source: Source
    if data is not None:
        found = _decode_source(data)
        source = found if isinstance(found, Inline) else Inline(data)
    elif url is not None:
        source = Url(url)
    elif file is not None:
        source = FileReference(file)
    else:
        raise fields.wrong("file_data", "a string, unless `file_url` or `file_id` is; all are missing")
    return DocumentPart(source, fields.text("filename"), make_vendor(fields.rest()))


def encode_input(part: ContentPart, losses: Losses, place: str) -> Json:
    """The entry that says `part` in a user's or system's message, or in a tool's result."""
    encoded: Json
    match part:
        case TextPart():
            encoded = {"type": "input_text", "text": part.text}
        case ImagePart():
            # The SDK's types require `detail`; "auto" is what the vendor takes where nothing is said.
            encoded = {"type": "input_image", "detail": part.detail or "auto"} | _encode_image(part.source)
        case DocumentPart():
            encoded = {"type": "input_file"} | _encode_file(part.source)
            if part.filename is not None:
                encoded["filename"] = part.filename
        case OpaquePart() if part.wire == NAME:
            encoded = dict(part.data)
        case RefusalPart():
            raise UnsupportedFeature("Only the assistant refuses; this message is another's.", param=place)
        case AudioPart():
            raise UnsupportedFeature(
                "The Responses API takes no audio. Leave it out, or ask for a model that speaks openai-chat or gemini.",
                param=place,
            )
        case OpaquePart():
            raise UnsupportedFeature(f"Content that only the wire {part.wire} knows cannot be sent.", param=place)
    add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _encode_url(source: Url | Inline) -> str:
    if isinstance(source, Url):
        return source.url
    return f"data:{source.media_type or ''};base64,{source.data}"


def _encode_image(source: Source) -> Json:
    if isinstance(source, FileReference):
        return {"file_id": source.id}
    return {"image_url": _encode_url(source)}


def _encode_file(source: Source) -> Json:
    match source:
        case FileReference():
            return {"file_id": source.id}
        case Url():
            return {"file_url": source.url}
        case Inline(media_type=None):
            return {"file_data": source.data}
    return {"file_data": _encode_url(source)}


def encode_plain_or_list(parts: list[ContentPart], form: str | None, losses: Losses, place: str) -> Any:
    """A string where one says it all, else a list of entries; `form` "list" asks for the list all the same."""
    if form != "list":
        if not parts:
            return ""
        if len(parts) == 1 and isinstance(parts[0], TextPart) and not rest_of(parts[0].vendor):
            losses.rest(parts[0].vendor, place)
            return parts[0].text
    return [encode_input(part, losses, f"{place}.content[{number}]") for number, part in enumerate(parts)]


def is_plain(content: list[ContentPart]) -> bool:
    """Whether a string would say this content."""
    return len(content) == 1 and isinstance(content[0], TextPart) and not content[0].vendor


def encode_spoken(part: TextPart | RefusalPart, logprobs: list[Json] | None) -> Json:
    """The entry that says `part` in an assistant's message. Unknown fields are the caller's business.

    `logprobs` is left out where it is None: replies must have the list, requests need not.
    """
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text}
    encoded: Json = {"type": "output_text", "text": part.text, "annotations": []}
    if logprobs is not None:
        encoded["logprobs"] = logprobs
    return encoded
