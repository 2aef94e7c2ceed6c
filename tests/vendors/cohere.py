"""A fake of Cohere's API: vectors (`/v2/embed`) and reranking (`/v2/rerank`), and the latter as open servers have it
(`/v1/rerank`).

    async with FakeCohere(key="co-test") as vendor:
        ... point a client at vendor.base_url ...
        assert vendor.requests[-1].json["input_type"] == "search_query"

Checked as the reference has it, by hand: https://docs.cohere.com/reference/embed and .../rerank
"""

import hashlib
import random
from dataclasses import dataclass
from typing import Any

from .http_server import Exchange, FakeVendor, Json, Received, compact, json_body
from .scripts import Failure, Reply, Scripted, pieces

MODELS = ("embed-v4.0", "rerank-v3.5", "bge-reranker-v2-m3")
DIMENSIONS = 256
INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
EMBED_FIELDS: dict[str, type] = {
    "model": str,
    "input_type": str,
    "texts": list,
    "images": list,
    "inputs": list,
    "max_tokens": int,
    "output_dimension": int,
    "embedding_types": list,
    "truncate": str,
    "priority": int,
}
RERANK_FIELDS: dict[str, type] = {
    "model": str,
    "query": str,
    "documents": list,
    "top_n": int,
    "max_tokens_per_doc": int,
    "priority": int,
}


@dataclass(frozen=True)
class Refusal:
    message: str
    status: int = 400

    def body(self) -> bytes:
        return compact({"id": "00000000-0000-4000-8000-000000000000", "message": self.message})


class FakeCohere(FakeVendor):
    """The vendor. `key` is the only one accepted."""

    def __init__(self, key: str = "co-test", otherwise: Scripted | None = None, port: int = 0) -> None:
        super().__init__(key, MODELS, otherwise, port)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def failure_body(self, failure: Failure) -> bytes:
        return Refusal(failure.message or "The request failed.").body()

    def late_error(self, failure: Failure, sent: int) -> bytes:
        return b""

    def refusal(self, received: Received) -> Refusal | None:
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return Refusal("invalid api token", 401)
        fields = {"/v2/embed": EMBED_FIELDS, "/v2/rerank": RERANK_FIELDS, "/v1/rerank": RERANK_FIELDS}
        if received.path not in fields or received.method != "POST":
            return Refusal(f"no such path {received.path}", 404)
        try:
            posted = json_body(received)
        except ValueError:
            return Refusal("invalid request: not JSON")
        received.json = posted
        known = fields[received.path]
        for name, value in posted.items():
            if name not in known:
                return Refusal(f"invalid request: unknown field {name}", 422)
            if not isinstance(value, known[name]):
                return Refusal(f"invalid type for {name}", 422)
        if posted.get("model") not in self.models:
            return Refusal(f"model '{posted.get('model')}' not found", 404)
        return embed_refusal(posted) if known is EMBED_FIELDS else rerank_refusal(posted)

    async def reply(self, exchange: Exchange, received: Received, reply: Reply) -> None:
        answer = ranked if received.path.endswith("rerank") else embedded
        await exchange.send_json(answer(received.json), reply.delivery)


def embed_refusal(posted: Json) -> Refusal | None:
    if posted.get("input_type") not in INPUT_TYPES:
        return Refusal("invalid request: valid input_type must be provided with the provided model")
    if not posted.get("texts") or not all(isinstance(text, str) for text in posted["texts"]):
        return Refusal("invalid request: texts must be non-empty strings")
    if len(posted["texts"]) > 96:
        return Refusal("invalid request: at most 96 texts")
    if posted.get("output_dimension") not in (None, 256, 512, 1024, 1536):
        return Refusal("invalid request: output_dimension must be one of 256, 512, 1024, 1536")
    return None


def rerank_refusal(posted: Json) -> Refusal | None:
    if not posted.get("query") or not posted.get("documents"):
        return Refusal("invalid request: query and documents must be provided")
    if not all(isinstance(document, str) for document in posted["documents"]):
        return Refusal("invalid request: documents must be strings")
    return None


def vector(text: str, dimensions: int) -> list[float]:
    source = random.Random(hashlib.sha256(text.encode()).digest())
    return [round(source.uniform(-1, 1), 6) for _ in range(dimensions)]


def embedded(posted: Json) -> Json:
    texts = posted["texts"]
    floats = [vector(text, posted.get("output_dimension", DIMENSIONS)) for text in texts]
    kinds = posted.get("embedding_types", ["float"])
    tokens = sum(len(pieces(text)) for text in texts)
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}}
    return {"id": "e1", "texts": texts, "embeddings": dict.fromkeys(kinds, floats), "meta": meta}


def ranked(posted: Json) -> Json:
    """By how many of the query's words a document has. Open servers give them in the order in which they came."""
    words = set(posted["query"].lower().split())
    found: list[Any] = [
        {"index": index, "relevance_score": len(words & set(document.lower().split())) / len(words)}
        for index, document in enumerate(posted["documents"])
    ]
    if posted["model"] == "rerank-v3.5":
        found = sorted(found, key=lambda result: -result["relevance_score"])[: posted.get("top_n")]
        return {"id": "r1", "results": found, "meta": {"billed_units": {"search_units": 1}}}
    tokens = sum(len(pieces(document)) for document in posted["documents"])
    return {"id": "r2", "model": posted["model"], "results": found, "usage": {"total_tokens": tokens}}
