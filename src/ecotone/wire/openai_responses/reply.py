"""Responses replies: `Response` of the SDK, read and written."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ecotone.values.chat import ChatRequest, Json, ReasoningPart, ReplyPart, ToolCallPart, Vendor
from ecotone.values.errors import UpstreamFailed, UpstreamMalformed
from ecotone.values.reply import Choice, Reply, TokenLogprob
from ecotone.wire.fields import Fields
from ecotone.wire.openai_responses.error import decode_failure
from ecotone.wire.openai_responses.items import ItemIds, Spoken, decode_item
from ecotone.wire.openai_responses.namespaces import Namespaces
from ecotone.wire.openai_responses.own_items import encode_output
from ecotone.wire.openai_responses.response import (
    decode_finish,
    encode_finish,
    repeated_request,
    reply_id,
    response_object,
)
from ecotone.wire.openai_responses.usage import decode_usage
from ecotone.wire.openai_responses.vendor import FORM, form_of, make_vendor, rest_of

_decoder = msgspec.json.Decoder()


def malformed(message: str, place: str) -> UpstreamMalformed:
    """The error for a reply or event that is not in this wire's format; the message names the place."""
    del place
    return UpstreamMalformed(f"The upstream's reply cannot be read: {message}")


def decode_reply(body: bytes) -> Reply:
    """The whole reply of an upstream. Raises UpstreamMalformed, and what `decode_failure` finds in a failed one."""
    try:
        decoded = _decoder.decode(body)
    except (ValueError, RecursionError) as fault:
        raise UpstreamMalformed(f"The upstream's reply cannot be read: {fault}.", raw=body) from None
    fields = Fields(decoded, "", malformed)
    refuse_failed(fields, body)
    if fields.look("output") is None:
        raise fields.wrong("output", "a list; it is missing")
    spoken = [part for item in fields.each("output") for part in decode_reply_item(item)]
    called = any(isinstance(part, ToolCallPart) for _, part, _ in spoken)
    reason, raw = decode_finish(fields.text("status"), fields.take("incomplete_details"), called=called)
    usage = fields.apart("usage")
    parts, tokens = split_logprobs(spoken)
    return Reply(
        choices=(Choice(0, parts, reason, raw, tokens),),
        id=fields.text("id") or None,
        model=fields.text("model") or None,
        created=fields.time("created_at"),
        usage=decode_usage(usage) if usage is not None else None,
        vendor=reply_vendor(fields),
    )


def refuse_failed(fields: Fields, raw: bytes) -> None:
    """Raise what is wrong with a reply that says so itself."""
    status, error = fields.look("status"), fields.look("error")
    if status == "failed" or (error and not isinstance(fields.look("output"), list)):
        raise decode_failure(error, raw=raw)
    if status in ("cancelled", "queued", "in_progress"):
        raise UpstreamFailed(f"The upstream gave an answer that is {status} instead of a whole one.", raw=raw)


def reply_vendor(fields: Fields) -> Vendor:
    """All else that a Response says, once what is understood has been taken."""
    for name in ("object", "error", "completed_at"):
        if fields.look(name) is None or name == "object":
            fields.take(name)
    return make_vendor(fields.rest())


def decode_reply_item(fields: Fields) -> list[Spoken]:
    """The parts of one item of a reply, without reasoning of which nothing is told."""
    if not isinstance(fields.look("type"), str):
        raise fields.wrong("type", "a string")
    return [spoken for spoken in decode_item(fields) if is_told(spoken[1])]


def is_told(part: ReplyPart) -> bool:
    """Whether there is something in `part`: vendors say that a model thought without telling what."""
    return not isinstance(part, ReasoningPart) or bool(part.text or part.signature)


def split_logprobs(spoken: Iterable[Spoken]) -> tuple[tuple[ReplyPart, ...], tuple[TokenLogprob, ...] | None]:
    """The parts and all log probabilities; each text remembers how many are its own where there is more than one."""
    found = list(spoken)
    tokens = [token for _, _, own in found for token in own]
    several = sum(1 for _, _, own in found if own) > 1
    parts = [with_form(part, logprobs=len(own)) if several and own else part for _, part, own in found]
    return tuple(parts), tuple(tokens) if tokens else None


def with_form(part: ReplyPart, **form: Any) -> ReplyPart:
    """`part` with these forms beside those that it has."""
    return msgspec.structs.replace(part, vendor=part.vendor | {FORM: part.vendor.get(FORM, {}) | form})


def encode_reply(reply: Reply, request: ChatRequest) -> bytes:
    """The whole reply for the client that sent `request`: its first choice, as this wire has no others.

    Where `model` or `created` are unknown they are empty or 0. Signatures are given to who asked for encrypted
    reasoning, as the vendor does.
    """
    choice = reply.choices[0] if reply.choices else Choice(0, ())
    encrypted = bool(form_of(request.vendor, "encrypted"))
    incomplete = encode_finish(choice.finish, choice.raw_finish)
    namespaces = Namespaces(request)
    parts = tuple(namespaces.call(part) if isinstance(part, ToolCallPart) else part for part in choice.parts)
    output = encode_output(parts, ItemIds(reply.id), choice.logprobs or (), encrypted=encrypted)
    head: Json = {
        "id": reply_id(reply.id),
        "object": "response",
        "created_at": reply.created or 0,
        "model": reply.model or "",
    }
    status = "completed" if incomplete is None else "incomplete"
    body = response_object(
        head, repeated_request(request), output, status=status, incomplete=incomplete, usage=reply.usage
    )
    return msgspec.json.encode(body | rest_of(reply.vendor))
