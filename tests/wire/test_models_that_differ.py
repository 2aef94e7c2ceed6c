"""Requests fitted to the model that is asked, where models on one wire take different things."""

from typing import Any

import pytest

from ecotone.values.chat import ChatRequest, JsonSchemaFormat, Message, Reasoning, ReasoningPart, Sampling, TextPart
from ecotone.values.errors import UnsupportedFeature
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


def test_limits_that_claude_s_schemas_do_not_know_are_told_and_left_out() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 9}, "b": {"type": "array", "minItems": 2, "items": {}}},
        "additionalProperties": False,
    }
    encoded = anthropic.encode_request(ChatRequest("m", (HELLO,), output=JsonSchemaFormat("n", schema)))
    assert encoded.body["output_config"]["format"]["schema"]["properties"] == {
        "a": {"type": "string"},
        "b": {"type": "array", "minItems": 1, "items": {}},
    }
    assert "limits that the vendor's schemas do not know: `maxLength`, `minItems`" in [
        loss.reason for loss in encoded.losses
    ]


def test_responses_have_a_least_cap() -> None:
    encoded = openai_responses.encode_request(ChatRequest("m", (HELLO,), sampling=Sampling(max_tokens=5)))
    assert encoded.body["max_output_tokens"] == 16
    assert [loss.reason for loss in encoded.losses] == ["at most 5 tokens; 16 is the least cap here"]


@pytest.mark.parametrize(
    "field", [{"modalities": ["text", "audio"]}, {"audio": {"voice": "a"}}, {"web_search_options": {"a": 1}}]
)
def test_what_only_the_chat_wire_has_and_changes_the_answer_is_refused_elsewhere(field: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    asked = openai_chat.decode_request({"model": "m", "messages": messages, "modalities": ["text"], **field})
    assert openai_chat.encode_request(asked).body.items() >= field.items()
    for wire in (anthropic, gemini, openai_responses):
        with pytest.raises(UnsupportedFeature, match=next(iter(field))):
            wire.encode_request(asked)
