"""Embeddings and reranking through the gateway: vendors of every form behind it, official SDKs in front."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import httpx
import ollama
import openai
import pytest
import pytest_asyncio
from google import genai
from google.genai import types

from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI
from tests.vendors.cohere import FakeCohere, ranked, vector
from tests.vendors.gemini_generate import FakeGemini

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "vendor-secret"
TEXTS = ["reeds in the wind", "a meadow"]
DOCUMENTS = ["stones", "reeds grow in water", "the wind in the reeds"]


class House:
    """A gateway and the vendors behind it."""

    def __init__(self, gate: RunningGateway, **vendors: Any) -> None:
        self.gate, self.client, self.vendors = gate, gate.client(), vendors
        self.google = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=gate.url)).aio
        self.ollama = ollama.AsyncClient(host=gate.url)

    async def last_row(self) -> dict[str, Any]:
        """The request log's row of what is asked now, once it is there: every earlier one comes before it."""
        raw = await self.client.embeddings.with_raw_response.create(model="o", input="x")
        wanted = raw.headers["x-ecotone-request-id"]
        count = 2
        while (rows := await self.gate.rows(count))[-1]["id"] != wanted:
            count = len(rows) + 1
        return rows[-2]

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        async with httpx.AsyncClient() as client:
            reply = await client.post(self.gate.url + path, json=body)
        assert reply.status_code == status, reply.text
        return reply.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Any) -> AsyncIterator[House]:
    async with (
        FakeOpenAI(KEY) as first,
        FakeGemini(KEY) as second,
        FakeCohere(KEY) as third,
        FakeGemini(KEY, vertex=True) as fourth,
    ):
        config = f"""
[models.o]
provider = "openai"
base_url = "{first.base_url}"
name = "text-embedding-3-small"
[models.g]
provider = "gemini"
base_url = "{second.base_url}"
name = "gemini-embedding-001"
[models.c]
provider = "cohere"
base_url = "{third.base_url}"
name = "embed-v4.0"
[models.v]
provider = "vertex"
base_url = "{fourth.base_url}"
name = "text-embedding-005"
project = "p"
location = "l"
key_env = "CO_API_KEY"
[models.ranker]
provider = "cohere"
base_url = "{third.base_url}"
name = "rerank-v3.5"
[models.open-ranker]
provider = "vllm"
base_url = "{third.base_url}/v1"
name = "bge-reranker-v2-m3"
key_env = "CO_API_KEY"
[models.local]
engine = "llama.cpp"
source = "file:{smollm2_path}"
context = 512
threads = 1
"""
        keys = {"OPENAI_API_KEY": KEY, "GEMINI_API_KEY": KEY, "CO_API_KEY": KEY}
        async with gateway(tmp_path_factory.mktemp("embeddings"), config, environment=keys) as gate:
            house = House(gate, o=first, g=second, c=third, v=fourth)
            async with house.client, house.google, house.ollama:
                yield house


async def from_openai(house: House, model: str) -> list[list[float]]:
    reply = await house.client.embeddings.create(model=model, input=TEXTS, encoding_format="float")
    return [entry.embedding for entry in reply.data]


async def from_google(house: House, model: str) -> list[list[float]]:
    contents: Any = TEXTS
    reply = await house.google.models.embed_content(model=model, contents=contents)
    return [entry.values or [] for entry in reply.embeddings or ()]


async def from_cohere(house: House, model: str) -> list[list[float]]:
    body = {"model": model, "texts": TEXTS, "input_type": "search_document", "embedding_types": ["float"]}
    found: list[list[float]] = (await house.post("/v2/embed", body))["embeddings"]["float"]
    return found


async def from_ollama(house: House, model: str) -> list[list[float]]:
    reply = await house.ollama.embed(model=model, input=TEXTS)
    return [list(entry) for entry in reply.embeddings]


async def from_vertex(house: House, model: str) -> list[list[float]]:
    path = f"/v1/projects/p/locations/l/publishers/google/models/{model}:predict"
    found = await house.post(path, {"instances": [{"content": text} for text in TEXTS]})
    return [entry["embeddings"]["values"] for entry in found["predictions"]]


@pytest.mark.parametrize("model", ["o", "g", "c", "v"])
async def test_every_form_brings_the_same_vectors(house: House, model: str) -> None:
    straight = {"o": from_openai, "g": from_google, "c": from_cohere, "v": from_vertex}
    wanted = await straight[model](house, model)
    assert len(wanted) == len(TEXTS)
    assert wanted[0] != wanted[1]
    if model == "c":
        assert wanted == [vector(text, 256) for text in TEXTS]
    for ask in (from_openai, from_google, from_cohere, from_ollama, from_vertex):
        assert await ask(house, model) == wanted, ask
    row = await house.last_row()
    assert (row["operation"], row["input_tokens"]) == ("embeddings", 6)


