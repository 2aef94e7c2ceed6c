"""What an encoder had to leave out. A loss that changes meaning is no Loss but an error: UnsupportedFeature."""

import msgspec

from ecotone.values.chat import ChatRequest, Json, Vendor
from ecotone.values.errors import UnsupportedFeature

FORM_SUFFIX = ".form"

_NOTHING: Json = {}


class Loss(msgspec.Struct, frozen=True):
    """`field` is the place in the value, such as `messages[2].parts[0]`; `reason` says what was lost and why."""

    field: str
    reason: str


class Encoded(msgspec.Struct, frozen=True):
    """A request's body as an object, without what the endpoint adds (the model's name there), and what it could not
    say."""

    body: Json
    losses: tuple[Loss, ...] = ()


class Losses:
    """The losses of one encoding for the wire `wire`, gathered."""

    def __init__(self, wire: str) -> None:
        self._wire = wire
        self._found: list[Loss] = []

    def add(self, field: str, reason: str) -> None:
        self._found.append(Loss(field, reason))

    def rest(self, vendor: Vendor, field: str) -> Json:
        """The unknown fields of this wire, not to be changed; what another wire left there is lost."""
        if not vendor:
            return _NOTHING
        for wire, fields in vendor.items():
            if wire != self._wire and not wire.endswith(FORM_SUFFIX):
                names = ", ".join(f"`{name}`" for name in fields)
                self.add(field, f"{names}: known to the wire {wire} alone")
        return vendor.get(self._wire, _NOTHING)

    def all(self) -> tuple[Loss, ...]:
        return tuple(self._found)


def refuse_needs(request: ChatRequest, wire: str) -> None:
    """Raise UnsupportedFeature where `request` asks for what `wire` cannot say and what may not be left out."""
    for need in request.needs:
        if need.wire != wire:
            raise UnsupportedFeature(
                f"`{need.feature}` is known to the wire {need.wire} alone, and this model is asked in the wire {wire}."
                f" Leave it out, or ask for a model that speaks {need.wire}.",
                param=need.feature,
            )
