"""Anthropic's Messages wire, both roles.

`decode_request` and `decode_reply` keep what they do not understand in `vendor["anthropic"]`, and the encoders put it
back. What was said in one of several ways is remembered in `vendor["anthropic.form"]`. `counting` has the wire's
second operation, which counts a prompt's tokens.
"""

from ecotone.wire.anthropic.decoder import EventDecoder
from ecotone.wire.anthropic.encoder import EventEncoder
from ecotone.wire.anthropic.error import decode_error, encode_error
from ecotone.wire.anthropic.fast_lane import StreamWatch, check_request, prepare_request, read_usage
from ecotone.wire.anthropic.reply import decode_reply, encode_reply
from ecotone.wire.anthropic.request import MAX_TOKENS, decode_request, encode_request
from ecotone.wire.anthropic.vendor import FORM, NAME
from ecotone.wire.wire import Wire

__all__ = [
    "FORM",
    "MAX_TOKENS",
    "NAME",
    "WIRE",
    "EventDecoder",
    "EventEncoder",
    "StreamWatch",
    "check_request",
    "decode_error",
    "decode_reply",
    "decode_request",
    "encode_error",
    "encode_reply",
    "encode_request",
    "prepare_request",
    "read_usage",
]


def _path(model: str, stream: bool) -> str:
    del model, stream
    return "/v1/messages"


WIRE = Wire(
    name=NAME,
    title="Anthropic Messages",
    path=_path,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_reply=decode_reply,
    encode_reply=encode_reply,
    event_decoder=EventDecoder,
    event_encoder=EventEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    check_request=check_request,
    prepare_request=prepare_request,
    read_usage=read_usage,
    stream_watch=StreamWatch,
)
