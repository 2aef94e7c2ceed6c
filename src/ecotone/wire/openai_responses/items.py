"""The items that a model made, `ResponseOutputItem` of the SDK, and the parts that they are.

An assistant's message is one item with its texts and refusals, a piece of reasoning or a tool call is another. Ids and
statuses of items are remembered as a form: nobody must return them. A text begins a new message where its form says so
(`item`), and where the part before it was none.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Inline,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
    Vendor,
)
from ecotone.values.reply import TokenLogprob
from ecotone.wire.envelope import open_id, opened_reasoning, seal_id, sealed_signature
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.openai_responses.content import decode_part, encode_spoken
from ecotone.wire.openai_responses.logprobs import encode_logprobs, take_logprobs
from ecotone.wire.openai_responses.vendor import FORM, NAME, form_of, make_vendor, rest_of

Spoken = tuple[int, ReplyPart, tuple[TokenLogprob, ...]]
"""A part of an item: the index of its content there, the part, and its log probabilities."""

_SEPARATOR = "\n\n"
_NEVER_SPOKEN = (DocumentPart, ImagePart, AudioPart)
CALL_ID_CHARS_MAX = 64
"""The longest `call_id` that the vendor accepts (its OpenAPI description, `FunctionCallOutputItemParam`)."""


def decode_item(fields: Fields) -> list[Spoken]:
    """The parts of one item that a model made. One of a type that is not known here is opaque."""
    match fields.look("type"):
        case "message":
            return _decode_message(fields)
        case "reasoning":
            return [(0, _decode_reasoning(fields), ())]
        case "function_call" | "custom_tool_call":
            return [(0, decode_call(fields), ())]
        case "image_generation_call" if isinstance(fields.look("result"), str):
            return [(0, _decode_image(fields), ())]
    return [(0, OpaquePart(NAME, fields.rest()), ())]


def _decode_message(fields: Fields) -> list[Spoken]:
    fields.take("type")
    fields.take("role")
    form: Json = {}
    for name in ("id", "status"):
        value = fields.text(name)
        if value is not None:
            form[name] = value
    content = fields.take("content")
    if isinstance(content, str):
        form["content"] = "string"
        content = [{"type": "output_text", "text": content}]
    elif not isinstance(content, list):
        raise fields.wrong("content", "a string or a list of content")
    spoken: list[Spoken] = []
    for index, entry in enumerate(content):
        inner = fields.element("content", index, entry)
        tokens = take_logprobs(inner)
        part = decode_part(inner)
        if isinstance(part, _NEVER_SPOKEN):
            raise fields.wrong(f"content[{index}]", "text or a refusal")
        if not isinstance(part, TextPart) or part.text or part.vendor or form.get("content"):
            spoken.append((index, part, tokens))
    rest = fields.rest()
    return [(spoken[0][0], _marked(spoken[0][1], form, rest), spoken[0][2]), *spoken[1:]] if spoken else []


def _marked(part: ReplyPart, form: Json, rest: Json) -> ReplyPart:
    """The first part of a message, with what belongs to the message."""
    vendor: Vendor = dict(part.vendor)
    vendor[FORM] = vendor.get(FORM, {}) | {"item": form}
    if rest:
        vendor[NAME] = vendor.get(NAME, {}) | {"message": rest}
    return msgspec.structs.replace(part, vendor=vendor)


def _decode_reasoning(fields: Fields) -> ReasoningPart:
    fields.take("type")
    pieces = [
        (kind, text) for kind in ("summary", "content") for entry in fields.each(kind) if (text := entry.text("text"))
    ]
    text, laid_out = join_pieces(pieces)
    signature = fields.text("encrypted_content")
    form = {"id": fields.text("id"), "status": fields.text("status"), "pieces": laid_out}
    return opened_reasoning(text, signature, NAME, make_vendor(fields.rest(), **form))


def join_pieces(pieces: Iterable[tuple[str, str]]) -> tuple[str, list[Any] | None]:
    """The text of a reasoning item's pieces, and how it falls into them; None where it is one summary, or nothing."""
    found = list(pieces)
    laid_out = [[kind, len(text)] for kind, text in found]
    usual = not found or (len(found) == 1 and found[0][0] == "summary")
    return _SEPARATOR.join(text for _, text in found), None if usual else laid_out


def split_pieces(part: ReasoningPart) -> list[tuple[str, str]]:
    """The pieces that `part` was; one summary where it was none or has been changed since."""
    laid_out = form_of(part.vendor, "pieces")
    pieces, start = [], 0
    if isinstance(laid_out, list):
        for entry in laid_out:
            match entry:
                case ["summary" | "content" as kind, int(length)] if 0 <= length <= len(part.text) - start:
                    pieces.append((kind, part.text[start : start + length]))
                    start += length + len(_SEPARATOR)
    if join_pieces(pieces)[0] == part.text and pieces:
        return pieces
    return [("summary", part.text)] if part.text else []


