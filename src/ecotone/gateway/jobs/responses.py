"""Conversations in OpenAI's Responses wire, which may go on with a response that the gateway has kept.

Upstreams get the whole conversation each time and keep nothing.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from ecotone.gateway.jobs.chat import ChatJob
from ecotone.gateway.jobs.filtering import filtered_json
from ecotone.gateway.jobs.job import Answer, JobDefaults
from ecotone.gateway.jobs.services import no_stream, service_in
from ecotone.gateway.responses import StoredResponse, StoredResponses
from ecotone.upstream.endpoints import Call, Endpoint, Post
from ecotone.upstream.operations import Operation
from ecotone.values.chat import ChatRequest, Json
from ecotone.values.errors import (
    EcotoneError,
    MalformedRequest,
    RequestError,
    UnsupportedFeature,
    UpstreamError,
    UpstreamMalformed,
)
from ecotone.values.filters import EventFilter
from ecotone.values.reply import Usage
from ecotone.wire.json_body import decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import Loss
from ecotone.wire.openai_responses import FORM, NAME, encode_error, read_usage
from ecotone.wire.openai_responses.decoder import event_data
from ecotone.wire.openai_responses.fast_lane import refuse_conversation
from ecotone.wire.openai_responses.history import (
    input_items,
    item_kind,
    replayable,
    thinks,
    without_encrypted,
)
from ecotone.wire.openai_responses.request import ENCRYPTED
from ecotone.wire.sse import REPLY_BYTES_MAX, split_events
from ecotone.wire.wire import StreamWatch, Wire

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
_ENDS = ("response.completed", "response.incomplete")


def not_kept_here(param: str) -> UnsupportedFeature:
    """The error for what needs responses to be kept, where none are."""
    return UnsupportedFeature(
        f'No responses are kept here ([retention] responses = "none" in ecotone.toml), so `{param}` cannot be honoured.'
        " Send the whole conversation in `input`, with `store` false.",
        param=param,
    )


class EarlierResponses:
    """What a caller's request may go on with. `classes` are the data classes of what `expand` has put in."""

    def __init__(self, stored: StoredResponses, principal: str) -> None:
        self._stored = stored
        self._principal = principal
        self.classes: set[str] = set()

    def expand(self, request: Json) -> tuple[bool, str | None]:
        """Put what went before into the request's `input`. Returns whether there was anything, and the id of the
        response that it goes on with. Raises RequestError."""
        previous = request.pop("previous_response_id", None)
        given = request.get("input")
        if isinstance(given, list) and not all(isinstance(item, dict) for item in given):
            raise MalformedRequest("`input` must be a string or a list of items.", param="input")
        items = input_items(request)
        referring = any(item_kind(item) == "item_reference" for item in items)
        if previous is None and not referring:
            return False, None
        if not self._stored.keeps:
            raise not_kept_here("input" if previous is None else "previous_response_id")
        before: list[Json] = []
        if previous is not None:
            if not isinstance(previous, str):
                raise MalformedRequest("`previous_response_id` must be a string.", param="previous_response_id")
            before = self._conversation(previous)
        items = [self._referred(item) if item_kind(item) == "item_reference" else item for item in items]
        request["input"] = replayable([*before, *items])
        return True, previous

    def _conversation(self, identity: str) -> list[Json]:
        response = self._stored.get(self._principal, identity)
        if response is None:
            # The words and the code of the vendor.
            fault = RequestError(f"Previous response with id '{identity}' not found.", param="previous_response_id")
            fault.code = "previous_response_not_found"
            raise fault
        if response.data_class is not None:
            self.classes.add(response.data_class)
        return [*response.input, *response.output]

    def _referred(self, item: Json) -> Json:
        identity = item.get("id")
        found = self._stored.find_item(self._principal, identity) if isinstance(identity, str) else None
        if found is None:
            fault = RequestError(f"Item with id '{identity}' not found.", param="input")
            fault.status = 404
            raise fault
        item, classes = found
        self.classes |= classes
        return item


