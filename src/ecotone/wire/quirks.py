"""Small ways in which servers of the OpenAI wire differ, by the names that provider rows use.

Each quirk changes a generically decoded request body in place and changes no meaning.
"""

from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Quirk = Callable[[Body], None]


def max_tokens(body: Body) -> None:
    """The server knows only the older name of the output cap."""
    if "max_completion_tokens" in body:
        cap = body.pop("max_completion_tokens")
        body.setdefault("max_tokens", cap)


def _no_stream_options(body: Body) -> None:
    """The server refuses `stream_options` and sends usage at the end of every stream unasked."""
    body.pop("stream_options", None)


def _developer_as_system(body: Body) -> None:
    """The server knows the role `developer` only by its older name."""
    for message in body.get("messages", ()):
        if isinstance(message, dict) and message.get("role") == "developer":
            message["role"] = "system"


def _random_seed(body: Body) -> None:
    """The server calls `seed` `random_seed`, and refuses fields that it does not know."""
    if "seed" in body:
        seed = body.pop("seed")
        body.setdefault("random_seed", seed)


QUIRKS: dict[str, Quirk] = {
    "max_tokens": max_tokens,
    "no_stream_options": _no_stream_options,
    "developer_as_system": _developer_as_system,
    "random_seed": _random_seed,
}
