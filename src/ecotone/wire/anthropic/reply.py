"""Messages replies: `Message` of the official SDK, read and written."""

import msgspec

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import UpstreamMalformed
from ecotone.values.reply import Choice, FinishReason, Reply
from ecotone.wire.anthropic.blocks import UNSIGNED, call_rest, client_id, decode_block, read_arguments, thinking_block
from ecotone.wire.anthropic.error import decode_error_object
from ecotone.wire.anthropic.usage import decode_usage, encode_usage
from ecotone.wire.anthropic.vendor import NAME, make_vendor, rest_of, said
from ecotone.wire.envelope import sealed_signature
from ecotone.wire.fields import Fields, add_rest

_decoder = msgspec.json.Decoder()

REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    # Of the beta: the conversation so far has been summed up, and the turn goes on with the next request.
    "compaction": "pause",
    "refusal": "refusal",
}
_WORDS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "content_filter": "refusal",
}


def malformed(message: str, place: str) -> UpstreamMalformed:
    """The error for a reply or event that is not in this wire's format; the message names the place."""
    del place
    return UpstreamMalformed(f"The upstream's reply cannot be read: {message}")


def decode_reply(body: bytes) -> Reply:
    """The whole reply of an upstream. Raises UpstreamMalformed, and what `decode_error_object` finds in an error."""
    try:
        decoded = _decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None
    if isinstance(decoded, dict) and decoded.get("error"):
        raise decode_error_object(decoded, raw=body)
    fields = Fields(decoded, "", malformed)
    if fields.look("content") is None:
        raise fields.wrong("content", "a list of blocks; it is missing")
    parts = tuple(part for block in fields.each("content") if (part := _decode_part(block)) is not None)
    reason, raw = take_reason(fields)
    ending = said({name: fields.take(name) for name in ("stop_sequence", "stop_details")})
    usage = fields.apart("usage")
    fields.take("type")
    fields.take("role")
    return Reply(
        choices=(Choice(0, parts, reason, raw, vendor=make_vendor(ending)),),
        id=fields.text("id") or None,
        model=fields.text("model") or None,
        usage=decode_usage(usage) if usage is not None else None,
        vendor=make_vendor(said(fields.rest())),
    )


def _decode_part(block: Fields) -> ReplyPart | None:
    """One block of a reply, None for an empty text."""
    part = decode_block(block, from_client=False)
    if isinstance(part, TextPart) and not part.text and not part.vendor:
        return None
    if isinstance(part, TextPart | ReasoningPart | ToolCallPart | OpaquePart):
        return part
    raise block.wrong("type", "that of a block that a model can write")


def take_reason(fields: Fields) -> tuple[FinishReason | None, str | None]:
    """Why the answer ended and the vendor's word for it; None twice while it has not."""
    raw = fields.text("stop_reason")
    return (REASONS.get(raw, "unknown"), raw) if raw else (None, None)


def stop_reason(reason: FinishReason | None, raw: str | None, *, calls: bool, refused: bool) -> str | None:
    """The word on this wire. A word of this wire is kept, and one of which nothing is known.

    `calls` and `refused` say what the answer holds: others end such answers with "stop", this vendor never does.
    """
    if raw is not None and REASONS.get(raw) == reason:
        return raw
    if reason is None or reason == "unknown":
        return raw if reason is None or raw else "end_turn"
    if reason == "stop" and (calls or refused):
        return "tool_use" if calls else "refusal"
    return _WORDS[reason]


def encode_reply(reply: Reply, request: ChatRequest) -> bytes:
    """The whole reply for the client that sent `request`, of which it need not repeat anything.

    There is one answer on this wire; others, log probabilities, images and parts that only another wire knows are left
    out.
    """
    del request
    choice = reply.choices[0] if reply.choices else Choice(0, ())
    word = stop_reason(
        choice.finish,
        choice.raw_finish,
        calls=any(isinstance(part, ToolCallPart) for part in choice.parts),
        refused=any(isinstance(part, RefusalPart) for part in choice.parts),
    )
    body: Json = {
        "id": reply.id or "",
        "type": "message",
        "role": "assistant",
        "model": reply.model or "",
        "content": [block for part in choice.parts if (block := _encode_part(part)) is not None],
        "stop_reason": word,
        "stop_sequence": None,
    }
    body |= rest_of(choice.vendor)
    body["usage"] = encode_usage(reply.usage)
    add_rest(body, rest_of(reply.vendor))
    return msgspec.json.encode(body)


def _encode_part(part: ReplyPart) -> Json | None:
    """The block that says `part` to a client, None for what is left out."""
    encoded: Json
    match part:
        case TextPart() | RefusalPart():
            encoded = {"type": "text", "text": part.text}
        case AudioPart(transcript=str(transcript)):
            encoded = {"type": "text", "text": transcript}
        case ReasoningPart():
            signature = sealed_signature(part, NAME)
            encoded = thinking_block(part, UNSIGNED if signature is None else signature)
        case ToolCallPart():
            arguments = read_arguments(part)
            given = {"arguments": part.arguments} if arguments is None else arguments
            encoded = {"type": "tool_use", "id": client_id(part), "name": part.name, "input": given}
            encoded |= call_rest(part.vendor)
        case OpaquePart(wire="anthropic"):
            encoded = dict(part.data)
        case _:
            return None
    add_rest(encoded, rest_of(part.vendor))
    return encoded
