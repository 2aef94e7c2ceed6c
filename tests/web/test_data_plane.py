"""The gateway over HTTP, with a vendor behind it and the official SDK in front."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionToolParam

from tests.running import RunningGateway, gateway
from tests.vendors import Delivery, Ending, Failure, FakeOpenAI, Raw, Reply, ToolCall, Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "sk-vendor-secret"
CUT = Delivery(events=2, ending=Ending.NO_DONE)
HELLO: Any = [{"role": "user", "content": "hello"}]


def two_vendors(first: FakeOpenAI, second: FakeOpenAI) -> str:
    return f"""
[models.first]
provider = "openai-compatible"
base_url = "{first.base_url}"
name = "gpt-4o-mini"
key_env = "VENDOR_KEY"

[models.second]
provider = "openai-compatible"
base_url = "{second.base_url}"
name = "gpt-4o"
key_env = "VENDOR_KEY"
first_byte_timeout_s = 1.0

[models.embedder]
provider = "openai-compatible"
base_url = "{first.base_url}"
name = "text-embedding-3-small"
key_env = "VENDOR_KEY"

[models.no-key]
provider = "openai"

[routes.both]
models = ["first", "second"]

[server]
max_body_mb = 1
cors_origins = ["https://app.example.com"]
"""


class House:
    """A gateway and the two vendors behind it."""

    def __init__(self, gate: RunningGateway, first: FakeOpenAI, second: FakeOpenAI) -> None:
        self.gate, self.first, self.second = gate, first, second
        self.client = gate.client()
        self.seen = 0

    async def rows(self, count: int) -> list[dict[str, Any]]:
        """The request log's rows of this test."""
        return await self.gate.rows(count, since=self.seen)

    async def post(self, content: bytes | str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            sent = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
            return await client.post(f"{self.gate.base_url}/chat/completions", content=content, headers=sent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("gateway")
    async with FakeOpenAI(KEY) as first, FakeOpenAI(KEY) as second:
        config = two_vendors(first, second)
        async with gateway(folder, config, environment={"VENDOR_KEY": KEY}) as gate:
            house = House(gate, first, second)
            async with house.client:
                yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(running: House) -> House:
    """The house with clean vendors, all of them well."""
    for vendor in (running.first, running.second):
        vendor.requests.clear()
    last = ""
    for model in ("first", "second"):  # an answer clears the marks that earlier tests left
        raw = await running.client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
        last = raw.headers["x-ecotone-request-id"]
    while (rows := await running.gate.rows(1)) and rows[-1]["id"] != last:
        await asyncio.sleep(0.02)
    running.seen = len(rows)
    for vendor in (running.first, running.second):
        vendor.requests.clear()
    return running


async def ask(house: House, model: str = "both", **more: Any) -> str:
    reply = await house.client.chat.completions.create(model=model, messages=HELLO, **more)
    return reply.choices[0].message.content or ""


async def streamed(house: House, model: str = "both", **more: Any) -> list[Any]:
    stream = await house.client.chat.completions.create(model=model, messages=HELLO, stream=True, **more)
    return [chunk async for chunk in stream]


async def test_the_answer_comes_from_the_first_model_of_the_route(house: House) -> None:
    house.first.script(Reply(text="I am the first."))
    raw = await house.client.chat.completions.with_raw_response.create(model="both", messages=HELLO, temperature=0.5)
    assert raw.parse().choices[0].message.content == "I am the first."
    assert raw.headers["x-ecotone-model"] == "first"
    assert raw.headers["x-ecotone-request-id"].startswith("req_")
    sent = house.first.requests[-1]
    assert json.loads(sent.body) == {"messages": HELLO, "model": "gpt-4o-mini", "temperature": 0.5}
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert not house.second.requests


async def test_a_stream_arrives_as_the_vendor_sent_it(house: House) -> None:
    house.first.script(Reply(deltas=["I ", "am ", "streamed."]))
    chunks = await streamed(house)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "I am streamed."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert json.loads(house.first.requests[-1].body)["stream_options"] == {"include_usage": True}
    assert all(chunk.usage is None for chunk in chunks), "usage was not asked for"


async def test_usage_reaches_the_client_that_asks_and_always_the_log(house: House) -> None:
    usage = Usage(prompt=11, completion=7, cached=3, reasoning=2)
    house.first.script(Reply(text="a b", usage=usage), Reply(text="a b", usage=usage), Reply(text="a b", usage=usage))
    asked = await streamed(house, stream_options={"include_usage": True})
    assert asked[-1].usage.prompt_tokens == 11
    await streamed(house)
    await ask(house)
    rows = await house.rows(3)
    for row in rows:
        counted = [row[n] for n in ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")]
        assert counted == [11, 7, 3, 2]
        assert (row["principal"], row["asked"], row["model"], row["status"]) == ("local", "both", "first", 200)
        assert row["endpoint"] == "first@openai-compatible"
    assert [row["stream"] for row in rows] == [1, 1, 0]


async def test_tools_and_unknown_fields_pass_through(house: House) -> None:
    tool: ChatCompletionToolParam = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    calls = [ToolCall("weather", '{"city":"Zürich"}'), ToolCall("weather", '{"city":"Örebro"}')]
    house.first.script(Reply(tool_calls=calls), Reply(tool_calls=calls))
    reply = await house.client.chat.completions.create(model="first", messages=HELLO, tools=[tool])
    got = [call.function.arguments for call in reply.choices[0].message.tool_calls or [] if call.type == "function"]
    assert got == ['{"city":"Zürich"}', '{"city":"Örebro"}']
    async with house.client.chat.completions.stream(model="first", messages=HELLO, tools=[tool]) as stream:
        final = await stream.get_final_completion()
    streamed_calls = final.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in streamed_calls] == got
    await house.post('{"zeta":1,"model":"first","messages":[{"role":"user","content":"x","alpha":{"b":1,"a":2}}]}')
    assert house.first.requests[-1].body == (
        b'{"zeta":1,"model":"gpt-4o-mini","messages":[{"role":"user","content":"x","alpha":{"b":1,"a":2}}]}'
    )


async def test_duplicate_keys_cannot_hide(house: House) -> None:
    await house.post('{"model":"first","messages":[{"role":"user","content":"shown","content":"hidden"}]}')
    assert house.first.requests[-1].body == b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hidden"}]}'


async def test_embeddings_and_models(house: House) -> None:
    vectors = await house.client.embeddings.create(model="embedder", input=["one", "two"])
    assert [len(row.embedding) for row in vectors.data] == [1536, 1536]
    assert [model.id async for model in house.client.models.list()] == ["both", "first", "second", "embedder", "no-key"]
    assert (await house.client.models.retrieve("both")).owned_by == "ecotone"
    with pytest.raises(openai.NotFoundError):
        await house.client.models.retrieve("neither")


@pytest.mark.parametrize("failure", [500, 503, 429, 401, 408])
async def test_a_failing_vendor_is_replaced_by_the_next(house: House, failure: int) -> None:
    house.first.script(Failure(failure))
    house.second.script(Reply(text="second here"))
    assert await ask(house) == "second here"
    row = (await house.rows(1))[-1]
    assert (row["model"], row["attempts"], row["status"]) == ("second", 2, 200)


@pytest.mark.parametrize(
    "broken",
    [
        Raw(b"<html>oops</html>", "text/html"),
        Raw(b'{"choices": ['),
        Raw(b'{"error": {"message": "overloaded", "code": 503}}'),
        Reply(delivery=Delivery(ending=Ending.CLOSE)),
        Reply(delivery=Delivery(ending=Ending.RESET)),
        Reply(delivery=Delivery(content_length=100_000)),
    ],
)
async def test_a_broken_answer_is_replaced_by_the_next(house: House, broken: Reply | Raw) -> None:
    house.first.script(broken)
    house.second.script(Reply(text="second here"))
    assert await ask(house) == "second here"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET, Ending.NO_DONE, Ending.ERROR_EVENT])
