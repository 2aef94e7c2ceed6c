"""The messages of a conversation in this vendor's grammar: turns of user and assistant that take turns, the answers to
tool calls at the start of the user's.

System messages may stand amid the conversation only for newer models, so those of other wires become the user's text
(https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
"""

from typing import Literal

from ecotone.values.chat import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Json,
    Message,
    OpaquePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import UnsupportedFeature
from ecotone.wire.anthropic.blocks import content_of, encode_block
from ecotone.wire.anthropic.vendor import form_of
from ecotone.wire.fields import add_rest
from ecotone.wire.losses import Losses

OPENING = "(The conversation begins with the assistant.)"
"""What the user is made to say where the assistant speaks first, which the vendor does not take."""

_TurnRole = Literal["user", "assistant", "system"]
_NEVER_SAID = frozenset({ToolResultPart, ImagePart, DocumentPart})
_ONLY_SAID = frozenset({ToolCallPart, ReasoningPart})


class _Turn:
    """One turn while messages are gathered into it."""

    __slots__ = ("blocks", "form", "rest", "results", "role")

    def __init__(self, role: _TurnRole) -> None:
        self.role = role
        self.results: list[Json] = []
        self.blocks: list[Json] = []
        self.form: str | None = None
        self.rest: Json = {}

    def encoded(self) -> Json:
        blocks = self.results + self.blocks if self.results else self.blocks
        encoded: Json = {"role": self.role, "content": content_of(blocks, self.form)}
        if self.rest:
            add_rest(encoded, self.rest)
        return encoded


def encode_system(messages: tuple[Message, ...], losses: Losses) -> str | list[Json]:
    """The value of `system`, empty for none."""
    blocks: list[Json] = []
    form = None
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        _lose_name(message, losses, place)
        form = form_of(message.vendor, "content")
        losses.rest(message.vendor, place)
        blocks += _encode_parts(message.parts, losses, place, only_text=True)
    return content_of(blocks, form) if blocks else []


def encode_turns(messages: tuple[Message, ...], losses: Losses, first_number: int) -> list[Json]:
    """The value of `messages`. `first_number` is the first one's number in the places that losses and errors name."""
    turns: list[_Turn] = []
    for number, message in enumerate(messages, first_number):
        _add_message(message, turns, losses, f"messages[{number}]")
    if turns and turns[0].role == "assistant":
        losses.add(f"messages[{first_number}]", f'that the assistant speaks first; the user says "{OPENING}" before')
        opening = _Turn("user")
        opening.blocks.append({"type": "text", "text": OPENING})
        turns.insert(0, opening)
    if turns and turns[-1].role == "assistant":
        _strip_end(turns[-1], losses)
    return [turn.encoded() for turn in turns]


def _add_message(message: Message, turns: list[_Turn], losses: Losses, place: str) -> None:
    _lose_name(message, losses, place)
    role = _role(message)
    _check_parts(message, role, place)
    encoded = _encode_parts(message.parts, losses, place, only_text=role == "system")
    rest = losses.rest(message.vendor, place)
    if message.role in ("system", "developer") and role == "user":
        losses.add(place, "that this is a system message; the user says it, marked as one")
        encoded = [
            block | {"text": f"<system>\n{block['text']}\n</system>"} if block["type"] == "text" else block
            for block in encoded
        ]
    if not encoded:
        return
    if not turns or turns[-1].role != role:
        turns.append(_Turn(role))
        turns[-1].form = form_of(message.vendor, "content")
    turn = turns[-1]
    for block in encoded:
        if block["type"] != "tool_result":
            turn.blocks.append(block)
            continue
        if turn.blocks:
            losses.add(place, "the order of tool results and other parts; results go first")
        turn.results.append(block)
    if rest:
        add_rest(turn.rest, rest)


def _strip_end(turn: _Turn, losses: Losses) -> None:
    """The beginning of an answer that the model is to continue may not end in a space."""
    last = (turn.results + turn.blocks)[-1]
    if last["type"] == "text" and last["text"][-1].isspace():
        losses.add("messages", "the spaces at the end of the answer's beginning")
        turn.blocks[-1] = last | {"text": last["text"].rstrip()}


def _role(message: Message) -> _TurnRole:
    if message.role == "assistant":
        return "assistant"
    if message.role in ("system", "developer") and form_of(message.vendor, "role") == "system":
        return "system"
    return "user"


def _check_parts(message: Message, role: _TurnRole, place: str) -> None:
    """Raise UnsupportedFeature for a part that a message of this role cannot hold."""
    said = role == "assistant"
    barred = _NEVER_SAID if said else _ONLY_SAID
    if barred.isdisjoint(map(type, message.parts)):
        return
    number = next(number for number, part in enumerate(message.parts) if type(part) in barred)
    text = "The assistant's words can hold no images, documents or results."
    raise UnsupportedFeature(
        text if said else f"A message with role {message.role} cannot hold this part.",
        param=f"{place}.parts[{number}]",
    )


def _encode_parts(parts: tuple[Part, ...], losses: Losses, place: str, *, only_text: bool) -> list[Json]:
    blocks = []
    for number, part in enumerate(parts):
        where = f"{place}.parts[{number}]"
        if only_text and not isinstance(part, (TextPart, OpaquePart)):
            raise UnsupportedFeature("A system message can hold only text.", param=where)
        if isinstance(part, AudioPart) and part.transcript is not None:
            losses.add(where, "the sound; its transcript is sent")
            part = TextPart(part.transcript, part.vendor)
        block = encode_block(part, losses, where)
        if block is not None:
            blocks.append(block)
    return blocks


def _lose_name(message: Message, losses: Losses, place: str) -> None:
    if message.name is not None:
        losses.add(place, f"the participant's name {message.name}")
