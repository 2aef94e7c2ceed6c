"""What the vendor's models take, as far as it changes what a request may say.

From the vendor's pages "Adaptive thinking", "Extended thinking", "Effort", "Migration guide" and "Mid-conversation
system messages" (platform.claude.com/docs) and the error messages its users report.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from anthropic.types import ModelInfo

from .sdk_models import unknown_fields

Json = dict[str, Any]
ThinkingType = Literal["enabled", "disabled", "adaptive", "between_tools"]

EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class Model:
    """`prefill`: a request may end with the start of the answer. `sampling`: it takes temperature and its kin, "one"
    for one of temperature and top_p. `system_turns`: system messages may stand amid the conversation. `omits`: its
    thinking comes without words unless asked for. `thinks_unasked`: it may think when the request does not say."""

    thinking: frozenset[ThinkingType]
    efforts: tuple[str, ...] = EFFORTS
    output_tokens_max: int = 128_000
    prefill: bool = False
    sampling: Literal["both", "one", "none"] = "none"
    system_turns: bool = True
    omits: bool = True
    thinks_unasked: bool = True


# A name that says nothing of these families (a test's own) may do everything.
ANY = Model(frozenset({"enabled", "disabled", "adaptive", "between_tools"}), prefill=True, sampling="both", omits=False)
MANUAL: frozenset[ThinkingType] = frozenset({"enabled", "disabled"})
ADAPTIVE: frozenset[ThinkingType] = frozenset({"adaptive", "disabled"})
FOUR_FIVE = Model(
    MANUAL, (), 64_000, prefill=True, sampling="one", system_turns=False, omits=False, thinks_unasked=False
)
FOUR_SIX = replace(
    FOUR_FIVE,
    thinking=MANUAL | ADAPTIVE,
    efforts=("low", "medium", "high", "max"),
    output_tokens_max=128_000,
    prefill=False,
)
FOUR_SEVEN = Model(ADAPTIVE, system_turns=False, thinks_unasked=False)
FAMILIES: tuple[tuple[str, Model], ...] = (
    (r"claude-opus-4-5", replace(FOUR_FIVE, efforts=("low", "medium", "high"))),
    (r"claude-(haiku|sonnet)-4-5", FOUR_FIVE),
    (r"claude-(opus|sonnet)-4-6", FOUR_SIX),
    (r"claude-opus-4-7", FOUR_SEVEN),
    (r"claude-opus-4-8", replace(FOUR_SEVEN, system_turns=True)),
    (r"claude-(fable|mythos)-", Model(frozenset({"adaptive"}))),
    (r"claude-sonnet-5($|-\d{8})", Model(ADAPTIVE, system_turns=False)),
    (r"claude-(opus|sonnet|haiku)-5", Model(ADAPTIVE)),
)
MODELS = (
    "claude-haiku-4-5",
    "claude-sonnet-4-5",
    "claude-opus-4-5",
    "claude-sonnet-4-6",
    "claude-opus-4-6",
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-sonnet-5",
    "claude-opus-5",
    "claude-fable-5",
)


def facts(name: str) -> Model:
    """What the model of this name takes."""
    return next((model for pattern, model in FAMILIES if re.match(pattern, name)), ANY)


def model_info(name: str) -> Json:
    """The model's entry in the list of models."""
    model = facts(name)
    line = re.match(r"claude-(haiku|sonnet|opus|fable|mythos)-", name)
    entry = {
        "id": name,
        "type": "model",
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "deprecated_at": None,
        "lifecycle": "active",
        "line": line[1] if line else None,
        "max_input_tokens": 200_000,
        "max_tokens": model.output_tokens_max,
        "retires_at": None,
        "capabilities": capabilities(model),
    }
    # As JSON, because dates are text there.
    parsed = ModelInfo.model_validate_json(json.dumps(entry), strict=True)
    assert not list(unknown_fields(parsed))
    return entry


def capabilities(model: Model) -> Json:
    types = cast(tuple[ThinkingType, ...], ("adaptive", "between_tools", "disabled", "enabled"))
    return {
        "batch": supported(True),
        "citations": supported(True),
        "code_execution": supported(True),
        "context_management": {
            **supported(True),
            "clear_thinking_20251015": supported(True),
            "clear_tool_uses_20250919": supported(True),
            "compact_20260112": supported(True),
        },
        "effort": {
            **supported(bool(model.efforts)),
            **{effort: supported(effort in model.efforts) for effort in EFFORTS},
        },
        "image_input": supported(True),
        "pdf_input": supported(True),
        "server_tools": {**supported(True), "code_execution": supported(True), "web_search": supported(True)},
        "structured_outputs": supported(True),
        "thinking": {**supported(True), "types": {kind: supported(kind in model.thinking) for kind in types}},
    }


def supported(value: bool) -> Json:
    return {"supported": value}
