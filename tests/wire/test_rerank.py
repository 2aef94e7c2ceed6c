"""Rankings in the shapes in which servers give them."""

import json
from typing import Any

import pytest

from ecotone.values.errors import MalformedRequest, UnsupportedFeature, UpstreamError, UpstreamMalformed
from ecotone.values.reply import Usage
from ecotone.wire.rerank import decode_request, encode_reply

ASKED: Any = {"model": "m", "query": "q", "documents": ["a", {"text": "b", "title": "t"}, "c"], "max_tokens_per_doc": 9}


def test_documents_are_sent_as_texts_and_the_rest_as_it_is() -> None:
    request = decode_request({**ASKED, "top_n": 2, "return_documents": True})
    assert request.body == {"query": "q", "documents": ["a", "b", "c"], "max_tokens_per_doc": 9, "top_n": 2}
    assert (request.documents, request.top_n, request.return_documents) == (("a", "b", "c"), 2, True)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"id": "1", "meta": {"billed_units": {"search_units": 1}}}, None),
        ({"meta": {"tokens": {"input_tokens": 7.0}}}, Usage(input_tokens=7)),
        ({"usage": {"total_tokens": 7}}, Usage(input_tokens=7)),
        ({"usage": {"prompt_tokens": 5, "total_tokens": 7}}, Usage(input_tokens=5)),
    ],
)
@pytest.mark.parametrize("name", ["relevance_score", "score"])
def test_the_best_come_first(said: Any, usage: Usage | None, name: str) -> None:
    results = [{"index": 0, name: 0.1}, {"index": 1, name: -2.0}, {"index": 2, name: 0.9}]
    body = json.dumps({**said, "results": results}).encode()
    encoded, counted = encode_reply(body, decode_request({**ASKED, "top_n": 2, "return_documents": True}))
    assert counted == usage
    assert json.loads(encoded) == {
        **said,
        "results": [
            {"index": 2, "relevance_score": 0.9, "document": {"text": "c"}},
            {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
        ],
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"no", UpstreamMalformed),
        (b"{}", UpstreamMalformed),
        (b'{"results":[{"index":0}]}', UpstreamMalformed),
        (b'{"results":[{"index":3,"score":1}]}', UpstreamMalformed),
        (b'{"error":{"message":"no","code":500}}', UpstreamError),
    ],
)
def test_what_is_no_ranking_is_refused(body: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        encode_reply(body, decode_request(ASKED))


@pytest.mark.parametrize(
    ("more", "kind", "place"),
    [
        ({"query": ""}, MalformedRequest, "query"),
        ({"documents": "a"}, MalformedRequest, "documents"),
        ({"documents": [1]}, MalformedRequest, "documents[0]"),
        ({"documents": [{"image": "x"}]}, UnsupportedFeature, "documents[0]"),
        ({"rank_fields": ["title"]}, UnsupportedFeature, "rank_fields"),
        ({"top_n": 0}, MalformedRequest, "top_n"),
        ({"return_documents": "yes"}, MalformedRequest, "return_documents"),
    ],
)
def test_what_cannot_be_ranked_is_named(more: Any, kind: type[Exception], place: str) -> None:
    with pytest.raises(kind) as caught:
        decode_request({**ASKED, **more})
    assert getattr(caught.value, "param", None) == place
