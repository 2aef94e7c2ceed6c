"""The fast lane: client and upstream both speak this wire. A reply's bytes are not encoded again: they are watched for
usage, errors and the end."""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, UnsupportedFeature, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.json_body import read_reply
from ecotone.wire.openai_responses.decoder import event_data
from ecotone.wire.openai_responses.error import decode_failure, error_event
from ecotone.wire.openai_responses.history import replayable
from ecotone.wire.openai_responses.request import refuse_background
from ecotone.wire.openai_responses.usage import UsageFields
from ecotone.wire.watch import SseWatch

_anything = msgspec.json.Decoder()
_SOURCES = ("previous_response_id", "prompt")


def check_request(request: Json) -> None:
    """Make sure that a request can be passed on. Raises MalformedRequest, which names the place, and
    UnsupportedFeature for what needs somebody to keep more than a response."""
    refuse_background(request)
    refuse_conversation(request)
    given = request.get("input")
    if given is None and all(request.get(name) is None for name in _SOURCES):
        raise MalformedRequest("`input` must be a string or a list of items; it is missing.", param="input")
    if given is not None and not isinstance(given, str | list):
        raise MalformedRequest("`input` must be a string or a list of items.", param="input")
    for name in ("stream_options", "reasoning", "text"):
        if request.get(name) is not None and not isinstance(request[name], dict):
            raise MalformedRequest(f"`{name}` must be an object.", param=name)


def refuse_conversation(request: Json) -> None:
    """Raise UnsupportedFeature for a conversation that the vendor keeps: all callers here share its account there."""
    if request.get("conversation") is not None:
        raise UnsupportedFeature(
            "Conversations are not kept here. Send the items in `input`, or name a response in `previous_response_id`.",
            param="conversation",
        )


def prepare_request(request: Json) -> Json:
    """The request for the upstream, which is to keep nothing. Thoughts that nobody has signed, as models of other
    vendors have them, would be unknown there and go."""
    prepared = {**request, "store": False}
    items = request.get("input")
    if isinstance(items, list) and any(_unsigned(item) for item in items):
        prepared["input"] = replayable([item for item in items if isinstance(item, dict)])
    return prepared


def _unsigned(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and not item.get("encrypted_content")


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What is read of a whole reply."""

    output: list[msgspec.Raw] | None = None
    usage: UsageFields | None = None
    status: str | None = None
    error: Any = None
    model: str | None = None


_body_decoder = msgspec.json.Decoder(_Body)


def read_usage(body: bytes) -> Usage | None:
    """The token counts of a whole reply, None where it has none.

    Raises UpstreamMalformed when it is no such reply, and what `decode_failure` finds when it failed.
    """
    reply = read_reply(_body_decoder, body)
    if reply.status == "failed" or (reply.error is not None and reply.output is None):
        raise decode_failure(reply.error, raw=body)
    if reply.output is None:
        raise UpstreamMalformed("The upstream's reply has no `output`.", raw=body)
    return reply.usage.usage() if reply.usage is not None else None


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What is read of every event."""

    type: str = ""
    sequence_number: int | None = None
    response: _Body | None = None
    error: Any = None


_said_decoder = msgspec.json.Decoder(_Said)


class StreamWatch(SseWatch):
    """Watches a stream of this wire. Events of all kinds pass, also those that are not known here."""

    ends_with = "response was over"
    data_of = staticmethod(event_data)

    def __init__(self, request: Json) -> None:
        """`request` is the client's."""
        super().__init__()
        del request
        self._sequence_number = -1

    def encode_error(self, error: EcotoneError) -> bytes:
        """`error` as the last event, numbered after those that have passed."""
        return error_event(error, self._sequence_number + 1)

    def read(self, data: bytes) -> None:
        if data == b"[DONE]":
            return
        said = _said_decoder.decode(data)
        before = self._sequence_number
        self._sequence_number = before + 1 if said.sequence_number is None else said.sequence_number
        kind = said.type
        if kind.endswith(".delta") or kind == "response.output_item.done":
            self.token_seen = True
        elif kind in ("response.failed", "response.cancelled"):
            self._sequence_number = before
            error = said.response.error if said.response is not None else None
            self.error = decode_failure(error, raw=data)
        elif kind == "error" or (not kind and said.error):
            self._sequence_number = before
            self.error = decode_failure(_anything.decode(data), raw=data)
        elif said.response is not None:
            self._read_response(kind, said.response)

    def _read_response(self, kind: str, response: _Body) -> None:
        if self.model is None:
            self.model = response.model
        if kind in ("response.completed", "response.incomplete"):
            self.finished = self.ended = True
            self.usage = response.usage.usage() if response.usage is not None else None
