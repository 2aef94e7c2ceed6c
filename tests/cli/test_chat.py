"""`ecotone chat`: a script on standard input, and a person at a terminal."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.cli.terminal import Shell, screen
from tests.running import gateway
from tests.vendors import Delivery, Ending, Failure, FakeOpenAI, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(key="sk-vendor") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(vendor: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    folder = tmp_path_factory.mktemp("chat")
    places = "".join(
        f'[models.{name}]\nprovider = "openai-compatible"\nbase_url = "{vendor.base_url}"\nname = "{upstream}"\n'
        'key_env = "VENDOR_KEY"\n'
        for name, upstream in (("first", "gpt-4o-mini"), ("second", "gpt-4o"))
    )
    async with gateway(
        folder, f'{places}[routes.assistant]\nmodels = ["first"]\n', environment={"VENDOR_KEY": "sk-vendor"}
    ):
        yield Shell(folder)


@pytest.fixture
def sent(vendor: FakeOpenAI) -> FakeOpenAI:
    vendor.requests.clear()
    return vendor


def turns(vendor: FakeOpenAI, request: int) -> list[tuple[str, str]]:
    """Who said what, as the vendor was sent it."""
    return [(message["role"], message["content"]) for message in vendor.requests[request].json["messages"]]


async def test_the_conversation_is_remembered(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="Hello, Bob."), Reply(text="Bob."))
    done = await house.run("chat", stdin="My name is Bob.\n\nWhat is it?\n")
    assert (done.code, done.out, done.err) == (0, "Hello, Bob.\nBob.\n", "")
    assert turns(sent, 1) == [("user", "My name is Bob."), ("assistant", "Hello, Bob."), ("user", "What is it?")]


async def test_an_error_keeps_the_conversation(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="One."), Failure(400, message="No."), Reply(text="Three."))
    done = await house.run("chat", stdin="a\nb\n/retry\n")
    assert (done.code, done.out, done.err) == (0, "One.\nThree.\n", "No.\n")
    assert turns(sent, 2) == [("user", "a"), ("assistant", "One."), ("user", "b")]


async def test_retry_asks_again_without_the_old_answer(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="One."), Reply(text="Two."), Reply(text="Three."))
    assert (await house.run("chat", stdin="/retry\na\n/retry\nb\n")).err == "there is no question yet\n"
    assert turns(sent, 1) == [("user", "a")]
    assert turns(sent, 2) == [("user", "a"), ("assistant", "Two."), ("user", "b")]


async def test_models_and_instructions_can_be_changed(house: Shell, sent: FakeOpenAI) -> None:
    lines = ("/model", "/system Be brief.", "a", "/model secnd", "/model second", "b", "/system", "/reset", "c")
    done = await house.run("chat", "--system", "Be kind.", "--model", "first", stdin="\n".join(lines))
    assert done.out == "gpt-4o-mini heard: a\ngpt-4o heard: b\ngpt-4o heard: c\n"
    assert done.err.splitlines() == [
        "asking first",
        "instructions set",
        "there is no model or route 'secnd'; did you mean second?",
        "asking second from now on",
        "no instructions any more",
        "forgotten",
    ]
    assert turns(sent, 1)[0] == ("system", "Be brief.")
    assert turns(sent, 1)[-1] == ("user", "b")
    assert turns(sent, 2) == [("user", "c")]


async def test_a_model_that_nobody_has_is_refused_before_a_line_is_taken(house: Shell, sent: FakeOpenAI) -> None:
    done = await house.run("chat", "-m", "frist", stdin="never asked\n")
    assert (done.code, done.out) == (1, "")
    assert done.err == "ecotone: There is no model or route 'frist' here. Did you mean 'first'?\n"
    assert sent.requests == []


async def test_commands_that_only_tell(house: Shell, sent: FakeOpenAI) -> None:
    done = await house.run("chat", stdin="/models\n/help\n/nonsense\n/exit\nnever asked\n")
    assert done.out.startswith("* assistant (route)\n  first (openai-compatible)\n  second (openai-compatible)\n")
    for command in ("/model NAME", "/system TEXT", "/reset", "/retry", "/save FILE", "/models", "/exit"):
        assert command in done.out
    assert done.err == "there is no /nonsense; /help shows what there is\n"
    assert sent.requests == []


async def test_a_path_is_a_question(house: Shell, sent: FakeOpenAI) -> None:
    assert (await house.run("chat", stdin="/etc/hosts is what?\n")).out == "gpt-4o-mini heard: /etc/hosts is what?\n"


async def test_a_conversation_is_saved(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="Hello, Bob."))
    lines = "/system Be kind.\nI am Bob.\n/save talk.json\n/save talk.md\n/save talk.md\n/save nowhere/talk.md\n/save\n"
    done = await house.run("chat", stdin=lines)
    assert json.loads((house.folder / "talk.json").read_text()) == {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "I am Bob."},
            {"role": "assistant", "content": "Hello, Bob."},
        ]
    }
    text = "**system**\n\nBe kind.\n\n**user**\n\nI am Bob.\n\n**assistant**\n\nHello, Bob.\n"
    assert (house.folder / "talk.md").read_text() == text
    assert done.err.splitlines()[1:] == [
        "saved to talk.json",
        "saved to talk.md",
        "talk.md is there already; choose another name",
        "nowhere/talk.md cannot be written: No such file or directory",
        "/save needs the name of a file",
    ]


async def test_at_a_terminal_ctrl_c_stops_the_answer_and_ctrl_d_leaves(house: Shell, sent: FakeOpenAI) -> None:
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, ending=Ending.STALL)), Reply(text="Two."))
    async with screen(house, "chat") as shown:
        await shown.shows("talking to assistant")
        await shown.shows("> ")
        shown.type("count\r")
        await shown.shows("one")
        shown.type("\x03")
        await shown.shows("stopped")
        await shown.shows("> ")
        await sent.requests[0].left.wait()
        shown.type("half a line")
        await shown.shows("half a line")
        shown.type("\x03")
        assert "Ctrl-D" not in await shown.shows("> ")
        shown.type("\x03")
        await shown.shows("Ctrl-D leaves")
        await shown.shows("> ")
        shown.type("go on\r")
        await shown.shows("Two.")
        await shown.shows("> ")
        shown.type("\x1b[A")
        await shown.shows("go on")
        shown.type("\x15\x04")
        assert await shown.leaves() == 0
    assert turns(sent, 1) == [("user", "count"), ("assistant", "one"), ("user", "go on")]
    assert (house.home / "chat_history").read_text().splitlines() == ["count", "go on"]
    assert (house.home / "chat_history").stat().st_mode & 0o077 == 0


async def test_ctrl_c_does_not_reach_a_gateway_started_for_the_conversation(
    tmp_path_factory: pytest.TempPathFactory, house: Shell, sent: FakeOpenAI
) -> None:
    shell = Shell(tmp_path_factory.mktemp("alone"), {"VENDOR_KEY": "sk-vendor"})
    file = house.folder / "ecotone.toml"
    sent.script(Reply(text="one two three", delivery=Delivery(events=2, ending=Ending.STALL)), Reply(text="Two."))
    async with screen(shell, "chat", "--config", str(file)) as shown:
        await shown.shows("> ")
        shown.type("count\r")
        await shown.shows("one")
        shown.type("\x03")
        await shown.shows("stopped")
        shown.type("go on\r")
        await shown.shows("Two.")
        shown.type("/exit\r")
        assert await shown.leaves() == 0
