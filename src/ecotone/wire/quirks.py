"""Small ways in which servers of one wire differ, by the names that provider rows use.

Each quirk changes a generically decoded request body in place and changes no meaning. What a server cannot do at all
is refused: UnsupportedFeature. The messages of the body are the quirk's own to change; what is inside them is not, and
has to be replaced.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ecotone.values.errors import UnsupportedFeature

Body = dict[str, Any]
Quirk = Callable[[Body], None]

_SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def max_tokens(body: Body) -> None:
    """The server knows only the older name of the output cap."""
    if "max_completion_tokens" in body:
        cap = body.pop("max_completion_tokens")
        body.setdefault("max_tokens", cap)


def _no_stream_options(body: Body) -> None:
    """The server refuses `stream_options`; what it says of usage in a stream it says unasked."""
    body.pop("stream_options", None)


def _developer_as_system(body: Body) -> None:
    """The server knows the role `developer` only by its older name."""
    for message in _messages(body):
        if message.get("role") == "developer":
            message["role"] = "system"


def _random_seed(body: Body) -> None:
    """The server calls `seed` `random_seed`, and refuses fields that it does not know."""
    if "seed" in body:
        seed = body.pop("seed")
        body.setdefault("random_seed", seed)


def _short_call_ids(body: Body) -> None:
    """The server takes ids of tool calls of exactly nine letters and digits; others become the digest of themselves,
    the same in the call and in its result."""
    for message in _messages(body):
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            message["tool_calls"] = [
                {**call, "id": _short(call["id"])}
                if isinstance(call, dict) and isinstance(call.get("id"), str)
                else call
                for call in calls
            ]
        if isinstance(message.get("tool_call_id"), str):
            message["tool_call_id"] = _short(message["tool_call_id"])


def _short(call_id: str) -> str:
    if _SHORT_ID.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest())
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(digits)


def _no_reasoning_text(body: Body) -> None:
    """The server refuses messages that bring earlier reasoning along; its models do without it."""
    for message in _messages(body):
        message.pop("reasoning_content", None)
        message.pop("reasoning_details", None)


def _no_names(body: Body) -> None:
    """The server knows no names of speakers. On a tool's result the name only repeats what its call says, and is left
    out; elsewhere it is refused."""
    for message in _messages(body):
        if "name" not in message:
            continue
        if message.get("role") != "tool":
            raise UnsupportedFeature(
                "`messages[].name` is not known to this model's vendor. Leave it out, or ask for another model.",
                param="messages",
            )
        del message["name"]


def _alternating(body: Body) -> None:
    """The server wants the turns of user and assistant to alternate; neighbours of one role become one message."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return
    joined: list[Any] = []
    for message in messages:
        before: Any = joined[-1] if joined else None
        if _is_plain(before) and _is_plain(message) and before["role"] == message["role"]:
            joined[-1] = {**before, "content": _both(before["content"], message["content"])}
        else:
            joined.append(message)
    body["messages"] = joined


def _is_plain(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") in ("user", "assistant")
        and set(message) == {"role", "content"}
        and isinstance(message["content"], str | list)
    )


def _both(first: str | list[Any], second: str | list[Any]) -> str | list[Any]:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [
        part
        for content in (first, second)
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else content)
    ]


def _vertex_version(body: Body) -> None:
    """Vertex AI wants Anthropic's version in the body, and has its own."""
    body["anthropic_version"] = "vertex-2023-10-16"


def _bedrock_version(body: Body) -> None:
    """Bedrock wants Anthropic's version in the body, has its own, and says by the path whether it streams."""
    body["anthropic_version"] = "bedrock-2023-05-31"
    body.pop("stream", None)


def _one_model(body: Body) -> None:
    """The server would let a client choose other models than the one that the owner named, in fields of its own
    (https://openrouter.ai/docs/guides/routing/model-fallbacks); these are refused."""
    for name in ("models", "route"):
        if body.get(name):
            raise UnsupportedFeature(
                f"`{name}` would choose another model than the owner of this gateway named. Ask for a route that stands"
                " for several models instead.",
                param=name,
            )


def _messages(body: Body) -> Iterator[Body]:
    messages = body.get("messages")
    if isinstance(messages, list):
        yield from (message for message in messages if isinstance(message, dict))


QUIRKS: dict[str, Quirk] = {
    "max_tokens": max_tokens,
    "no_stream_options": _no_stream_options,
    "developer_as_system": _developer_as_system,
    "random_seed": _random_seed,
    "short_call_ids": _short_call_ids,
    "no_reasoning_text": _no_reasoning_text,
    "no_names": _no_names,
    "alternating": _alternating,
    "vertex_version": _vertex_version,
    "bedrock_version": _bedrock_version,
    "one_model": _one_model,
}
