"""What OpenAI's form alone has: passed through to endpoints that speak it."""

from collections.abc import Mapping

from ecotone.gateway.jobs.job import STREAM_TYPE, Answer
from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.operations import Operation
from ecotone.values.errors import EcotoneError, UnsupportedFeature
from ecotone.wire.json_body import asks_for_stream, decode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.openai_chat.fast_lane import Content, check_request, prepare_request, read_usage
from ecotone.wire.openai_chat.fast_lane import StreamWatch as OpenAIWatch
from ecotone.wire.openai_error import encode_error
from ecotone.wire.wire import StreamWatch


class OpenAIJob:
    """A completion or an embedding in OpenAI's form, for endpoints that speak it."""

    _CONTENT: Mapping[Operation, Content] = {"completions": "prompt", "embeddings": "input"}

    def __init__(self, operation: Operation, body: bytes) -> None:
        """Raises MalformedRequest."""
        self.operation = operation
        self._request = decode_json_object(body)
        self.asked = model_named(self._request)
        self.streams = asks_for_stream(self._request) and operation != "embeddings"
        self.stream_type = STREAM_TYPE
        self.losses: tuple[Loss, ...] = ()
        check_request(self._request, self._CONTENT[operation])

    def call(self, endpoint: Endpoint) -> Call:
        if "openai-chat" not in endpoint.wires:
            raise UnsupportedFeature(
                f"{self.operation} cannot be asked of this model: its endpoint does not speak OpenAI's form of them."
            )
        request = prepare_request(self._request) if self.streams else self._request
        return Call(self.operation, "openai-chat", request, self.streams)

    def answer(self, call: Call, body: bytes) -> Answer:
        del call
        return Answer(body, read_usage(body))

    def watch(self, call: Call) -> StreamWatch:
        del call
        return OpenAIWatch(self._request)

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error)
