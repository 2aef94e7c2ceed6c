"""What requests on OpenAI's two wires call the same: fields that tune and that the values do not have.

A request from one of them keeps these on its way to the other.
"""

from ecotone.values.chat import Json, Vendor

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
