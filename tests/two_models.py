"""A real gateway with two models at one fake vendor: `mini` is the vendor's, `own` is said to run on an own server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI

_KEY = "sk-two-models"
_CONFIG = """
[models.mini]
provider = "openai"
base_url = "{address}"
name = "gpt-4o-mini"
key_env = "TWO_MODELS_KEY"

[models.own]
provider = "vllm"
base_url = "{address}"
name = "gpt-4o"
key_env = "TWO_MODELS_KEY"
hosting = "self-hosted"
"""


@asynccontextmanager
async def two_models(folder: Path, more: str = "") -> AsyncIterator[tuple[RunningGateway, FakeOpenAI]]:
    """`more` stands at the end of the config, the vendor's address in it as `{address}`."""
    async with FakeOpenAI(_KEY) as vendor:
        config = (_CONFIG + more).format(address=vendor.base_url)
        async with gateway(folder, config, environment={"TWO_MODELS_KEY": _KEY}) as running:
            yield running, vendor
