"""Characters beyond the basic plane, written in JSON as pairs of escapes: whole pairs arrive, halves are refused."""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.scripts import Raw, Reply

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

PAIR, HALF = rb"\ud83d\ude00", rb"\ud83d"
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/MODEL:generateContent",
}
ASKED = {
    "openai-chat": b'{"model":"MODEL","messages":[{"role":"user","content":"a TEXT b"}]}',
    "openai-responses": b'{"model":"MODEL","store":false,"input":"a TEXT b"}',
    "anthropic": b'{"model":"MODEL","max_tokens":99,"messages":[{"role":"user","content":"a TEXT b"}]}',
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"a TEXT b"}]}]}',
}
ANSWERED = {
    "openai-chat": b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"a TEXT b"},"finish_reason":"stop"}]}',
    "openai-responses": b'{"id":"resp_1","object":"response","created_at":1,"model":"m","status":"completed","output":'
    b'[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":'
    b'"a TEXT b","annotations":[]}]}]}',
    "anthropic": b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":'
    b'"a TEXT b"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}',
    "gemini": b'{"candidates":[{"content":{"role":"model","parts":[{"text":"a TEXT b"}]},"finishReason":"STOP"}]}',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("surrogates")) as built:
        yield built


async def post(home: House, wire: str, model: str, text: bytes) -> httpx.Response:
    body = ASKED[wire].replace(b"MODEL", model.encode()).replace(b"TEXT", text)
    async with httpx.AsyncClient(base_url=home.gate.url, verify=False) as http:
        path = PATHS[wire].replace("MODEL", model)
        return await http.post(path, content=body, headers={"content-type": "application/json"})


async def test_a_pair_in_a_request_arrives_as_one_character(home: House) -> None:
    for wire, upstream in itertools.product(WIRES, WIRES):
        vendor = home.vendors[upstream]
        vendor.script(Reply(text="Yes."))
        assert (await post(home, wire, upstream, PAIR)).status_code == 200
        sent = json.dumps(json.loads(vendor.requests[-1].body), ensure_ascii=False)
        assert "a 😀 b" in sent


async def test_half_a_pair_in_a_request_is_refused_in_the_clients_form(home: House) -> None:
    forms: dict[str, Callable[[Any], bool]] = {
        "openai-chat": lambda error: error["error"]["type"] == "invalid_request_error",
        "openai-responses": lambda error: error["error"]["type"] == "invalid_request_error",
        "anthropic": lambda error: error["type"] == "error" and error["error"]["type"] == "invalid_request_error",
        "gemini": lambda error: (error["error"]["code"], error["error"]["status"]) == (400, "INVALID_ARGUMENT"),
    }
    before = [len(vendor.requests) for vendor in home.vendors.values()]
    for wire, upstream in itertools.product(WIRES, WIRES):
        for half in (HALF, rb"\ude00", rb"\ud83dx\ude00"):
            answer = await post(home, wire, upstream, half)
            assert answer.status_code == 400, answer.text
            assert forms[wire](answer.json())
    assert [len(vendor.requests) for vendor in home.vendors.values()] == before


async def test_a_pair_in_a_reply_arrives_as_one_character(home: House) -> None:
    for (wire, client), upstream in itertools.product(home.clients.items(), WIRES):
        home.vendors[upstream].script(Raw(ANSWERED[upstream].replace(b"TEXT", PAIR)))
        assert (await client.ask(upstream, Ask([User(["Say it."])]))).text == "a 😀 b", wire


async def test_half_a_pair_in_a_reply_is_the_upstreams_fault(home: House) -> None:
    for (wire, client), upstream in itertools.product(home.clients.items(), WIRES):
        home.vendors[upstream].script(Raw(ANSWERED[upstream].replace(b"TEXT", HALF)))
        try:
            seen = await client.ask(upstream, Ask([User(["Say it."])]))
        except Exception as error:
            assert client.status_of(error) == 502
        else:
            raise AssertionError(f"{wire} <- {upstream}: {seen}")
