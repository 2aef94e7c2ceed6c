"""What Claude models of different generations take, read off their names.

Thinking by budget or adaptive: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking. Models from
Opus 4.7 on refuse to be told how tokens are chosen: https://platform.claude.com/docs/en/about-claude/models/migration-guide.
A name that says nothing of a generation is taken for one of today's.
"""

import re

import msgspec

from ecotone.values.chat import AllowedTools, ChatRequest, NamedTool, Reasoning, ReasoningPart, ToolCallPart
from ecotone.wire.losses import Losses
from ecotone.wire.thinking import budget_of

_NO_THINKING = re.compile(r"claude-(?:[12]\b|instant|3-(?:opus|sonnet|haiku|5))")
_BY_BUDGET = re.compile(r"claude-(?:3-7|(?:opus|sonnet|haiku)-4(?:-[0-5](?!\d)|-\d{6,}|$|[@:]))")
_NO_SAMPLING = re.compile(r"claude-(?:opus-4-[78]|[a-z]+-[5-9])(?!\d)")
_BUDGET_MIN_TOKENS = 1024


def takes_sampling(model: str) -> bool:
    """Whether the model may be told a temperature, `top_p` and `top_k`."""
    return _NO_SAMPLING.search(model) is None


def fit_reasoning(request: ChatRequest, max_tokens: int, losses: Losses) -> ChatRequest:
    """The request with thinking asked for as its model takes it: for models before Opus 4.6 a budget of tokens."""
    reasoning = request.reasoning
    if reasoning is None or reasoning.effort == "none" or reasoning == Reasoning(budget_tokens=0):
        return request
    if _NO_THINKING.search(request.model):
        losses.add("reasoning", "thinking, which this model does not do")
        return msgspec.structs.replace(request, reasoning=None)
    if not _BY_BUDGET.search(request.model):
        return request
    reason = _why_not(request, max_tokens)
    if reason is not None:
        losses.add("reasoning", f"thinking: {reason}")
        return msgspec.structs.replace(request, reasoning=None)
    budget = reasoning.budget_tokens
    if budget is None:
        budget = budget_of(reasoning.effort or "medium") or _BUDGET_MIN_TOKENS
        fitted = max(_BUDGET_MIN_TOKENS, min(budget, max_tokens // 2))
        losses.add("reasoning.effort", f"the effort {reasoning.effort}; sent as a budget of {fitted:,} tokens")
    else:
        fitted = max(_BUDGET_MIN_TOKENS, min(budget, max_tokens - 1))
        if fitted != budget:
            losses.add("reasoning.budget_tokens", f"{budget:,} tokens; sent as {fitted:,}")
    return msgspec.structs.replace(request, reasoning=Reasoning(budget_tokens=fitted, shown=reasoning.shown))


def by_budget(model: str) -> bool:
    """Whether the model is told a budget of tokens to think with, and no effort."""
    return _BY_BUDGET.search(model) is not None


def _why_not(request: ChatRequest, max_tokens: int) -> str | None:
    """What keeps a model that thinks by budget from thinking this time
    (https://platform.claude.com/docs/en/build-with-claude/extended-thinking)."""
    if max_tokens <= _BUDGET_MIN_TOKENS:
        return f"it needs room for more than {_BUDGET_MIN_TOKENS:,} tokens"
    choice = request.tool_choice
    if (
        choice == "required"
        or isinstance(choice, NamedTool)
        or (isinstance(choice, AllowedTools) and choice.mode == "required")
    ):
        return "not together with a tool that must be called"
    for message in reversed(request.messages):
        if message.role == "assistant":
            called = any(isinstance(part, ToolCallPart) for part in message.parts)
            signed = any(
                isinstance(part, ReasoningPart) and part.wire == "anthropic" and part.signature is not None
                for part in message.parts
            )
            return "the calls before were made without" if called and not signed else None
    return None
