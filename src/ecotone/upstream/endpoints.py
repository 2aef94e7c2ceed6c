"""Endpoints: places where a model runs, each ready to take a request in its own wire."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urljoin

import msgspec

from ecotone.catalog.clearance import Clearance
from ecotone.catalog.provider import Hosting, Weights, joined
from ecotone.upstream.clearance import ClearanceChecker
from ecotone.upstream.engine import Task
from ecotone.upstream.engines import EnginePool, Lease
from ecotone.upstream.http import Headers, HttpClient, Response, Target
from ecotone.upstream.operations import EMBEDDED, Operation, Service, Services
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.errors import EngineError, UpstreamMalformed, UpstreamUnreachable
from ecotone.wire.forced_tools import CallStream, check_output_format, force_tools, read_call
from ecotone.wire.json_body import encode_json_object
from ecotone.wire.quirks import max_tokens

Request = dict[str, Any]

PATHS: dict[Operation, str] = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
_TASKS: dict[Operation, Task] = {"embeddings": "embedding"}

_END_NOTICED_S = 0.5
_FORCED_REPLY_BYTES_MAX = 64 * 1024 * 1024
# A small machine may take minutes to read a long prompt, and the engine says nothing meanwhile.
_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=1800.0, between_bytes_s=300.0, whole_s=7200.0)


class Post(msgspec.Struct, frozen=True):
    """A body that is not a wire's, for one of an endpoint's services: `body` makes it, given the model's name there."""

    service: Service
    body: Callable[[str], bytes]
    media_type: str = "application/json"


class Call(msgspec.Struct, frozen=True):
    """One request for an endpoint: what is wanted, in which wire, and whether the reply is to be a stream. `request` is
    the body without the model's name there; it is left as it is. `headers` go along as they are. With `post` it is that
    which goes out, and `request` is empty."""

    operation: Operation
    wire: str
    request: Request
    stream: bool = False
    headers: Headers = ()
    post: Post | None = None


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """One request as it goes out: `body` is final, and `headers` are those of the caller's that go with it. It is what
    a clearance is for. `forced`: the answer is to be given on as the tool call that was asked for."""

    call: Call
    body: bytes
    headers: Headers = ()
    forced: bool = False


def post_target(http: HttpClient, root: str, post: Post, upstream_name: str, headers: Headers) -> Target:
    """Where `post` goes: an endpoint whose folder is `root`, which is greeted with `headers`."""
    path = post.service.path.replace("{model}", quote(upstream_name))
    url = urljoin(f"{root}/", path) if path.startswith("../") else joined(root, f"/{path}")
    return http.target("POST", url, [("content-type", post.media_type), *headers])


class EndpointFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tells one place and one set of weights from another, fit to be shown to callers: no path, address or key.

    `name` is what the model is called there. `catalog` is the catalog's id that the owner gave. `address` tells servers
    at other addresses than the provider's own apart: the first 16 hexadecimal digits of the address's SHA-256. Of
    embedded models `sha256` is the file's digest, None as long as nobody has taken it, and `engine` the engine's name
    and version.
    """

    id: str
    provider: str
    hosting: Hosting
    weights: Weights | None = None
    name: str | None = None
    catalog: str | None = None
    address: str | None = None
    sha256: str | None = None
    engine: str | None = None


class Endpoint(Protocol):
    """`id` names it in logs, `place` (who serves it, on which host) in errors; `weights` is None where it is not known
    whether they are open. `wires` are those that it can be asked in; a client of another wire is answered by way of the
    first that can say what it asks, without the fields that the endpoint `lacks` in that wire. `name` is what the model
    is called there. `leave_out` names what the owner allows to be left out of a translated request. `services` are the
    ways to ask for what is no conversation."""

    id: str
    place: str
    provider: str
    hosting: Hosting
    weights: Weights | None
    wires: tuple[str, ...]
    name: str
    lacks: Mapping[str, tuple[str, ...]]
    leave_out: tuple[str, ...]
    services: Services

    def prepare(self, call: Call) -> Prepared:
        """A request of one of `wires` as it would go out, under the model's name there. Raises UpstreamError,
        EngineError or RequestError."""

    async def send(self, prepared: Prepared, clearance: Clearance | None) -> Response:
        """Send it and return once status and headers are there. Raises UpstreamError or EngineError, and NotCleared,
        having sent nothing, where the clearance is not for this."""

    def problem(self) -> str | None:
        """Why nothing can be sent there at present, in words for the owner; None if nothing is known against it."""

    def facts(self) -> EndpointFacts:
        """What callers may know of it."""


class EmbeddedEndpoint:
    """A model inside Ecotone, in an engine that is started when somebody asks for it."""

    place = "the embedded engine"
    provider = "llama.cpp"
    hosting: Hosting = "embedded"
    weights: Weights | None = "open"
    wires: tuple[str, ...] = ("openai-chat",)
    lacks: Mapping[str, tuple[str, ...]] = {}
    services = EMBEDDED

    def __init__(
        self,
        *,
        model: str,
        engines: EnginePool,
        http: HttpClient,
        checker: ClearanceChecker,
        file_problem: Callable[[str], str | None],
        sha256: Callable[[], str | None] = lambda: None,
        engine: str | None = None,
        catalog: str | None = None,
        leave_out: tuple[str, ...] = (),
    ) -> None:
        """`file_problem` says why the file of a model is not there yet, None if it is; `sha256` tells the file's
        digest, `engine` is the engine's name and version; None where unknown."""
        self.id = f"{model}@embedded"
        self.name = model
        self.leave_out = leave_out
        self._engines = engines
        self._http = http
        self._checker = checker
        self._file_problem = file_problem
        self._sha256 = sha256
        self._engine = engine
        self._catalog = catalog
        self._targets: dict[tuple[str, Operation], Target] = {}

    def prepare(self, call: Call) -> Prepared:
        problem = self.problem()
        if problem is not None:
            raise EngineError(f"{self.name} cannot answer: {problem}")
        if call.post is not None:
            return Prepared(call, call.post.body(self.name))
        request, forced = call.request, False
        if call.operation == "chat":
            check_output_format(request)
            request, forced = force_tools(request)
        changed = {**request, "model": self.name}
        max_tokens(changed)
        return Prepared(call, encode_json_object(changed), forced=forced)

    async def send(self, prepared: Prepared, clearance: Clearance | None) -> Response:
        call = prepared.call
        task = _TASKS.get(call.operation, "chat")
        lease = self._engines.try_acquire(self.name, task) or await self._engines.acquire(self.name, task)
        try:
            response = await self._send(lease, prepared, clearance)
        except UpstreamUnreachable:
            if not await lease.engine_ended(wait_s=_END_NOTICED_S):
                raise
            # The engine had died since its last answer: a new one takes the request.
            response = await self._send(await self._engines.acquire(self.name, task), prepared, clearance)
        forced = prepared.forced and response.status == 200
        return _ForcedReply(response, bool(call.request.get("stream"))) if forced else response

    async def _send(self, lease: Lease, prepared: Prepared, clearance: Clearance | None) -> Response:
        operation, post = prepared.call.operation, prepared.call.post
        try:
            # An engine may take a while to start, and the rules may change in that time.
            self._checker.check(clearance, self.id, prepared.body)
            headers = [("authorization", f"Bearer {lease.key}")]
            if post is not None:
                place = post_target(self._http, lease.base_url, post, self.name, headers)
                return _Leased(await self._http.send(place, prepared.body, _TIMEOUTS), lease)
            target = self._targets.get((lease.base_url, operation))
            if target is None:
                self._targets = {known: kept for known, kept in self._targets.items() if known[1] != operation}
                target = self._http.target("POST", lease.base_url + PATHS[operation], headers)
                self._targets[lease.base_url, operation] = target
            return _Leased(await self._http.send(target, prepared.body, _TIMEOUTS), lease)
        except BaseException:
            lease.release()
            raise

    def problem(self) -> str | None:
        return self._file_problem(self.name)

    @property
    def loaded(self) -> bool:
        """Whether an engine with this model is running."""
        return any(state.name == self.name and state.pid is not None for state in self._engines.states())

    def facts(self) -> EndpointFacts:
        return EndpointFacts(
            id=self.id,
            provider=self.provider,
            hosting=self.hosting,
            weights=self.weights,
            catalog=self._catalog,
            sha256=self._sha256(),
            engine=self._engine,
        )


class _Leased:
    """A response that keeps its engine from being unloaded until it is read or closed."""

    def __init__(self, response: Response, lease: Lease) -> None:
        self._response = response
        self._lease = lease
        self.status = response.status

    def header(self, name: str) -> str | None:
        return self._response.header(name)

    async def read_chunk(self) -> bytes | None:
        try:
            chunk = await self._response.read_chunk()
        except BaseException:
            self.close()
            raise
        if chunk is None:
            self.close()
        return chunk

    def close(self) -> None:
        self._response.close()
        self._lease.release()


class _ForcedReply:
    """The answer to a request that forces a tool call, given on as the tool call that it is."""

    def __init__(self, response: Response, streams: bool) -> None:
        self._response = response
        self._stream = CallStream() if streams else None
        self.status = response.status

    def header(self, name: str) -> str | None:
        return None if name == "content-length" else self._response.header(name)

    async def read_chunk(self) -> bytes | None:
        try:
            return await self._whole() if self._stream is None else await self._next_events(self._stream)
        except BaseException:
            self.close()
            raise

    async def _next_events(self, stream: CallStream) -> bytes | None:
        while (chunk := await self._response.read_chunk()) is not None:
            events = stream.feed(chunk)
            if events:
                return events
        return None

    async def _whole(self) -> bytes | None:
        body = bytearray()
        while (chunk := await self._response.read_chunk()) is not None:
            body += chunk
            if len(body) > _FORCED_REPLY_BYTES_MAX:
                raise UpstreamMalformed(f"The engine's reply is over {_FORCED_REPLY_BYTES_MAX:,} bytes.")
        return read_call(bytes(body)) if body else None

    def close(self) -> None:
        self._response.close()
