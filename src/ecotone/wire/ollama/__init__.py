"""Ollama's own API, for its clients. (As an upstream, Ollama is asked in OpenAI's chat wire, which it speaks too.)

Two formats: `/api/chat` and `/api/generate`. Both stream unless told not to.
"""

from functools import partial

from ecotone.wire.ollama.loading import encode_loaded, only_loads
from ecotone.wire.ollama.reply import EventEncoder, encode_error, encode_reply
from ecotone.wire.ollama.request import NAME, decode_chat, decode_generate
from ecotone.wire.wire import ClientWire

STREAM_TYPE = "application/x-ndjson"

CHAT = ClientWire(
    name=NAME,
    title="Ollama chat",
    decode_request=decode_chat,
    encode_reply=partial(encode_reply, shape="chat"),
    event_encoder=partial(EventEncoder, shape="chat"),
    encode_error=encode_error,
    stream_type=STREAM_TYPE,
    streams_unasked=True,
)
GENERATE = ClientWire(
    name="ollama-generate",
    title="Ollama generate",
    decode_request=decode_generate,
    encode_reply=partial(encode_reply, shape="generate"),
    event_encoder=partial(EventEncoder, shape="generate"),
    encode_error=encode_error,
    stream_type=STREAM_TYPE,
    streams_unasked=True,
)

__all__ = ["CHAT", "GENERATE", "NAME", "encode_error", "encode_loaded", "only_loads"]
