"""Log probabilities: `Logprob` of the SDK's output text, and the shorter form without bytes in events."""

from collections.abc import Iterable

from ecotone.values.chat import Json
from ecotone.values.reply import TokenLogprob
from ecotone.wire.fields import Fields


def take_logprobs(fields: Fields) -> tuple[TokenLogprob, ...]:
    """`logprobs` of an output text or of an event, none where they are absent."""
    return tuple([_decode(entry) for entry in fields.each("logprobs")])


def _decode(fields: Fields) -> TokenLogprob:
    logprob = fields.number("logprob")
    if logprob is None:
        raise fields.wrong("logprob", "a number; it is missing")
    spelt = fields.items("bytes")
    if spelt is not None and not all(type(byte) is int for byte in spelt):
        raise fields.wrong("bytes", "a list of whole numbers")
    return TokenLogprob(
        token=fields.text("token") or "",
        logprob=logprob,
        bytes=None if spelt is None else tuple(spelt),
        top=tuple(_decode(other) for other in fields.each("top_logprobs")),
    )


def encode_logprobs(tokens: Iterable[TokenLogprob]) -> list[Json]:
    """The list in an output text. The SDK requires bytes: unknown ones are those of the token's text."""
    return [_encode(token) | {"top_logprobs": [_encode(other) for other in token.top]} for token in tokens]


def _encode(token: TokenLogprob) -> Json:
    spelt = list(token.token.encode()) if token.bytes is None else list(token.bytes)
    return {"token": token.token, "logprob": token.logprob, "bytes": spelt}


def encode_event_logprobs(tokens: Iterable[TokenLogprob]) -> list[Json]:
    """The list in an event."""
    return [
        {
            "token": token.token,
            "logprob": token.logprob,
            "top_logprobs": [{"token": other.token, "logprob": other.logprob} for other in token.top],
        }
        for token in tokens
    ]
