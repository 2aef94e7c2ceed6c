"""Ids of tool calls as this vendor accepts them: letters, digits, `_` and `-` (`^[a-zA-Z0-9_-]+$`)."""

import base64
import binascii
import re

_ACCEPTED = re.compile(r"[a-zA-Z0-9_-]+")
_SPELT = "ecotone_"


def accepted_id(identity: str) -> str:
    """`identity` itself where it is accepted, else its bytes spelt out. Different ids stay different: those that look
    like spelt ones are spelt too."""
    if _ACCEPTED.fullmatch(identity) and not identity.startswith(_SPELT):
        return identity
    return _SPELT + base64.urlsafe_b64encode(identity.encode()).decode().rstrip("=")


def original_id(identity: str) -> str:
    """The id that `accepted_id` has spelt out; any other as it is."""
    if not identity.startswith(_SPELT):
        return identity
    spelt = identity.removeprefix(_SPELT)
    try:
        original = base64.urlsafe_b64decode(spelt + "=" * (-len(spelt) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return identity
    return original if accepted_id(original) == identity else identity
