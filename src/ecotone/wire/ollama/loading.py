"""Requests of Ollama's clients that only load a model, or unload it: those without a word in them
(https://docs.ollama.com/faq, "How can I preload a model into Ollama to get faster response times?")."""

from datetime import UTC, datetime

import msgspec

from ecotone.values.chat import Json


def only_loads(request: Json) -> bool:
    """Whether there is nothing in this request for a model to answer."""
    return not any(request.get(name) for name in ("messages", "prompt", "images", "suffix"))


def encode_loaded(request: Json, now_s: int) -> bytes:
    """The reply to a request that only loads: the one line that a stream of it would be, too. `keep_alive` 0 asks for
    the model to be let go."""
    unloads = request.get("keep_alive") in (0, "0", "0s")
    reply: Json = {"model": request.get("model"), "created_at": datetime.fromtimestamp(now_s, UTC).isoformat()}
    reply |= {"message": {"role": "assistant", "content": ""}} if "messages" in request else {"response": ""}
    return msgspec.json.encode(reply | {"done": True, "done_reason": "unload" if unloads else "load"}) + b"\n"
