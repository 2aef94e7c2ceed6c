"""How much to think, as a word or as a number of tokens: an approximation each way, which users declare as a loss.

The budgets for low, medium and high are those that Google gives for its own endpoint with OpenAI's words
(https://ai.google.dev/gemini-api/docs/openai, "Thinking"); the words above and below continue the row.
"""

_BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}


def budget_of(effort: str) -> int | None:
    """Tokens for a word; None for a word that is not known."""
    return _BUDGETS.get(effort)


def effort_of(budget_tokens: int) -> str:
    """The word whose budget is the largest that does not exceed this one. A negative budget leaves it to the model,
    which is "medium" (https://ai.google.dev/gemini-api/docs/thinking, `-1`)."""
    if budget_tokens < 0:
        return "medium"
    return max((word for word in _BUDGETS if _BUDGETS[word] <= budget_tokens), key=lambda word: _BUDGETS[word])
