"""Completions of texts, which OpenAI's form alone has: passed through to endpoints that speak it."""

import copy
from collections.abc import Sequence
from typing import Self

from ecotone.gateway.jobs.filtering import filtered_json, unfiltered_stream
from ecotone.gateway.jobs.job import STREAM_TYPE, Answer, JobDefaults
from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.operations import Operation
from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, UnsupportedFeature
from ecotone.values.filters import EventFilter
from ecotone.wire.json_body import asks_for_stream, decode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.openai_chat.fast_lane import StreamWatch as OpenAIWatch
from ecotone.wire.openai_chat.fast_lane import check_request, prepare_request, read_usage
from ecotone.wire.openai_error import encode_error
from ecotone.wire.wire import StreamWatch


class CompletionJob(JobDefaults):
    """A text to go on with, in OpenAI's older form, for endpoints that speak it."""

    operation: Operation = "completions"

    def __init__(self, body: bytes) -> None:
        """Raises MalformedRequest."""
        self._request = decode_json_object(body)
        self.asked = model_named(self._request)
        self.streams = asks_for_stream(self._request)
        self.stream_type = STREAM_TYPE
        self.losses: tuple[Loss, ...] = ()
        check_request(self._request, "prompt")

    @property
    def said(self) -> Json:
        return self._request

    def saying(self, said: Json) -> Self:
        other = copy.copy(self)
        other._request = said
        return other

    def call(self, endpoint: Endpoint) -> Call:
        if "openai-chat" not in endpoint.wires:
            raise UnsupportedFeature("Completions cannot be asked of this model: it does not speak OpenAI's chat wire.")
        return Call(self.operation, "openai-chat", prepare_request(self._request), self.streams)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        del call
        if filters:
            body = filtered_json(body, filters)
        return Answer(body, read_usage(body))

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        if filters:
            raise unfiltered_stream(call)
        return OpenAIWatch(self._request)

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error)
