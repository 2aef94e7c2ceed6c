"""Conversations, in every wire."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from ecotone.gateway.jobs.job import JSON_TYPE, Answer, JobDefaults
from ecotone.upstream.endpoints import Call, Endpoint
from ecotone.upstream.http import Headers
from ecotone.upstream.operations import Operation
from ecotone.values.chat import ChatRequest, Json, JsonObjectFormat, JsonSchemaFormat
from ecotone.values.errors import EcotoneError, Unredactable, UnsupportedFeature
from ecotone.values.filters import EventFilter, filtered_reply
from ecotone.values.reply import Start
from ecotone.wire.envelope import holds_envelope
from ecotone.wire.json_body import asks_for_stream, decode_json_object, encode_json_object, model_named
from ecotone.wire.losses import FORM_SUFFIX, Loss, without_needs
from ecotone.wire.translation import StreamTranslation
from ecotone.wire.wire import ClientWire, StreamWatch, Wire


class ChatJob(JobDefaults):
    """A conversation in the client's own wire, for endpoints of any wire."""

    operation: Operation = "chat"
    passes = True
    """Whether an upstream's bytes may pass as they are where it speaks the client's wire."""

    def __init__(
        self,
        wires: Mapping[str, Wire],
        wire: ClientWire,
        body: bytes,
        *,
        model: str | None = None,
        stream: bool | None = None,
        headers: Headers = (),
        now_s: int,
        reply_id: str,
    ) -> None:
        """`model` and `stream` are what the path says on wires that say them there. `headers` go along to endpoints of
        the same wire. `now_s` (Unix seconds, UTC) and `reply_id` stand in the reply where the upstream says neither.

        Raises MalformedRequest.
        """
        self._wires = wires
        self._wire = wire
        # None where no endpoint can speak it.
        self._shared = wire if isinstance(wire, Wire) and self.passes else None
        self._body = body
        # What a vendor of another wire made in an earlier turn has to be taken out, also on the client's own wire.
        self._sealed = holds_envelope(body)
        self._request: Json = decode_json_object(body)
        self._headers = headers
        self._start = Start(id=reply_id, created=now_s)
        self._decoded: ChatRequest | None = None
        # The job as the client put it, where this one says it in other words.
        self._clients: ChatJob | None = None
        self.asked = model_named(self._request) if model is None else model
        self.streams = asks_for_stream(self._request, unasked=wire.streams_unasked) if stream is None else stream
        self.stream_type = wire.stream_type
        self.losses: tuple[Loss, ...] = ()
        if self._shared is not None:
            self._shared.check_request(self._request)
        else:
            self._values()

    @property
    def json_text(self) -> bool:
        return isinstance(self._values().output, JsonObjectFormat | JsonSchemaFormat)

    @property
    def said(self) -> Json:
        # What comes in the path and in headers goes out as well.
        return {"model": self.asked, "headers": [value for _, value in self._headers], "body": self._request}

    def saying(self, said: Json) -> Self:
        if said["model"] != self.asked or said["headers"] != [value for _, value in self._headers]:
            raise Unredactable("What the rules want replaced stands in the model's name or in a header.")
        other = copy.copy(self)
        other._clients = self._clients or self
        other._request = said["body"]
        other._body = encode_json_object(other._request)
        other._decoded = None
        return other

    def call(self, endpoint: Endpoint) -> Call:
        shared = self._shared if self._shared is not None and self._shared.name in endpoint.wires else None
        if shared is not None and not self._sealed:
            self.losses = ()
            request = shared.prepare_request(self._request)
            return Call(self.operation, shared.name, request, self.streams, self._headers)
        if shared is not None:
            call = self._encoded(endpoint, shared)
            request = shared.prepare_request(call.request)
            return msgspec.structs.replace(call, request=request, headers=self._headers)
        refused: UnsupportedFeature | None = None
        for name in endpoint.wires:
            try:
                return self._encoded(endpoint, self._wires[name])
            except UnsupportedFeature as fault:
                # Another of the endpoint's wires may be able to say it; the preferred one's refusal is the one to tell.
                refused = refused or fault
        raise refused or UnsupportedFeature("This model's endpoint speaks no wire that is known here.")

    def _encoded(self, endpoint: Endpoint, target: Wire) -> Call:
        """The request in this wire, as the endpoint takes it. Raises UnsupportedFeature."""
        values, left_out = without_needs(self._values(), target.name, endpoint.leave_out)
        encoded = target.encode_request(
            msgspec.structs.replace(values, model=endpoint.name, include_usage=self.streams or None)
        )
        lacking = [name for name in endpoint.lacks.get(target.name, ()) if encoded.body.pop(name, None) is not None]
        lost = (Loss(name, f"`{name}`, which {endpoint.provider} refuses") for name in lacking)
        self.losses = (*left_out, *encoded.losses, *lost)
        return Call(self.operation, target.name, encoded.body, self.streams)

    def answer(self, call: Call, body: bytes, filters: Sequence[EventFilter] = ()) -> Answer:
        if not filters and self._shared is not None and call.wire == self._shared.name:
            return Answer(body, self._shared.read_usage(body))
        reply = self._wires[call.wire].decode_reply(body)
        reply = msgspec.structs.replace(
            reply, id=reply.id or self._start.id, created=reply.created or self._start.created
        )
        if filters:
            reply = filtered_reply(reply, filters)
        return Answer(self._wire.encode_reply(reply, (self._clients or self)._values()), reply.usage)

    def watch(self, call: Call, filters: Sequence[EventFilter] = ()) -> StreamWatch:
        if not filters and self._shared is not None and call.wire == self._shared.name:
            return self._shared.stream_watch(self._request)
        wire, request = self._wires[call.wire], (self._clients or self)._values()
        return StreamTranslation(wire, self._wire, request, start=self._start, filters=filters)

    def encode_error(self, error: EcotoneError) -> bytes:
        return self._wire.encode_error(error)

    def _values(self) -> ChatRequest:
        """The client's request, decoded once somebody needs it in another wire."""
        if self._decoded is None:
            # Decoding takes its object apart, and an endpoint of the client's wire may yet be asked.
            decoded = self._wire.decode_request(decode_json_object(self._body))
            self._decoded = msgspec.structs.replace(decoded, model=self.asked, stream=self.streams)
        return self._decoded


class ArrayJob(ChatJob):
    """A stream for a Google client that wants one JSON array, element by element, instead of events. Upstreams are
    always asked for events, so nothing passes as it is."""

    passes = False

    def __init__(self, wires: Mapping[str, Wire], wire: ClientWire, body: bytes, **settings: Any) -> None:
        super().__init__(wires, wire, body, **settings)
        self.stream_type = JSON_TYPE

    def _values(self) -> ChatRequest:
        if self._decoded is None:
            form = f"{self._wire.name}{FORM_SUFFIX}"
            asked = super()._values()
            vendor = {**asked.vendor, form: {**asked.vendor.get(form, {}), "alt": "json"}}
            self._decoded = msgspec.structs.replace(asked, vendor=vendor)
        return self._decoded
