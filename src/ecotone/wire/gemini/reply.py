"""generateContent replies: `GenerateContentResponse` of the SDK's types, read and written.

A blocked prompt is no error: the reply has no candidates, and is read as one choice that a content filter ended.
"""

import re
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from typing import Any

import msgspec

from ecotone.values.chat import (
    AudioPart,
    ChatRequest,
    DocumentPart,
    ImagePart,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    TextPart,
    ToolCallPart,
)
from ecotone.values.errors import UnsupportedFeature, UpstreamMalformed
from ecotone.values.reply import Choice, FinishReason, Reply, TokenLogprob
from ecotone.wire.envelope import seal_id
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.gemini.contents import made_id
from ecotone.wire.gemini.error import decode_error_object
from ecotone.wire.gemini.finish import MALFORMED_CALL, decode_finish, encode_finish
from ecotone.wire.gemini.media import encode_media
from ecotone.wire.gemini.parts import (
    Said,
    call_arguments,
    decode_call,
    decode_said,
    encode_call,
    is_nothing,
    put_signatures_back,
    stand_in_missing,
    thought,
)
from ecotone.wire.gemini.signatures import signature_for_client
from ecotone.wire.gemini.usage import decode_usage, encode_usage
from ecotone.wire.gemini.vendor import NAME, form_of, make_vendor, rest_of
from ecotone.wire.losses import Losses

_decoder = msgspec.json.Decoder()
# What has none of these is no reply.
_MARKS = frozenset({"candidates", "promptFeedback", "usageMetadata"})
_FRACTION = re.compile(r"\.\d+")


def malformed(message: str, place: str) -> UpstreamMalformed:
    """The error for a reply or chunk that is not in this wire's format; the message names the place."""
    del place
    return UpstreamMalformed(f"The upstream's reply cannot be read: {message}")


def decode_reply(body: bytes) -> Reply:
    """The whole reply of an upstream. Raises UpstreamMalformed, and what `decode_error_object` finds in an error."""
    try:
        decoded = _decoder.decode(body)
        if isinstance(decoded, dict) and decoded.get("error"):
            raise decode_error_object(decoded, raw=body)
        return _decode(Fields(decoded, "", malformed))
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None


def _decode(fields: Fields) -> Reply:
    if not any(fields.look(name) is not None for name in _MARKS):
        raise fields.wrong("candidates", "a list; it is missing")
    if not fields.look("candidates") and fields.look("promptFeedback") is None:
        raise fields.wrong("candidates", "a list with an answer; nothing says why there is none")
    identity = fields.text("responseId") or None
    choices = [_decode_candidate(one, number, identity) for number, one in enumerate(fields.each("candidates"))]
    usage = fields.apart("usageMetadata")
    created, form = take_time(fields)
    return Reply(
        choices=tuple(sorted(choices, key=lambda choice: choice.index)) or (no_choice(fields),),
        id=identity,
        model=fields.text("modelVersion") or None,
        created=created,
        usage=decode_usage(usage) if usage is not None else None,
        vendor=make_vendor(fields.rest(), createTime=form),
    )


