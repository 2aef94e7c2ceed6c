"""A chat as a request to a model, and as a document to take along."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ecotone.gateway.chats.attachments import Attached, question_parts
from ecotone.gateway.chats.chats import Chat, ChatMessage
from ecotone.values.chat import ChatRequest, Json, Message, TextPart

Decisions = Mapping[str, Json]
"""What the log has of requests, by their ids."""


def sent(path: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """What of a branch goes out with its last question: questions with their answers. A question that found no answer
    (refused, failed, stopped before a word came) is left out with it, so that what was refused once is not sent again
    with everything that follows."""
    kept: list[ChatMessage] = []
    for question, answer in zip(path[::2], path[1::2], strict=False):
        if answer.said and not answer.is_open:
            kept += (question, answer)
    return (*kept, *path[-1:]) if len(path) % 2 else tuple(kept)


def request_for(
    chat: Chat, question: str, model: str, attached: Mapping[str, Sequence[Attached]], system: str | None
) -> ChatRequest:
    """The request that asks `model` this question, with what was said before it on its branch."""
    messages = []
    for one in sent(chat.path(question)):
        if one.role == "user":
            messages.append(Message("user", question_parts(one.text, attached.get(one.id, ()))))
        else:
            messages.append(Message("assistant", (TextPart(one.said),)))
    instructions = (Message("system", (TextPart(system),)),) if system else ()
    return ChatRequest(model, tuple(messages), instructions)


def as_json(chat: Chat, attached: Mapping[str, Sequence[Attached]], decisions: Decisions) -> bytes:
    """All branches, with what is known of each answer and with the files themselves."""
    told: dict[str, Any] = msgspec.to_builtins(chat)
    for message in told["messages"]:
        files = attached.get(message["id"], ())
        if files:
            message["attachments"] = [
                {"name": one.name, "media_type": one.media_type, "data": base64.b64encode(one.body).decode()}
                for one in files
            ]
        if message.get("request_id") in decisions:
            message["decision"] = decisions[message["request_id"]]
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def as_markdown(chat: Chat, decisions: Decisions) -> str:
    """The branch that is shown, as a person would read it."""
    lines = [f"# {chat.title}", "", f"{_when(chat.created_at)} UTC, {chat.owner}", ""]
    if chat.system:
        lines += [f"Instructions: {chat.system}", ""]
    for message in chat.path():
        if message.role == "user":
            lines += ["## Question", "", *(f"(attached: {one.name})" for one in message.attachments), message.text, ""]
        else:
            lines += [f"## {_heading(message)}", "", *_answer(message), "", _trail(message, decisions), ""]
    return "\n".join(lines)


def _heading(message: ChatMessage) -> str:
    facts = message.facts or {}
    return f"Answer of {facts.get('model') or message.asked}"


def _answer(message: ChatMessage) -> list[str]:
    lines = [message.said] if message.said else []
    if message.error is not None:
        lines += ["", f"> No answer: {message.error}"] if not message.said else ["", f"> Broke off: {message.error}"]
    elif message.state == "stopped":
        lines += ["", "> Stopped."]
    return lines


_PLACES = {
    "embedded": "answered inside Ecotone",
    "self-hosted": "answered by an own server",
    "vendor": "left the house",
}


def _trail(message: ChatMessage, decisions: Decisions) -> str:
    """Where the words went, in a line."""
    facts = message.facts or {}
    told = [_when(message.created_at) + " UTC"]
    hosting = facts.get("hosting")
    if message.error_code in ("policy_refused", "cannot_redact") and not message.said:
        told.append("refused by the rules")
    elif hosting in _PLACES:
        told.append(_PLACES[hosting] + (f" ({facts['provider']})" if hosting == "vendor" else ""))
    if facts.get("weights"):
        told.append(f"{facts['weights']} weights")
    if facts.get("output_tokens") is not None:
        told.append(f"{facts['output_tokens']} tokens")
    if facts.get("cost_usd") is not None:
        told.append(f"${facts['cost_usd']}")
    if facts.get("losses"):
        told.append(f"lost on the way to it: {facts['losses']}")
    decision = decisions.get(message.request_id or "", {})
    if decision.get("class"):
        told.append(f"class {decision['class']}")
    if message.request_id:
        told.append(message.request_id)
    return f"*{', '.join(told)}*"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
