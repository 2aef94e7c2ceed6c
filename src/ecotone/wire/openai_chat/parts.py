"""Content parts, tool calls and reasoning: what requests and replies share.

Field names and shapes are those of the OpenAI description (`ChatCompletionRequestMessageContentPart*`,
`ChatCompletionMessageToolCall*`). Reasoning is no part of it; open servers send it beside the content:

- `reasoning_content`: DeepSeek (https://api-docs.deepseek.com/guides/reasoning_model), SGLang, llama-server, older vLLM
- `reasoning`: OpenRouter, Groq (https://console.groq.com/docs/reasoning), Ollama, newer vLLM
- `reasoning_details`: OpenRouter, with signatures and encrypted data that must be sent back untouched
  (https://openrouter.ai/docs/use-cases/reasoning-tokens)
- a `thinking` entry in the content list: Mistral (https://docs.mistral.ai/capabilities/reasoning/)
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    FileReference,
    ImagePart,
    Inline,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    Source,
    TextPart,
    ToolCallPart,
    Url,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.envelope import open_id, opened_reasoning, seal_id, sealed_signature, unseal
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_chat.vendor import NAME, form_of, make_vendor, rest_of

ContentPart = TextPart | ImagePart | AudioPart | DocumentPart | RefusalPart | ReasoningPart | OpaquePart
"""What a content list may hold."""

# In order of preference: where a message has both, they say the same.
REASONING_FIELDS = ("reasoning_content", "reasoning")


def decode_content(message: Fields, name: str = "content") -> list[ContentPart]:
    """The parts of a content field: a string, a list of typed objects, or nothing."""
    value = message.look(name)
    if value is None or isinstance(value, str):
        message.take(name)
        return [] if value is None else [TextPart(value)]
    if not isinstance(value, list):
        raise message.wrong(name, "a string or a list of parts")
    message.take(name)
    return [decode_part(message.element(name, number, item)) for number, item in enumerate(value)]


def decode_part(fields: Fields) -> ContentPart:
    """One entry of a content list. An entry of unknown type is kept as it is, for this wire alone."""
    kind = fields.look("type")
    if not isinstance(kind, str):
        raise fields.wrong("type", "a string")
    match kind:
        case "text":
            fields.take("type")
            return TextPart(fields.need_text("text"), make_vendor(fields.rest()))
        case "image_url":
            return decode_image(fields)
        case "input_audio":
            fields.take("type")
            audio = fields.need_child("input_audio")
            return AudioPart(
                data=audio.need_text("data"), format=audio.text("format"), vendor=make_vendor(fields.rest())
            )
        case "file":
            return _decode_document(fields)
        case "refusal":
            fields.take("type")
            return RefusalPart(fields.need_text("refusal"), make_vendor(fields.rest(), at="content"))
        case "thinking":
            return _decode_thinking(fields)
    return OpaquePart(NAME, fields.rest())


def decode_image(fields: Fields) -> ImagePart:
    """An `image_url` entry; its address may be an object, or a string as Mistral and vLLM take it too."""
    fields.take("type")
    if isinstance(fields.look("image_url"), str):
        source = _decode_source(fields.need_text("image_url"))
        return ImagePart(source, vendor=make_vendor(fields.rest(), image_url="string"))
    image = fields.need_child("image_url")
    source = _decode_source(image.need_text("url"))
    return ImagePart(source, image.text("detail"), make_vendor(fields.rest()))


def _decode_source(url: str) -> Source:
    """A data URL (RFC 2397) with base64 is content in place; any other address is one."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Inline(data, head[len("data:") : -len(";base64")] or None)
    return Url(url)


def _decode_document(fields: Fields) -> DocumentPart:
    fields.take("type")
    file = fields.need_child("file")
    data = file.text("file_data")
    source: Source
    if data is not None and data.startswith(("http://", "https://")):
        # https://openrouter.ai/docs/features/multimodal/pdfs takes an address here.
        source = Url(data)
    elif data is not None:
        found = _decode_source(data)
        source = found if isinstance(found, Inline) else Inline(data)
    else:
        identity = file.text("file_id")
        if identity is None:
            raise file.wrong("file_data", "a string, unless `file_id` is; both are missing")
        source = FileReference(identity)
    return DocumentPart(source, file.text("filename"), make_vendor(fields.rest()))


