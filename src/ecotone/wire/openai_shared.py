"""What requests on OpenAI's two wires call the same: fields that tune and that the values do not have.

A request from one of them keeps these on its way to the other.
"""

import re

import msgspec

from ecotone.values.chat import ChatRequest, Json, ReasoningPart, Vendor
from ecotone.wire.losses import Losses

CHAT = "openai-chat"
RESPONSES = "openai-responses"

_SHARED = (
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
)


# Models of OpenAI's that refuse to be told how much to think, which they do not do
# (https://platform.openai.com/docs/guides/reasoning lists those that do).
_NO_REASONING = re.compile(r"(?:.*/)?(?:chatgpt-4o|gpt-3\.5|gpt-4)(?:[-.o].*)?")


def without_reasoning(request: ChatRequest, losses: Losses) -> ChatRequest:
    """The request as a model takes it that does not think: such a one refuses to be told how much, and what another
    thought before. Any model whose name says nothing else may think."""
    if _NO_REASONING.fullmatch(request.model) is None:
        return request
    if request.reasoning is not None and request.reasoning.effort != "none":
        losses.add("reasoning", "thinking, which this model does not do")
    messages = request.messages
    if any(isinstance(part, ReasoningPart) for message in messages for part in message.parts):
        losses.add("messages", "what was thought before; this model does not think")
        messages = tuple(
            msgspec.structs.replace(
                message, parts=tuple(part for part in message.parts if not isinstance(part, ReasoningPart))
            )
            for message in messages
        )
    return msgspec.structs.replace(request, reasoning=None, messages=messages)


def carried_over(vendor: Vendor, wire: str, *, stream: bool) -> tuple[Json, Vendor]:
    """The fields for `wire` that a request of the other wire left in `vendor`, in the form that they have on `wire`;
    and the metadata without them. `stream_options` go along with a stream alone: they are refused elsewhere."""
    other = RESPONSES if wire == CHAT else CHAT
    left = dict(vendor.get(other, {}))
    carried: Json = {name: left.pop(name) for name in _SHARED if name in left}
    if "stream_options" in left:
        options = left.pop("stream_options")
        carried |= {"stream_options": options} if stream else {}
    # Chat Completions has `verbosity` beside all else, Responses has it in `text`.
    if wire == RESPONSES and "verbosity" in left:
        carried["text"] = {"verbosity": left.pop("verbosity")}
    text = left.get("text")
    if wire == CHAT and isinstance(text, dict) and "verbosity" in text:
        carried["verbosity"] = text["verbosity"]
        if rest := {name: value for name, value in text.items() if name != "verbosity"}:
            left["text"] = rest
        else:
            del left["text"]
    return carried, {name: value for name, value in vendor.items() if name != other} | ({other: left} if left else {})
