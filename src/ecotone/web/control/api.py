"""How operations of the control plane are declared, carried out and described (OpenAPI 3.1).

An operation is a coroutine function, or an asynchronous generator of events. What it takes is told by its annotations:
`control: Control`, `session: Session`, `body` and `query` (structs), and the names in its path (`str`). The first line
of its docstring is its summary.
"""

import asyncio
import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from typing import Any, get_args, get_origin
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ecotone import __version__
from ecotone.gateway.sessions import Session
from ecotone.values.errors import BodyTooLarge, EcotoneError, MalformedRequest, SetupError
from ecotone.web.control.control import Control

PREFIX = "/control/v1"
_PATH_NAME = re.compile(r"\{(\w+)(?::path)?\}")
_BODY_BYTES_MAX = 32 * 1024 * 1024
# An event, since scripts of pages are not told of comments.
_KEEP_ALIVE = b"event: alive\ndata: null\n\n"
_SILENT_MAX_S = 15.0
_FIRST = asyncio.FIRST_COMPLETED


class ServerEvent(msgspec.Struct, frozen=True):
    """One server-sent event (WHATWG HTML, 9.2); `data` goes as JSON."""

    event: str
    data: Any = None
    id: str | None = None


Stream = AsyncIterator[ServerEvent]
"""What an operation gives that tells more and more."""


class File(msgspec.Struct, frozen=True):
    """A download, and the name that it is kept under."""

    body: bytes
    media_type: str
    name: str


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong: a word for programs, and for people what to do about it."""

    code: str
    message: str


class Call:
    """One operation. Raises TypeError, when it is declared, for a function that cannot be one."""

    def __init__(self, method: str, path: str, does: Callable[..., Any]) -> None:
        """`path` follows the prefix of all operations; `{name}` in it is text without a slash, `{name:path}` any."""
        self.method = method
        self.path = path
        self.does = does
        signature = inspect.signature(does, eval_str=True)
        self.gives = signature.return_annotation
        names = set(_PATH_NAME.findall(path))
        self.body: type[msgspec.Struct] | None = None
        self.query: type[msgspec.Struct] | None = None
        self._takes = tuple(signature.parameters)
        for name, parameter in signature.parameters.items():
            kind = parameter.annotation
            if name == "body":
                self.body = kind
            elif name == "query":
                self.query = kind
            elif not ((name, kind) in (("control", Control), ("session", Session)) or (name in names and kind is str)):
                raise TypeError(f"{does.__qualname__}: nothing can be given for {name!r}")
        for struct in filter(None, (self.body, self.query)):
            if not struct.__struct_config__.forbid_unknown_fields:
                raise TypeError(f"{struct.__qualname__} must forbid unknown fields: what is not understood is refused")
        if not names <= set(self._takes):
            raise TypeError(f"{does.__qualname__} does not take all of {path}")

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.does) or "").partition("\n\n")[0].replace("\n", " ")

    @property
    def streams(self) -> bool:
        return get_origin(self.gives) is AsyncIterator or self.gives is Stream

    def route(self) -> Route:
        """For Starlette: called once the caller is known to be signed in."""
        return Route(PREFIX + self.path, self._answer, methods=[self.method])

    async def _answer(self, request: Request) -> Response:
        try:
            given = await self._given(request)
            if self.streams:
                return await _streamed(self.does(**given), request.app.state.control.stopping)
            result = await self.does(**given)
        except EcotoneError as error:
            return error_response(error)
        if isinstance(result, File):
            name = re.sub(r"[^\w.\- ]", "_", result.name, flags=re.ASCII)
            return Response(
                result.body,
                media_type=result.media_type,
                headers={"content-disposition": f'attachment; filename="{name}"'},
            )
        if result is None:
            return Response(status_code=204)
        return Response(msgspec.json.encode(result), media_type="application/json")

    async def _given(self, request: Request) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name in self._takes:
            if name == "control":
                given[name] = request.app.state.control
            elif name == "session":
                given[name] = request.state.session
            elif name == "body":
                given[name] = await _read_body(request, self.body)
            elif name == "query":
                given[name] = _read_query(request.url.query, self.query)
            else:
                given[name] = request.path_params[name]
        return given


async def _read_body(request: Request, kind: type[msgspec.Struct] | None) -> Any:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BODY_BYTES_MAX:
            raise BodyTooLarge(f"The body is over the limit of {_BODY_BYTES_MAX // 1048576} MiB. Send less.")
        pieces.append(piece)
    try:
        return msgspec.json.decode(b"".join(pieces) or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"The body is not what is asked for: {error}.") from None


def _read_query(query: str, kind: type[msgspec.Struct] | None) -> Any:
    """Text becomes what the fields want; a field that takes several gets all of its values, another the last one."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)} if kind is not None else {}
    said = parse_qs(query, keep_blank_values=True)
    data = {name: values if _is_many(fields.get(name)) else values[-1] for name, values in said.items()}
    try:
        return msgspec.convert(data, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"The query is not what is asked for: {error}.") from None


