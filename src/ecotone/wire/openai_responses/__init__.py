"""OpenAI's Responses wire, both roles, stateless: whatever is to be kept between responses is the gateway's business.

`decode_request` and `decode_reply` keep what they do not understand in `vendor["openai-responses"]`, and the encoders
put it back. What was said in one of several ways, and ids and statuses of items, are remembered in
`vendor["openai-responses.form"]`.
"""

from ecotone.wire.openai_error import decode_error, encode_error
from ecotone.wire.openai_responses.decoder import EventDecoder
from ecotone.wire.openai_responses.encoder import EventEncoder
from ecotone.wire.openai_responses.fast_lane import StreamWatch, check_request, prepare_request, read_usage
from ecotone.wire.openai_responses.reply import decode_reply, encode_reply
from ecotone.wire.openai_responses.request import decode_request, encode_request
from ecotone.wire.openai_responses.vendor import FORM, NAME
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
    return "/responses"


WIRE = Wire(
    name=NAME,
    title="OpenAI Responses",
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
