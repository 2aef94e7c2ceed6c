"""A conversation so far, as the items with which a later request begins."""

from ecotone.values.chat import Json

_RESULTS = frozenset({"function_call_output", "custom_tool_call_output", "computer_call_output", "item_reference"})


def input_items(request: Json) -> list[Json]:
    """The items of a request's `input`; a string is the user's message."""
    given = request.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    return [item for item in given or () if isinstance(item, dict)]


def item_kind(item: Json) -> str:
    """The type of an item, also where it is left out."""
    kind = item.get("type")
    if isinstance(kind, str):
        return kind
    return "message" if "role" in item else "item_reference"


def thinks(request: Json) -> bool:
    """Whether a request asks a model to think, or goes on with what one thought."""
    reasoning = request.get("reasoning")
    asked = isinstance(reasoning, dict) and bool(reasoning) and reasoning.get("effort") != "none"
    return asked or any(item.get("type") == "reasoning" for item in input_items(request))


def replayable(items: list[Json]) -> list[Json]:
    """The items as a vendor that has kept none of them takes them back.

    Reasoning without its encrypted content is unknown there, and so is reasoning that nothing of the model's own
    follows; both go. What was made with reasoning that goes must not name itself by its id either, or the vendor
    misses that reasoning (https://github.com/openai/openai-node/issues/1567).
    """
    kept: list[Json] = []
    followed = unnamed = False
    for item in reversed(items):
        if item.get("type") != "reasoning":
            followed = _made(item)
        elif not followed or not item.get("encrypted_content"):
            unnamed = True
            continue
        kept.append(item)
    kept.reverse()
    if not unnamed:
        return kept
    return [{name: value for name, value in item.items() if name != "id"} if _made(item) else item for item in kept]


def _made(item: Json) -> bool:
    """Whether the model made this item, other than by thinking."""
    kind = item_kind(item)
    return item.get("role") == "assistant" if kind == "message" else kind not in _RESULTS | {"reasoning", "compaction"}


def without_encrypted(items: list[Json]) -> list[Json]:
    """The items without what only who asked for it gets: encrypted reasoning."""
    return [
        {name: value for name, value in item.items() if name != "encrypted_content"}
        if item.get("type") == "reasoning"
        else item
        for item in items
    ]
