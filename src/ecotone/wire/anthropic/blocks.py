"""Content blocks, as requests and replies hold them: `ContentBlockParam` and `ContentBlock` of the official SDK.

A block of a type that is not understood, such as a tool that the vendor runs itself and its result, is kept as it is
for this wire alone.
"""

import base64
import binascii
from typing import Any

import msgspec

from ecotone.values.chat import (
    DocumentPart,
    FileReference,
    ImagePart,
    Inline,
    Json,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    Source,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Url,
    Vendor,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.values.reply import ToolCallDelta
from ecotone.wire.anthropic.custom_tools import FIELD, called_tool, sent_name
from ecotone.wire.anthropic.ids import accepted_id, original_id
from ecotone.wire.anthropic.vendor import NAME, form_of, make_vendor, rest_of, said
from ecotone.wire.envelope import open_id, opened_reasoning, seal, seal_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.nesting import decode_shallow

UNSIGNED = seal("", {"signature": None})
"""Stands where a client of this wire expects a signature for reasoning that nobody has signed."""

# Who calls a tool unless something else is said: remembered as a form, since the ids that other wires' clients get
# carry what must come back.
_DIRECT = {"type": "direct"}
_SOURCES = {"image": ("base64", "url", "file"), "document": ("base64", "text", "url", "file")}
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
# What base64 of such a file begins with, for content that came without its type.
_BEGINNINGS = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
}


def decode_content(message: Fields, *, from_client: bool = True) -> tuple[list[Part], str | None]:
    """The parts of `content`, and "list" where it was a list though a string would say the same."""
    value = message.look("content")
    if isinstance(value, str):
        message.take("content")
        return [TextPart(value)], None
    parts = [decode_block(block, from_client=from_client) for block in message.each("content")]
    plain = len(parts) == 1 and isinstance(parts[0], TextPart) and not parts[0].vendor
    return parts, "list" if plain else None


def decode_block(block: Fields, *, from_client: bool = True) -> Part:
    """One content block. What Ecotone gave to a client in ids and signatures is opened where it comes `from_client`."""
    kind = block.look("type")
    if not isinstance(kind, str):
        raise block.wrong("type", "a string")
    match kind:
        case "text":
            block.take("type")
            return TextPart(block.need_text("text"), make_vendor(said(block.rest())))
        case "image" | "document" if _source_type(block) in _SOURCES[kind]:
            return _decode_image(block) if kind == "image" else _decode_document(block)
        case "thinking":
            return _decode_thinking(block)
        case "redacted_thinking":
            block.take("type")
            data = block.need_text("data")
            return ReasoningPart("", data, make_vendor(said(block.rest()), type="redacted_thinking"), NAME)
        case "tool_use":
            return _decode_call(block, from_client)
        case "tool_result" if _result_is_understood(block.look("content")):
            return _decode_result(block)
    return OpaquePart(NAME, block.rest())


def _source_type(block: Fields) -> Any:
    source = block.look("source")
    return source.get("type") if isinstance(source, dict) else None


def _decode_source(block: Fields) -> Source:
    source = block.need_child("source")
    match source.text("type"):
        case "url":
            return Url(source.need_text("url"))
        case "file":
            return FileReference(source.need_text("file_id"))
        case "text":
            source.take("media_type")
            return Inline(base64.b64encode(source.need_text("data").encode()).decode(), "text/plain")
    return Inline(source.need_text("data"), source.text("media_type"))


def _decode_image(block: Fields) -> ImagePart:
    block.take("type")
    return ImagePart(_decode_source(block), vendor=make_vendor(said(block.rest())))


def _decode_document(block: Fields) -> DocumentPart:
    block.take("type")
    source = _decode_source(block)
    return DocumentPart(source, block.text("title"), make_vendor(said(block.rest())))


def _decode_thinking(block: Fields) -> ReasoningPart:
    block.take("type")
    text, signature = block.need_text("thinking"), block.text("signature")
    part = opened_reasoning(text, signature, NAME, make_vendor(said(block.rest())))
    return part if part.wire else msgspec.structs.replace(part, wire=None)


