"""A model behind somebody's API: each wire that is spoken there, with its addresses, headers and small differences."""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec

from ecotone.catalog.clearance import Clearance
from ecotone.catalog.provider import Auth, Hosting, Provider, Speaks, api_root, filled_in, joined
from ecotone.upstream.clearance import ClearanceChecker
from ecotone.upstream.credentials import Key, Signer, key_headers
from ecotone.upstream.endpoints import PATHS, Call, EndpointFacts, Prepared, Request, post_target
from ecotone.upstream.event_stream import EventStreamResponse
from ecotone.upstream.http import Headers, HttpClient, Response, Target
from ecotone.upstream.operations import Operation, services_of
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import UnsupportedFeature, UpstreamCredentials
from ecotone.wire.json_body import encode_json_object
from ecotone.wire.quirks import QUIRKS, Quirk
from ecotone.wire.wire import Wire

_FORMS_OF_OPENAI: tuple[Operation, ...] = ("completions", "embeddings")


class Door(msgspec.Struct, frozen=True, eq=False):
    """One wire of an endpoint, ready to be used. The targets are those of whole replies and of streams, with the
    constant headers and, as `bare`, without those that a client's own may replace."""

    way: Speaks
    root: str
    whole: Target
    stream: Target
    bare_whole: Target
    bare_stream: Target
    forms: Mapping[Operation, Target]
    headers: Headers
    quirks: tuple[Quirk, ...]
    model_in_path: bool

    def target(self, call: Call) -> Target:
        if call.operation != "chat":
            return self.forms[call.operation]
        if call.headers:
            return self.bare_stream if call.stream else self.bare_whole
        return self.stream if call.stream else self.whole

    def extra_headers(self, call: Call) -> Headers:
        """The client's headers, and those constant ones that it did not send itself."""
        if not call.headers or call.operation != "chat":
            return ()
        in_body = {name for name, _ in self.way.header_fields}
        sent = {name for name, _ in call.headers}
        kept = [(name, value) for name, value in call.headers if name not in in_body]
        return (*kept, *((name, value) for name, value in self.way.headers if name not in sent))

    def body(self, call: Call, model: str) -> bytes:
        """The request as this place wants it. Raises UnsupportedFeature for what it cannot do."""
        if self.model_in_path and call.operation == "chat":
            changed = {name: value for name, value in call.request.items() if name != "model"}
        else:
            changed = {**call.request, "model": model}
        for name, field in self.way.header_fields:
            for sent, value in call.headers:
                if sent == name and field:
                    changed.setdefault(field, [part.strip() for part in value.split(",")])
        if self.quirks:
            _own_messages(changed)
            for quirk in self.quirks:
                quirk(changed)
        return encode_json_object(changed)


def _own_messages(changed: Request) -> None:
    """Copy what quirks may change in place: the messages, not what is inside them."""
    for field in ("messages", "input", "contents"):
        said = changed.get(field)
        if isinstance(said, list):
            changed[field] = [{**one} if isinstance(one, dict) else one for one in said]


def open_door(
    provider: Provider,
    way: Speaks,
    wire: Wire,
    base_url: str,
    model: str,
    key: Key | None,
    http: HttpClient,
    settings: Mapping[str, str],
) -> Door:
    """Prepare one wire of a provider for the model of that name there. Raises ConfigError for an unusable address."""
    root = filled_in(api_root(provider, base_url, way.wire), settings)
    shown = key_headers(key, way.auth) if key is not None else ()
    paths = [
        own.replace("{model}", quote(model, safe=":@")) if own is not None else wire.path(model, stream)
        for own, stream in ((way.whole_path, False), (way.stream_path, True))
    ]
    whole, stream = (http.target("POST", joined(root, path), (*shown, *way.headers)) for path in paths)
    bare_whole, bare_stream = (
        (http.target("POST", joined(root, path), shown) for path in paths) if way.headers else (whole, stream)
    )
    forms = _FORMS_OF_OPENAI if way.wire == "openai-chat" else ()
    return Door(
        way=way,
        root=root,
        whole=whole,
        stream=stream,
        bare_whole=bare_whole,
        bare_stream=bare_stream,
        forms={form: http.target("POST", root + PATHS[form], (*shown, *way.headers)) for form in forms},
        headers=(*shown, *way.headers),
        quirks=tuple(QUIRKS[name] for name in way.quirks),
        model_in_path=wire.model_in_path or way.whole_path is not None,
    )