async def test_base64_is_made_where_the_vendor_has_none(house: House) -> None:
    # Unasked, the SDK asks for base64 and decodes it.
    reply = await house.client.embeddings.create(model="c", input="a meadow")
    assert reply.data[0].embedding == pytest.approx(vector("a meadow", 256), rel=1e-6)
    raw = await house.post("/v1/embeddings", {"model": "c", "input": "a meadow", "encoding_format": "base64"})
    packed = base64.b64decode(raw["data"][0]["embedding"])
    assert struct.unpack("<256f", packed) == pytest.approx(vector("a meadow", 256), rel=1e-6)
    assert raw["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


async def test_dimensions_and_purpose_arrive(house: House) -> None:
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=512)
    reply = await house.google.models.embed_content(model="c", contents="a meadow", config=config)
    assert (reply.embeddings or [])[0].values == vector("a meadow", 512)
    sent = house.vendors["c"].requests[-1].json
    assert (sent["input_type"], sent["output_dimension"]) == ("search_query", 512)
    body = {"model": "g", "texts": TEXTS, "input_type": "clustering", "output_dimension": 64}
    await house.post("/v2/embed", body)
    sent = house.vendors["g"].requests[-1].json
    assert {(one["taskType"], one["outputDimensionality"]) for one in sent["requests"]} == {("CLUSTERING", 64)}


async def test_what_cannot_be_said_is_refused_or_told(house: House) -> None:
    with pytest.raises(openai.BadRequestError, match="takes texts, not token ids"):
        await house.client.embeddings.create(model="g", input=[1, 2, 3])
    raw = await house.client.embeddings.with_raw_response.create(model="g", input="x", user="me")
    assert "`user`" in raw.headers["x-ecotone-losses"]
    body = {"model": "o", "texts": TEXTS, "input_type": "search_query", "embedding_types": ["int8"]}
    refused = await house.post("/v2/embed", body, status=400)
    assert "floats alone" in refused["message"]
    assert (await house.client.embeddings.create(model="o", input=[[1, 2], [3]])).usage.prompt_tokens == 3


async def test_the_embedded_model_answers_every_form(house: House) -> None:
    wanted = await from_openai(house, "local")
    for ask in (from_google, from_cohere, from_ollama):
        for found, straight in zip(await ask(house, "local"), wanted, strict=True):
            assert found == pytest.approx(straight, abs=1e-3)
    old = await house.ollama.embeddings(model="local", prompt=TEXTS[0])
    assert list(old.embedding) == pytest.approx(wanted[0], abs=1e-3)


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
async def test_documents_are_ranked(house: House, path: str) -> None:
    ask: Any = {"query": "wind in the reeds", "documents": DOCUMENTS}
    wanted = {result["index"]: result["relevance_score"] for result in ranked({"model": "", **ask})["results"]}
    for model in ("ranker", "open-ranker"):
        found = await house.post(path, {"model": model, **ask})
        assert [result["index"] for result in found["results"]] == [2, 1, 0]
        assert {result["index"]: result["relevance_score"] for result in found["results"]} == wanted
    row = await house.last_row()
    assert (row["operation"], row["input_tokens"]) == ("rerank", 10)


async def test_the_best_documents_come_along(house: House) -> None:
    documents = [{"text": text, "title": "x"} for text in DOCUMENTS]
    body = {"query": "wind in the reeds", "documents": documents, "top_n": 2, "return_documents": True}
    for model in ("ranker", "open-ranker"):
        found = await house.post("/v1/rerank", {"model": model, **body})
        assert [result["document"] for result in found["results"]] == [{"text": DOCUMENTS[2]}, {"text": DOCUMENTS[1]}]


async def test_who_cannot_rank_says_who_can(house: House) -> None:
    body = {"model": "local", "query": "q", "documents": ["d"]}
    refused = await house.post("/v1/rerank", body, status=400)
    assert refused["error"]["code"] == "unsupported_feature"
    assert "Models here that can be asked: c, ranker, open-ranker." in refused["error"]["message"]
    wrong = await house.post("/v2/rerank", {"model": "ranker", "query": "q", "documents": []}, status=400)
    assert wrong == {"message": "`documents` must be a list with something in it."}
