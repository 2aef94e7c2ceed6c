"""The parts of a content, as requests and replies share them (`Part` of the SDK's types).

A signature on a call is vendor metadata of the call: it must come back, and travels in the call's id where a client
speaks another wire. One on a thought is the thought's. One on a text is vendor metadata too, unless thoughts were shown
before it: then it is a thought of its own without words, so that clients of every wire carry it back.
"""

from bisect import bisect_left
from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Json,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Vendor,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.envelope import open_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.media import decode_media, encode_media
from ecotone.wire.gemini.signatures import STAND_IN, is_stand_in, opened, unsealed
from ecotone.wire.gemini.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.losses import Losses
from ecotone.wire.nesting import decode_shallow

SIGNATURE = "thoughtSignature"

Said = TextPart | ReasoningPart | ImagePart | AudioPart | DocumentPart | OpaquePart
"""What a part can be besides a call and a response."""


def decode_said(fields: Fields, *, thoughts_shown: bool) -> list[Said]:
    """A part that is neither a call nor a response: one value, or a text and the signature that goes with it."""
    if fields.look("videoMetadata") is None and fields.look("thought") is not True:
        fields.take("thought")
        media = decode_media(fields, fields)
        if media is not None:
            return [media]
    if fields.look("text") is not None or _is_signature_alone(fields):
        return _decode_text(fields, thoughts_shown=thoughts_shown)
    return [OpaquePart(NAME, fields.rest())]


def _is_signature_alone(fields: Fields) -> bool:
    return isinstance(fields.look(SIGNATURE), str) and not fields.rest().keys() - {SIGNATURE, "thought"}


def _decode_text(fields: Fields, *, thoughts_shown: bool) -> list[Said]:
    text = fields.text("text") or ""
    given = fields.look(SIGNATURE)
    if fields.flag("thought"):
        return [opened(text, fields.text(SIGNATURE), make_vendor(fields.rest()))]
    if given is None or (isinstance(given, str) and not thoughts_shown):
        return [TextPart(text, make_vendor(fields.rest()))]
    signature = fields.text(SIGNATURE)
    proof = ReasoningPart("", signature, make_vendor({}, at="text" if text else "empty"), NAME)
    return [TextPart(text, make_vendor(fields.rest())), proof] if text else [proof]


def is_nothing(part: Part) -> bool:
    """Whether this is text or a thought without a word, and nothing goes with it."""
    return isinstance(part, TextPart | ReasoningPart) and part in (TextPart(""), ReasoningPart(""))


def feature_of(data: Json) -> str:
    """The name of what a part that only this wire knows holds."""
    return next((name for name in data if name not in ("thought", SIGNATURE)), "parts")


def decode_call(fields: Fields, identity: str, *, first: bool) -> ToolCallPart:
    """A part with a `functionCall`. `identity` is the id if the call has none; `first`: it is the first call of its
    content, which is the one that must be signed."""
    call = fields.need_child("functionCall")
    given = call.text("id") or None
    args = call.json("args")
    plain, attached = open_id(given) if given is not None else (identity, {})
    signature = fields.look(SIGNATURE)
    form: Json = {}
    if isinstance(signature, str) and is_stand_in(signature):
        fields.take(SIGNATURE)
        if not (first and signature == STAND_IN):
            form["signature"] = signature
    elif isinstance(signature, str) and unsealed(signature) is not None:
        fields.take(SIGNATURE)
    name = call.need_text("name")
    if given is None:
        form["id"] = "absent"
    if args is None:
        form["args"] = "absent"
    vendor = make_vendor(fields.rest(), **form)
    if attached:
        vendor |= attached
    return ToolCallPart(plain, name, msgspec.json.encode(args or {}).decode(), vendor=vendor)


def call_arguments(text: str) -> Json | None:
    """The arguments as the object that this wire wants, None if they are none."""
    try:
        decoded = decode_shallow(text) if text.strip() else {}
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def encode_call(part: ToolCallPart, identity: str, arguments: Json) -> Json:
    """A part with the call, without what other wires know of it."""
    call: Json = {} if form_of(part.vendor, "id") == "absent" else {"id": identity}
    call["name"] = part.name
    if arguments or form_of(part.vendor, "args") != "absent":
        call["args"] = arguments
    encoded: Json = {"functionCall": call}
    signature = form_of(part.vendor, "signature")
    if signature is not None:
        encoded[SIGNATURE] = signature
    if part.vendor:
        add_rest(encoded, rest_of(part.vendor))
    return encoded


def stand_in_missing(parts: list[Json]) -> int | None:
    """Gives the first call in a content a stand-in for the signature that it lacks; its number where that was so."""
    for number, part in enumerate(parts):
        if "functionCall" in part:
            if SIGNATURE in part:
                return None
            part[SIGNATURE] = STAND_IN
            return number
    return None


