"""How much to think, said to Claude models of each generation; the names are those of Anthropic's list of models."""

from typing import Any

import pytest

from ecotone.values.chat import ChatRequest, Message, Reasoning, ReasoningPart, Sampling, TextPart, ToolCallPart
from ecotone.wire.anthropic import encode_request

HELLO = Message("user", (TextPart("Hello"),))
ADAPTIVE = {"type": "adaptive"}


def sent(model: str, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    fields = {"sampling": Sampling(max_tokens=20_000), "reasoning": Reasoning("high")} | fields
    encoded = encode_request(ChatRequest(model, fields.pop("messages", (HELLO,)), **fields))
    return encoded.body, [loss.reason for loss in encoded.losses]


@pytest.mark.parametrize(
    "model",
    [
        "claude-3-7-sonnet-20250219",
        "claude-sonnet-4-20250514",
        "claude-opus-4-1-20250805",
        "claude-sonnet-4-5",
        "claude-haiku-4-5-20251001",
        "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-haiku-4-5@20251001",
    ],
)
def test_older_models_get_a_budget(model: str) -> None:
    body, losses = sent(model)
    # 24,576 would be "high", half of the room for the answer is less.
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 10_000}
    assert "output_config" not in body
    assert losses == ["the effort high; sent as a budget of 10,000 tokens"]


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "claude-opus-4-8", "claude-sonnet-5", "assistant"])
def test_later_models_decide_themselves(model: str) -> None:
    body, losses = sent(model)
    assert (body["thinking"], body["output_config"], losses) == (ADAPTIVE, {"effort": "high"}, [])


def test_a_budget_stays_one_where_it_is_understood() -> None:
    body, losses = sent("claude-haiku-4-5", reasoning=Reasoning(budget_tokens=3000))
    assert (body["thinking"], losses) == ({"type": "enabled", "budget_tokens": 3000}, [])


@pytest.mark.parametrize(
    ("model", "fields", "why"),
    [
        ("claude-3-5-haiku-20241022", {}, "thinking, which this model does not do"),
        (
            "claude-haiku-4-5",
            {"sampling": Sampling(max_tokens=500)},
            "thinking: it needs room for more than 1,024 tokens",
        ),
        ("claude-haiku-4-5", {"tool_choice": "required"}, "thinking: not together with a tool that must be called"),
    ],
)
def test_what_keeps_a_model_from_thinking_is_told(model: str, fields: dict[str, Any], why: str) -> None:
    body, losses = sent(model, **fields)
    assert "thinking" not in body
    assert why in losses


def test_calls_made_without_thoughts_go_on_without() -> None:
    call = ToolCallPart("c1", "f", "{}")
    signed = ReasoningPart("Hm.", "c2ln", {}, "anthropic")
    for parts, thinks in (((call,), False), ((signed, call), True)):
        body, _ = sent("claude-haiku-4-5", messages=(HELLO, Message("assistant", parts), HELLO))
        assert ("thinking" in body) is thinks


def test_the_latest_models_choose_tokens_themselves() -> None:
    sampling = Sampling(max_tokens=100, temperature=0.5, top_k=3)
    body, losses = sent("claude-opus-4-7", sampling=sampling, reasoning=None)
    assert not body.keys() & {"temperature", "top_k"}
    assert losses == ["how tokens are chosen, which this model decides itself"] * 2
    body, _ = sent("claude-sonnet-4-6", sampling=sampling, reasoning=None)
    assert (body["temperature"], body["top_k"]) == (0.5, 3)
