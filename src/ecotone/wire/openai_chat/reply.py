"""Chat Completions replies: `CreateChatCompletionResponse` of the OpenAI description, read and written."""

from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    ImagePart,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import UpstreamMalformed
from ecotone.values.reply import Choice, FinishReason, Reply, TokenLogprob
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.losses import Losses
from ecotone.wire.openai_chat.parts import (
    ContentPart,
    decode_content,
    decode_image,
    decode_reasoning,
    decode_tool_call,
    encode_part,
    encode_tool_call,
    join_reasoning,
    take_arguments,
)
from ecotone.wire.openai_chat.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.openai_error import decode_error_object
from ecotone.wire.openai_usage import decode_usage, encode_usage

_decoder = msgspec.json.Decoder()

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # Not in the description: TGI, Together, Mistral.
    "eos_token": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "model_length": "length",
}
_OFFICIAL = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})


def malformed(message: str, place: str) -> UpstreamMalformed:
    """The error for a reply or chunk that is not in this wire's format; the message names the place."""
    del place
    return UpstreamMalformed(f"The upstream's reply cannot be read: {message}")


def decode_reply(body: bytes) -> Reply:
    """The whole reply of an upstream. Raises UpstreamMalformed, and what `decode_error_object` finds in an error."""
    try:
        decoded = _decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None
    if isinstance(decoded, dict) and decoded.get("error") and not decoded.get("choices"):
        raise decode_error_object(decoded, raw=body)
    fields = Fields(decoded, "", malformed)
    if fields.look("choices") is None:
        raise fields.wrong("choices", "a list; it is missing")
    fields.take("object")
    choices = [_decode_choice(choice, number) for number, choice in enumerate(fields.each("choices"))]
    usage = fields.apart("usage")
    return Reply(
        choices=tuple(sorted(choices, key=lambda choice: choice.index)),
        id=fields.text("id") or None,
        model=fields.text("model") or None,
        created=fields.time("created"),
        usage=decode_usage(usage, NAME) if usage is not None else None,
        vendor=make_vendor(fields.rest()),
    )


def _decode_choice(fields: Fields, number: int) -> Choice:
    message = fields.need_child("message")
    message.take("role")
    parts: list[ReplyPart] = [*decode_reasoning(message)]
    empty = message.look("content") == ""
    parts += take_content(message)
    refusal = message.text("refusal")
    if refusal:
        parts.append(RefusalPart(refusal))
    audio = message.child("audio")
    if audio is not None:
        parts.append(_decode_audio(audio))
    parts += [decode_image(image) for image in message.each("images")]
    parts += [decode_tool_call(call) for call in message.each("tool_calls")]
    legacy = message.child("function_call")
    if legacy is not None:
        name = legacy.need_text("name")
        vendor = make_vendor({}, at="function_call")
        parts.append(ToolCallPart(f"call_0_{name}", name, take_arguments(legacy), vendor=vendor))
    index = fields.integer("index")
    content, refused = take_logprobs(fields)
    reason, raw = take_finish(fields)
    return Choice(
        index=number if index is None else index,
        parts=tuple(parts),
        finish=reason,
        raw_finish=raw,
        logprobs=content,
        refusal_logprobs=refused,
        vendor=make_vendor(fields.rest(), content="empty" if empty else None),
    )


def take_content(message: Fields) -> list[TextPart | ReasoningPart | RefusalPart | ImagePart | OpaquePart]:
    """The content of a reply's message or delta: text, or a list with reasoning among it. Empty text is none."""
    parts: list[TextPart | ReasoningPart | RefusalPart | ImagePart | OpaquePart] = []
    for number, part in enumerate(decode_content(message)):
        if isinstance(part, TextPart) and not part.text and not part.vendor:
            continue
        if not isinstance(part, TextPart | ReasoningPart | RefusalPart | ImagePart | OpaquePart):
            raise message.wrong(f"content[{number}]", "text, reasoning, a refusal or an image")
        parts.append(part)
    return parts


def _decode_audio(audio: Fields) -> AudioPart:
    return AudioPart(
        data=audio.text("data") or None,
        id=audio.text("id") or None,
        transcript=audio.text("transcript") or None,
        expires_at=audio.integer("expires_at") or None,
    )


def take_finish(fields: Fields) -> tuple[FinishReason | None, str | None]:
    """Why a choice ended and the upstream's own word for it; None twice while it has not."""
    raw = fields.text("finish_reason")
    return (_REASONS.get(raw, "unknown"), raw) if raw else (None, None)


def encode_finish(reason: FinishReason | None, raw: str | None) -> str | None:
    """The word on this wire. An upstream's own word is kept if it is one of this wire's, or if nothing is known of it.

    What this wire has no word for: a refusal is `content_filter`, as its content was withheld; a pause is `length`,
    as the answer is incomplete and may be continued.
    """
    if raw is not None and raw in _OFFICIAL and _REASONS[raw] == reason:
        return raw
    match reason:
        case "refusal":
            return "content_filter"
        case "pause":
            return "length"
        case "unknown":
            return raw or "unknown"
    return reason


