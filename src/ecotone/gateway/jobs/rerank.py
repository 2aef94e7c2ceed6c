"""Documents in the order in which they fit a query."""

import copy
from collections.abc import Callable, Sequence
from typing import Self

from ecotone.gateway.jobs.filtering import filtered_json
from ecotone.gateway.jobs.job import Answer, JobDefaults
from ecotone.gateway.jobs.services import no_stream, service_in
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.operations import Operation
from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError
from ecotone.values.filters import EventFilter
from ecotone.wire.json_body import decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.rerank import decode_request, encode_reply
from ecotone.wire.wire import StreamWatch


class RerankJob(JobDefaults):
    """Documents to rank, in the form that Cohere, Jina and open servers share."""

    operation: Operation = "rerank"
    streams = False
    stream_type = ""

    def __init__(self, body: bytes, encode_error: Callable[[EcotoneError], bytes]) -> None:
        """Raises MalformedRequest and UnsupportedFeature."""
        self.said: Json = decode_json_object(body)
        self.asked = model_named(self.said)
        self.losses: tuple[Loss, ...] = ()
        self.encode_error = encode_error
        self._request = decode_request(self.said)

    def saying(self, said: Json) -> Self:
        other = copy.copy(self)
        other.said = said
        other._request = decode_request(said)
        return other

    def call(self, endpoint: Endpoint) -> Call:
        service = service_in(endpoint, self.operation, "rerank")
        post = Post(service, lambda model: encode_json_object({"model": model, **self._request.body}))
        return Call(self.operation, service.wire, {}, post=post)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        del call
        if filters:
            body = filtered_json(body, filters)
        encoded, usage = encode_reply(body, self._request)
        return Answer(encoded, usage)

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        raise no_stream(call)
