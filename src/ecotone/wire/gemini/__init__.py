"""Google's generateContent wire, both roles, as the Gemini API and Vertex AI speak it.

`decode_request` and `decode_reply` keep what they do not understand in `vendor["gemini"]`, and the encoders put it
back. What was said in one of several ways is remembered in `vendor["gemini.form"]`. Names with underscores, which the
vendor takes too, are read as those in camelCase, and written so.
"""

from urllib.parse import quote

from ecotone.wire.gemini.counting import decode_count, decode_count_request, encode_count, encode_count_request
from ecotone.wire.gemini.error import decode_error, encode_error
from ecotone.wire.gemini.fast_lane import StreamWatch, check_request, prepare_request, read_usage
from ecotone.wire.gemini.reply import decode_reply, encode_reply
from ecotone.wire.gemini.request import decode_request, encode_request
from ecotone.wire.gemini.stream_decoder import EventDecoder
from ecotone.wire.gemini.stream_encoder import EventEncoder
from ecotone.wire.gemini.vendor import FORM, NAME
from ecotone.wire.wire import Wire

__all__ = [
    "FORM",
    "NAME",
    "WIRE",
    "EventDecoder",
    "EventEncoder",
    "StreamWatch",
    "check_request",
    "decode_count",
    "decode_count_request",
    "decode_error",
    "decode_reply",
    "decode_request",
    "encode_count",
    "encode_count_request",
    "encode_error",
    "encode_reply",
    "encode_request",
    "path",
    "prepare_request",
    "read_usage",
]


def path(model: str, stream: bool) -> str:
    """Where a request goes, from a root that ends in the API's version or, on Vertex AI, in `publishers/google`."""
    named = quote(model.removeprefix("models/"), safe="@.-_~")
    return f"/models/{named}:streamGenerateContent?alt=sse" if stream else f"/models/{named}:generateContent"


WIRE = Wire(
    name=NAME,
    title="Google Gemini",
    path=path,
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
    model_in_path=True,
)
