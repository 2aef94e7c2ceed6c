"""Models that decline and filters that withhold: each client is told so in its own API's words, and can go on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.clients import Ask, Model, User
from tests.conformance.house import WIRES, House, house
from tests.vendors.gemini_replies import GeminiReply
from tests.vendors.scripts import Reply

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:google.genai"),
]

DECLINED = {
    "a refusal": Reply(refusal="I cannot help with that."),
    "a refusal after text": Reply(text="Well, ", refusal="no."),
}
FILTERED = {
    "a filter": Reply(text="As far as", finish_reason="content_filter"),
    "a filter at once": Reply(text="", finish_reason="content_filter"),
}
# What each vendor says, and the words that must reach the client.
CASES: list[tuple[str, str, Reply, str]] = [
    *(
        (wire, name, reply, (reply.text or "") + (reply.refusal or ""))
        for wire in ("openai-chat", "openai-responses")
        for name, reply in (DECLINED | FILTERED).items()
    ),
    # Its refusals are a reason of an end, not words of the model.
    *(("anthropic", name, reply, reply.text or "") for name, reply in (DECLINED | FILTERED).items()),
    *(("gemini", name, reply, reply.text or "") for name, reply in FILTERED.items()),
    ("gemini", "a blocked prompt", GeminiReply(block_reason="SAFETY", block_message="Bad words."), ""),
    ("gemini", "a prohibited prompt", GeminiReply(block_reason="PROHIBITED_CONTENT"), ""),
    ("gemini", "a prohibited answer", GeminiReply(finish_reason="PROHIBITED_CONTENT"), ""),
    (
        "gemini",
        "a recitation",
        GeminiReply(text="It was the best of", finish_reason="RECITATION"),
        "It was the best of",
    ),
]
# The one word that a client's API has for what was withheld.
WITHHELD = {
    "openai-chat": "content_filter",
    "openai-responses": "content_filter",
    "anthropic": "refusal",
    "gemini": "content_filter",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("refusals")) as built:
        yield built


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("upstream", "name", "reply", "words"), CASES, ids=[f"{case[1]} of {case[0]}" for case in CASES]
)
async def test_what_is_withheld(
    home: House, upstream: str, name: str, reply: Reply, words: str, wire: str, stream: bool
) -> None:
    vendor, client = home.vendors[upstream], home.clients[wire]
    vendor.forget()
    vendor.script(reply, Reply(text="Gladly."))
    question = User(["Do it."])
    seen = await client.ask(upstream, Ask([question], stream=stream))
    assert seen.text + seen.refusal == words
    assert seen.usage.prompt is not None and seen.usage.prompt > 0
    if words and reply.refusal and upstream in ("openai-chat", "openai-responses"):
        # In the model's own words, which OpenAI's APIs keep apart from its answers.
        assert seen.refusal == (reply.refusal if wire in ("openai-chat", "openai-responses") else "")
        assert seen.finish == ("refusal" if wire == "anthropic" else "stop")
    elif wire == upstream == "gemini" and reply.finish_reason in ("PROHIBITED_CONTENT", "RECITATION"):
        assert seen.finish == reply.finish_reason
    else:
        assert seen.finish == WITHHELD[wire]
    if words or wire != upstream or wire not in ("anthropic", "gemini"):
        # These two take no empty turns back, though they have just made one; their clients know that.
        later = await client.ask(upstream, Ask([question, Model(seen.turn), User(["Then this."])], stream=stream))
        assert (later.text, later.finish) == ("Gladly.", "stop")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("finish", ["MALFORMED_FUNCTION_CALL", "OTHER"])
@pytest.mark.parametrize("wire", WIRES)
async def test_an_end_that_no_other_api_knows_is_no_success(home: House, wire: str, finish: str, stream: bool) -> None:
    vendor = home.vendors["gemini"]
    vendor.forget()
    vendor.script(GeminiReply(finish_reason=finish, silent=True))
    seen = await home.clients[wire].ask("gemini", Ask([User(["Do it."])], stream=stream))
    assert seen.text == ""
    if wire == "openai-responses":
        assert seen.raw.status == "incomplete"
    else:
        assert seen.finish == finish
