"""Counting a prompt's tokens: `POST /v1/messages/count_tokens` (`MessageCountTokensParams`, `MessageTokensCount`)."""

import msgspec

from ecotone.values.chat import ChatRequest
from ecotone.values.errors import UpstreamMalformed
from ecotone.wire.anthropic.request import encode_prompt
from ecotone.wire.anthropic.vendor import NAME
from ecotone.wire.fields import add_rest
from ecotone.wire.losses import Encoded, Losses, refuse_needs

# Of the fields that are kept as they were, those that may stand here; the last three want a beta header.
_COUNTED = ("cache_control", "speed", "user_profile_id", "tool_choice", "thinking", "output_config")
_COUNTED_IN_BETA = ("context_management", "mcp_servers", "output_format")


class _Count(msgspec.Struct, frozen=True):
    input_tokens: int


_decoder = msgspec.json.Decoder(_Count)


def encode_count_request(request: ChatRequest) -> Encoded:
    """The question how many tokens this request's prompt has, without the model's name.

    Raises UnsupportedFeature as `encode_request` does. What does not concern the prompt is left out.
    """
    refuse_needs(request, NAME)
    losses = Losses(NAME)
    body = encode_prompt(request, losses)
    rest = losses.rest(request.vendor, "")
    add_rest(body, {name: value for name, value in rest.items() if name in _COUNTED + _COUNTED_IN_BETA})
    return Encoded(body, losses.all())


def decode_count(body: bytes) -> int:
    """The number of tokens in an upstream's answer. Raises UpstreamMalformed."""
    try:
        return _decoder.decode(body).input_tokens
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's count cannot be read: {fault}.", raw=body) from None


def encode_count(count: int) -> bytes:
    """The answer to a client who asked for `count`."""
    return msgspec.json.encode(_Count(count))