def decode_result(fields: Fields, identity: str, name: str | None) -> ToolResultPart:
    """A part with a `functionResponse` to the call with this id and name (None where there is no such call)."""
    response = fields.need_child("functionResponse")
    called = response.text("name")
    given = response.text("id")
    parts: list[TextPart | ImagePart | DocumentPart] = []
    for number, item in enumerate(response.items("parts") or ()):
        inner = response.element("parts", number, item)
        media = decode_media(inner, inner) if inner.look("videoMetadata") is None else None
        if not isinstance(media, ImagePart | DocumentPart):
            raise response.wrong(f"parts[{number}]", "an image or a document in `inlineData` or `fileData`")
        parts.append(media)
    text, is_error = _read_response(response, alone=not parts)
    said = [] if text is None else [TextPart(text)]
    form: Json = {}
    if called is not None and called != name:
        form["name"] = called
    if given is None:
        form["id"] = "absent"
    return ToolResultPart(identity, (*said, *parts), is_error, make_vendor(fields.rest(), **form))


def _read_response(response: Fields, *, alone: bool) -> tuple[str | None, bool | None]:
    """The words of a response, and whether they tell of an error. "output" and "error" are the keys that Google gives a
    meaning; any other object is the output itself, and is given as its JSON."""
    value = response.json("response") or {}
    if len(value) == 1:
        output, error = value.get("output"), value.get("error")
        if isinstance(output, str):
            return output, None
        if isinstance(error, str):
            return error, True
    if not value and not alone:
        return None, None
    return msgspec.json.encode(value).decode(), None


def encode_result(part: ToolResultPart, name: str, losses: Losses, place: str) -> Json:
    """A part with the response to a call of the function `name`."""
    response: Json = {} if form_of(part.vendor, "id") == "absent" else {"id": part.tool_call_id}
    response["name"] = form_of(part.vendor, "name") or name
    texts = []
    media: list[Json] = []
    for number, inner in enumerate(part.parts):
        if isinstance(inner, TextPart):
            losses.rest(inner.vendor, place)
            texts.append(inner.text)
        else:
            media.append(encode_media(inner, losses, f"{place}.parts[{number}]"))
    if len(texts) > 1:
        losses.add(place, "the borders between texts of a tool's result; they are sent as one")
    response["response"] = _write_response(texts, part.is_error or False, alone=not media)
    if media:
        response["parts"] = media
    encoded: Json = {"functionResponse": response}
    if part.vendor:
        add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _write_response(texts: list[str], is_error: bool, *, alone: bool) -> Json:
    text = "".join(texts)
    if is_error:
        return {"error": text}
    if not texts and not alone:
        return {}
    value = call_arguments(text) if text.lstrip().startswith("{") else None
    return {"output": text} if value is None else value


def encode_part(part: Part, losses: Losses, place: str) -> Json | None:
    """What says `part` in a request, None for what goes unsaid. Calls and responses are not for this function."""
    encoded: Json
    match part:
        case TextPart():
            encoded = {"text": part.text}
        case ReasoningPart():
            return _encode_thought(part, losses, place)
        case RefusalPart():
            losses.add(place, "that the model refused; only its words are sent")
            encoded = {"text": part.text}
        case AudioPart(data=None, transcript=str(transcript)):
            losses.add(place, "the sound of an earlier answer; its words are sent")
            encoded = {"text": transcript}
        case ImagePart() | AudioPart() | DocumentPart():
            return encode_media(part, losses, place)
        case OpaquePart():
            if part.wire != NAME:
                raise UnsupportedFeature(f"A part that only the wire {part.wire} knows cannot be sent.", param=place)
            encoded = dict(part.data)
        case _:
            raise UnsupportedFeature("A message of this role cannot hold this part.", param=place)
    if part.vendor:
        add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def _encode_thought(part: ReasoningPart, losses: Losses, place: str) -> Json | None:
    if part.signature is not None and part.wire != NAME:
        losses.add(place, f"reasoning signed by a vendor on the wire {part.wire}" if part.wire else "a signature")
        if part.wire is not None or not part.text:
            return None
    if not part.text and part.signature is None:
        return None
    encoded = thought(part.text, part.signature if part.wire == NAME else None, part.vendor)
    add_rest(encoded, losses.rest(part.vendor, place))
    return encoded


def thought(text: str, signature: str | None, vendor: Vendor) -> Json:
    """A part with a thought, or the empty text that a signature stands on."""
    encoded: dict[str, Any] = {"text": text}
    if form_of(vendor, "at") is None:
        encoded["thought"] = True
    if signature is not None:
        encoded[SIGNATURE] = signature
    return encoded


def put_signatures_back(parts: list[Json], alone: list[int]) -> None:
    """Gives signatures that stood on a text, now at these places on empty ones of their own, back to the text: the one
    before, or if there is none, the next; they stay where no text without a signature is. A part at one of these places
    may have none: where it stood is told by whoever sent it."""
    texts = [place for place, part in enumerate(parts) if _is_plain_text(part)]
    moved: set[int] = set()
    while alone and texts:
        number = alone.pop()
        if SIGNATURE not in parts[number]:
            continue
        target = texts.pop(max(bisect_left(texts, number) - 1, 0))
        parts[target][SIGNATURE] = parts[number][SIGNATURE]
        moved.add(number)
    alone.clear()
    parts[:] = [part for place, part in enumerate(parts) if place not in moved]


def _is_plain_text(part: Json) -> bool:
    return "text" in part and SIGNATURE not in part and not part.get("thought")
