"""What rides along in `vendor` for this wire: fields that are not understood, and the form of those that are.

`vendor["openai-chat"]` holds unknown fields as they were. `vendor["openai-chat.form"]` remembers which of several ways
of saying the same was used, so that the same wire in and out keeps it; it changes no meaning.
"""

from ecotone.values.chat import Json, Vendor
from ecotone.wire.losses import Loss

NAME = "openai-chat"
FORM = "openai-chat.form"

_NOTHING: Json = {}


def make_vendor(rest: Json, **form: str | None) -> Vendor:
    """The vendor metadata for fields left over, and for the forms that are not None."""
    if not rest and not any(form.values()):
        return {}
    vendor: Vendor = {NAME: rest} if rest else {}
    remembered = {name: value for name, value in form.items() if value is not None}
    if remembered:
        vendor[FORM] = remembered
    return vendor


def rest_of(vendor: Vendor) -> Json:
    """The unknown fields of this wire. Not to be changed."""
    return vendor.get(NAME, _NOTHING)


def form_of(vendor: Vendor, name: str) -> str | None:
    """Which form `name` had on this wire, None where it had the usual one or came from another wire."""
    form: str | None = vendor.get(FORM, _NOTHING).get(name)
    return form


class Losses:
    """The losses of one encoding, gathered."""

    def __init__(self) -> None:
        self._found: list[Loss] = []

    def add(self, field: str, reason: str) -> None:
        self._found.append(Loss(field, reason))

    def rest(self, vendor: Vendor, field: str) -> Json:
        """The unknown fields of this wire; what another wire left there is lost."""
        for wire in vendor:
            if wire not in (NAME, FORM) and not wire.endswith(".form"):
                self.add(field, f"fields that only the wire {wire} knows")
        return rest_of(vendor)

    def all(self) -> tuple[Loss, ...]:
        return tuple(self._found)
