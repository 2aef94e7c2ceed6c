"""Token counts: `ResponseUsage` of the SDK."""

from typing import Annotated

import msgspec

from ecotone.values.chat import Json
from ecotone.values.reply import Usage
from ecotone.wire.fields import Fields, add_rest
from ecotone.wire.openai_responses.vendor import NAME

Count = Annotated[int, msgspec.Meta(ge=0)]


class _InputDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: Count | None = None


class UsageFields(msgspec.Struct, frozen=True, gc=False):
    """The counts that are understood here; others are ignored when decoding into this."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None

    def usage(self) -> Usage:
        """These counts as a value. What the wire did not say stays unknown."""
        input_details = self.input_tokens_details or _InputDetails()
        output_details = self.output_tokens_details or _OutputDetails()
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=input_details.cached_tokens,
            cache_write_tokens=input_details.cache_write_tokens,
            reasoning_tokens=output_details.reasoning_tokens,
        )


def decode_usage(fields: Fields) -> Usage:
    """A usage object with all that it holds: what has no place in Usage is kept for this wire."""
    counts: dict[str, object] = {name: fields.integer(name) for name in ("input_tokens", "output_tokens")}
    for name, names in (
        ("input_tokens_details", _InputDetails.__struct_fields__),
        ("output_tokens_details", _OutputDetails.__struct_fields__),
    ):
        details = fields.child(name)
        counts[name] = None if details is None else {count: details.integer(count) for count in names}
    try:
        usage = msgspec.convert(counts, UsageFields).usage()
    except msgspec.ValidationError as fault:
        raise fields.fault(f"`{fields.place()}` is wrong: {fault}.", fields.place()) from None
    rest = fields.rest()
    if usage.input_tokens is not None and usage.output_tokens is not None:
        total = usage.input_tokens + usage.output_tokens
        if rest.get("total_tokens") == total:
            del rest["total_tokens"]
    return msgspec.structs.replace(usage, vendor={NAME: rest}) if rest else usage


def encode_usage(usage: Usage | None) -> Json | None:
    """The usage object, None where input or output is unknown. The wire requires the other counts: unknown ones are
    0."""
    if usage is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    encoded: Json = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    rest = usage.vendor.get(NAME, {})
    add_rest(encoded, rest)
    if "total_tokens" in rest:
        encoded["total_tokens"] = rest["total_tokens"]
    return encoded
