"""`ecotone ask` against a gateway with a vendor behind it, a vendor alone, and the real embedded model."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio

from ecotone.cli.running import RunningNote, write_note
from ecotone.gateway.settings.paths import Home
from tests.cli.terminal import ECOTONE, Shell, finished, processes_of, screen, until_no_process
from tests.running import gateway
from tests.vendors import Delivery, Ending, Failure, FakeOpenAI, Raw, Reply, Usage

pytestmark = pytest.mark.asyncio(loop_scope="module")


def vendor_config(vendor: FakeOpenAI) -> str:
    return f"""
[models.first]
provider = "openai-compatible"
base_url = "{vendor.base_url}"
name = "gpt-4o-mini"
key_env = "VENDOR_KEY"

[models.second]
provider = "openai-compatible"
base_url = "{vendor.base_url}"
name = "gpt-4o"
key_env = "VENDOR_KEY"

[routes.assistant]
models = ["first"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="sk-vendor") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(vendor: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    """A shell whose home has a gateway that runs."""
    folder = tmp_path_factory.mktemp("ask")
    async with gateway(folder, vendor_config(vendor), environment={"VENDOR_KEY": "sk-vendor"}):
        yield Shell(folder)


@pytest.fixture
def sent(vendor: FakeOpenAI) -> FakeOpenAI:
    """The vendor, having forgotten earlier requests."""
    vendor.requests.clear()
    return vendor


async def test_asks_the_gateway_that_runs(house: Shell, sent: FakeOpenAI) -> None:
    done = await house.run("ask", "Is anybody there?")
    assert (done.code, done.out, done.err) == (0, "gpt-4o-mini heard: Is anybody there?\n", "")
    body = sent.requests[0].json
    assert body["messages"] == [{"role": "user", "content": "Is anybody there?"}]
    assert body["stream"] is True
    assert "temperature" not in body and "max_completion_tokens" not in body


async def test_every_option_reaches_the_model(house: Shell, sent: FakeOpenAI) -> None:
    options = ("--model", "second", "--system", "Be brief.", "--max-tokens", "9", "--temperature", "0.5")
    done = await house.run("ask", "Well?", *options)
    assert (done.code, done.out) == (0, "gpt-4o heard: Well?\n")
    body = sent.requests[0].json
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Well?"}]
    assert (body["temperature"], body["max_completion_tokens"], body["model"]) == (0.5, 9, "gpt-4o")


async def test_the_question_and_standard_input_are_joined(house: Shell, sent: FakeOpenAI) -> None:
    assert (await house.run("ask", "Summarise", stdin="line one\nline two\n")).code == 0
    assert sent.requests[0].json["messages"][0]["content"] == "Summarise\n\nline one\nline two"


async def test_standard_input_alone_is_the_question(house: Shell, sent: FakeOpenAI) -> None:
    assert (await house.run("ask", stdin="piped\n")).out == "gpt-4o-mini heard: piped\n"


async def test_input_that_is_not_text_does_not_stop_it(house: Shell, sent: FakeOpenAI) -> None:
    async with house.started("ask", stdin=asyncio.subprocess.PIPE) as process:
        out, _ = await process.communicate(b"caf\xe9")
        assert out.decode() == "gpt-4o-mini heard: caf�\n"


async def test_says_that_it_waits_for_standard_input(house: Shell, sent: FakeOpenAI) -> None:
    async with house.started("ask", "Summarise", stdin=asyncio.subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"waiting for standard input" in await process.stderr.readline()
        assert (await finished(process, "late")).code == 0
        assert sent.requests[0].json["messages"][0]["content"] == "Summarise\n\nlate"


@pytest.mark.parametrize("stdin", [None, "", " \n"])
async def test_nothing_to_ask_is_a_mistake(house: Shell, stdin: str | None) -> None:
    done = await house.run("ask", stdin=stdin)
    assert done.code == 2
    assert "nothing to ask" in done.err


async def test_each_piece_is_printed_when_it_comes(house: Shell, sent: FakeOpenAI) -> None:
    gate = asyncio.Event()
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, gate=gate)))
    async with house.started("ask", "count") as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readexactly(3), 30) == b"one"
        gate.set()
        assert (await finished(process)).out == " two three\n"


async def test_json_tells_all(house: Shell, sent: FakeOpenAI) -> None:
    reply = Reply(text="Yes.", reasoning="Let me see.", usage=Usage(prompt=7, completion=11, cached=5, reasoning=3))
    sent.script(reply)
    done = await house.run("ask", "Well?", "--json")
    said = json.loads(done.out)
    timings = said.pop("timings")
    assert 0 < timings["first_token_s"] <= timings["total_s"]
    assert said.pop("request_id").startswith("req_")
    assert said == {
        "asked": "assistant",
        "model": "first",
        "answer": "Yes.",
        "reasoning": "Let me see.",
        "refusal": None,
        "finish_reason": "stop",
        "usage": {"input_tokens": 7, "output_tokens": 11, "cached_input_tokens": 5, "reasoning_tokens": 3},
    }
    assert done.err == ""