def _decode_thinking(fields: Fields) -> ReasoningPart | OpaquePart:
    pieces = fields.look("thinking")
    if not isinstance(pieces, list) or not all(_is_plain_text(piece) for piece in pieces):
        return OpaquePart(NAME, fields.rest())
    fields.take("type")
    fields.take("thinking")
    text = "".join(piece["text"] for piece in pieces)
    signature = fields.text("signature")
    vendor = make_vendor(fields.rest(), at="content")
    return opened_reasoning(text, signature, NAME, vendor)


def _is_plain_text(piece: Any) -> bool:
    return (
        isinstance(piece, dict)
        and piece.keys() == {"type", "text"}
        and piece["type"] == "text"
        and isinstance(piece["text"], str)
    )


def encode_part(part: ContentPart, losses: Losses, place: str, *, to_client: bool = False) -> Json:
    """The entry of a content list that says `part`. Raises UnsupportedFeature where there is none."""
    encoded: Json
    match part:
        case TextPart():
            encoded = {"type": "text", "text": part.text}
        case ImagePart():
            encoded = _encode_image(part, place)
        case AudioPart():
            if part.data is None:
                raise UnsupportedFeature("This wire takes sound only as data in the request.", param=place)
            audio = {"data": part.data} if part.format is None else {"data": part.data, "format": part.format}
            encoded = {"type": "input_audio", "input_audio": audio}
        case DocumentPart():
            encoded = {"type": "file", "file": _encode_document(part, place)}
        case RefusalPart():
            encoded = {"type": "refusal", "refusal": part.text}
        case ReasoningPart():
            encoded = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
            signature = _signature(part, to_client=to_client)
            if signature is not None:
                encoded["signature"] = signature
        case OpaquePart():
            if part.wire != NAME:
                raise UnsupportedFeature(f"A part that only the wire {part.wire} knows cannot be sent.", param=place)
            encoded = dict(part.data)
    add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _encode_image(part: ImagePart, place: str) -> Json:
    url = _encode_source(part.source, place)
    if form_of(part.vendor, "image_url") == "string":
        return {"type": "image_url", "image_url": url}
    image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def _encode_source(source: Source, place: str) -> str:
    match source:
        case Url():
            return source.url
        case Inline():
            return f"data:{source.media_type or ''};base64,{source.data}"
        case FileReference():
            raise UnsupportedFeature("This wire has no images by file id; send an address or data.", param=place)


def _encode_document(part: DocumentPart, place: str) -> Json:
    file: Json
    match part.source:
        case FileReference():
            file = {"file_id": part.source.id}
        case Inline(data=data, media_type=None):
            file = {"file_data": data}
        case Inline() | Url():
            file = {"file_data": _encode_source(part.source, place)}
    if part.filename is not None:
        file["filename"] = part.filename
    return file


def decode_tool_call(fields: Fields) -> ToolCallPart:
    """One entry of a message's `tool_calls`."""
    kind = fields.text("type")
    identity, attached = open_id(fields.text("id") or "")
    if kind == "custom":
        call = fields.need_child("custom")
        return ToolCallPart(
            id=identity,
            name=call.need_text("name"),
            arguments=call.text("input") or "",
            kind="custom",
            vendor=make_vendor(fields.rest()) | attached,
        )
    if kind not in (None, "", "function"):
        raise fields.wrong("type", '"function" or "custom"')
    call = fields.need_child("function")
    return ToolCallPart(
        id=identity,
        name=call.need_text("name"),
        arguments=take_arguments(call),
        vendor=make_vendor(fields.rest()) | attached,
    )


