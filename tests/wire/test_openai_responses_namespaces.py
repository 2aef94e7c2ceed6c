"""Tools in namespaces, which only the Responses wire has, with a model behind another."""

import json
from typing import Any

from ecotone.values.chat import ToolCallPart
from ecotone.values.reply import Choice, End, Event, Finish, Reply, Start, ToolCallDelta
from ecotone.wire import openai_chat, openai_responses

SCHEMA = {"type": "object", "properties": {"target": {"type": "string"}}}
CLOSE = {"type": "function", "name": "close", "description": "Closes it.", "strict": False, "parameters": SCHEMA}


def asked(*more: Any) -> dict[str, Any]:
    """A request with a tool in a namespace and one of the same name outside."""
    tools = [{"type": "namespace", "name": "agents", "description": "Of agents.", "tools": [CLOSE]}, CLOSE]
    request = {"model": "m", "input": [{"role": "user", "content": "Close a."}, *more], "tools": tools}
    return json.loads(json.dumps(request))  # type: ignore[no-any-return]


def test_tools_leave_their_namespace_and_take_its_name_along() -> None:
    encoded = openai_chat.encode_request(openai_responses.decode_request(asked()))
    assert [tool["function"]["name"] for tool in encoded.body["tools"]] == ["agents__close", "close"]
    assert [(loss.field, loss.reason) for loss in encoded.losses] == [
        ("tools[0]", "`namespace`: known to the wire openai-responses alone")
    ]


def test_a_call_goes_back_into_its_namespace() -> None:
    request = openai_responses.decode_request(asked())
    calls = (ToolCallPart("c1", "agents__close", "{}"), ToolCallPart("c2", "close", "{}"))
    body = json.loads(openai_responses.encode_reply(Reply((Choice(0, calls, "tool_calls"),), "r"), request))
    assert [(item["name"], item.get("namespace")) for item in body["output"]] == [("close", "agents"), ("close", None)]


def test_so_it_does_in_a_stream() -> None:
    encoder = openai_responses.EventEncoder(openai_responses.decode_request(asked()))
    events: list[Event] = [
        Start("r", "m", 1),
        ToolCallDelta(0, 0, "c1", "agents__close", "", "function"),
        ToolCallDelta(0, 0, arguments="{}"),
        Finish(0, "tool_calls"),
        End(),
    ]
    stream = b"".join(encoder.encode(event) for event in events).decode()
    told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    [done] = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert (done["name"], done["namespace"], done["arguments"]) == ("close", "agents", "{}")


def test_earlier_calls_keep_to_the_long_name() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "close", "namespace": "agents", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
    encoded = openai_chat.encode_request(openai_responses.decode_request(asked(call, result)))
    assert encoded.body["messages"][1]["tool_calls"][0]["function"]["name"] == "agents__close"


def test_what_is_not_callable_keeps_its_namespace() -> None:
    request = asked()
    request["tools"] = [{"type": "namespace", "name": "n", "tools": [{"type": "web_search"}]}]
    assert [need.feature for need in openai_responses.decode_request(request).needs] == ["namespace"]
