"""The owner's rules over real requests: what may go to a vendor, what is replaced, and what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from tests.running import RunningGateway, gateway
from tests.vendors import FakeOpenAI, Reply, ToolCall
from tests.vendors.anthropic_messages import FakeAnthropic

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-vendor-secret"
SSN = "My SSN is 536-90-4399, please remember it."
MAIL = "Write to ada.lovelace@analytical-engines.co.uk about it."
ADA = "ada.lovelace@analytical-engines.co.uk"


def rules(home: FakeOpenAI, away: FakeOpenAI, claude: FakeAnthropic) -> str:
    return f"""
[models.home]
provider = "openai-compatible"
base_url = "{home.base_url}"
name = "gpt-4o-mini"
key_env = "VENDOR_KEY"
hosting = "self-hosted"

[models.away]
provider = "openai-compatible"
base_url = "{away.base_url}"
name = "gpt-4o"
key_env = "VENDOR_KEY"

[models.claude]
provider = "anthropic"
base_url = "{claude.base_url}"
name = "claude-sonnet-5"
key_env = "VENDOR_KEY"

[routes.any]
models = ["away", "home"]

[routes.medical]
models = ["away", "home"]
class = "restricted"

[principals.nurse]
class = "confidential"

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"

[[rules]]
name = "addresses"
redact = 'endpoint.hosting == "vendor"'
kinds = ["email"]
because = "vendors need no addresses"

[[rules]]
name = "no keys"
on = "reply"
deny = '"secret" in data.kinds'
because = "nobody is told a key"

[[rules]]
name = "no cards"
on = "reply"
redact = 'true'
kinds = ["credit_card"]
because = "cards are not repeated"
"""


class House:
    """A gateway under rules, with a server of the team's and two vendors behind it."""

    def __init__(self, gate: RunningGateway, home: FakeOpenAI, away: FakeOpenAI, claude: FakeAnthropic) -> None:
        self.gate, self.home, self.away, self.claude = gate, home, away, claude
        self.last = ""
        watched = openai.DefaultAsyncHttpxClient(event_hooks={"response": [self._note]})
        self.openai = openai.AsyncOpenAI(base_url=gate.base_url, api_key="any", max_retries=0, http_client=watched)
        self.anthropic = anthropic.AsyncAnthropic(base_url=gate.url, api_key="any", max_retries=0)

    async def ask(self, text: str, model: str = "any", **more: Any) -> str:
        messages: Any = [{"role": "user", "content": text}]
        reply = await self.openai.chat.completions.create(model=model, messages=messages, **more)
        return reply.choices[0].message.content or ""

    async def refused(self, text: str, model: str = "away", **more: Any) -> openai.PermissionDeniedError:
        with pytest.raises(openai.PermissionDeniedError) as raised:
            await self.ask(text, model, **more)
        return raised.value

    async def _note(self, response: Any) -> None:
        self.last = response.headers["x-ecotone-request-id"]

    async def row(self) -> dict[str, Any]:
        """What the log has of the last request of the OpenAI client."""
        while (rows := await self.gate.rows(1)) and self.last not in [row["id"] for row in rows]:
            await asyncio.sleep(0.02)
        return next(row for row in rows if row["id"] == self.last)

    async def decision(self) -> Any:
        """What was decided about that request."""
        return json.loads((await self.row())["decision"])

    @property
    def sent(self) -> list[str]:
        """What has reached the vendors, as text."""
        return [request.body.decode() for vendor in (self.away, self.claude) for request in vendor.requests]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with FakeOpenAI(KEY) as home, FakeOpenAI(KEY) as away, FakeAnthropic(KEY) as claude:
        folder = tmp_path_factory.mktemp("ruled")
        async with gateway(folder, rules(home, away, claude), environment={"VENDOR_KEY": KEY}) as gate:
            house = House(gate, home, away, claude)
            async with house.openai, house.anthropic:
                yield house


@pytest.fixture
def house(running: House) -> House:
    for vendor in (running.home, running.away, running.claude):
        vendor.requests.clear()
    return running


