"""What `/v1/models` tells of each name, beside what OpenAI's API has."""

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.running import gateway
from tests.vendors import FakeOpenAI

KEY = "sk-facts-secret"


def config(vendor: FakeOpenAI, weights: Path, sha256: str) -> str:
    return f"""
[models.local]
engine = "llama.cpp"
source = "file:{weights}"
sha256 = "{sha256}"
catalog = "huggingface/smollm2-135m-instruct"

[models.unread]
engine = "llama.cpp"
source = "file:{weights.with_name("unread.gguf")}"

[models.two-places]
name = "gpt-4o-mini"
catalog = "openai/gpt-4o-mini"
[[models.two-places.endpoints]]
provider = "openai-compatible"
base_url = "{vendor.base_url}"
key_env = "FACTS_KEY"
hosting = "self-hosted"
[[models.two-places.endpoints]]
provider = "openai"
name = "gpt-4o"
base_url = "https://api.openai.com/v1/"

[routes.assistant]
models = ["two-places", "local"]
"""


async def test_facts_of_models_and_routes(tmp_path: Path, smollm2_path: Path) -> None:
    sha256 = hashlib.sha256(smollm2_path.read_bytes()).hexdigest()
    weights = tmp_path / "weights.gguf"
    weights.hardlink_to(smollm2_path)
    weights.with_name("unread.gguf").hardlink_to(smollm2_path)
    async with (
        FakeOpenAI(KEY) as vendor,
        gateway(tmp_path, config(vendor, weights, sha256), environment={"FACTS_KEY": KEY}) as gate,
        gate.client() as client,
    ):
        rows: dict[str, Any] = {row.id: row.model_dump()["ecotone"] async for row in client.models.list()}
        assert rows["assistant"] == {"kind": "route", "models": ["two-places", "local"]}
        engine = f"xllamacpp {importlib.metadata.version('xllamacpp')}"
        local = {"id": "local@embedded", "provider": "llama.cpp", "hosting": "embedded", "weights": "open"}
        catalog = "huggingface/smollm2-135m-instruct"
        assert rows["local"] == {
            "kind": "model",
            "endpoints": [{**local, "sha256": sha256, "engine": engine, "catalog": catalog}],
        }
        assert rows["unread"]["endpoints"] == [{**local, "id": "unread@embedded", "engine": engine}]
        own, theirs = rows["two-places"]["endpoints"]
        address = hashlib.sha256(vendor.base_url.encode()).hexdigest()[:16]
        assert own == {
            "id": "two-places@openai-compatible",
            "provider": "openai-compatible",
            "hosting": "self-hosted",
            "name": "gpt-4o-mini",
            "catalog": "openai/gpt-4o-mini",
            "address": address,
        }
        assert (theirs["weights"], theirs["name"], theirs["hosting"]) == ("closed", "gpt-4o", "vendor")
        assert "address" not in theirs, "it is the provider's own, however it is spelt"

        raw = await client.models.with_raw_response.list()
        for secret in (KEY, str(tmp_path), "127.0.0.1"):
            assert secret not in raw.text
        one = await client.models.retrieve("local")
        assert one.model_dump()["ecotone"] == rows["local"]
        answer = await client.chat.completions.with_raw_response.create(
            model="assistant", messages=[{"role": "user", "content": "hello"}]
        )
        assert answer.headers["x-ecotone-endpoint"] == own["id"]
        with pytest.raises(openai.NotFoundError, match="Did you mean 'local'"):
            await client.models.retrieve("locl")