async def test_reasoning_is_no_part_of_the_answer(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="Yes.", reasoning="Let me see."))
    done = await house.run("ask", "Well?")
    assert (done.out, done.err) == ("Yes.\n", "")


async def test_on_a_terminal_reasoning_is_dimmed_and_control_characters_are_shown(
    house: Shell, sent: FakeOpenAI
) -> None:
    sent.script(Reply(deltas=["A\x1b[31m", "B"], reasoning="Let me see."))
    async with screen(house, "ask", "Well?") as shown:
        text = await shown.shows("B\r\n")
        assert await shown.leaves() == 0
    assert text.endswith("\x1b[2mLet me see.\x1b[0m\r\nA␛[31mB\r\n")


@pytest.mark.parametrize(
    ("finish", "says"), [("length", "cut off at 3 tokens; allow more with --max-tokens"), ("content_filter", "filter")]
)
async def test_says_when_an_answer_is_not_whole(house: Shell, sent: FakeOpenAI, finish: str, says: str) -> None:
    sent.script(Reply(text="one two three", finish_reason="length" if finish == "length" else "content_filter"))
    done = await house.run("ask", "count", "--max-tokens", "3")
    assert (done.code, done.out) == (0, "one two three\n")
    assert says in done.err


async def test_a_refusal_is_shown(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(refusal="I will not."))
    done = await house.run("ask", "Do it")
    assert (done.code, done.out, done.err) == (0, "I will not.\n", "")


async def test_an_unknown_model_lists_near_names(house: Shell) -> None:
    done = await house.run("ask", "Well?", "-m", "frist")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ecotone: There is no model or route 'frist' here. Did you mean 'first'?\n"


async def test_a_vendor_that_fails_is_one_line(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Failure(400, message="The request is\nnot to my taste."))
    done = await house.run("ask", "Well?")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ecotone: The request is not to my taste.\n"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.ERROR_EVENT, Ending.NO_DONE])
async def test_an_answer_that_breaks_off_is_no_answer(house: Shell, sent: FakeOpenAI, ending: Ending) -> None:
    sent.script(Reply(text="one two three", delivery=Delivery(events=3, ending=ending)))
    done = await house.run("ask", "count")
    assert (done.code, done.out) == (1, "one two\n")
    assert done.err.startswith("ecotone: ")
    assert done.err.count("\n") == 1


async def test_ctrl_c_stops_the_model(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, ending=Ending.STALL)))
    async with house.started("ask", "count") as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readexactly(3), 30) == b"one"
        process.send_signal(signal.SIGINT)
        assert (await finished(process)).code == 130
        await asyncio.wait_for(sent.requests[0].left.wait(), 10)


async def test_a_reader_that_leaves_is_no_stack_trace(house: Shell, sent: FakeOpenAI) -> None:
    gate = asyncio.Event()
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, gate=gate)))
    pipe = ("sh", "-c", f"{' '.join(ECOTONE)} ask count | head -c 3")
    async with house.started(command=pipe) as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readexactly(3), 30) == b"one"
        gate.set()
        assert (await finished(process)).err == ""


async def test_a_named_gateway_is_asked_with_the_key(tmp_path: Path, sent: FakeOpenAI) -> None:
    for url in (sent.base_url, sent.base_url.removesuffix("/v1")):
        shell = Shell(tmp_path, {"ECOTONE_URL": url, "ECOTONE_KEY": "sk-vendor"})
        done = await shell.run("ask", "Well?", "-m", "gpt-4o")
        assert (done.code, done.out) == (0, "gpt-4o heard: Well?\n")


async def test_a_refused_key_is_explained(tmp_path: Path, sent: FakeOpenAI) -> None:
    done = await Shell(tmp_path, {"ECOTONE_URL": sent.base_url}).run("ask", "Well?", "-m", "gpt-4o")
    assert done.code == 1
    assert "ECOTONE_KEY" in done.err and done.err.count("\n") == 1


