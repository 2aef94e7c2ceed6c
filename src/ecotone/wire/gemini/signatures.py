"""Thought signatures: the vendor's proofs of what a model thought, on parts of any kind.

Gemini 3 refuses a function call of the current turn without one. For calls that another model made, Google documents
two words that stand in for a signature (https://ai.google.dev/gemini-api/docs/thought-signatures, FAQs). The field
holds bytes, so they are sent in base64, as Google's own .NET library and others do; clients also send them as they are.
"""

import base64

from ecotone.values.chat import Json, ReasoningPart, Vendor
from ecotone.values.reply import ReasoningDelta
from ecotone.wire.envelope import opened_reasoning, sealed_signature, unseal
from ecotone.wire.gemini.vendor import NAME

_WORDS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
STAND_IN = base64.b64encode(_WORDS[0].encode()).decode()
"""What is sent in place of a signature that does not exist."""

_ALL = frozenset(_WORDS) | {
    encode(word.encode()).decode() for word in _WORDS for encode in (base64.b64encode, base64.urlsafe_b64encode)
}


def is_stand_in(signature: str) -> bool:
    """Whether this is no signature but says that there is none."""
    return signature in _ALL


def unsealed(signature: str) -> tuple[str, Json] | None:
    """The wire and the content of another vendor's signature in its envelope, None where this is none.

    Google's SDKs send bytes in the alphabet of base64 for URLs, however they got them.
    """
    return unseal(signature.translate(_STANDARD))


_STANDARD = str.maketrans("-_", "+/")


def opened(text: str, signature: str | None, vendor: Vendor) -> ReasoningPart:
    """The thought that a client sent back."""
    if signature is not None and unsealed(signature) is not None:
        signature = signature.translate(_STANDARD)
    return opened_reasoning(text, signature, NAME, vendor)


def signature_for_client(part: ReasoningPart | ReasoningDelta) -> str | None:
    """The signature as a client of this wire gets it, None where there is nothing that must come back."""
    if part.signature is None and (part.wire is None or not part.vendor.get(part.wire)):
        return None
    return sealed_signature(part, NAME)
