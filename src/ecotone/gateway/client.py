"""The gateway as its OpenAI clients see it. `ask` and `chat` are such clients."""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote

import msgspec

from ecotone.gateway.models import About
from ecotone.upstream.http import HttpClient, Response, Target
from ecotone.upstream.timeouts import Timeouts
from ecotone.values.chat import ChatRequest
from ecotone.values.errors import (
    EcotoneError,
    RequestError,
    SetupError,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnreachable,
)
from ecotone.values.reply import (
    AudioDelta,
    End,
    Event,
    Finish,
    FinishReason,
    ImageDelta,
    OpaqueDelta,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from ecotone.wire.json_body import encode_json_object
from ecotone.wire.openai_chat import EventDecoder, encode_request
from ecotone.wire.openai_error import read_error
from ecotone.wire.retry_after import retry_after_s

DEFAULT_ROUTE = "assistant"

# The gateway has its own limits for models that are slow; these only end what nobody will.
_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=3600.0, between_bytes_s=900.0, whole_s=14_400.0)
_QUICK = Timeouts(connect_s=2.0, first_byte_s=5.0, between_bytes_s=5.0, whole_s=10.0)
_BODY_MAX_BYTES = 4 * 1024 * 1024
_WHERE = "Start one with `ecotone up`; ECOTONE_URL says where it is, if it is elsewhere"


_T = TypeVar("_T")


class ListedModel(msgspec.Struct, frozen=True):
    """A name that can be asked for; routes are `owned_by` Ecotone itself.

    `about` tells what answers to it, None where what serves the list is not Ecotone.
    """

    id: str
    owned_by: str = ""
    about: About | None = msgspec.field(default=None, name="ecotone")


class _Listing(msgspec.Struct, frozen=True):
    data: list[ListedModel] = []