def _decode_call(block: Fields, from_client: bool) -> ToolCallPart:
    block.take("type")
    identity = block.need_text("id")
    identity, attached = _opened_id(identity) if from_client else (identity, {})
    name = block.need_text("name")
    given = block.json("input") or {}
    caller = "direct" if block.look("caller") == _DIRECT else None
    if caller is not None:
        block.take("caller")
    vendor = make_vendor(said(block.rest()), caller=caller) | attached
    if not from_client and called_tool(name)[1] == "custom":
        return ToolCallPart(identity, called_tool(name)[0], free_text(given), "custom", vendor)
    return ToolCallPart(identity, name, encode_arguments(given), vendor=vendor)


def call_rest(vendor: Vendor) -> Json:
    """The fields of a call beside those that are understood."""
    rest = rest_of(vendor)
    return {"caller": _DIRECT} | rest if form_of(vendor, "caller") == "direct" else rest


def _opened_id(identity: str) -> tuple[str, Vendor]:
    """The id of a call as it was before `client_id`, and what was attached."""
    plain, attached = open_id(identity)
    return original_id(plain), attached


def client_id(part: ToolCallPart | ToolCallDelta) -> str:
    """The id of a call as a client gets it: one that the vendor would accept too, with what other wires must get back
    attached."""
    return seal_id(accepted_id(part.id or ""), part.vendor, NAME)


def free_text(given: Json) -> str:
    """The text for a tool that takes any, out of the object in which the model gave it."""
    text = given.get(FIELD)
    if isinstance(text, str):
        return text
    return encode_arguments(given) if given else ""


def encode_arguments(arguments: Json) -> str:
    """A call's `input` as text, its keys in their order."""
    return msgspec.json.encode(arguments).decode()


def _result_is_understood(content: Any) -> bool:
    """Whether the values can hold what a tool answered: text, images and documents from understood sources."""
    if content is None or isinstance(content, str):
        return True
    return isinstance(content, list) and all(isinstance(block, dict) and _is_understood(block) for block in content)


def _is_understood(block: Json) -> bool:
    kind, source = block.get("type"), block.get("source")
    if kind == "text" or not isinstance(kind, str) or kind not in _SOURCES:
        return kind == "text"
    return isinstance(source, dict) and source.get("type") in _SOURCES[kind]


def _decode_result(block: Fields) -> ToolResultPart:
    block.take("type")
    identity = _opened_id(block.need_text("tool_use_id"))[0]
    content = block.look("content")
    form: str | None = None
    decoded: list[Part] = []
    if content == "" or content == []:
        form = "empty" if content == "" else "list"
        block.take("content")
    else:
        decoded, form = decode_content(block)
    parts = tuple([part for part in decoded if isinstance(part, (TextPart, ImagePart, DocumentPart))])
    failed = block.flag("is_error")
    return ToolResultPart(identity, parts, failed, make_vendor(said(block.rest()), content=form))


def encode_block(part: Part, losses: Losses, place: str) -> Json | None:
    """The block that says `part` to an upstream, None where it is left out, which is declared.

    Raises UnsupportedFeature where there is no such block.
    """
    encoded: Json | None
    match part:
        case TextPart():
            encoded = _encode_text(part, losses, place)
        case ToolCallPart():
            encoded = _encode_call(part, losses, place)
        case ToolResultPart():
            encoded = _encode_result(part, losses, place)
        case ReasoningPart():
            encoded = _encode_thinking(part, losses, place)
        case ImagePart():
            encoded = _encode_image(part, losses, place)
        case DocumentPart():
            encoded = _encode_document(part, losses, place)
        case RefusalPart():
            losses.add(place, "that this text was a refusal; it is sent as plain text")
            encoded = _encode_text(part, losses, place)
        case OpaquePart():
            if part.wire != NAME:
                raise UnsupportedFeature(f"A part that only the wire {part.wire} knows cannot be sent.", param=place)
            encoded = dict(part.data)
        case _:
            raise UnsupportedFeature(
                "Claude's API takes no sound. Send a transcript, or ask for a model that hears.", param=place
            )
    if encoded is not None and part.vendor:
        add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _encode_text(part: TextPart | RefusalPart, losses: Losses, place: str) -> Json | None:
    if not part.text or part.text.isspace():
        losses.add(place, "an empty text, which this wire does not take")
        return None
    return {"type": "text", "text": part.text}