async def test_a_stream_that_breaks_before_its_first_token_is_begun_elsewhere(house: House, ending: Ending) -> None:
    house.first.script(Reply(deltas=["never", " seen"], delivery=Delivery(events=1, ending=ending)))
    house.second.script(Reply(text="second here"))
    chunks = await streamed(house)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "second here"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET, Ending.NO_DONE, Ending.ERROR_EVENT])
async def test_a_stream_that_breaks_later_ends_in_an_error(house: House, ending: Ending) -> None:
    house.first.script(Reply(deltas=["half ", "of ", "it"], delivery=Delivery(events=3, ending=ending)))
    seen = ""
    with pytest.raises(openai.APIError) as raised:
        async for chunk in await house.client.chat.completions.create(model="both", messages=HELLO, stream=True):
            seen += chunk.choices[0].delta.content or ""
    assert seen == "half of "
    assert KEY not in str(raised.value)
    row = (await house.rows(1))[-1]
    assert (row["model"], row["status"]) == ("first", 200)
    assert row["error"] in ("upstream_cut", "upstream_failed")


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(piece_bytes=1),
        Delivery(piece_bytes=7, crlf=True),
        Delivery(pings=True),
        Delivery(insert=b": keep-alive\n\n", events=2),
    ],
)
async def test_streams_in_any_shape_arrive_whole(house: House, delivery: Delivery) -> None:
    house.first.script(Reply(deltas=["Grüße ", "aus ", "Zürich 🏔"], delivery=delivery))
    chunks = await streamed(house, "first")
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Grüße aus Zürich 🏔"


