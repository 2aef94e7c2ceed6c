"""Texts to vectors, between all forms of asking for them."""

import copy
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from ecotone.gateway.jobs.job import Answer, JobDefaults
from ecotone.gateway.jobs.services import no_stream, service_in
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.operations import Operation
from ecotone.values.chat import Json
from ecotone.values.embeddings import EmbeddingRequest
from ecotone.values.errors import EcotoneError, Unredactable, UpstreamMalformed
from ecotone.values.filters import EventFilter
from ecotone.wire.embeddings import CLIENT_FORMS, UPSTREAM_FORMS
from ecotone.wire.json_body import decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.wire import StreamWatch


class EmbeddingsJob(JobDefaults):
    """Texts to embed in the form `form`. What an endpoint takes in the same form passes through."""

    operation: Operation = "embeddings"
    streams = False
    stream_type = ""

    def __init__(
        self, form: str, body: bytes, encode_error: Callable[[EcotoneError], bytes], *, model: str | None = None
    ) -> None:
        """`model` is what the path says in forms that say it there. Raises MalformedRequest."""
        self._form = form
        self._client = CLIENT_FORMS[form]
        self._request = decode_json_object(body)
        self.asked = model_named(self._request) if model is None else model
        self.losses: tuple[Loss, ...] = ()
        self.encode_error = encode_error
        self._values: EmbeddingRequest | None = None
        self._body = body
        self._client.check_request(self._request)

    @property
    def said(self) -> Json:
        return {"model": self.asked, "body": self._request}

    def saying(self, said: Json) -> Self:
        if said["model"] != self.asked:
            raise Unredactable("What the rules want replaced stands in the model's name.")
        other = copy.copy(self)
        other._request = said["body"]
        other._body = encode_json_object(other._request)
        other._values = None
        return other

    def _decoded(self) -> EmbeddingRequest:
        if self._values is None:
            # Decoding takes its object apart, and an endpoint of the client's form may yet be asked.
            decoded = self._client.decode_request(decode_json_object(self._body))
            self._values = msgspec.structs.replace(decoded, model=self.asked)
        return self._values

    def call(self, endpoint: Endpoint) -> Call:
        same = [found for found in endpoint.services.get(self.operation, ()) if found.form == self._form]
        service = same[0] if same else service_in(endpoint, self.operation, *UPSTREAM_FORMS)
        form = UPSTREAM_FORMS[service.form]
        request, self.losses = self._request, ()
        if not same:
            encoded = form.encode_request(self._decoded())
            request, self.losses = encoded.body, encoded.losses
        post = Post(service, lambda model: encode_json_object(form.named(request, model)))
        return Call(self.operation, service.wire, {}, post=post)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        del filters  # vectors have no words
        said_in = call.post.service.form if call.post is not None else self._form
        form = UPSTREAM_FORMS[said_in]
        if said_in == self._form:
            return Answer(body, form.read_usage(body))
        reply, request = form.decode_reply(body), self._decoded()
        if len(reply.vectors) != len(request.inputs):
            raise UpstreamMalformed(
                f"The upstream gave {len(reply.vectors)} vectors for {len(request.inputs)} inputs.", raw=body
            )
        return Answer(self._client.encode_reply(reply, request), reply.usage)

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        raise no_stream(call)
