"""OpenAI's Chat Completions wire, both roles, as vendors and open model servers speak it.

`decode_request` and `decode_reply` keep what they do not understand in `vendor["openai-chat"]`, and the encoders put it
back. What was said in one of several ways is remembered in `vendor["openai-chat.form"]` (see `vendor.py`).
"""

from ecotone.wire.losses import Encoded
from ecotone.wire.openai_chat.reply import decode_reply, encode_reply
from ecotone.wire.openai_chat.request import decode_request, encode_request
from ecotone.wire.openai_chat.stream import EventDecoder, EventEncoder
from ecotone.wire.openai_chat.vendor import FORM, NAME
from ecotone.wire.openai_error import decode_error, encode_error, encode_error_event

__all__ = [
    "FORM",
    "NAME",
    "Encoded",
    "EventDecoder",
    "EventEncoder",
    "decode_error",
    "decode_reply",
    "decode_request",
    "encode_error",
    "encode_error_event",
    "encode_reply",
    "encode_request",
]