def take_logprobs(fields: Fields) -> tuple[tuple[TokenLogprob, ...] | None, tuple[TokenLogprob, ...] | None]:
    """`logprobs.content` and `logprobs.refusal`, None for the one that is not there."""
    logprobs = fields.child("logprobs")
    if logprobs is None:
        return None, None
    return _decode_logprobs(logprobs, "content"), _decode_logprobs(logprobs, "refusal")


def _decode_logprobs(logprobs: Fields, name: str) -> tuple[TokenLogprob, ...] | None:
    items = logprobs.items(name)
    if items is None:
        return None
    return tuple(_decode_logprob(logprobs.element(name, number, item)) for number, item in enumerate(items))


def _decode_logprob(fields: Fields) -> TokenLogprob:
    logprob = fields.number("logprob")
    if logprob is None:
        raise fields.wrong("logprob", "a number; it is missing")
    spelt = fields.items("bytes")
    if spelt is not None and not all(type(byte) is int for byte in spelt):
        raise fields.wrong("bytes", "a list of whole numbers")
    return TokenLogprob(
        token=fields.need_text("token"),
        logprob=logprob,
        bytes=None if spelt is None else tuple(spelt),
        top=tuple(_decode_logprob(other) for other in fields.each("top_logprobs")),
    )


def encode_logprobs(
    content: tuple[TokenLogprob, ...] | None, refusal: tuple[TokenLogprob, ...] | None
) -> dict[str, Any] | None:
    """The value of `logprobs`."""
    if content is None and refusal is None:
        return None
    return {
        "content": None if content is None else [_encode_logprob(token) | _encode_top(token) for token in content],
        "refusal": None if refusal is None else [_encode_logprob(token) | _encode_top(token) for token in refusal],
    }


def _encode_logprob(token: TokenLogprob) -> Json:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def _encode_top(token: TokenLogprob) -> Json:
    return {"top_logprobs": [_encode_logprob(other) for other in token.top]}


def encode_reply(reply: Reply, request: ChatRequest) -> bytes:
    """The whole reply for the client that sent `request`, of which it need not repeat anything.

    Where `id`, `model` or `created` are unknown they are empty or 0, as Azure writes them. Several texts become one
    string, several pieces of reasoning too; a part that only another wire knows is left out.
    """
    del request
    body: Json = {
        "id": reply.id or "",
        "object": "chat.completion",
        "created": reply.created or 0,
        "model": reply.model or "",
        "choices": [_encode_choice(choice) for choice in reply.choices],
    }
    usage = encode_usage(reply.usage, NAME) if reply.usage is not None else None
    if usage is not None:
        body["usage"] = usage
    add_rest(body, rest_of(reply.vendor))
    return msgspec.json.encode(body)


def _encode_choice(choice: Choice) -> Json:
    encoded: Json = {
        "index": choice.index,
        "message": _encode_message(choice),
        "logprobs": encode_logprobs(choice.logprobs, choice.refusal_logprobs),
        "finish_reason": encode_finish(choice.finish, choice.raw_finish),
    }
    add_rest(encoded, rest_of(choice.vendor))
    return encoded


def _encode_message(choice: Choice) -> Json:
    content: list[ContentPart] = []
    reasoning: list[ReasoningPart] = []
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    losses = Losses(NAME)
    for part in choice.parts:
        match part:
            case ReasoningPart() if form_of(part.vendor, "at") != "content":
                reasoning.append(part)
            case RefusalPart() if form_of(part.vendor, "at") != "content":
                message["refusal"] = (message["refusal"] or "") + part.text
            case AudioPart():
                message["audio"] = _encode_audio(part)
            case ImagePart():
                message.setdefault("images", []).append(encode_part(part, losses, "images"))
            case ToolCallPart() if form_of(part.vendor, "at") == "function_call":
                message["function_call"] = {"name": part.name, "arguments": part.arguments}
            case ToolCallPart():
                call = encode_tool_call(part, losses, "tool_calls", to_client=True)
                message.setdefault("tool_calls", []).append(call)
            case OpaquePart() if part.wire != NAME:
                continue
            case TextPart() | ReasoningPart() | RefusalPart() | OpaquePart():
                content.append(part)
    if all(isinstance(part, TextPart) and not rest_of(part.vendor) for part in content):
        texts = [part.text for part in content if isinstance(part, TextPart)]
        empty = "" if form_of(choice.vendor, "content") == "empty" else None
        message["content"] = "".join(texts) if texts else empty
    else:
        message["content"] = [encode_part(part, losses, "content", to_client=True) for part in content]
    return message | join_reasoning(reasoning, to_client=True)


def _encode_audio(part: AudioPart) -> Json:
    """The spoken answer. The description requires all four fields."""
    return {
        "id": part.id or "",
        "data": part.data or "",
        "expires_at": part.expires_at or 0,
        "transcript": part.transcript or "",
    }
