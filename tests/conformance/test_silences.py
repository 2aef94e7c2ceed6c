"""Upstreams that fall silent, clients that leave, streams side by side: all clients with all upstreams, all at once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, Client, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.http_server import Received
from tests.vendors.scripts import Delivery, Ending, Reply

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

WORDS = "one two three four five six seven eight nine ten eleven twelve"
# In every wire some words have come by then and some have not.
MIDDLE = 8
GIVE_UP_S = 20
# What the model does not wait for, and what it calls it.
IMPATIENT = {"mute": "first_byte_timeout_s", "halting": "between_bytes_timeout_s"}
T = TypeVar("T")
QUESTION = Ask([User(["Count."])])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The house, whose gateway also has impatient ways to its vendors: models `mute-WIRE` and `halting-WIRE`."""
    async with house(tmp_path_factory.mktemp("silences")) as built:
        text = built.gate.config.read_text()
        more = [
            entry.replace(f'"{wire}"', f'"{name}-{wire}"', 1) + f"\n{timeout} = 0.5\n\n"
            for entry in text.strip().split("\n\n")
            for wire in WIRES
            for name, timeout in IMPATIENT.items()
            if entry.startswith(f'[models."{wire}"]')
        ]
        await built.gate.reconfigure("\n".join([text, *more]))
        yield built


async def every_pair(home: House, does: Callable[[Client, str], Awaitable[T]]) -> dict[tuple[str, str], T]:
    """What this gives for each client and upstream, all of them at the same time."""
    pairs = list(itertools.product(WIRES, WIRES))
    async with asyncio.timeout(GIVE_UP_S):
        given = await asyncio.gather(*(does(home.clients[client], upstream) for client, upstream in pairs))
    return dict(zip(pairs, given, strict=True))


def script(home: House, reply: Reply) -> dict[str, int]:
    """Have each vendor give this reply to every client; and how many requests each has had so far."""
    for vendor in home.vendors.values():
        vendor.forget()
        vendor.script(*[reply] * len(WIRES))
    return {wire: len(vendor.requests) for wire, vendor in home.vendors.items()}


def since(home: House, before: dict[str, int]) -> list[Received]:
    return [request for wire, vendor in home.vendors.items() for request in vendor.requests[before[wire] :]]


async def all_left(requests: list[Received]) -> None:
    """Wait until no connection of these is held any longer."""
    assert len(requests) == len(WIRES) ** 2
    async with asyncio.timeout(GIVE_UP_S):
        await asyncio.gather(*(request.left.wait() for request in requests))


@pytest.mark.parametrize(
    ("model", "stream", "delivery", "early"),
    [
        ("mute", False, Delivery(gate=asyncio.Event()), True),
        ("mute", True, Delivery(gate=asyncio.Event()), True),
        ("halting", False, Delivery(ending=Ending.STALL), True),
        ("halting", True, Delivery(ending=Ending.STALL, events=0), True),
        ("halting", True, Delivery(ending=Ending.STALL, events=MIDDLE), False),
        ("halting", True, Delivery(ending=Ending.STALL), False),
    ],
    ids=["no answer", "no stream", "half an answer", "no event", "half a stream", "no end"],
)
async def test_silence_is_an_error(home: House, model: str, stream: bool, delivery: Delivery, early: bool) -> None:
    """504 as long as the client has got nothing, then an error within the stream; the upstream is let go."""
    before = script(home, Reply(text=WORDS, delivery=delivery))

    async def fails(client: Client, upstream: str) -> int | None:
        try:
            seen = await client.ask(f"{model}-{upstream}", replace(QUESTION, stream=stream))
        except Exception as error:
            return client.status_of(error)
        raise AssertionError(f"no error, but {seen}")

    statuses = await every_pair(home, fails)
    # Google's SDK takes the status of an error within a stream from the error itself.
    assert statuses == {pair: 504 if early or pair[0] == "gemini" else None for pair in statuses}
    await all_left(since(home, before))


async def test_slow_streams_at_once_do_not_mix(home: House) -> None:
    """Each vendor echoes what it was asked, to eight clients at the same time."""
    for vendor in home.vendors.values():
        vendor.forget()
        vendor.otherwise = Reply(delivery=Delivery(gap_s=0.003))
    numbers = itertools.count()

    async def asks(client: Client, upstream: str) -> list[tuple[str, str]]:
        questions = [f"Question {next(numbers)} from {client.wire} to {upstream}: {WORDS}" for _ in range(2)]
        answers = await asyncio.gather(
            *(client.ask(upstream, Ask([User([question])], stream=True)) for question in questions)
        )
        return [(question, answer.text) for question, answer in zip(questions, answers, strict=True)]

    for told in (await every_pair(home, asks)).values():
        for question, answer in told:
            assert answer.partition(" heard: ")[2] == question
    for vendor in home.vendors.values():
        vendor.otherwise = Reply()


def raw(wire: str, model: str) -> tuple[str, dict[str, Any]]:
    """The path and body of a request for a stream."""
    said = [{"role": "user", "content": "Count."}]
    if wire == "openai-chat":
        return "/v1/chat/completions", {"model": model, "messages": said, "stream": True}
    if wire == "openai-responses":
        return "/v1/responses", {"model": model, "input": said, "stream": True, "store": False}
    if wire == "anthropic":
        return "/v1/messages", {"model": model, "messages": said, "stream": True, "max_tokens": 99}
    path = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
    return path, {"contents": [{"role": "user", "parts": [{"text": "Count."}]}]}


async def test_a_client_that_leaves_a_stream_frees_the_upstream(home: House) -> None:
    before = script(home, Reply(text=WORDS, delivery=Delivery(gate=asyncio.Event(), events=MIDDLE)))
    async with httpx.AsyncClient(base_url=home.gate.url, verify=False, timeout=GIVE_UP_S) as http:

        async def leaves(client: Client, upstream: str) -> None:
            path, body = raw(client.wire, upstream)
            async with http.stream("POST", path, json=body) as response:
                assert response.status_code == 200
                async for piece in response.aiter_bytes():
                    if b"one" in piece:
                        return
                raise AssertionError("the stream ended before its first word")

        await every_pair(home, leaves)
        await all_left(since(home, before))


async def test_a_client_that_does_not_wait_for_an_answer_frees_the_upstream(home: House) -> None:
    before = script(home, Reply(text=WORDS, delivery=Delivery(gate=asyncio.Event())))
    asked = [
        asyncio.create_task(client.ask(upstream, QUESTION)) for client in home.clients.values() for upstream in WIRES
    ]
    async with asyncio.timeout(GIVE_UP_S):
        while len(since(home, before)) < len(asked):
            await asyncio.sleep(0.01)
    for task in asked:
        task.cancel()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    await all_left(since(home, before))
