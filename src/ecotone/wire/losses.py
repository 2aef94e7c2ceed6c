"""What an encoder had to leave out. A loss that changes meaning is no Loss but an error: UnsupportedFeature."""

import msgspec

from ecotone.values.chat import ChatRequest, Json, Need, OpaqueTool, Vendor
from ecotone.values.errors import UnsupportedFeature

FORM_SUFFIX = ".form"

_NOTHING: Json = {}


class Loss(msgspec.Struct, frozen=True):
    """`field` is the place in the value, such as `messages[2].parts[0]`; `reason` says what was lost and why.

    `allowed`: this would have been refused, had the model's owner not allowed it to be left out (`leave_out`).
    """

    field: str
    reason: str
    allowed: bool = False


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


def without_needs(request: ChatRequest, wire: str, leave_out: tuple[str, ...]) -> tuple[ChatRequest, tuple[Loss, ...]]:
    """`request` without the needs and the vendor's own tools that `wire` cannot say and `leave_out` names."""
    left = {need.feature for need in _unsaid(request, wire) if need.feature in leave_out}
    if not left:
        return request, ()
    tools = tuple(tool for tool in request.tools if not (isinstance(tool, OpaqueTool) and tool_word(tool) in left))
    needs = tuple(need for need in request.needs if need.feature not in left)
    losses = tuple(Loss(name, f"`{name}`, left out as the owner allows", allowed=True) for name in sorted(left))
    return msgspec.structs.replace(request, tools=tools, needs=needs), losses


def refuse_needs(request: ChatRequest, wire: str) -> None:
    """Raise UnsupportedFeature where `request` asks for what `wire` cannot say and what may not be left out."""
    for need in _unsaid(request, wire):
        raise UnsupportedFeature(
            f"`{need.feature}` is known to the wire {need.wire} alone, and this model is asked in the wire {wire}."
            f" Leave it out, or ask for a model that speaks {need.wire}; the owner may allow it to be left out with"
            f' leave_out = ["{need.feature}"] under the model in ecotone.toml.',
            param=need.feature,
        )


def tool_word(tool: OpaqueTool) -> str:
    """What its wire calls this tool: its `type`, or the one field that it has."""
    kind = tool.data.get("type")
    return kind if isinstance(kind, str) else next(iter(tool.data), "")


def _unsaid(request: ChatRequest, wire: str) -> list[Need]:
    """The needs that `wire` cannot say, each tool of another vendor's own among them."""
    tools = (Need(tool.wire, tool_word(tool)) for tool in request.tools if isinstance(tool, OpaqueTool))
    return [need for need in dict.fromkeys((*request.needs, *tools)) if need.wire != wire]
