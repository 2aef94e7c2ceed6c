"""A reply, whole or as a stream of events. A reply is a fold over its events, and unfolds into events again."""

from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

import msgspec

from ecotone.values.chat import (
    AudioPart,
    ImagePart,
    Json,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ReplyPart,
    Source,
    TextPart,
    ToolCallPart,
    Vendor,
)

_T = TypeVar("_T")

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "unknown"]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one exchange. None is unknown, never 0.

    `input_tokens` includes cached, cache-write and audio input; `output_tokens` includes reasoning and audio output.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    vendor: Vendor = {}


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token, its natural-log probability, its UTF-8 bytes where known, and the likeliest others in its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["TokenLogprob", ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """One of the `n` answers. `finish` is None while unfinished; `raw_finish` is the upstream's own word for it."""

    index: int
    parts: tuple[ReplyPart, ...]
    finish: FinishReason | None = None
    raw_finish: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    refusal_logprobs: tuple[TokenLogprob, ...] | None = None
    vendor: Vendor = {}


class Reply(msgspec.Struct, frozen=True):
    """`id`, `model` and `created` (Unix seconds, UTC) are as the upstream said; choices are in index order."""

    choices: tuple[Choice, ...]
    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: Usage | None = None
    vendor: Vendor = {}


class Start(msgspec.Struct, frozen=True, tag="start"):
    """The first event of every stream."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    vendor: Vendor = {}


class TextDelta(msgspec.Struct, frozen=True, tag="text"):
    """More text for part number `part` of choice number `choice`. All deltas below name their place alike."""

    choice: int
    part: int
    text: str
    vendor: Vendor = {}


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning"):
    """`signature` comes whole, in one delta, together with its `wire` and with what `vendor` must go back beside it."""

    choice: int
    part: int
    text: str
    signature: str | None = None
    vendor: Vendor = {}
    wire: str | None = None


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal"):
    choice: int
    part: int
    text: str
    vendor: Vendor = {}


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call"):
    """The first delta of a call carries `id`, `name` and `kind`; every delta may carry more of `arguments`."""

    choice: int
    part: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    kind: Literal["function", "custom"] | None = None
    vendor: Vendor = {}


class AudioDelta(msgspec.Struct, frozen=True, tag="audio"):
    """`data` (base64, whole groups of four) and `transcript` are appended; the rest is set once."""

    choice: int
    part: int
    data: str | None = None
    transcript: str | None = None
    id: str | None = None
    format: str | None = None
    expires_at: int | None = None
    vendor: Vendor = {}


class ImageDelta(msgspec.Struct, frozen=True, tag="image"):
    """A whole image: images do not come in pieces."""

    choice: int
    part: int
    source: Source
    detail: str | None = None
    vendor: Vendor = {}


class OpaqueDelta(msgspec.Struct, frozen=True, tag="opaque"):
    """A whole part that only the wire it came in understands."""

    choice: int
    part: int
    wire: str
    data: Json
    vendor: Vendor = {}


class LogprobsDelta(msgspec.Struct, frozen=True, tag="logprobs"):
    """Log probabilities of the tokens just sent; None for the list that this delta does not touch."""

    choice: int
    content: tuple[TokenLogprob, ...] | None = None
    refusal: tuple[TokenLogprob, ...] | None = None


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """Choice number `choice` is complete; one without a Finish stays unfinished (`reason` None says so in a reply)."""

    choice: int
    reason: FinishReason | None
    raw: str | None = None
    vendor: Vendor = {}


class UsageReport(msgspec.Struct, frozen=True, tag="usage"):
    """Token counts; a later report replaces an earlier one."""

    usage: Usage


class End(msgspec.Struct, frozen=True, tag="end"):
    """The stream is complete. A stream without it was cut. `vendor` is what was said of the whole reply after Start."""

    vendor: Vendor = {}


PartDelta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | AudioDelta | ImageDelta | OpaqueDelta
Event = Start | PartDelta | LogprobsDelta | Finish | UsageReport | End


def more_of(event: PartDelta, text: str, vendor: Vendor) -> PartDelta:
    """More text of the part that `event` belongs to; of a call its arguments, of sound its transcript."""
    choice, part = event.choice, event.part
    match event:
        case ToolCallDelta():
            return ToolCallDelta(choice, part, arguments=text, vendor=vendor)
        case AudioDelta():
            return AudioDelta(choice, part, transcript=text, vendor=vendor)
        case ReasoningDelta():
            return ReasoningDelta(choice, part, text, vendor=vendor, wire=event.wire)
        case RefusalDelta():
            return RefusalDelta(choice, part, text, vendor)
    return TextDelta(choice, part, text, vendor)


def merge_vendor(vendors: Iterable[Vendor]) -> Vendor:
    """All of these metadata as one, in order: under one key lists are joined, objects merged, others replaced."""
    merged: dict[str, Json] = {}
    for vendor in vendors:
        for wire, data in vendor.items():
            merge_json(merged.setdefault(wire, {}), data)
    return merged


def merge_json(target: Json, more: Json) -> None:
    """Puts `more` into `target`, which must not share its lists and objects with anyone: what it takes is copied."""
    for key, value in more.items():
        present = target.get(key)
        if isinstance(value, list):
            target[key] = present if isinstance(present, list) else []
            target[key].extend(value)
        elif isinstance(value, dict):
            target[key] = present if isinstance(present, dict) else {}
            merge_json(target[key], value)
        elif value is not None or key not in target:
            target[key] = value


class _OpenChoice:
    """A choice while its events arrive."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.parts: dict[int, list[PartDelta]] = {}
        self.content: list[TokenLogprob] | None = None
        self.refusal: list[TokenLogprob] | None = None
        self.finish = Finish(choice=index, reason=None)

    def add_logprobs(self, event: LogprobsDelta) -> None:
        if event.content is not None:
            self.content = self.content or []
            self.content.extend(event.content)
        if event.refusal is not None:
            self.refusal = self.refusal or []
            self.refusal.extend(event.refusal)

    def close(self) -> Choice:
        return Choice(
            index=self.index,
            parts=tuple(_join(self.parts[number]) for number in sorted(self.parts)),
            finish=self.finish.reason,
            raw_finish=self.finish.raw,
            logprobs=None if self.content is None else tuple(self.content),
            refusal_logprobs=None if self.refusal is None else tuple(self.refusal),
            vendor=self.finish.vendor,
        )


def fold(events: Iterable[Event]) -> Reply:
    """The reply that these events make up.

    Raises ValueError for deltas of different kinds under one part number. Whether the stream was complete is the
    decoder's business: what there is is folded.
    """
    start = Start()
    end = End()
    usage: Usage | None = None
    choices: dict[int, _OpenChoice] = {}
    for event in events:
        match event:
            case Start():
                start = event
            case UsageReport():
                usage = event.usage
            case End():
                end = event
            case LogprobsDelta() | Finish():
                choice = choices.setdefault(event.choice, _OpenChoice(event.choice))
                if isinstance(event, Finish):
                    choice.finish = event
                    continue
                choice.add_logprobs(event)
            case _:
                choice = choices.setdefault(event.choice, _OpenChoice(event.choice))
                choice.parts.setdefault(event.part, []).append(event)
    return Reply(
        choices=tuple(choices[index].close() for index in sorted(choices)),
        id=start.id,
        model=start.model,
        created=start.created,
        usage=usage,
        vendor=merge_vendor((start.vendor, end.vendor)),
    )


def _first(values: Iterable[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)


def _appended(pieces: list[str | None]) -> str | None:
    present = [piece for piece in pieces if piece is not None]
    return "".join(present) if present else None


def _join(deltas: list[PartDelta]) -> ReplyPart:
    """The part that its deltas make up."""
    vendor = merge_vendor(delta.vendor for delta in deltas)
    kind = type(deltas[0])
    if any(type(delta) is not kind for delta in deltas):
        raise ValueError(f"part {deltas[0].part} of choice {deltas[0].choice} mixes kinds of content")
    if kind is TextDelta:
        return TextPart("".join(d.text for d in deltas if isinstance(d, TextDelta)), vendor)
    if kind is RefusalDelta:
        return RefusalPart("".join(d.text for d in deltas if isinstance(d, RefusalDelta)), vendor)
    if kind is ReasoningDelta:
        reasoning = [d for d in deltas if isinstance(d, ReasoningDelta)]
        return ReasoningPart(
            text="".join(d.text for d in reasoning),
            signature=_first(d.signature for d in reasoning),
            vendor=vendor,
            wire=_first(d.wire for d in reasoning),
        )
    if kind is ToolCallDelta:
        calls = [d for d in deltas if isinstance(d, ToolCallDelta)]
        return ToolCallPart(
            id=_first(d.id for d in calls) or "",
            name=_first(d.name for d in calls) or "",
            arguments="".join(d.arguments for d in calls),
            kind=_first(d.kind for d in calls) or "function",
            vendor=vendor,
        )
    if kind is AudioDelta:
        sounds = [d for d in deltas if isinstance(d, AudioDelta)]
        return AudioPart(
            data=_appended([d.data for d in sounds]),
            transcript=_appended([d.transcript for d in sounds]),
            id=_first(d.id for d in sounds),
            format=_first(d.format for d in sounds),
            expires_at=_first(d.expires_at for d in sounds),
            vendor=vendor,
        )
    match deltas:
        case [ImageDelta() as image]:
            return ImagePart(source=image.source, detail=image.detail, vendor=vendor)
        case [OpaqueDelta() as opaque]:
            return OpaquePart(wire=opaque.wire, data=opaque.data, vendor=vendor)
    raise ValueError(f"part {deltas[0].part} of choice {deltas[0].choice} comes in pieces but cannot")


def _delta(choice: int, number: int, part: ReplyPart) -> PartDelta:
    """The one delta that folds back to `part`."""
    match part:
        case TextPart():
            return TextDelta(choice, number, part.text, part.vendor)
        case ReasoningPart():
            return ReasoningDelta(choice, number, part.text, part.signature, part.vendor, part.wire)
        case RefusalPart():
            return RefusalDelta(choice, number, part.text, part.vendor)
        case ToolCallPart():
            return ToolCallDelta(choice, number, part.id, part.name, part.arguments, part.kind, part.vendor)
        case AudioPart():
            return AudioDelta(
                choice, number, part.data, part.transcript, part.id, part.format, part.expires_at, part.vendor
            )
        case ImagePart():
            return ImageDelta(choice, number, part.source, part.detail, part.vendor)
        case OpaquePart():
            return OpaqueDelta(choice, number, part.wire, part.data, part.vendor)


def unfold(reply: Reply) -> Iterator[Event]:
    """Events that fold to `reply`: one delta for each part, in order."""
    yield Start(reply.id, reply.model, reply.created, reply.vendor)
    for choice in reply.choices:
        for number, part in enumerate(choice.parts):
            yield _delta(choice.index, number, part)
        if choice.logprobs is not None or choice.refusal_logprobs is not None:
            yield LogprobsDelta(choice.index, choice.logprobs, choice.refusal_logprobs)
        yield Finish(choice.index, choice.finish, choice.raw_finish, choice.vendor)
    if reply.usage is not None:
        yield UsageReport(reply.usage)
    yield End()
