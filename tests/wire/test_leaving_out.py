"""What only one wire can say: refused by the others, unless the owner allows it to be left out."""

import pytest

from ecotone.values.chat import ChatRequest, FunctionTool, Message, Need, OpaqueTool, TextPart
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire import WIRES
from ecotone.wire.losses import Loss, without_needs

HELLO = (Message("user", (TextPart("Hello"),)),)
SEARCH = OpaqueTool("openai-responses", {"type": "web_search", "x": 1})
GOOGLE = OpaqueTool("gemini", {"googleSearch": {}})
PLAIN = FunctionTool("f")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("tool", "word"), [(SEARCH, "web_search"), (GOOGLE, "googleSearch")])
def test_a_vendor_s_own_tool_is_refused_elsewhere_by_its_name(wire: str, tool: OpaqueTool, word: str) -> None:
    request = ChatRequest("m", HELLO, tools=(PLAIN, tool))
    if wire == tool.wire:
        assert len(WIRES[wire].encode_request(request).body["tools"]) == 2
        return
    with pytest.raises(UnsupportedFeature, match=word) as raised:
        WIRES[wire].encode_request(request)
    assert raised.value.param == word
    assert f'leave_out = ["{word}"]' in raised.value.message


def test_the_owner_may_allow_it_to_be_left_out() -> None:
    asked = ChatRequest("m", HELLO, tools=(PLAIN, SEARCH), needs=(Need("openai-responses", "prompt"),))
    request, losses = without_needs(asked, "anthropic", ("web_search", "prompt", "never asked"))
    assert (request.tools, request.needs) == ((PLAIN,), ())
    assert losses == (
        Loss("prompt", "`prompt`, left out as the owner allows", allowed=True),
        Loss("web_search", "`web_search`, left out as the owner allows", allowed=True),
    )


def test_only_what_is_named_is_left_out_and_nothing_where_the_wire_can_say_it() -> None:
    asked = ChatRequest("m", HELLO, tools=(SEARCH,))
    assert without_needs(asked, "anthropic", ("googleSearch",)) == (asked, ())
    assert without_needs(asked, "openai-responses", ("web_search",)) == (asked, ())
