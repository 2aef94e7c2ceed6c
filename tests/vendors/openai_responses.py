"""A faithful fake of the OpenAI Responses API.

    async with FakeResponses() as vendor:
        vendor.script(Reply(reasoning="Rain?\n\nRain.", tool_calls=[ToolCall("weather")]), Reply(text="It rains."))

A request that would make the vendor keep anything is a fault of the test, unless `require_stateless` is off: Ecotone
is to keep conversations itself.
"""

from collections.abc import Sequence

from .http_server import Exchange, Json, Received, compact, sse_event
from .openai_responses_replies import ResponseAnswer, compacted, token_count
from .openai_responses_rules import COMPACT, COUNT, CREATE, SCHEMAS, input_items, refusal_of
from .openai_rules import Refusal
from .openai_sealing import Seals
from .openai_server import OpenAIServer, failure_refusal, no_such_model, no_such_url, posted_json
from .scripts import Failure, Reply, Scripted, ScriptError

RESPONSES_MODELS = ("gpt-5.5", "gpt-5.4-mini", "o3", "gpt-4o", "gpt-4o-mini")


class FakeResponses(OpenAIServer):
    """The vendor. `documented_errors`: errors within streams in the flat form of the API reference, instead of the
    nested one that the vendor really sends (github.com/openai/openai-dotnet/issues/881)."""

    def __init__(
        self,
        key: str = "sk-test",
        models: Sequence[str] = RESPONSES_MODELS,
        otherwise: Scripted | None = None,
        port: int = 0,
        *,
        require_stateless: bool = True,
        documented_errors: bool = False,
    ) -> None:
        super().__init__(key, models, otherwise, port)
        self.require_stateless, self.documented_errors = require_stateless, documented_errors
        self.seals = Seals(key)
        self._kept: dict[str, list[Json]] = {}

    def request_refusal(self, received: Received) -> Refusal | None:
        if received.path not in SCHEMAS:
            return no_such_url(received)
        posted = posted_json(received)
        if isinstance(posted, Refusal):
            return posted
        received.json = posted
        earlier = posted.get("previous_response_id") if isinstance(posted, dict) else None
        before = self._kept.get(earlier, []) if isinstance(earlier, str) else []
        if refusal := refusal_of(received.path, posted, before, self.seals):
            return refusal
        if posted.get("model") is not None and posted["model"] not in self.models:
            return no_such_model(posted["model"])
        if self.require_stateless:
            require_stateless(received.path, posted)
        if earlier is not None and earlier not in self._kept:
            message = f"Previous response with id '{earlier}' not found."
            return Refusal(message, "previous_response_id", "previous_response_not_found")
        if posted.get("conversation") is not None or posted.get("background"):
            raise ScriptError("this fake has neither conversations nor work in the background")
        return None

    def fact(self, received: Received) -> Json | None:
        if received.path == COUNT:
            return token_count(received.json, self._items(received.json))
        if received.path == COMPACT:
            return compacted(received.json, self._items(received.json), len(self.requests), self.seals)
        return super().fact(received)

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        request = received.json
        items = self._items(request)
        answer = ResponseAnswer(request, items, reply, len(self.requests), self.seals)
        if request.get("store") is not False:
            self._kept[answer.id] = [*items, *(item.done for item in answer.items)]
        if not request.get("stream"):
            return await exchange.send_json(answer.whole(), reply.delivery)
        *events, last = [sse_event(compact(event), event["type"]) for event in answer.events()]
        return await exchange.send_events(events, last, reply.delivery)

    def late_error(self, failure: Failure, sent: int) -> bytes:
        fields = failure_refusal(failure).fields()
        event: Json = {"type": "error", "sequence_number": sent}
        if self.documented_errors:
            event |= {name: fields[name] for name in ("code", "message", "param")}
        else:
            event["error"] = fields
        return sse_event(compact(event), "error")

    def _items(self, request: Json) -> list[Json]:
        return [*self._kept.get(request.get("previous_response_id") or "", ()), *input_items(request)]


def require_stateless(path: str, request: Json) -> None:
    """Raises ScriptError if the vendor would have to keep something, or to have kept it."""
    kept = [name for name in ("previous_response_id", "conversation", "background") if request.get(name)]
    if path == CREATE and request.get("store") is not False:
        kept.append("store")
    if kept:
        raise ScriptError(f"the request wants the vendor to keep data: {', '.join(kept)}")