async def test_a_declared_class_keeps_a_request_from_the_vendor(house: House) -> None:
    error = await house.refused("hello", extra_headers={"x-ecotone-class": "restricted"})
    assert error.code == "policy_refused"
    assert "restricted data stays on our own machines (stays home)" in str(error)
    assert not house.sent
    assert "hello" in await house.ask("hello", "any", extra_headers={"x-ecotone-class": "restricted"})
    assert not house.sent
    assert len(house.home.requests) == 1


async def test_what_detectors_find_raises_the_class(house: House) -> None:
    await house.refused(SSN)
    assert not house.sent
    # The rest of the route may have it.
    assert "536-90-4399" in await house.ask(SSN)
    assert not house.sent


async def test_a_class_is_never_lowered(house: House) -> None:
    await house.refused(SSN, extra_headers={"x-ecotone-class": "public"})
    assert not house.sent


async def test_a_route_has_its_own_least_class(house: House) -> None:
    await house.ask("hello", "medical")
    assert not house.sent
    assert len(house.home.requests) == 1


async def test_a_conversation_keeps_its_class(house: House) -> None:
    talk = {"x-ecotone-conversation": "talk-1"}
    await house.ask("hello", "away", extra_headers=talk)
    assert len(house.sent) == 1
    await house.ask(SSN, "any", extra_headers=talk)
    await house.refused("And now?", extra_headers=talk)
    await house.ask("hello", "away", extra_headers={"x-ecotone-conversation": "talk-2"})
    assert len(house.sent) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["away", "claude"])
async def test_addresses_are_replaced_and_put_back(house: House, model: str, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": MAIL}]
    if stream:
        chunks = await house.openai.chat.completions.create(model=model, messages=messages, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])
    else:
        text = await house.ask(MAIL, model)
    assert text.endswith(f"heard: {MAIL}")
    (sent,) = house.sent
    assert ADA not in sent
    assert "@" in json.loads(sent)["messages"][-1]["content"] if model == "away" else "@" in sent
    decision = await house.decision()
    assert decision["redacted"] == {"email": 1}
    assert decision["kinds"] == ["email"]
    assert ADA not in json.dumps(decision)


async def test_a_list_so_long_that_it_is_worked_on_in_a_thread(house: House) -> None:
    listed = "\n".join(f"colleague.{number}@group-{number % 97}.analytical-engines.co.uk" for number in range(1_200))
    assert (await house.ask(listed, "away")).endswith(f"heard: {listed}")
    (sent,) = house.sent
    assert "analytical" not in sent
    decision = await house.decision()
    assert decision["redacted"] == {"email": 1_200}
    assert decision["reply"]["complete"]


async def test_the_pseudonym_of_a_conversation_stays_the_same(house: House) -> None:
    for _ in range(2):
        await house.ask(MAIL, "away", extra_headers={"x-ecotone-conversation": "talk-3"})
    await house.ask(MAIL, "away", extra_headers={"x-ecotone-conversation": "talk-4"})
    first, second, other = (json.loads(sent)["messages"][0]["content"] for sent in house.sent)
    assert first == second
    assert other != first


async def test_nothing_is_replaced_at_home(house: House) -> None:
    assert ADA in await house.ask(MAIL, "home")
    assert ADA in house.home.requests[-1].body.decode()


async def test_arguments_of_tools_come_back_whole(house: House) -> None:
    tools: Any = [
        {"type": "function", "function": {"name": "send", "parameters": {"type": "object", "properties": {}}}}
    ]
    await house.ask(MAIL, "away")
    stands_in = json.loads(house.sent[-1])["messages"][0]["content"].split()[2]
    house.away.script(Reply(tool_calls=[ToolCall("send", json.dumps({"to": stands_in}))]))
    messages: Any = [{"role": "user", "content": MAIL}]
    reply = await house.openai.chat.completions.create(model="away", messages=messages, tools=tools)
    (call,) = reply.choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments) == {"to": ADA}  # type: ignore[union-attr]