class RemoteEndpoint:
    """A model behind somebody's API: a vendor's, or a server of the team's own."""

    def __init__(
        self,
        *,
        identity: str,
        upstream_name: str,
        provider: Provider,
        base_url: str,
        hosting: Hosting,
        wires: Mapping[str, Wire],
        wire: str | None = None,
        settings: Mapping[str, str] | None = None,
        key: Key | None = None,
        signers: Mapping[Auth, Signer] | None = None,
        problem: str | None = None,
        timeouts: Timeouts,
        http: HttpClient,
        checker: ClearanceChecker,
        catalog: str | None = None,
        leave_out: tuple[str, ...] = (),
    ) -> None:
        """`identity` is the endpoint's id, which no other has. `wires` are all that Ecotone speaks, `wire` the one that
        the owner wants used, None for those of the provider. `settings` are the values that its addresses need. `key`
        is None if there is none; `signers` prove requests where no key does. `problem` says why nothing can be sent,
        None if it can; then no address is made.

        Raises ConfigError for an unusable address."""
        self.id = identity
        self.provider = provider.name
        self.hosting: Hosting = hosting
        self.weights = provider.weights
        self.name = upstream_name
        self.leave_out = leave_out
        self._timeouts = timeouts
        self._http = http
        self._checker = checker
        self._problem = problem
        self._signers: Mapping[Auth, Signer] = {} if key is not None else signers or {}
        settings = settings or {}
        ways = (provider.way(wire),) if wire is not None else provider.ways_for(upstream_name)
        ways = tuple(way for way in ways if way.wire in wires)
        self.wires: tuple[str, ...] = tuple(way.wire for way in ways)
        self.lacks: Mapping[str, tuple[str, ...]] = {way.wire: way.lacks for way in ways}
        self.services = services_of(
            provider.name, self.wires, frozenset(way.wire for way in ways if way.whole_path is not None)
        )
        self._doors: dict[str, Door] = {}
        if problem is None:
            self._doors = {
                way.wire: open_door(provider, way, wires[way.wire], base_url, upstream_name, key, http, settings)
                for way in ways
            }
        root = api_root(provider, base_url)
        self.place = f"{provider.name} at {urlsplit(root).netloc.rpartition('@')[2]}"
        own_address = provider.address(settings)
        own = own_address is not None and root == api_root(provider, own_address)
        self._facts = EndpointFacts(
            id=self.id,
            provider=provider.name,
            hosting=hosting,
            weights=provider.weights,
            name=upstream_name,
            catalog=catalog,
            address=None if own else hashlib.sha256(root.encode()).hexdigest()[:16],
        )

    def prepare(self, call: Call) -> Prepared:
        if self._problem is not None:
            raise UpstreamCredentials(f"The upstream cannot be asked: {self._problem}")
        door = self._door(call)
        if call.post is not None:
            return Prepared(call, call.post.body(self.name), call.headers)
        return Prepared(call, door.body(call, self.name), door.extra_headers(call))

    async def send(self, prepared: Prepared, clearance: Clearance | None) -> Response:
        call, body, headers = prepared.call, prepared.body, prepared.headers
        door = self._door(call)
        if call.post is not None:
            target = post_target(self._http, door.root, call.post, self.name, door.headers)
        else:
            target = door.target(call)
        signer = self._signers.get(door.way.auth)
        if signer is not None:
            headers = (*headers, *await signer.headers("POST", target.url, body))
        self._checker.check(clearance, self.id, body, prepared.headers)
        response = await self._http.send(target, body, self._timeouts, headers)
        if call.stream and door.way.framing == "aws-event-stream" and response.status == 200:
            return EventStreamResponse(response)
        return response

    def _door(self, call: Call) -> Door:
        door = self._doors.get(call.wire if call.post is None else call.post.service.wire)
        if door is None or not (call.operation == "chat" or call.post is not None or call.operation in door.forms):
            raise UnsupportedFeature(f"{call.operation} cannot be asked of this model in the wire {call.wire}.")
        return door

    def door(self, wire: str) -> Door:
        """How it is asked in one of `wires`. Raises KeyError where it is not, or where something is missing."""
        return self._doors[wire]

    def problem(self) -> str | None:
        return self._problem

    def facts(self) -> EndpointFacts:
        return self._facts
