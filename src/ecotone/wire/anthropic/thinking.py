"""How much to think: `thinking` and `output_config.effort`.

Models from Claude Opus 4.6 on decide themselves how much to think (`adaptive`), guided by the effort; before, a number
of tokens was set (`enabled`). https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

from ecotone.values.chat import ChatRequest, Json, Reasoning
from ecotone.wire.anthropic.generations import by_budget
from ecotone.wire.anthropic.vendor import form_of
from ecotone.wire.fields import Fields
from ecotone.wire.losses import Losses
from ecotone.wire.thinking import effort_of

_SHOWN = {"summarized": True, "omitted": False}
_WEAKER = {"minimal": "low"}


def decode_thinking(body: Fields, config: Fields | None) -> tuple[Reasoning | None, str | None, str | None]:
    """How much to think, and how it was said: "adaptive", "enabled", "disabled", or "effort" where only that was; and
    "unsaid" where it was not said whether the thoughts are to be shown, which then they are.

    `thinking` of an unknown type stays among the body's other fields, and so does an effort for an answer without
    thinking.
    """
    value = body.look("thinking")
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "disabled":
        body.need_child("thinking").take("type")
        return Reasoning("none"), "disabled", None
    effort = config.text("effort") if config is not None else None
    if kind not in ("adaptive", "enabled"):
        return (Reasoning(effort), "effort", None) if effort is not None else (None, None, None)
    fields = body.need_child("thinking")
    fields.take("type")
    budget = fields.integer("budget_tokens")
    display = fields.look("display")
    shown = _SHOWN.get(display) if isinstance(display, str) else None
    if shown is not None:
        fields.take("display")
    if display is None:
        return Reasoning(effort, budget, True), kind, "unsaid"
    return Reasoning(effort, budget, shown), kind, None


def encode_thinking(request: ChatRequest, losses: Losses) -> tuple[Json | None, str | None]:
    """The values of `thinking` and of `output_config.effort`."""
    reasoning = request.reasoning
    if reasoning is None:
        return None, None
    form = form_of(request.vendor, "thinking")
    if form == "effort":
        return None, reasoning.effort
    if reasoning.effort == "none" or (reasoning.effort is None and reasoning.budget_tokens == 0):
        return {"type": "disabled"}, None
    unsaid = reasoning.shown is None or form_of(request.vendor, "display") == "unsaid"
    display: Json = {} if unsaid else {"display": "summarized" if reasoning.shown else "omitted"}
    if reasoning.budget_tokens is not None and (form == "enabled" or by_budget(request.model)):
        return {"type": "enabled", "budget_tokens": reasoning.budget_tokens} | display, reasoning.effort
    return {"type": "adaptive"} | display, _effort(reasoning, losses)


def _effort(reasoning: Reasoning, losses: Losses) -> str | None:
    effort, budget = reasoning.effort, reasoning.budget_tokens
    # A negative number leaves it to the model, which is what adaptive thinking means.
    if effort is None and budget is not None and budget >= 0:
        effort = _WEAKER.get(effort_of(budget), effort_of(budget))
        losses.add("reasoning.budget_tokens", f"a number of tokens; sent as the effort {effort}")
    elif effort in _WEAKER:
        losses.add("reasoning.effort", f"the effort {effort}; sent as {_WEAKER[effort]}")
        effort = _WEAKER[effort]
    return effort
