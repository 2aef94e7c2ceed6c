"""Counting tokens, lists of models and errors in each API's own form, with the official SDKs in front."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types

from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI
from tests.vendors.anthropic_messages import FakeAnthropic
from tests.vendors.gemini_generate import FakeGemini

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "vendor-secret"
QUESTION = "What is an ecotone?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
TOOL: Any = {"name": "look", "description": "Look it up.", "input_schema": {"type": "object", "properties": {}}}


class House:
    """A gateway, the vendors behind it, and clients in front."""

    def __init__(self, gate: RunningGateway, claude: FakeAnthropic, google: FakeGemini) -> None:
        self.gate, self.claude, self.google_vendor = gate, claude, google
        self.openai = gate.client()
        self.anthropic = anthropic.AsyncAnthropic(base_url=gate.url, api_key="any", max_retries=0)
        self.google = genai.Client(api_key="any", http_options=types.HttpOptions(base_url=gate.url)).aio
        self.http = httpx.AsyncClient(base_url=gate.url)

    async def count(self, model: str, **more: Any) -> int:
        return (await self.anthropic.messages.count_tokens(model=model, messages=MESSAGES, **more)).input_tokens

    async def google_count(self, model: str) -> int | None:
        return (await self.google.models.count_tokens(model=model, contents=QUESTION)).total_tokens


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Any) -> AsyncIterator[House]:
    async with FakeAnthropic(KEY) as claude, FakeGemini(KEY) as google, FakeOpenAI(KEY) as chat:
        config = f"""
[models.claude]
provider = "anthropic"
base_url = "{claude.base_url}"
name = "claude-sonnet-5"
[models.google]
provider = "gemini"
base_url = "{google.base_url}"
name = "gemini-2.5-flash"
[models.gpt]
provider = "openai-compatible"
base_url = "{chat.base_url}"
name = "gpt-4o"
[models.local]
engine = "llama.cpp"
source = "file:{smollm2_path}"
context = 1024
threads = 1
[routes.either]
models = ["gpt", "claude"]
"""
        keys = {"ANTHROPIC_API_KEY": KEY, "GEMINI_API_KEY": KEY}
        async with gateway(tmp_path_factory.mktemp("counting"), config, environment=keys) as gate:
            house = House(gate, claude, google)
            async with house.openai, house.anthropic, house.google, house.http:
                yield house


async def straight(vendor: FakeAnthropic | FakeGemini) -> int | None:
    """What the vendor counts for its own clients."""
    if isinstance(vendor, FakeAnthropic):
        async with anthropic.AsyncAnthropic(base_url=vendor.base_url, api_key=KEY) as client:
            reply = await client.messages.count_tokens(model="claude-sonnet-5", messages=MESSAGES)
            return reply.input_tokens
    async with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=vendor.base_url)).aio as google:
        return (await google.models.count_tokens(model="gemini-2.5-flash", contents=QUESTION)).total_tokens


async def test_each_vendor_counts_for_every_client(house: House) -> None:
    by_claude, by_google = await straight(house.claude), await straight(house.google_vendor)
    assert await house.count("claude") == await house.google_count("claude") == by_claude
    assert await house.count("google") == await house.google_count("google") == by_google
    row = (await house.gate.rows(4))[3]
    assert (row["operation"], row["input_tokens"]) == ("count_tokens", None)


async def test_beta_headers_and_tools_are_counted_along(house: House) -> None:
    headers = {"anthropic-beta": "context-management-2025-06-27"}
    with_tool = await house.count("claude", tools=[TOOL], extra_headers=headers)
    assert with_tool > await house.count("claude")
    assert house.claude.requests[-2].headers["anthropic-beta"] == headers["anthropic-beta"]


async def test_the_embedded_model_counts_what_it_reads(house: House) -> None:
    counted = await house.count("local")
    assert await house.google_count("local") == counted
    reply = await house.openai.chat.completions.create(model="local", messages=MESSAGES, max_tokens=1)
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == counted


async def test_who_cannot_count_says_who_can(house: House) -> None:
    with pytest.raises(anthropic.BadRequestError, match="not known to offer counting tokens") as caught:
        await house.count("gpt")
    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"
    assert "Models here that can be asked: claude, google, local." in body["error"]["message"]
    assert await house.count("either") == await house.count("claude")


async def test_models_are_listed_to_each_client(house: House) -> None:
    names = ["either", "claude", "google", "gpt", "local"]
    listed = await house.anthropic.models.list()
    assert [model.id async for model in listed] == names
    assert (await house.anthropic.models.retrieve("claude")).display_name == "claude"
    google = [model.name async for model in await house.google.models.list()]
    assert google == [f"models/{name}" for name in names]
    found = await house.google.models.get(model="local")
    assert (found.name, found.display_name) == ("models/local", "local")
    assert [model.id async for model in house.openai.models.list()] == names


async def test_errors_speak_the_clients_language(house: House) -> None:
    with pytest.raises(anthropic.NotFoundError, match="no model or route 'claud'"):
        await house.anthropic.models.retrieve("claud")
    with pytest.raises(errors.ClientError, match="no model or route 'googl'") as caught:
        await house.google.models.get(model="googl")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    wrong = await house.http.get("/v1/messages")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "error")
    nothing = await house.http.post("/v1beta/models/google:dance", json={})
    assert (nothing.status_code, nothing.json()["error"]["status"]) == (404, "NOT_FOUND")
    nothing = await house.http.get("/v2/chat")
    assert (nothing.status_code, list(nothing.json())) == (404, ["message"])
    stranger = await house.http.get("/api/tags", headers={"authorization": "Bearer eco_unknown"})
    assert (stranger.status_code, list(stranger.json())) == (401, ["error"])
    stranger = await house.http.get("/v1/models", headers={"x-api-key": "eco_unknown", "anthropic-version": "x"})
    assert stranger.json()["error"]["type"] == "authentication_error"