async def test_an_error_of_the_request_is_not_tried_elsewhere(house: House) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await house.client.chat.completions.create(model="both", messages=HELLO, extra_body={"nonsense": 1})
    assert "nonsense" in raised.value.message
    assert not house.second.requests


async def test_a_prompt_too_long_for_one_model_may_fit_the_next(house: House) -> None:
    too_long = Failure(400, message="This model's maximum context length is 8 tokens.", code="context_length_exceeded")
    house.first.script(too_long, too_long, Reply(text="well again"))
    house.second.script(Reply(text="it fits here"), too_long)
    assert await ask(house) == "it fits here"
    with pytest.raises(openai.BadRequestError) as raised:
        await ask(house)
    assert raised.value.code == "context_length_exceeded"
    assert await ask(house) == "well again", "it was not held against the endpoint"


async def test_the_vendors_words_about_its_key_stay_here(house: House) -> None:
    house.first.script(Failure(401, message="Incorrect API key provided: sk-vendor-secret."))
    with pytest.raises(openai.InternalServerError) as raised:
        await ask(house, "first")
    assert raised.value.status_code == 502
    assert KEY not in str(raised.value)
    assert raised.value.code == "upstream_credentials"


async def test_what_all_vendors_said_is_told(house: House) -> None:
    house.first.script(Failure(500))
    house.second.script(Reply(delivery=Delivery(delay_s=5)))
    reply = await house.post(json.dumps({"model": "both", "messages": HELLO}))
    assert reply.status_code == 503
    places = [f"openai-compatible at 127.0.0.1:{vendor.port}" for vendor in (house.first, house.second)]
    assert reply.json()["error"]["message"] == (
        f"None of the 2 places behind 'both' could answer: model 'first' ({places[0]}) failed (HTTP 500);"
        f" model 'second' ({places[1]}): waited 1 s for the first byte."
    )


async def test_an_error_names_the_model_and_its_place(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain, FakeOpenAI(KEY) as gone:
        await gone.stop()
        ports = {"gone": gone.port, "plain": plain.sockets[0].getsockname()[1]}
        config = "".join(
            f'[models.{name}]\nprovider = "openai-compatible"\nbase_url = "{scheme}://127.0.0.1:{ports[name]}/v1"\n'
            for name, scheme in (("gone", "http"), ("plain", "https"))
        )
        async with gateway(tmp_path, config) as gate, httpx.AsyncClient() as client:
            for model, told in (
                ("gone", "cannot be reached: connection refused"),
                (
                    "plain",
                    "cannot be reached: what answers there speaks no TLS; its address may have to begin with http://",
                ),
            ):
                asked = {"model": model, "messages": HELLO}
                reply = await client.post(f"{gate.base_url}/chat/completions", json=asked)
                assert reply.status_code == 502
                error = reply.json()["error"]
                assert error["message"] == f"model '{model}' (openai-compatible at 127.0.0.1:{ports[model]}) {told}"
                assert (error["type"], error["code"]) == ("upstream_error", "upstream_unreachable")


async def test_errors_within_a_reply_name_the_model_too(house: House) -> None:
    place = f"model 'first' (openai-compatible at 127.0.0.1:{house.first.port})"
    house.first.script(Failure(503), Raw(b'{"choices": ['), Failure(401), Reply(deltas=["a ", "b "], delivery=CUT))
    for told in (" failed (HTTP 503). Try again", ": its reply cannot be read", " refused the key that Ecotone holds"):
        with pytest.raises(openai.InternalServerError) as raised:
            await ask(house, "first")
        assert f"{place}{told}" in raised.value.message
    with pytest.raises(openai.APIError) as broken:
        await streamed(house, "first")
    assert broken.value.message.startswith(f"{place}: ")


async def test_retry_after_reaches_the_client(house: House) -> None:
    house.first.script(Failure(429, retry_after_s=7))
    with pytest.raises(openai.RateLimitError) as raised:
        await ask(house, "first")
    assert raised.value.response.headers["retry-after"] == "7"


async def test_a_key_that_is_not_set_is_named(house: House) -> None:
    with pytest.raises(openai.InternalServerError, match="OPENAI_API_KEY"):
        await ask(house, "no-key")


async def test_a_client_that_leaves_frees_the_vendor(house: House) -> None:
    for number, streaming in enumerate((False, True), 1):
        gate = asyncio.Event()
        house.first.script(Reply(text="late", delivery=Delivery(events=1 if streaming else None, gate=gate)))
        before = len(house.first.requests)
        leaving = asyncio.create_task(ask(house, "first", stream=True) if streaming else ask(house, "first"))
        async with asyncio.timeout(5):
            while len(house.first.requests) == before:
                await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert (await house.rows(number))[-1]["status"] == 499
        gate.set()


async def test_truncated_json_says_where(house: House) -> None:
    reply = await house.post('{"model": "first",\n "messages": [')
    assert reply.status_code == 400
    assert "line 2" in reply.json()["error"]["message"]


async def test_near_names_are_offered(house: House) -> None:
    with pytest.raises(openai.NotFoundError, match="'first'") as raised:
        await ask(house, "frist")
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(house: House, chunked: bool) -> None:
    body = b'{"model":"first","messages":[{"role":"user","content":"' + b"x" * 50_000_000 + b'"}]}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    async with httpx.AsyncClient(timeout=30) as client:
        reply = await client.post(
            f"{house.gate.base_url}/chat/completions",
            content=pieces() if chunked else body,
            headers={"content-type": "application/json"},
        )
    assert reply.status_code == 413
    assert "max_body_mb" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "localhost"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "https://app.example.com", "sec_fetch_site": "cross-site"}, 200),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"authorization": "Bearer eco_not-one-of-ours"}, 401),
        ({"authorization": "Bearer sk-anything"}, 200),
        ({"x_api_key": "eco_not-one-of-ours"}, 401),
        ({"x_goog_api_key": "eco_not-one-of-ours"}, 401),
        ({"x_api_key": "sk-ant-anything"}, 200),
        ({"x_ecotone_class": "restricted"}, 200),
        ({"x_ecotone_class": "Restricted"}, 400),
        ({"x_ecotone_conversation": ""}, 400),
    ],
)
async def test_who_is_let_in(house: House, headers: dict[str, str], status: int) -> None:
    reply = await house.post(json.dumps({"model": "first", "messages": HELLO}), **headers)
    assert reply.status_code == status, reply.text
    if status != 200:
        assert not house.first.requests
        assert reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("X-Ecotone-Clas", "There is no header x-ecotone-clas. Did you mean x-ecotone-class?"),
        ("x_ecotone_class", "There is no header x_ecotone_class. Did you mean x-ecotone-class?"),
        ("Ecotone-Conversation-Id", "Did you mean x-ecotone-conversation?"),
        ("x-ecotone-model", "There are x-ecotone-class and x-ecotone-conversation."),
    ],
)
async def test_a_header_that_nobody_would_hear_is_refused(house: House, name: str, told: str) -> None:
    asked = json.dumps({"model": "first", "messages": HELLO})
    async with httpx.AsyncClient() as client:
        url, kind = f"{house.gate.base_url}/chat/completions", {"content-type": "application/json"}
        reply = await client.post(url, content=asked, headers={**kind, name: "restricted"})
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert told in error["message"]
        assert (error["code"], error["param"]) == ("invalid_header", name.lower())
        assert not house.first.requests
        reply = await client.post(
            url, content=asked, headers={**kind, "x-ecotone-request-id": "r", "x-my-ecotone": "x"}
        )
        assert reply.status_code == 200


