"""Token counts as this vendor says them: `Usage` and `MessageDeltaUsage` of the official SDK.

`input_tokens` there leaves out what was read from the cache or written to it; here it includes both
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "Tracking cache performance").
"""

from typing import Annotated

import msgspec

from ecotone.values.chat import Json
from ecotone.values.reply import Usage
from ecotone.wire.anthropic.vendor import NAME, said
from ecotone.wire.fields import Fields, add_rest

Count = Annotated[int, msgspec.Meta(ge=0)]


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    thinking_tokens: Count | None = None


class UsageFields(msgspec.Struct, frozen=True, gc=False):
    """The counts on the wire that are understood; others are ignored when decoding into this."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens_details: _OutputDetails | None = None

    def usage(self) -> Usage:
        """These counts as a value. What the wire did not say stays unknown."""
        total = None
        if self.input_tokens is not None:
            total = self.input_tokens + (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        details = self.output_tokens_details
        return Usage(
            input_tokens=total,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cache_read_input_tokens,
            cache_write_tokens=self.cache_creation_input_tokens,
            reasoning_tokens=details.thinking_tokens if details is not None else None,
        )

    def with_later(self, later: "UsageFields") -> "UsageFields":
        """These counts with those said later in a stream in their place: counts there are cumulative."""
        said_later = {name: value for name in self.__struct_fields__ if (value := getattr(later, name)) is not None}
        return msgspec.structs.replace(self, **said_later)


def decode_usage(fields: Fields) -> Usage:
    """A usage object with all that it holds: what has no place in Usage is kept for this wire."""
    counts: Json = {name: fields.integer(name) for name in UsageFields.__struct_fields__[:4]}
    details = fields.child("output_tokens_details")
    if details is not None:
        counts["output_tokens_details"] = {"thinking_tokens": details.integer("thinking_tokens")}
    try:
        usage = msgspec.convert(counts, UsageFields).usage()
    except msgspec.ValidationError as fault:
        raise fields.fault(f"`{fields.place()}` is wrong: {fault}.", fields.place()) from None
    rest = said(fields.rest())
    return msgspec.structs.replace(usage, vendor={NAME: rest}) if rest else usage


def encode_usage(usage: Usage | None) -> Json:
    """The usage object. The SDK's types want input and output as numbers: 0 stands for what is unknown."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    apart = (usage.cached_input_tokens or 0) + (usage.cache_write_tokens or 0)
    encoded: Json = {"input_tokens": max(0, (usage.input_tokens or 0) - apart)}
    if usage.cache_write_tokens is not None:
        encoded["cache_creation_input_tokens"] = usage.cache_write_tokens
    if usage.cached_input_tokens is not None:
        encoded["cache_read_input_tokens"] = usage.cached_input_tokens
    encoded["output_tokens"] = usage.output_tokens or 0
    if usage.reasoning_tokens is not None:
        encoded["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    add_rest(encoded, usage.vendor.get(NAME, {}))
    return encoded
