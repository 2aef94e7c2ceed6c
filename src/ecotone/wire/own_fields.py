"""What rides along in `vendor` for one wire: fields that are not understood, and the form of those that are.

`vendor["<wire>"]` holds unknown fields as they were. `vendor["<wire>.form"]` remembers which of several ways of saying
the same was used, so that the same wire in and out keeps it; it changes no meaning, and another wire may drop it.
"""

from typing import Any

from ecotone.values.chat import Json, Vendor
from ecotone.wire.losses import FORM_SUFFIX

_NOTHING: Json = {}


class OwnFields:
    """The vendor metadata of the wire `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.form = name + FORM_SUFFIX

    def make(self, rest: Json, **form: Any) -> Vendor:
        """The metadata for fields left over, and for the forms that are not None."""
        vendor: Vendor = {self.name: rest} if rest else {}
        if form:
            for name, value in form.items():
                if value is not None:
                    vendor.setdefault(self.form, {})[name] = value
        return vendor

    def rest_of(self, vendor: Vendor) -> Json:
        """The unknown fields of this wire. Not to be changed."""
        return vendor.get(self.name, _NOTHING)

    def form_of(self, vendor: Vendor, name: str) -> Any:
        """Which form `name` had on this wire, None where it had the usual one or came from another wire."""
        return vendor.get(self.form, _NOTHING).get(name) if vendor else None
