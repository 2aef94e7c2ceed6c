"""A conversation: `contents` and `systemInstruction` of a request.

A turn of calls follows a user's turn and is followed by a turn with a response to each; in what is written here that
holds wherever it held in the conversation. Clients keep each chunk of a stream as a content of its own
(`google.genai.chats`), so contents of the model that follow one another are read as one message.
"""

import re
from collections.abc import Iterator

import msgspec

from ecotone.values.chat import (
    Json,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ecotone.values.errors import MalformedRequest, UnsupportedFeature
from ecotone.wire.envelope import open_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.parts import (
    call_arguments,
    decode_call,
    decode_result,
    decode_said,
    encode_call,
    encode_part,
    encode_result,
    is_nothing,
    put_signatures_back,
    stand_in_missing,
)
from ecotone.wire.gemini.vendor import NAME, form_of, make_vendor
from ecotone.wire.losses import Losses

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "tool", "tool": "tool"}
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]")


def made_id(*words: str | int) -> str:
    """An id for a call that has none, in the letters that every wire's ids may have."""
    return "_".join(["call", *(_NOT_IN_IDS.sub("-", str(word)) for word in words)])


class _Calls:
    """The calls so far, and which of them have no response yet. A response without an id answers the first of its name
    that waits."""

    def __init__(self) -> None:
        self._count = 0
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def next_id(self, name: str) -> str:
        return made_id(self._count, name)

    def add(self, call: ToolCallPart) -> None:
        self._count += 1
        self._names[call.id] = call.name
        self._waiting.append(call.id)

    def answered(self, given: str | None, name: str) -> tuple[str, str | None]:
        """The id of the call that a response answers, and the call's name, None where there is no such call."""
        identity = given or next((waits for waits in self._waiting if self._names[waits] == name), None)
        if identity is None:
            return made_id(self._count, name, "unknown"), None
        if identity in self._waiting:
            self._waiting.remove(identity)
        return identity, self._names.get(identity)

    def forget_waiting(self) -> None:
        """What has not been answered before the model speaks again never will be."""
        self._waiting.clear()


def decode_contents(body: Fields) -> tuple[Message, ...]:
    """The messages of a conversation."""
    if not body.look("contents"):
        raise body.wrong("contents", "a list with at least one content")
    calls = _Calls()
    messages: list[Message] = []
    pieces: list[Message] = []
    for fields in body.each("contents"):
        if not pieces and fields.look("role") == "model":
            calls.forget_waiting()
        message = _decode_content(fields, calls)
        if pieces and not (message.role == "assistant" and not message.vendor and not pieces[-1].vendor):
            messages.append(_joined(pieces))
            pieces = []
        if message.role == "assistant":
            pieces.append(message)
        else:
            messages.append(message)
    if pieces:
        messages.append(_joined(pieces))
    return tuple(messages)


def _joined(pieces: list[Message]) -> Message:
    """One turn of the model. Another vendor's signature comes after all the words that it signs."""
    if len(pieces) == 1 and ReasoningPart not in map(type, pieces[0].parts):
        return pieces[0]
    parts = [part for piece in pieces for part in piece.parts]
    whole = _with_whole_thoughts(parts)
    if len(pieces) == 1:
        return pieces[0] if len(whole) == len(parts) else msgspec.structs.replace(pieces[0], parts=tuple(whole))
    borders = [len(piece.parts) for piece in pieces] if len(whole) == len(parts) else None
    return Message("assistant", tuple(whole), vendor=make_vendor({}, contents=borders))


def _with_whole_thoughts(parts: list[Part]) -> list[Part]:
    whole: list[Part] = []
    for part in parts:
        if isinstance(part, ReasoningPart) and part.wire not in (None, NAME):
            texts = [part.text]
            while whole and isinstance(whole[-1], ReasoningPart) and whole[-1].wire is None:
                before = whole.pop()
                texts.insert(0, before.text if isinstance(before, ReasoningPart) else "")
            part = msgspec.structs.replace(part, text="".join(texts))
        whole.append(part)
    return whole