async def test_without_a_route_the_first_model_is_asked(tmp_path: Path, sent: FakeOpenAI) -> None:
    shell = Shell(tmp_path, {"ECOTONE_URL": sent.base_url, "ECOTONE_KEY": "sk-vendor"})
    assert (await shell.run("ask", "Well?")).out == f"{sent.models[0]} heard: Well?\n"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9", "no gateway answers at http://127.0.0.1:9"),
        (
            "127.0.0.1:4100/v1",
            "ECOTONE_URL: '127.0.0.1:4100' is not an http:// or https:// address; is it http://127.0.0.1:4100?\n",
        ),
        ("ftp://127.0.0.1", "ECOTONE_URL: 'ftp://127.0.0.1' is not an http:// or https:// address\n"),
    ],
)
async def test_a_gateway_that_is_not_there(tmp_path: Path, url: str, says: str) -> None:
    done = await Shell(tmp_path, {"ECOTONE_URL": url}).run("ask", "Well?")
    assert done.code == 1
    assert done.err.startswith(f"ecotone: {says}")


@pytest.mark.parametrize("model", [(), ("-m", "gpt-4o")])
async def test_something_else_at_the_address(tmp_path: Path, model: tuple[str, ...]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as other:  # answers 501 to everything, with a page
        serving = threading.Thread(target=other.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{other.server_port}"
        done = await Shell(tmp_path, {"ECOTONE_URL": url}).run("ask", "Well?", *model)
        other.shutdown()
        serving.join()
    assert done.code == 1
    assert done.err.startswith(f"ecotone: what answers at {url} is no Ecotone gateway: it answers with HTTP 501. ")


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


async def test_something_like_it_at_the_address(tmp_path: Path) -> None:
    async with FakeOpenAI(key="k") as other:
        shell = Shell(tmp_path, {"ECOTONE_URL": other.base_url + "/deeper", "ECOTONE_KEY": "k"})
        done = await shell.run("ask", "Well?")
    assert done.code == 1
    assert f"what answers at {other.base_url}/deeper is no Ecotone gateway: it has no list of models" in done.err


async def test_starts_a_gateway_for_the_call_with_the_real_model(tmp_path: Path, smollm2_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.config(f'[models.local]\nengine = "llama.cpp"\nsource = "file:{smollm2_path}"\n')
    done = await shell.run("ask", "What is the capital of France?", "--temperature", "0", "--max-tokens", "24")
    assert done.code == 0
    assert len(done.out.split()) > 5
    assert done.err.splitlines()[1:] == ["cut off at 24 tokens; allow more with --max-tokens"]
    assert not (shell.home / "gateway.json").exists()
    assert processes_of(shell.home) == []


async def test_a_gateway_started_for_the_call_ends_with_its_starter(tmp_path: Path, sent: FakeOpenAI) -> None:
    shell = Shell(tmp_path, {"VENDOR_KEY": "sk-vendor"})
    shell.config(vendor_config(sent) + '\n[server]\nallowed_hosts = ["ai.example.com"]\n')
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, ending=Ending.STALL)))
    async with shell.started("ask", "count") as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readexactly(3), 30) == b"one"
        assert len(processes_of(shell.home)) >= 2
        process.kill()
        await process.wait()
        await until_no_process(shell.home)


async def test_a_config_that_is_wrong_is_said_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.config("[modls.x]\n")
    done = await shell.run("ask", "Well?")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("unknown key 'modls'") == 1


async def test_another_config_than_that_of_the_gateway_that_runs(house: Shell, sent: FakeOpenAI) -> None:
    other = house.folder / "other.toml"
    other.write_text(vendor_config(sent).replace('models = ["first"]', 'models = ["second"]'))
    shell = Shell(house.folder, {"VENDOR_KEY": "sk-vendor"})
    assert (await shell.run("ask", "Well?", "--config", "other.toml")).out == "gpt-4o heard: Well?\n"
    assert (await shell.run("ask", "Well?", "--config", "ecotone.toml")).out == "gpt-4o-mini heard: Well?\n"
    assert (house.home / "gateway.json").exists()


async def test_a_named_gateway_makes_the_config_void_and_says_so(house: Shell, sent: FakeOpenAI) -> None:
    shell = Shell(house.folder, {"ECOTONE_URL": sent.base_url, "ECOTONE_KEY": "sk-vendor"})
    done = await shell.run("ask", "Well?", "--config", "ecotone.toml", "-m", "gpt-4o")
    assert done.code == 0
    assert "--config has no effect" in done.err


async def test_a_note_of_a_gateway_that_does_not_answer_is_not_believed(tmp_path: Path, sent: FakeOpenAI) -> None:
    shell = Shell(tmp_path, {"VENDOR_KEY": "sk-vendor"})
    shell.config(vendor_config(sent))
    shell.home.mkdir()
    write_note(Home(shell.home), RunningNote("http://127.0.0.1:9", os.getpid()))
    assert (await shell.run("ask", "Well?")).out == "gpt-4o-mini heard: Well?\n"


async def test_an_empty_answer_is_mentioned(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Raw(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'))
    done = await house.run("ask", "Well?")
    assert (done.code, done.out, done.err) == (0, "", "the model answered without a word\n")
