"""Requests fitted to the model that is asked, where models on one wire take different things."""

from typing import Any

import pytest

from ecotone.values.chat import ChatRequest, JsonSchemaFormat, Message, Reasoning, ReasoningPart, TextPart
from ecotone.wire import anthropic, gemini, openai_chat, openai_responses

HELLO = Message("user", (TextPart("Hello"),))
THOUGHT = Message("assistant", (ReasoningPart("Hm."), TextPart("Hi.")))
DOES_NOT = "thinking, which this model does not do"


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "gpt-3.5-turbo", "chatgpt-4o-latest", "a/gpt-4o"])
def test_openai_s_older_models_are_not_told_how_much_to_think(model: str) -> None:
    asked = ChatRequest(model, (HELLO, THOUGHT, HELLO), reasoning=Reasoning("high"))
    for wire in (openai_chat, openai_responses):
        encoded = wire.encode_request(asked)
        assert not encoded.body.keys() & {"reasoning_effort", "reasoning", "include"}
        assert DOES_NOT in [loss.reason for loss in encoded.losses]
        assert "Hm." not in str(encoded.body)


@pytest.mark.parametrize("model", ["gpt-5.5", "o3", "gpt-oss-20b", "qwen3", "gpt-40-of-ours"])
def test_others_are(model: str) -> None:
    asked = ChatRequest(model, (HELLO,), reasoning=Reasoning("high"))
    assert openai_chat.encode_request(asked).body["reasoning_effort"] == "high"
    assert openai_responses.encode_request(asked).body["reasoning"]["effort"] == "high"


def test_claude_s_schemas_are_closed_at_every_depth() -> None:
    city: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "cities": {"type": "array", "items": {"$ref": "#/$defs/city"}},
            "either": {"anyOf": [city, {"type": "null"}]},
            "type": {"enum": ["object"]},
        },
        "$defs": {"city": city},
    }
    closed = city | {"additionalProperties": False}
    encoded = anthropic.encode_request(ChatRequest("m", (HELLO,), output=JsonSchemaFormat("output", schema)))
    assert encoded.body["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {
            "cities": {"type": "array", "items": {"$ref": "#/$defs/city"}},
            "either": {"anyOf": [closed, {"type": "null"}]},
            "type": {"enum": ["object"]},
        },
        "$defs": {"city": closed},
        "additionalProperties": False,
    }
    assert "every object is closed" in str(encoded.losses)
    assert "additionalProperties" not in schema


@pytest.mark.parametrize(
    ("said", "shown"), [({}, True), ({"display": "summarized"}, True), ({"display": "omitted"}, False)]
)
def test_claude_s_clients_see_thoughts_unless_they_ask_not_to(said: dict[str, str], shown: bool) -> None:
    thinking = {"type": "adaptive", **said}
    messages = [{"role": "user", "content": "Hello"}]
    asked = anthropic.decode_request({"model": "m", "max_tokens": 99, "messages": messages, "thinking": dict(thinking)})
    assert gemini.encode_request(asked).body["generationConfig"]["thinkingConfig"] == {"includeThoughts": shown}
    assert anthropic.encode_request(asked).body["thinking"] == thinking