async def test_an_address_where_nothing_can_be_replaced_is_refused(house: House) -> None:
    body = {"model": "away", "messages": [{"role": "user", "content": "hello"}], "metadata": {ADA: "x"}}
    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{house.gate.base_url}/chat/completions", json=body)
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "cannot_redact"
    assert not house.sent
    house.last = reply.headers["x-ecotone-request-id"]
    assert (await house.row())["attempts"] == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply_with_a_key_does_not_arrive(house: House, stream: bool) -> None:
    key = "sk-ant-api03-" + "aB3dE5gH7jK9mN2pQ4sT6vX8" * 3 + "-wXyZ12AA"
    house.away.script(Reply(text=f"Here it is: {key}. Do not tell."))
    messages: Any = [{"role": "user", "content": "the key?"}]
    with pytest.raises(openai.APIError) as raised:
        reply: Any = await house.openai.chat.completions.create(model="away", messages=messages, stream=stream)
        if stream:
            assert key not in str([chunk async for chunk in reply])
    assert raised.value.code == "policy_refused"
    assert "nobody is told a key" in str(raised.value)
    decision = await house.decision()
    assert decision["reply"]["kinds"] == ["secret"]


async def test_a_card_in_a_reply_is_replaced_for_good(house: House) -> None:
    house.away.script(Reply(text="Your card 4111 1111 1111 1111 is on file."))
    assert await house.ask("which card?", "away") == "Your card [credit_card] is on file."
    decision = await house.decision()
    assert decision["reply"]["redacted"] == {"credit_card": 1}
    assert decision["reply"]["complete"] is True


async def test_anthropics_clients_are_refused_in_their_own_words(house: House) -> None:
    with pytest.raises(anthropic.PermissionDeniedError) as raised:
        await house.anthropic.messages.create(
            model="claude", max_tokens=50, messages=[{"role": "user", "content": SSN}]
        )
    assert "restricted data stays on our own machines" in str(raised.value)
    assert not house.sent


GUARDED = """
[models.away]
provider = "openai-compatible"
base_url = "{away}"
name = "gpt-4o"
key_env = "VENDOR_KEY"

[models.watch]
provider = "openai-compatible"
base_url = "{watch}"
name = "gpt-4o-mini"
key_env = "VENDOR_KEY"
hosting = "self-hosted"

[guard.models.llama]
model = "watch"
form = "llama-guard"

[[rules]]
name = "no weapons"
deny = 'content.weapons >= 0.5'
because = "nobody builds weapons here"

[[rules]]
name = "nothing hateful comes back"
on = "reply"
deny = 'content.hate >= 0.5'
because = "answers are kind"

[[rules]]
name = "stays home"
deny = 'data.class >= restricted && endpoint.hosting == "vendor"'
because = "restricted data stays on our own machines"
"""


async def test_a_guard_model_is_asked_and_what_it_cannot_judge_does_not_pass(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with FakeOpenAI(KEY) as away, FakeOpenAI(KEY) as watch:
        config = GUARDED.format(away=away.base_url, watch=watch.base_url)
        folder = tmp_path_factory.mktemp("guarded")
        async with gateway(folder, config, environment={"VENDOR_KEY": KEY}) as gate, gate.client() as client:

            async def ask(text: str = "What is the weather?") -> str | None:
                messages: Any = [{"role": "user", "content": text}]
                reply = await client.chat.completions.create(model="away", messages=messages)
                return reply.choices[0].message.content

            watch.script(Reply(text="safe"), Reply(text="safe"))
            away.script(Reply(text="Sunny."))
            assert await ask() == "Sunny."
            assert json.loads(watch.requests[0].body)["messages"] == [
                {"role": "user", "content": "What is the weather?"}
            ]

            watch.script(Reply(text="unsafe\nS9"))
            with pytest.raises(openai.PermissionDeniedError, match="nobody builds weapons here"):
                await ask()

            watch.script(Reply(text="safe"), Reply(text="unsafe\nS10"))
            away.script(Reply(text="You people."))
            with pytest.raises(openai.PermissionDeniedError, match="answers are kind"):
                await ask()

            before = len(away.requests)
            watch.script(Reply(text="I would rather not say."))
            with pytest.raises(openai.InternalServerError, match="could not score this"):
                await ask()
            assert len(away.requests) == before