async def test_a_class_that_there_is_not_is_refused_by_its_header(house: House) -> None:
    reply = await house.post(json.dumps({"model": "first", "messages": HELLO}), x_ecotone_class="Restricted")
    assert reply.json()["error"]["code"] == "invalid_header"
    assert reply.json()["error"]["param"] == "x-ecotone-class"


async def test_only_listed_origins_may_read_answers(house: House) -> None:
    async with httpx.AsyncClient() as client:
        url = f"{house.gate.base_url}/chat/completions"
        # As OpenAI's SDK in a browser has it asked.
        names = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-retry-count"
        asking = {"access-control-request-method": "POST", "access-control-request-headers": names}
        allowed = await client.options(url, headers={"origin": "https://app.example.com", **asking})
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
        assert allowed.headers["access-control-allow-headers"] == names
        refused = await client.options(url, headers={"origin": "https://evil.example", **asking})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers
        asked = json.dumps({"model": "first", "messages": HELLO})
        kind = {"content-type": "application/json"}
        reply = await client.post(url, content=asked, headers={"origin": "https://app.example.com", **kind})
        shown = {name.strip() for name in reply.headers["access-control-expose-headers"].split(",")}
        assert {name for name in reply.headers if name.startswith("x-ecotone-")} | {"x-ecotone-losses"} <= shown


async def test_paths_that_are_not_there(house: House) -> None:
    async with httpx.AsyncClient() as client:
        missing = await client.post(f"{house.gate.url}/chat/completions", json={})
        assert (missing.status_code, "/v1" in missing.json()["error"]["message"]) == (404, True)
        wrong = await client.get(f"{house.gate.base_url}/chat/completions")
        assert wrong.status_code == 405
        assert (await client.get(f"{house.gate.url}/healthz")).json() == {"status": "ok"}
        assert (await client.get(f"{house.gate.url}/readyz")).status_code == 200


async def test_secrets_are_nowhere(house: House) -> None:
    assert not [line for line in house.gate.log if KEY in line]
    for file in house.gate.home.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