def _decode_content(fields: Fields, calls: _Calls) -> Message:
    said = fields.text("role")
    role = _ROLES.get((said or "user").lower())
    if role is None:
        raise fields.wrong("role", '"user" or "model"')
    parts: list[Part] = []
    kinds: set[type] = set()
    for inner in fields.each("parts"):
        text = inner.only_text("text")
        if text is None:
            decoded = _decode_part(inner, role, kinds, calls)
            kinds.update(map(type, decoded))
            parts += decoded
        elif text or role != "assistant":
            # A stream ends with empty text, which clients keep; other vendors refuse it.
            parts.append(TextPart(text))
    usual = "model" if role == "assistant" else "user"
    if role != "assistant":
        role = "tool" if set(map(type, parts)) == {ToolResultPart} else "user"
    rest = fields.rest()
    vendor = make_vendor(rest) if said == usual else make_vendor(rest, role=said or "")
    return Message(role, tuple(parts), vendor=vendor)


def _decode_part(fields: Fields, role: Role, before: set[type], calls: _Calls) -> list[Part]:
    """`before` are the types of the parts before it in its content."""
    about: Json
    call = fields.look("functionCall")
    if call is not None:
        if role != "assistant":
            raise fields.wrong("functionCall", "in a content whose role is `model`")
        about = call if isinstance(call, dict) else {}
        made = "" if about.get("id") else calls.next_id(str(about.get("name")))
        decoded = decode_call(fields, made, first=ToolCallPart not in before)
        calls.add(decoded)
        return [decoded]
    response = fields.look("functionResponse")
    if response is not None:
        if role == "assistant":
            raise fields.wrong("functionResponse", "in a content whose role is `user`")
        about = response if isinstance(response, dict) else {}
        given = about.get("id")
        plain = open_id(given)[0] if isinstance(given, str) and given else None
        identity, name = calls.answered(plain, str(about.get("name") or ""))
        return [decode_result(fields, identity, name)]
    spoken = decode_said(fields, thoughts_shown=ReasoningPart in before and role == "assistant")
    return [part for part in spoken if role != "assistant" or not is_nothing(part)]


def decode_system(body: Fields) -> tuple[Message, ...]:
    """`systemInstruction`: one message, or none."""
    fields = body.apart("systemInstruction")
    if fields is None:
        return ()
    role = fields.text("role")
    parts = []
    for number, inner in enumerate(fields.each("parts")):
        text = inner.text("text")
        if text is None:
            raise fields.wrong(f"parts[{number}]", "text; a system instruction takes no other parts")
        parts.append(TextPart(text, make_vendor(inner.rest())))
    return (Message("system", tuple(parts), vendor=make_vendor(fields.rest(), role=role)),)


def encode_system(messages: tuple[Message, ...], losses: Losses) -> Json | None:
    """One instruction with the parts of all leading messages, None where there are none."""
    parts: list[Json] = []
    content: Json = {"parts": parts}
    for number, message in enumerate(messages):
        place = f"system[{number}]"
        _drop_name(message, losses, place)
        if message.role == "developer":
            losses.add(place, "that a developer speaks; sent as the system's instruction")
        for part in message.parts:
            encoded = encode_part(part, losses, place)
            if encoded is not None:
                parts.append(encoded)
        role = form_of(message.vendor, "role")
        if role is not None:
            content["role"] = role
        add_rest(content, losses.rest(message.vendor, place))
    if len(messages) > 1:
        losses.add("system", "the borders between instructions; they are sent as one")
    return content if parts else None


def _drop_name(message: Message, losses: Losses, place: str) -> None:
    if message.name is not None:
        losses.add(place, "the participant's name")


class _Turn:
    """A content being written."""

    __slots__ = ("ids", "parts", "rest", "role")

    def __init__(self, role: str, rest: Json) -> None:
        self.role = role
        self.parts: list[Json] = []
        self.rest = rest
        # Ids of the calls in this turn, or of the calls that are answered in it, part by part.
        self.ids: list[str] = []

    @property
    def has_calls(self) -> bool:
        return bool(self.ids) and self.role == "model"

    @property
    def only_responds(self) -> bool:
        return bool(self.parts) and len(self.ids) == len(self.parts) and self.role != "model"


