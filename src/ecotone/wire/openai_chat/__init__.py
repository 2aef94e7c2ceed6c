"""OpenAI's Chat Completions wire, both roles, as vendors and open model servers speak it.

`decode_request` and `decode_reply` keep what they do not understand in `vendor["openai-chat"]`, and the encoders put it
back. What was said in one of several ways is remembered in `vendor["openai-chat.form"]`.
"""

from ecotone.wire.openai_chat.fast_lane import StreamWatch, check_request, prepare_request, read_usage
from ecotone.wire.openai_chat.reply import decode_reply, encode_reply
from ecotone.wire.openai_chat.request import decode_request, encode_request
from ecotone.wire.openai_chat.stream import EventDecoder, EventEncoder
from ecotone.wire.openai_chat.vendor import FORM, NAME
from ecotone.wire.openai_error import decode_error, encode_error
from ecotone.wire.wire import Wire

__all__ = [
    "FORM",
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
    return "/chat/completions"


WIRE = Wire(
    name=NAME,
    title="OpenAI Chat Completions",
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
