"""A faithful fake of Google's Gemini API and of its twin on Vertex AI.

    async with FakeGemini(key="AIza-test") as vendor:
        vendor.script(Reply(reasoning="Hm.", tool_calls=[ToolCall("weather", '{"city": "Bern"}')]), Failure(429))
        ... point a client at vendor.base_url ...
        assert vendor.requests[0].json["contents"][0]["parts"] == [{"text": "Hello"}]

Requests are checked as the vendor checks them before the script is looked at. `received.json` has the names in
camelCase, however they came; `received.body` is what came.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .gemini_models import MODELS, traits
from .gemini_refusal import Refusal, error_info, failed
from .gemini_replies import Answer, Cache, Prompt, checked, embedded, predicted, scripted_signatures
from .gemini_rules import Asked, counted, embed_refusal, generate_refusal, predict_refusal, read
from .http_server import Exchange, FakeVendor, Json, Received, compact, json_body, sse_event
from .scripts import Ending, Failure, Reply, Scripted, ScriptError

# The SDK for Python asks for v1 from its version 3 on, others for v1beta or v1alpha; Vertex AI has v1 and v1beta1.
DEVELOPER_PATH = re.compile(r"/(?P<version>v1|v1beta|v1alpha)/models(?:/(?P<model>[^/:]+))?(?::(?P<method>\w+))?")
VERTEX_PATH = re.compile(
    r"/(?P<version>v1|v1beta1)/(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?"
    r"publishers/google/models(?:/(?P<model>[^/:]+))?(?::(?P<method>\w+))?"
)
GENERATE = ("generateContent", "streamGenerateContent")
EMBED = ("embedContent", "batchEmbedContents")
TOKEN_NEEDED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
CALLER_NEEDED = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)


@dataclass(frozen=True)
class Route:
    """Where a request goes: what the path says."""

    version: str
    model: str | None
    method: str | None
    parent: str
    """What precedes the model in its full name."""


class FakeGemini(FakeVendor):
    """The vendor. `key` is the only one accepted: an API key, or with `vertex` an access token. `call_ids`: whether
    calls of functions have ids (None: those of Gemini 3 and later do, as the vendor's)."""

    # The SDK reads every line of a stream that is no data as JSON: the vendor sends no comments.
    ping = b"\n"

    def __init__(
        self,
        key: str = "AIza-test",
        models: Sequence[str] = MODELS,
        otherwise: Scripted | None = None,
        port: int = 0,
        *,
        vertex: bool = False,
        call_ids: bool | None = None,
    ) -> None:
        super().__init__(key, models, otherwise, port)
        self.vertex, self.call_ids = vertex, call_ids
        self._cache = Cache()
        self._given: set[str] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self) -> str:
        return "aiplatform.googleapis.com" if self.vertex else "generativelanguage.googleapis.com"

    def script(self, *items: Scripted) -> None:
        super().script(*items)
        self._given.update(text for item in items if isinstance(item, Reply) for text in scripted_signatures(item))

    def headers(self, received: Received) -> Mapping[str, str]:
        return {
            "vary": "X-Origin, Referer",
            "server": "scaffolding on HTTPServer2",
            "x-xss-protection": "0",
            "x-frame-options": "SAMEORIGIN",
            "x-content-type-options": "nosniff",
            "server-timing": "gfet4t7; dur=7",
        }

    def failure_body(self, failure: Failure) -> bytes:
        return failed(failure).body()

    def failure_headers(self, failure: Failure) -> Mapping[str, str]:
        """None: when to come again is said in the body."""
        return {}

    def late_error(self, failure: Failure, sent: int) -> bytes:
        return sse_event(compact(failed(failure).fields()))

    def refusal(self, received: Received) -> Refusal | None:
        if refusal := self._stranger(received):
            return refusal
        route = self.route(received)
        if route is None or not self._serves(received, route):
            return Refusal("Requested entity was not found.", 404)
        if route.model is not None and (refusal := self._no_such_model(route)):
            return refusal
        return None if route.method is None else self._request_refusal(received, route)

    def _stranger(self, received: Received) -> Refusal | None:
        scheme, _, token = received.headers.get("authorization", "").partition(" ")
        key = received.headers.get("x-goog-api-key") or received.query.get("key")
        if not self.vertex and not key and not token:
            return Refusal(CALLER_NEEDED, 403)
        if not self.vertex and key:
            text = "API key not valid. Please pass a valid API key."
            details = error_info("API_KEY_INVALID", self.service, text)
            return None if key == self.key else Refusal(text, details=details)
        if not token:
            text = f"Request is missing required authentication credential. {TOKEN_NEEDED}"
            return Refusal(text, 401, details=error_info("CREDENTIALS_MISSING", self.service))
        if not self.vertex or scheme.lower() != "bearer" or token != self.key:
            text = f"Request had invalid authentication credentials. {TOKEN_NEEDED}"
            return Refusal(text, 401, details=error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", self.service))
        return None

    def route(self, received: Received) -> Route | None:
        """Where the request goes; None if nowhere."""
        found = (VERTEX_PATH if self.vertex else DEVELOPER_PATH).fullmatch(received.path)
        if found is None or (found["method"] and not found["model"]):
            return None
        parent = "models/"
        if self.vertex:
            place = f"projects/{found['project']}/locations/{found['location']}/" if found["project"] else ""
            if found["method"] and not place:
                return None
            parent = f"{place}publishers/google/models/"
        return Route(found["version"], found["model"], found["method"], parent)

    def _serves(self, received: Received, route: Route) -> bool:
        methods = (*GENERATE, *EMBED, "countTokens", *(("predict",) if self.vertex else ()))
        if route.method is None:
            return received.method == "GET"
        return received.method == "POST" and route.method in methods

    def _no_such_model(self, route: Route) -> Refusal | None:
        embeds = route.model is not None and traits(route.model).embeds
        predicts = embeds and "gemini" not in (route.model or "")
        fits = {**dict.fromkeys(GENERATE, not embeds), **dict.fromkeys(EMBED, embeds), "predict": predicts}
        if route.model in self.models and fits.get(route.method or "", True):
            return None
        if self.vertex:
            return Refusal(
                f"Publisher Model `{route.parent}{route.model}` was not found or your project does not have access to "
                "it. Please ensure you are using a valid model version. For more information, see: "
                "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
                404,
            )
        return Refusal(
            f"models/{route.model} is not found for API version {route.version}, or is not supported for "
            f"{route.method or 'getModel'}. Call ListModels to see the list of available models and their supported "
            "methods.",
            404,
        )

    def _request_refusal(self, received: Received, route: Route) -> Refusal | None:
        model, method = route.model or "", route.method or ""
        if received.query.get("alt", "json") not in ("json", "sse"):
            return Refusal(f"Invalid value for query parameter 'alt': {received.query['alt']}")
        try:
            body = json_body(received)
        except ValueError as error:
            return Refusal(f"Invalid JSON payload received. {error}")
        fields = read(body, "generateContent" if method in GENERATE else method, vertex=self.vertex)
        if isinstance(fields, Refusal):
            return fields
        received.json = fields
        if fields.get("model") not in (None, f"{route.parent}{model}", f"models/{model}"):
            return Refusal("The model in the body differs from the model in the path.")
        if method in GENERATE:
            return generate_refusal(Asked(model, fields, frozenset(self._given)))
        if method == "countTokens":
            asked = counted(fields, model)
            return asked if isinstance(asked, Refusal) else self._uncountable(asked)
        if method == "predict":
            return predict_refusal(fields)
        batch = method == "batchEmbedContents"
        if batch and not fields.get("requests"):
            return Refusal("* BatchEmbedContentsRequest.requests: requests is not specified\n")
        return embed_refusal(fields["requests"] if batch else [fields], model if batch and not self.vertex else None)

    def _uncountable(self, asked: Asked) -> Refusal | None:
        return generate_refusal(replace(asked, given=frozenset(self._given)))

    def fact(self, received: Received) -> Json | None:
        route = self.route(received)
        if route is None or route.method not in (None, "countTokens"):
            return None
        if route.method == "countTokens":
            asked = counted(received.json, route.model or "")
            if isinstance(asked, Refusal):
                raise ScriptError(asked.message)
            tokens = Cache().seen(asked)[0]
            details = [{"modality": "TEXT", "tokenCount": tokens}]
            return {"totalTokens": tokens, "promptTokensDetails": details}
        if route.model is not None:
            return self._model(route, route.model)
        listed = [self._model(route, name) for name in self.models]
        return {"publisherModels": listed} if self.vertex else self._page(received, listed)

    def _page(self, received: Received, listed: list[Json]) -> Json:
        """Some of the models, and where the next ones begin."""
        start = int(received.query.get("pageToken") or 0)
        size = int(received.query.get("pageSize") or 50)
        page: Json = {"models": listed[start : start + size]}
        return page | {"nextPageToken": str(start + size)} if start + size < len(listed) else page

    def _model(self, route: Route, name: str) -> Json:
        if self.vertex:
            return {"name": f"publishers/google/models/{name}", "versionId": "default"}
        known = traits(name)
        methods = ["embedContent"] if known.embeds else ["generateContent", "countTokens"]
        entry: Json = {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name,
            "description": "A model of the fake vendor",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": methods,
        }
        if not known.embeds:
            entry |= {"temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": known.thinks}
        return entry

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        route, fields = self.route(received), received.json
        if route is None or route.model is None:
            raise ScriptError(f"nothing is answered at {received.path}")
        if route.method == "predict":
            return await exchange.send_json(predicted(fields), reply.delivery)
        if route.method in EMBED:
            return await exchange.send_json(self._embedded(fields, route.method), reply.delivery)
        answer = self._answer_to(Asked(route.model, fields), reply)
        if route.method == "generateContent":
            return await exchange.send_json(answer.whole(), reply.delivery)
        *chunks, last = answer.chunks()
        if received.query.get("alt") == "sse":
            events = [sse_event(compact(chunk)) for chunk in chunks]
            return await exchange.send_events(events, sse_event(compact(last)), reply.delivery)
        return await self._send_array(exchange, chunks, last, reply)

    def _answer_to(self, asked: Asked, reply: Reply) -> Answer:
        tokens, cached = self._cache.seen(asked)
        call_ids = asked.traits.gives_ids if self.call_ids is None else self.call_ids
        return Answer(asked, reply, Prompt(tokens, cached, call_ids, self.vertex), len(self.requests))

    def _embedded(self, fields: Json, method: str) -> Json:
        batch = fields["requests"] if method == "batchEmbedContents" else [fields]
        embeddings = [embedded(request, vertex=self.vertex) for request in batch]
        for embedding in embeddings:
            checked("ContentEmbedding", embedding, vertex=self.vertex)
        words = sum(len(part["text"].split()) for item in batch for part in item["content"]["parts"])
        usage = {"usageMetadata": {"promptTokenCount": words, "totalTokenCount": words}}
        if method == "batchEmbedContents":
            return {"embeddings": embeddings, **usage}
        return {"embedding": {"values": embeddings[0]["values"]}, **usage}

    async def _send_array(self, exchange: Exchange, chunks: list[Json], last: Json, reply: Reply) -> None:
        """The stream as one JSON array, written element by element."""
        delivery = reply.delivery
        if delivery.pings:
            raise ScriptError("a JSON array has no keep-alives")
        elements = [(b",\n" if index else b"[") + compact(chunk) for index, chunk in enumerate([*chunks, last])]
        if delivery.ending is Ending.ERROR_EVENT:
            sent = len(chunks) if delivery.events is None else min(delivery.events, len(chunks))
            late = (b",\n" if sent else b"[") + compact(failed(Failure(delivery.late_status)).fields()) + b"\n]\n"
            delivery = replace(delivery, ending=Ending.NO_DONE, insert=delivery.insert + late)
        terminator = elements.pop() + b"\n]\n"
        await exchange.send_events(elements, terminator, delivery, "application/json; charset=UTF-8")
