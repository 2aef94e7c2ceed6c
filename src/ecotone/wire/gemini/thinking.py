"""How much to think, in the words of the model that is asked.

Models before Gemini 3 know budgets alone, and those from Gemini 3 on levels first
(https://ai.google.dev/gemini-api/docs/thinking).
"""

import re

from ecotone.values.chat import Json
from ecotone.wire.thinking import budget_of

_BEFORE_LEVELS = re.compile(r"gemini-(1|2)([.-]|$)")
# The most that every model of the 2.5 series takes.
_BUDGET_MAX_TOKENS = 24576


def fit_thinking(body: Json, model: str) -> Json:
    """A request's body, or where `model` (the upstream's name for it) does not know levels of thinking, one that asks
    for a budget instead."""
    config: Json = body.get("generationConfig") or {}
    thinking: Json = config.get("thinkingConfig") or {}
    level = thinking.get("thinkingLevel")
    if not isinstance(level, str) or not _BEFORE_LEVELS.match(model.rpartition("/")[2]):
        return body
    fitted = {name: value for name, value in thinking.items() if name != "thinkingLevel"}
    budget = budget_of(level.lower())
    if budget is not None:
        fitted["thinkingBudget"] = min(budget, _BUDGET_MAX_TOKENS)
    return {**body, "generationConfig": {**config, "thinkingConfig": fitted}}