def decode_call(fields: Fields) -> ToolCallPart:
    """A function's or custom tool's call."""
    custom = fields.take("type") == "custom_tool_call"
    identity, attached = open_id(fields.need_text("call_id"))
    form = {"id": fields.text("id"), "status": fields.text("status")}
    return ToolCallPart(
        id=identity,
        name=fields.need_text("name"),
        arguments=(fields.text("input" if custom else "arguments")) or "",
        kind="custom" if custom else "function",
        vendor=make_vendor(fields.rest(), **form) | attached,
    )


def _decode_image(fields: Fields) -> ImagePart:
    """An image that the model made: base64 in `result`."""
    fields.take("type")
    data = fields.need_text("result")
    kind = fields.text("output_format")
    form = {"id": fields.text("id"), "status": fields.text("status")}
    return ImagePart(Inline(data, f"image/{kind}" if kind else None), vendor=make_vendor(fields.rest(), **form))


class ItemIds:
    """Ids for items that have none, the same for the same conversation: `seed` is the id of a reply, None in requests,
    where the item's place is enough."""

    def __init__(self, seed: str | None = None) -> None:
        self._seed = "" if seed is None else hashlib.sha256(seed.encode()).hexdigest()[:24]

    def make(self, prefix: str, number: int) -> str:
        return f"{prefix}_{self._seed}{number:02d}"


def fitting_call_id(identity: str) -> str:
    """The id of a call as the vendor accepts it: one that is too long becomes its hash."""
    if len(identity) <= CALL_ID_CHARS_MAX:
        return identity
    return "call_" + hashlib.sha256(identity.encode()).hexdigest()[:40]


def encode_call(part: ToolCallPart, *, to_client: bool) -> Json:
    """The item that says a call, without id and status. A client's call id carries what other wires must get back."""
    identity = seal_id(part.id, part.vendor, NAME) if to_client else fitting_call_id(part.id)
    custom = part.kind == "custom"
    encoded: Json = {
        "type": "custom_tool_call" if custom else "function_call",
        "call_id": identity,
        "name": part.name,
        "input" if custom else "arguments": part.arguments,
    }
    add_rest(encoded, rest_of(part.vendor))
    return encoded


def encode_reasoning(part: ReasoningPart, identity: str, *, to_client: bool, encrypted: bool) -> Json:
    """The reasoning item; `encrypted`: with the signature, a foreign one in an envelope."""
    pieces = split_pieces(part)
    encoded: Json = {
        "type": "reasoning",
        "id": form_of(part.vendor, "id") or identity,
        "summary": [{"type": "summary_text", "text": text} for kind, text in pieces if kind == "summary"],
    }
    content = [{"type": "reasoning_text", "text": text} for kind, text in pieces if kind == "content"]
    if content:
        encoded["content"] = content
    if encrypted:
        signature = sealed_signature(part, NAME) if to_client else part.signature
        if signature is not None:
            encoded["encrypted_content"] = signature
    if (status := form_of(part.vendor, "status")) is not None:
        encoded["status"] = status
    add_rest(encoded, rest_of(part.vendor))
    return encoded


def encode_image(part: ImagePart, data: Inline, identity: str) -> Json:
    """The item that says an image which the model made."""
    encoded: Json = {
        "type": "image_generation_call",
        "id": form_of(part.vendor, "id") or identity,
        "status": form_of(part.vendor, "status") or "completed",
        "result": data.data,
    }
    if data.media_type is not None and data.media_type.startswith("image/"):
        encoded["output_format"] = data.media_type.removeprefix("image/")
    add_rest(encoded, rest_of(part.vendor))
    return encoded


def encode_message_head(part: TextPart | RefusalPart | OpaquePart, identity: str) -> Json:
    """The message that begins with `part`, without its content yet."""
    form = form_of(part.vendor, "item") or {}
    encoded: Json = {
        "type": "message",
        "id": form.get("id") or identity,
        "status": form.get("status") or "completed",
        "role": "assistant",
        "content": [],
    }
    add_rest(encoded, message_rest(rest_of(part.vendor)))
    return encoded


def message_rest(rest: Json) -> Json:
    """Of what a message's first part has left over, that which stood on the message itself. A field of that name on the
    part that is no object is the part's own."""
    found = rest.get("message")
    return found if isinstance(found, dict) else {}


def encode_message_content(part: TextPart | RefusalPart | OpaquePart, tokens: Sequence[TokenLogprob] | None) -> Json:
    """The entry of a message's content that says `part`; without `logprobs` where `tokens` is None."""
    if isinstance(part, OpaquePart):
        return dict(part.data)
    encoded = encode_spoken(part, None if tokens is None else encode_logprobs(tokens))
    for name, value in rest_of(part.vendor).items():
        if name != "message" or not isinstance(value, dict):
            encoded[name] = value
    return encoded
