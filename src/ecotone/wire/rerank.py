"""Reranking as Cohere and Jina have it and open servers took it over: documents in the order in which they fit a query.

https://docs.cohere.com/reference/rerank, https://jina.ai/reranker/,
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#rerank-api,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server ("POST /reranking").
"""

from typing import Any

import msgspec

from ecotone.values.chat import Json
from ecotone.values.errors import EcotoneError, MalformedRequest, UnsupportedFeature, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.openai_error import decode_error_object

_anything = msgspec.json.Decoder()


class RerankRequest(msgspec.Struct, frozen=True):
    """`top_n` bounds the results, None for all. `return_documents`: each result repeats its document."""

    documents: tuple[str, ...]
    top_n: int | None
    return_documents: bool
    body: Json
    """What goes to the upstream, without the model's name."""


def decode_request(request: Json) -> RerankRequest:
    """Raises MalformedRequest, and UnsupportedFeature for what is no text."""
    query, documents = request.get("query"), request.get("documents")
    if not isinstance(query, str) or not query:
        raise MalformedRequest("`query` must be a text.", param="query")
    if not isinstance(documents, list) or not documents:
        raise MalformedRequest("`documents` must be a list with something in it.", param="documents")
    texts = tuple(_text(document, f"documents[{number}]") for number, document in enumerate(documents))
    if request.get("rank_fields") not in (None, ["text"]):
        raise UnsupportedFeature("Documents are ranked by their `text` alone.", param="rank_fields")
    top_n = request.get("top_n")
    if top_n is not None and (not isinstance(top_n, int) or isinstance(top_n, bool) or top_n < 1):
        raise MalformedRequest("`top_n` must be a whole number above 0.", param="top_n")
    wanted = request.get("return_documents")
    if wanted is not None and not isinstance(wanted, bool):
        raise MalformedRequest("`return_documents` must be true or false.", param="return_documents")
    # The documents are at hand here, and not every server can repeat them.
    dropped = ("model", "documents", "rank_fields", "return_documents")
    body = {name: value for name, value in request.items() if name not in dropped}
    return RerankRequest(texts, top_n, bool(wanted), body | {"documents": list(texts)})


def _text(document: Any, place: str) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, dict):
        if isinstance(text := document.get("text"), str):
            return text
        raise UnsupportedFeature("Only documents with a `text` can be ranked here.", param=place)
    raise MalformedRequest(f"`{place}` must be a text or an object with a `text`.", param=place)


class _Result(msgspec.Struct):
    """`score` is what Hugging Face's servers call it, and llama.cpp's for their clients."""

    index: int
    relevance_score: float | None = None
    score: float | None = None


class _Tokens(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens: float | None = None


class _Meta(msgspec.Struct):
    tokens: _Tokens | None = None


class _Reply(msgspec.Struct):
    results: list[_Result]
    usage: _Tokens | None = None
    meta: _Meta | None = None


def encode_reply(body: bytes, request: RerankRequest) -> tuple[bytes, Usage | None]:
    """The client's reply and its token count, from the upstream's reply: the best document first, at most `top_n`.
    All that the upstream says beside its results stays.

    Raises UpstreamMalformed, and what an error object means.
    """
    try:
        decoded = _anything.decode(body)
        if isinstance(decoded, dict) and decoded.get("error"):
            raise decode_error_object(decoded, raw=body)
        reply = msgspec.convert(decoded, _Reply)
        scores = {result.index: _score(result) for result in reply.results}
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply holds no ranking: {fault}.", raw=body) from None
    if any(not 0 <= index < len(request.documents) for index in scores):
        raise UpstreamMalformed("The upstream ranked documents that were not sent.", raw=body)
    results = []
    for index in sorted(scores, key=lambda index: -scores[index])[: request.top_n]:
        result: Json = {"index": index, "relevance_score": scores[index]}
        if request.return_documents:
            result["document"] = {"text": request.documents[index]}
        results.append(result)
    return msgspec.json.encode({**decoded, "results": results}), _usage(reply)


def _score(result: _Result) -> float:
    score = result.score if result.relevance_score is None else result.relevance_score
    if score is None:
        raise ValueError("a result without a score")
    return score


def _usage(reply: _Reply) -> Usage | None:
    """Nothing is written when ranking, so that all tokens are input."""
    if reply.usage is not None:
        tokens: float | None = reply.usage.prompt_tokens or reply.usage.total_tokens
    else:
        tokens = reply.meta.tokens.input_tokens if reply.meta is not None and reply.meta.tokens is not None else None
    return None if tokens is None else Usage(input_tokens=round(tokens))


def encode_error(error: EcotoneError) -> bytes:
    """The error body of Cohere's own API."""
    return msgspec.json.encode({"message": error.message})