def take_time(fields: Fields) -> tuple[int | None, str | None]:
    """`createTime` in whole seconds, and as it was where it was more precise. What is no time stays in its place."""
    text = fields.look("createTime")
    if not isinstance(text, str):
        return None, None
    try:
        # Up to nanoseconds, which Python cannot read.
        moment = datetime.fromisoformat(_FRACTION.sub("", text))
        if moment.tzinfo is None:
            return None, None
        seconds = int(moment.timestamp())
        usual = _time(seconds)
    except (ValueError, OverflowError):
        return None, None
    fields.take("createTime")
    return seconds, text if text != usual else None


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def no_choice(fields: Fields) -> Choice:
    """What stands for a reply without candidates: the prompt was blocked, or nothing came. `promptFeedback` stays."""
    feedback = fields.look("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    vendor = make_vendor({}, candidates="none")
    if isinstance(reason, str) and reason:
        return Choice(0, (), "content_filter", reason, vendor=vendor)
    return Choice(0, (), "unknown", vendor=vendor)


def _decode_candidate(fields: Fields, number: int, reply_id: str | None) -> Choice:
    index = fields.integer("index")
    index = number if index is None else index
    parts: list[ReplyPart] = []
    kinds: set[type] = set()
    content = fields.child("content")
    if content is not None:
        content.take("role")
        for inner in content.each("parts"):
            decoded = decode_reply_part(inner, kinds, reply_id, index, number=len(parts))
            kinds.update(map(type, decoded))
            parts += decoded
    raw = fields.text("finishReason") or None
    called = ToolCallPart in kinds
    logprobs = take_logprobs(fields)
    return Choice(
        index=index,
        parts=tuple(parts),
        finish=None if raw is None else decode_finish(raw, called=called),
        raw_finish=raw,
        logprobs=logprobs,
        vendor=make_vendor(fields.rest()),
    )


def decode_reply_part(
    fields: Fields, before: Set[type], reply_id: str | None, choice: int, *, number: int
) -> list[ReplyPart]:
    """What a part of a reply is, after parts of the types in `before`; empty text is nothing. `number` is for a call
    without id."""
    if fields.look("functionCall") is not None:
        return [decode_call(fields, call_id(reply_id, choice, number), first=ToolCallPart not in before)]
    shown = ReasoningPart in before
    return [part for part in _of_reply(decode_said(fields, thoughts_shown=shown)) if not is_nothing(part)]


def call_id(reply_id: str | None, choice: int, part: int) -> str:
    """The id of a call that the upstream gave none."""
    words: list[str | int] = [] if reply_id is None else [reply_id]
    return made_id(*words, *([choice] if choice else []), part)


def _of_reply(said: list[Said]) -> Iterator[ReplyPart]:
    """These parts; a document, which replies have no value for, is kept for this wire."""
    for part in said:
        if isinstance(part, DocumentPart):
            yield OpaquePart(NAME, encode_media(part, Losses(NAME), ""))
        else:
            yield part


def take_logprobs(fields: Fields) -> tuple[TokenLogprob, ...] | None:
    """`logprobsResult`: the tokens chosen, each with the likeliest in its place. Ids of tokens are dropped."""
    result = fields.child("logprobsResult")
    if result is None:
        return None
    tops = [tuple(_decode_token(one) for one in top.each("candidates")) for top in result.each("topCandidates")]
    chosen = [_decode_token(one) for one in result.each("chosenCandidates")]
    return tuple(
        msgspec.structs.replace(token, top=tops[number]) if number < len(tops) else token
        for number, token in enumerate(chosen)
    )


def _decode_token(fields: Fields) -> TokenLogprob:
    logprob = fields.number("logProbability")
    # What is 0, or empty, the vendor may leave out.
    return TokenLogprob(fields.text("token") or "", 0.0 if logprob is None else logprob)


def encode_logprobs(tokens: tuple[TokenLogprob, ...]) -> Json:
    """The value of `logprobsResult`."""
    result: Json = {"chosenCandidates": [_encode_token(token) for token in tokens]}
    if any(token.top for token in tokens):
        result["topCandidates"] = [{"candidates": [_encode_token(one) for one in token.top]} for token in tokens]
    return result


def _encode_token(token: TokenLogprob) -> Json:
    return {"token": token.token, "logProbability": token.logprob}


def encode_reply(reply: Reply, request: ChatRequest) -> bytes:
    """The whole reply for the client that sent `request`, of which it need not repeat anything.

    A refusal is text. A call whose arguments are no JSON object is told of as the vendor tells of its own. A part that
    only another wire knows is left out.
    """
    del request
    body: Json = {}
    choices = [choice for choice in reply.choices if form_of(choice.vendor, "candidates") != "none"]
    if choices:
        body["candidates"] = [_encode_candidate(choice) for choice in choices]
    if reply.usage is not None:
        usage = encode_usage(reply.usage)
        if usage:
            body["usageMetadata"] = usage
    body |= encode_head(reply.id, reply.model, reply.created, form_of(reply.vendor, "createTime"))
    add_rest(body, rest_of(reply.vendor))
    if not body.keys() & _MARKS:
        body["candidates"] = []
    return msgspec.json.encode(body)


def encode_head(identity: str | None, model: str | None, created: int | None, time: str | None) -> Json:
    """The fields that name the reply, the model and the time, as far as they are known."""
    head: Json = {}
    if created is not None:
        head["createTime"] = time or _time(created)
    if model is not None:
        head["modelVersion"] = model
    if identity is not None:
        head["responseId"] = identity
    return head


def _encode_candidate(choice: Choice) -> Json:
    parts: list[Json] = []
    alone: list[int] = []
    broken: str | None = None
    for part in choice.parts:
        encoded = encode_reply_part(part)
        if encoded is None:
            if isinstance(part, ToolCallPart):
                broken = f"Malformed function call: {part.name}({part.arguments})"
            continue
        if isinstance(part, ReasoningPart) and form_of(part.vendor, "at") == "text":
            alone.append(len(parts))
        parts.append(encoded)
    put_signatures_back(parts, alone)
    stand_in_missing(parts)
    encoded = {"content": {"parts": parts, "role": "model"}}
    encoded |= encode_end(choice.finish, choice.raw_finish, broken)
    if choice.logprobs is not None:
        encoded["logprobsResult"] = encode_logprobs(choice.logprobs)
    encoded["index"] = choice.index
    add_rest(encoded, rest_of(choice.vendor))
    return encoded


def encode_end(reason: FinishReason | None, raw: str | None, broken: str | None) -> Json:
    """The fields that say why a choice ended; `broken` tells of a call that could not be given on."""
    if reason is None:
        return {}
    if broken is not None and reason in ("tool_calls", "stop"):
        return {"finishReason": MALFORMED_CALL, "finishMessage": broken}
    return {"finishReason": encode_finish(reason, raw)}


def encode_reply_part(part: ReplyPart) -> Json | None:
    """The part of a reply for a client, None where this wire cannot say it."""
    encoded: dict[str, Any]
    match part:
        case TextPart() | RefusalPart():
            encoded = {"text": part.text}
        case ReasoningPart():
            encoded = thought(part.text, signature_for_client(part), part.vendor)
        case ToolCallPart():
            return _encode_call(part)
        case AudioPart(data=None):
            encoded = {"text": part.transcript or ""}
        case ImagePart() | AudioPart():
            return _encode_media(part)
        case OpaquePart():
            if part.wire != NAME:
                return None
            encoded = dict(part.data)
    add_rest(encoded, rest_of(part.vendor))
    return encoded


def _encode_media(part: ImagePart | AudioPart) -> Json | None:
    try:
        return encode_media(part, Losses(NAME), "")
    except UnsupportedFeature:
        return None


def _encode_call(part: ToolCallPart) -> Json | None:
    arguments = {"input": part.arguments} if part.kind == "custom" else call_arguments(part.arguments)
    return None if arguments is None else encode_call(part, seal_id(part.id, part.vendor, NAME), arguments)
