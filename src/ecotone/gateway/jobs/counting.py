"""How many tokens a prompt has, by the tokenizer of the model that would read it. Nothing is ever estimated."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import msgspec

from ecotone.gateway.jobs.job import Answer, JobDefaults
from ecotone.gateway.jobs.services import no_stream, service_in
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.http import Headers
from ecotone.upstream.operations import Operation
from ecotone.values.chat import ChatRequest, Json
from ecotone.values.errors import EcotoneError, Unredactable
from ecotone.values.filters import EventFilter
from ecotone.wire.anthropic import counting as anthropic
from ecotone.wire.anthropic.request import decode_request as decode_anthropic
from ecotone.wire.gemini import counting as gemini
from ecotone.wire.json_body import decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Encoded, Loss
from ecotone.wire.wire import StreamWatch


class _Form(msgspec.Struct, frozen=True, eq=False):
    """One form of asking and answering. `encode` is given the model's name at the upstream."""

    decode: Callable[[Json], ChatRequest]
    encode: Callable[[ChatRequest, str], Encoded]
    decode_count: Callable[[bytes], int]
    encode_count: Callable[[int], bytes]


def _named(request: ChatRequest, model: str) -> Encoded:
    encoded = anthropic.encode_count_request(request)
    return Encoded({**encoded.body, "model": model}, encoded.losses)


def _for_vertex(request: ChatRequest, model: str) -> Encoded:
    return gemini.encode_count_request(request, model, vertex=True)


_FORMS: Mapping[str, _Form] = {
    "anthropic": _Form(decode_anthropic, _named, anthropic.decode_count, anthropic.encode_count),
    "gemini": _Form(gemini.decode_count_request, gemini.encode_count_request, gemini.decode_count, gemini.encode_count),
    "vertex": _Form(gemini.decode_count_request, _for_vertex, gemini.decode_count, gemini.encode_count),
}


class CountJob(JobDefaults):
    """A prompt to count in the form `form`: asked as it is where an endpoint counts in that form, else translated."""

    operation: Operation = "count_tokens"
    streams = False
    stream_type = ""

    def __init__(
        self,
        form: str,
        body: bytes,
        encode_error: Callable[[EcotoneError], bytes],
        *,
        model: str | None = None,
        headers: Headers = (),
    ) -> None:
        """`model` is what the path says in forms that say it there. `headers` go along to endpoints of the same form.
        Raises MalformedRequest."""
        self._name = form
        self._form = _FORMS[form]
        self._body = body
        self._request = decode_json_object(body)
        self._headers = headers
        self._values: ChatRequest | None = None
        self.asked = model_named(self._request) if model is None else model
        self.losses: tuple[Loss, ...] = ()
        self.encode_error = encode_error

    @property
    def said(self) -> Json:
        return {"model": self.asked, "headers": [value for _, value in self._headers], "body": self._request}

    def saying(self, said: Json) -> Self:
        if said["model"] != self.asked or said["headers"] != [value for _, value in self._headers]:
            raise Unredactable("What the rules want replaced stands in the model's name or in a header.")
        other = copy.copy(self)
        other._request = said["body"]
        other._body = encode_json_object(other._request)
        other._values = None
        return other

    def call(self, endpoint: Endpoint) -> Call:
        offered = endpoint.services.get(self.operation, ())
        same = next((service for service in offered if service.form == self._name), None)
        if same is not None:
            self.losses = ()
            return Call(self.operation, same.wire, {}, headers=self._headers, post=Post(same, self._with_model))
        service = service_in(endpoint, self.operation, *_FORMS)
        values, form = self._decoded(), _FORMS[service.form]
        self.losses = form.encode(values, self.asked).losses
        post = Post(service, lambda model: encode_json_object(form.encode(values, model).body))
        return Call(self.operation, service.wire, {}, post=post)

    def _with_model(self, model: str) -> bytes:
        """The client's own request, for the model of this name."""
        changed = {**self._request}
        if "model" in changed:
            changed["model"] = model
        whole = changed.get("generateContentRequest")
        if isinstance(whole, dict):
            changed["generateContentRequest"] = {**whole, "model": f"models/{model}"}
        return encode_json_object(changed)

    def _decoded(self) -> ChatRequest:
        if self._values is None:
            decoded = self._form.decode(decode_json_object(self._body))
            self._values = msgspec.structs.replace(decoded, model=self.asked)
        return self._values

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        del filters  # a number has no words
        form = call.post.service.form if call.post is not None else self._name
        count = _FORMS[form].decode_count(body)
        # Counting reads no prompt: there is nothing to meter.
        return Answer(body if form == self._name else self._form.encode_count(count), None)

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        raise no_stream(call)