def _encode_image(part: ImagePart, losses: Losses, place: str) -> Json:
    if part.detail not in (None, "auto"):
        losses.add(place, f"how closely to look at the image ({part.detail})")
    source = part.source
    if isinstance(source, Inline):
        media_type = source.media_type or _guessed_type(source.data)
        if media_type not in _IMAGE_TYPES:
            known = ", ".join(_IMAGE_TYPES)
            raise UnsupportedFeature(
                f"Claude's API takes images as {known}, not as {media_type or 'data without a type'}.", param=place
            )
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": source.data}}
    return {"type": "image", "source": _encode_reference(source)}


def _encode_reference(source: Url | FileReference) -> Json:
    if isinstance(source, Url):
        return {"type": "url", "url": source.url}
    return {"type": "file", "file_id": source.id}


def _encode_document(part: DocumentPart, losses: Losses, place: str) -> Json:
    source = part.source
    encoded: Json = {"type": "document"}
    if isinstance(source, Inline):
        encoded["source"] = _encode_data(source, losses, place)
    else:
        encoded["source"] = _encode_reference(source)
    if part.filename is not None:
        encoded["title"] = part.filename
    return encoded


def _encode_data(source: Inline, losses: Losses, place: str) -> Json:
    media_type = source.media_type or _guessed_type(source.data) or ""
    if media_type == "application/pdf":
        return {"type": "base64", "media_type": media_type, "data": source.data}
    if media_type.startswith("text/"):
        try:
            text = base64.b64decode(source.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise UnsupportedFeature("This document's data is not base64 of UTF-8 text.", param=place) from None
        if media_type != "text/plain":
            losses.add(place, f"the media type {media_type}; the document is sent as text/plain")
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise UnsupportedFeature(
        f"Claude's API takes documents as PDF or text, not as {media_type or 'data without a type'}.", param=place
    )


def _guessed_type(data: str) -> str | None:
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)


def _encode_thinking(part: ReasoningPart, losses: Losses, place: str) -> Json | None:
    if part.wire not in (None, NAME):
        losses.add(place, f"reasoning that a vendor on the wire {part.wire} has signed")
        return None
    if part.signature is None:
        losses.add(place, "reasoning without a signature, which this wire does not take")
        return None
    return thinking_block(part, part.signature)


def thinking_block(part: ReasoningPart, signature: str) -> Json:
    """The block for reasoning with this signature, or for what was redacted of it."""
    if form_of(part.vendor, "type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": signature}
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def _encode_call(part: ToolCallPart, losses: Losses, place: str) -> Json:
    arguments = read_arguments(part)
    if arguments is None:
        losses.add(place, "that the model's arguments are no JSON object; their text is sent in one")
        arguments = {"arguments": part.arguments}
    elif part.kind == "custom":
        losses.add(place, "that this tool takes free text; it is sent in an object")
    name = sent_name(part.name, part.kind)
    encoded: Json = {"type": "tool_use", "id": accepted_id(part.id), "name": name, "input": arguments}
    if form_of(part.vendor, "caller") == "direct":
        encoded["caller"] = _DIRECT
    return encoded


def read_arguments(part: ToolCallPart) -> Json | None:
    """A call's arguments as an object: a function's parsed, None where they are no JSON object; a custom tool's text
    in one field."""
    if part.kind == "custom":
        return {FIELD: part.arguments}
    if not part.arguments or part.arguments.isspace():
        return {}
    try:
        decoded = decode_shallow(part.arguments)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _encode_result(part: ToolResultPart, losses: Losses, place: str) -> Json:
    encoded: Json = {"type": "tool_result", "tool_use_id": accepted_id(part.tool_call_id)}
    form = form_of(part.vendor, "content")
    blocks = []
    for number, inner in enumerate(part.parts):
        if isinstance(inner, TextPart) and not inner.text and len(part.parts) == 1:
            continue
        block = encode_block(inner, losses, f"{place}.parts[{number}]")
        if block is not None:
            blocks.append(block)
    content = content_of(blocks, form)
    if blocks or form == "list":
        encoded["content"] = content
    elif form == "empty":
        encoded["content"] = ""
    if part.is_error is not None:
        encoded["is_error"] = part.is_error
    return encoded


def content_of(blocks: list[Json], form: str | None) -> str | list[Json]:
    """A plain string where one says it all, else the list."""
    if form != "list" and len(blocks) == 1 and blocks[0].keys() == {"type", "text"} and blocks[0]["type"] == "text":
        text: str = blocks[0]["text"]
        return text
    return blocks