def _is_many(kind: Any) -> bool:
    return get_origin(kind) in (tuple, list) or any(map(_is_many, get_args(kind)))


async def _streamed(events: Stream, stopping: asyncio.Event) -> Response:
    """Its first event is waited for: what goes wrong before it is an error like any other."""
    first = await anext(events, None)

    async def sent() -> AsyncIterator[bytes]:
        if first is not None:
            yield _as_bytes(first)
            async for event in kept_alive(events, stopping):
                yield _KEEP_ALIVE if event is None else _as_bytes(event)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(sent(), media_type="text/event-stream", headers=headers)


async def kept_alive(
    events: Stream, stopping: asyncio.Event, *, silent_max_s: float = _SILENT_MAX_S
) -> AsyncGenerator[ServerEvent | None, None]:
    """The events, and None after a while without any: what stands between may end a connection that says nothing. Who
    only watches does not keep the gateway from stopping."""
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stop.done():
            following = asyncio.ensure_future(anext(events, None))
            try:
                while not (await asyncio.wait((following, stop), timeout=silent_max_s, return_when=_FIRST))[0]:
                    yield None
            finally:
                if not following.done():
                    following.cancel()
                    await asyncio.wait((following,))
            event = None if following.cancelled() else following.result()
            if event is None:
                return
            yield event
    finally:
        stop.cancel()


def _as_bytes(event: ServerEvent) -> bytes:
    data = msgspec.json.encode(event.data)
    identity = b"" if event.id is None else b"id: %s\n" % event.id.encode()
    return b"event: %s\n%sdata: %s\n\n" % (event.event.encode(), identity, data)


def error_response(error: EcotoneError) -> Response:
    """An error in the control plane's own form."""
    status = 409 if isinstance(error, SetupError) else error.status
    body = {"error": ErrorBody(error.code or error.type, error.message)}
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


# --- what there is, described


def describe(subjects: Mapping[str, Iterable[Call]]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of all operations, by subject."""
    calls = [(subject, call) for subject, group in subjects.items() for call in group]
    shapes = _Shapes([kind for _, call in calls for kind in (call.body, call.query, call.gives) if _has_schema(kind)])
    paths: dict[str, dict[str, Any]] = {}
    for subject, call in calls:
        path = PREFIX + call.path.replace(":path}", "}")
        paths.setdefault(path, {})[call.method.lower()] = _operation(subject, call, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ecotone control plane", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": shapes.components,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"session": []}],
    }


def _has_schema(kind: Any) -> bool:
    return kind not in (None, type(None), File, Stream) and get_origin(kind) is not AsyncIterator


class _Shapes:
    """The schemas of all types at once: two of one name are told apart by their modules."""

    def __init__(self, kinds: Iterable[Any]) -> None:
        unique = list({str(kind): kind for kind in (*kinds, ErrorBody)}.values())
        schemas, self.components = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
        self._schemas = dict(zip(map(str, unique), schemas, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        return self._schemas[str(kind)]

    def fields(self, kind: Any) -> dict[str, Any]:
        """The schema itself of a struct."""
        return dict(self.components[self.of(kind)["$ref"].rpartition("/")[2]])


def _operation(subject: str, call: Call, shapes: _Shapes) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_NAME.findall(call.path)
    ]
    if call.query is not None:
        shape = shapes.fields(call.query)
        parameters += [
            {"name": name, "in": "query", "required": name in shape.get("required", ()), "schema": schema}
            for name, schema in shape["properties"].items()
        ]
    error = {"type": "object", "properties": {"error": shapes.of(ErrorBody)}, "required": ["error"]}
    told: dict[str, Any] = {
        "operationId": call.does.__name__,
        "summary": call.summary,
        "tags": [subject],
        "parameters": parameters,
        "responses": {**_success(call, shapes), "default": {"description": "What went wrong.", **_json(error)}},
    }
    if call.body is not None:
        told["requestBody"] = {"required": True, **_json(shapes.of(call.body))}
    return told


def _success(call: Call, shapes: _Shapes) -> dict[str, Any]:
    if call.gives in (None, type(None)):
        return {"204": {"description": "Done."}}
    if call.streams:
        text = {"text/event-stream": {"schema": {"type": "string"}}}
        return {"200": {"description": "Server-sent events, their data JSON.", "content": text}}
    if call.gives is File:
        return {"200": {"description": "A file.", "content": {"*/*": {"schema": {"type": "string"}}}}}
    return {"200": {"description": "What was asked for.", **_json(shapes.of(call.gives))}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}
