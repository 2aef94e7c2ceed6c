"""Documents in the order in which they fit a query."""

from collections.abc import Callable

from ecotone.gateway.jobs.job import Answer
from ecotone.gateway.jobs.services import no_stream, service_in
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.operations import Operation
from ecotone.values.errors import EcotoneError
from ecotone.wire.json_body import decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.rerank import decode_request, encode_reply
from ecotone.wire.wire import StreamWatch


class RerankJob:
    """Documents to rank, in the form that Cohere, Jina and open servers share."""

    operation: Operation = "rerank"
    streams = False
    stream_type = ""

    def __init__(self, body: bytes, encode_error: Callable[[EcotoneError], bytes]) -> None:
        """Raises MalformedRequest and UnsupportedFeature."""
        request = decode_json_object(body)
        self.asked = model_named(request)
        self.losses: tuple[Loss, ...] = ()
        self.encode_error = encode_error
        self._request = decode_request(request)

    def call(self, endpoint: Endpoint) -> Call:
        service = service_in(endpoint, self.operation, "rerank")
        post = Post(service, lambda model: encode_json_object({"model": model, **self._request.body}))
        return Call(self.operation, service.wire, {}, post=post)

    def answer(self, call: Call, body: bytes) -> Answer:
        del call
        encoded, usage = encode_reply(body, self._request)
        return Answer(encoded, usage)

    def watch(self, call: Call) -> StreamWatch:
        raise no_stream(call)