def take_arguments(call: Fields) -> str:
    """A function call's arguments as text; some servers send the object itself."""
    if isinstance(call.look("arguments"), dict):
        return msgspec.json.encode(call.take("arguments")).decode()
    return call.text("arguments") or ""


def encode_tool_call(part: ToolCallPart, losses: Losses, place: str, *, to_client: bool = False) -> Json:
    """The entry of `tool_calls` that says `part`; a client's id carries what other wires must get back."""
    identity = seal_id(part.id, part.vendor, NAME) if to_client else part.id
    encoded: Json
    if part.kind == "custom":
        encoded = {"id": identity, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    else:
        encoded = {"id": identity, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
    add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def decode_reasoning(message: Fields) -> list[ReasoningPart]:
    """The reasoning beside a message's content: one piece, or as many as other wires' signatures hold apart.

    The vendor keeps `reasoning_details` whole where they hold more than the text and its signature.
    """
    found = {name: message.text(name) for name in REASONING_FIELDS if message.look(name) is not None}
    details = message.items("reasoning_details")
    foreign = [part for part in map(_foreign, details or ()) if part is not None]
    if foreign:
        return foreign
    texts = [text for text in found.values() if text]
    if not texts and not details:
        return []
    signature, told, plain = _read_details(details)
    text = texts[0] if texts else told
    rest: Json = {}
    if details and not (plain and told == text):
        rest["reasoning_details"] = details
    form = "+".join(found) if found else "reasoning_details"
    vendor = make_vendor(rest, at=None if form == REASONING_FIELDS[0] else form)
    return [ReasoningPart(text, signature, vendor, NAME if signature is not None or rest else None)]


def _foreign(detail: Any) -> ReasoningPart | None:
    """The reasoning that another wire's vendor has signed, as `encode_reasoning` gave it to a client."""
    if not isinstance(detail, dict):
        return None
    text, signature = detail.get("text"), detail.get("signature")
    if not isinstance(signature, str) or unseal(signature) is None:
        return None
    return opened_reasoning(text if isinstance(text, str) else "", signature, NAME, {})


def _signature(part: ReasoningPart, *, to_client: bool) -> str | None:
    """A client gets each signature, an upstream only those of this wire."""
    if to_client:
        return sealed_signature(part, NAME)
    return part.signature if part.wire in (None, NAME) else None


def _read_details(details: list[Any] | None) -> tuple[str | None, str, bool]:
    """The signature in OpenRouter's `reasoning_details`, their text, and whether that is all they hold."""
    signature: str | None = None
    texts = []
    for detail in details or ():
        if isinstance(detail, dict):
            text = detail.get("text") or detail.get("summary")
            texts.append(text if isinstance(text, str) else "")
            proof = detail.get("signature")
            signature = proof if isinstance(proof, str) and signature is None else signature
    plain = (
        details is not None
        and len(details) == 1
        and isinstance(details[0], dict)
        and details[0].keys() == {"type", "text", "signature"}
        and details[0]["type"] == "reasoning.text"
    )
    return signature, "".join(texts), plain


def encode_reasoning(part: ReasoningPart, *, to_client: bool) -> Json:
    """The fields of a message or delta that say this reasoning."""
    form = form_of(part.vendor, "at") or REASONING_FIELDS[0]
    said_in = form.split("+") if isinstance(form, str) else ()
    encoded: Json = {name: part.text for name in said_in if name in REASONING_FIELDS and part.text}
    signature = _signature(part, to_client=to_client)
    if signature is not None:
        encoded["reasoning_details"] = [{"type": "reasoning.text", "text": part.text, "signature": signature}]
    encoded.update(rest_of(part.vendor))
    return encoded


def join_reasoning(parts: Iterable[ReasoningPart], *, to_client: bool) -> Json:
    """The fields that say several pieces of reasoning in one message."""
    encoded: Json = {}
    for part in parts:
        for name, value in encode_reasoning(part, to_client=to_client).items():
            present = encoded.get(name)
            encoded[name] = present + value if isinstance(value, str | list) and present is not None else value
    return encoded
