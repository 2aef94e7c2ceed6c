"""One gateway with all that stands around it: a strict fake vendor and an official SDK for each wire."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.clients import ChatClient, Client, GeminiClient, MessagesClient, ResponsesClient
from tests.running import RunningGateway, gateway
from tests.vendors.anthropic_messages import FakeAnthropic
from tests.vendors.gemini_generate import FakeGemini
from tests.vendors.http_server import FakeVendor
from tests.vendors.openai_chat import FakeOpenAI
from tests.vendors.openai_responses import FakeResponses

WIRES = ("openai-chat", "openai-responses", "anthropic", "gemini")
# A model of each vendor that answers at once, and one that thinks first.
PLAIN = {
    "openai-chat": "gpt-4o",
    "openai-responses": "gpt-4o",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}
THINKING = {
    "openai-chat": "gpt-5.5",
    "openai-responses": "gpt-5.5",
    "anthropic": "claude-opus-4-6",
    "gemini": "gemini-3.1-pro-preview",
}
PROVIDERS = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
}


@dataclass
class House:
    """`vendors` and `clients` by wire; the gateway's model for a wire is called as the wire, or `WIRE-thinking`."""

    gate: RunningGateway
    vendors: dict[str, FakeVendor]
    clients: dict[str, Client]


def config(vendors: dict[str, FakeVendor], providers: Mapping[str, str]) -> str:
    """The gateway's config: each wire's vendor under the wire's name."""
    text = ""
    for wire, vendor in vendors.items():
        for name, model in ((wire, PLAIN[wire]), (f"{wire}-thinking", THINKING[wire])):
            text += (
                f'[models."{name}"]\nprovider = "{providers[wire]}"\nwire = "{wire}"\nname = "{model}"\n'
                f'base_url = "{vendor.base_url}"\nkey_env = "VENDOR_KEY"\n\n'
            )
    return text


@asynccontextmanager
async def house(folder: Path, providers: Mapping[str, str] = PROVIDERS) -> AsyncIterator[House]:
    """All of it, for as long as it is needed; `providers` are the gateway's names for the vendors."""
    key = "vendor-key"
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        vendors: dict[str, FakeVendor] = {
            "openai-chat": await stack.enter_async_context(FakeOpenAI(key)),
            "openai-responses": await stack.enter_async_context(FakeResponses(key)),
            "anthropic": await stack.enter_async_context(FakeAnthropic(key)),
            "gemini": await stack.enter_async_context(FakeGemini(key)),
        }
        gate = await stack.enter_async_context(
            gateway(folder, config(vendors, providers), environment={"VENDOR_KEY": key})
        )
        clients: dict[str, Client] = {
            client.wire: client
            for client in (
                ChatClient(gate.base_url),
                ResponsesClient(gate.base_url),
                MessagesClient(gate.url),
                GeminiClient(gate.url),
            )
        }
        for client in clients.values():
            stack.push_async_callback(client.close)
        yield House(gate, vendors, clients)