class Answer:
    """An answer while it arrives: one that is interrupted keeps what has come.

    `model` is the one that answers, behind whatever route was asked, and `endpoint` the id of the place where it runs.
    `losses` is what the gateway could not tell that model of the request, in words; None where it could tell all.
    `upstream_model` and `fingerprint` are the model's name and version in the upstream's own words. Times are seconds
    from the request; `first_token_s` is None while nothing has come. `wordless` counts pieces of content that are no
    text.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.endpoint: str | None = None
        self.request_id: str | None = None
        self.losses: str | None = None
        self.upstream_model: str | None = None
        self.fingerprint: str | None = None
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None
        self.first_token_s: float | None = None
        self.total_s: float | None = None
        self.wordless = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []

    def add(self, event: Event) -> None:
        match event:
            case Start() | End():
                if isinstance(event, Start):
                    self.upstream_model = event.model
                said = event.vendor.get("openai-chat", {}).get("system_fingerprint")
                self.fingerprint = said if isinstance(said, str) else self.fingerprint
            case TextDelta():
                self._text.append(event.text)
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case RefusalDelta():
                self._refusal.append(event.text)
            case Finish():
                self.finish = event.reason
            case UsageReport():
                self.usage = event.usage
            case ToolCallDelta() | AudioDelta() | ImageDelta() | OpaqueDelta():
                self.wordless += 1

    @property
    def has_begun(self) -> bool:
        """Has any word of it come?"""
        return bool(self.wordless) or any(map(any, (self._text, self._reasoning, self._refusal)))

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    @property
    def refusal(self) -> str:
        return "".join(self._refusal)


class GatewayClient:
    """Talks to the gateway at `url`, showing it `key` if there is one."""

    def __init__(self, http: HttpClient, url: str, key: str | None) -> None:
        self.url = url
        self._http = http
        self._headers = [("authorization", f"Bearer {key}")] if key else []
        self._chat = http.target("POST", f"{url}/v1/chat/completions", self._headers)

    async def models(self) -> tuple[ListedModel, ...]:
        """What can be asked for, routes first. Raises UpstreamError in words for the user."""
        try:
            return tuple((await self._get("/v1/models", _Listing)).data)
        except UpstreamRejected as error:
            if error.status == 404:
                raise _no_gateway(self.url, "it has no list of models") from None
            raise

    async def model(self, name: str) -> ListedModel:
        """The one of this name, also of a vendor's model that is not listed. Raises UpstreamError, SetupError."""
        return await self._get(f"/v1/models/{quote(name, safe='/:@')}", ListedModel)

    async def default_model(self) -> str:
        """Whom to ask if the user does not say: route `assistant`, else the first route, else the first model."""
        listed = await self.models()
        routes = [row.id for row in listed if row.owned_by == "ecotone"]
        names = [row.id for row in listed]
        if DEFAULT_ROUTE in names:
            return DEFAULT_ROUTE
        if not names:
            raise SetupError("the gateway has no models yet; add one to ecotone.toml (see `ecotone models`)")
        return (routes or names)[0]

    async def ask(
        self,
        request: ChatRequest,
        answer: Answer,
        show: Callable[[Event], None],
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Stream a reply into `answer`, passing each event to `show` as it comes. `headers` go along. Raises
        EcotoneError."""
        encoded = encode_request(msgspec.structs.replace(request, stream=True, include_usage=True))
        body = encode_json_object({"model": request.model, **encoded.body})
        begun_s = time.perf_counter()
        target = self._chat
        if headers:
            target = self._http.target("POST", f"{self.url}/v1/chat/completions", [*self._headers, *headers.items()])
        response = await self._send(target, body, _TIMEOUTS, answer)
        try:
            answer.model = response.header("x-ecotone-model") or answer.model
            answer.endpoint = response.header("x-ecotone-endpoint") or None
            answer.losses = response.header("x-ecotone-losses") or None
            decoder = EventDecoder()
            while not decoder.ended and (chunk := await response.read_chunk()) is not None:
                for event in decoder.feed(chunk):
                    answer.add(event)
                    if answer.first_token_s is None and answer.has_begun:
                        answer.first_token_s = time.perf_counter() - begun_s
                    show(event)
            decoder.close()
        except (UpstreamError, RequestError) as error:
            raise _in_its_words(error) from None
        finally:
            answer.total_s = time.perf_counter() - begun_s
            response.close()
            # An interrupted event loop stops at once; this turn of it lets the connection be closed first, which is
            # what tells the gateway to stop the model.
            await asyncio.sleep(0)

    async def _get(self, path: str, kind: type[_T]) -> _T:
        response = await self._send(self._http.target("GET", self.url + path, self._headers), b"", _QUICK)
        try:
            body = await _read(response)
        finally:
            response.close()
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError:
            raise _no_gateway(self.url, "it has no list of models") from None

    async def _send(self, target: Target, body: bytes, timeouts: Timeouts, answer: Answer | None = None) -> Response:
        try:
            response = await self._http.send(target, body, timeouts)
        except UpstreamError as error:
            raise UpstreamUnreachable(f"no gateway answers at {self.url}: {error.message}. {_WHERE}") from None
        if answer is not None:
            answer.request_id = response.header("x-ecotone-request-id")
        if response.status == 200:
            return response
        try:
            raise _refused(self.url, response, await _read(response))
        finally:
            response.close()


async def is_healthy(http: HttpClient, url: str) -> bool:
    """Does a gateway serve at this address?"""
    try:
        response = await http.send(http.target("GET", f"{url}/healthz"), timeouts=_QUICK)
    except UpstreamError:
        return False
    response.close()
    return response.status == 200


async def _read(response: Response) -> bytes:
    body = b""
    while len(body) < _BODY_MAX_BYTES and (chunk := await response.read_chunk()) is not None:
        body += chunk
    return body


def _no_gateway(url: str, reason: str) -> SetupError:
    return SetupError(f"what answers at {url} is no Ecotone gateway: {reason}. {_WHERE}")


def _refused(url: str, response: Response, body: bytes) -> EcotoneError:
    """The gateway's refusal in its own words, on one line."""
    status, said = response.status, read_error(body)
    if said.message is None and status in (404, 405, 501):
        return _no_gateway(url, f"it answers with HTTP {status}")
    message = " ".join((said.message or f"the gateway answered with HTTP {status} and no reason").split())
    if status == 401:
        message += " Put the key into the environment variable ECOTONE_KEY."
    error = UpstreamRejected(message, upstream_status=status, raw=body, error_code=said.code)
    headers = {name: value for name in ("retry-after-ms", "retry-after") if (value := response.header(name))}
    error.retry_after_s = retry_after_s(headers, now=time.time())
    return error


def _in_its_words(error: UpstreamError | RequestError) -> UpstreamRejected:
    """An error that came inside a stream: what the gateway said of it, where it said something."""
    raw = error.raw if isinstance(error, UpstreamError) else None
    said = read_error(raw) if raw else None
    if said is not None and said.message is not None:
        message = " ".join(said.message.split())
        return UpstreamRejected(message, upstream_status=error.status, raw=raw, error_code=said.code)
    message = f"the answer broke off: {error.message}"
    return UpstreamRejected(message, upstream_status=error.status, error_code=error.code)