class ResponsesJob(ChatJob):
    """As ChatJob, for clients of the Responses wire."""

    def __init__(
        self,
        wires: Mapping[str, Wire],
        wire: Wire,
        body: bytes,
        *,
        now_s: int,
        reply_id: str,
        principal: str,
        stored: StoredResponses,
    ) -> None:
        """`principal` is the caller, to whom `stored` responses belong. Raises RequestError."""
        request = decode_json_object(body)
        wire.check_request(request)
        self._stored = stored
        self._principal = principal
        self._now_us = now_s * 1_000_000
        store = request.get("store")
        if store and not stored.keeps:
            raise not_kept_here("store")
        self._keep = stored.keeps if store is None else bool(store)
        include = request.get("include")
        self._encrypted = isinstance(include, list) and ENCRYPTED in include
        earlier = EarlierResponses(stored, principal)
        changed, self._previous = earlier.expand(request)
        self.earlier_classes = frozenset(earlier.classes)
        self._input = tuple(input_items(request))
        if self._keep and not self._encrypted and thinks(request):
            request["include"] = [*(include if isinstance(include, list) else ()), ENCRYPTED]
            changed = True
        body = encode_json_object(request) if changed else body
        super().__init__(wires, wire, body, now_s=now_s, reply_id=reply_id)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        answer = super().answer(call, body, filters)
        if not self._alters:
            return answer
        try:
            response = _decoder.decode(answer.body)
        except (ValueError, RecursionError) as fault:
            raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None
        self.keep(response, response.get("output") or [])
        return Answer(_encoder.encode(self.for_client(response)), answer.usage)

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        inner = super().watch(call, filters)
        return _KeepingWatch(inner, self) if self._alters else inner

    @property
    def _alters(self) -> bool:
        return self._keep or self._previous is not None

    def _values(self) -> ChatRequest:
        fresh = self._decoded is None
        values = super()._values()
        if fresh:
            form = {**values.vendor.get(FORM, {}), "previous_response_id": self._previous}
            if self._keep:
                form["encrypted"] = True
            values = self._decoded = msgspec.structs.replace(values, vendor={**values.vendor, FORM: form})
        return values

    def keep(self, response: Json, output: list[Json]) -> None:
        """Store a response that is over, if that was asked for."""
        identity = response.get("id")
        if self._keep and isinstance(identity, str):
            body = {name: value for name, value in response.items() if name != "output"}
            body |= {"previous_response_id": self._previous} | ({"store": True} if "store" in body else {})
            self._stored.put(
                StoredResponse(
                    self._principal, identity, self._now_us, body, self._input, tuple(output), self.data_class
                )
            )

    def for_client(self, response: Json) -> Json:
        """The Response object as the client is to see it."""
        response["previous_response_id"] = self._previous
        if "store" in response:
            # The upstream was told to keep nothing.
            response["store"] = self._keep
        if not self._encrypted and isinstance(response.get("output"), list):
            response["output"] = without_encrypted(response["output"])
        return response

    def item_for_client(self, item: Json) -> Json:
        return item if self._encrypted else without_encrypted([item])[0]


class ResponsesServiceJob(JobDefaults):
    """Counting a request's tokens, or compacting a conversation: passed on to endpoints that speak this wire."""

    streams = False
    stream_type = ""

    def __init__(self, operation: Operation, body: bytes, *, principal: str, stored: StoredResponses) -> None:
        """Raises RequestError."""
        self.operation: Operation = operation
        self._request = decode_json_object(body)
        self.asked = model_named(self._request)
        self.losses: tuple[Loss, ...] = ()
        refuse_conversation(self._request)
        earlier = EarlierResponses(stored, principal)
        earlier.expand(self._request)
        self.earlier_classes = frozenset(earlier.classes)

    @property
    def said(self) -> Json:
        return self._request

    def saying(self, said: Json) -> Self:
        other = copy.copy(self)
        other._request = said
        return other

    def call(self, endpoint: Endpoint) -> Call:
        service = service_in(endpoint, self.operation, NAME)
        post = Post(service, lambda model: encode_json_object({**self._request, "model": model}))
        return Call(self.operation, service.wire, {}, post=post)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        """The vendor's own answer; what compacting took in tokens is in it, as in a response."""
        del call
        if filters:
            body = filtered_json(body, filters)
        return Answer(body, None if self.operation == "responses.input_tokens" else read_usage(body))

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        raise no_stream(call)

    def encode_error(self, error: EcotoneError) -> bytes:
        return encode_error(error)


class _KeepingWatch:
    """A stream on its way to the client, with the client's own words put back into it and its end stored."""

    def __init__(self, inner: StreamWatch, job: ResponsesJob) -> None:
        self._inner = inner
        self._job = job
        self._output: list[Json] = []
        self._bytes = 0
        self.token_seen = False
        self.finished = False
        self.ended = False
        self.error: UpstreamError | RequestError | None = None
        self.usage: Usage | None = None
        self.model: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        self._bytes += len(chunk)
        if self._bytes > REPLY_BYTES_MAX:
            self.error = UpstreamMalformed(f"The upstream's reply is over {REPLY_BYTES_MAX:,} bytes.")
            return b""
        forwarded = self._inner.feed(chunk)
        inner = self._inner
        self.token_seen, self.finished, self.ended = inner.token_seen, inner.finished, inner.ended
        self.error, self.usage, self.model = inner.error, inner.usage, inner.model
        if b'"response"' not in forwarded and b'"item"' not in forwarded:
            return forwarded
        altered: list[bytes] = []
        try:
            altered.extend(self._altered(event) + b"\n\n" for event in split_events(forwarded) if event)
        except (ValueError, RecursionError) as fault:
            # The watch inside looks at less of an event than this.
            self.error = UpstreamMalformed(f"The upstream sent an event that cannot be read: {fault}.")
        return b"".join(altered)

    def _altered(self, event: bytes) -> bytes:
        if b'"response"' not in event and b'"item"' not in event:
            return event
        data = event_data(event)
        decoded = _decoder.decode(data) if data and data != b"[DONE]" else None
        if not isinstance(decoded, dict):
            return event
        kind, response, item = decoded.get("type"), decoded.get("response"), decoded.get("item")
        if isinstance(item, dict):
            if kind == "response.output_item.done":
                self._output.append(item)
            decoded["item"] = self._job.item_for_client(item)
        elif isinstance(response, dict):
            if kind in _ENDS:
                self._job.keep(response, response.get("output") or self._output)
            decoded["response"] = self._job.for_client(response)
        else:
            return event
        return b"event: %s\ndata: %s" % (str(kind).encode(), _encoder.encode(decoded))

    def close(self) -> None:
        self._inner.close()

    def encode_error(self, error: EcotoneError) -> bytes:
        return self._inner.encode_error(error)
