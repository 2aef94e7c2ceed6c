"""What one vendor made and must get back, carried by a client that speaks another wire.

Vendors sign what a model thought, and expect the signature with the next turn. A client of another wire returns what
stands in its own wire's place for signatures, and the ids of tool calls. So there the signature, with the vendor's
metadata beside it, travels in an envelope that says whose it is. Nothing is kept here, and the same content gives the
same bytes: prompt prefixes do not change from turn to turn.

An envelope is standard base64, as every wire's place for signatures allows it; in an id it is base64 for URLs without
padding, as every vendor's ids allow it.
"""

import base64
from typing import Any

import msgspec

from ecotone.values.chat import Json, ReasoningPart, Vendor
from ecotone.values.reply import ReasoningDelta
from ecotone.wire.losses import FORM_SUFFIX
from ecotone.wire.nesting import decode_shallow

# A multiple of three bytes, so that every envelope begins with the same characters.
_MARK = b"ecotone:1"
_BEGINS = base64.b64encode(_MARK).decode()
_IN_ID = "_" + _BEGINS


class _Content(msgspec.Struct, frozen=True, array_like=True):
    wire: str
    data: dict[str, Any]


def _read(opened: bytes) -> _Content:
    """What follows the mark. Raises ValueError."""
    return msgspec.convert(decode_shallow(opened[len(_MARK) :]), _Content)


def holds_envelope(body: bytes) -> bool:
    """Whether there may be an envelope somewhere in this request."""
    return _BEGINS.encode() in body


def seal(wire: str, data: Json) -> str:
    """`data` of the wire `wire` in an envelope."""
    return base64.b64encode(_MARK + msgspec.json.encode([wire, data])).decode()


def unseal(text: str) -> tuple[str, Json] | None:
    """The wire and the data of an envelope, None where `text` is none."""
    if not text.startswith(_BEGINS):
        return None
    try:
        content = _read(base64.b64decode(text, validate=True))
    except ValueError:
        return None
    return content.wire, content.data


def sealed_signature(part: ReasoningPart | ReasoningDelta, wire: str) -> str | None:
    """The signature of `part` as a client of `wire` gets it: as it is where it was made for this wire, else in an
    envelope, with the metadata that goes back beside it."""
    if part.wire is None or part.wire == wire:
        return part.signature
    own = {key: value for key, value in part.vendor.items() if key.removesuffix(FORM_SUFFIX) == part.wire}
    return seal(part.wire, {"signature": part.signature, "vendor": own})


def opened_reasoning(text: str, signature: str | None, wire: str, vendor: Vendor) -> ReasoningPart:
    """The reasoning that a client of `wire` sent back: with the signature, metadata and wire of whoever made them."""
    content = unseal(signature) if signature is not None else None
    if content is None:
        return ReasoningPart(text, signature, vendor, wire if signature is not None else None)
    maker, data = content
    made, beside = data.get("signature"), data.get("vendor")
    return ReasoningPart(
        text,
        made if isinstance(made, str) else None,
        {**vendor, **_checked(beside)},
        maker,
    )


def seal_id(identity: str, vendor: Vendor, wire: str) -> str:
    """The id of a tool call as a client of `wire` gets it: with what other wires must get back attached."""
    foreign = {key: value for key, value in vendor.items() if key != wire and not key.endswith(FORM_SUFFIX)}
    if not foreign:
        return identity
    sealed = base64.urlsafe_b64encode(_MARK + msgspec.json.encode(["", foreign])).decode().rstrip("=")
    return f"{identity}_{sealed}"


def open_id(identity: str) -> tuple[str, Vendor]:
    """The id that the upstream gave, and the metadata that was attached to it."""
    plain, mark, sealed = identity.rpartition(_IN_ID)
    if not mark:
        return identity, {}
    data = _BEGINS + sealed
    try:
        content = _read(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
    except ValueError:
        return identity, {}
    return plain, _checked(content.data)


def _checked(vendor: Any) -> Vendor:
    """The objects in what should be vendor metadata: a client may have changed it."""
    if not isinstance(vendor, dict):
        return {}
    return {key: value for key, value in vendor.items() if isinstance(value, dict)}
