"""A faithful fake of a closed vendor's API: OpenAI Chat Completions, Completions, Embeddings and Models over HTTP/1.1.

    async with FakeOpenAI(key="sk-test") as vendor:
        vendor.script(Failure(429, retry_after_s=2), Reply(text="Hello.", delivery=Delivery(ending=Ending.RESET)))
        ... point a client at vendor.base_url ...
        assert vendor.requests[0].json["model"] == "gpt-4o-mini"

Requests are checked as the vendor checks them before the script is looked at.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .http_server import Exchange, Received, compact, sse_event
from .openai_replies import ChatAnswer, CompletionAnswer, embeddings
from .openai_rules import Refusal, chat_refusal, completion_refusal, embedding_refusal
from .openai_server import OpenAIServer, no_such_model, no_such_url, posted_json
from .scripts import Reply, Scripted

MODELS = (
    "gpt-5.5",
    "gpt-5.4-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "o3",
    "o3-mini",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "text-embedding-ada-002",
)
DONE = sse_event(b"[DONE]")
CHECKS: dict[str, Callable[[Any], Refusal | None]] = {
    "/v1/chat/completions": chat_refusal,
    "/v1/completions": completion_refusal,
    "/v1/embeddings": embedding_refusal,
}


class FakeOpenAI(OpenAIServer):
    """The vendor. `key` is the only one accepted; `models` are the only ones it has."""

    def __init__(
        self,
        key: str = "sk-test",
        models: Sequence[str] = MODELS,
        otherwise: Scripted | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(key, models, otherwise, port)

    def request_refusal(self, received: Received) -> Refusal | None:
        check = CHECKS.get(received.path)
        if check is None:
            return no_such_url(received)
        posted = posted_json(received)
        if isinstance(posted, Refusal):
            return posted
        received.json = posted
        return check(posted) or self._unsuited(posted["model"], received.path)

    def _unsuited(self, model: str, path: str) -> Refusal | None:
        if model not in self.models:
            return no_such_model(model)
        kind = "/v1/chat/completions"
        if model.startswith("text-embedding"):
            kind = "/v1/embeddings"
        elif model.endswith("-instruct"):
            kind = "/v1/completions"
        if kind != path:
            return Refusal(f"This model is not supported at {path}. Did you mean {kind}?", "model", status=404)
        return None

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        request, serial = received.json, len(self.requests)
        if received.path == "/v1/embeddings":
            return await exchange.send_json(embeddings(request), reply.delivery)
        answer: ChatAnswer | CompletionAnswer
        if received.path == "/v1/chat/completions":
            answer = ChatAnswer(request, reply, serial)
        else:
            answer = CompletionAnswer(request, reply, serial)
        if not request.get("stream"):
            return await exchange.send_json(answer.whole(), reply.delivery)
        events = [sse_event(compact(event)) for event in answer.events()]
        return await exchange.send_events(events, DONE, reply.delivery)