def encode_contents(messages: tuple[Message, ...], losses: Losses) -> list[Json]:
    """The contents that say these messages."""
    turns: list[_Turn] = []
    names: dict[str, str] = {}
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        _drop_name(message, losses, place)
        for turn in _turns_of(message, names, losses, place):
            last = turns[-1] if turns else None
            if last is not None and _is_one_turn(last, turn):
                last.parts += turn.parts
                last.ids += turn.ids
            elif turn.parts:
                turns.append(turn)
    order: list[str] = []
    contents = []
    for number, turn in enumerate(turns):
        if turn.role == "model":
            order = turn.ids
            if stand_in_missing(turn.parts) is not None:
                losses.add(f"contents[{number}]", "the signature that another vendor's call lacks; a stand-in is sent")
        elif len(turn.ids) > 1 and turn.only_responds:
            ranks = {identity: rank for rank, identity in enumerate(order)}
            placed = sorted(zip(turn.ids, turn.parts, strict=True), key=lambda one: ranks.get(one[0], len(ranks)))
            turn.parts = [part for _, part in placed]
        content: Json = {"role": turn.role, "parts": turn.parts} if turn.role else {"parts": turn.parts}
        if turn.rest:
            add_rest(content, turn.rest)
        contents.append(content)
    return contents


def _is_one_turn(last: _Turn, turn: _Turn) -> bool:
    """Whether the API wants these as one content: calls beside what the model said, responses beside one another."""
    if turn.rest or last.role != turn.role:
        return False
    if turn.role == "model":
        return last.has_calls or turn.has_calls
    return last.only_responds and turn.only_responds


def _turns_of(message: Message, names: dict[str, str], losses: Losses, place: str) -> Iterator[_Turn]:
    rest = losses.rest(message.vendor, place)
    said = message.role == "assistant"
    usual = "model" if said else "user"
    role = form_of(message.vendor, "role")
    if message.role in ("system", "developer"):
        losses.add(place, f"that the {message.role} speaks, after the conversation has begun; sent as the user's words")
    start = 0
    borders = form_of(message.vendor, "contents") or [len(message.parts)]
    for count in borders:
        turn = _Turn(usual if role is None else role, rest)
        signatures_alone: list[int] = []
        for number, part in enumerate(message.parts[start : start + count], start):
            where = f"{place}.parts[{number}]"
            if said and isinstance(part, ToolCallPart):
                names[part.id] = part.name
                turn.ids.append(part.id)
                turn.parts.append(_encode_call(part, losses, where))
            elif not said and isinstance(part, ToolResultPart):
                turn.ids.append(part.tool_call_id)
                turn.parts.append(encode_result(part, _name_of(part, names, where), losses, where))
            else:
                encoded = encode_part(part, losses, where)
                if encoded is None or (said and encoded == {"text": ""} and isinstance(part, TextPart)):
                    continue
                if isinstance(part, ReasoningPart) and form_of(part.vendor, "at") == "text":
                    signatures_alone.append(len(turn.parts))
                turn.parts.append(encoded)
        if signatures_alone:
            put_signatures_back(turn.parts, signatures_alone)
        start += count
        yield turn


def _encode_call(part: ToolCallPart, losses: Losses, place: str) -> Json:
    losses.rest(part.vendor, place)
    if part.kind == "custom":
        losses.add(place, "that the call's input is free text; sent as an object with an `input`")
        return encode_call(part, part.id, {"input": part.arguments})
    arguments = call_arguments(part.arguments)
    if arguments is None:
        losses.add(place, "arguments that are no JSON object; sent as an object with an `input`")
        arguments = {"input": part.arguments}
    return encode_call(part, part.id, arguments)


def _name_of(result: ToolResultPart, names: dict[str, str], place: str) -> str:
    """The name of the function that was called: this wire wants it with the response."""
    name = names.get(result.tool_call_id) or form_of(result.vendor, "name")
    if not name:
        raise MalformedRequest(
            f"The tool result for `{result.tool_call_id}` answers no call that precedes it.", param=place
        )
    return str(name)


def require_contents(contents: list[Json]) -> None:
    """Raises UnsupportedFeature where nothing is left to be sent."""
    if not contents:
        raise UnsupportedFeature("This wire needs a message with something in it beside the system's.")
